// `rqdm/simulate`, for programs: scenarios on virtual time, as `rqdm simulate` runs them.
//
//   const runs = await simulate('scenario.yaml', { seeds: [1, 2, 3] });
//   for (const { variant, seed, result } of runs) if (!(result instanceof Error)) use(variant, seed, result.iops);

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RqdmError } from '../../bindings/index.ts';
import { RUNS_MAX, type RunName, runCampaign, workersDefault } from './campaign.ts';
import { type NamedScenario, parseScenarios, readScenarios } from './read-scenario.ts';
import type { RunResult } from './result.ts';
import { ShelvedTraces } from './shelve-traces.ts';
import { tryScenarios } from './try-scenario.ts';

export type { RunName } from './campaign.ts';
export type { EncodedTimes } from './log-histogram.ts';
export { LogHistogram } from './log-histogram.ts';
export { type NamedScenario, ScenarioError } from './read-scenario.ts';
export type { DeviceResult, PathResult, RunResult, Times, TraceFacts } from './result.ts';
export type { Scenario } from './scenario.ts';
export { summaryCsv, tableLines, textTable } from './summary.ts';

const SEED_MAX = 999_999_999;
const WORKERS_MAX = 9999;

export interface SimulateOptions {
  /** Whole numbers, 0 to 999 999 999; each variant runs once with each. Default: 1. */
  readonly seeds?: readonly number[];
  /** Threads, 1 to 9999. Default: as many as the machine has. Results do not depend on it. */
  readonly workers?: number;
  /** Where relative names of traces begin. Default: the folder of the scenario's file, or else the current one. */
  readonly folder?: string;
  /** Ends all runs; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where rows of requests go, for a scenario with `rows: true`. Without it there are none. */
  rowsFile?(run: RunName): string | undefined;
  /** A run has ended; in the order of their ends. */
  onRun?(run: SimulatedRun): void;
  /** A few times a second: runs that have ended, of so many, and I/Os so far. */
  onProgress?(done: number, total: number, ios: number): void;
}

/** One variant with one seed. */
export interface SimulatedRun extends RunName {
  /** What `rqdm simulate --out` writes into the run's JSON file; or why there is none: other runs go on. */
  readonly result: RunResult | Error;
  /** What it writes into the CSV file: a row for each path and bin. Empty for a run that failed. */
  readonly series: string;
}

/**
 * Runs a scenario: the name of a YAML or JSON file, or what such a file would say, as an object. Resolves with all runs in the order of
 * variants and seeds. Rejects with ScenarioError (`ERR_RQDM_SCENARIO`) for a scenario that is not right, with TraceError for a trace
 * that cannot be read, with ERR_RQDM_ARGUMENT for options outside their ranges.
 */
export async function simulate(scenario: string | object, options: SimulateOptions = {}): Promise<SimulatedRun[]> {
  const { seeds = [1], workers = workersDefault(), signal = new AbortController().signal, onRun } = options;
  checkNumbers('seeds', seeds, 0, SEED_MAX);
  checkNumbers('workers', [workers], 1, WORKERS_MAX);
  const scenarios = parseScenario(scenario);
  const runs = seeds.length * scenarios.length;
  if (runs === 0 || runs > RUNS_MAX || new Set(seeds).size < seeds.length) {
    const found = runs === 0 ? 'none' : runs > RUNS_MAX ? `${runs} runs` : 'the same one twice';
    throw new RqdmError('ERR_RQDM_ARGUMENT', `seeds: ${found}: expected different ones, for at most ${RUNS_MAX} runs`);
  }
  await tryScenarios(scenarios, signal);
  const folder = options.folder ?? (typeof scenario === 'string' ? dirname(scenario) : '.');
  using shelved = await ShelvedTraces.read(
    scenarios.map((named) => named.scenario),
    { folder, signal },
  );
  const ended = new Map<string, SimulatedRun>();
  const all = await runCampaign({
    rqdm: version(),
    scenarios,
    seeds,
    workers,
    traces: shelved.traces,
    signal,
    rowsFile: (run) => options.rowsFile?.(run),
    ended: (run, output) => {
      const one: SimulatedRun = {
        ...run,
        result: output instanceof Error ? output : output.result,
        series: output instanceof Error ? '' : output.series,
      };
      ended.set(keyOf(run), one);
      onRun?.(one);
    },
    progress: (done, total, ios) => options.onProgress?.(done, total, ios),
  });
  return all.map((run) => ended.get(keyOf(run)) as SimulatedRun);
}

/**
 * A scenario and its variants, checked, with all defaults in them. Rejects with ScenarioError, whose `lines` say all that is wrong.
 * Traces are not opened.
 */
export async function checkScenario(scenario: string | object): Promise<NamedScenario[]> {
  const scenarios = parseScenario(scenario);
  await tryScenarios(scenarios);
  return scenarios;
}

function parseScenario(scenario: string | object): NamedScenario[] {
  return typeof scenario === 'string'
    ? readScenarios(scenario)
    : parseScenarios(JSON.stringify(scenario, undefined, 1), 'scenario');
}

function keyOf({ variant, seed }: RunName): string {
  return `${variant} ${seed}`;
}

function checkNumbers(what: string, values: readonly number[], least: number, most: number): void {
  const wrong = values.find((value) => !(Number.isInteger(value) && value >= least && value <= most));
  if (wrong === undefined) return;
  throw new RqdmError('ERR_RQDM_ARGUMENT', `${what}: ${String(wrong)}: expected whole numbers, ${least} to ${most}`);
}

function version(): string {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
