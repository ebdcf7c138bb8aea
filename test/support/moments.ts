// Races without luck. Two parties act on a mapper whose clock is moved event by event; the second one comes at each moment
// at which it can: before the first event, and after each one, both before and after the promises that the event has settled
// go on. So every interleaving of the second party with the first one's events is run, always in the same order.
//
// After each, `finish` holds what must be true whoever came first, and all records and all of the arena are free again.

import * as assert from 'uvu/assert';
import type { DeviceMapper, MapperOptions } from '../../bindings/index.ts';
import { poolFigures } from './mapper-parts.ts';
import { VirtualMapper } from './virtual-mapper.ts';

export interface Parties<S> {
  readonly options?: MapperOptions;
  /** What both act on. The clock runs until it is there. */
  setUp(mapper: DeviceMapper, virtual: VirtualMapper): Promise<S>;
  /** Begins in this turn of the event loop. What it rejects with fails the test. */
  first(stage: S): Promise<unknown>;
  /** Where the first one may wait for the second: virtual time after which that one comes at last. Default 100. */
  readonly latestMs?: number;
  /** Comes at one moment of the first one's life, the last one being after its end. */
  second(stage: S): Promise<unknown> | undefined;
  /** When both are done: everything that must hold. `run` moves the clock until a promise has settled. */
  finish(stage: S, run: <T>(promise: Promise<T>) => Promise<T>): Promise<void>;
}

/** The moments at which the second party came. */
export interface Moments {
  readonly count: number;
  /** Virtual time of each, nanoseconds. */
  readonly timesNs: readonly number[];
}

/** Turns without an event after which nothing will happen any more. */
const IDLE_TURNS_MAX = 100;
const IDLE_MOMENTS = 3;
const LATEST_MS = 100;
const LIMITS = { devices: 16, bios: 256, requests: 128, arenaBytes: 512 * 1024, submits: 64 } as const;

export async function atEveryMoment<S>(parties: Parties<S>): Promise<Moments> {
  const timesNs: number[] = [];
  for (let moment = 0; ; moment++) {
    const outcome = await atMoment(parties, moment);
    timesNs.push(outcome.atNs);
    if (outcome.wasOver) return { count: timesNs.length, timesNs };
  }
}

async function atMoment<S>(parties: Parties<S>, moment: number): Promise<{ atNs: number; wasOver: boolean }> {
  await using virtual = new VirtualMapper({ limits: LIMITS, ...parties.options });
  const { mapper, time } = virtual;
  const free = poolFigures(mapper);
  const stage = await virtual.run(parties.setUp(mapper, virtual));
  const startNs = time.now();
  const run = new Run();
  /** Turns without an event since the last one. */
  let idle = 0;
  const come = (): void => {
    if (run.atNs !== undefined) return;
    idle = 0;
    run.atNs = time.now() - startNs;
    run.follow(parties.second(stage));
  };
  try {
    run.follow(parties.first(stage));
    let at = 0;
    if (moment === 0) come();
    while (run.open > 0 || run.atNs === undefined) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      run.check();
      const isLate = idle > IDLE_TURNS_MAX || time.now() - startNs > (parties.latestMs ?? LATEST_MS) * 1e6;
      if (run.atNs === undefined && (run.open === 0 || isLate)) {
        run.wasOver = true;
        come();
        continue;
      }
      if (idle > IDLE_TURNS_MAX) throw new Error(`${run.open} of the parties wait for ever`);
      // nothing changes from one turn without an event to the next
      if (idle < IDLE_MOMENTS && moment === ++at) come();
      idle = time.step() ? 0 : idle + 1;
      if (idle === 0 && moment === ++at) come();
    }
    run.check();
    await parties.finish(stage, (promise) => virtual.run(promise));
    await virtual.run(mapper.close());
    assert.equal(poolFigures(mapper), free, 'all records and all of the arena are free again');
  } catch (error) {
    const { message, stack } = error as Error;
    throw new Error(`at moment ${moment} (${(run.atNs ?? 0) / 1e6} ms): ${message}`, { cause: stack });
  }
  return { atNs: run.atNs ?? 0, wasOver: run.wasOver };
}

class Run {
  /** Parties that are not done. */
  open = 0;
  /** When the second party came. */
  atNs: number | undefined;
  wasOver = false;
  #error: unknown;
  #hasFailed = false;

  follow(promise: Promise<unknown> | undefined): void {
    if (promise === undefined) return;
    this.open++;
    promise.then(
      () => this.open--,
      (error: unknown) => {
        this.open--;
        this.#hasFailed = true;
        this.#error ??= error;
      },
    );
  }

  check(): void {
    if (this.#hasFailed) throw this.#error;
  }
}
