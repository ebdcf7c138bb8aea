// Parts of bench `simulate`: how fast traces are read, from bytes that lie in memory (no disk is measured), through everything that a
// reader does: format, pieces, records in columns.

import { Readable } from 'node:stream';
import { openTrace } from '../trace/open.ts';
import { BATCH_RECORDS, OPERATION_READ, OPERATION_WRITE, RecordBatch } from '../trace/records.ts';
import { findTarget } from '../trace/writer/registry.ts';
import { CheckedWriter } from '../trace/writer/writer.ts';
import type { BenchContext, Result } from './bench.ts';
import { Repetitions } from './median.ts';
import { createRandom } from './places.ts';

const PIECE_BYTES = 1 << 20;

const RECORD_BYTES = 48;
const TIME_AT = 8;
const ACTION_AT = 28;
const ACTIONS = { queue: 1, issue: 7, complete: 8 };
/** I/Os between an issue and its completion. */
const IN_FLIGHT = 32;

/**
 * `read.blktrace` in records a second, where all of them are queue events; `read.blktrace.completions` where each I/O is queued, issued
 * and completed, and gets its response time; `read.text` in lines a second (the slowest of three text formats).
 */
export async function measureTraceReading(context: BenchContext): Promise<Result[]> {
  const records = context.isQuick ? 50_000 : 1_000_000;
  const binary = traceOf('blktrace', records);
  const completed = inPieces(withCompletions(Buffer.concat(binary)));
  const texts = ['msr', 'blkparse', 'disksim'].map((format) => ({ format, pieces: traceOf(format, records) }));
  await rate(binary, records);
  await rate(completed, records);
  for (const { pieces } of texts) await rate(pieces, records);
  const repetitions = await Repetitions.run(context, 'reading traces', context.isQuick ? 2 : 7, async () => {
    const figures: Record<string, number> = {
      'read.blktrace': await rate(binary, records),
      'read.blktrace.completions': 3 * (await rate(completed, records)),
    };
    for (const { format, pieces } of texts) figures[format] = await rate(pieces, records);
    figures['read.text'] = Math.min(...texts.map(({ format }) => figures[format] as number));
    return figures;
  });
  return [
    { name: 'read.blktrace', value: repetitions.median('read.blktrace'), unit: 'records/s', reach: { atLeast: 5e6 } },
    {
      name: 'read.blktrace.completions',
      value: repetitions.median('read.blktrace.completions'),
      unit: 'records/s',
      reach: { atLeast: 5e6 },
    },
    { name: 'read.text', value: repetitions.median('read.text'), unit: 'lines/s', reach: { atLeast: 1e6 } },
    ...texts.map(({ format }) => ({ name: `read.text.${format}`, value: repetitions.median(format), unit: 'lines/s' })),
  ];
}

/** Reads all of it; records a second. */
async function rate(pieces: readonly Buffer[], records: number): Promise<number> {
  const began = performance.now();
  const trace = await openTrace(Readable.from(pieces));
  let count = 0;
  for await (const batch of trace) count += batch.count;
  const seconds = (performance.now() - began) / 1000;
  if (count !== records) throw new Error(`bench read: ${count} of ${records} records of ${trace.format} came out`);
  return records / seconds;
}

/** A trace of random reads and writes in a format, in pieces as a file gives them. */
function traceOf(format: string, records: number): Buffer[] {
  const random = createRandom(31);
  const writer = new CheckedWriter(findTarget(format), { isTimed: true, beganSeconds: undefined }, 'a load', true);
  const devices = ['8,16'];
  const all: Buffer[] = [writer.begin()];
  for (let done = 0; done < records; ) {
    const batch = new RecordBatch(BATCH_RECORDS);
    for (; batch.count < BATCH_RECORDS && done < records; done++) {
      const row = batch.count++;
      batch.timeNs[row] = done * 10_000 + Math.floor(random() * 5000);
      batch.sector[row] = Math.floor(random() * 2 ** 27) * 8;
      batch.responseNs[row] = 100_000 + Math.floor(random() * 1e6);
      batch.sectors[row] = 8 << Math.floor(random() * 5);
      batch.stream[row] = 4000;
      batch.operation[row] = random() < 0.7 ? OPERATION_READ : OPERATION_WRITE;
    }
    all.push(...writer.write(batch, devices));
  }
  return inPieces(Buffer.concat([...all, ...writer.end(0)]));
}

/** Queue events, each followed by its issue and by the completion of an earlier one. */
function withCompletions(queued: Buffer): Buffer {
  const count = queued.length / RECORD_BYTES;
  const all = Buffer.alloc(3 * queued.length);
  let at = 0;
  const add = (index: number, action: number): void => {
    queued.copy(all, at, index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
    all.writeBigUInt64LE(BigInt(at) * 100n, at + TIME_AT);
    all.writeUInt16LE(action, at + ACTION_AT);
    at += RECORD_BYTES;
  };
  for (let index = 0; index < count + IN_FLIGHT; index++) {
    if (index < count) add(index, ACTIONS.queue);
    if (index < count) add(index, ACTIONS.issue);
    if (index >= IN_FLIGHT) add(index - IN_FLIGHT, ACTIONS.complete);
  }
  return all;
}

/** As a file gives them. */
function inPieces(whole: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < whole.length; at += PIECE_BYTES) pieces.push(whole.subarray(at, at + PIECE_BYTES));
  return pieces;
}
