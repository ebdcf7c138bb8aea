// Opens traces: finds the format, chooses which events become records, and gives batches as they fill.

import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { findSet, readSet } from './blktrace-set.ts';
import { Skips, TraceError } from './errors.ts';
import { EventRecorder, KIND_NAMES } from './event-recorder.ts';
import {
  type ReadContext,
  type Reader,
  type Sample,
  SPECIAL_OPTIONS,
  type TraceFormat,
  type TraceOptions,
} from './format/format.ts';
import { detectFormat, findFormat } from './format/registry.ts';
import { RecordSink } from './record-sink.ts';
import type { EventKind, RecordBatch, Trace } from './records.ts';
import { SAMPLE_BYTES, sampleOf } from './sample.ts';
import { ByteSource } from './source.ts';

export type { TraceOptions } from './format/format.ts';

const BUFFER_BYTES = 1 << 20;
const SKIPPED_SHARE_MAX = 0.1;
/** How far a stream is looked into to choose events; a file is looked through. */
const STREAM_LOOK_BYTES = BUFFER_BYTES;

/**
 * Opens a trace: a file (of a per-CPU blktrace set: one of its files, what their names begin with, or their folder) or a stream of bytes.
 * Rejects with TraceError if it cannot be read or its format is not known; the iteration throws it for what turns up later.
 */
