// What the demo found, as a table for people and as JSON for programs.

import Table from 'cli-table3';
import type { Latency } from '../../bindings/index.ts';
import { BLOCK_BYTES } from './blocks.ts';
import { whole } from './screen.ts';
import { LABELS, type Stretch, type TrialResult, typeTitle } from './trial.ts';

/** Closer than this, two throughputs are the same. */
const SAME = 0.05;

export interface DemoResult {
  readonly sizeBytes: number;
  readonly seed: number;
  readonly pathDelay: string | undefined;
  /** Request-based, then bio-based; what would follow one that failed is missing. */
  readonly trials: readonly TrialResult[];
  /** I/Os that ended with an error, those of the warm-up included. */
  readonly failed: number;
  readonly firstError: unknown;
  /** Read under load and from the file afterwards. */
  readonly verifiedBytes: number;
  readonly wrongBytes: number;
}

export function isGood(result: DemoResult): boolean {
  return result.wrongBytes === 0 && result.failed === 0;
}

export function iops({ stretches }: TrialResult): number {
  return stretchIops(stretches);
}

/** Before the path failed and after it came back. */
function iopsWithBoth({ stretches }: TrialResult): number {
  return stretchIops(stretches.filter((_, i) => i !== 1));
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
  ['  with both paths', (trial) => whole(iopsWithBoth(trial))],
  ['  with path a alone', ({ stretches }) => whole(stretchIops(stretches.slice(1, 2)))],
  ['MB/s', megabytes],
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
  if (trials.length < 2) return 'No comparison: what failed was the end of it.';
  const [request, bio] = trials;
  const factor = iops(request) / iops(bio);
  const factorWithBoth = iopsWithBoth(request) / iopsWithBoth(bio);
  if (!Number.isFinite(factor) || !Number.isFinite(factorWithBoth)) return 'No comparison: one of the two did no I/O.';
  const rates = `merge, then map: ${megabytes(request)} MB/s; map, then merge: ${megabytes(bio)} MB/s; factor`;
  const factors = `${factor.toFixed(1)} (${factorWithBoth.toFixed(1)} while both paths are up)`;
  const sizes = `${kib(request.stats.meanRequestBytes)} a call instead of ${kib(bio.stats.meanRequestBytes)}`;
  const where = pathDelay === undefined ? 'on the page cache' : `where a call costs ${pathDelay}`;
  const verdict =
    factor > 1 + SAME ? '' : factor < 1 - SAME ? '; here merging first did not pay' : '; here the order made no difference';
  return `${rates} ${factors}, ${where}: ${sizes}${verdict}.`;
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

function stretchIops(stretches: readonly Stretch[]): number {
  const durationMs = stretches.reduce((sum, stretch) => sum + stretch.durationMs, 0);
  const completed = stretches.reduce((sum, stretch) => sum + stretch.completed, 0);
  return durationMs === 0 ? 0 : (completed / durationMs) * 1000;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function megabytes(trial: TrialResult): string {
  return ((iops(trial) * BLOCK_BYTES) / 1e6).toFixed(0);
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
  const [mergedFirst, mappedFirst] = result.trials.map(iops);
  const [mergedFirstWithBoth, mappedFirstWithBoth] = result.trials.map(iopsWithBoth);
  return {
    schema: 1,
    command: 'demo',
    sizeBytes: result.sizeBytes,
    seed: result.seed,
    pathDelay: result.pathDelay ?? null,
    types: result.trials.map(trialJson),
    requestToBio: quotient(mergedFirst, mappedFirst),
    requestToBioWithBothPaths: quotient(mergedFirstWithBoth, mappedFirstWithBoth),
    failed: result.failed,
    verifiedBytes: result.verifiedBytes,
    wrongBytes: result.wrongBytes,
    ok: isGood(result),
  };
}

function quotient(a: number | undefined, b: number | undefined): number | null {
  return a === undefined || b === undefined || b === 0 ? null : a / b;
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
