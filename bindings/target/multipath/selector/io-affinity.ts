// Selector `io-affinity`: each CPU has a path of its own.
//
//   io-affinity 0 <paths> 1 { <device> <mask of CPUs, hexadecimal> }…
//
// A CPU here is a number from 0 to `parameters.cpus` - 1 that says who submits an I/O. JavaScript doesn't know on which
// CPU it runs, so whoever sets up the mapper says it: `parameters.cpuOf = (io) => number` (multipath/parameters.ts),
// from the sector, the operation, or whatever else tells its submitters apart. Without that all I/O comes from CPU 0.
//
// A CPU belongs to the first path that names it. If its path has failed, or it has none (a miss), the first usable path
// of all CPUs in ascending order is taken.

import type { ArgumentReader } from '../../../table/arguments.ts';
import { parseCpuMask, printCpuMask } from './cpu-mask.ts';
import type { PathSelector, SelectorContext, SelectorType } from './selector.ts';
import { CPUS_DEFAULT, NO_PATH } from './selector.ts';

const NAME = 'io-affinity';

class IoAffinity implements PathSelector {
  readonly figures: readonly string[] = ['cpu', 'misses'];
  private readonly context: SelectorContext;
  private readonly cpus: number;
  /** For each CPU: its path, or NO_PATH. */
  private readonly pathOfCpu: number[];
  private readonly masks: string[] = [];
  private readonly hasFailed: boolean[] = [];
  private misses = 0;

  constructor(context: SelectorContext) {
    this.context = context;
    this.cpus = context.cpus ?? CPUS_DEFAULT;
    this.pathOfCpu = new Array<number>(this.cpus).fill(NO_PATH);
  }

  addPath(words: ArgumentReader): void {
    const text = `${NAME} ps: invalid number of arguments`;
    if (words.left !== 1)
      words.fail(text, { index: words.nextIndex, detail: `expected a mask of CPUs, got ${words.left} words` });
    const word = words.next(text);
    const members = parseCpuMask(word, this.cpus);
    if (members === undefined) {
      return words.fail(`${NAME} ps: invalid cpumask`, {
        detail: `expected hexadecimal digits that name CPUs from 0 to ${this.cpus - 1}, got "${word}"`,
      });
    }
    const path = this.masks.length;
    let gained = 0;
    for (const cpu of members) {
      if (this.pathOfCpu[cpu] !== NO_PATH) {
        this.context.log(`multipath ${NAME}: CPU mapping for ${cpu} exists. Ignoring.`);
        continue;
      }
      this.pathOfCpu[cpu] = path;
      gained += 1;
    }
    if (gained === 0) {
      words.fail(`${NAME} ps: No new/valid CPU mapping found`, { detail: `"${word}" names no CPU that is free` });
    }
    this.masks.push(printCpuMask(members, this.cpus));
    this.hasFailed.push(false);
  }

  select(_bytes: number, _nowNs: number): number {
    const { pathOfCpu, hasFailed } = this;
    const cpu = this.context.cpu?.() ?? 0;
    const own = pathOfCpu[cpu] ?? NO_PATH;
    if (own === NO_PATH) this.misses += 1;
    else if (!hasFailed[own]) return own;
    for (let other = 0; other < pathOfCpu.length; other++) {
      const path = pathOfCpu[other];
      if (path !== NO_PATH && !hasFailed[path]) return path;
    }
    return NO_PATH;
  }

  failPath(path: number): void {
    this.hasFailed[path] = true;
  }

  reinstatePath(path: number): void {
    this.hasFailed[path] = false;
  }

  figure(_path: number, which: number): number {
    return which === 0 ? (this.context.cpu?.() ?? 0) : this.misses;
  }

  /** The misses are the selector's, told at each path. */
  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return '0 ';
    return kind === 'info' ? `${this.misses} ` : `${this.masks[path]} `;
  }
}

export const ioAffinitySelector: SelectorType = {
  name: NAME,
  version: [1, 0, 0],
  tableWords: 1,
  infoWords: 1,
  usesCpu: true,
  create: (_words: ArgumentReader, context: SelectorContext): PathSelector => new IoAffinity(context),
};
