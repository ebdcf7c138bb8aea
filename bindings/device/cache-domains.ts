// Numbers of write caches, by what tells them apart: device and inode of a file, the name of a memory, or an option.
//
// A number outlives its paths, as a mapped device may still have to flush what it wrote there: whoever opens the same
// storage again soon is the same cache. But a server opens any number of files in its life, so that of those which nobody
// has open only the ones opened last are remembered. One that was forgotten gets a new number: a device that had unflushed
// writes in it is told so by a flush that fails, and never by one that succeeds in vain.

/** Of caches that nobody has open: so many are remembered at least, and twice as many at most. */
export const DOMAINS_KEPT = 4096;

export class CacheDomains {
  /** The one that was asked for longest ago comes first. */
  readonly #numbers: Map<string, number> = new Map();
  #last = 0;

  get size(): number {
    return this.#numbers.size;
  }

  /** The number of a cache, from 1 on. `used` tells which numbers open paths have. */
  numberOf(key: string, used: () => ReadonlySet<number>): number {
    const known = this.#numbers.get(key);
    const number = known ?? ++this.#last;
    if (known !== undefined) this.#numbers.delete(key);
    this.#numbers.set(key, number);
    if (this.#numbers.size > 2 * DOMAINS_KEPT) this.#forget(used());
    return number;
  }

  #forget(used: ReadonlySet<number>): void {
    for (const [key, number] of this.#numbers) {
      if (this.#numbers.size <= DOMAINS_KEPT) return;
      if (number !== this.#last && !used.has(number)) this.#numbers.delete(key);
    }
  }
}
