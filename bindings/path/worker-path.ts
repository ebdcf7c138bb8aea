// The blocking loop on a path worker: `issue` writes an entry of a ring, `kick` wakes the worker once for the batch.

import { STATUS_TIMEOUT } from '../../assembly/abi.ts';
import type { BackendDescription } from './backend/backend.ts';
import type { Collected } from './collected.ts';
import { CLOSE_GRACE_MS, IdleWait, KnownPath, type PathFacts } from './known-path.ts';
import type { Path, PathSink } from './path.ts';
import type { PathPool, PoolClient, PoolSeat } from './pool.ts';
import type { Lane } from './seating.ts';
import type { Judges } from './share-judge.ts';

/** A call may take longer by this for each byte before it counts as slow: copying alone takes some time. */
export const BYTE_MICROS: number = 0.5 / 1024;

/** So many of a batch go to one thread before another is considered: waking one costs what two calls do. */
const RUN_SHARED = 16;
/** On threads of its own a path is there because its calls wait: one after the other. */
const RUN_OWN = 1;

/** One call may be slow because its thread lost the processor for a while: it counts as at most so many times too slow. */
const OUTLIER = 8;

/** So long a helper's last call is waited for: it has begun already, so it is quick or stuck. */
const MEET_MICROS = 40;

const NO_SEGMENTS = new Uint32Array(0);

/** Weight of the newest call in the running average. */
const NEWEST = 1 / 16;

export class WorkerPath extends KnownPath implements Path, PoolClient {
  readonly loop = 'worker';
  readonly description: BackendDescription;
  readonly sink: PathSink;
  /** Microseconds that calls took beyond what their size explains, on average. */
  meanMicros = 0;
  /** Calls measured. */
  calls = 0;
  inFlight = 0;
  readonly #pool: PathPool;
  readonly #seat: PoolSeat;
  #lane: Lane;
  /** How many more go to this lane before it is chosen anew. */
  #runLeft = 0;
  /** Shared I/Os in flight. The path is not judged by them: a helper that lost its processor makes no slow path. */
  #unmeasured = 0;
  readonly #release: () => void;
  readonly #idle = new IdleWait();
  #hasJudges = false;
  #closing: Promise<void> | undefined;

  constructor(facts: PathFacts, description: BackendDescription, sink: PathSink, pool: PathPool, release: () => void) {
    super(facts);
    this.description = description;
    this.sink = sink;
    this.#pool = pool;
    this.#release = release;
    this.#seat = pool.attach(this);
    this.#lane = this.#seat.lanes[0];
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
    const seat = this.#seat;
    if (seat.stuck.size > 0 && this.#pool.isBarred(seat)) {
      this.sink.answer(id, STATUS_TIMEOUT, 0);
      return;
    }
    if (this.#runLeft-- <= 0) this.#chooseLane();
    this.inFlight++;
    const lane = this.#lane;
    lane.thread.submit(lane.handle, id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
  }

  /** The lane where least waits. */
  #chooseLane(): void {
    const { lanes, isOwn } = this.#seat;
    let best = lanes[0];
    for (let i = 1; i < lanes.length; i++) {
      if (lanes[i].thread.inFlight < best.thread.inFlight) best = lanes[i];
    }
    this.#lane = best;
    this.#runLeft = (isOwn ? RUN_OWN : RUN_SHARED) - 1;
  }

  kick(): void {
    this.#runLeft = 0;
    for (const lane of this.#seat.lanes) this.#pool.kick(lane.thread);
  }

  /** Decides about sharing, together with all paths to the same storage. */
  holdJudges(): Judges {
    this.#hasJudges = true;
    return this.#pool.judges.hold(this.cacheKey);
  }

  // ---- sharing: `helper`, `give`, then `takeOver` from the end until it fails, then `meet` ---

  /** A thread that can help with `entries` at once; otherwise one is started, for the next time. */
  helper(entries: number): Lane | undefined {
    const lane = this.#pool.helper(this.#seat);
    return lane === undefined || lane.thread.room < entries ? undefined : lane;
  }

  /** Gives the first `entries` of a batch to a helper. Returns the count of the first in its ring. */
  give({ thread, handle }: Lane, batch: Collected, entries: number, nowMs: number): number {
    const first = thread.nextCount;
    const { ids, operations, positions, lengths, addresses } = batch;
    for (let i = 0; i < entries; i++) {
      thread.submit(handle, ids[i], operations[i], positions[i], lengths[i], addresses[i], 1, NO_SEGMENTS, 0);
    }
    this.inFlight += entries;
    this.#unmeasured += entries;
    thread.beginShare(nowMs);
    return first;
  }

  /** Takes an entry back from the helper, to be performed and answered by the caller. False: it has begun. */
  takeOver({ thread }: Lane, count: number): boolean {
    if (!thread.takeOver(count)) return false;
    this.inFlight--;
    this.#unmeasured--;
    return true;
  }

  /**
   * The helper has begun `entries` from `first` on. It is in the last of them, or done: it is waited for, but not longer than
   * a wake-up takes, and all it has done is answered. False: it is not done, and its answer comes as every worker's.
   */
  meet({ thread }: Lane, first: number, entries: number, nowMs: () => number): boolean {
    const end = first + entries;
    if (entries > 0 && !thread.hasPassed(end)) {
      const until = nowMs() + MEET_MICROS / 1000;
      while (!thread.hasPassed(end) && nowMs() < until);
    }
    thread.endShare(nowMs());
    return this.#pool.collect(thread);
  }

  settle(id: number, status: number, goodBytes: number, bytes: number, micros: number): void {
    this.inFlight--;
    if (this.#unmeasured > 0) this.#unmeasured--;
    else if (micros >= 0) {
      this.calls++;
      const { slowMicros } = this.#pool;
      const excess = Math.min(micros - bytes * BYTE_MICROS, slowMicros * OUTLIER);
      this.meanMicros += (excess - this.meanMicros) * NEWEST;
      if (this.meanMicros > slowMicros) this.#pool.isolate(this.#seat);
    }
    this.sink.answer(id, status, goodBytes >>> 9);
    if (this.inFlight === 0) this.#idle.note();
  }

  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#hasJudges) this.#pool.judges.letGo(this.cacheKey);
    await this.#idle.wait(this.inFlight === 0, graceMs);
    if (this.inFlight > 0) this.#pool.abandonPath(this.#seat);
    this.#pool.detach(this.#seat);
    // A stuck thread may still be using the descriptors; their numbers must not be given to another file before it is gone.
    const { stuck } = this.#seat;
    if (stuck.size === 0) this.#release();
    else void Promise.all(stuck).then(this.#release);
  }
}