export async function openTrace(input: string | Readable, options: TraceOptions = {}): Promise<Trace> {
  const name = typeof input === 'string' ? input : 'standard input';
  const wanted = options.format === undefined ? undefined : findFormat(options.format);
  const set = typeof input === 'string' && options.single !== true ? await findSet(input) : undefined;
  const first = set?.files[0] ?? input;
  const source = await ByteSource.open(first, name);
  try {
    const head = await Head.read(source);
    const format = wanted ?? detectFormat(head.sample, name);
    const reading = new TraceReading(name, format, head.sample, options);
    const idle = idleOptions(format, options);
    if (idle.length > 0) reading.note(`${idle.join(', ')} mean${idle.length > 1 ? '' : 's'} nothing in ${format.name}`);
    if (set !== undefined && set.files.length > 1 && format.name === 'blktrace') {
      source.close();
      reading.note(`${set.files.length} files of one recording are read together`);
      if (set.missing.length > 0) reading.note(`no file of CPU ${set.missing.join(', ')}: what completed there is missing`);
      await reading.openFiles(set.files);
    } else {
      // what is read from a pipe is gone from it, whether the pipe has a name or not
      const isFile = typeof first === 'string' && (await stat(first)).isFile();
      await reading.openSource(source, head, isFile ? first : undefined);
    }
    return reading;
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Options that were given and that this format does not look at. */
function idleOptions(format: TraceFormat, options: TraceOptions): string[] {
  const names = Object.keys(SPECIAL_OPTIONS) as (keyof typeof SPECIAL_OPTIONS)[];
  const isLookedAt = (name: keyof typeof SPECIAL_OPTIONS): boolean =>
    name === 'from' ? format.hasEvents === true : format.options?.includes(name) === true;
  return names.filter((name) => options[name] !== undefined && !isLookedAt(name)).map((name) => SPECIAL_OPTIONS[name]);
}

/** The first bytes of a source, read to look at and then read again from here. */
class Head {
  readonly buffer: Buffer;
  used: number;
  isWhole: boolean;
  readonly sample: Sample;

  private constructor(buffer: Buffer, used: number, isWhole: boolean) {
    this.buffer = buffer;
    this.used = used;
    this.isWhole = isWhole;
    // the sample keeps a copy: the buffer is read over while the trace is
    const beginning = Buffer.from(buffer.subarray(0, Math.min(used, SAMPLE_BYTES)));
    this.sample = sampleOf(beginning, isWhole && used <= SAMPLE_BYTES);
  }

  static async read(source: ByteSource): Promise<Head> {
    const buffer = Buffer.alloc(BUFFER_BYTES);
    const { used, isWhole } = await fillTo(source, buffer, 0, SAMPLE_BYTES);
    return new Head(buffer, used, isWhole);
  }
}

async function fillTo(
  source: ByteSource,
  buffer: Buffer,
  from: number,
  to: number,
): Promise<{ used: number; isWhole: boolean }> {
  let used = from;
  while (used < to) {
    const count = await source.fill(buffer, used);
    if (count === 0) return { used, isWhole: true };
    used += count;
  }
  return { used, isWhole: false };
}

class TraceReading implements Trace, ReadContext {
  readonly format: string;
  readonly options: TraceOptions;
  readonly sample: Sample;
  readonly skips: Skips;
  readonly notes: string[] = [];
  readonly events: Map<string, number> = new Map();
  isTimed = true;
  beganSeconds: number | undefined;
  from: EventKind | undefined;
  sink: RecordSink;
  recorder: EventRecorder;
  readonly #name: string;
  readonly #format: TraceFormat;
  #batches: AsyncGenerator<RecordBatch> | undefined;
  #isEnough = false;
  #source: ByteSource | undefined;

  constructor(name: string, format: TraceFormat, sample: Sample, options: TraceOptions) {
    this.#name = name;
    this.#format = format;
    this.format = format.name;
    this.sample = sample;
    this.options = options;
    this.skips = new Skips(name, options.strict === true);
    this.sink = new RecordSink(format.heldBatches);
    this.recorder = new EventRecorder(this.sink, undefined, true);
  }

  get devices(): readonly string[] {
    return this.sink.devices;
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  began(secondsSince1970: number): void {
    this.beganSeconds ??= secondsSince1970;
  }

  timed(): void {
    this.isTimed = true;
  }

  untimed(): void {
    this.isTimed = false;
  }

  count(event: string, times = 1): void {
    if (times > 0) this.events.set(event, (this.events.get(event) ?? 0) + times);
  }

  [Symbol.asyncIterator](): AsyncIterator<RecordBatch> {
    if (this.#batches === undefined) throw new TraceError(`${this.#name}: a trace is read once; open it again`);
    const batches = this.#batches;
    this.#batches = undefined;
    return batches;
  }

  async close(): Promise<void> {
    this.#isEnough = true;
    // a generator that was never asked for anything closes nothing by itself
    this.#source?.close();
    await this.#batches?.return(undefined);
    this.#batches = undefined;
  }

  /** Reads one source. `file` can be opened again, to look through it for the events it has. */
  async openSource(source: ByteSource, head: Head, file: string | undefined): Promise<void> {
    if (this.#format.hasEvents) {
      if (this.options.from !== undefined) this.#choose(this.options.from, true);
      else if (file === undefined) await this.#chooseFromHead(source, head);
      else this.#choose(await this.#lookThroughFile(file), true);
    }
    const reader = this.#format.read(this);
    this.#source = source;
    this.#batches = this.#read(source, head, reader);
  }

  /** Reads the files of a per-CPU set. */
  async openFiles(files: readonly string[]): Promise<void> {
    this.#choose(this.options.from ?? (await this.#lookThroughFiles(files)), true);
    this.#batches = this.#readFiles(files);
  }

  #choose(from: EventKind, isFinal: boolean): void {
    this.from = from;
    this.sink = new RecordSink(1);
    this.recorder = new EventRecorder(this.sink, from, isFinal);
  }

  /** A reading that only counts, with everything that it would say left unsaid. */
  #counting(): TraceReading {
    return new TraceReading(this.#name, this.#format, this.sample, { ...this.options, strict: false });
  }

  async #chooseFromHead(source: ByteSource, head: Head): Promise<void> {
    const { used, isWhole } = head.isWhole ? head : await fillTo(source, head.buffer, head.used, STREAM_LOOK_BYTES);
    head.used = used;
    head.isWhole = isWhole;
    const counting = this.#counting();
    counting.#format.read(counting).read(head.buffer, 0, used, isWhole, 0);
    this.#choose(counting.recorder.best, isWhole || counting.recorder.best === 'Q');
  }

  async #lookThroughFile(file: string): Promise<EventKind> {
    const counting = this.#counting();
    const source = await ByteSource.open(file, this.#name);
    const head: Pick<Head, 'buffer' | 'used' | 'isWhole'> = { buffer: Buffer.alloc(BUFFER_BYTES), used: 0, isWhole: false };
    const batches = counting.#read(source, head, counting.#format.read(counting), () => counting.recorder.counts[0] > 0);
    for await (const _ of batches) {
      // it only counts
    }
    return counting.recorder.best;
  }

  async #lookThroughFiles(files: readonly string[]): Promise<EventKind> {
    const counting = this.#counting();
    const reading = readSet(files, counting, () => counting.recorder.counts[0] > 0);
    while (!(await reading.next()).done) {
      // it only counts
    }
    return counting.recorder.best;
  }

  async *#read(
    source: ByteSource,
    head: Pick<Head, 'buffer' | 'used' | 'isWhole'>,
    reader: Reader,
    isEnough: () => boolean = () => this.#isEnough,
  ): AsyncGenerator<RecordBatch> {
    try {
      const { buffer } = head;
      let { used, isWhole } = head;
      let offset = 0;
      while (!isEnough()) {
        const stop = reader.read(buffer, 0, used, isWhole, offset);
        offset += stop;
        yield* this.sink.take(false);
        if (isWhole) break;
        buffer.copyWithin(0, stop, used);
        used -= stop;
        if (used === buffer.length) throw new TraceError(`${this.#name}: byte ${offset}: nothing can be made of ${used} bytes`);
        const count = await source.fill(buffer, used);
        used += count;
        isWhole = count === 0;
      }
      reader.end?.();
      yield* this.sink.take(true);
      if (isWhole) this.#finish(reader.seen);
    } finally {
      source.close();
    }
  }

  async *#readFiles(files: readonly string[]): AsyncGenerator<RecordBatch> {
    const reading = readSet(files, this, () => this.#isEnough);
    try {
      for (;;) {
        const { done, value } = await reading.next();
        if (done) {
          yield* this.sink.take(true);
          if (!this.#isEnough) this.#finish(value);
          return;
        }
        yield* value;
      }
    } finally {
      await reading.return(0);
    }
  }

  /** At the end: whether what was read can be called the trace. */
  #finish(seen: number): void {
    const isCounting = this.#format.hasEvents === true && this.from === undefined;
    if (isCounting) return;
    const { count, first } = this.skips;
    const most = this.options.skippedShareMax ?? SKIPPED_SHARE_MAX;
    if (count > 0 && this.sink.total === 0) {
      throw new TraceError(`${this.#name}: not one of its ${seen} ${this.format} records can be used: ${first[0]}`);
    }
    if (count > seen * most) {
      const text = `${this.#name}: ${count} of ${seen} records of ${this.format} cannot be used (${first[0]})`;
      throw new TraceError(
        `${text}: is it of this format? --skip-at-most ${Math.min(1, Math.ceil((count / seen) * 100) / 100)} takes the rest`,
      );
    }
    if (this.sink.total === 0) throw new TraceError(`${this.#name}: no I/O in it (read as ${this.format}${this.#kindText()})`);
  }

  #kindText(): string {
    return this.from === undefined ? '' : `, ${KIND_NAMES[this.from]}`;
  }
}
