// Commands that a disk has been sent and has not answered, as rows of typed arrays: nothing is allocated for one once there
// have been as many at a time. Those on their way, or without a place in the disk's queue, stand in the order of arrival.

import type { DiskArm } from './disk-arm.ts';
import type { CommandOwner } from './disk-queue.ts';

const ROWS_FIRST = 64;
const NONE = -1;

export class QueuedCommands {
  readonly owners: (CommandOwner | undefined)[] = [];
  /** Under which the owner knows it. */
  slots: Uint32Array = new Uint32Array(ROWS_FIRST);
  operations: Uint32Array = new Uint32Array(ROWS_FIRST);
  bytes: Float64Array = new Float64Array(ROWS_FIRST);
  /** First sectors. */
  sectors: Float64Array = new Float64Array(ROWS_FIRST);
  issuedNs: Float64Array = new Float64Array(ROWS_FIRST);
  arrivedNs: Float64Array = new Float64Array(ROWS_FIRST);
  /** How often the arm had been sent when it found a place in the queue. */
  sentBefore: Float64Array = new Float64Array(ROWS_FIRST);
  /** 1: it waits for the write buffer, not for the arm. */
  isForBuffer: Uint8Array = new Uint8Array(ROWS_FIRST);
  // where the first sector lies
  cylinders: Float64Array = new Float64Array(ROWS_FIRST);
  surfaces: Float64Array = new Float64Array(ROWS_FIRST);
  angles: Float64Array = new Float64Array(ROWS_FIRST);
  #free: Int32Array = new Int32Array(ROWS_FIRST);
  #freeCount = 0;
  /** Rows by arrival, the first issued first among equals, from `head` up to `tail`; twice as long as there are rows. */
  #coming: Int32Array = new Int32Array(2 * ROWS_FIRST);
  #head = 0;
  #tail = 0;

  take(owner: CommandOwner, slot: number, issuedNs: number): number {
    const row = this.#freeCount > 0 ? (this.#free[--this.#freeCount] as number) : this.#newRow();
    this.owners[row] = owner;
    this.slots[row] = slot;
    this.issuedNs[row] = issuedNs;
    return row;
  }

  release(row: number): void {
    this.owners[row] = undefined;
    this.#free[this.#freeCount++] = row;
  }

  #newRow(): number {
    const row = this.owners.length;
    if (row === this.slots.length) this.#grow();
    this.owners.push(undefined);
    return row;
  }

  #grow(): void {
    const grown = <T extends Float64Array | Uint32Array | Uint8Array | Int32Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    const room = 2 * this.slots.length;
    this.slots = grown(new Uint32Array(room), this.slots);
    this.operations = grown(new Uint32Array(room), this.operations);
    this.bytes = grown(new Float64Array(room), this.bytes);
    this.sectors = grown(new Float64Array(room), this.sectors);
    this.issuedNs = grown(new Float64Array(room), this.issuedNs);
    this.arrivedNs = grown(new Float64Array(room), this.arrivedNs);
    this.sentBefore = grown(new Float64Array(room), this.sentBefore);
    this.isForBuffer = grown(new Uint8Array(room), this.isForBuffer);
    this.cylinders = grown(new Float64Array(room), this.cylinders);
    this.surfaces = grown(new Float64Array(room), this.surfaces);
    this.angles = grown(new Float64Array(room), this.angles);
    this.#free = grown(new Int32Array(room), this.#free);
    this.#coming = grown(new Int32Array(2 * room), this.#coming);
  }

  locate(row: number, arm: DiskArm): void {
    arm.locate(this.sectors[row] as number);
    this.cylinders[row] = arm.atCylinder;
    this.surfaces[row] = arm.atSurface;
    this.angles[row] = arm.atAngle;
  }

  // ---- on their way -----------------------------------------------------------------------------------------------

  get isComing(): boolean {
    return this.#head < this.#tail;
  }

  /** When the next one comes. */
  get nextNs(): number {
    return this.arrivedNs[this.#coming[this.#head] as number] as number;
  }

  arrive(): number {
    return this.#coming[this.#head++] as number;
  }

  /** Most come last. */
  come(row: number): void {
    const coming = this.#coming;
    if (this.#tail === coming.length) {
      coming.copyWithin(0, this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
    const arrivedNs = this.arrivedNs[row] as number;
    let at = this.#tail++;
    for (; at > this.#head; at--) {
      const before = coming[at - 1] as number;
      if ((this.arrivedNs[before] as number) <= arrivedNs) break;
      coming[at] = before;
    }
    coming[at] = row;
  }

  /** Takes out one that has not arrived. */
  leave(row: number): void {
    const at = this.#coming.indexOf(row, this.#head);
    this.#coming.copyWithin(at, at + 1, this.#tail--);
  }

  // ---- by owner ---------------------------------------------------------------------------------------------------

  /** -1: there is none. */
  find(owner: CommandOwner, slot: number): number {
    for (let row = this.owners.indexOf(owner); row >= 0; row = this.owners.indexOf(owner, row + 1)) {
      if (this.slots[row] === slot) return row;
    }
    return NONE;
  }

  /** One of the owner's slots; -1: it has none here. */
  slotOf(owner: CommandOwner): number {
    const row = this.owners.indexOf(owner);
    return row < 0 ? NONE : (this.slots[row] as number);
  }
}
