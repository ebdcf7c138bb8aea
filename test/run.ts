// The runner of the tests: `node build/test/run.js [options] [part of a file's name …]`.
//
//   --core release|debug   run on this build of the core only (RQDM_CORE for the tests). Without it everything runs on
//                          release, and then test/core/ and test/model/ again on debug.
//   --node PATH            the node binary that runs the test files
//   --jobs N               how many files at once (2)
//   --timeout SECONDS      for a file (120). `export const timeoutMs = 300_000;` in a test file wins over it.
//   --grace SECONDS        from the end of the tests to the end of the process (10)
//   --folder PATH          run the *.test.js of this folder instead of ours: for the runner's own test
//
// A name is looked for in `test/core/merge.test.ts`; one that matches no file is an error. The last line is
// `N passed, N failed`, with `, N skipped` if any were. Exit status: 0 good, 1 something failed, 2 wrong usage.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { killAll, type RunResult, runFile } from './support/run-file.ts';
import { repositoryFolder } from './support/skip.ts';

type Core = 'release' | 'debug';

// Where the debug build is worth a second run: what drives the core itself.
const RUN_ON_BOTH = ['test/core/', 'test/model/'];

interface TestFile {
  /** As people name it: `test/core/merge.test.ts`. */
  readonly name: string;
  /** What runs. */
  readonly compiled: string;
  readonly timeoutMs: number | undefined;
}

interface Job {
  readonly file: TestFile;
  readonly core: Core;
}

class UsageError extends Error {}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Reads `export const timeoutMs = 300_000;` without importing the file, which would run it. */
function timeoutOf(source: string): number | undefined {
  const found = /^export const timeoutMs(?:: number)? = ([\d_]+);$/m.exec(readFileSync(source, 'utf8'));
  return found === null ? undefined : Number((found[1] ?? '').replaceAll('_', ''));
}

/** Our test files, found by their sources: a compiled test may have outlived its source. */
function ownTests(root: string): TestFile[] {
  return filesBelow(join(root, 'test'), '.test.ts').map((source) => {
    const name = relative(root, source).split(sep).join('/');
    const compiled = join(root, 'build', name.replace(/\.ts$/, '.js'));
    if (!existsSync(compiled)) throw new UsageError(`${name} is not compiled: run \`npm run build\` first`);
    return { name, compiled, timeoutMs: timeoutOf(source) };
  });
}

function testsIn(folder: string): TestFile[] {
  return filesBelow(folder, '.test.js').map((file) => {
    return { name: relative(folder, file), compiled: file, timeoutMs: timeoutOf(file) };
  });
}

function choose(files: TestFile[], parts: readonly string[]): TestFile[] {
  if (files.length === 0) throw new UsageError('there are no test files');
  for (const part of parts) {
    if (!files.some((file) => file.name.includes(part))) throw new UsageError(`no test file's name contains "${part}"`);
  }
  return parts.length === 0 ? files : files.filter((file) => parts.some((part) => file.name.includes(part)));
}

function plan(files: TestFile[], core: string | undefined): Job[] {
  if (core === 'release' || core === 'debug') return files.map((file) => ({ file, core }));
  if (core !== undefined) throw new UsageError(`--core wants release or debug, not "${core}"`);
  const again = files.filter((file) => RUN_ON_BOTH.some((folder) => file.name.startsWith(folder)));
  return [
    ...files.map((file) => ({ file, core: 'release' as const })),
    ...again.map((file) => ({ file, core: 'debug' as const })),
  ];
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${option} wants a number above 0, not "${text}"`);
  return value;
}

/** A line for a good file; for another its faults and all it printed. */
function print(job: Job, result: RunResult): void {
  const isGood = result.faults.length === 0;
  const name = `${job.file.name}${job.core === 'debug' ? ' (debug)' : ''}`;
  const counts = [`${result.passed} passed`];
  if (result.failed > 0) counts.push(`${result.failed} failed`);
  if (result.skipped > 0) counts.push(`${result.skipped} skipped`);
  let text = `${isGood ? 'good' : 'FAIL'}  ${name.padEnd(48)} ${counts.join(', ')} in ${Math.round(result.durationMs)} ms\n`;
  for (const reason of result.skips) text += `      SKIPPED: ${reason}\n`;
  for (const fault of result.faults) text += `      ${job.file.name} ${fault}\n`;
  if (!isGood && result.output.trim() !== '') text += `${result.output.replace(/^/gm, '      | ').trimEnd()}\n`;
  process.stdout.write(text);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      core: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      jobs: { type: 'string', default: '2' },
      timeout: { type: 'string', default: '120' },
      grace: { type: 'string', default: '10' },
      folder: { type: 'string' },
    },
  });
  const jobsMax = Math.floor(positive('jobs', values.jobs));
  const timeoutMs = positive('timeout', values.timeout) * 1000;
  const graceMs = positive('grace', values.grace) * 1000;
  const files = values.folder === undefined ? ownTests(repositoryFolder()) : testsIn(resolve(values.folder));
  const jobs = plan(choose(files, positionals), values.core);

  const sums = { passed: 0, failed: 0, skipped: 0 };
  let next = 0;
  const work = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      const result = await runFile({
        file: job.file.compiled,
        node: values.node,
        env: { RQDM_CORE: job.core },
        timeoutMs: job.file.timeoutMs ?? timeoutMs,
        graceMs,
      });
      sums.passed += result.passed;
      sums.failed += result.failed;
      sums.skipped += result.skipped;
      print(job, result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobsMax) }, work));

  const skipped = sums.skipped > 0 ? `, ${sums.skipped} skipped` : '';
  process.stdout.write(`${sums.passed} passed, ${sums.failed} failed${skipped}\n`);
  process.exitCode = sums.failed > 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The test files run in groups of their own, which a terminal's interrupt does not reach.
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (!isUsage) throw error;
  process.stderr.write(`run: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
