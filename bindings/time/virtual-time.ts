// A clock that stands still until somebody moves it: simulations, and tests without sleeps.
//
// What is due at the same time runs in the order in which it was asked for, so that the same inputs give the same
// history. Ends of turns are events too, at the present time, behind what is due already.

import type { Time, Turn } from './time.ts';

interface Event {
  atNs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const IDLE_TURNS_MAX = 50;

export class VirtualTime implements Time {
  #nowNs: number;
  #orders = 0;
  /** A binary heap by time, then order. */
  readonly #heap: Event[] = [];
  #live = 0;

  constructor(startNs: number = 1) {
    this.#nowNs = startNs;
  }

  now(): number {
    return this.#nowNs;
  }

  /** Events still to come, cancelled ones left out. */
  get pending(): number {
    return this.#live;
  }

  /** When the next event is due; undefined: there is none. */
  get nextAtNs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atNs;
  }

  at(atNs: number, run: () => void): () => void {
    const event: Event = { atNs: Math.max(atNs, this.#nowNs), order: this.#orders++, run };
    this.#push(event);
    this.#live++;
    return () => {
      if (event.run === undefined) return;
      event.run = undefined;
      this.#live--;
    };
  }

  turn(run: () => void): Turn {
    let isScheduled = false;
    const end = (): void => {
      isScheduled = false;
      run();
    };
    return {
      schedule: () => {
        if (isScheduled) return;
        isScheduled = true;
        this.at(this.#nowNs, end);
      },
      isDue: () => false,
    };
  }

  /** Moves to the next event and runs it. False: there is none. */
  step(): boolean {
    this.#dropCancelled();
    const event = this.#pop();
    if (event === undefined) return false;
    this.#nowNs = event.atNs;
    const { run } = event;
    event.run = undefined;
    this.#live--;
    run?.();
    return true;
  }

  /** Runs what is due up to `untilNs`, and moves there. */
  advanceTo(untilNs: number): void {
    for (let next = this.nextAtNs; next !== undefined && next <= untilNs; next = this.nextAtNs) this.step();
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

  #dropCancelled(): void {
    while (this.#heap.length > 0 && (this.#heap[0] as Event).run === undefined) this.#pop();
  }

  #isBefore(a: Event, b: Event): boolean {
    return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!this.#isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
