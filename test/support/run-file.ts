// Runs one test file in a process of its own and judges how it went.
//
// uvu prints a summary and sets the exit code; everything else is watched from outside, because uvu passes a file that
// forgot `test.run()`, has no time-out, does not name a test that never settles, and passes a suite whose `before` hook
// threw. A file is good when
//   1. its process printed a summary with at least one test, or announced a skip,
//   2. no test failed and all of them ran,
//   3. the process then ended by itself, with exit code 0, without process.exit, and
//   4. it left no process of its own behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { EVENT_DESCRIPTOR } from './events.ts';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
// How long a process may take to say what keeps it alive, and how long processes it started may outlive it.
const ANSWER_MS = 1000;

export interface RunOptions {
  /** The compiled test file. */
  readonly file: string;
  /** The node binary. */
  readonly node: string;
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Until the summary must be printed. */
  readonly timeoutMs: number;
  /** From the summary to the end of the process. */
  readonly graceMs: number;
}

export interface RunResult {
  readonly passed: number;
  /** At least 1 if anything is wrong. */
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
  /** What is wrong, a sentence each; empty for a good file. */
  readonly faults: readonly string[];
  /** Reasons of the skips that were announced. */
  readonly skips: readonly string[];
  readonly output: string;
}

/** The process groups that run now; for a runner that is interrupted. */
const running = new Set<number>();

export function killAll(): void {
  for (const group of running) killGroup(group);
}

function killGroup(group: number): void {
  try {
    process.kill(process.platform === 'win32' ? group : -group, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

/** Names of the processes of a group that are still alive; Linux only, elsewhere none are seen. */
function processesOf(group: number): string[] {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const end = stat.lastIndexOf(')');
      const [state, , processGroup] = stat.slice(end + 2).split(' ');
      // A zombie runs no more; it only waits for somebody to ask after it.
      if (Number(processGroup) === group && state !== 'Z') found.push(`${stat.slice(stat.indexOf('(') + 1, end)} (${entry})`);
    } catch {
      // Ended while we looked.
    }
  }
  return found;
}

/** What a process told on the event pipe. */
interface Events {
  test: string;
  skipsInTests: number;
  hasCalledExit: boolean;
  active: string | undefined;
}

function readEvents(pipe: Readable): Events {
  const events: Events = { test: '', skipsInTests: 0, hasCalledExit: false, active: undefined };
  let rest = '';
  pipe.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [kind] = line.split(' ', 1);
      const text = line.slice((kind ?? '').length + 1);
      if (kind === 'test') events.test = text;
      else if (kind === 'skip') events.skipsInTests += Number(text);
      else if (kind === 'exit') events.hasCalledExit = true;
      else if (kind === 'active') events.active = text;
    }
  });
  return events;
}

interface Summary {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

/** uvu's summary, the last one if a test prints others; undefined if the tests did not get to their end. */
export function readSummary(output: string): Summary | undefined {
  const found = [...output.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration:/gm)].at(-1);
  if (found === undefined) return undefined;
  return { total: Number(found[1]), passed: Number(found[2]), skipped: Number(found[3]) };
}

/** Asks a process what keeps it alive. A thread that is blocked cannot answer, which is an answer as well. */
async function askActive(child: ChildProcess, events: Events): Promise<string> {
  child.kill('SIGUSR2');
  for (let waited = 0; waited < ANSWER_MS && events.active === undefined; waited += 50) await sleep(50);
  if (events.active === undefined) return 'its main thread is blocked';
  return `active: ${events.active === '' ? 'nothing the event loop knows of' : events.active}`;
}

