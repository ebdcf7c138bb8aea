// `rqdm simulate SCENARIO`: a load on devices over modelled paths, on virtual time.

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { interruptible } from '../interrupt.ts';
import { createProgress } from '../progress.ts';
import { parseSeeds, type RunName, workersDefault } from '../simulate/campaign.ts';
import { checkScenario, type NamedScenario, ScenarioError, simulate } from '../simulate/index.ts';
import { readScenarios } from '../simulate/read-scenario.ts';
import { type EndedRun, summaryCsv, tableLines, textTable } from '../simulate/summary.ts';

interface Options {
  readonly seeds: readonly number[];
  readonly workers: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly check?: boolean;
}

const FAILED_STATUS = 1;

export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      [
        'Runs a scenario on virtual time: a trace or a job, a table, models of storage and links, a failure script.',
        'The devices are those of the library, only their clock stands still between two events. The same scenario and',
        'seed give the same results to the byte, whatever the machine and the number of workers.',
        '',
        'A scenario is YAML or JSON: docs/simulation.md. Files in --out: a JSON file for each run, its series as CSV,',
        'rows of requests where the scenario asks for them, and summary.csv.',
      ].join('\n'),
    )
    .argument('<scenario>', 'a file')
    .option('--seeds <list>', 'such as 1..20 or 1,5,9', readSeeds, [1])
    .option('--workers <n>', 'threads; default: as many as the machine has', readWorkers, workersDefault())
    .option('--out <folder>', 'where results go')
    .option('--json', 'print results as JSON instead of a table')
    .option('--check', 'only look whether the scenario is right')
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  try {
    if (options.check) await checkScenario(file);
    else await runAll(file, readScenarios(file), options);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    for (const line of error.lines) process.stderr.write(`${line}\n`);
    process.exitCode = FAILED_STATUS;
  }
}

async function runAll(file: string, scenarios: readonly NamedScenario[], options: Options): Promise<void> {
  const { out } = options;
  if (out !== undefined) makeFolder(out);
  const progress = createProgress();
  const ended = new Map<string, EndedRun>();
  const started = performance.now();
  const inOrder = (): EndedRun[] =>
    scenarios
      .flatMap(({ variant }) => options.seeds.map((seed) => ended.get(nameOf({ variant, seed }))))
      .filter((run) => run !== undefined);
  try {
    await interruptible(async (signal) => {
      progress.say('reading traces');
      await simulate(file, {
        seeds: options.seeds,
        workers: options.workers,
        signal,
        rowsFile: (one) => (out === undefined ? undefined : join(out, `${nameOf(one)}.rows.csv`)),
        onRun: (one) => {
          ended.set(nameOf(one), one);
          if (out === undefined || one.result instanceof Error) return;
          writeResult(join(out, `${nameOf(one)}.json`), `${JSON.stringify(one.result, undefined, 1)}\n`);
          writeResult(join(out, `${nameOf(one)}.paths.csv`), one.series);
        },
        onProgress: (done, total, ios) => {
          const seconds = (performance.now() - started) / 1000;
          progress.say(
            `${done} of ${total} runs, ${ios.toLocaleString('en')} I/Os, ${Math.round(ios / seconds).toLocaleString('en')} a second`,
          );
        },
      });
    });
  } finally {
    progress.clear();
    // what has ended is told, also after Ctrl-C
    tell(inOrder(), options);
  }
}

/** Errors of a disk that is full do not say of which file. */
function writeResult(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** With those around it. Node's own way never ends below folders in which nothing can be made, such as /proc. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    const above = dirname(folder);
    if (code !== 'ENOENT' || existsSync(above)) {
      throw new Error(`--out ${folder}: no folder can be made there: ${(error as Error).message}`, { cause: error });
    }
    makeFolder(above);
    mkdirSync(folder);
  }
}

function tell(runs: readonly EndedRun[], { out, json }: Options): void {
  if (runs.length === 0) return;
  if (out !== undefined) writeResult(join(out, 'summary.csv'), summaryCsv(runs));
  if (json) {
    const results = runs.map(({ variant, seed, result }) =>
      result instanceof Error ? { variant, seed, failed: result.message } : result,
    );
    process.stdout.write(`${JSON.stringify({ schema: 1, results }, undefined, 1)}\n`);
  } else process.stdout.write(`${textTable(runs)}${tableLines(runs)}`);
  for (const { variant, seed, result } of runs) {
    if (!(result instanceof Error)) continue;
    process.stderr.write(`rqdm: ${nameOf({ variant, seed })} failed: ${result.message.replace(/\s*\n\s*/g, ' ')}\n`);
    process.exitCode = FAILED_STATUS;
  }
}

function nameOf({ variant, seed }: RunName): string {
  return `${variant === '' ? 'run' : variant}-seed${seed}`;
}

function readSeeds(text: string): number[] {
  const seeds = parseSeeds(text);
  if (seeds === undefined) throw new InvalidArgumentError('Expected seeds such as 1..20 or 1,5,9.');
  return seeds;
}

function readWorkers(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.');
  return count;
}
