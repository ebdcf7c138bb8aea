// rqdm's own trace: the columns of records.ts in a file, made to be read in place. Little-endian; offsets and lengths in bytes; every block begins
// at a multiple of 8, so that a column can be used where it lies, in memory that threads share.
//
//   file header   32 bytes  magic `rqdmtrce`@0, version u32@8 (1), flags u32@12 (1: there are times), seconds since 1970 when it began
//                           f64@16 (NaN: not known), zeros@24
//   block header  24 bytes  kind u32@0, count u32@4, bytes of what follows u32@8 (a multiple of 8), CRC-32 of it u32@12,
//                           CRC-32 of the 16 bytes before this u32@16, zero u32@20
//
//   kind 1  names     JSON array of `count` names of devices, padded by blanks: they continue those of the blocks before
//   kind 2  records   `count` records in columns of that many: timeNs, sector, responseNs f64; sectors, stream u32; device u16;
//                     operation, flags u8; padded by zeros. All blocks have 8192 but the last
//   kind 3  end       the number of records in all f64, the number of those that were left out when it was made f64. A file without
//                     it is cut off
//
// A name comes before the records that use it.

import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { TraceError } from '../errors.ts';
import { DEVICES_MAX, OPERATION_WRITE_ZEROES, RECORD_BYTES, RecordBatch } from '../records.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

export const RQDM_MAGIC: string = 'rqdmtrce';
export const RQDM_VERSION = 1;
export const RQDM_HEADER_BYTES = 32;
export const RQDM_BLOCK_BYTES = 24;
export const RQDM_TIMED = 1;
export const KIND_DEVICES = 1;
export const KIND_RECORDS = 2;
export const KIND_END = 3;
/** No block is longer: names are written before they grow so many. */
export const RQDM_BODY_MAX: number = 1 << 19;

export const rqdm: TraceFormat = {
  name: 'rqdm',
  summary: "rqdm's own trace, binary: everything that a record can say",
  detect: ({ bytes }) => (bytes.subarray(0, RQDM_MAGIC.length).toString('latin1') === RQDM_MAGIC ? 1 : 0),
  read: (context) => new BlockReader(context),
};

export interface BlockHeader {
  readonly kind: number;
  readonly count: number;
  readonly bytes: number;
  readonly crc: number;
}

/** The header of a block, or the reason why it is none. */
export function readBlockHeader(bytes: Uint8Array, at: number): BlockHeader | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RQDM_BLOCK_BYTES);
  if (crc32(bytes.subarray(at, at + 16)) !== view.getUint32(16, true)) return 'the header of a block is damaged';
  const header = {
    kind: view.getUint32(0, true),
    count: view.getUint32(4, true),
    bytes: view.getUint32(8, true),
    crc: view.getUint32(12, true),
  };
  if (header.kind < KIND_DEVICES || header.kind > KIND_END) return `a block of kind ${header.kind} is not known`;
  if (header.bytes > RQDM_BODY_MAX) return `a block of ${header.bytes} bytes is longer than ${RQDM_BODY_MAX}`;
  if (header.kind === KIND_RECORDS && header.bytes !== paddedTo8(header.count * RECORD_BYTES))
    return 'the length of a block is wrong';
  return header;
}

