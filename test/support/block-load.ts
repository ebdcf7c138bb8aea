// The load of mptest: large random writes, few at a time, and each block says which write it is of, so that whatever is read
// later can be verified to the byte. Now and then a block is read back while the others are being written.

import * as assert from 'uvu/assert';
import type { MappedDevice } from '../../bindings/index.ts';
import { pattern, type Random } from './random.ts';

export interface BlockLoadOptions {
  readonly random: Random;
  /** Where its stretch of the device begins, bytes. */
  readonly position: number;
  readonly blocks: number;
  readonly blockBytes: number;
  /** I/Os under way at once; fewer than blocks. */
  readonly depth: number;
  /** Named in every complaint. */
  readonly who: string;
  isOver(): boolean;
}

export class BlockLoad {
  ios = 0;
  bytesVerified = 0;
  readonly #options: BlockLoadOptions;
  /** How often each block has been written: what its bytes are made of. */
  readonly #generations: Uint32Array;
  readonly #busy: Set<number> = new Set();

  constructor(options: BlockLoadOptions) {
    this.#options = options;
    this.#generations = new Uint32Array(options.blocks);
  }

  async run(device: MappedDevice): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.depth }, () => this.#lane(device)));
  }

  async #lane(device: MappedDevice): Promise<void> {
    const { random, isOver } = this.#options;
    while (!isOver()) {
      const block = this.#freeBlock();
      this.#busy.add(block);
      if (random.onceIn(4)) await this.#read(device, block);
      else await this.#write(device, block);
      this.#busy.delete(block);
      this.ios++;
    }
  }

  #freeBlock(): number {
    const { random, blocks } = this.#options;
    for (;;) {
      const block = random.below(blocks);
      if (!this.#busy.has(block)) return block;
    }
  }

  async #write(device: MappedDevice, block: number): Promise<void> {
    const generation = (this.#generations[block] as number) + 1;
    await device.write(this.#bytesOf(block, generation), this.#positionOf(block));
    this.#generations[block] = generation;
  }

  async #read(device: MappedDevice, block: number): Promise<void> {
    const { blockBytes } = this.#options;
    this.#verify(block, await device.read(this.#positionOf(block), blockBytes));
  }

  /** Every block, as it stands in `bytes` of the whole device. */
  verify(bytes: Uint8Array): void {
    const { blocks, blockBytes } = this.#options;
    for (let block = 0; block < blocks; block++) {
      const position = this.#positionOf(block);
      this.#verify(block, bytes.subarray(position, position + blockBytes));
    }
  }

  #verify(block: number, bytes: Uint8Array): void {
    const generation = this.#generations[block] as number;
    const expected = this.#bytesOf(block, generation);
    this.bytesVerified += bytes.length;
    if (Buffer.compare(bytes, expected) === 0) return;
    const at = bytes.findIndex((byte, index) => byte !== expected[index]);
    const place = this.#positionOf(block) + at;
    assert.unreachable(`wrong byte at ${place}, block ${block} of write ${generation} (${this.#options.who})`);
  }

  /** Before its first write a block holds zeros. */
  #bytesOf(block: number, generation: number): Buffer {
    const { blockBytes } = this.#options;
    if (generation === 0) return Buffer.alloc(blockBytes);
    return pattern(this.#positionOf(block), blockBytes, generation);
  }

  #positionOf(block: number): number {
    return this.#options.position + block * this.#options.blockBytes;
  }
}
