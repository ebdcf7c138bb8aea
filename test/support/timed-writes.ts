// Writes that begin at set times, two neighbours at each, and what became of them.

import * as assert from 'uvu/assert';
import type { MappedDevice } from '../../bindings/index.ts';
import type { Time } from '../../bindings/time/time.ts';
import { pattern } from './random.ts';

export const WRITE_BYTES = 4096;

export interface TimedWritesOptions {
  /** How many pairs, and how long after each other they begin, milliseconds. */
  readonly pairs: number;
  readonly everyMs: number;
  /** Codes of errors that they may end with. Default: none. */
  readonly mayFail?: readonly string[];
}

export class TimedWrites {
  /** By write: the code that it ended with, '' where it went well, undefined as long as it is under way. */
  readonly codes: (string | undefined)[] = [];
  readonly #device: MappedDevice;
  readonly #options: TimedWritesOptions;

  constructor(device: MappedDevice, options: TimedWritesOptions) {
    this.#device = device;
    this.#options = options;
  }

  /** Resolves when all have ended; rejects for an error that none may end with. */
  async run(time: Time): Promise<void> {
    const { pairs, everyMs } = this.#options;
    const all: Promise<void>[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      if (pair > 0) await new Promise<void>((resolve) => time.at(time.now() + everyMs * 1e6, resolve));
      all.push(this.#write(2 * pair), this.#write(2 * pair + 1));
    }
    await Promise.all(all);
  }

  get good(): number {
    return this.codes.filter((code) => code === '').length;
  }

  async #write(index: number): Promise<void> {
    this.codes[index] = undefined;
    try {
      await this.#device.write(bytesOf(index), index * WRITE_BYTES);
      assert.is(this.codes[index], undefined, `write ${index} ended twice`);
      this.codes[index] = '';
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined || !this.#options.mayFail?.includes(code)) throw error;
      this.codes[index] = code;
    }
  }

  /** What went well is there: read through `device`. */
  async verify(run: <T>(promise: Promise<T>) => Promise<T>, device: MappedDevice = this.#device): Promise<void> {
    for (const [index, code] of this.codes.entries()) {
      assert.is.not(code, undefined, `write ${index} has not ended`);
      if (code !== '') continue;
      const bytes = await run(device.read(index * WRITE_BYTES, WRITE_BYTES));
      assert.is(Buffer.compare(bytes, bytesOf(index)), 0, `write ${index} is not there`);
    }
  }
}

function bytesOf(index: number): Buffer {
  return pattern(index * WRITE_BYTES, WRITE_BYTES, index + 1);
}
