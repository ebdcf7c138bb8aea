// I/O without promises, for whoever moves time himself: simulators, replayers. What is submitted between two calls of
// `drive` is one plug, as of one task; ends are numbers in arrays, to be looked at after each event.
import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_WRITE_ZEROES } from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import type { BatchOwner } from './batch.ts';
import { type Pump, type Settler, TAG_BITS } from './pump.ts';

const CAPACITY_MAX = 2 ** TAG_BITS;

export class Submitter implements Settler {
  /** What has ended since `endedCount` was last set to 0, in the order of the ends: the I/O's index, and its status. */
  readonly endedIndexes: Uint32Array;
  readonly endedStatuses: Uint8Array;
  endedCount = 0;
  /** Submitted and not ended. */
  inFlight = 0;
  readonly #pump: Pump;
  readonly #owner: BatchOwner;
  readonly #capacity: number;
  readonly #blockBytes: number;
  readonly #number: number;
  readonly #tag: number;
  #error: RqdmError | undefined;
  #isClosed = false;

  /** Use `device.openSubmitter`. */
  constructor(pump: Pump, owner: BatchOwner, capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > CAPACITY_MAX) {
      throw new RqdmError(
        'ERR_RQDM_LIMIT',
        `submitter: capacity is ${capacity}: expected a whole number from 1 to ${CAPACITY_MAX}`,
      );
    }
    this.#pump = pump;
    this.#owner = owner;
    this.#capacity = capacity;
    this.#blockBytes = owner.blockBytes;
    this.endedIndexes = new Uint32Array(capacity);
    this.endedStatuses = new Uint8Array(capacity);
    this.#number = pump.addSettler(this);
    if (this.#number < 0)
      throw new RqdmError('ERR_RQDM_LIMIT', 'too many submitters and batches at once: expected at most 4094');
    this.#tag = this.#number * 2 ** TAG_BITS;
  }

  /**
   * One I/O into the plug. `index` names it, 0 up to the capacity, and is free again when its end has been taken.
   * `operation` is `OPERATION_*`, with `FLAG_*` bits shifted left by 8; position and length are bytes, multiples of the
   * device's block; `address` is of the arena. Throws ERR_RQDM_BATCH or ERR_RQDM_ALIGNMENT; the core then knows nothing of it.
   */
  submit(index: number, operation: number, position: number, length: number, address: number): void {
    this.#check(index, operation & 0xff, position, length, address);
    if (this.inFlight++ === 0) this.#owner.began();
    this.#pump.submit(this.#owner.id, operation, position / 512, length / 512, address, this.#tag + index);
  }

  #check(index: number, operation: number, position: number, length: number, address: number): void {
    if (!(index >= 0 && index < this.#capacity)) throw refused('index', index, `0 to below ${this.#capacity}`);
    if (this.inFlight + this.endedCount >= this.#capacity) {
      throw refused('index', index, `at most ${this.#capacity} I/Os whose end was not taken yet`);
    }
    const blocks = position / this.#blockBytes;
    if (!(blocks >= 0) || blocks !== Math.floor(blocks) || !Number.isSafeInteger(position)) {
      throw refused('position', position, `a multiple of ${this.#blockBytes}`);
    }
    if (length % this.#blockBytes !== 0 || !(length >= 0)) throw refused('length', length, `a multiple of ${this.#blockBytes}`);
    if (operation > OPERATION_DISCARD && operation !== OPERATION_WRITE_ZEROES) {
      throw refused('operation', operation, '0 (read), 1 (write), 2 (flush), 3 (discard) or 9 (write zeroes)');
    }
    if (operation < OPERATION_FLUSH && ((address & 511) !== 0 || address + length > this.#pump.arena.sizeBytes)) {
      throw refused(
        'address',
        address,
        `a multiple of 512 with ${length} bytes inside the arena of ${this.#pump.arena.sizeBytes}`,
      );
    }
    if (this.#isClosed) throw new RqdmError('ERR_RQDM_CLOSED', 'the submitter is closed');
  }

  /** The plug ends: the core takes what was submitted. Throws ERR_RQDM_CORE when the core has failed. */
  drive(): void {
    this.#pump.drive();
    this.assertAlive();
  }

  /** Throws ERR_RQDM_CORE when the core has failed. */
  assertAlive(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  settle(index: number, status: number): void {
    const at = this.endedCount++;
    this.endedIndexes[at] = index;
    this.endedStatuses[at] = status;
    if (--this.inFlight === 0) this.#owner.ended();
  }

  poison(error: RqdmError): void {
    this.#error = error;
  }

  /** Throws ERR_RQDM_BUSY while I/O is in flight. A second call is of no effect. */
  close(): void {
    if (this.#isClosed) return;
    if (this.inFlight > 0 && this.#error === undefined) {
      throw new RqdmError('ERR_RQDM_BUSY', `the submitter has ${this.inFlight} I/Os in flight: expected none`);
    }
    this.#isClosed = true;
    this.#pump.removeSettler(this.#number);
  }
}

function refused(what: string, value: number, expected: string): RqdmError {
  const code = what === 'position' || what === 'length' ? 'ERR_RQDM_ALIGNMENT' : 'ERR_RQDM_BATCH';
  return new RqdmError(code, `submit: ${what} is ${value}: expected ${expected}`);
}
