// blktrace's binary (its layout: format/blktrace.ts): records of version 7, queue events, in the byte order of most machines.

import { TraceError } from '../errors.ts';
import {
  BLKTRACE_MAGIC,
  CATEGORY_AHEAD,
  CATEGORY_DISCARD,
  CATEGORY_FLUSH,
  CATEGORY_FUA,
  CATEGORY_META,
  CATEGORY_READ,
  CATEGORY_SYNC,
  CATEGORY_WRITE,
} from '../format/blktrace.ts';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  type RecordBatch,
} from '../records.ts';
import { SECTOR_BYTES } from '../text-fields.ts';
import { deviceNumber } from './device-number.ts';
import type { TargetFormat } from './writer.ts';

const RECORD_BYTES = 48;
const VERSION = 7;
const ACTION_QUEUE = 1;
const CATEGORY_QUEUE = 0x10;

export const blktraceTarget: TargetFormat = {
  name: 'blktrace',
  summary: 'blktrace binary, version 7, queue events: ns, sectors',
  carries: ['flags', 'stream', 'device names'],
  operations: [OPERATION_DISCARD, OPERATION_FLUSH],
  stepNs: 1,
  open: () => {
    let sequence = 0;
    return {
      begin: () => Buffer.alloc(0),
      write(batch, rows, devices) {
        const bytes = Buffer.alloc(rows.length * RECORD_BYTES);
        rows.forEach((row, i) => {
          record(bytes, i * RECORD_BYTES, batch, row, devices, ++sequence);
        });
        return [bytes];
      },
      end: () => [],
    };
  },
};

function record(
  bytes: Buffer,
  at: number,
  batch: RecordBatch,
  row: number,
  devices: readonly string[],
  sequence: number,
): void {
  const timeNs = Math.floor(batch.timeNs[row] as number);
  const sector = batch.sector[row] as number;
  const { major, minor } = deviceNumber(devices, batch.device[row] as number);
  bytes.writeUInt32LE((BLKTRACE_MAGIC | VERSION) >>> 0, at);
  bytes.writeUInt32LE(sequence >>> 0, at + 4);
  bytes.writeUInt32LE(timeNs % 4294967296, at + 8);
  bytes.writeUInt32LE(Math.floor(timeNs / 4294967296), at + 12);
  bytes.writeUInt32LE(sector % 4294967296, at + 16);
  bytes.writeUInt32LE(Math.floor(sector / 4294967296), at + 20);
  bytes.writeUInt32LE(lengthOf(batch, row), at + 24);
  bytes.writeUInt32LE(((categoryOf(batch, row) << 16) | ACTION_QUEUE) >>> 0, at + 28);
  bytes.writeUInt32LE(batch.stream[row] as number, at + 32);
  bytes.writeUInt32LE(((major << 20) | (minor & 0xfffff)) >>> 0, at + 36);
}

function lengthOf(batch: RecordBatch, row: number): number {
  const bytes = (batch.sectors[row] as number) * SECTOR_BYTES;
  if (bytes <= 0xffff_ffff) return bytes;
  throw new TraceError(`blktrace has no way to say a length of ${bytes} bytes: at most 4 GiB less one`);
}

function categoryOf(batch: RecordBatch, row: number): number {
  const operation = batch.operation[row];
  const flags = batch.flags[row] as number;
  let category = CATEGORY_QUEUE | (operation === OPERATION_READ ? CATEGORY_READ : CATEGORY_WRITE);
  if (operation === OPERATION_DISCARD) category |= CATEGORY_DISCARD;
  if (operation === OPERATION_FLUSH || (flags & FLAG_PREFLUSH) !== 0) category |= CATEGORY_FLUSH;
  if ((flags & FLAG_SYNC) !== 0) category |= CATEGORY_SYNC;
  if ((flags & FLAG_FUA) !== 0) category |= CATEGORY_FUA;
  if ((flags & FLAG_META) !== 0) category |= CATEGORY_META;
  if ((flags & FLAG_AHEAD) !== 0) category |= CATEGORY_AHEAD;
  return category;
}
