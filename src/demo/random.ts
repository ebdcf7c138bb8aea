// Random numbers that are the same for the same seed, so that both types are given the same load.

/** mulberry32: 32 bits of state, good enough to choose blocks and bytes by. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number 0 … 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number 0 … count - 1. */
  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count);
  }
}
