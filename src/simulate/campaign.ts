// Many runs: variants times seeds, over a pool of worker threads. A run that fails is told and does not end the others; what
// comes out is in the order of variants and seeds, whatever the number of workers.

import { availableParallelism } from 'node:os';
import type { NamedScenario } from './read-scenario.ts';
import type { ShelvedTrace } from './trace-shelf.ts';
import type { RunOutput, RunTask } from './worker.ts';

export interface CampaignOptions {
  readonly rqdm: string;
  readonly scenarios: readonly Pick<NamedScenario, 'variant' | 'scenario'>[];
  readonly seeds: readonly number[];
  readonly workers: number;
  readonly traces: readonly ShelvedTrace[];
  readonly signal: AbortSignal;
  /** Where rows of a run go, if its scenario asks for them. */
  rowsFile?(run: RunName): string | undefined;
  /** A run has ended; in the order of their ends. */
  ended?(run: RunName, output: RunOutput | Error): void;
  progress?(done: number, total: number, ios: number): void;
}

export interface RunName {
  readonly variant: string;
  readonly seed: number;
}

// The part of Piscina used here. Its own declarations (5.3.2) do not pass exactOptionalPropertyTypes, so they are kept
// out of the compilation by a specifier that is not a literal.
const PISCINA: string = 'piscina';

interface PiscinaModule {
  readonly Piscina: new (
    options: Readonly<Record<string, unknown>>,
  ) => { run(task: unknown): Promise<unknown>; destroy(): Promise<void> };
}

/** Seeds of a campaign, at most. */
export const RUNS_MAX = 100_000;
const PROGRESS_MS = 250;

/** Outputs, or what went wrong, in the order of variants and seeds. Rejects with the signal's reason when it goes off. */
export async function runCampaign(
  options: CampaignOptions,
): Promise<readonly (RunName & { readonly output: RunOutput | Error })[]> {
  const { scenarios, seeds, signal } = options;
  const runs = scenarios.flatMap(({ variant, scenario }) => seeds.map((seed) => ({ variant, seed, scenario })));
  const { Piscina } = (await import(PISCINA)) as PiscinaModule;
  const threads = Math.max(1, Math.min(options.workers, runs.length));
  const pool = new Piscina({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    // a run's memory goes with its thread's garbage, not with the thread
    idleTimeout: 1000,
  });
  const counts = new SharedArrayBuffer(8 * Math.max(1, runs.length));
  const done: { variant: string; seed: number; output: RunOutput | Error }[] = [];
  const tell = (): void => {
    const ios = new Float64Array(counts).reduce((sum, count) => sum + count, 0);
    options.progress?.(Object.keys(done).length, runs.length, ios);
  };
  const timer = setInterval(tell, PROGRESS_MS);
  // threads that are in the middle of a run end with the pool
  const stop = (): void => void pool.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let place = next++; place < runs.length; place = next++) {
      const { variant, seed, scenario } = runs[place] as (typeof runs)[0];
      const rowsFile = scenario.rows ? options.rowsFile?.({ variant, seed }) : undefined;
      const { rqdm, traces } = options;
      const task: RunTask = { rqdm, scenario, variant, seed, traces, rowsFile, counts, place };
      const output = await attempt(() => pool.run(task) as Promise<RunOutput>, signal);
      done[place] = { variant, seed, output };
      options.ended?.({ variant, seed }, output);
    }
  };
  try {
    signal.throwIfAborted();
    await Promise.all(Array.from({ length: threads }, lane));
    return done;
  } finally {
    signal.removeEventListener('abort', stop);
    clearInterval(timer);
    await pool.destroy();
  }
}

async function attempt(run: () => Promise<RunOutput>, signal: AbortSignal): Promise<RunOutput | Error> {
  try {
    signal.throwIfAborted();
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error : new Error(String(error));
  }
}

export function workersDefault(): number {
  return availableParallelism();
}

/** `3`, `1..20`, `1,5,9`. Undefined: none of these. */
export function parseSeeds(text: string): number[] | undefined {
  const seeds: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last < first || seeds.length + last - first >= RUNS_MAX) return undefined;
    for (let seed = first; seed <= last; seed++) seeds.push(seed);
  }
  return [...new Set(seeds)];
}
