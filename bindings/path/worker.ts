// The blocking loop of a path worker: one long Piscina task. It performs the entries of its ring in order, straight into
// the shared arena, and is parked in Atomics.wait between batches. The task ends by itself when nothing came for a while
// (so an idle device does not keep the process alive), when it is told to stop, or when it meets a path that it was not
// given at its start; the main thread then runs it again, with all paths.

import type { MessagePort } from 'node:worker_threads';
import { STATUS_IOERR, STATUS_OK } from '../../assembly/abi.ts';
import { type Backend, type BackendDescription, loadBackend } from './backend/backend.ts';
import {
  CLAIM_DONE,
  CLAIM_NEW,
  CLAIM_TAKEN,
  CLAIM_TAKEN_OVER,
  CONTROL_COMPLETED,
  CONTROL_READY,
  CONTROL_SIGNAL,
  CONTROL_SLEEPING,
  CONTROL_SPIN,
  CONTROL_STOP,
  CONTROL_SUBMITTED,
  ENTRY_ADDRESS,
  ENTRY_CLAIM,
  ENTRY_GOOD,
  ENTRY_HANDLE,
  ENTRY_LENGTH,
  ENTRY_OPERATION,
  ENTRY_SEGMENT,
  ENTRY_SEGMENTS,
  ENTRY_STATUS,
  ENTRY_WORDS,
  RING_ENTRIES,
  RingViews,
  ringBell,
} from './ring.ts';

/** What a task is given. */
export interface RingTask {
  readonly ring: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  readonly arena: ArrayBufferLike;
  /** The task ends when nothing came for so long. */
  readonly idleMs: number;
  readonly paths: readonly { readonly handle: number; readonly description: BackendDescription }[];
  /** Rung instead of the bell where the main thread has no Atomics.waitAsync. */
  readonly port: MessagePort | undefined;
}

/** Answers that have waited so long are told before the batch is over. */
const TELL_AFTER_MS = 0.2;

export async function runRing(task: RingTask): Promise<void> {
  const backends: (Backend | undefined)[] = [];
  for (const path of task.paths) backends[path.handle] = await loadBackend(path.description);
  const ring = new RingViews(task.ring);
  const bell = new Int32Array(task.bell);
  const { control } = ring;
  // This isolate is ours alone: an error here becomes a number, and its trace would cost 30 µs.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const loop = new RingLoop(task, ring, bell, backends);
  const spinner = new Spinner();
  try {
    Atomics.store(control, CONTROL_READY, 1);
    for (;;) {
      // Read in this order: whoever stops us sets STOP first and signals then.
      const signal = Atomics.load(control, CONTROL_SIGNAL);
      if (Atomics.load(control, CONTROL_STOP) !== 0) break;
      if (loop.performAll()) continue;
      if (loop.hasMetUnknownPath) break;
      if (spinner.spin(control, signal)) continue;
      Atomics.store(control, CONTROL_SLEEPING, 1);
      const outcome = Atomics.wait(control, CONTROL_SIGNAL, signal, task.idleMs);
      Atomics.store(control, CONTROL_SLEEPING, 0);
      if (outcome === 'timed-out') break;
    }
  } finally {
    Atomics.store(control, CONTROL_READY, 0);
    loop.tell();
    Error.stackTraceLimit = stackTraceLimit;
    task.port?.close();
  }
}

/** After looking in vain so many sleeps come at once; twice as many after each further time, up to the limit. */
const SLEEPS_MIN = 4;
const SLEEPS_MAX = 256;

/**
 * Looks for work before sleeping, for as long as the main thread wishes: to be woken costs more than what is often shared.
 * Who looks in vain had better sleep: it may sit on the main thread's own processor, and keep it from giving work at all.
 */
class Spinner {
  #sleeps = 0;
  #sleepsNext = SLEEPS_MIN;

