// What a run says, as plain data: the same inputs give the same bytes. Times are nanoseconds unless the name says otherwise.

import type { DeviceStats } from '../../bindings/index.ts';
import { type EncodedTimes, LogHistogram } from './log-histogram.ts';
import { OPERATION_CLASSES, type OperationClass, type PathRecorder } from './recorder.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';
import { statusName } from './status-names.ts';
import { BEGIN_NS } from './world.ts';

export const RESULT_SCHEMA = 'rqdm-run-1';

export interface Times {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
  readonly histogram: EncodedTimes;
}

export interface TraceFacts {
  readonly file: string;
  readonly sha256: string;
  readonly format: string;
  readonly skipped: number;
  readonly notes: readonly string[];
}

export interface PathResult {
  readonly name: string;
  readonly ios: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly errors: number;
  /** Of all I/Os of all paths, 0 … 1. */
  readonly share: number;
  readonly meanInFlight: number;
  /** Calls that the port answered with "busy". */
  readonly busy: number;
  readonly dispatchToComplete: Times;
  readonly sizes: readonly (readonly [atMostBytes: number, count: number])[];
}

export interface DeviceResult {
  readonly name: string;
  readonly type: string;
  readonly table: string;
  readonly bios: number;
  /** Dispatched; one that came back and went again counts again. */
  readonly requests: number;
  /** Each request once. */
  readonly biosPerRequest: number;
  readonly meanRequestBytes: number;
  readonly merges: DeviceStats['merges'];
  readonly splits: number;
  readonly requeues: number;
  readonly delayedRequeues: number;
  readonly refusals: number;
  /** Merging and scheduling; from the core's histogram, whose buckets are a quarter wide. */
  readonly queueToDispatch: { readonly count: number; readonly mean: number; readonly p50: number; readonly p99: number };
}

export interface RunResult {
  readonly schema: typeof RESULT_SCHEMA;
  readonly rqdm: string;
  readonly scenario: Scenario;
  readonly variant: string;
  readonly seed: number;
  readonly traces: readonly TraceFacts[];
  readonly ios: number;
  /** Of ends, over the time from the first arrival to the last end. */
  readonly iops: number;
  /** Of what was read and written well; discards move nothing. */
  readonly MBps: number;
  readonly spanSeconds: number;
  readonly wrapped: number;
  /** How long callers waited for what went well. */
  readonly callers: Readonly<Record<OperationClass | 'all', Times>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly sizes: readonly (readonly [atMostBytes: number, count: number])[];
  readonly devices: readonly DeviceResult[];
  readonly paths: readonly PathResult[];
  /** Jain's index over the paths that were given anything to do or not: 1 is even, 1 / paths is all on one. */
  readonly balance: { readonly ios: number; readonly bytes: number };
  readonly failovers: readonly {
    readonly path: string;
    readonly atSeconds: number;
    readonly noticedSeconds: number | null;
    readonly recoveredSeconds: number | null;
    readonly reinstatedSeconds: number | null;
  }[];
  /** Steps of the script, from 1 on, that had not come when the run was over. */
  readonly unreachedSteps: readonly number[];
  readonly longestStall: { readonly seconds: number; readonly endsAtSeconds: number };
  readonly backlog: {
    /** The load came faster than the devices could take it: what follows is about a queue that grew. */
    readonly grew: boolean;
    readonly atLastArrival: number;
    readonly most: number;
    readonly drainSeconds: number;
    /** Arrivals that found no room at all and waited outside. */
    readonly held: number;
  };
  readonly unfinished: number;
  readonly log: readonly string[];
}

const LOG_LINES_MAX = 1000;
/** A queue that needs longer than this to empty after the last arrival had grown. */
const DRAIN_SECONDS = 1;
const DRAIN_SHARE = 0.01;

