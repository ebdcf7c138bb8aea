// Unsigned 64-bit arithmetic in two 32-bit halves, wrapping as in the kernel: a service time in nanoseconds with ten
// bits of fraction, times a weight, doesn't fit the 53 bits of a number, and a BigInt for each I/O costs memory.
//
//   words[0]        words[1]
//   | low 32 bits | high 32 bits |
//
// A store into a Uint32Array keeps the lower 32 bits of what it is given; every sum below stays under 2^53, so what is
// stored is exact. Nothing but `toString` allocates.

const HALF = 0x1_0000;
const WORD = 0x1_0000_0000;

export class Wide {
  private readonly words: Uint32Array = new Uint32Array(2);

  /** A whole number from 0 to 2^63 that is exact as a number. */
  set(value: number): this {
    this.words[0] = value % WORD;
    this.words[1] = value / WORD;
    return this;
  }

  setHalves(high: number, low: number): this {
    this.words[0] = low;
    this.words[1] = high;
    return this;
  }

  copy(other: Wide): this {
    this.words[0] = other.words[0];
    this.words[1] = other.words[1];
    return this;
  }

  add(other: Wide): this {
    const low = this.words[0] + other.words[0];
    this.words[0] = low;
    this.words[1] = this.words[1] + other.words[1] + (low >= WORD ? 1 : 0);
    return this;
  }

  /** Times a whole number from 0 to 2^32 - 1. */
  multiply(factor: number): this {
    const low = this.words[0];
    const high = this.words[1];
    // low * factor in two steps, so that no product passes 2^48
    const upper = low * (factor >>> 16);
    const sum = low * (factor & 0xffff) + (upper % HALF) * HALF;
    this.words[0] = sum % WORD;
    this.words[1] = (Math.imul(high, factor) >>> 0) + Math.floor(upper / HALF) + Math.floor(sum / WORD);
    return this;
  }

  /** Divided by 2^bits, 1 to 31. */
  shiftRight(bits: number): this {
    this.words[0] = (this.words[0] >>> bits) | (this.words[1] << (32 - bits));
    this.words[1] = this.words[1] >>> bits;
    return this;
  }

  isAbove(other: Wide): boolean {
    return this.words[1] === other.words[1] ? this.words[0] > other.words[0] : this.words[1] > other.words[1];
  }

  /** Is it below a whole number under 2^53? */
  isBelow(value: number): boolean {
    const high = Math.floor(value / WORD);
    return this.words[1] === high ? this.words[0] < value % WORD : this.words[1] < high;
  }

  /** Rounded to the nearest number. */
  get value(): number {
    return this.words[1] * WORD + this.words[0];
  }

  toString(): string {
    return ((BigInt(this.words[1]) << 32n) | BigInt(this.words[0])).toString();
  }
}
