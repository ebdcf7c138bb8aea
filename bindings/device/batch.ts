// The batch call: typed arrays in, statuses out, no object for an I/O.
import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_WRITE, OPERATION_WRITE_ZEROES } from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import type { Turn } from '../time/time.ts';
import { checkSignal } from './io-options.ts';
import { type Pump, type Settler, TAG_BITS } from './pump.ts';
import { type Abortable, Signals } from './signals.ts';

/**
 * Many I/Os at once. The arrays are the caller's; between the call and the promise they belong to the device.
 * Payload lies in leases of the mapper's arena.
 */
export interface IoBatch {
  /** I/Os, 0 … 2^20; the arrays are at least as long. */
  readonly count: number;
  /** `OPERATION_READ` 0, `OPERATION_WRITE` 1, `OPERATION_FLUSH` 2, `OPERATION_DISCARD` 3, `OPERATION_WRITE_ZEROES` 9. */
  readonly operations: Uint8Array;
  /** Bytes; multiples of the device's block size. */
  readonly positions: Float64Array;
  /** Bytes; multiples of the block size, ignored for a flush. */
  readonly lengths: Uint32Array;
  /** Arena addresses (`lease.address` + an offset that is a multiple of 512); ignored where there is no payload. */
  readonly addresses: Uint32Array;
  /** `FLAG_` bits of each, or'd with those of `priorityFlags`. Default: none. */
  readonly flags?: Uint16Array | undefined;
  /** Filled in: `STATUS_OK` 0 or another `STATUS_`. */
  readonly statuses: Uint8Array;
}

export interface BatchOptions {
  /**
   * Aborting it rejects the promise at once with the signal's reason; `statuses` is not written after that. What is in
   * flight goes on: its part of a lease is given to nobody else before it has ended, but whoever still holds the lease
   * may see bytes of a read come in.
   */
  readonly signal?: AbortSignal | undefined;
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
class BatchRun implements Settler, Abortable {
  readonly number: number;
  readonly tag: number;
  readonly #batches: Batches;
  readonly #turn: Turn;
  #owner: BatchOwner | undefined;
  #statuses: Uint8Array = EMPTY;
  #left = 0;
  #failed = 0;
  #resolve: ((failed: number) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  /** While there is a signal: what it may end. */
  #batch: IoBatch | undefined;
  #signal: AbortSignal | undefined;
  /** Its caller has gone; what is in flight is nobody's. */
  isAborted = false;
  #allEnded: (() => void) | undefined;

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
    if (--this.#left === 0) this.#end();
  }

  #end(): void {
    this.#owner?.ended();
    this.#allEnded?.();
    if (!this.#resolve && !this.isAborted) return; // all has ended inside the call: `result` finds it so
    this.#resolve?.(this.#failed);
    this.#batches.giveBack(this);
  }

  /** Resolves with the number of failed I/Os; at once if all have ended already. */
  result(batch: IoBatch, signal: AbortSignal | undefined): Promise<number> {
    if (this.#left === 0) {
      const failed = this.#failed;
      this.#batches.giveBack(this);
      if (this.#turn.isDue()) return new Promise((resolve) => setImmediate(() => resolve(failed)));
      return Promise.resolve(failed);
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (signal === undefined) return;
      this.#batch = batch;
      this.#signal = signal;
      if (signal.aborted) this.#batches.abortNow(this, signal.reason);
      else this.#batches.signals.add(signal, this);
    });
  }

  /** What the core does not have yet is taken back by the sweep that follows. */
  abort(reason: unknown): void {
    const batch = this.#batch as IoBatch;
    this.isAborted = true;
    this.#statuses = EMPTY; // a write beyond the end of an array is none
    this.#signal = undefined;
    this.#batch = undefined;
    this.#resolve = undefined;
    this.#reject?.(reason);
    this.#reject = undefined;
    const until = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    this.#batches.quarantine(batch, until);
    this.#batches.aborted(this);
  }

