// The I/Os of one path between `issue` and `kick`, in arrays side by side: nothing is allocated for one. They are
// contiguous reads and writes; everything else does not wait for the kick.

/** As many as a path may have in flight. */
const ENTRIES = 1024;

export class Collected {
  count = 0;
  /** Of all of them together. */
  totalBytes = 0;
  readonly ids: Uint32Array = new Uint32Array(ENTRIES);
  readonly operations: Uint32Array = new Uint32Array(ENTRIES);
  readonly positions: Float64Array = new Float64Array(ENTRIES);
  readonly lengths: Uint32Array = new Uint32Array(ENTRIES);
  readonly addresses: Uint32Array = new Uint32Array(ENTRIES);

  get isFull(): boolean {
    return this.count === ENTRIES;
  }

  add(id: number, operation: number, position: number, bytes: number, address: number): void {
    const at = this.count++;
    this.totalBytes += bytes;
    this.ids[at] = id;
    this.operations[at] = operation;
    this.positions[at] = position;
    this.lengths[at] = bytes;
    this.addresses[at] = address;
  }

  clear(): void {
    this.count = 0;
    this.totalBytes = 0;
  }
}
