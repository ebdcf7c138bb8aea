// What a test file's process tells the runner beside its output: lines on a pipe that only the runner opens.
//
//   test <suite> <name>    this test starts now; an empty line `test` when a suite has ended
//   skip <0|1>             a skip was announced; 1 if inside a test, which uvu will then count as passed
//   exit                   the file called process.exit
//   active <names>         the answer to SIGUSR2: what keeps the process alive
//
// The pipe is written with writeSync, so that a test that blocks its thread has been named before it does.

import { writeSync } from 'node:fs';

/** The descriptor of the pipe in a process that the runner started. */
export const EVENT_DESCRIPTOR = 3;

let descriptor: number | undefined;
let currentTest = '';

/** Called once by child.ts. Without it, as when a test file is run by hand, `report` does nothing. */
export function openEvents(): void {
  descriptor = EVENT_DESCRIPTOR;
}

export function report(kind: 'test' | 'skip' | 'exit' | 'active', text: string): void {
  if (kind === 'test') currentTest = text;
  if (descriptor === undefined) return;
  try {
    writeSync(descriptor, `${kind} ${text.replaceAll('\n', ' ')}\n`);
  } catch {
    // The runner has gone; there is nobody to tell.
    descriptor = undefined;
  }
}

/** The test that is running, or '' between tests and outside of our runner. */
export function runningTest(): string {
  return currentTest;
}
