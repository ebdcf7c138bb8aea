// CloudPhysics and VMware vscsiStats: little-endian records without a header, of one of two layouts (offsets in bytes).
//
//   layout  serial bytes segments command version sector time response  length
//   1       0      4     8        12      14      16     24   none      32
//   2       4      8     12       0       2       16     24   32        40
//
// Times in microseconds, sectors of 512 bytes; the command is a SCSI operation code. The high byte of the version names the layout.

import { fixedReader, wide } from '../fixed-records.ts';
import { OPERATION_FLUSH } from '../records.ts';
import { scsiOperation } from '../scsi-operation.ts';
import { lengthProblem, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, Sample, TraceFormat } from './format.ts';

interface Layout {
  readonly recordBytes: number;
  readonly version: number;
  readonly versionAt: number;
  readonly commandAt: number;
  readonly bytesAt: number;
  /** Where the response time is, or -1. */
  readonly responseAt: number;
}

const SECTOR_AT = 16;
const TIME_AT = 24;
const LAYOUTS: readonly Layout[] = [
  { recordBytes: 40, version: 2, versionAt: 2, commandAt: 0, bytesAt: 8, responseAt: 32 },
  { recordBytes: 32, version: 1, versionAt: 14, commandAt: 12, bytesAt: 4, responseAt: -1 },
];
/** So many records in a row must be of a layout, or all there are. */
const LOOKED_AT = 64;
const SCSI_COMMAND_MAX = 0xff;
const NS_PER_US = 1000;

export const vscsi: TraceFormat = {
  name: 'vscsi',
  summary: 'CloudPhysics / vscsiStats binary, 32 or 40 byte records: us, sectors, size in bytes',
  detect: (sample) => Math.max(...LAYOUTS.map((layout) => likeness(sample, layout))),
  read,
};

/** The share of the first records that are of a layout; of a single one only if the file has no more. */
function likeness({ bytes, isWhole }: Sample, layout: Layout): number {
  const count = Math.min(LOOKED_AT, Math.floor(bytes.length / layout.recordBytes));
  if (count < 2 && !isWhole) return 0;
  let good = 0;
  for (let i = 0; i < count; i++) {
    const at = i * layout.recordBytes;
    const version = bytes.readUInt16LE(at + layout.versionAt);
    const command = bytes.readUInt16LE(at + layout.commandAt);
    if (version >>> 8 === layout.version && command <= SCSI_COMMAND_MAX) good++;
  }
  return count === 0 ? 0 : good / count;
}

function read(context: ReadContext): Reader {
  const [second, first] = LAYOUTS as [Layout, Layout];
  const layout = likeness(context.sample, second) > likeness(context.sample, first) ? second : first;
  const { sink } = context;
  const device = sink.device('0');
  let origin = -1;
  return fixedReader(context, layout.recordBytes, (view, at) => {
    const version = view.getUint16(at + layout.versionAt, true);
    if (version >>> 8 !== layout.version) return `expected version ${layout.version}, found ${version >>> 8}.${version & 0xff}`;
    const command = view.getUint16(at + layout.commandAt, true);
    const operation = scsiOperation(command);
    if (operation < 0) return `SCSI command 0x${command.toString(16)} is neither a read, write, discard nor flush`;
    const sectors = Math.ceil(view.getUint32(at + layout.bytesAt, true) / SECTOR_BYTES);
    const isFlush = operation === OPERATION_FLUSH;
    const problem = isFlush ? undefined : lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const sector = isFlush ? 0 : wide(view, at + SECTOR_AT);
    if (sector < 0) return 'a sector beyond 2^53';
    const timeUs = wide(view, at + TIME_AT);
    if (timeUs < 0) return 'a time beyond 2^53 us';
    if (origin < 0) origin = timeUs;
    const response = layout.responseAt < 0 ? -1 : wide(view, at + layout.responseAt);
    const responseNs = response < 0 ? Number.NaN : response * NS_PER_US;
    sink.add((timeUs - origin) * NS_PER_US, sector, isFlush ? 0 : sectors, operation, 0, device, 0, responseNs);
    return undefined;
  });
}
