// The blocking loop that chooses: inline while calls are quick, on a worker once they are not, on both where that helps.
//
// Inline calls are timed: all of the first and all after a slow one, later one in eight, because a look at the clock
// costs 70 ns. When the running average exceeds `INLINE_MICROS` beyond what the size explains, the path moves to its
// worker. There every call is timed anyway, without risk for anybody else; when calls there have become quick it moves
// back, but each relapse doubles the time it must wait. Flushes and FUA writes always go to the worker, as they wait for a
// disk by design; so do discards and written zeros, whose size says nothing about their time.
//
// Inline means in `kick`: until then a batch is collected, as a large one may be shared with a worker (share-judge.ts
// decides). The worker is given the first half and works from its front. This thread does the second half, then takes
// over what the worker has not begun, from the end, until they meet. So nobody waits for a worker that is late.
//
//   0 … worker →        ← taken over │ this thread →      n
//
// What the worker holds when they have met is in flight on it as any I/O of a worker path, with all that pool.ts says of
// threads that hang or die.

import { OPERATION_READ } from '../../assembly/abi.ts';
import { Collected } from './collected.ts';
import type { InlinePath } from './inline-path.ts';
import { KnownPath } from './known-path.ts';
import { hasPayload, isFua, isWriting } from './operation.ts';
import type { Path } from './path.ts';
import type { Lane } from './seating.ts';
import { type Judge, type Judges, ShareJudge } from './share-judge.ts';
import { BYTE_MICROS, type WorkerPath } from './worker-path.ts';

/** Slower than this on average: not on the main thread. */
const INLINE_MICROS = 200;
const STALL_MICROS = 50_000;
const RETURN_MICROS = INLINE_MICROS / 4;
const RETURN_CALLS = 64;
const RETURN_AFTER_MS = 1000;
const RETURN_AFTER_MS_MAX = 30_000;
const TIMED_IN_A_ROW = 32;
const TIMED_ONE_IN = 8;
const NEWEST = 1 / 8;

export class AutoPath extends KnownPath implements Path {
  readonly #inline: InlinePath;
  readonly #worker: WorkerPath;
  readonly #now: () => number;
  readonly #batch = new Collected();
  readonly #judges: Judges;
  #hasWrites = false;
  #isPerforming = false;
  #isInline = true;
  #meanMicros = 0;
  #wasSlow = false;
  /** Calls to time in a row, then calls to skip until the next one. */
  #timed = TIMED_IN_A_ROW;
  #skip = TIMED_ONE_IN;
  #leftAtMs = 0;
  #returnAfterMs = RETURN_AFTER_MS;
  #callsAtLeaving = 0;

  /** `now`: milliseconds with microseconds behind the point. */
  constructor(
    inline: InlinePath,
    worker: WorkerPath,
    now: () => number = () => performance.now(),
    judges: Judges = worker.holdJudges(),
  ) {
    super(inline);
    this.#inline = inline;
    this.#worker = worker;
    this.#now = now;
    this.#judges = judges;
  }

  get loop(): 'inline' | 'worker' {
    return this.#isInline ? 'inline' : 'worker';
  }

