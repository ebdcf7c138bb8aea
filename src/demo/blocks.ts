// What every block of the file must hold: the model that each read is checked against, byte for byte.
//
// A block has a generation, one more with each write. Its content follows from its number, its generation and the seed:
//
//   0       4            8      12        16                                                    4096
//   | block | generation | seed | ~block  | bytes of a random pool, from an offset of their own |
//
// so stale data, data of another block and a mix of two writes are all noticed, in every sector. While a write is out
// nobody reads or writes its block, and while a read is out nobody writes it: so there is always exactly one right answer.

import { Random } from './random.ts';

export const BLOCK_BYTES = 4096;
const HEADER_BYTES = 16;
const POOL_BYTES = 1 << 20;
const WRITTEN = -1;

export class BlockModel {
  readonly count: number;
  /** Blocks whose last write failed: nobody knows what they hold, and nobody reads them any more. */
  readonly unknown: Set<number> = new Set();
  readonly #seed: number;
  readonly #pool: Buffer;
  readonly #generations: Uint32Array;
  /** How many reads are out on a block, or WRITTEN. */
  readonly #users: Int16Array;
  readonly #expected: Buffer = Buffer.alloc(BLOCK_BYTES);

  /** All blocks are of generation 0. */
  constructor(count: number, seed: number) {
    this.count = count;
    this.#seed = seed >>> 0;
    this.#generations = new Uint32Array(count);
    this.#users = new Int16Array(count);
    const words = new Uint32Array((POOL_BYTES + BLOCK_BYTES) / 4);
    const random = new Random(seed);
    for (let i = 0; i < words.length; i++) words[i] = random.next();
    this.#pool = Buffer.from(words.buffer);
  }

  // ---- who uses a block ------------------------------------------------------------------------------------

  canRead(block: number): boolean {
    return this.#users[block] !== WRITTEN;
  }

  canWrite(block: number): boolean {
    return this.#users[block] === 0;
  }

  beginRead(block: number): void {
    this.#users[block]++;
  }

  endRead(block: number): void {
    this.#users[block]--;
  }

  /** Fills `view` with what the block is to hold next. */
  beginWrite(block: number, view: Buffer): void {
    this.#users[block] = WRITTEN;
    this.#fill(view, block, this.#generations[block] + 1);
  }

  /** Only a write that succeeded tells what the block holds; after another one the block stays taken. */
  endWrite(block: number, isGood: boolean): void {
    if (!isGood) {
      this.unknown.add(block);
      return;
    }
    this.#generations[block]++;
    this.#users[block] = 0;
  }

  // ---- what it holds ----------------------------------------------------------------------------------------

  /** Fills `view` with what the block holds now. */
  fill(view: Buffer, block: number): void {
    this.#fill(view, block, this.#generations[block]);
  }

  /** How many bytes of `view` are not what the block holds. */
  wrongBytes(view: Buffer, block: number): number {
    const generation = this.#generations[block];
    const offset = this.#offset(block, generation);
    // the usual case without a copy: the header, then one comparison of memory
    if (
      view.readUInt32LE(0) === block &&
      view.readUInt32LE(4) === generation &&
      view.readUInt32LE(8) === this.#seed &&
      view.readUInt32LE(12) === ~block >>> 0 &&
      this.#pool.compare(view, HEADER_BYTES, BLOCK_BYTES, offset + HEADER_BYTES, offset + BLOCK_BYTES) === 0
    ) {
      return 0;
    }
    this.#fill(this.#expected, block, generation);
    let wrong = 0;
    for (let i = 0; i < BLOCK_BYTES; i++) if (view[i] !== this.#expected[i]) wrong++;
    return wrong;
  }

  #fill(view: Buffer, block: number, generation: number): void {
    const offset = this.#offset(block, generation);
    this.#pool.copy(view, 0, offset, offset + BLOCK_BYTES);
    view.writeUInt32LE(block, 0);
    view.writeUInt32LE(generation, 4);
    view.writeUInt32LE(this.#seed, 8);
    view.writeUInt32LE(~block >>> 0, 12);
  }

  #offset(block: number, generation: number): number {
    const mixed = Math.imul(block + 1, 0x9e3779b1) ^ Math.imul(generation + 1, 0x85ebca6b);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % POOL_BYTES;
  }
}
