// libCacheSim's oracleGeneral: little-endian records without a header, packed, offsets in bytes.
//
//   oracleGeneral       24 bytes  time u32@0 (s), object u64@4, size u32@12 (bytes), next access i64@16
//   oracleGeneralOpNS   27 bytes  time u32@0 (s), object u64@4, size u32@12 (bytes), operation u8@16, name space u16@17, next access i64@19
//
// As a trace of blocks the object is an address in units that the file does not tell: sectors of 512 bytes, unless --address-bytes says
// 4096 or another. There is no direction: records have the operation `unknown` until --op gives them one. Sizes are of objects in a
// cache and may differ from those of the I/O.

import { fixedReader, wide } from '../fixed-records.ts';
import { OPERATION_READ, OPERATION_UNKNOWN, OPERATION_WRITE } from '../records.ts';
import { SecondSpreader } from '../second-spreader.ts';
import { lengthProblem, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, Sample, TraceFormat } from './format.ts';

const RECORD_BYTES = 24;
const OPERATION_RECORD_BYTES = 27;
/** A cache's object is no larger. */
const OBJECT_BYTES_MAX = 2 ** 31;
const LOOKED_AT = 256;
const NONE = 0x7fff_ffff_ffff_ffffn;

const OPTIONS = ['operation', 'addressBytes', 'spread'] as const;

export const oracleGeneral: TraceFormat = {
  name: 'oracle-general',
  summary: 'libCacheSim oracleGeneral binary, 24 byte records: s, sectors (--address-bytes), no direction (--op)',
  options: OPTIONS,
  detect: (sample) => likeness(sample, RECORD_BYTES, 16),
  read: (context) => read(context, RECORD_BYTES),
};

export const oracleGeneralOperations: TraceFormat = {
  name: 'oracle-general-opns',
  summary: 'libCacheSim oracleGeneralOpNS binary, 27 byte records: as oracle-general',
  options: OPTIONS,
  detect: (sample) => likeness(sample, OPERATION_RECORD_BYTES, 19),
  read: (context) => read(context, OPERATION_RECORD_BYTES),
};

/** Nothing names this format: all of the first records must make sense, and their times must not go back. */
function likeness({ bytes, isWhole }: Sample, recordBytes: number, nextAt: number): number {
  if (isWhole && bytes.length % recordBytes > 0 && bytes.length < 4 * recordBytes) return 0;
  const count = Math.min(LOOKED_AT, Math.floor(bytes.length / recordBytes));
  if (count < 2) return 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const at = i * recordBytes;
    const time = bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 12);
    const next = bytes.readBigInt64LE(at + nextAt);
    if (time < last || size === 0 || size > OBJECT_BYTES_MAX || bytes.readUInt32LE(at + 8) > 0xffff) return 0;
    if (next < -2n || (next > 0xffff_ffff_ffffn && next !== NONE)) return 0;
    last = time;
  }
  return 0.6;
}

function read(context: ReadContext, recordBytes: number): Reader {
  const { options } = context;
  const unitSectors = (options.addressBytes ?? SECTOR_BYTES) / SECTOR_BYTES;
  const operation =
    options.operation === undefined ? OPERATION_UNKNOWN : options.operation === 'read' ? OPERATION_READ : OPERATION_WRITE;
  if (options.operation === undefined) context.note('this format has no direction: --op read or --op write gives one');
  if (options.addressBytes === undefined)
    context.note('addresses are taken for sectors of 512 bytes (--address-bytes 4096: pages)');
  const device = context.sink.device('0');
  const spreader = new SecondSpreader(context.sink, options.spread === true);
  let origin = -1;
  return fixedReader(
    context,
    recordBytes,
    (view, at) => {
      const seconds = view.getUint32(at, true);
      const object = wide(view, at + 4);
      const sectors = Math.ceil(view.getUint32(at + 12, true) / SECTOR_BYTES);
      const problem = lengthProblem(sectors);
      if (problem !== undefined) return problem;
      const sector = object * unitSectors;
      if (object < 0 || sector > Number.MAX_SAFE_INTEGER) return 'an object beyond 2^53';
      if (origin < 0) origin = seconds;
      spreader.add((seconds - origin) * 1e9, sector, sectors, operation, device);
      return undefined;
    },
    () => spreader.end(),
  );
}
