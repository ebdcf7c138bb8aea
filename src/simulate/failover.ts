// How long a lost path was felt: from its loss until the map knew of it, and until everything had been answered to its
// callers that was in flight at the loss or came until the map knew (or the path was back).
//
// Losses may overlap: an I/O counts for each that it waited through. Those have consecutive numbers, so it carries the first
// and the last.

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

/** A loss, and the I/Os that count for it. */
interface Loss {
  readonly failover: Failover;
  /** What comes now counts too. */
  isOpen: boolean;
  /** I/Os that have not ended, and those of them that were in flight at the loss. */
  left: number;
  flying: number;
  /** When the last of those ended. */
  flownNs: number;
}

export class WaitingTimes {
  /** Numbers, from 1 on, of the first and last loss that count what comes now; 0: none does. */
  firstOpen = 0;
  lastOpen = 0;
  readonly #losses: Loss[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (const device of world.devices) {
      device.on('path-failed', ({ path }) => this.#note(path, 'noticedNs'));
      device.on('path-reinstated', ({ path }) => this.#note(path, 'reinstatedNs'));
    }
  }

  get all(): readonly Failover[] {
    return this.#losses.map(({ failover }) => failover);
  }

  get #nowNs(): number {
    return this.#world.time.now() - BEGIN_NS;
  }

  #note(node: string, what: 'noticedNs' | 'reinstatedNs'): void {
    const index = this.#losses.findLastIndex(({ failover }) => this.#world.paths.get(failover.path)?.node === node);
    const loss = this.#losses[index];
    if (loss === undefined) return;
    loss.failover[what] ??= this.#nowNs;
    this.#close(loss);
  }

  /** `mark` marks what is in flight with the number of the loss, and says how many those are. */
  pathDown(path: string, mark: (number: number) => number): void {
    const atNs = this.#nowNs;
    const failover: Failover = { path, atNs, noticedNs: undefined, recoveredNs: undefined, reinstatedNs: undefined };
    const number = this.#losses.length + 1;
    const isCounted = number < LOSSES_MAX;
    const flying = isCounted ? mark(number) : 0;
    this.#losses.push({ failover, isOpen: isCounted, left: flying, flying, flownNs: atNs });
    this.#setOpen();
  }

  /** The path is back. */
  pathUp(path: string): void {
    const loss = this.#losses.findLast(({ failover }) => failover.path === path);
    if (loss !== undefined) this.#close(loss);
  }

  #close(loss: Loss): void {
    if (!loss.isOpen) return;
    loss.isOpen = false;
    this.#setOpen();
    this.#look(loss);
  }

  #setOpen(): void {
    this.firstOpen = this.#losses.findIndex(({ isOpen }) => isOpen) + 1;
    this.lastOpen = this.#losses.findLastIndex(({ isOpen }) => isOpen) + 1;
  }

  /** An I/O comes that counts for the losses that are open. */
  begun(): void {
    for (let number = this.firstOpen; number <= this.lastOpen; number++) (this.#losses[number - 1] as Loss).left++;
  }

  /** How many there have been: what comes now was in flight at none of them. */
  get count(): number {
    return Math.min(this.#losses.length, LOSSES_MAX);
  }

  /** An I/O has ended that counts for the losses from `first` to `last`, and was in flight at those above `before`. */
  ended(first: number, last: number, before: number): void {
    for (let number = first; number <= last; number++) {
      const loss = this.#losses[number - 1] as Loss;
      loss.left--;
      if (number > before && --loss.flying === 0) loss.flownNs = this.#nowNs;
      this.#look(loss);
    }
  }

  #look({ isOpen, left, failover }: Loss): void {
    if (!isOpen && left === 0) failover.recoveredNs ??= this.#nowNs;
  }

  /** The run is over. Of a loss that nobody has noticed, only what was in flight at it had to wait. */
  finish(): void {
    for (const { failover, isOpen, flying, flownNs } of this.#losses) {
      if (isOpen && flying === 0) failover.recoveredNs ??= flownNs;
    }
  }
}

/** Later losses are told, and not waited for. */
const LOSSES_MAX = 65_000;
