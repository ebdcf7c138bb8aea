// Traces as runs take them: parsed once, by whoever shelved them (shelve-traces.ts), and shared by all workers: in memory, or, what
// is too large for that, as a file of rqdm's own that streams.

import type { TraceOptions } from '../trace/format/format.ts';
import { RECORD_BYTES, RecordBatch } from '../trace/records.ts';
import type { TraceShelf } from './execute.ts';
import type { BatchSource } from './load/trace-feeder.ts';
import type { TraceFacts } from './result.ts';
import type { TraceLoad } from './scenario.ts';

/** One trace as it is handed to workers: plain data and shared memory. */
export interface ShelvedTrace {
  readonly key: string;
  readonly facts: TraceFacts;
  /** Its records; or the name of a file that has them. */
  readonly records: readonly SharedBatch[] | string;
}

export interface SharedBatch {
  readonly count: number;
  readonly memory: SharedArrayBuffer;
}

export function batchOf({ count, memory }: SharedBatch): RecordBatch {
  const batch = new RecordBatch(memory.byteLength / RECORD_BYTES, memory);
  batch.count = count;
  return batch;
}

/** What a trace is and how it is read: the same for loads that can share it. */
export function keyOf(load: TraceLoad): string {
  return JSON.stringify([load.trace, traceOptionsOf(load)]);
}

export function traceOptionsOf({ format, from, operation, spread }: TraceLoad): TraceOptions {
  return {
    ...(format === undefined ? {} : { format }),
    ...(from === undefined ? {} : { from }),
    ...(operation === undefined ? {} : { operation }),
    ...(spread === undefined ? {} : { spread }),
  };
}

/** The shelf of a worker. */
export class SharedShelf implements TraceShelf {
  readonly #traces: ReadonlyMap<string, ShelvedTrace>;

  constructor(traces: readonly ShelvedTrace[]) {
    this.#traces = new Map(traces.map((trace) => [trace.key, trace]));
  }

  source(load: TraceLoad): BatchSource {
    const { records } = this.#find(load);
    if (typeof records === 'string') return () => streamed(records);
    const kept = records.map(batchOf);
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

/** A file that was damaged since it was written is an error, not a shorter trace. */
async function* streamed(file: string): AsyncGenerator<RecordBatch, void, undefined> {
  // readers are no business of a worker that has its traces in memory
  const { openTrace } = await import('../trace/open.ts');
  const trace = await openTrace(file, { format: 'rqdm', strict: true });
  try {
    yield* trace;
  } finally {
    await trace.close();
  }
}
