// Reads whole traces for tests.

import { Readable } from 'node:stream';
import { openTrace, type TraceOptions } from '../../src/trace/open.ts';
import { RecordBatch, type Trace } from '../../src/trace/records.ts';

/** All records in one batch, and the trace that gave them. */
export async function readAll(
  input: string | Uint8Array,
  options: TraceOptions = {},
): Promise<{ trace: Trace; all: RecordBatch }> {
  const trace = await openTrace(typeof input === 'string' ? input : streamOf(input), options);
  const batches: RecordBatch[] = [];
  for await (const batch of trace) batches.push(batch);
  const all = new RecordBatch(batches.reduce((sum, { count }) => sum + count, 0));
  for (const batch of batches) for (let row = 0; row < batch.count; row++) all.append(batch, row);
  return { trace, all };
}

/** A stream of bytes in pieces of a size. */
export function streamOf(bytes: Uint8Array, pieceBytes = 1000): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(Buffer.from(bytes.subarray(at, at + pieceBytes)));
  return Readable.from(pieces);
}

/** The columns as plain arrays, in which nothing known equals nothing known. */
export function plain({ timeNs, sector, responseNs, sectors, stream, device, operation, flags }: RecordBatch): number[][] {
  return [timeNs, sector, responseNs, sectors, stream, device, operation, flags].map((column) => [...column]);
}

/** How many records have an operation. */
export function countOf(batch: RecordBatch, operation: number): number {
  let count = 0;
  for (let row = 0; row < batch.count; row++) if (batch.operation[row] === operation) count++;
  return count;
}
