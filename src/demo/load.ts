// The load: many small reads and writes, in waves. A wave is what one turn of a program asks for with Promise.all, so it
// is one plug of the device. All of a wave has ended before the next one of the same row is submitted.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MappedDevice } from '../../bindings/index.ts';
import { BLOCK_BYTES, type BlockModel } from './blocks.ts';
import { Random } from './random.ts';

/** What one wave holds, each 4 KiB. The order is that of submission. */
export const WAVE = { readersSequential: 2, writersSequential: 1, blocksEach: 32, readsRandom: 16, writesRandom: 16 } as const;
export const WAVE_BIOS: number =
  (WAVE.readersSequential + WAVE.writersSequential) * WAVE.blocksEach + WAVE.readsRandom + WAVE.writesRandom;
/** Waves that are out at the same time. */
export const ROWS = 2;
/** So many blocks that there is always one that nobody uses. */
export const BLOCKS_MIN: number = 4 * ROWS * WAVE_BIOS;

export class Load {
  /** I/Os that ended well. */
  completed = 0;
  /** I/Os that ended with an error, and the first of these. */
  failed = 0;
  firstError: unknown;
  /** Bytes read and compared, and those of them that were not as they should be. */
  verifiedBytes = 0;
  wrongBytes = 0;
  readonly #device: MappedDevice;
  readonly #model: BlockModel;
  readonly #random: Random;
  /** Where each sequential reader or writer goes on. */
  readonly #cursors: number[];
  #isStopping = false;

  constructor(device: MappedDevice, model: BlockModel, seed: number) {
    this.#device = device;
    this.#model = model;
    this.#random = new Random(seed);
    const streams = WAVE.readersSequential + WAVE.writersSequential;
    this.#cursors = Array.from({ length: streams }, (_, stream) => Math.floor((stream * model.count) / streams));
  }

  /** Resolves when `stop` was called and all has ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: ROWS }, () => this.#runRow()));
  }

  /** No new wave begins. */
  stop(): void {
    this.#isStopping = true;
  }

  /** One wave and no more. */
  async runOnce(): Promise<void> {
    await Promise.all(this.#submitWave(viewsOfWave()));
  }

  async #runRow(): Promise<void> {
    const views = viewsOfWave();
    while (!this.#isStopping) {
      await Promise.all(this.#submitWave(views));
      // where paths answer at once, a wave begins and ends inside one turn: timers and signals want to be served too
      await nextTurn();
    }
  }

  #submitWave(views: readonly Buffer[]): Promise<void>[] {
    const wave: Promise<void>[] = [];
    for (let stream = 0; stream < this.#cursors.length; stream++) {
      const isWriter = stream >= WAVE.readersSequential;
      for (let i = 0; i < WAVE.blocksEach; i++) {
        const block = this.#nextFree(this.#cursors[stream], isWriter);
        this.#cursors[stream] = (block + 1) % this.#model.count;
        wave.push(this.#submit(isWriter, block, views[wave.length]));
      }
    }
    for (let i = 0; i < WAVE.readsRandom + WAVE.writesRandom; i++) {
      const isWriter = i >= WAVE.readsRandom;
      const block = this.#nextFree(this.#random.below(this.#model.count), isWriter);
      wave.push(this.#submit(isWriter, block, views[wave.length]));
    }
    return wave;
  }

  /** The first block from `block` on that may be used. There is one: BLOCKS_MIN. */
  #nextFree(block: number, isWriter: boolean): number {
    const model = this.#model;
    let next = block;
    for (let looked = 0; looked < model.count; looked++) {
      if (isWriter ? model.canWrite(next) : model.canRead(next)) return next;
      next = (next + 1) % model.count;
    }
    throw new Error(`all ${model.count} blocks are in use`);
  }

  #submit(isWriter: boolean, block: number, view: Buffer): Promise<void> {
    return isWriter ? this.#write(block, view) : this.#read(block, view);
  }

  async #read(block: number, view: Buffer): Promise<void> {
    const model = this.#model;
    model.beginRead(block);
    try {
      await this.#device.readInto(view, block * BLOCK_BYTES);
      this.verifiedBytes += BLOCK_BYTES;
      this.wrongBytes += model.wrongBytes(view, block);
      this.completed++;
    } catch (error) {
      this.#fail(error);
    }
    model.endRead(block);
  }

  async #write(block: number, view: Buffer): Promise<void> {
    const model = this.#model;
    model.beginWrite(block, view);
    try {
      await this.#device.write(view, block * BLOCK_BYTES);
      model.endWrite(block, true);
      this.completed++;
    } catch (error) {
      model.endWrite(block, false);
      this.#fail(error);
    }
  }

  /** One error is enough to know that the promise is broken; going on would run out of blocks. */
  #fail(error: unknown): void {
    this.failed++;
    this.firstError ??= error;
    this.#isStopping = true;
  }
}

/** Memory that a wave reads to and writes from, used again by the next. */
function viewsOfWave(): Buffer[] {
  const memory = Buffer.alloc(WAVE_BIOS * BLOCK_BYTES);
  return Array.from({ length: WAVE_BIOS }, (_, i) => memory.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
}
