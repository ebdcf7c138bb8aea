// I/O with a promise each: from bytes of the caller to bios and back.
//
// A transfer is cut into chunks, each one bio with a range of the arena of its own. Data is copied when
// a chunk goes (writes) or has come (reads), never after the promise has settled. Discards and zeroes have no payload
// and take nothing of the arena.
//
// A transfer whose signal goes off is rejected at once. What of it the core has not been given yet is dropped; what is
// in flight goes on, for nobody, and gives its range back when it has ended.
//
// A full arena is back-pressure: the transfer waits in its device's line. A device may have as much of
// the arena as it leaves free, so whatever one holds up, some is left for each other one.
import {
  FLAG_CLEAR,
  FLAG_NOWAIT,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_AGAIN,
  STATUS_IOERR,
} from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import { type Pump, type Settler, TAG_BITS } from './pump.ts';
import { type Abortable, Signals } from './signals.ts';

/** Largest bio: what fits a request of the default limits, so that big transfers are not split once more. */
export const CHUNK_BYTES: number = 1024 * 1024;
/** Of a small arena a bio takes at most so much, and where that much isn't free in a row, half of it, and so on. */
const CHUNKS_LEAST = 16;
const SPLIT_LEAST_BYTES = 64 * 1024;
/** Bios without payload are as long as their 32 bits of sectors allow, in a power of two so that cuts keep any alignment. */
const BARE_CHUNK_BYTES = 2 ** 31 * 512;
/** The arena range of a transfer is reused memory, so a device without data must clear it. */
const READ_CLEARED: number = FLAG_CLEAR << 8;
const NOWAIT: number = FLAG_NOWAIT << 8;
const SLOTS_MAX: number = 2 ** TAG_BITS;

/** How a transfer failed: the first status told, and what is known of it. */
export interface Failure {
  readonly status: number;
  readonly attempts: number;
  readonly path: number;
  readonly firstStatus: number;
}

/** What a device has of the arena, and its transfers with chunks left that found no room, in order. */
export class Lane {
  bytes = 0;
  readonly waiting: Transfer[] = [];
}

const WOULD_WAIT: Failure = { status: STATUS_AGAIN, attempts: 0, path: 0xffff, firstStatus: 0 };
const NOT_TRIED: Failure = { status: STATUS_IOERR, attempts: 0, path: 0xffff, firstStatus: 0 };

export interface TransferOwner {
  readonly lane: Lane;
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
export class Transfer implements Abortable {
  readonly owner: TransferOwner;
  readonly operation: number;
  /** The operation, and FLAG_ bits from bit 8 on: what a bio carries. */
  readonly word: number;
  readonly position: number;
  readonly length: number;
  /** Gone once the promise was rejected for its signal. */
  data: Uint8Array | undefined;
  readonly resolve: (value: number) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  isAborted = false;
  /** Where the next chunk begins, and where the last one ends: whole blocks. */
  next: number;
  readonly end: number;
  /** Chunks out. */
  pending = 0;
  failure: Failure | undefined;
  /** The caller's buffer was taken away meanwhile. */
  bufferError: RqdmError | undefined;

