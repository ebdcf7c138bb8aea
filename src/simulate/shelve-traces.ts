// Reads the traces of a campaign, each once: parsed, hashed, and put where all workers find it. As far as they fit they stay in
// memory that all share; a larger one goes into a temporary file of rqdm's own, 36 bytes a record, which is gone when the campaign is.

import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findSet } from '../trace/blktrace-set.ts';
import { TraceError } from '../trace/errors.ts';
import { openTrace } from '../trace/open.ts';
import { OwnWriter } from '../trace/own-writer.ts';
import { RECORD_BYTES, RecordBatch, type Trace } from '../trace/records.ts';
import { isTraceLoad, type Scenario, type TraceLoad } from './scenario.ts';
import { batchOf, keyOf, type SharedBatch, type ShelvedTrace, traceOptionsOf } from './trace-shelf.ts';

/** Records that stay in memory, of all traces together: 144 MB. */
const RESIDENT_RECORDS_MAX = 4_000_000;

export interface ShelveOptions {
  /** Where relative names begin. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly residentRecordsMax?: number;
}

/** All traces of a campaign. `using` takes temporary files away; so does the end of the process. */
export class ShelvedTraces implements Disposable {
  readonly traces: ShelvedTrace[] = [];
  #left: number;
  #folder: string | undefined;
  readonly #remove = (): void => {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  };

  private constructor(residentRecordsMax: number) {
    this.#left = residentRecordsMax;
  }

  /** Rejects with what is wrong with a trace. */
  static async read(scenarios: readonly Scenario[], options: ShelveOptions): Promise<ShelvedTraces> {
    const shelved = new ShelvedTraces(options.residentRecordsMax ?? RESIDENT_RECORDS_MAX);
    try {
      for (const load of scenarios.flatMap((scenario) => scenario.load).filter(isTraceLoad)) {
        if (shelved.traces.some(({ key }) => key === keyOf(load))) continue;
        shelved.traces.push(await shelved.#read(load, resolve(options.folder, load.trace), options.signal));
      }
      return shelved;
    } catch (error) {
      shelved[Symbol.dispose]();
      throw error;
    }
  }

  async #read(load: TraceLoad, path: string, signal: AbortSignal | undefined): Promise<ShelvedTrace> {
    await refusePipe(path, load.trace);
    const trace = await openTrace(path, traceOptionsOf(load));
    const sha256 = await hashOf(path, trace.format);
    const kept = new KeptRecords(this.#left, () => this.#fileName());
    try {
      for await (const batch of trace) {
        signal?.throwIfAborted();
        await kept.take(batch, trace);
      }
      // what is known only when all has been read
      if (!trace.isTimed && load.loop === 'open') {
        throw new Error(`${load.trace}: has no times, so there is no open loop: expected "loop: closed" and a depth`);
      }
      if (kept.count === 0) throw new Error(`${load.trace}: no I/O in it: nothing to simulate`);
      const records = await kept.end();
      if (typeof records !== 'string') this.#left -= kept.count;
      const facts = { file: load.trace, sha256, format: trace.format, skipped: trace.skips.count, notes: [...trace.notes] };
      return { key: keyOf(load), facts, records };
    } finally {
      await kept.close();
      await trace.close();
    }
  }

  #fileName(): string {
    if (this.#folder === undefined) {
      process.on('exit', this.#remove);
      this.#folder = mkdtempSync(join(tmpdir(), 'rqdm-traces-'));
    }
    return join(this.#folder, `${this.traces.length + 1}.trace`);
  }

  [Symbol.dispose](): void {
    this.#remove();
    process.off('exit', this.#remove);
  }
}

/** Records in memory; and from the one on that is too many, all of them in a file. */
class KeptRecords {
  count = 0;
  readonly #most: number;
  readonly #nameFile: () => string;
  #batches: SharedBatch[] = [];
  readonly #writer: OwnWriter = new OwnWriter();
  #name = '';
  #file: FileHandle | undefined;

  constructor(most: number, nameFile: () => string) {
    this.#most = most;
    this.#nameFile = nameFile;
  }

  async take(batch: RecordBatch, trace: Trace): Promise<void> {
    this.count += batch.count;
    if (this.#file !== undefined) {
      await this.#write(this.#writer.write(batch, trace.devices));
      return;
    }
    this.#batches.push(sharedBatch(batch));
    if (this.count > this.#most) await this.#beginFile(trace);
  }

  async #beginFile(trace: Trace): Promise<void> {
    try {
      this.#name = this.#nameFile();
      this.#file = await open(this.#name, 'wx', 0o600);
    } catch (error) {
      throw this.#failure(error);
    }
    await this.#write([this.#writer.begin(trace.isTimed, trace.beganSeconds)]);
    for (const batch of this.#batches) await this.#write(this.#writer.write(batchOf(batch), trace.devices));
    this.#batches = [];
  }

  async #write(blocks: readonly Buffer[]): Promise<void> {
    try {
      for (const block of blocks) await this.#file?.writeFile(block);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** The records, or the name of the file that has them. */
  async end(): Promise<readonly SharedBatch[] | string> {
    if (this.#file === undefined) return this.#batches;
    // what was left out before is in the facts of the trace
    await this.#write(this.#writer.end(0));
    return this.#name;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #failure(error: unknown): TraceError {
    const message = `a large trace is kept in a temporary file: ${(error as Error).message} (TMPDIR says where)`;
    return new TraceError(message, { cause: error });
  }
}

/** Records that are in memory already, under a name. */
export function shelfOf(name: string, batches: readonly RecordBatch[]): ShelvedTrace {
  const facts = { file: name, sha256: '', format: 'memory', skipped: 0, notes: [] };
  return { key: keyOf({ trace: name } as TraceLoad), facts, records: batches.map(sharedBatch) };
}

function sharedBatch(batch: RecordBatch): SharedBatch {
  // columns begin at multiples of 8
  const capacity = (batch.count + 7) & ~7;
  const memory = new SharedArrayBuffer(capacity * RECORD_BYTES);
  const copy = new RecordBatch(capacity, memory);
  for (let row = 0; row < batch.count; row++) copy.append(batch, row);
  return { count: batch.count, memory };
}

/** A trace is read for its hash, for its events and for its records. What is not there at all is told by whoever opens it. */
async function refusePipe(path: string, name: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile() || found.isDirectory()) return;
  throw new TraceError(`${name}: a pipe or a device: expected a file (save it first)`);
}

/** Of a file's bytes; of a set's, one file after the other. */
async function hashOf(path: string, format: string): Promise<string> {
  const set = format === 'blktrace' ? await findSet(path) : undefined;
  const hash = createHash('sha256');
  for (const file of set?.files ?? [path]) for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer);
  return hash.digest('hex');
}