  clear(): void {
    if (this.#signal !== undefined) this.#batches.signals.remove(this.#signal, this);
    this.#signal = undefined;
    this.#batch = undefined;
    this.#allEnded = undefined;
    this.isAborted = false;
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
  readonly signals: Signals = new Signals(() => this.#sweep());
  readonly #pump: Pump;
  readonly #free: BatchRun[] = [];
  /** Aborted since the last sweep. */
  readonly #aborted: BatchRun[] = [];

  constructor(pump: Pump) {
    this.#pump = pump;
  }

  /** Submits all of it as one plug and drives the core at once. */
  run(owner: BatchOwner, batch: IoBatch, signal: AbortSignal | undefined): Promise<number> {
    const { count } = batch;
    const device = owner.id;
    checkSignal(signal);
    check(batch, owner.blockBytes, this.#pump.arena.sizeBytes);
    if (count === 0) return Promise.resolve(0);
    const run = this.#free.pop() ?? new BatchRun(this, this.#pump);
    if (run.number < 0) {
      throw new RqdmError('ERR_RQDM_LIMIT', 'too many batches at once: expected at most 4094 that have not resolved');
    }
    run.begin(owner, batch);
    const { operations, positions, lengths, addresses, flags } = batch;
    const pump = this.#pump;
    const { tag } = run;
    for (let i = 0; i < count; i++) {
      const operation = operations[i] as number;
      const isFlush = operation === OPERATION_FLUSH;
      const sector = isFlush ? 0 : (positions[i] as number) / 512;
      const word = flags === undefined ? operation : operation | ((flags[i] as number) << 8);
      pump.submit(device, word, sector, isFlush ? 0 : (lengths[i] as number) >>> 9, addresses[i] as number, tag + i);
    }
    pump.drive();
    pump.assertAlive();
    return run.result(batch, signal);
  }

  /** Memory that an aborted batch may still read and write is given to nobody else before that has ended. */
  quarantine(batch: IoBatch, until: Promise<void>): void {
    const { arena } = this.#pump;
    for (const [address, end] of payloadOf(batch)) arena.quarantine(address, end - address, until);
  }

  aborted(run: BatchRun): void {
    this.#aborted.push(run);
  }

  /** Its signal went off while it was handed over, by a hook: nobody listened yet. */
  abortNow(run: BatchRun, reason: unknown): void {
    run.abort(reason);
    this.#sweep();
  }

  #sweep(): void {
    for (const run of this.#aborted.splice(0)) {
      this.#pump.withdraw(run.number, (index) => {
        run.settle(index, 0);
        return true;
      });
    }
    // whoever waits for the end of all I/O must look again
    this.#pump.schedule();
  }

  giveBack(run: BatchRun): void {
    run.clear();
    this.#free.push(run);
  }
}

function check(batch: IoBatch, blockBytes: number, arenaBytes: number): void {
  const { count, operations, positions, lengths, addresses, statuses, flags } = batch;
  if (!Number.isInteger(count) || count < 0 || count > COUNT_MAX) {
    throw new RqdmError('ERR_RQDM_BATCH', `batch.count is ${count}: expected a whole number from 0 to ${COUNT_MAX}`);
  }
  const room = Math.min(operations.length, positions.length, lengths.length, addresses.length, statuses.length);
  if (room < count) {
    throw new RqdmError('ERR_RQDM_BATCH', `batch.count is ${count}, but its shortest array holds ${room}`);
  }
  if (flags !== undefined && flags.length < count) {
    throw new RqdmError('ERR_RQDM_BATCH', `batch.count is ${count}, but batch.flags holds ${flags.length}`);
  }
  for (let i = 0; i < count; i++) {
    const operation = operations[i] as number;
    if (operation === OPERATION_FLUSH) continue;
    const position = positions[i] as number;
    const length = lengths[i] as number;
    const address = addresses[i] as number;
    const hasPayload = operation <= OPERATION_WRITE;
    if (!hasPayload && operation !== OPERATION_DISCARD && operation !== OPERATION_WRITE_ZEROES) {
      throw badEntry(i, 'operation', operation, OPERATIONS);
    }
    // blocks are powers of two, so dividing is exact; a remainder of doubles would cost a call for every I/O
    if (!Number.isSafeInteger(position) || position < 0 || !Number.isInteger(position / blockBytes))
      throw badEntry(i, 'position', position, `a multiple of ${blockBytes}`);
    if (length % blockBytes !== 0) throw badEntry(i, 'length', length, `a multiple of ${blockBytes}`);
    if (hasPayload && ((address & 511) !== 0 || address + length > arenaBytes)) {
      throw badEntry(i, 'address', address, `a multiple of 512 with ${length} bytes inside the arena of ${arenaBytes}`);
    }
  }
}

const OPERATIONS = '0 (read), 1 (write), 2 (flush), 3 (discard) or 9 (write zeroes)';

/** Arena ranges of a batch as [address, end], those that touch as one. */
function payloadOf({ count, operations, lengths, addresses }: IoBatch): [number, number][] {
  const ranges: [number, number][] = [];
  const order = Uint32Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => (addresses[a] as number) - (addresses[b] as number),
  );
  for (const i of order) {
    const address = addresses[i] as number;
    const end = address + (lengths[i] as number);
    const last = ranges.at(-1);
    if ((operations[i] as number) > OPERATION_WRITE || end === address) continue;
    if (last && address <= last[1]) last[1] = Math.max(last[1], end);
    else ranges.push([address, end]);
  }
  return ranges;
}

function badEntry(index: number, what: string, value: number, expected: string): RqdmError {
  const code = what === 'position' || what === 'length' ? 'ERR_RQDM_ALIGNMENT' : 'ERR_RQDM_BATCH';
  return new RqdmError(code, `batch entry ${index}: ${what} is ${value}: expected ${expected}`);
}
