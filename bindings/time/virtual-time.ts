// A clock that stands still until somebody moves it: simulations, and tests without sleeps.
//
// What is due at the same time runs in the order in which it was asked for, so that the same inputs give the same
// history. Ends of turns are events too, at the present time, behind what is due already.
//
// Events are slots of typed arrays in a binary heap: an alarm that is set again moves its slot, and allocates nothing.

import type { Time, Timer, Turn } from './time.ts';

const IDLE_TURNS_MAX = 50;
const SLOTS_FIRST = 64;
const NOT_SET = -1;

/** Slots by time, then by the order of asking. */
class EventHeap {
  atNs: Float64Array = new Float64Array(SLOTS_FIRST);
  count = 0;
  #orders: Float64Array = new Float64Array(SLOTS_FIRST);
  /** Where each slot stands in the heap. */
  #places: Int32Array = new Int32Array(SLOTS_FIRST).fill(NOT_SET);
  #heap: Int32Array = new Int32Array(SLOTS_FIRST);
  #asked = 0;

  get first(): number {
    return this.#heap[0] as number;
  }

  isSet(slot: number): boolean {
    return this.#places[slot] !== NOT_SET;
  }

  makeRoom(slots: number): void {
    const room = this.atNs.length;
    if (slots <= room) return;
    const grown = <T extends Float64Array | Int32Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.atNs = grown(new Float64Array(2 * room), this.atNs);
    this.#orders = grown(new Float64Array(2 * room), this.#orders);
    this.#places = grown(new Int32Array(2 * room).fill(NOT_SET), this.#places);
    this.#heap = grown(new Int32Array(2 * room), this.#heap);
  }

  set(slot: number, atNs: number): void {
    const place = this.#places[slot] as number;
    this.atNs[slot] = atNs;
    this.#orders[slot] = this.#asked++;
    if (place === NOT_SET) {
      this.#rise(this.count++, slot);
      return;
    }
    this.#rise(place, slot);
    this.#sink(this.#places[slot] as number, slot);
  }

  remove(slot: number): void {
    const place = this.#places[slot] as number;
    if (place === NOT_SET) return;
    this.#places[slot] = NOT_SET;
    const last = this.#heap[--this.count] as number;
    if (last === slot) return;
    this.#rise(place, last);
    this.#sink(this.#places[last] as number, last);
  }

  #isBefore(a: number, b: number): boolean {
    const atA = this.atNs[a] as number;
    const atB = this.atNs[b] as number;
    return atA < atB || (atA === atB && (this.#orders[a] as number) < (this.#orders[b] as number));
  }

  #rise(from: number, slot: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as number;
      if (!this.#isBefore(slot, above)) break;
      heap[at] = above;
      this.#places[above] = at;
      at = parent;
    }
    heap[at] = slot;
    this.#places[slot] = at;
  }

  #sink(from: number, slot: number): void {
    const heap = this.#heap;
    const { count } = this;
    let at = from;
    for (let child = 2 * at + 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && this.#isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      const below = heap[child] as number;
      if (!this.#isBefore(below, slot)) break;
      heap[at] = below;
      this.#places[below] = at;
      at = child;
    }
    heap[at] = slot;
    this.#places[slot] = at;
  }
}

export class VirtualTime implements Time {
  #nowNs: number;
  readonly #events = new EventHeap();
  readonly #runs: (() => void)[] = [];
  /** Slots of `at`, to be used again; and how often each was, so that an old cancel does not hit a new event. */
  readonly #freeSlots: number[] = [];
  readonly #uses: number[] = [];
  /** Of `at`: asked for by somebody who may go on in promises. */
  readonly #isOnce: boolean[] = [];
  /** Events of `at` that have run: whoever drives lets promises go on when it has changed. */
  onceRun = 0;

  constructor(startNs: number = 1) {
    this.#nowNs = startNs;
  }

  now(): number {
    return this.#nowNs;
  }

  /** Events still to come, cancelled ones left out. */
  get pending(): number {
    return this.#events.count;
  }

  /** When the next event is due; undefined: there is none. */
  get nextAtNs(): number | undefined {
    return this.#events.count === 0 ? undefined : this.#events.atNs[this.#events.first];
  }

  at(atNs: number, run: () => void): () => void {
    const slot = this.#freeSlots.pop() ?? this.#newSlot();
    this.#runs[slot] = run;
    this.#isOnce[slot] = true;
    const use = (this.#uses[slot] ?? 0) + 1;
    this.#uses[slot] = use;
    this.#events.set(slot, Math.max(atNs, this.#nowNs));
    return () => {
      if (this.#uses[slot] !== use || !this.#events.isSet(slot)) return;
      this.#events.remove(slot);
      this.#freeSlots.push(slot);
    };
  }

  timer(run: () => void): Timer {
    const slot = this.#newSlot();
    this.#runs[slot] = run;
    const events = this.#events;
    return {
      set: (atNs) => events.set(slot, Math.max(atNs, this.#nowNs)),
      clear: () => events.remove(slot),
    };
  }

  #newSlot(): number {
    const slot = this.#runs.length;
    this.#runs.push(() => {});
    this.#isOnce.push(false);
    this.#events.makeRoom(slot + 1);
    return slot;
  }

  turn(run: () => void): Turn {
    let isScheduled = false;
    const timer = this.timer(() => {
      isScheduled = false;
      run();
    });
    return {
      schedule: () => {
        if (isScheduled) return;
        isScheduled = true;
        timer.set(this.#nowNs);
      },
      isDue: () => false,
    };
  }

  /** Moves to the next event and runs it. False: there is none. */
  step(): boolean {
    return this.stepUntil(Number.POSITIVE_INFINITY);
  }

  /** The same, but an event that is due later than `untilNs` stays where it is. False: there is no other. */
  stepUntil(untilNs: number): boolean {
    const events = this.#events;
    if (events.count === 0) return false;
    const slot = events.first;
    const atNs = events.atNs[slot] as number;
    if (atNs > untilNs) return false;
    this.#nowNs = atNs;
    events.remove(slot);
    const run = this.#runs[slot] as () => void;
    if (this.#isOnce[slot]) {
      this.onceRun++;
      this.#freeSlots.push(slot);
    }
    run();
    return true;
  }

  /** Runs what is due up to `untilNs`, and moves there. */
  advanceTo(untilNs: number): void {
    while (this.stepUntil(untilNs));
    this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /**
   * Runs events until `isDone()`, promises between them included; it is asked after each event. Throws if the events run
   * out before.
   */
  async until(isDone: () => boolean): Promise<void> {
    let idleTurns = 0;
    for (;;) {
      // a turn of the event loop: all promises that can go on have gone on
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (isDone()) return;
      if (this.step()) idleTurns = 0;
      // files and threads that close need turns of the event loop, and no event
      else if (++idleTurns > IDLE_TURNS_MAX)
        throw new Error('virtual time: nothing is left to happen, and what was waited for has not come');
    }
  }
}