  constructor(
    owner: TransferOwner,
    word: number,
    position: number,
    length: number,
    data: Uint8Array | undefined,
    resolve: (value: number) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
  ) {
    this.owner = owner;
    const operation = word & 0xff;
    this.operation = operation;
    this.word = operation === OPERATION_READ ? word | READ_CLEARED : word;
    this.signal = signal;
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

  abort(reason: unknown): void {
    this.isAborted = true;
    this.data = undefined;
    this.reject(reason);
  }
}

export class Transfers implements Settler {
  /** Of all that waits in this mapper. */
  readonly signals: Signals = new Signals(() => this.#sweep());
  readonly #pump: Pump;
  readonly #number: number;
  readonly #tag: number;
  // a slot for each chunk that is out
  readonly #transfers: (Transfer | undefined)[] = [];
  readonly #addresses: number[] = [];
  readonly #positions: number[] = [];
  readonly #bytes: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Lanes in which transfers wait, the next in turn first. */
  readonly #lanes: Set<Lane> = new Set();
  readonly #chunkBytes: number;
  #isResuming = false;

  constructor(pump: Pump) {
    this.#pump = pump;
    this.#number = pump.addSettler(this);
    this.#tag = this.#number * 2 ** TAG_BITS;
    this.#chunkBytes = Math.min(CHUNK_BYTES, pump.arena.sizeBytes / CHUNKS_LEAST);
    pump.arena.onRoom = () => this.resume();
  }

  /** Submits what there is room for; the rest follows by itself. It goes at the end of this turn. */
  start(transfer: Transfer): void {
    this.#pump.schedule();
    if (transfer.signal !== undefined) this.signals.add(transfer.signal, transfer);
    const { lane } = transfer.owner;
    const isFirst = lane.waiting.length === 0 || transfer.operation === OPERATION_FLUSH;
    if (isFirst && this.#advance(transfer)) return;
    if (transfer.word & NOWAIT) {
      transfer.failure ??= WOULD_WAIT;
      if (transfer.pending === 0) this.#end(transfer);
      return;
    }
    lane.waiting.push(transfer);
    this.#lanes.add(lane);
  }

  /** Submits chunks while there is room. True: all are out. */
  #advance(transfer: Transfer): boolean {
    const { arena } = this.#pump;
    const { lane } = transfer.owner;
    if (transfer.operation > OPERATION_WRITE) return this.#advanceBare(transfer);
    while (transfer.next < transfer.end && transfer.failure === undefined) {
      let bytes = Math.min(this.#chunkBytes, transfer.end - transfer.next);
      if (this.#transfers.length - this.#freeSlots.length >= SLOTS_MAX) return false;
      if (lane.bytes > 0 && lane.bytes + bytes > arena.freeBytes) return false;
      if (transfer.operation === OPERATION_WRITE && isTakenAway(transfer)) {
        transfer.failure = NOT_TRIED;
        if (transfer.pending === 0) this.#end(transfer);
        return true;
      }
      let address = arena.allocate(bytes);
      if (address < 0) {
        // no such piece in a row: a smaller one, as small as need be if nothing of the device is out that could make room
        const { blockBytes } = transfer.owner;
        const least = lane.bytes === 0 ? blockBytes : Math.max(blockBytes, SPLIT_LEAST_BYTES);
        while (address < 0 && bytes > least) {
          bytes = Math.max(blockBytes, bytes / 2 - ((bytes / 2) % blockBytes));
          address = arena.allocate(bytes);
        }
        if (address < 0) return false;
      }
      lane.bytes += bytes;
      if (transfer.operation === OPERATION_WRITE) this.#copyIn(transfer, address, transfer.next, bytes);
      this.#submit(transfer, address, transfer.next, bytes, bytes);
      transfer.next += bytes;
    }
    return true;
  }

  /** What has no payload needs a slot only. */
  #advanceBare(transfer: Transfer): boolean {
    const isFlush = transfer.operation === OPERATION_FLUSH;
    while ((transfer.next < transfer.end || isFlush) && transfer.failure === undefined) {
      if (this.#transfers.length - this.#freeSlots.length >= SLOTS_MAX) return false;
      const bytes = Math.min(BARE_CHUNK_BYTES, transfer.end - transfer.next);
      this.#submit(transfer, 0, transfer.next, bytes, 0);
      if (isFlush) return true;
      transfer.next += bytes;
    }
    return true;
  }

  /** `held` is what lies in the arena: all bytes or none. */
  #submit(transfer: Transfer, address: number, position: number, bytes: number, held: number): void {
    const slot = this.#freeSlots.pop() ?? this.#transfers.length;
    this.#transfers[slot] = transfer;
    this.#addresses[slot] = address;
    this.#positions[slot] = position;
    this.#bytes[slot] = held;
    transfer.pending++;
    this.#pump.submit(transfer.owner.id, transfer.word, position / 512, bytes / 512, address, this.#tag + slot);
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
    if (isTakenAway(transfer)) return;
    const first = Math.max(position, transfer.position);
    const last = Math.min(position + bytes, transfer.position + transfer.length);
    const from = address + (first - position);
    data.set(this.#pump.arena.bytes.subarray(from, from + (last - first)), first - transfer.position);
  }

  settle(slot: number, status: number, attempts: number, path: number, firstStatus: number): void {
    const transfer = this.#transfers[slot] as Transfer;
    if (status !== 0) {
      transfer.failure ??= { status, attempts, path, firstStatus };
    } else if (transfer.operation === OPERATION_READ && transfer.failure === undefined && !transfer.isAborted) {
      this.#copyOut(transfer, this.#addresses[slot] as number, this.#positions[slot] as number, this.#bytes[slot] as number);
    }
    this.#freeChunk(transfer, slot);
  }

  #freeChunk(transfer: Transfer, slot: number): void {
    const bytes = this.#bytes[slot] as number;
    if (bytes > 0) {
      this.#pump.arena.free(this.#addresses[slot] as number, bytes);
      transfer.owner.lane.bytes -= bytes;
    }
    this.#transfers[slot] = undefined;
    this.#freeSlots.push(slot);
    transfer.pending--;
    if (this.#lanes.size > 0) this.#resumeLater();
    if (transfer.pending > 0) return;
    if (transfer.next >= transfer.end || transfer.failure !== undefined || transfer.isAborted) this.#end(transfer);
  }

  #end(transfer: Transfer): void {
    const { owner, failure, signal } = transfer;
    if (signal !== undefined && !transfer.isAborted) this.signals.remove(signal, transfer);
    if (transfer.isAborted) transfer.failure = undefined;
    else if (transfer.bufferError !== undefined) transfer.reject(transfer.bufferError);
    else if (failure === undefined) transfer.resolve(transfer.length);
    else transfer.reject(owner.failed(transfer, failure));
    owner.ended();
  }

  /** Transfers have been aborted: what the core does not have yet is dropped. */
  #sweep(): void {
    for (const lane of [...this.#lanes]) {
      let kept = 0;
      for (const transfer of lane.waiting) {
        if (!transfer.isAborted) lane.waiting[kept++] = transfer;
        else if (transfer.pending === 0) this.#end(transfer);
      }
      lane.waiting.length = kept;
      if (lane.waiting.length === 0) this.#lanes.delete(lane);
    }
    this.#pump.withdraw(this.#number, (slot) => {
      const transfer = this.#transfers[slot] as Transfer;
      if (transfer.isAborted) this.#freeChunk(transfer, slot);
      return transfer.isAborted;
    });
    // whoever waits for the end of all I/O, or for room, must look again
    this.resume();
    this.#pump.schedule();
  }

