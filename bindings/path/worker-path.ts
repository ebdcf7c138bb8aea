// The blocking loop on a path worker: `issue` writes an entry of a ring, `kick` wakes the worker once for the batch.

import { STATUS_TIMEOUT } from '../../assembly/abi.ts';
import type { BackendDescription } from './backend/backend.ts';
import { CLOSE_GRACE_MS, IdleWait, KnownPath, type PathFacts } from './known-path.ts';
import type { Path, PathSink } from './path.ts';
import type { PathPool, PoolClient, PoolSeat } from './pool.ts';
import type { Lane } from './seating.ts';

/** A call may take longer by this for each byte before it counts as slow: copying alone takes some time. */
export const BYTE_MICROS: number = 0.5 / 1024;

/** So many of a batch go to one thread before another is considered: waking one costs what two calls do. */
const RUN_SHARED = 16;
/** On threads of its own a path is there because its calls wait: one after the other. */
const RUN_OWN = 1;

/** One call may be slow because its thread lost the processor for a while: it counts as at most so many times too slow. */
const OUTLIER = 8;

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
  readonly #release: () => void;
  readonly #idle = new IdleWait();
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

  settle(id: number, status: number, goodBytes: number, bytes: number, micros: number): void {
    this.inFlight--;
    if (micros >= 0) {
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
    await this.#idle.wait(this.inFlight === 0, graceMs);
    if (this.inFlight > 0) this.#pool.abandonPath(this.#seat);
    this.#pool.detach(this.#seat);
    // A stuck thread may still be using the descriptors; their numbers must not be given to another file before it is gone.
    const { stuck } = this.#seat;
    if (stuck.size === 0) this.#release();
    else void Promise.all(stuck).then(this.#release);
  }
}
