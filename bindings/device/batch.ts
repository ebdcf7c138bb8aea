// The batch call: typed arrays in, statuses out, no object for an I/O.
import { OPERATION_FLUSH, OPERATION_WRITE } from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import type { Turn } from '../time/time.ts';
import { type Pump, type Settler, TAG_BITS } from './pump.ts';

/**
 * Many I/Os at once. The arrays are the caller's; between the call and the promise they belong to the device.
 * Payload lies in leases of the mapper's arena.
 */
export interface IoBatch {
  /** I/Os, 0 … 2^20; the arrays are at least as long. */
  readonly count: number;
  /** `OPERATION_READ` 0, `OPERATION_WRITE` 1, `OPERATION_FLUSH` 2. */
  readonly operations: Uint8Array;
  /** Bytes; multiples of the device's block size. */
  readonly positions: Float64Array;
  /** Bytes; multiples of the block size, ignored for a flush. */
  readonly lengths: Uint32Array;
  /** Arena addresses (`lease.address` + an offset that is a multiple of 512). */
  readonly addresses: Uint32Array;
  /** Filled in: `STATUS_OK` 0 or another `STATUS_`. */
  readonly statuses: Uint8Array;
}

export interface BatchOwner {
  /** The core's number of the device. */
  readonly id: number;
  readonly blockBytes: number;
  /** A batch has begun, has ended. */
  began(): void;
  ended(): void;
}

/** One batch on its way; used again for the next. */
class BatchRun implements Settler {
  readonly number: number;
  readonly tag: number;
  readonly #batches: Batches;
  readonly #turn: Turn;
  #owner: BatchOwner | undefined;
  #statuses: Uint8Array = EMPTY;
  #left = 0;
  #failed = 0;
  #resolve: ((failed: number) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(batches: Batches, pump: Pump) {
    this.#batches = batches;
    this.#turn = pump.turn;
    this.number = pump.addSettler(this);
    this.tag = this.number * 2 ** TAG_BITS;
  }

  begin(owner: BatchOwner, batch: IoBatch): void {
    this.#owner = owner;
    owner.began();
    this.#statuses = batch.statuses;
    this.#left = batch.count;
    this.#failed = 0;
  }

  settle(index: number, status: number): void {
    this.#statuses[index] = status;
    if (status !== 0) this.#failed++;
    if (--this.#left === 0) {
      this.#owner?.ended();
      this.#resolve?.(this.#failed);
      if (this.#resolve) this.#batches.giveBack(this);
    }
  }

  /** Resolves with the number of failed I/Os; at once if all have ended already. */
  result(): Promise<number> {
    if (this.#left === 0) {
      const failed = this.#failed;
      this.#batches.giveBack(this);
      if (this.#turn.isDue()) return new Promise((resolve) => setImmediate(() => resolve(failed)));
      return Promise.resolve(failed);
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  clear(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.#statuses = EMPTY;
    this.#owner = undefined;
  }

  poison(error: RqdmError): void {
    this.#reject?.(error);
    this.clear();
  }
}

const EMPTY = new Uint8Array(0);
const COUNT_MAX = 2 ** TAG_BITS;

export class Batches {
  readonly #pump: Pump;
  readonly #free: BatchRun[] = [];

  constructor(pump: Pump) {
    this.#pump = pump;
  }

  /** Submits all of it as one plug and drives the core at once. */
  run(owner: BatchOwner, batch: IoBatch): Promise<number> {
    const { count } = batch;
    const device = owner.id;
    check(batch, owner.blockBytes, this.#pump.arena.sizeBytes);
    if (count === 0) return Promise.resolve(0);
    const run = this.#free.pop() ?? new BatchRun(this, this.#pump);
    if (run.number < 0) {
      throw new RqdmError('ERR_RQDM_LIMIT', 'too many batches at once: expected at most 4094 that have not resolved');
    }
    run.begin(owner, batch);
    const { operations, positions, lengths, addresses } = batch;
    const pump = this.#pump;
    const { tag } = run;
    for (let i = 0; i < count; i++) {
      const operation = operations[i] as number;
      const isFlush = operation === OPERATION_FLUSH;
      const sector = isFlush ? 0 : (positions[i] as number) / 512;
      pump.submit(device, operation, sector, isFlush ? 0 : (lengths[i] as number) >>> 9, addresses[i] as number, tag + i);
    }
    pump.drive();
    pump.assertAlive();
    return run.result();
  }

  giveBack(run: BatchRun): void {
    run.clear();
    this.#free.push(run);
  }
}

function check(batch: IoBatch, blockBytes: number, arenaBytes: number): void {
  const { count, operations, positions, lengths, addresses, statuses } = batch;
  if (!Number.isInteger(count) || count < 0 || count > COUNT_MAX) {
    throw new RqdmError('ERR_RQDM_BATCH', `batch.count is ${count}: expected a whole number from 0 to ${COUNT_MAX}`);
  }
  const room = Math.min(operations.length, positions.length, lengths.length, addresses.length, statuses.length);
  if (room < count) {
    throw new RqdmError('ERR_RQDM_BATCH', `batch.count is ${count}, but its shortest array holds ${room}`);
  }
  for (let i = 0; i < count; i++) {
    const operation = operations[i] as number;
    if (operation === OPERATION_FLUSH) continue;
    const position = positions[i] as number;
    const length = lengths[i] as number;
    const address = addresses[i] as number;
    if (operation > OPERATION_WRITE) throw badEntry(i, 'operation', operation, '0 (read), 1 (write) or 2 (flush)');
    // blocks are powers of two, so dividing is exact; a remainder of doubles would cost a call for every I/O
    if (!Number.isSafeInteger(position) || position < 0 || !Number.isInteger(position / blockBytes))
      throw badEntry(i, 'position', position, `a multiple of ${blockBytes}`);
    if (length % blockBytes !== 0) throw badEntry(i, 'length', length, `a multiple of ${blockBytes}`);
    if ((address & 511) !== 0 || address + length > arenaBytes) {
      throw badEntry(i, 'address', address, `a multiple of 512 with ${length} bytes inside the arena of ${arenaBytes}`);
    }
  }
}

function badEntry(index: number, what: string, value: number, expected: string): RqdmError {
  const code = what === 'position' || what === 'length' ? 'ERR_RQDM_ALIGNMENT' : 'ERR_RQDM_BATCH';
  return new RqdmError(code, `batch entry ${index}: ${what} is ${value}: expected ${expected}`);
}
