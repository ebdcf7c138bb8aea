// Runs for people: a row for each variant, over its seeds; and for spreadsheets, a row for each run.

import Table from 'cli-table3';
import type { RunName } from './campaign.ts';
import type { RunResult } from './result.ts';

export interface EndedRun extends RunName {
  readonly result: RunResult | Error;
}

/** Over the seeds: the middle one. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function time(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(ns < 1e5 ? 1 : 0)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(ns < 1e8 ? 1 : 0)} ms`;
  return `${(ns / 1e9).toFixed(1)} s`;
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2);
}

const HEAD = [
  'variant',
  'runs',
  'I/Os',
  'IOPS',
  'MB/s',
  'mean',
  'p50',
  'p99',
  'p99.99',
  'bios/request',
  'share',
  'stall',
  'remarks',
];

/** One row a variant: medians over the seeds, the share of the busiest path, and what a reader must know. */
export function textTable(runs: readonly EndedRun[]): string {
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: HEAD.map((_, i) => (i === 0 || i === 12 ? 'left' : 'right')),
  });
  for (const variant of new Set(runs.map((run) => run.variant))) {
    const all = runs.filter((run) => run.variant === variant);
    const good = all.map(({ result }) => result).filter((result): result is RunResult => !(result instanceof Error));
    const of = (figure: (result: RunResult) => number): number => median(good.map(figure));
    const failed = all.length - good.length;
    if (good.length === 0) {
      table.push([variant || '-', all.length, ...HEAD.slice(3).map(() => ''), `${failed} failed`]);
      continue;
    }
    table.push([
      variant || '-',
      all.length,
      number(of(({ ios }) => ios)),
      number(of(({ iops }) => iops)),
      number(of(({ MBps }) => MBps)),
      time(of(({ callers }) => callers.all.mean)),
      time(of(({ callers }) => callers.all.p50)),
      time(of(({ callers }) => callers.all.p99)),
      time(of(({ callers }) => callers.all.p9999)),
      number(of(biosPerRequest)),
      `${Math.round(100 * of(({ paths }) => Math.max(0, ...paths.map(({ share }) => share))))} %`,
      time(of(({ longestStall }) => longestStall.seconds * 1e9)),
      remarks(good, failed),
    ]);
  }
  return `${table.toString()}\n`;
}

/** The tables that were simulated, to paste into `dmsetup create`, with other names of paths: a line for each variant. */
export function tableLines(runs: readonly EndedRun[]): string {
  const lines: string[] = [];
  for (const variant of new Set(runs.map((run) => run.variant))) {
    const good = runs.find((run) => run.variant === variant && !(run.result instanceof Error))?.result as RunResult | undefined;
    for (const { name, table } of good?.devices ?? []) {
      const who = [variant, (good?.devices.length ?? 0) > 1 ? name : ''].filter((part) => part !== '').join(' ');
      for (const line of table.trim().split('\n')) lines.push(`${who === '' ? '' : `${who}: `}${line.trim()}\n`);
    }
  }
  return lines.join('');
}

/** Bios over the I/Os that paths were given: both types of device say the same by it. */
export function biosPerRequest({ devices, paths }: RunResult): number {
  const issued = paths.reduce((sum, { ios }) => sum + ios, 0);
  return issued === 0 ? 0 : (devices.at(-1)?.bios ?? 0) / issued;
}

function remarks(good: readonly RunResult[], failed: number): string {
  const said: string[] = [];
  if (failed > 0) said.push(`${failed} failed`);
  if (good.some(({ backlog }) => backlog.grew)) said.push('backlog grew');
  if (good.some(({ unfinished }) => unfinished > 0))
    said.push(`${Math.max(...good.map(({ unfinished }) => unfinished))} unfinished`);
  const unreached = Math.max(...good.map(({ unreachedSteps }) => unreachedSteps.length));
  if (unreached > 0) said.push(`${unreached} steps of the script never came`);
  const errors = median(good.map((result) => Object.values(result.errors).reduce((sum, count) => sum + count, 0)));
  if (errors > 0) said.push(`${number(errors)} errors`);
  const recoveries = good.flatMap(({ failovers }) => failovers.map(({ recoveredSeconds }) => recoveredSeconds));
  const known = recoveries.filter((seconds) => seconds !== null);
  if (known.length > 0) said.push(`fail-over ${time(Math.max(...known) * 1e9)}`);
  if (known.length < recoveries.length) said.push('a loss was never got over');
  const wrapped = median(good.map(({ wrapped: count }) => count));
  if (wrapped > 0) said.push(`${number(wrapped)} beyond the device`);
  return said.join(', ');
}

const COLUMNS: readonly (readonly [string, (result: RunResult) => string | number | boolean])[] = [
  ['ios', ({ ios }) => ios],
  ['iops', ({ iops }) => iops],
  ['MBps', ({ MBps }) => MBps],
  ['mean_ns', ({ callers }) => callers.all.mean],
  ['p50_ns', ({ callers }) => callers.all.p50],
  ['p95_ns', ({ callers }) => callers.all.p95],
  ['p99_ns', ({ callers }) => callers.all.p99],
  ['p999_ns', ({ callers }) => callers.all.p999],
  ['p9999_ns', ({ callers }) => callers.all.p9999],
  ['max_ns', ({ callers }) => callers.all.max],
  ['bios_per_request', biosPerRequest],
  ['balance_ios', ({ balance }) => balance.ios],
  ['balance_bytes', ({ balance }) => balance.bytes],
  ['requeues', ({ devices }) => devices.reduce((sum, { requeues }) => sum + requeues, 0)],
  ['errors', ({ errors }) => Object.values(errors).reduce((sum, count) => sum + count, 0)],
  ['longest_stall_s', ({ longestStall }) => longestStall.seconds],
  [
    'failover_s',
    ({ failovers }) => Math.max(0, ...failovers.map(({ recoveredSeconds }) => recoveredSeconds ?? Number.POSITIVE_INFINITY)),
  ],
  ['backlog_grew', ({ backlog }) => backlog.grew],
  ['unfinished', ({ unfinished }) => unfinished],
];

/** A row for each run. */
export function summaryCsv(runs: readonly EndedRun[]): string {
  const lines = [['variant', 'seed', ...COLUMNS.map(([name]) => name), 'failed'].join(',')];
  for (const { variant, seed, result } of runs) {
    const isError = result instanceof Error;
    const values = COLUMNS.map(([, read]) => (isError ? '' : read(result)));
    const failed = isError ? `"${result.message.replaceAll('"', '""').replace(/\s+/g, ' ')}"` : '';
    lines.push([variant, seed, ...values, failed].join(','));
  }
  return `${lines.join('\n')}\n`;
}
