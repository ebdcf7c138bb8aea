// Traces for runs: hashed once, and, as far as they fit, read once and kept in memory that all workers share. Larger ones are
// read anew by each run, batch by batch.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { findSet } from '../trace/blktrace-set.ts';
import { openTrace, type TraceOptions } from '../trace/open.ts';
import { RECORD_BYTES, RecordBatch } from '../trace/records.ts';
import type { TraceShelf } from './execute.ts';
import type { BatchSource } from './load/trace-feeder.ts';
import type { TraceFacts } from './result.ts';
import { isTraceLoad, type Scenario, type TraceLoad } from './scenario.ts';

/** Records that are kept; 36 bytes each. */
const RESIDENT_RECORDS_MAX = 4_000_000;

/** One trace as it is handed to workers: plain data and shared memory. */
export interface ShelvedTrace {
  readonly key: string;
  /** To be opened by whoever reads it anew. */
  readonly path: string;
  readonly options: TraceOptions;
  readonly facts: TraceFacts;
  /** Missing: too large, read it anew. */
  readonly batches: readonly { readonly count: number; readonly memory: SharedArrayBuffer }[] | undefined;
}

export function keyOf(load: TraceLoad): string {
  return JSON.stringify([load.trace, optionsOf(load)]);
}

/**
 * Reads what the scenarios name, and keeps those of at most so many records. Relative names begin in `folder`. Rejects with what is
 * wrong with a trace.
 */
export async function shelveTraces(
  scenarios: readonly Scenario[],
  folder: string,
  signal?: AbortSignal,
  residentRecordsMax: number = RESIDENT_RECORDS_MAX,
): Promise<ShelvedTrace[]> {
  const shelved = new Map<string, ShelvedTrace>();
  for (const load of scenarios.flatMap((scenario) => scenario.load).filter(isTraceLoad)) {
    const key = keyOf(load);
    if (!shelved.has(key)) shelved.set(key, await shelve(load, resolve(folder, load.trace), signal, residentRecordsMax));
  }
  return [...shelved.values()];
}

async function shelve(
  load: TraceLoad,
  path: string,
  signal: AbortSignal | undefined,
  residentRecordsMax: number,
): Promise<ShelvedTrace> {
  const trace = await openTrace(path, optionsOf(load));
  const sha256 = await hashOf(path, trace.format);
  let batches: { count: number; memory: SharedArrayBuffer }[] | undefined = [];
  let records = 0;
  for await (const batch of trace) {
    signal?.throwIfAborted();
    records += batch.count;
    if (records > residentRecordsMax) batches = undefined;
    batches?.push(shared(batch));
    // the rest is read for its skips and notes, which belong into the result
  }
  if (!trace.isTimed && load.loop === 'open') {
    throw new Error(`${load.trace}: has no times, so there is no open loop: expected "loop: closed" and a depth`);
  }
  if (records === 0) throw new Error(`${load.trace}: no I/O in it: nothing to simulate`);
  const facts = { file: load.trace, sha256, format: trace.format, skipped: trace.skips.count, notes: [...trace.notes] };
  return { key: keyOf(load), path, options: optionsOf(load), facts, batches };
}

/** Records that are in memory already, under a name. */
export function shelfOf(name: string, batches: readonly RecordBatch[]): ShelvedTrace {
  const load = { trace: name } as TraceLoad;
  const facts = { file: name, sha256: '', format: 'memory', skipped: 0, notes: [] };
  return { key: keyOf(load), path: name, options: {}, facts, batches: batches.map(shared) };
}

function optionsOf({ format, from, operation, spread }: TraceLoad): TraceOptions {
  return {
    ...(format === undefined ? {} : { format }),
    ...(from === undefined ? {} : { from }),
    ...(operation === undefined ? {} : { operation }),
    ...(spread === undefined ? {} : { spread }),
  };
}

function shared(batch: RecordBatch): { count: number; memory: SharedArrayBuffer } {
  // columns begin at multiples of 8
  const capacity = (batch.count + 7) & ~7;
  const memory = new SharedArrayBuffer(capacity * RECORD_BYTES);
  const copy = new RecordBatch(capacity, memory);
  for (let row = 0; row < batch.count; row++) copy.append(batch, row);
  return { count: batch.count, memory };
}

/** The shelf of a worker. */
export class SharedShelf implements TraceShelf {
  readonly #traces: ReadonlyMap<string, ShelvedTrace>;

  constructor(traces: readonly ShelvedTrace[]) {
    this.#traces = new Map(traces.map((trace) => [trace.key, trace]));
  }

  source(load: TraceLoad): BatchSource {
    const { batches, path, options } = this.#find(load);
    if (batches === undefined) return () => readAnew(path, options);
    const kept = batches.map(({ count, memory }) => {
      const batch = new RecordBatch(memory.byteLength / RECORD_BYTES, memory);
      batch.count = count;
      return batch;
    });
    return async function* () {
      yield* kept;
    };
  }

  facts(load: TraceLoad): TraceFacts {
    return this.#find(load).facts;
  }

  #find(load: TraceLoad): ShelvedTrace {
    const found = this.#traces.get(keyOf(load));
    if (found === undefined) throw new Error(`${load.trace}: is not on the shelf`);
    return found;
  }
}

async function* readAnew(path: string, options: ShelvedTrace['options']): AsyncGenerator<RecordBatch, void, undefined> {
  const trace = await openTrace(path, options);
  try {
    yield* trace;
  } finally {
    await trace.close();
  }
}

/** Of a file's bytes; of a set's, one file after the other. */
async function hashOf(path: string, format: string): Promise<string> {
  const set = format === 'blktrace' ? await findSet(path) : undefined;
  const hash = createHash('sha256');
  for (const file of set?.files ?? [path]) for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer);
  return hash.digest('hex');
}