  get inFlight(): number {
    return this.#worker.inFlight + this.#batch.count;
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    if (!this.#isInline || (operation !== OPERATION_READ && mustNotWaitHere(operation))) {
      this.#worker.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    } else if (segments === 1 && !this.#isPerforming && !this.#batch.isFull) {
      if (isWriting(operation)) this.#hasWrites = true;
      this.#batch.add(id, operation, position, bytes, address);
    } else {
      // Its table of segments is valid only now.
      this.#perform(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    }
  }

  /** One call on this thread. */
  #perform(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    if (this.#timed === 0 && --this.#skip > 0) {
      this.#inline.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    } else {
      const before = this.#now();
      this.#inline.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
      this.#measure(before, this.#now(), bytes);
    }
  }

  #measure(beforeMs: number, afterMs: number, bytes: number): void {
    if (this.#timed > 0) this.#timed--;
    this.#skip = TIMED_ONE_IN;
    const micros = (afterMs - beforeMs) * 1000 - bytes * BYTE_MICROS;
    const isSlow = micros > INLINE_MICROS;
    if (isSlow) this.#timed = TIMED_IN_A_ROW;
    // One call may be slow, even for long, because this thread lost its processor for a while: that alone is no reason to
    // leave. But nobody wants to see a long stall after another slow call a third time.
    const weighed = micros > STALL_MICROS && this.#wasSlow ? micros : Math.min(micros, INLINE_MICROS * 4);
    this.#wasSlow = isSlow;
    this.#meanMicros += (weighed - this.#meanMicros) * NEWEST;
    if (this.#meanMicros <= INLINE_MICROS) return;
    this.#isInline = false;
    this.#leftAtMs = afterMs;
    this.#callsAtLeaving = this.#worker.calls;
  }

  kick(): void {
    if (this.#batch.count > 0 && !this.#isPerforming) this.#performBatch();
    if (this.#worker.inFlight > 0) this.#worker.kick();
    if (!this.#isInline) this.#considerReturn();
  }

  #performBatch(): void {
    const batch = this.#batch;
    this.#isPerforming = true;
    const { count, totalBytes } = batch;
    const judge = this.#hasWrites ? this.#judges.writes : this.#judges.reads;
    if (judge.isLarge(count, totalBytes)) this.#performLarge(judge, count, ShareJudge.unitsOf(count, totalBytes));
    else this.#performRun(0, count);
    batch.clear();
    this.#hasWrites = false;
    this.#isPerforming = false;
  }

  #performLarge(judge: Judge, count: number, units: number): void {
    const from = this.#now();
    const lane = judge.wantsToShare(from) ? this.#worker.helper(count) : undefined;
    if (lane === undefined) {
      this.#performRun(0, count);
      judge.noteAlone(units, from, this.#now());
      return;
    }
    // One entry more for the helper of an odd number: it is the only one of a batch of one, for tests.
    const half = count - (count >>> 1);
    const first = this.#worker.give(lane, this.#batch, half, from);
    this.#performRun(half, count);
    const met = this.#takeOver(lane, first, half);
    const isDone = this.#worker.meet(lane, first, met, this.#now);
    judge.noteShared(units, from, this.#now(), met / count, isDone);
  }

  /** From the end of the helper's part until it has begun. Returns where. */
  #takeOver(lane: Lane, first: number, end: number): number {
    for (let i = end; i > 0; i--) {
      if (!this.#worker.takeOver(lane, (first + i - 1) | 0)) return i;
      this.#performOne(i - 1);
    }
    return 0;
  }

  #performRun(from: number, to: number): void {
    for (let i = from; i < to; i++) this.#performOne(i);
  }

  #performOne(i: number): void {
    const { ids, operations, positions, lengths, addresses } = this.#batch;
    const bytes = lengths[i];
    // A call of this batch may have shown that calls are slow.
    if (!this.#isInline) this.#worker.issue(ids[i], operations[i], positions[i], bytes, addresses[i], 1, NO_SEGMENTS, 0);
    else this.#perform(ids[i], operations[i], positions[i], bytes, addresses[i], 1, NO_SEGMENTS, 0);
  }

  #considerReturn(): void {
    const { calls, meanMicros } = this.#worker;
    if (calls - this.#callsAtLeaving < RETURN_CALLS || meanMicros > RETURN_MICROS) return;
    const now = this.#now();
    if (now - this.#leftAtMs < this.#returnAfterMs) return;
    this.#isInline = true;
    this.#meanMicros = 0;
    this.#wasSlow = false;
    this.#timed = TIMED_IN_A_ROW;
    this.#returnAfterMs = Math.min(RETURN_AFTER_MS_MAX, this.#returnAfterMs * 2);
  }

  /** The worker path holds what both use, and lets go of it. */
  close(graceMs?: number): Promise<void> {
    if (this.#batch.count > 0) {
      this.kick();
      this.#worker.sink.wake();
    }
    return this.#worker.close(graceMs);
  }
}

function mustNotWaitHere(word: number): boolean {
  return !hasPayload(word) || isFua(word);
}

const NO_SEGMENTS = new Uint32Array(0);
