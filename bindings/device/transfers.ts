// Reads, writes and flushes with a promise each: from bytes of the caller to bios and back.
//
// A transfer is cut into chunks, each one bio with a range of the arena of its own. A full arena is
// back-pressure: the transfer waits its turn. Data is copied when a chunk goes (writes) or has come
// (reads), never after the promise has settled.
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_IOERR } from '../../assembly/abi.ts';
import type { RqdmError } from '../errors.ts';
import { type Pump, type Settler, TAG_BITS } from './pump.ts';

/** Largest bio: what fits a request of the default limits, so that big transfers are not split once more. */
export const CHUNK_BYTES: number = 1024 * 1024;
const SLOTS_MAX: number = 2 ** TAG_BITS;

/** How a transfer failed: the first status told, and what is known of it. */
export interface Failure {
  readonly status: number;
  readonly attempts: number;
  readonly path: number;
  readonly firstStatus: number;
}

export interface TransferOwner {
  /** The core's number of the device. */
  readonly id: number;
  /** Sectors are multiples of this many bytes. */
  readonly blockBytes: number;
  /** Makes the error that the caller sees. */
  failed(transfer: Transfer, failure: Failure): Error;
  /** A transfer has ended. */
  ended(): void;
}

/** One promise's worth of I/O. Bytes. */
export class Transfer {
  readonly owner: TransferOwner;
  readonly operation: number;
  readonly position: number;
  readonly length: number;
  readonly data: Uint8Array | undefined;
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
  /** Where the next chunk begins, and where the last one ends: whole blocks. */
  next: number;
  readonly end: number;
  /** Chunks out. */
  pending = 0;
  failure: Failure | undefined;

  constructor(
    owner: TransferOwner,
    operation: number,
    position: number,
    length: number,
    data: Uint8Array | undefined,
    resolve: (value: number) => void,
    reject: (error: Error) => void,
  ) {
    this.owner = owner;
    this.operation = operation;
    this.position = position;
    this.length = length;
    this.data = data;
    this.resolve = resolve;
    this.reject = reject;
    const block = owner.blockBytes;
    this.next = position - (position % block);
    const end = position + length;
    this.end = end % block === 0 ? end : end - (end % block) + block;
  }
}

export class Transfers implements Settler {
  readonly #pump: Pump;
  readonly #tag: number;
  // a slot for each chunk that is out
  readonly #transfers: (Transfer | undefined)[] = [];
  readonly #addresses: number[] = [];
  readonly #positions: number[] = [];
  readonly #bytes: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Transfers with chunks left, that found no room in the arena. In order. */
  readonly #waiting: Transfer[] = [];
  #isResuming = false;

  constructor(pump: Pump) {
    this.#pump = pump;
    this.#tag = pump.addSettler(this) * 2 ** TAG_BITS;
  }

  /** Submits what there is room for; the rest follows by itself. It goes at the end of this turn. */
  start(transfer: Transfer): void {
    this.#pump.schedule();
    if (this.#waiting.length > 0 && transfer.operation !== OPERATION_FLUSH) {
      this.#waiting.push(transfer);
    } else if (!this.#advance(transfer)) {
      this.#waiting.push(transfer);
    }
  }

  /** Submits chunks while there is room. True: all are out. */
  #advance(transfer: Transfer): boolean {
    if (transfer.operation === OPERATION_FLUSH) {
      this.#submit(transfer, 0, 0, 0);
      return true;
    }
    while (transfer.next < transfer.end && transfer.failure === undefined) {
      const bytes = Math.min(CHUNK_BYTES, transfer.end - transfer.next);
      if (this.#transfers.length - this.#freeSlots.length >= SLOTS_MAX) return false;
      const address = this.#pump.arena.allocate(bytes);
      if (address < 0) return false;
      if (transfer.operation === OPERATION_WRITE) this.#copyIn(transfer, address, transfer.next, bytes);
      this.#submit(transfer, address, transfer.next, bytes);
      transfer.next += bytes;
    }
    return true;
  }

