// I/Os that are held back until their time comes, first in, first out. A ring of numbers that grows to the most that
// were ever held, so that holding one allocates nothing.
//
//   0    1       2        3
//   | id | due  | sector | order |      due in nanoseconds; `order` counts over all queues of a target

const NUMBERS = 4;
const ENTRIES_LEAST = 16;

export class HeldQueue {
  private ring: Float64Array = new Float64Array(ENTRIES_LEAST * NUMBERS);
  private first = 0;
  private length = 0;

  get size(): number {
    return this.length;
  }

  push(id: number, dueNs: number, sector: number, order: number): void {
    if (this.length * NUMBERS === this.ring.length) this.grow();
    const at = this.at(this.length);
    this.ring[at] = id;
    this.ring[at + 1] = dueNs;
    this.ring[at + 2] = sector;
    this.ring[at + 3] = order;
    this.length += 1;
  }

  // Of the oldest one; of use only while size is above 0.

  get id(): number {
    return this.ring[this.at(0)] as number;
  }
  get dueNs(): number {
    return this.ring[this.at(0) + 1] as number;
  }
  get sector(): number {
    return this.ring[this.at(0) + 2] as number;
  }
  get order(): number {
    return this.ring[this.at(0) + 3] as number;
  }

  /** Drops the oldest one. */
  shift(): void {
    this.first = (this.first + 1) % (this.ring.length / NUMBERS);
    this.length -= 1;
  }

  private at(index: number): number {
    return ((this.first + index) * NUMBERS) % this.ring.length;
  }

  private grow(): void {
    const grown = new Float64Array(this.ring.length * 2);
    const begin = this.first * NUMBERS;
    grown.set(this.ring.subarray(begin));
    grown.set(this.ring.subarray(0, begin), this.ring.length - begin);
    this.ring = grown;
    this.first = 0;
  }
}
