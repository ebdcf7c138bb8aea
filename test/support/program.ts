// Small programs in a process of their own, to see how it ends.

import { spawn } from 'node:child_process';

export interface ProgramResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

export const LIBRARY: string = new URL('../../bindings/index.js', import.meta.url).href;

export interface ProgramOptions {
  readonly kind?: 'module' | 'commonjs';
  /** What to put before `node …`: words of a command that runs the rest. */
  readonly before?: readonly string[];
}

/** Runs the text of a program; `LIBRARY` in it is the address of the library. Ends it by SIGKILL after 20 s. */
export function runProgram(text: string, options: ProgramOptions = {}): Promise<ProgramResult> {
  const flags = [`--input-type=${options.kind ?? 'module'}`, '--no-warnings'];
  const code = text.replaceAll('LIBRARY', JSON.stringify(LIBRARY));
  return new Promise((resolve, reject) => {
    const command = [...(options.before ?? []), process.execPath, ...flags, '-e', code];
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, output, errors }));
  });
}
