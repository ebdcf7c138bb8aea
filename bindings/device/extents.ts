// Which records of the core's extent pool are taken: ranges, first fit. Tables come and go rarely.
import { RqdmError } from '../errors.ts';

export class ExtentPool {
  readonly #total: number;
  /** Free ranges [first, end), ascending and apart. */
  #free: [number, number][];

  constructor(total: number) {
    this.#total = total;
    this.#free = [[0, total]];
  }

  /** First record of `count` in a row. Throws ERR_RQDM_LIMIT. */
  allocate(count: number): number {
    const index = this.#free.findIndex(([first, end]) => end - first >= count);
    const range = this.#free[index];
    if (!range) {
      throw new RqdmError(
        'ERR_RQDM_LIMIT',
        `no room for a table of ${count} stretches: all tables share ${this.#total} (limits.extents)`,
      );
    }
    const [first] = range;
    range[0] += count;
    if (range[0] === range[1]) this.#free.splice(index, 1);
    return first;
  }

  free(first: number, count: number): void {
    if (count === 0) return;
    this.#free.push([first, first + count]);
    this.#free.sort((a, b) => a[0] - b[0]);
    const joined: [number, number][] = [];
    for (const range of this.#free) {
      const last = joined.at(-1);
      if (last && last[1] === range[0]) last[1] = range[1];
      else joined.push(range);
    }
    this.#free = joined;
  }
}
