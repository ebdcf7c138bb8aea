// The bad blocks of a dust device, and what reads and writes of them come to.
//
// A read of a bad block fails. A write of one fails as often as its failure count says; the next one goes through and
// the block is good again, as a drive remaps a bad sector when it is written.

export class BadBlocks {
  /** Blocks, and how many more writes of each fail. */
  private readonly blocks: Map<number, number> = new Map();

  get size(): number {
    return this.blocks.size;
  }

  has(block: number): boolean {
    return this.blocks.has(block);
  }

  add(block: number, writeFailures: number): void {
    this.blocks.set(block, writeFailures);
  }

  /** False: it was not there. */
  remove(block: number): boolean {
    return this.blocks.delete(block);
  }

  clear(): void {
    this.blocks.clear();
  }

  /** Ascending. */
  list(): number[] {
    return [...this.blocks.keys()].sort((a, b) => a - b);
  }

  /** Whether a write of the blocks `first` to `last` fails; if not, they are good from now on, and `told` is told of each. */
  write(first: number, last: number, told: (block: number) => void): boolean {
    if (first === last) return this.writeOne(first, told);
    // a discard may be long: the list is walked, not the range
    const met = this.list().filter((block) => block >= first && block <= last);
    const failing = met.find((block) => (this.blocks.get(block) as number) > 0);
    if (failing !== undefined) return this.writeOne(failing, told);
    for (const block of met) this.writeOne(block, told);
    return false;
  }

  private writeOne(block: number, told: (block: number) => void): boolean {
    const failures = this.blocks.get(block);
    if (failures === undefined) return false;
    if (failures > 0) {
      this.blocks.set(block, failures - 1);
      return true;
    }
    this.blocks.delete(block);
    told(block);
    return false;
  }
}
