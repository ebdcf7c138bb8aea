// How long a lost path was felt: from its loss until the map knew of it, and until everything had been answered to its
// callers that was in flight at the loss or came until the map knew (or the path was back).

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
  /** What comes now carries this mark; 0: none. */
  openMark = 0;
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
    if (failover === undefined) return;
    failover[what] ??= this.#world.time.now() - BEGIN_NS;
    this.#close(this.all.indexOf(failover) + 1);
  }

  /** `mark` marks what is in flight and has no mark yet with a number, and says how many those are. */
  pathDown(path: string, mark: (mark: number) => number): void {
    const atNs = this.#world.time.now() - BEGIN_NS;
    const failover: Failover = { path, atNs, noticedNs: undefined, recoveredNs: undefined, reinstatedNs: undefined };
    const number = this.all.push(failover);
    this.#left.push(number < MARKS_MAX ? mark(number) : 0);
    const before = this.openMark;
    this.openMark = number < MARKS_MAX ? number : 0;
    if (before !== 0) this.#look(before);
  }

  /** The path is back. */
  pathUp(path: string): void {
    this.#close(this.all.findLastIndex((failover) => failover.path === path) + 1);
  }

  #close(mark: number): void {
    if (mark === 0 || mark !== this.openMark) return;
    this.openMark = 0;
    this.#look(mark);
  }

  /** An I/O comes that carries the open mark. */
  begun(): void {
    this.#left[this.openMark - 1] = (this.#left[this.openMark - 1] as number) + 1;
  }

  /** An I/O with this mark has ended. */
  ended(mark: number): void {
    this.#left[mark - 1] = (this.#left[mark - 1] as number) - 1;
    this.#look(mark);
  }

  #look(mark: number): void {
    if (mark === this.openMark || this.#left[mark - 1] !== 0) return;
    (this.all[mark - 1] as Failover).recoveredNs ??= this.#world.time.now() - BEGIN_NS;
  }
}

/** Later losses are told, and not waited for. */
const MARKS_MAX = 65_000;