export function resultOf(
  run: Run,
  inputs: { readonly rqdm: string; readonly scenario: Scenario; readonly variant: string; readonly seed: number },
  traces: readonly TraceFacts[],
): RunResult {
  const { callers, world } = run;
  const lastNs = Math.max(callers.lastEndNs, run.lastArrivalNs);
  const spanSeconds = Math.max(0, lastNs - BEGIN_NS) / 1e9;
  const all = callers.waited.reduce((sum, one) => sum.merge(one), new LogHistogram());
  const [readBytes = 0, writeBytes = 0] = callers.bytes;
  const paths = run.paths.map((path) => pathResult(run, path, spanSeconds));
  return {
    schema: RESULT_SCHEMA,
    ...inputs,
    traces,
    ios: callers.ios,
    iops: per(callers.ios, spanSeconds),
    MBps: per((readBytes + writeBytes) / 1e6, spanSeconds),
    spanSeconds,
    wrapped: run.feeders.reduce((sum, { wrapped }) => sum + wrapped, 0),
    callers: {
      ...(Object.fromEntries(
        OPERATION_CLASSES.map((name, index) => [name, timesOf(callers.waited[index] as LogHistogram)]),
      ) as Record<OperationClass, Times>),
      all: timesOf(all),
    },
    errors: Object.fromEntries(
      [...callers.errors].sort(([a], [b]) => a - b).map(([status, count]) => [statusName(status), count]),
    ),
    sizes: callers.sizes.encode(),
    devices: world.devices.map((device) =>
      deviceResult(device.name, device.type, device.table({ names: 'word' }), device.stats()),
    ),
    paths,
    balance: { ios: jain(paths.map(({ ios }) => ios)), bytes: jain(paths.map((path) => path.readBytes + path.writeBytes)) },
    failovers: run.failovers.all.map(({ path, atNs, noticedNs, recoveredNs, reinstatedNs }) => ({
      path,
      atSeconds: atNs / 1e9,
      noticedSeconds: since(noticedNs, atNs),
      recoveredSeconds: since(recoveredNs, atNs),
      reinstatedSeconds: since(reinstatedNs, atNs),
    })),
    unreachedSteps: run.unreachedSteps,
    longestStall: {
      seconds: callers.longestStallNs / 1e9,
      endsAtSeconds: Math.max(0, callers.longestStallAtNs - BEGIN_NS) / 1e9,
    },
    backlog: backlogOf(run, spanSeconds),
    unfinished: run.unfinished,
    log: world.log.slice(0, LOG_LINES_MAX),
  };
}

function backlogOf(run: Run, spanSeconds: number): RunResult['backlog'] {
  const drainSeconds = Math.max(0, run.callers.lastEndNs - run.lastArrivalNs) / 1e9;
  return {
    grew: run.unfinished > 0 || run.heldArrivals > 0 || drainSeconds > Math.max(DRAIN_SECONDS, DRAIN_SHARE * spanSeconds),
    atLastArrival: run.backlogAtLastArrival,
    most: run.inFlightMost,
    drainSeconds,
    held: run.heldArrivals,
  };
}

function pathResult(run: Run, path: PathRecorder, spanSeconds: number): PathResult {
  const total = run.paths.reduce((sum, { waited, errors }) => sum + waited.count + errors, 0);
  const ios = path.waited.count + path.errors;
  return {
    name: path.name,
    ios,
    readBytes: path.readBytes,
    writeBytes: path.writeBytes,
    errors: path.errors,
    share: per(ios, total),
    meanInFlight: per(path.waited.sum / 1e9, spanSeconds),
    busy: run.world.paths.get(path.name)?.model.link.busy ?? 0,
    dispatchToComplete: timesOf(path.waited),
    sizes: path.sizes.encode(),
  };
}

function deviceResult(name: string, type: string, table: string, stats: DeviceStats): DeviceResult {
  const { count, mean, p50, p99 } = stats.queueToDispatch;
  return {
    name,
    type,
    table,
    bios: stats.bios,
    requests: stats.requests,
    biosPerRequest: per(stats.bios, stats.requests - stats.requeues - stats.delayedRequeues),
    meanRequestBytes: stats.meanRequestBytes,
    merges: stats.merges,
    splits: stats.splits,
    requeues: stats.requeues,
    delayedRequeues: stats.delayedRequeues,
    refusals: stats.refusals,
    queueToDispatch: { count, mean, p50, p99 },
  };
}

export function timesOf(histogram: LogHistogram): Times {
  const at = (percent: number): number => histogram.percentile(percent);
  return {
    count: histogram.count,
    mean: histogram.mean,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.max,
    histogram: histogram.encode(),
  };
}

function per(value: number, unit: number): number {
  return unit === 0 ? 0 : value / unit;
}

function since(ns: number | undefined, atNs: number): number | null {
  return ns === undefined ? null : (ns - atNs) / 1e9;
}

function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
