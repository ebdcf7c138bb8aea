// What stands behind a path `sim:NAME?model=…`: a link, perhaps controllers, and the storage that paths of the same NAME
// share; and the switches by which a script lets the path fail.
//
//   down    calls hang until the host gives the path up (`fastFailMs` after it went down), and end with TRANSPORT; later
//           ones do so at once. Up again before that, and they end as if nothing had been, but late
//   slow    every answer takes so many times as long
//   errors  so many of all calls end with a status, by chance
//   depth   the port takes fewer calls than it did

import { STATUS_AGAIN, STATUS_OK, STATUS_TRANSPORT } from '../../../assembly/abi.ts';
import type { SeededRandom } from '../fault/random.ts';
import type { PathObserver, SimulatedDevice, SimulatedPath } from '../simulated-path.ts';
import type { ControllerArray } from './array.ts';
import type { CommandOwner, DiskQueue } from './disk-queue.ts';
import type { Link } from './link.ts';
import { NS_PER_MS, NS_PER_US, type StorageModel } from './model.ts';

/** What the host needs to notice that a path is gone for good. */
const REFUSED_NS: number = 10 * NS_PER_US;

/** The store behind a name: an array's, or a storage by itself. */
export interface SharedStore {
  readonly store: StorageModel;
  readonly array: ControllerArray | undefined;
  /** The store, if it chooses among its calls and says their ends later. */
  readonly queue: DiskQueue | undefined;
}

interface Errors {
  readonly status: number;
  readonly rate: number;
}

export class ModelledDevice implements SimulatedDevice, CommandOwner {
  readonly word: string;
  readonly link: Link;
  readonly controller: number;
  readonly shared: SharedStore;
  ended: PathObserver | undefined;
  /** What the array says to a call through this port: a `STATUS_*`. Missing: it serves it. */
  access: (() => number) | undefined;
  readonly release: () => void;
  #path: SimulatedPath | undefined;
  readonly #now: () => number;
  readonly #random: SeededRandom;
  #isDown = false;
  #givenUpNs = Number.POSITIVE_INFINITY;
  #slowness = 1;
  #errors: readonly Errors[] = [];
  /** Calls that have found the port full, in the order of issue: slots of the path. Only where ends are said later. */
  readonly #parked: number[] = [];

  constructor(options: {
    readonly word: string;
    readonly link: Link;
    readonly controller: number;
    readonly shared: SharedStore;
    readonly random: SeededRandom;
    readonly now: () => number;
    readonly release: () => void;
  }) {
    this.word = options.word;
    this.link = options.link;
    this.controller = options.controller;
    this.shared = options.shared;
    this.release = options.release;
    this.#random = options.random;
    this.#now = options.now;
  }

  /** The path that stands on this. */
  attach(path: SimulatedPath): void {
    this.#path = path;
  }

  book(nowNs: number, operation: number, bytes: number, position: number, slot: number): number {
    if (this.#isDown) return Math.max(this.#givenUpNs, nowNs + REFUSED_NS);
    const { link, shared, controller } = this;
    if (shared.queue !== undefined) return this.#queue(shared.queue, nowNs, operation, bytes, position, slot);
    const arrivedNs = link.out(nowNs, operation, bytes);
    const { array, store } = shared;
    const servedNs =
      array === undefined
        ? store.book(arrivedNs, operation, bytes, position)
        : array.book(arrivedNs, operation, bytes, position, controller);
    const endNs = Math.round(link.back(nowNs, servedNs, operation, bytes));
    return this.#slowness === 1 ? endNs : Math.round(nowNs + (endNs - nowNs) * this.#slowness);
  }

  status(_operation: number, _sectors: number, _position: number, slot: number): number {
    if (this.#isDown) {
      if (this.shared.queue !== undefined) this.#giveUp(this.shared.queue, slot);
      return STATUS_TRANSPORT;
    }
    if (this.access !== undefined) {
      const status = this.access();
      if (status !== STATUS_OK) return status;
    }
    for (const { status, rate } of this.#errors) if (this.#random.unit() < rate) return status;
    return STATUS_OK;
  }

  // ---- in front of a queue ----------------------------------------------------------------------------------------

  #queue(queue: DiskQueue, nowNs: number, operation: number, bytes: number, position: number, slot: number): number {
    const { link, controller } = this;
    const { array } = this.shared;
    if (link.isFull) {
      this.#parked.push(slot);
      return Number.POSITIVE_INFINITY;
    }
    const arrivedNs = link.out(nowNs, operation, bytes);
    link.open++;
    queue.from(this, slot, nowNs);
    const servedNs =
      array === undefined
        ? queue.book(arrivedNs, operation, bytes, position)
        : array.book(arrivedNs, operation, bytes, position, controller);
    return servedNs === Number.POSITIVE_INFINITY ? servedNs : this.#answered(nowNs, nowNs, servedNs, operation, bytes);
  }

  /** By the queue, when it knows. */
  served(slot: number, issuedNs: number, operation: number, bytes: number, servedNs: number): void {
    this.#path?.endsAt(slot, this.#answered(issuedNs, this.#now(), servedNs, operation, bytes));
    if (!this.#isDown) this.#letParkedGo();
  }

  #answered(issuedNs: number, nowNs: number, servedNs: number, operation: number, bytes: number): number {
    const { link } = this;
    link.open--;
    const endNs = Math.round(link.back(nowNs, servedNs, operation, bytes));
    return this.#slowness === 1 ? endNs : Math.round(issuedNs + (endNs - issuedNs) * this.#slowness);
  }

  #letParkedGo(): void {
    while (this.#parked.length > 0 && !this.link.isFull) this.#path?.issueAgain(this.#parked.shift() as number);
  }

  /** The host has: what is still in the queue is taken back. */
  #giveUp(queue: DiskQueue, slot: number): void {
    const place = this.#parked.indexOf(slot);
    if (place >= 0) this.#parked.splice(place, 1);
    else if (queue.withdraw(this, slot)) this.link.open--;
  }

  /** When a checker that asks now (TEST UNIT READY: no data, no storage) has its answer, and hears yes or no then. */
  testNs(): number {
    const nowNs = this.#now();
    if (this.#isDown) return Math.max(this.#givenUpNs, nowNs + REFUSED_NS);
    return Math.round(nowNs + 2 * this.link.latencyNs * this.#slowness) + 1;
  }

  /** Undefined: the array is changing the state of its port. */
  get isReady(): boolean | undefined {
    if (this.#isDown) return false;
    const status = this.access?.() ?? STATUS_OK;
    return status === STATUS_AGAIN ? undefined : status === STATUS_OK;
  }

  // ---- for scripts ------------------------------------------------------------------------------------------------

  get isDown(): boolean {
    return this.#isDown;
  }

  /** When calls that hang are given up; Infinity: none hang. */
  get givenUpNs(): number {
    return this.#givenUpNs;
  }

  down(fastFailMs: number): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#givenUpNs = this.#now() + fastFailMs * NS_PER_MS;
    this.#path?.holdUntil(this.#givenUpNs);
  }

  up(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#givenUpNs = Number.POSITIVE_INFINITY;
    this.#letParkedGo();
    this.#path?.letGo();
  }

  /** 1: as it is. */
  slow(times: number): void {
    this.#slowness = times;
  }

  /** Of all calls this share ends with the status; 0 ends that. */
  fail(status: number, rate: number): void {
    this.#errors = [...this.#errors.filter((one) => one.status !== status), ...(rate > 0 ? [{ status, rate }] : [])];
  }
}
