// A path's other side: counts answers, and a bench around one path with an arena, a pool and files that vanish.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPERATION_DISCARD } from '../../assembly/abi.ts';
import { Arena } from '../../bindings/device/arena.ts';
import { createPathRegistries, type OpenPathOptions, openPath, type PathRegistries } from '../../bindings/path/open.ts';
import { writeRange } from '../../bindings/path/operation.ts';
import type { Path, PathMode, PathSink } from '../../bindings/path/path.ts';
import { PathPool, type PathPoolOptions } from '../../bindings/path/pool.ts';

export interface Answer {
  readonly status: number;
  readonly goodSectors: number;
}

/** Notes every answer; an id answered twice is kept twice. */
export class CountingSink implements PathSink {
  readonly answers = new Map<number, Answer[]>();
  count = 0;
  wakes = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  answer(id: number, status: number, goodSectors: number): void {
    this.count++;
    const known = this.answers.get(id);
    if (known === undefined) this.answers.set(id, [{ status, goodSectors }]);
    else known.push({ status, goodSectors });
    const ready = this.#waiting.filter((one) => one.count <= this.count);
    this.#waiting = this.#waiting.filter((one) => one.count > this.count);
    for (const one of ready) one.resolve();
  }

  wake(): void {
    this.wakes++;
  }

  /** Resolves when there have been `count` answers in all. */
  until(count: number): Promise<void> {
    if (this.count >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** The one answer of an id. */
  only(id: number): Answer {
    const answers = this.answers.get(id) ?? [];
    if (answers.length !== 1) throw new Error(`id ${id} was answered ${answers.length} times`);
    return answers[0];
  }
}

const NO_SEGMENTS = new Uint32Array(0);

export class PathBench {
  readonly arena = new Arena(8 * 1024 * 1024);
  readonly sink = new CountingSink();
  readonly registries: PathRegistries = createPathRegistries();
  readonly reports: string[] = [];
  readonly pool: PathPool;
  readonly folder: string = mkdtempSync(join(tmpdir(), 'rqdm-path-'));
  readonly #paths: Path[] = [];
  #id = 0;

  constructor(options: Partial<PathPoolOptions> = {}) {
    this.pool = new PathPool({
      arenaMemory: () => this.arena.memory,
      quarantine: (address, length, until) => this.arena.quarantine(address, length, until),
      report: (message) => this.reports.push(message),
      ...options,
    });
  }

  /** A file of this content; returns its full name. */
  file(name: string, content: Uint8Array | number): string {
    const full = join(this.folder, name);
    writeFileSync(full, typeof content === 'number' ? pattern(content) : content);
    return full;
  }

  open(word: string, mode: PathMode = 'worker', options: Partial<OpenPathOptions> = {}): Path {
    const path = openPath(word, {
      arenaMemory: () => this.arena.memory,
      sink: this.sink,
      pool: this.pool,
      registries: this.registries,
      mode,
      ...options,
    });
    return this.own(path);
  }

  own<P extends Path>(path: P): P {
    this.#paths.push(path);
    return path;
  }

  /** Issues without kick; returns the id. */
  issue(path: Path, operation: number, position: number, bytes: number, address: number): number {
    this.#id++;
    path.issue(this.#id, operation, position, bytes, address, 1, NO_SEGMENTS, 0);
    return this.#id;
  }

  /** One I/O from issue to answer. `places` are pairs (address, bytes); several make it scattered. */
  async run(path: Path, operation: number, position: number, bytes: number, places: readonly number[]): Promise<Answer> {
    const id = ++this.#id;
    const before = this.sink.count;
    // The table begins with a pair of somebody else, so that an index is really used.
    const table = new Uint32Array([7, 7, ...places]);
    path.issue(id, operation, position, bytes, places[0], places.length / 2, table, 1);
    table.fill(0xffff_ffff);
    path.kick();
    await this.sink.until(before + 1);
    return this.sink.only(id);
  }

  /** A DISCARD of ranges (sector, sectors), from issue to answer. */
  async discard(path: Path, ranges: readonly (readonly [sector: number, sectors: number])[], flags = 0): Promise<Answer> {
    const id = ++this.#id;
    const before = this.sink.count;
    this.issueDiscard(path, id, ranges, flags);
    path.kick();
    await this.sink.until(before + 1);
    return this.sink.only(id);
  }

  /** As the core does: one range stands in the call itself, several in the table. */
  issueDiscard(path: Path, id: number, ranges: readonly (readonly [sector: number, sectors: number])[], flags = 0): void {
    const table = new Uint32Array(2 + 4 * ranges.length).fill(7);
    for (const [i, [sector, sectors]] of ranges.entries()) writeRange(table, 1 + 2 * i, sector, sectors);
    const bytes = ranges.reduce((sum, [, sectors]) => sum + sectors * 512, 0);
    path.issue(id, OPERATION_DISCARD | (flags << 8), ranges[0][0] * 512, bytes, 0xffff_fe00, ranges.length, table, 1);
    table.fill(0xffff_ffff);
  }

  bytes(address: number, length: number): Buffer {
    return Buffer.from(this.arena.bytes.slice(address, address + length));
  }

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close(1000)));
    await this.pool.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Bytes that tell where they come from. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 9) * 7 + seed) & 0xff;
  return bytes;
}
