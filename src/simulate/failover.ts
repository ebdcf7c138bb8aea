// How long a lost path was felt: from its loss until the map knew of it, and until everything that was in flight when it
// was lost had been answered to its callers.

import { BEGIN_NS, type World } from './world.ts';

export interface Failover {
  readonly path: string;
  /** Since the beginning of the run. */
  readonly atNs: number;
  /** Undefined: never. */
  noticedNs: number | undefined;
  recoveredNs: number | undefined;
  reinstatedNs: number | undefined;
}

export class WaitingTimes {
  readonly all: Failover[] = [];
  /** I/Os that were in flight at each loss and have not ended. */
  readonly #left: number[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (const device of world.devices) {
      device.on('path-failed', ({ path }) => this.#note(path, 'noticedNs'));
      device.on('path-reinstated', ({ path }) => this.#note(path, 'reinstatedNs'));
    }
  }

  #note(node: string, what: 'noticedNs' | 'reinstatedNs'): void {
    const failover = this.all.findLast(({ path }) => this.#world.paths.get(path)?.node === node);
    if (failover !== undefined) failover[what] ??= this.#world.time.now() - BEGIN_NS;
  }

  /** `mark` marks what is in flight and has no mark yet with a number, and says how many those are. */
  pathDown(path: string, mark: (mark: number) => number): void {
    const atNs = this.#world.time.now() - BEGIN_NS;
    const failover: Failover = { path, atNs, noticedNs: undefined, recoveredNs: undefined, reinstatedNs: undefined };
    const number = this.all.push(failover);
    const left = number < MARKS_MAX ? mark(number) : 0;
    this.#left.push(left);
    if (left === 0) failover.recoveredNs = atNs;
  }

  /** An I/O with this mark has ended. */
  ended(mark: number): void {
    const left = (this.#left[mark - 1] as number) - 1;
    this.#left[mark - 1] = left;
    if (left === 0) (this.all[mark - 1] as Failover).recoveredNs = this.#world.time.now() - BEGIN_NS;
  }
}

/** Later losses are told, and not waited for. */
const MARKS_MAX = 65_000;
