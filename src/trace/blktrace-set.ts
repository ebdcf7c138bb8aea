// The files of all CPUs of one blktrace, merged by time: a request's issue and its completion often lie in different ones.

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type BlktraceDecoder,
  BlktraceEvents,
  BlktraceInterpreter,
  BlktraceOrigin,
  BlktraceDecoder as Decoder,
} from './format/blktrace.ts';
import type { ReadContext } from './format/format.ts';
import type { RecordBatch } from './records.ts';
import { ByteSource } from './source.ts';

const BUFFER_BYTES = 1 << 18;
const CPU_FILE = /^(.+)\.blktrace\.(\d+)(\.gz)?$/;

export interface BlktraceSet {
  readonly files: readonly string[];
  /** Numbers between the lowest and the highest of which there is no file. */
  readonly missing: readonly number[];
}

/**
 * The files of the set that a name means: the name of one of them, what comes before `.blktrace.` in all of them, or a folder that
 * holds one set only. Undefined where there is none.
 */
export async function findSet(input: string): Promise<BlktraceSet | undefined> {
  const named = CPU_FILE.exec(basename(input));
  // a file of another name is itself, whatever lies beside it
  if (named === null && (await stat(input).catch(() => undefined))?.isFile()) return undefined;
  const sets = await setsIn(dirname(input));
  const set = sets.get(named?.[1] ?? basename(input));
  // one of its files by name, which must be there
  if (named !== null) return set?.files.some((file) => basename(file) === basename(input)) ? set : undefined;
  if (set !== undefined) return set;
  const inside = await setsIn(input);
  return inside.size === 1 ? [...inside.values()][0] : undefined;
}

async function setsIn(folder: string): Promise<Map<string, BlktraceSet>> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const byBase = new Map<string, { cpu: number; file: string }[]>();
  for (const name of names) {
    const found = CPU_FILE.exec(name);
    if (!found) continue;
    const list = byBase.get(found[1] as string) ?? [];
    list.push({ cpu: Number(found[2]), file: join(folder, name) });
    byBase.set(found[1] as string, list);
  }
  return new Map([...byBase].map(([base, list]) => [base, setOf(list)]));
}

function setOf(list: { cpu: number; file: string }[]): BlktraceSet {
  list.sort((a, b) => a.cpu - b.cpu);
  const present = new Set(list.map(({ cpu }) => cpu));
  const missing: number[] = [];
  for (let cpu = 0; cpu < (list.at(-1)?.cpu ?? 0) && missing.length < 1024; cpu++) if (!present.has(cpu)) missing.push(cpu);
  return { files: list.map(({ file }) => file), missing };
}

/** One file of a set, with the events that have been decoded and not yet taken. */
class CpuFile {
  readonly events: BlktraceEvents = new BlktraceEvents();
  row = 0;
  readonly decoder: BlktraceDecoder;
  readonly #source: ByteSource;
  readonly #buffer: Buffer = Buffer.alloc(BUFFER_BYTES);
  #from = 0;
  #to = 0;
  #offset = 0;
  #isLast = false;

  constructor(source: ByteSource, decoder: BlktraceDecoder) {
    this.#source = source;
    this.decoder = decoder;
  }

  /** Decodes the next events; false at the end of the file. */
  async next(): Promise<boolean> {
    this.row = 0;
    this.events.count = 0;
    for (;;) {
      const stop = this.decoder.decode(this.#buffer, this.#from, this.#to, this.#isLast, this.#offset, this.events);
      this.#offset += stop - this.#from;
      this.#from = stop;
      if (this.events.count > 0) return true;
      if (this.#isLast) return false;
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
      const count = await this.#source.fill(this.#buffer, this.#to);
      this.#to += count;
      this.#isLast = count === 0;
    }
  }

  close(): void {
    this.#source.close();
  }
}

/** Reads a set in the order of time until it ends or is enough; returns how many records there were, used or not. */
export async function* readSet(
  files: readonly string[],
  context: ReadContext,
  isEnough: () => boolean,
): AsyncGenerator<RecordBatch[], number> {
  const origin = new BlktraceOrigin();
  const interpreter = new BlktraceInterpreter(context);
  const open: CpuFile[] = [];
  try {
    for (const file of files) {
      const name = basename(file);
      open.push(new CpuFile(await ByteSource.open(file, file), new Decoder(context, origin, `${name}, `)));
    }
    const heap = new CpuHeap();
    for (const file of open) if (await file.next()) heap.push(file);
    while (heap.size > 0 && !isEnough()) {
      const file = heap.drain(interpreter);
      if (file !== undefined && (await file.next())) heap.push(file);
      yield context.sink.take(false);
    }
    interpreter.end(open.reduce((sum, { decoder }) => sum + decoder.notifications, 0));
    return open.reduce((sum, { decoder }) => sum + decoder.seen, 0);
  } finally {
    for (const file of open) file.close();
  }
}

/** Files by the time, then the sequence number, of their next event. */
class CpuHeap {
  readonly #files: CpuFile[] = [];

  get size(): number {
    return this.#files.length;
  }

  push(file: CpuFile): void {
    const files = this.#files;
    let at = files.push(file) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(file, files[parent] as CpuFile)) break;
      files[at] = files[parent] as CpuFile;
      at = parent;
    }
    files[at] = file;
  }

  /** Takes events in order until a file has none left; that one is out of the heap then. */
  drain(interpreter: BlktraceInterpreter): CpuFile | undefined {
    const files = this.#files;
    while (files.length > 0) {
      const first = files[0] as CpuFile;
      interpreter.take(first.events, first.row++);
      if (first.row === first.events.count) {
        const last = files.pop() as CpuFile;
        if (files.length > 0) this.#sink(last);
        return first;
      }
      this.#sink(first);
    }
    return undefined;
  }

  #sink(file: CpuFile): void {
    const files = this.#files;
    const count = files.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && isBefore(files[child + 1] as CpuFile, files[child] as CpuFile)) child++;
      if (!isBefore(files[child] as CpuFile, file)) break;
      files[at] = files[child] as CpuFile;
      at = child;
    }
    files[at] = file;
  }
}

function isBefore(one: CpuFile, other: CpuFile): boolean {
  const a = one.events.timeNs[one.row] as number;
  const b = other.events.timeNs[other.row] as number;
  if (a !== b) return a < b;
  return (one.events.sequence[one.row] as number) < (other.events.sequence[other.row] as number);
}