export async function runFile(options: RunOptions): Promise<RunResult> {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const started = performance.now();
  const child = spawn(options.node, [CHILD, options.file], {
    env: { ...inherited, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // A group of its own, so that what it starts can be found and ended with it.
    detached: process.platform !== 'win32',
  });
  const group = child.pid;
  if (group !== undefined) running.add(group);

  const faults: string[] = [];
  const chunks: string[] = [];
  const text = (): string => stripVTControlCharacters(chunks.join(''));
  const events = readEvents(child.stdio[EVENT_DESCRIPTOR] as Readable);
  const streams = [child.stdout, child.stderr] as Readable[];
  let onSummary = (): void => {};
  const summarised = new Promise<'summary'>((resolve) => {
    onSummary = () => resolve('summary');
  });
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      chunks.push(chunk);
      if (chunk.includes('Duration:') && readSummary(text()) !== undefined) onSummary();
    });
  }
  let startError: Error | undefined;
  const exited = new Promise<'exit'>((resolve) => {
    child.on('exit', () => resolve('exit'));
    child.on('error', (error) => {
      startError = error;
      resolve('exit');
    });
  });
  const closed = new Promise<'closed'>((resolve) => child.on('close', () => resolve('closed')));
  const within = async <T>(ms: number, ...awaited: Promise<T>[]): Promise<T | 'late'> => {
    const timer = new AbortController();
    const late = sleep(ms, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const first = await Promise.race([...awaited, late]);
    timer.abort();
    return first;
  };

  let first: 'summary' | 'exit' | 'late' = await within<'summary' | 'exit'>(options.timeoutMs, summarised, exited);
  let wasKilled = false;
  if (first === 'late') {
    const where = events.test === '' ? 'no test was running' : `running: "${events.test}"`;
    faults.push(`hangs: no end after ${options.timeoutMs / 1000} s; ${where}; ${await askActive(child, events)}`);
    wasKilled = true;
  } else if (first === 'summary') {
    first = await within<'summary' | 'exit'>(options.graceMs, exited);
    if (first === 'late') {
      const active = await askActive(child, events);
      faults.push(`left something running: its process has not ended ${options.graceMs / 1000} s after its tests; ${active}`);
      wasKilled = true;
    }
  }
  if (group !== undefined && startError === undefined) {
    if (wasKilled) {
      killGroup(group);
      await exited;
    }
    // Children of the test that were told to end may take a moment.
    let left = processesOf(group);
    for (let waited = 0; waited < ANSWER_MS && left.length > 0; waited += 100) {
      await sleep(100);
      left = processesOf(group);
    }
    if (left.length > 0 && !wasKilled) faults.push(`left something running: ${left.join(', ')}`);
    killGroup(group);
    // Its output is complete when every process that holds it has closed it; one that escaped its group is not waited for.
    if ((await within(ANSWER_MS, closed)) === 'late' && faults.length === 0) {
      faults.push('left something running: a process of another group still holds its output');
    }
    running.delete(group);
  }
  for (const stream of child.stdio) stream?.destroy();

  const output = text();
  if (startError !== undefined) faults.push(`${options.node} cannot be started: ${startError.message}`);
  const ending = wasKilled ? { code: null, signal: null } : { code: child.exitCode, signal: child.signalCode };
  return { ...judge(output, events, ending, faults), durationMs: performance.now() - started, output };
}

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Turns what was seen into counts; `faults` holds what is known to be wrong already. */
function judge(output: string, events: Events, ending: Ending, faults: string[]): Omit<RunResult, 'durationMs' | 'output'> {
  const skips = [...output.matchAll(/^SKIPPED: (.*)$/gm)].map((match) => match[1] ?? '');
  const summary = readSummary(output);
  const total = summary?.total ?? 0;
  const passed = Math.max(0, (summary?.passed ?? 0) - events.skipsInTests);
  const failedTests = summary === undefined ? 0 : total - summary.passed;

  if (events.hasCalledExit) faults.push('calls process.exit, which hides what it has left running');
  if (failedTests > 0) {
    faults.push(`${failedTests} of ${total} tests failed${ending.code === 0 ? ' or did not run, because a hook threw' : ''}`);
  } else if (ending.signal !== null) {
    faults.push(`was ended by ${ending.signal}`);
  } else if (summary === undefined && events.test !== '' && faults.length === 0) {
    faults.push(`never settled: "${events.test}" waits for something that cannot happen any more`);
  } else if (ending.code !== 0 && ending.code !== null) {
    faults.push(`ended with exit code ${ending.code}`);
  }
  if (total === 0 && skips.length === 0 && faults.length === 0) faults.push('ran no test; is `test.run()` missing?');

  // A file is one failure more than its failed tests if it is wrong for another reason.
  const failed = Math.max(failedTests, faults.length > 0 ? 1 : 0);
  const skipped = (summary?.skipped ?? 0) + skips.length;
  return { passed, failed, skipped, faults, skips };
}