export function paddedTo8(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** What stands in the head of a file. Throws TraceError for another version. */
export function readFileHeader(bytes: Uint8Array): { isTimed: boolean; beganSeconds: number | undefined } {
  if (endianness() !== 'LE') throw new TraceError("rqdm's trace is read on little-endian machines only");
  const view = new DataView(bytes.buffer, bytes.byteOffset, RQDM_HEADER_BYTES);
  const version = view.getUint32(8, true);
  if (version !== RQDM_VERSION)
    throw new TraceError(`rqdm's trace of version ${version}: this program reads version ${RQDM_VERSION}`);
  const began = view.getFloat64(16, true);
  return { isTimed: (view.getUint32(12, true) & RQDM_TIMED) !== 0, beganSeconds: Number.isNaN(began) ? undefined : began };
}

/** The names of a block. Throws TraceError if they are none. */
export function readNames(body: Uint8Array, count: number): string[] {
  let names: unknown;
  try {
    names = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    names = undefined;
  }
  if (Array.isArray(names) && names.length === count && names.every((name) => typeof name === 'string'))
    return names as string[];
  throw new TraceError("rqdm's trace: the names of devices are damaged");
}

/** The totals of the last block; not a number where it is damaged. */
export function readTotals(body: Uint8Array): { total: number; skipped: number } {
  if (body.length !== 16) return { total: Number.NaN, skipped: 0 };
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return { total: view.getFloat64(0, true), skipped: view.getFloat64(8, true) };
}

class BlockReader implements Reader {
  seen = 0;
  readonly #context: ReadContext;
  #isBegun = false;
  #isEnded = false;
  /** The bytes of a block are of no use, so what follows cannot be found either. */
  #isLost = false;
  /** Numbers of the devices in the order of their names. */
  readonly #devices: number[] = [];

  constructor(context: ReadContext) {
    this.#context = context;
  }

  read(bytes: Buffer, from: number, to: number, isLast: boolean, offset: number): number {
    let at = from;
    if (!this.#isBegun) {
      if (to - at < RQDM_HEADER_BYTES) return isLast ? this.#lose(to, offset, 'the header of the file is cut off') : at;
      this.#begin(bytes.subarray(at, at + RQDM_HEADER_BYTES));
      at += RQDM_HEADER_BYTES;
    }
    while (!this.#isLost) {
      const place = offset + at - from;
      if (this.#isEnded) return at < to ? this.#lose(to, place, 'there is more after the end of the trace') : at;
      if (to - at < RQDM_BLOCK_BYTES) return isLast ? this.#lose(to, place, 'the trace is cut off: its end is missing') : at;
      const header = readBlockHeader(bytes, at);
      if (typeof header === 'string') return this.#lose(to, place, `${header}, and nothing can be read after it`);
      const length = RQDM_BLOCK_BYTES + header.bytes;
      if (to - at < length)
        return isLast ? this.#lose(to, place, 'the trace is cut off inside a block', Math.max(1, header.count)) : at;
      this.#block(header, bytes.subarray(at + RQDM_BLOCK_BYTES, at + length), place);
      at += length;
    }
    return to;
  }

  #begin(bytes: Uint8Array): void {
    this.#isBegun = true;
    const { isTimed, beganSeconds } = readFileHeader(bytes);
    if (!isTimed) this.#context.untimed();
    if (beganSeconds !== undefined) this.#context.began(beganSeconds);
  }

  #lose(to: number, place: number, reason: string, count = 1): number {
    this.#isLost = true;
    this.seen += count;
    this.#context.skips.skip(`byte ${place}`, reason, '', count);
    return to;
  }

  #block(header: BlockHeader, body: Uint8Array, place: number): void {
    const isGood = crc32(body) === header.crc;
    if (header.kind === KIND_RECORDS) {
      this.seen += header.count;
      if (isGood) this.#records(header.count, body, place);
      else
        this.#context.skips.skip(`byte ${place}`, 'the checksum of a block is wrong', `${header.count} records`, header.count);
      return;
    }
    if (!isGood) throw new TraceError(`byte ${place}: the checksum of a block is wrong`);
    if (header.kind === KIND_DEVICES) {
      for (const name of readNames(body, header.count)) this.#devices.push(this.#context.sink.device(name));
      return;
    }
    this.#isEnded = true;
    const { total, skipped } = readTotals(body);
    if (skipped > 0) this.#context.note(`${skipped} records were left out when this trace was made of another`);
    if (total !== this.seen)
      this.#context.skips.skip(`byte ${place}`, `the trace should have ${total} records`, String(this.seen));
  }

  #records(count: number, body: Uint8Array, place: number): void {
    const copy = new ArrayBuffer(paddedTo8(body.length));
    new Uint8Array(copy).set(body);
    const batch = new RecordBatch(count, copy);
    const { sink } = this.#context;
    for (let row = 0; row < count; row++) {
      const device = this.#devices[batch.device[row] as number];
      const operation = batch.operation[row] as number;
      if (device === undefined || device >= DEVICES_MAX || operation > OPERATION_WRITE_ZEROES) {
        this.#context.skips.skip(`byte ${place}, record ${row}`, 'a device or an operation that there is not');
        continue;
      }
      sink.add(
        batch.timeNs[row] as number,
        batch.sector[row] as number,
        batch.sectors[row] as number,
        operation,
        batch.flags[row] as number,
        device,
        batch.stream[row] as number,
        batch.responseNs[row] as number,
      );
    }
  }
}
