// The main thread's side of one ring: what is in flight on one path worker.
//
//   submit … submit  → publish (once a batch, wakes the worker) → drain (answers, in order)
//   takeOver: the main thread performs an entry itself that the worker has not begun (sharing)
//   takeBack: when the worker hangs or is gone, every entry not yet answered, each exactly once
//
// An entry that finds no room (1024 entries, or its segments) waits in `overflow`, in order; nothing is ever refused.

import { STATUS_OK } from '../../assembly/abi.ts';
import type { BackendDescription } from './backend/backend.ts';
import { hasPayload, hasRanges, pairsOf } from './operation.ts';
import type { PathSink } from './path.ts';
import {
  CLAIM_DONE,
  CLAIM_NEW,
  CLAIM_TAKEN,
  CLAIM_TAKEN_BACK,
  CLAIM_TAKEN_OVER,
  CONTROL_COMPLETED,
  CONTROL_READY,
  CONTROL_SIGNAL,
  CONTROL_SLEEPING,
  CONTROL_SPIN,
  CONTROL_STOP,
  CONTROL_SUBMITTED,
  createRing,
  ENTRY_ADDRESS,
  ENTRY_CLAIM,
  ENTRY_GOOD,
  ENTRY_HANDLE,
  ENTRY_ID,
  ENTRY_LENGTH,
  ENTRY_OPERATION,
  ENTRY_POSITION,
  ENTRY_SEGMENT,
  ENTRY_SEGMENTS,
  ENTRY_STATUS,
  ENTRY_WORDS,
  RING_ENTRIES,
  RING_SEGMENTS,
  type RingViews,
} from './ring.ts';

/** A path that uses a thread of the pool. */
export interface PoolClient {
  readonly word: string;
  readonly description: BackendDescription;
  readonly sink: PathSink;
  /** An I/O has ended. `goodBytes` counts from the front; `micros` is the call's own time, -1 if there was no call. */
  settle(id: number, status: number, goodBytes: number, bytes: number, micros: number): void;
}

/** An I/O outside of the ring: before it (overflow), or taken out of it. */
export interface LooseEntry {
  readonly client: PoolClient;
  readonly id: number;
  readonly operation: number;
  readonly position: number;
  readonly bytes: number;
  readonly address: number;
  /** Pairs (address, bytes) when scattered, two for each of several ranges of a DISCARD; undefined when contiguous. */
  readonly segments: Uint32Array | undefined;
  /** True when the worker has begun with it: nobody knows what it has done, and it may still use the payload. */
  readonly isTaken: boolean;
  /** Its count in the ring, to find a late answer; -1 if it was never there. */
  readonly count: number;
}

/** As `issue` counts them: pieces of memory, or ranges. */
export function segmentsOf({ operation, segments }: LooseEntry): number {
  if (segments === undefined) return 1;
  return hasRanges(operation, segments.length / 2) ? segments.length / 4 : segments.length / 2;
}

/** If shared batches come sooner one after the other, the worker looks for the next one twice as long before it sleeps. */
const SPIN_MICROS = 200;

export class RingThread {
  readonly ring: RingViews = createRing();
  /** A Piscina task runs on it, or is about to. */
  isRunning = false;
  /** Settles when its task of now, or of last, has ended; never rejects. */
  ended: Promise<void> = Promise.resolve();
  /** Nothing is submitted any more; the ring only waits for its thread to leave. */
  isAbandoned = false;
  /** When it last answered, or last got work while it had none: milliseconds of the pool's clock. */
  progressAtMs = 0;
  readonly #clients: (PoolClient | undefined)[] = [];
  #clientCount = 0;
  #submitted = 0;
  #published = 0;
  #completed = 0;
  /** Entries taken over that the worker has not passed yet: they wait for nothing. */
  #takenOver = 0;
  #sharedUntilMs = 0;
  /** Between two shared batches, on average. */
  #gapMicros = 0;
  #segmentHead = 0;
  #segmentTail = 0;
  readonly #overflow: LooseEntry[] = [];
  /** It serves one slow path alone. */
  readonly isDedicated: boolean;

  constructor(isDedicated: boolean) {
    this.isDedicated = isDedicated;
  }

  get clientCount(): number {
    return this.#clientCount;
  }

  get inFlight(): number {
    return ((this.#submitted - this.#completed) | 0) - this.#takenOver + this.#overflow.length;
  }

  serves(client: PoolClient): boolean {
    return this.#clients.includes(client);
  }

  /** What a task is given at its start: every path with its handle. */
  get paths(): { handle: number; description: BackendDescription }[] {
    return this.#clients.flatMap((client, handle) =>
      client === undefined ? [] : [{ handle, description: client.description }],
    );
  }

  /** A handle is never used for another path: a running worker still knows the old one by it. */
  seat(client: PoolClient): number {
    this.#clients.push(client);
    this.#clientCount++;
    return this.#clients.length - 1;
  }

  /** The path uses another thread from now on; what it has in flight here is still answered here. */
  leave(): void {
    this.#clientCount--;
  }

  /** The path is closed, and has nothing in flight. */
  forget(client: PoolClient): void {
    for (let handle = 0; handle < this.#clients.length; handle++) {
      if (this.#clients[handle] === client) this.#clients[handle] = undefined;
    }
  }

  submit(
    handle: number,
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): void {
    if (this.#overflow.length > 0 || !this.#write(handle, id, operation, position, bytes, address, segments, table, index)) {
      this.#overflow.push({
        client: this.#clients[handle] as PoolClient,
        id,
        operation,
        position,
        bytes,
        address,
        segments: segments > 1 ? table.slice(2 * index, 2 * (index + pairsOf(operation, segments))) : undefined,
        isTaken: false,
        count: -1,
      });
    }
  }

