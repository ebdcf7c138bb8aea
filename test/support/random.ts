// Random numbers that come again with the same seed, and bytes that tell where they belong.

/** mulberry32: small, quick and good enough to choose places. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  /** True once in `times`. */
  onceIn(times: number): boolean {
    return this.below(times) === 0;
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

const SECTOR_BYTES = 512;
/** 0 … 255 again and again: any sector's pattern is a piece of it. */
const CYCLE: Uint8Array = Uint8Array.from({ length: SECTOR_BYTES + 256 }, (_, index) => index & 0xff);

/** Bytes of which each depends on its position and on `salt`. */
export function pattern(position: number, length: number, salt: number = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = position; at < position + length; ) {
    const sector = Math.floor(at / SECTOR_BYTES);
    const count = Math.min(position + length, (sector + 1) * SECTOR_BYTES) - at;
    const first = (at + Math.imul(sector, 31) + Math.imul(salt, 101)) & 0xff;
    bytes.set(CYCLE.subarray(first, first + count), at - position);
    at += count;
  }
  return bytes;
}
