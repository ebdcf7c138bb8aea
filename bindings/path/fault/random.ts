// Chance for fault wrappers, that comes again with the same seed: mulberry32, a 32-bit counter and three mixing steps. It
// passes the usual tests for so small a state, and its sequence is the same on every machine. Not for secrets.

const SEEDS = 2 ** 32;

export const SEED_EXPECTED: string = `a seed: a number 0 … ${SEEDS - 1}`;

/** undefined when the text is no seed. */
export function parseSeed(text: string): number | undefined {
  const seed = Number(text);
  return /^\d{1,10}$/.test(text) && seed < SEEDS ? seed : undefined;
}

export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … 1, without 1. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / SEEDS;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.unit() * end);
  }
}