  /** True when there is a new signal. */
  spin(control: Int32Array, signal: number): boolean {
    const micros = Atomics.load(control, CONTROL_SPIN);
    if (micros === 0 || this.#sleeps-- > 0) return false;
    const end = performance.now() + micros / 1000;
    do {
      for (let i = 0; i < 32; i++) {
        if (Atomics.load(control, CONTROL_SIGNAL) === signal) continue;
        this.#sleepsNext = SLEEPS_MIN;
        return true;
      }
    } while (performance.now() < end);
    this.#sleeps = this.#sleepsNext;
    this.#sleepsNext = Math.min(SLEEPS_MAX, 2 * this.#sleepsNext);
    return false;
  }
}

class RingLoop {
  hasMetUnknownPath = false;
  readonly #ring: RingViews;
  readonly #bell: Int32Array;
  readonly #port: MessagePort | undefined;
  readonly #arena: Uint8Array;
  readonly #backends: readonly (Backend | undefined)[];
  #completed: number;
  #toldAt: number;

  constructor(task: RingTask, ring: RingViews, bell: Int32Array, backends: readonly (Backend | undefined)[]) {
    this.#ring = ring;
    this.#bell = bell;
    this.#port = task.port;
    this.#arena = new Uint8Array(task.arena);
    this.#backends = backends;
    this.#completed = Atomics.load(ring.control, CONTROL_COMPLETED);
    this.#toldAt = performance.now();
  }

  /** Performs what is there. False when there was nothing. */
  performAll(): boolean {
    const { control, words } = this.#ring;
    const first = this.#completed;
    let clock = performance.now();
    this.#toldAt = clock;
    // What was published while the batch ran belongs to it.
    while (this.#completed !== Atomics.load(control, CONTROL_SUBMITTED)) {
      const at = (this.#completed & (RING_ENTRIES - 1)) * ENTRY_WORDS;
      if (Atomics.load(words, at + ENTRY_CLAIM) === CLAIM_TAKEN_OVER) {
        this.#pass();
        continue;
      }
      const backend = this.#backends[words[at + ENTRY_HANDLE]];
      if (backend === undefined) {
        this.hasMetUnknownPath = true;
        break;
      }
      const claim = Atomics.compareExchange(words, at + ENTRY_CLAIM, CLAIM_NEW, CLAIM_TAKEN);
      if (claim === CLAIM_TAKEN_OVER) continue; // this very moment
      if (claim !== CLAIM_NEW) break;
      this.#perform(backend, at);
      const now = performance.now();
      words[at + ENTRY_CLAIM] = CLAIM_DONE + Math.min(0x7fffffff, Math.round((now - clock) * 1000));
      this.#pass();
      clock = now;
      if (now - this.#toldAt > TELL_AFTER_MS) this.tell();
      if (Atomics.load(control, CONTROL_STOP) !== 0) break;
    }
    if (this.#completed === first) return false;
    this.tell();
    return true;
  }

  #pass(): void {
    this.#completed = (this.#completed + 1) | 0;
    Atomics.store(this.#ring.control, CONTROL_COMPLETED, this.#completed);
  }

  #perform(backend: Backend, at: number): void {
    const { words, doubles, segments } = this.#ring;
    const bytes = words[at + ENTRY_LENGTH];
    let status: number;
    try {
      status = backend.perform(
        this.#arena,
        words[at + ENTRY_OPERATION],
        doubles[at >>> 1],
        bytes,
        words[at + ENTRY_ADDRESS],
        words[at + ENTRY_SEGMENTS],
        segments,
        words[at + ENTRY_SEGMENT],
      );
    } catch {
      backend.goodBytes = 0;
      status = STATUS_IOERR;
    }
    words[at + ENTRY_STATUS] = status;
    words[at + ENTRY_GOOD] = status === STATUS_OK ? bytes : backend.goodBytes;
  }

  /** Tells the main thread that there are answers, if it waits for them. */
  tell(): void {
    this.#toldAt = performance.now();
    if (this.#port === undefined) ringBell(this.#bell);
    else this.#port.postMessage(0);
  }
}
