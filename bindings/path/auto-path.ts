// The blocking loop that chooses: inline while calls are quick, on a worker once they are not.
//
// Inline calls are timed: all of the first and all after a slow one, later one in eight, because a look at the clock
// costs 70 ns. When the running average exceeds `INLINE_MICROS` beyond what the size explains, the path moves to its
// worker. There every call is timed anyway, without risk for anybody else; when calls there have become quick it moves
// back, but each relapse doubles the time it must wait. Flushes always go to the worker: they wait for a disk by design.

import { OPERATION_FLUSH } from '../../assembly/abi.ts';
import type { InlinePath } from './inline-path.ts';
import { KnownPath } from './known-path.ts';
import type { Path } from './path.ts';
import { BYTE_MICROS, type WorkerPath } from './worker-path.ts';

/** Slower than this on average: not on the main thread. */
export const INLINE_MICROS = 200;
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
  #isInline = true;
  #meanMicros = 0;
  /** Calls to time in a row, then calls to skip until the next one. */
  #timed = TIMED_IN_A_ROW;
  #skip = TIMED_ONE_IN;
  #leftAtMs = 0;
  #returnAfterMs = RETURN_AFTER_MS;
  #callsAtLeaving = 0;

  /** `now`: milliseconds with microseconds behind the point. */
  constructor(inline: InlinePath, worker: WorkerPath, now: () => number = () => performance.now()) {
    super(inline);
    this.#inline = inline;
    this.#worker = worker;
    this.#now = now;
  }

  get loop(): 'inline' | 'worker' {
    return this.#isInline ? 'inline' : 'worker';
  }

  get inFlight(): number {
    return this.#worker.inFlight;
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
    if (operation === OPERATION_FLUSH || !this.#isInline) {
      this.#worker.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    } else if (this.#timed === 0 && --this.#skip > 0) {
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
    if (micros > INLINE_MICROS) this.#timed = TIMED_IN_A_ROW;
    // One call may be slow because this thread lost its processor for a while: that alone is no reason to leave, unless
    // it was so long that nobody wants to see it twice.
    const weighed = micros > STALL_MICROS ? micros : Math.min(micros, INLINE_MICROS * 4);
    this.#meanMicros += (weighed - this.#meanMicros) * NEWEST;
    if (this.#meanMicros <= INLINE_MICROS) return;
    this.#isInline = false;
    this.#leftAtMs = afterMs;
    this.#callsAtLeaving = this.#worker.calls;
  }

  kick(): void {
    if (this.#worker.inFlight > 0) this.#worker.kick();
    if (!this.#isInline) this.#considerReturn();
  }

  #considerReturn(): void {
    const { calls, meanMicros } = this.#worker;
    if (calls - this.#callsAtLeaving < RETURN_CALLS || meanMicros > RETURN_MICROS) return;
    const now = this.#now();
    if (now - this.#leftAtMs < this.#returnAfterMs) return;
    this.#isInline = true;
    this.#meanMicros = 0;
    this.#timed = TIMED_IN_A_ROW;
    this.#returnAfterMs = Math.min(RETURN_AFTER_MS_MAX, this.#returnAfterMs * 2);
  }

  /** The worker path holds what both use, and lets go of it. */
  close(graceMs?: number): Promise<void> {
    return this.#worker.close(graceMs);
  }
}
