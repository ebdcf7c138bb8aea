// Which path sits on which threads of the pool.
//
// A healthy path sits on every shared thread: a large batch is spread over them, a small one goes where least waits. A
// slow path gets threads of its own (its calls wait, so several at a time are worth it), and so does one that hung a
// shared thread; it then holds up nobody else.

import { type PoolClient, RingThread } from './ring-thread.ts';

export interface Lane {
  thread: RingThread;
  /** The path's number on that thread. */
  handle: number;
}

/** A path's places on threads. */
export interface PoolSeat {
  readonly client: PoolClient;
  readonly lanes: Lane[];
  /** It shares its threads with nobody. */
  isOwn: boolean;
  /** Threads that this path has hung: each until it has ended. Until then they may use the path's descriptors. */
  readonly stuck: Set<Promise<void>>;
}

export interface SeatingOptions {
  readonly sharedThreads: number;
  readonly ownThreads: number;
}

/** All slow paths together; beyond this each gets one. */
const OWN_THREADS_IN_ALL = 16;

export class Seating {
  /** All threads that take I/O. */
  readonly threads: Set<RingThread> = new Set();
  readonly #options: SeatingOptions;
  readonly #shared: RingThread[] = [];
  readonly #seats = new Map<PoolClient, PoolSeat>();

  constructor(options: SeatingOptions) {
    this.#options = options;
  }

  attach(client: PoolClient): PoolSeat {
    while (this.#shared.length < this.#options.sharedThreads) this.#shared.push(this.#addThread(false));
    const seat: PoolSeat = { client, lanes: this.#shared.map((thread) => sit(client, thread)), isOwn: false, stuck: new Set() };
    this.#seats.set(client, seat);
    return seat;
  }

  seatOf(client: PoolClient): PoolSeat | undefined {
    return this.#seats.get(client);
  }

  /** The path has nothing in flight any more. */
  detach(seat: PoolSeat): void {
    this.#leave(seat);
    for (const thread of this.threads) thread.forget(seat.client);
    this.#seats.delete(seat.client);
  }

  /** Gives a path threads of its own. What it has in flight stays where it is. */
  isolate(seat: PoolSeat): void {
    if (seat.isOwn) return;
    this.#leave(seat);
    let owned = 0;
    for (const thread of this.threads) owned += thread.isDedicated ? 1 : 0;
    const count = owned + this.#options.ownThreads > OWN_THREADS_IN_ALL ? 1 : this.#options.ownThreads;
    for (let i = 0; i < count; i++) seat.lanes.push(sit(seat.client, this.#addThread(true)));
    seat.isOwn = true;
  }

  /** Another thread takes the place of `thread`, which gets no more I/O. */
  replace(thread: RingThread): void {
    thread.isAbandoned = true;
    this.threads.delete(thread);
    const at = this.#shared.indexOf(thread);
    if (at < 0 && thread.clientCount === 0) return;
    const fresh = this.#addThread(thread.isDedicated);
    if (at >= 0) this.#shared[at] = fresh;
    for (const seat of this.#seats.values()) {
      const lane = seat.lanes.findIndex((one) => one.thread === thread);
      if (lane >= 0) seat.lanes[lane] = sit(seat.client, fresh);
    }
  }

  /** A thread that served one path, which has left, goes with its task. */
  dropIfUnused(thread: RingThread): void {
    if (thread.isDedicated && thread.clientCount === 0 && thread.inFlight === 0 && !thread.isRunning)
      this.threads.delete(thread);
  }

  #leave(seat: PoolSeat): void {
    for (const { thread } of seat.lanes.splice(0)) {
      thread.leave();
      this.dropIfUnused(thread);
    }
  }

  #addThread(isDedicated: boolean): RingThread {
    const thread = new RingThread(isDedicated);
    this.threads.add(thread);
    return thread;
  }
}

function sit(client: PoolClient, thread: RingThread): Lane {
  return { thread, handle: thread.seat(client) };
}
