// What the demo found, as a table for people and as JSON for programs.

import Table from 'cli-table3';
import type { Latency } from '../../bindings/index.ts';
import { BLOCK_BYTES } from './blocks.ts';
import { whole } from './screen.ts';
import { LABELS, type TrialResult, typeTitle } from './trial.ts';

/** Closer than this, two throughputs are the same. */
const SAME = 0.05;

export interface DemoResult {
  readonly sizeBytes: number;
  readonly seed: number;
  readonly pathDelay: string | undefined;
  /** Request-based, then bio-based. */
  readonly trials: readonly TrialResult[];
  /** Read under load and from the file afterwards. */
  readonly verifiedBytes: number;
  readonly wrongBytes: number;
}

export function isGood(result: DemoResult): boolean {
  return result.wrongBytes === 0 && result.trials.every((trial) => trial.failed === 0);
}

export function iops(trial: TrialResult): number {
  return trial.durationMs === 0 ? 0 : (trial.completed / trial.durationMs) * 1000;
}

// ---- for people --------------------------------------------------------------------------------------------------

export function reportTable(trials: readonly TrialResult[]): string {
  const table = new Table({
    head: ['', ...trials.map(({ type }) => typeTitle(type))],
    colAligns: ['left', ...trials.map(() => 'right' as const)],
    // no colours: the table is read in files and pipes as well
    style: { head: [], border: [], compact: true },
  });
  for (const [name, print] of ROWS) table.push([name, ...trials.map(print)]);
  return table.toString();
}

const ROWS: readonly (readonly [string, (trial: TrialResult) => string])[] = [
  ['order', ({ type }) => (type === 'request' ? 'merge, then map' : 'map, then merge')],
  ['seconds', ({ durationMs }) => (durationMs / 1000).toFixed(2)],
  ['bios', ({ stats }) => whole(stats.bios)],
  ['requests', ({ stats }) => whole(stats.requests)],
  ['mean request size', ({ stats }) => kib(stats.meanRequestBytes)],
  ['merges', (trial) => whole(merges(trial))],
  ['IOPS', (trial) => whole(iops(trial))],
  ['IOPS with one path', ({ stretches }) => stretchIops(stretches[1])],
  ['MB/s', (trial) => megabytes(iops(trial) * BLOCK_BYTES)],
  ...LABELS.map((label, i) => [`share of path ${label}`, (trial: TrialResult) => share(trial, i)] as const),
  ['queue to complete p50 / p99', ({ stats }) => latency(stats.queueToComplete)],
  ...LABELS.map(
    (label, i) => [`path ${label} p50 / p99`, ({ stats }: TrialResult) => latency(stats.paths[i].dispatchToComplete)] as const,
  ),
  ['errors of paths', (trial) => whole(pathErrors(trial))],
  ['retries', ({ stats }) => whole(retries(stats))],
  ['path failed / came back', ({ pathsFailed, pathsReinstated }) => `${pathsFailed} / ${pathsReinstated}`],
  ['errors seen by the caller', ({ failed }) => whole(failed)],
];

/** The claim in one sentence, as it came out here, whichever way. */
export function reportClaim({ trials, pathDelay }: DemoResult): string {
  const [request, bio] = trials;
  const [mergedFirst, mappedFirst] = [iops(request), iops(bio)];
  if (mergedFirst === 0 || mappedFirst === 0) return 'No comparison: one of the two did no I/O.';
  const factor = mergedFirst / mappedFirst;
  const sizes = `${kib(request.stats.meanRequestBytes)} a call on a path instead of ${kib(bio.stats.meanRequestBytes)}`;
  const where = pathDelay === undefined ? 'on the page cache, where a call costs little' : `where a call costs ${pathDelay}`;
  if (factor > 1 + SAME) {
    return `Merging before the path is chosen gave ${factor.toFixed(1)} times the throughput ${where}: ${sizes}.`;
  }
  if (factor < 1 - SAME) {
    return `Choosing the path first gave ${(1 / factor).toFixed(1)} times the throughput ${where}: there, ${sizes} won nothing.`;
  }
  return `Both orders gave the same throughput (${factor.toFixed(2)}) ${where}: there, ${sizes} won nothing.`;
}

function merges({ stats }: TrialResult): number {
  return stats.merges.back + stats.merges.front + stats.merges.request;
}

function retries(stats: TrialResult['stats']): number {
  return stats.requeues + stats.delayedRequeues;
}

function pathErrors({ stats }: TrialResult): number {
  return stats.paths.reduce((sum, path) => sum + path.errors, 0);
}

function shareOf({ stats }: TrialResult, index: number): number {
  const total = stats.paths.reduce((sum, path) => sum + path.issuedBytes, 0);
  return total === 0 ? 0 : stats.paths[index].issuedBytes / total;
}

function share(trial: TrialResult, index: number): string {
  return `${(shareOf(trial, index) * 100).toFixed(0)} %`;
}

function stretchIops(stretch: TrialResult['stretches'][number] | undefined): string {
  return stretch === undefined || stretch.durationMs === 0 ? '-' : whole((stretch.completed / stretch.durationMs) * 1000);
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function latency({ count, p50, p99 }: Latency): string {
  return count === 0 ? '-' : `${duration(p50)} / ${duration(p99)}`;
}

function duration(nanoseconds: number): string {
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(0)} us`;
  return `${(nanoseconds / 1e6).toFixed(nanoseconds < 1e7 ? 1 : 0)} ms`;
}

// ---- for programs ------------------------------------------------------------------------------------------------

/** Times in nanoseconds where they are latencies, else in seconds. */
export function reportJson(result: DemoResult): object {
  const [request, bio] = result.trials;
  return {
    schema: 1,
    command: 'demo',
    sizeBytes: result.sizeBytes,
    seed: result.seed,
    pathDelay: result.pathDelay ?? null,
    types: result.trials.map(trialJson),
    requestToBio: bio.completed === 0 ? null : iops(request) / iops(bio),
    verifiedBytes: result.verifiedBytes,
    wrongBytes: result.wrongBytes,
    ok: isGood(result),
  };
}

function trialJson(trial: TrialResult): object {
  const { stats } = trial;
  return {
    type: trial.type,
    seconds: trial.durationMs / 1000,
    bios: stats.bios,
    requests: stats.requests,
    meanRequestBytes: stats.meanRequestBytes,
    merges: stats.merges,
    iops: iops(trial),
    bytesPerSecond: iops(trial) * BLOCK_BYTES,
    stretches: trial.stretches.map(({ durationMs, completed }) => ({ seconds: durationMs / 1000, completed })),
    queueToDispatchNs: stats.queueToDispatch,
    queueToCompleteNs: stats.queueToComplete,
    paths: stats.paths.map((path, i) => ({
      label: LABELS[i],
      share: shareOf(trial, i),
      issued: path.issued,
      issuedBytes: path.issuedBytes,
      errors: path.errors,
      dispatchToCompleteNs: path.dispatchToComplete,
    })),
    retries: retries(stats),
    pathsFailed: trial.pathsFailed,
    pathsReinstated: trial.pathsReinstated,
    failed: trial.failed,
    verifiedBytes: trial.verifiedBytes,
    wrongBytes: trial.wrongBytes,
  };
}
