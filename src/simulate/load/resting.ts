// Callers of a closed loop that wait a moment before their next I/O. Without that, what ends at the moment of its submission (a
// map without a path, the target `error`, storage that takes no time) would be submitted again for ever at one and the same
// moment, and time would never pass.

/** After an I/O that failed. An assumption: nobody asks again at once, and some ask never again. */
export const AFTER_FAILURE_NS = 1e6;
/** After one that took no time at all. */
export const AFTER_NOTHING_NS = 1e3;

export class Resting {
  /** Times at which they go on, of each kind in rising order. */
  readonly #failed: Times = new Times();
  readonly #instant: Times = new Times();

  /** When the first of them goes on; Infinity: there is none. */
  get nextNs(): number {
    return Math.min(this.#failed.first, this.#instant.first);
  }

  /** One whose I/O has ended, and that has to wait for `pauseNs`: one of the two above. */
  add(nowNs: number, pauseNs: number): void {
    (pauseNs === AFTER_FAILURE_NS ? this.#failed : this.#instant).push(nowNs + pauseNs);
  }

  /** How many go on now; they are no longer here. */
  release(nowNs: number): number {
    return this.#failed.shiftUntil(nowNs) + this.#instant.shiftUntil(nowNs);
  }
}

/** A queue of times that only rise. */
class Times {
  #values: number[] = [];
  #head = 0;

  get first(): number {
    return this.#values[this.#head] ?? Number.POSITIVE_INFINITY;
  }

  push(ns: number): void {
    this.#values.push(ns);
  }

  shiftUntil(ns: number): number {
    const from = this.#head;
    while (this.first <= ns) this.#head++;
    const count = this.#head - from;
    if (this.#head === this.#values.length) {
      this.#values = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return count;
  }
}