  /** False when there is no room. */
  #write(
    handle: number,
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): boolean {
    if (((this.#submitted - this.#completed) | 0) === RING_ENTRIES) return false;
    let segment = 0;
    if (segments > 1) {
      const pairs = pairsOf(operation, segments);
      segment = this.#placeSegments(pairs);
      if (segment < 0) return false;
      const { segments: area } = this.ring;
      for (let i = 0; i < 2 * pairs; i++) area[2 * segment + i] = table[2 * index + i];
    }
    const { words } = this.ring;
    const at = (this.#submitted & (RING_ENTRIES - 1)) * ENTRY_WORDS;
    this.ring.doubles[(at >>> 1) + ENTRY_POSITION] = position;
    words[at + ENTRY_ID] = id;
    words[at + ENTRY_OPERATION] = operation;
    words[at + ENTRY_LENGTH] = bytes;
    words[at + ENTRY_ADDRESS] = address;
    words[at + ENTRY_SEGMENTS] = segments;
    words[at + ENTRY_SEGMENT] = segment;
    words[at + ENTRY_HANDLE] = handle;
    words[at + ENTRY_CLAIM] = CLAIM_NEW;
    this.#submitted = (this.#submitted + 1) | 0;
    return true;
  }

  /** Place of `count` pairs in a row, -1 if there is none. Head and tail are places; equal means empty. */
  #placeSegments(count: number): number {
    const head = this.#segmentHead;
    const tail = this.#segmentTail;
    if (head >= tail) {
      if (head + count < RING_SEGMENTS) {
        this.#segmentHead = head + count;
        return head;
      }
      if (count >= tail) return -1;
      this.#segmentHead = count;
      return 0;
    }
    if (head + count >= tail) return -1;
    this.#segmentHead = head + count;
    return head;
  }

  /** Shows the worker what was submitted, and wakes it if it sleeps. */
  publish(nowMs: number): void {
    if (this.#published === this.#submitted) return;
    if (((this.#published - this.#completed) | 0) === this.#takenOver) this.progressAtMs = nowMs;
    this.#published = this.#submitted;
    const { control } = this.ring;
    Atomics.store(control, CONTROL_SUBMITTED, this.#submitted);
    this.#signal();
  }

  #signal(): void {
    const { control } = this.ring;
    Atomics.add(control, CONTROL_SIGNAL, 1);
    if (Atomics.load(control, CONTROL_SLEEPING) === 1) Atomics.notify(control, CONTROL_SIGNAL, 1);
  }

  // ---- sharing ----------------------------------------------------------------------------------------------------

  /**
   * Its worker serves the ring and has nothing to do: it could help now. One that has not even passed what was taken over
   * from it has no processor, and to wake it again would be in vain.
   */
  get isFree(): boolean {
    if (!this.isRunning || this.inFlight > 0 || !this.hasPassed(this.#submitted)) return false;
    return Atomics.load(this.ring.control, CONTROL_READY) === 1;
  }

  /** The next entry's count in the ring, for `takeOver` and `hasPassed`. */
  get nextCount(): number {
    return this.#submitted;
  }

  /** How many entries there is room for. */
  get room(): number {
    return RING_ENTRIES - ((this.#submitted - this.#completed) | 0);
  }

  /** Takes a published entry from the worker, for good: its answer is the caller's business. False: it has begun. */
  takeOver(count: number): boolean {
    const at = (count & (RING_ENTRIES - 1)) * ENTRY_WORDS;
    if (Atomics.compareExchange(this.ring.words, at + ENTRY_CLAIM, CLAIM_NEW, CLAIM_TAKEN_OVER) !== CLAIM_NEW) return false;
    this.#takenOver++;
    return true;
  }

  /** Whether the worker has done all entries before `count`. */
  hasPassed(count: number): boolean {
    return ((Atomics.load(this.ring.control, CONTROL_COMPLETED) - count) | 0) >= 0;
  }

  /** Publishes a part of a batch, of which the rest is performed elsewhere meanwhile. */
  beginShare(nowMs: number): void {
    const gap = Math.min((nowMs - this.#sharedUntilMs) * 1000, SPIN_MICROS * 4);
    this.#gapMicros += (gap - this.#gapMicros) / 8;
    Atomics.store(this.ring.control, CONTROL_SPIN, this.#gapMicros < SPIN_MICROS ? this.#gapMicros * 2 : 0);
    this.publish(nowMs);
  }

  endShare(nowMs: number): void {
    this.#sharedUntilMs = nowMs;
  }

  /** After its thread has gone, by itself or not. */
  noteGone(): void {
    this.isRunning = false;
    Atomics.store(this.ring.control, CONTROL_READY, 0);
  }

  /** Tells the task to end after what it does now. */
  stop(): void {
    Atomics.store(this.ring.control, CONTROL_STOP, 1);
    this.#signal();
  }

  get hasAnswers(): boolean {
    return Atomics.load(this.ring.control, CONTROL_COMPLETED) !== this.#completed;
  }

  /** Gives every answer to its path; notes in `touched` whose sinks to wake. Returns how many there were. */
  drain(nowMs: number, touched: PathSink[]): number {
    const { control, words } = this.ring;
    const completed = Atomics.load(control, CONTROL_COMPLETED);
    const count = (completed - this.#completed) | 0;
    if (count === 0) return 0;
    this.progressAtMs = nowMs;
    let last: PoolClient | undefined;
    while (this.#completed !== completed) {
      const at = (this.#completed & (RING_ENTRIES - 1)) * ENTRY_WORDS;
      const client = this.#clients[words[at + ENTRY_HANDLE]];
      const segments = words[at + ENTRY_SEGMENTS];
      if (segments > 1) this.#segmentTail = words[at + ENTRY_SEGMENT] + pairsOf(words[at + ENTRY_OPERATION], segments);
      this.#completed = (this.#completed + 1) | 0;
      if (words[at + ENTRY_CLAIM] === CLAIM_TAKEN_OVER) {
        this.#takenOver--;
        continue;
      }
      if (client === undefined) continue;
      if (client !== last) {
        last = client;
        if (!touched.includes(client.sink)) touched.push(client.sink);
      }
      // A path is judged by calls whose size explains their time: reads, writes, flushes.
      const isMeasured = hasPayload(words[at + ENTRY_OPERATION]) || words[at + ENTRY_LENGTH] === 0;
      const micros = isMeasured ? words[at + ENTRY_CLAIM] - CLAIM_DONE : -1;
      client.settle(words[at + ENTRY_ID], words[at + ENTRY_STATUS], words[at + ENTRY_GOOD], words[at + ENTRY_LENGTH], micros);
    }
    if (this.#segmentTail === this.#segmentHead) this.#segmentTail = this.#segmentHead = 0;
    if (this.#overflow.length > 0) this.#refill(nowMs);
    return count;
  }

  #refill(nowMs: number): void {
    let moved = 0;
    for (const entry of this.#overflow) {
      const segments = segmentsOf(entry);
      const handle = this.#clients.indexOf(entry.client);
      if (
        !this.#write(
          handle,
          entry.id,
          entry.operation,
          entry.position,
          entry.bytes,
          entry.address,
          segments,
          entry.segments ?? NO_SEGMENTS,
          0,
        )
      )
        break;
      moved++;
    }
    this.#overflow.splice(0, moved);
    this.publish(nowMs);
  }

  /** Everything that has no answer, oldest first. The ring answers for nothing of it any more, but see `lateAnswer`. */
  takeBack(): LooseEntry[] {
    const { words, doubles, segments: area } = this.ring;
    const entries: LooseEntry[] = [];
    for (let count = this.#completed; count !== this.#submitted; count = (count + 1) | 0) {
      const at = (count & (RING_ENTRIES - 1)) * ENTRY_WORDS;
      const claim = Atomics.compareExchange(words, at + ENTRY_CLAIM, CLAIM_NEW, CLAIM_TAKEN_BACK);
      const client = this.#clients[words[at + ENTRY_HANDLE]];
      if (client === undefined || claim === CLAIM_TAKEN_OVER) continue;
      const first = 2 * words[at + ENTRY_SEGMENT];
      const pairs = pairsOf(words[at + ENTRY_OPERATION], words[at + ENTRY_SEGMENTS]);
      entries.push({
        client,
        id: words[at + ENTRY_ID],
        operation: words[at + ENTRY_OPERATION],
        position: doubles[at >>> 1],
        bytes: words[at + ENTRY_LENGTH],
        address: words[at + ENTRY_ADDRESS],
        segments: pairs > 0 ? area.slice(first, first + 2 * pairs) : undefined,
        isTaken: claim === CLAIM_TAKEN || claim >= CLAIM_DONE,
        count,
      });
    }
    entries.push(...this.#overflow.splice(0));
    this.#completed = this.#submitted;
    this.#takenOver = 0;
    return entries;
  }

  /** How an entry that was taken back ended after all; undefined if its thread left without an answer. */
  lateAnswer(entry: LooseEntry): { status: number; goodBytes: number } | undefined {
    if (((Atomics.load(this.ring.control, CONTROL_COMPLETED) - entry.count) | 0) <= 0) return undefined;
    const at = (entry.count & (RING_ENTRIES - 1)) * ENTRY_WORDS;
    const status = this.ring.words[at + ENTRY_STATUS];
    return { status, goodBytes: status === STATUS_OK ? entry.bytes : this.ring.words[at + ENTRY_GOOD] };
  }
}

const NO_SEGMENTS = new Uint32Array(0);
