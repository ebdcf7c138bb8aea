// The threads behind all worker paths of a mapper. Piscina owns them, rings carry the I/O: a task for each I/O would cost
// 40 µs and more, an entry of a ring a fraction of one.
//
// Sharing: paths share a few threads; one whose calls turn out slow gets threads of its own (seating.ts).
// Life:    threads start at the first dispatch. A ring's task ends after an idle time and is run again when there is work.
//          While I/O is in flight a timer that holds the event loop keeps the process alive, otherwise nothing does.
// Death:   a thread that is gone is fenced: what was in flight on it ends with STATUS_TRANSPORT, the next I/O starts a
//          fresh thread. What paths had waiting behind the call of another one that it died in goes on elsewhere.
// Hanging: no answer for `hangMs`. Node cannot end a thread inside a system call, so it is left alone and written off:
//            not begun, of the path that hangs   STATUS_TIMEOUT: it was never performed, nor will be
//            not begun, of other paths           moved to another thread
//            begun, a read or flush              STATUS_TIMEOUT, and the payload's range is quarantined
//            begun, a write (or what else        held until the thread answers or leaves (rule 11); after
//            changes what is stored)             `unknownFateMs` STATUS_UNKNOWN_FATE, and quarantined
//          What the thread answers later is counted in `lateAnswers` and otherwise ignored.

import { STATUS_TIMEOUT, STATUS_TRANSPORT, STATUS_UNKNOWN_FATE } from '../../assembly/abi.ts';
import { hasPayload, isWriting } from './operation.ts';
import type { PathSink } from './path.ts';
import { PoolTasks, type RunOutcome } from './pool-tasks.ts';
import { BELL_ARMED, BELL_BYTES, BELL_WAKE, ringBell } from './ring.ts';
import { type LooseEntry, type PoolClient, type RingThread, segmentsOf } from './ring-thread.ts';
import { type Lane, type PoolSeat, Seating } from './seating.ts';
import { ShareJudges } from './share-judge.ts';
import type { SharedMemory } from './shared-memory.ts';

export type { PoolClient } from './ring-thread.ts';
export type { PoolSeat } from './seating.ts';

/** Keeps a range of the arena from being given out before `until` has settled. */
export type Quarantine = (address: number, length: number, until: Promise<unknown>) => void;

export interface PathPoolOptions {
  /** The arena that all paths of the pool read and write. */
  readonly arenaMemory: () => SharedMemory;
  readonly quarantine: Quarantine;
  /** Threads that healthy paths share. Default 2. */
  readonly sharedThreads?: number;
  /** Without an answer for so long a thread counts as hanging. Default 30 000. */
  readonly hangMs?: number;
  /** So long a write of a hanging thread is held. Default 60 000, from the same moment as hangMs. */
  readonly unknownFateMs?: number;
  /** A ring's task ends after so long without work. Default 200: running it again costs 0.1 ms. */
  readonly idleMs?: number;
  /** Calls of a path slower than this on average earn it threads of its own: microseconds. Default 100. */
  readonly slowMicros?: number;
  /** How many, as long as few paths are slow. Default 4. */
  readonly ownThreads?: number;
  /** Milliseconds, monotonic. Only hanging is judged by it. */
  readonly now?: () => number;
  /** For tests: false takes the way without Atomics.waitAsync. */
  readonly hasWaitAsync?: boolean;
  /** Told of threads that died or hang, for the log. */
  readonly report?: (message: string, cause?: unknown) => void;
}

interface HeldEntry {
  readonly entry: LooseEntry;
  readonly deadlineMs: number;
  readonly gone: Promise<void>;
}

interface WaitAsyncAtomics {
  waitAsync?(array: Int32Array, index: number, value: number): { async: boolean; value: Promise<string> | string };
}

const waitAsync = (Atomics as unknown as WaitAsyncAtomics).waitAsync;

/** A path that hangs every thread it gets would take one thread each time somebody tries it. */
const STUCK_THREADS_MAX = 4;

