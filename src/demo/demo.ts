// The demo from its first line to its last: a file, two paths to it, the same load over a request-based and a bio-based
// device, and every byte checked.

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RqdmError } from '../../bindings/index.ts';
import { BLOCK_BYTES, BlockModel } from './blocks.ts';
import { checkFile, makeFile } from './file.ts';
import { BLOCKS_MIN, ROWS, WAVE, WAVE_BIOS } from './load.ts';
import { type DemoResult, isGood, reportClaim, reportJson, reportTable } from './report.ts';
import { Screen } from './screen.ts';
import { TemporaryFolder } from './temporary-folder.ts';
import { type DeviceType, LABELS, runTrial, type TrialResult } from './trial.ts';

export const SIZE_BYTES_MIN: number = BLOCKS_MIN * BLOCK_BYTES;
export const SIZE_BYTES_MAX: number = 256 * 2 ** 20;
export const SIZE_BYTES_DEFAULT: number = 64 * 2 ** 20;
export const SECONDS_DEFAULT = 10;
export const SECONDS_MAX = 24;
export const PATH_DELAY_DEFAULT = '60us+1us/KiB';
export const SEED_DEFAULT = 2006;

/** It ends by itself within 30 seconds of its first line: loads end by the first time, all of it by the second. */
const LOADS_END_MS = 25_000;
const END_MS = 29_000;
const TRIAL_MS_MIN = 250;
const WARM_UP_MS = 300;
const TYPES: readonly DeviceType[] = ['request', 'bio'];

export interface DemoSettings {
  /** Where the temporary folder is made; undefined: where the system has them. */
  readonly parent: string | undefined;
  readonly sizeBytes: number;
  /** Of load, both types together. */
  readonly seconds: number;
  readonly seed: number;
  /** A rule of the `delay` wrapper, or undefined for none. */
  readonly pathDelay: string | undefined;
  readonly isJson: boolean;
}

/** Returns the exit status: 0, or 1 if a byte was wrong or an I/O failed. */
export async function runDemo(settings: DemoSettings): Promise<number> {
  const beganMs = performance.now();
  const screen = new Screen(process.stderr, settings.isJson);
  const folder = makeFolder(settings.parent ?? tmpdir(), screen);
  const watchdog = setTimeout(() => {
    screen.event(`rqdm demo: no end after ${END_MS / 1000} seconds, given up`);
    process.exit(1); // which removes the folder
  }, END_MS).unref();
  try {
    const file = join(folder.path, 'disk.img');
    if (!settings.isJson) process.stdout.write(`${heading(settings, file)}\n\n`);
    const result = await compare(settings, file, screen, beganMs);
    if (settings.isJson) process.stdout.write(`${JSON.stringify(reportJson(result), null, 2)}\n`);
    else process.stdout.write(`\n${report(result)}\n`);
    return isGood(result) ? 0 : 1;
  } finally {
    screen.clear();
    clearTimeout(watchdog);
    folder.remove();
  }
}

function makeFolder(parent: string, screen: Screen): TemporaryFolder {
  try {
    // absolute, because a bare name is no path of a table
    return new TemporaryFolder(resolve(parent), 'rqdm-demo-', (signal) => {
      screen.event(`rqdm demo: ended by ${signal}; the temporary folder is removed`);
    });
  } catch (cause) {
    throw new RqdmError('ERR_RQDM_DEMO', `cannot make a temporary folder in ${parent}: ${messageOf(cause)}`, { cause });
  }
}

async function makeModelledFile(file: string, { sizeBytes, seed }: DemoSettings): Promise<BlockModel> {
  const model = new BlockModel(sizeBytes / BLOCK_BYTES, seed);
  try {
    await makeFile(file, model);
    return model;
  } catch (cause) {
    throw new RqdmError('ERR_RQDM_DEMO', `cannot make ${file} of ${sizeBytes} bytes: ${messageOf(cause)}`, { cause });
  }
}

/** The same load over both types, one after the other, and then a look at the file itself. */
async function compare(settings: DemoSettings, file: string, screen: Screen, beganMs: number): Promise<DemoResult> {
  const { sizeBytes, seed, seconds, pathDelay } = settings;
  const model = await makeModelledFile(file, settings);
  const warmUps: TrialResult[] = [];
  const trials: TrialResult[] = [];
  const all = (): TrialResult[] => [...warmUps, ...trials];
  // after an I/O that failed nobody knows what the file holds, so what would follow says nothing
  const hasFailed = (): boolean => all().some(({ failed }) => failed > 0);
  // the first to run would else pay for the compiler of JavaScript, and look slower than it is
  for (const type of TYPES) {
    if (hasFailed()) break;
    warmUps.push(await runTrial({ type, file, pathDelay, seed, durationMs: WARM_UP_MS, isWarmUp: true }, model, screen));
  }
  for (const [done, type] of TYPES.entries()) {
    if (hasFailed()) break;
    const leftMs = (LOADS_END_MS - (performance.now() - beganMs)) / (TYPES.length - done);
    const durationMs = Math.max(TRIAL_MS_MIN, Math.min((seconds * 1000) / TYPES.length, leftMs));
    trials.push(await runTrial({ type, file, pathDelay, seed, durationMs, isWarmUp: false }, model, screen));
  }
  const whole = await checkFile(file, model);
  const sum = (of: (trial: TrialResult) => number): number => all().reduce((total, trial) => total + of(trial), 0);
  return {
    sizeBytes,
    seed,
    pathDelay,
    trials,
    failed: sum((trial) => trial.failed),
    firstError: all().find(({ failed }) => failed > 0)?.firstError,
    verifiedBytes: whole.verifiedBytes + sum((trial) => trial.verifiedBytes),
    wrongBytes: whole.wrongBytes + sum((trial) => trial.wrongBytes),
  };
}

function heading({ sizeBytes, pathDelay, seed }: DemoSettings, file: string): string {
  const { readersSequential, writersSequential, blocksEach, readsRandom, writesRandom } = WAVE;
  const cost =
    pathDelay === undefined
      ? 'as fast as the page cache answers'
      : `modelled: one call at a time, each ${pathDelay} (--path-delay none: the page cache as it is)`;
  return [
    'rqdm demo: one file, two paths to it, many small reads and writes, every byte checked',
    `  file   ${file}, ${sizeBytes / 2 ** 20} MiB, removed at the end`,
    `  paths  ${LABELS.join(' and ')} under multipath service-time, ${cost}`,
    `  load   ${ROWS} x ${WAVE_BIOS} I/Os of 4 KiB in flight: ${readersSequential} sequential readers and ${writersSequential} writer (${blocksEach} each),`,
    `         ${readsRandom} random reads, ${writesRandom} random writes; seed ${seed}, the same for both types`,
  ].join('\n');
}

function report(result: DemoResult): string {
  const lines = [reportTable(result.trials), ''];
  lines.push('Latencies are upper bounds of classes at most 25 % wide. The share of a path counts bytes.');
  if (result.failed > 0) lines.push(`${result.failed} I/Os failed, the first: ${messageOf(result.firstError)}`);
  lines.push(reportClaim(result));
  lines.push(`verified ${result.verifiedBytes} bytes, ${result.wrongBytes} wrong`);
  lines.push('Next: npx rqdm bench claim (the same claim, measured), or npx rqdm --help');
  return lines.join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