  /** Room may have come: leases of users and quarantines end without the pump knowing. */
  resume(): void {
    if (this.#lanes.size > 0) this.#resumeLater();
  }

  #resumeLater(): void {
    if (this.#isResuming) return;
    this.#isResuming = true;
    this.#pump.afterwards(() => {
      this.#isResuming = false;
      for (const lane of [...this.#lanes]) this.#resumeLane(lane);
      this.#pump.schedule();
    });
  }

  #resumeLane(lane: Lane): void {
    let given = 0;
    for (const transfer of lane.waiting) {
      if (!this.#advance(transfer)) break;
      given++;
    }
    lane.waiting.splice(0, given);
    // whoever was given something stands last the next time
    if (given > 0 || lane.waiting.length === 0) this.#lanes.delete(lane);
    if (lane.waiting.length > 0) this.#lanes.add(lane);
  }

  poison(error: RqdmError): void {
    const seen = new Set<Transfer>();
    for (const transfer of this.#transfers) if (transfer) seen.add(transfer);
    for (const lane of this.#lanes) for (const transfer of lane.waiting.splice(0)) seen.add(transfer);
    this.#lanes.clear();
    this.#transfers.length = 0;
    this.#freeSlots.length = 0;
    for (const transfer of seen) {
      transfer.failure ??= NOT_TRIED;
      if (transfer.signal !== undefined) this.signals.remove(transfer.signal, transfer);
      transfer.reject(error);
    }
  }
}

/** A buffer that was transferred or shrunk since the call has no room for the data any more. */
function isTakenAway(transfer: Transfer): boolean {
  if ((transfer.data as Uint8Array).length === transfer.length) return false;
  transfer.bufferError ??= new RqdmError(
    'ERR_RQDM_BUFFER',
    `the buffer of ${transfer.length} bytes was detached or shrunk before its I/O had ended`,
  );
  return true;
}