export class PathPool {
  /** Which batches of quick calls are shared with its threads. */
  readonly judges: ShareJudges = new ShareJudges();
  /** Answers that came after they had been given up. */
  lateAnswers = 0;
  readonly #options: Required<Omit<PathPoolOptions, 'report'>> & Pick<PathPoolOptions, 'report'>;
  readonly #bell = new Int32Array(new SharedArrayBuffer(BELL_BYTES));
  readonly #tasks: PoolTasks;
  readonly #seating: Seating;
  readonly #threads: ReadonlySet<RingThread>;
  readonly #held = new Set<HeldEntry>();
  #stuckThreads = 0;
  readonly #touched: PathSink[] = [];
  #isArmed = false;
  #watchdog: NodeJS.Timeout | undefined;
  #isWatchdogHeld = false;
  #closing: Promise<void> | undefined;

  constructor(options: PathPoolOptions) {
    this.#options = {
      sharedThreads: 2,
      hangMs: 30_000,
      unknownFateMs: 60_000,
      idleMs: 200,
      slowMicros: 100,
      ownThreads: 4,
      now: () => performance.now(),
      hasWaitAsync: waitAsync !== undefined,
      ...options,
    };
    this.#seating = new Seating(this.#options);
    this.#threads = this.#seating.threads;
    this.#tasks = new PoolTasks({
      bell: this.#bell.buffer as SharedArrayBuffer,
      arenaMemory: options.arenaMemory,
      idleMs: this.#options.idleMs,
      onPortMessage: this.#options.hasWaitAsync ? undefined : () => this.#drain(),
    });
  }

  /** Threads that are there now, working, idle or hanging. */
  get threads(): number {
    return this.#tasks.threads;
  }

  /** Threads that hang now. */
  get stuckThreads(): number {
    return this.#stuckThreads;
  }

  get inFlight(): number {
    let sum = this.#held.size;
    for (const thread of this.#threads) sum += thread.inFlight;
    return sum;
  }

  get slowMicros(): number {
    return this.#options.slowMicros;
  }

  // ---- paths ------------------------------------------------------------------------------------------------------

  attach(client: PoolClient): PoolSeat {
    return this.#seating.attach(client);
  }

  /** The path has nothing in flight any more. */
  detach(seat: PoolSeat): void {
    this.#seating.detach(seat);
  }

  /** A path that hung too many threads: it takes no more I/O until one of them is back. */
  isBarred(seat: PoolSeat): boolean {
    return seat.stuck.size >= STUCK_THREADS_MAX;
  }

  /** Gives a slow path threads of its own. What it has in flight stays where it is. */
  isolate(seat: PoolSeat): void {
    this.#seating.isolate(seat);
  }

  /** After the last submit of a batch. */
  kick(thread: RingThread): void {
    if (thread.inFlight === 0) return;
    thread.publish(this.#options.now());
    if (!thread.isRunning) this.#run(thread);
    this.#hold();
    this.#arm();
  }

  // ---- sharing ----------------------------------------------------------------------------------------------------

  /** A thread that can help at once, the same whenever possible; otherwise one is started, for the next time. */
  helper(seat: PoolSeat): Lane | undefined {
    if (seat.stuck.size > 0 || this.#closing !== undefined) return undefined;
    for (const lane of seat.lanes) if (lane.thread.isFree) return lane;
    for (const { thread } of seat.lanes) if (thread.isRunning) return undefined;
    this.#run(seat.lanes[0].thread);
    return undefined;
  }

  /** After a shared batch: what the helper has done is answered. True if that was all. */
  collect(thread: RingThread): boolean {
    thread.drain(this.#options.now(), this.#touched);
    this.#wakeTouched();
    if (thread.inFlight === 0) return true;
    this.#hold();
    this.#arm();
    return false;
  }

  // ---- tasks ------------------------------------------------------------------------------------------------------

  #run(thread: RingThread): void {
    thread.isRunning = true;
    thread.ended = this.#tasks.run(thread).then((outcome) => this.#onTaskEnd(thread, outcome));
  }

  #onTaskEnd(thread: RingThread, outcome: RunOutcome): void {
    thread.noteGone();
    this.#rescueBell();
    if (thread.isAbandoned) return;
    this.#drain();
    if (outcome.error === undefined) {
      // It ended by idling, or met a new path; work may have come meanwhile.
      if (thread.inFlight > 0 && this.#closing === undefined) this.#run(thread);
      else this.#seating.dropIfUnused(thread);
      if (this.#closing === undefined || thread.inFlight === 0) return;
    }
    if (outcome.error !== undefined) this.#options.report?.('a path worker is gone', outcome.error);
    this.#buryThread(thread);
    this.#wakeTouched();
  }

  #buryThread(thread: RingThread): void {
    const entries = thread.takeBack();
    const fatal = this.#closing === undefined ? entries.find((entry) => entry.isTaken) : undefined;
    this.#seating.replace(thread);
    const moved = new Set<RingThread>();
    for (const entry of entries) {
      // Each death takes at least the call with it in which it happened, so nothing is moved for ever.
      if (fatal === undefined || entry.isTaken || entry.client === fatal.client) this.#settle(entry, STATUS_TRANSPORT);
      else moved.add(this.#submitAgain(entry));
    }
    for (const other of moved) this.kick(other);
  }

  #settle(entry: LooseEntry, status: number, goodBytes = 0): void {
    const { sink } = entry.client;
    if (!this.#touched.includes(sink)) this.#touched.push(sink);
    entry.client.settle(entry.id, status, goodBytes, entry.bytes, -1);
  }

  // ---- answers ----------------------------------------------------------------------------------------------------

  readonly #onBell = (): void => {
    this.#isArmed = false;
    this.#drain();
  };

  #drain(): void {
    const now = this.#options.now();
    for (const thread of this.#threads) thread.drain(now, this.#touched);
    this.#wakeTouched();
    if (this.inFlight > 0) this.#arm();
    else this.#letGo();
  }

  #wakeTouched(): void {
    for (let sink = this.#touched.pop(); sink !== undefined; sink = this.#touched.pop()) sink.wake();
  }

  /** Asks the workers to ring. At most one wait is pending, so nothing piles up while a device is idle. */
  #arm(): void {
    if (this.#isArmed || !this.#options.hasWaitAsync || waitAsync === undefined) return;
    this.#isArmed = true;
    Atomics.store(this.#bell, BELL_WAKE, 0);
    const waiting = waitAsync.call(Atomics, this.#bell, BELL_WAKE, 0);
    Atomics.store(this.#bell, BELL_ARMED, 1);
    if (waiting.async) void (waiting.value as Promise<string>).then(this.#onBell);
    else queueMicrotask(this.#onBell);
    // An answer that came before the bell was armed rang nothing: ring for it.
    for (const thread of this.#threads) {
      if (thread.hasAnswers) {
        ringBell(this.#bell);
        break;
      }
    }
  }

  /** A thread that died between taking the bell and ringing it would leave us waiting for ever. */
  #rescueBell(): void {
    if (!this.#isArmed || Atomics.load(this.#bell, BELL_ARMED) !== 0) return;
    Atomics.store(this.#bell, BELL_WAKE, 1);
    Atomics.notify(this.#bell, BELL_WAKE);
  }

  // ---- hanging ----------------------------------------------------------------------------------------------------

  #hold(): void {
    if (this.#isWatchdogHeld) return;
    this.#isWatchdogHeld = true;
    const everyMs = Math.max(5, Math.min(1000, Math.min(this.#options.hangMs, this.#options.unknownFateMs) / 4));
    this.#watchdog ??= setInterval(() => this.watch(), everyMs);
    this.#watchdog.ref();
  }

  #letGo(): void {
    if (!this.#isWatchdogHeld) return;
    this.#isWatchdogHeld = false;
    this.#watchdog?.unref();
  }

  /** Looks for threads that hang and for held writes whose time is over. Called by a timer; tests call it by hand. */
  watch(): void {
    const now = this.#options.now();
    this.#rescueBell();
    for (const thread of [...this.#threads]) {
      thread.drain(now, this.#touched);
      if (thread.inFlight > 0 && now - thread.progressAtMs >= this.#options.hangMs) this.#abandon(thread);
    }
    for (const held of [...this.#held]) {
      if (now >= held.deadlineMs) this.#giveUp(held);
    }
    this.#wakeTouched();
    if (this.inFlight === 0) this.#letGo();
  }

  #giveUp(held: HeldEntry): void {
    this.#held.delete(held);
    this.#quarantine(held.entry, held.gone);
    this.#settle(held.entry, isWriting(held.entry.operation) ? STATUS_UNKNOWN_FATE : STATUS_TIMEOUT);
  }

  #quarantine(entry: LooseEntry, gone: Promise<void>): void {
    if (!hasPayload(entry.operation)) return;
    if (entry.segments === undefined) {
      this.#options.quarantine(entry.address, entry.bytes, gone);
      return;
    }
    for (let i = 0; i < entry.segments.length; i += 2) this.#options.quarantine(entry.segments[i], entry.segments[i + 1], gone);
  }

  /** Writes a thread off. With `closing` it is left not because it hangs, but because that path waits no longer. */
  #abandon(thread: RingThread, closing?: PoolClient): void {
    thread.isAbandoned = true;
    thread.stop();
    const entries = thread.takeBack();
    const stuck = entries.find((entry) => entry.isTaken);
    const hung = closing ?? stuck?.client;
    const gone = thread.ended;
    this.#seating.replace(thread);
    const seat = stuck === undefined ? undefined : this.#seating.seatOf(stuck.client);
    if (seat !== undefined) {
      seat.stuck.add(gone);
      if (closing === undefined) this.#seating.isolate(seat);
    }
    this.#stuckThreads++;
    if (closing === undefined && this.#closing === undefined) {
      const of = stuck === undefined ? '' : ` (path ${stuck.client.word})`;
      this.#options.report?.(`a path worker has not answered for ${this.#options.hangMs} ms${of}; its thread is left behind`);
    }
    const moved = new Set<RingThread>();
    for (const entry of entries) {
      const isHung = hung === undefined || entry.client === hung;
      if (entry.isTaken && (isWriting(entry.operation) || !isHung)) {
        this.#held.add({ entry, deadlineMs: thread.progressAtMs + this.#options.unknownFateMs, gone });
      } else if (isHung) {
        if (entry.isTaken) this.#quarantine(entry, gone);
        this.#settle(entry, STATUS_TIMEOUT);
      } else {
        moved.add(this.#submitAgain(entry));
      }
    }
    for (const other of moved) this.kick(other);
    void gone.then(() => this.#onStuckThreadGone(thread, gone, stuck, seat));
  }

  #submitAgain(entry: LooseEntry): RingThread {
    const { thread, handle } = (this.#seating.seatOf(entry.client) as PoolSeat).lanes[0];
    const { segments } = entry;
    thread.submit(
      handle,
      entry.id,
      entry.operation,
      entry.position,
      entry.bytes,
      entry.address,
      segmentsOf(entry),
      segments ?? new Uint32Array(0),
      0,
    );
    return thread;
  }

  /** The thread came back from its call, or died. */
  #onStuckThreadGone(thread: RingThread, gone: Promise<void>, stuck: LooseEntry | undefined, seat: PoolSeat | undefined): void {
    this.#stuckThreads--;
    seat?.stuck.delete(gone);
    if (stuck === undefined) return;
    const answer = thread.lateAnswer(stuck);
    for (const held of this.#held) {
      if (held.entry !== stuck) continue;
      this.#held.delete(held);
      this.#settle(stuck, answer?.status ?? STATUS_TRANSPORT, answer?.goodBytes);
      this.#wakeTouched();
      if (this.inFlight === 0) this.#letGo();
      return;
    }
    if (answer !== undefined) this.lateAnswers++;
  }

  // ---- closing ----------------------------------------------------------------------------------------------------

  /** I/O of this path that is still unanswered is answered now, as if its thread hung. */
  abandonPath(seat: PoolSeat): void {
    for (const thread of [...this.#threads]) {
      thread.drain(this.#options.now(), this.#touched);
      if (thread.inFlight > 0 && thread.serves(seat.client)) this.#abandon(thread, seat.client);
    }
    for (const held of [...this.#held]) {
      if (held.entry.client === seat.client) this.#giveUp(held);
    }
    this.#wakeTouched();
    if (this.inFlight === 0) this.#letGo();
  }

  /** Ends all threads. Those that hang are given `graceMs` and then left. */
  close(graceMs = 1000): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    for (const thread of this.#threads) thread.stop();
    clearInterval(this.#watchdog);
    await this.#tasks.close(graceMs);
    // Tasks that have ended are told of in this turn.
    await new Promise((resolve) => setImmediate(resolve));
    // What is left sits in threads that cannot be ended: of a write nobody knows.
    for (const thread of [...this.#threads]) if (thread.inFlight > 0) this.#abandon(thread);
    for (const held of [...this.#held]) this.#giveUp(held);
    this.#wakeTouched();
    this.#isWatchdogHeld = false;
  }
}