  #submit(transfer: Transfer, address: number, position: number, bytes: number): void {
    const slot = this.#freeSlots.pop() ?? this.#transfers.length;
    this.#transfers[slot] = transfer;
    this.#addresses[slot] = address;
    this.#positions[slot] = position;
    this.#bytes[slot] = bytes;
    transfer.pending++;
    this.#pump.submit(transfer.owner.id, transfer.operation, position / 512, bytes / 512, address, this.#tag + slot);
  }

  /** A write's bytes go to the arena; what a whole block holds beyond them (an odd end) is zeros. */
  #copyIn(transfer: Transfer, address: number, position: number, bytes: number): void {
    const arena = this.#pump.arena.bytes;
    const data = transfer.data as Uint8Array;
    const from = position - transfer.position;
    const available = Math.min(bytes, data.length - from);
    arena.set(from === 0 && available === data.length ? data : data.subarray(from, from + available), address);
    if (available < bytes) arena.fill(0, address + available, address + bytes);
  }

  /** A chunk's bytes go to the caller's, as far as they were asked for. */
  #copyOut(transfer: Transfer, address: number, position: number, bytes: number): void {
    const data = transfer.data as Uint8Array;
    const first = Math.max(position, transfer.position);
    const last = Math.min(position + bytes, transfer.position + transfer.length);
    const from = address + (first - position);
    data.set(this.#pump.arena.bytes.subarray(from, from + (last - first)), first - transfer.position);
  }

  settle(slot: number, status: number, attempts: number, path: number, firstStatus: number): void {
    const transfer = this.#transfers[slot] as Transfer;
    const bytes = this.#bytes[slot] as number;
    if (status !== 0) {
      transfer.failure ??= { status, attempts, path, firstStatus };
    } else if (transfer.operation === OPERATION_READ && transfer.failure === undefined) {
      this.#copyOut(transfer, this.#addresses[slot] as number, this.#positions[slot] as number, bytes);
    }
    if (bytes > 0) this.#pump.arena.free(this.#addresses[slot] as number, bytes);
    this.#transfers[slot] = undefined;
    this.#freeSlots.push(slot);
    transfer.pending--;
    if (this.#waiting.length > 0) this.#resumeLater();
    if (transfer.pending === 0 && (transfer.next >= transfer.end || transfer.failure !== undefined)) this.#end(transfer);
  }

  #end(transfer: Transfer): void {
    const { owner, failure } = transfer;
    if (failure === undefined) transfer.resolve(transfer.length);
    else transfer.reject(owner.failed(transfer, failure));
    owner.ended();
  }

  /** Room may have come: leases of users end without the pump knowing, so they call this too. */
  resume(): void {
    if (this.#waiting.length > 0) this.#resumeLater();
  }

  #resumeLater(): void {
    if (this.#isResuming) return;
    this.#isResuming = true;
    this.#pump.afterwards(() => {
      this.#isResuming = false;
      while (this.#waiting.length > 0) {
        const transfer = this.#waiting[0] as Transfer;
        if (!this.#advance(transfer)) break;
        this.#waiting.shift();
        // it failed while it waited, with nothing of it out any more
        if (transfer.pending === 0 && transfer.failure !== undefined && transfer.next < transfer.end) continue;
      }
      this.#pump.schedule();
    });
  }

  poison(error: RqdmError): void {
    const seen = new Set<Transfer>(this.#waiting);
    for (const transfer of this.#transfers) if (transfer) seen.add(transfer);
    this.#waiting.length = 0;
    this.#transfers.length = 0;
    this.#freeSlots.length = 0;
    for (const transfer of seen) {
      transfer.failure ??= { status: STATUS_IOERR, attempts: 0, path: 0xffff, firstStatus: 0 };
      transfer.reject(error);
    }
  }
}
