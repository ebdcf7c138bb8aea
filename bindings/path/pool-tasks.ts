// Running ring tasks on Piscina: one long task for each ring that has work.
// Piscina itself is imported at the first start (35 ms).

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { RqdmError } from '../errors.ts';
import type { RingThread } from './ring-thread.ts';
import type { SharedMemory } from './shared-memory.ts';
import type { RingTask } from './worker.ts';

/** How a task ended: by itself, or with the error that took its thread away. */
export interface RunOutcome {
  readonly error: unknown;
}

export interface PoolTasksOptions {
  readonly bell: SharedArrayBuffer;
  readonly arenaMemory: () => SharedMemory;
  readonly idleMs: number;
  /** Without Atomics.waitAsync: called when a worker has answers. */
  readonly onPortMessage: (() => void) | undefined;
}

// The part of Piscina used here. Its own declarations (5.3.2) do not pass exactOptionalPropertyTypes, so they are kept
// out of the program: the name stands in a variable, which TypeScript does not follow.
const PISCINA: string = 'piscina';

interface Piscina {
  readonly threads: readonly unknown[];
  run(task: RingTask, options: { name: string; transferList: readonly MessagePort[] }): Promise<unknown>;
  destroy(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): void;
}

interface PiscinaModule {
  readonly Piscina: new (options: Readonly<Record<string, unknown>>) => Piscina;
}

/** Only a limit: a thread starts when a ring needs one, and a ring task that finds none would never run. */
const THREADS_MAX = 256;
const THREAD_IDLE_MS = 10_000;

export class PoolTasks {
  readonly #options: PoolTasksOptions;
  #pool: Promise<Piscina> | undefined;
  #loaded: Piscina | undefined;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;
  /** Settles when all threads are really gone: never, while one sits in a system call. */
  #destroyed: Promise<void> | undefined;

  constructor(options: PoolTasksOptions) {
    this.#options = options;
  }

  /** Threads that are there now, working or idle. */
  get threads(): number {
    return this.#loaded?.threads.length ?? 0;
  }

  /** Runs the ring's task; resolves when it has ended. Never rejects. */
  run(thread: RingThread): Promise<RunOutcome> {
    const ended = this.#run(thread);
    this.#running.add(ended);
    void ended.then(() => this.#running.delete(ended));
    return ended;
  }

  async #run(thread: RingThread): Promise<RunOutcome> {
    try {
      this.#pool ??= createPool();
      const pool = await this.#pool;
      this.#loaded = pool;
      if (this.#isClosed) throw new RqdmError('ERR_RQDM_CLOSED', 'the pool of path workers is closed');
      await this.#runTask(pool, thread);
      return { error: undefined };
    } catch (error) {
      // Piscina gives tasks up before their threads are gone. Until then a thread may still write where it was told to.
      await this.#destroyed;
      return { error: error ?? new Error('unknown') };
    }
  }

  async #runTask(pool: Piscina, thread: RingThread): Promise<void> {
    const { onPortMessage, bell, arenaMemory, idleMs } = this.#options;
    const channel = onPortMessage === undefined ? undefined : new MessageChannel();
    if (channel !== undefined && onPortMessage !== undefined) {
      channel.port1.on('message', onPortMessage);
      channel.port1.unref();
    }
    const task: RingTask = {
      ring: thread.ring.buffer,
      bell,
      arena: arenaMemory().buffer,
      idleMs,
      paths: thread.paths,
      port: channel?.port2,
    };
    try {
      await pool.run(task, { name: 'runRing', transferList: channel === undefined ? [] : [channel.port2] });
    } finally {
      channel?.port1.close();
    }
  }

  /** Tasks have been told to stop. Waits for them at most `graceMs`, then ends the threads as far as that is possible. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    await within(graceMs, Promise.all(this.#running));
    if (this.#pool === undefined) return;
    try {
      // The end of a thread inside a system call never comes: it is not waited for longer than graceMs.
      this.#destroyed = (await this.#pool).destroy();
      await within(graceMs, this.#destroyed);
    } catch {
      // It could not be loaded, and every I/O has been told so.
    }
  }
}

async function createPool(): Promise<Piscina> {
  const { Piscina } = (await import(PISCINA)) as PiscinaModule;
  const pool = new Piscina({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: THREADS_MAX,
    concurrentTasksPerWorker: 1,
    idleTimeout: THREAD_IDLE_MS,
    recordTiming: false,
    // Descriptors belong to the main thread; flags of the program are not meant for our threads.
    trackUnmanagedFds: false,
    execArgv: [],
  });
  // A thread without a task may die as it likes.
  pool.on('error', () => {});
  return pool;
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
