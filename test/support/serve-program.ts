// `rqdm serve` as a process, and other programs beside it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TemporaryFolder } from './temporary-folder.ts';

export const CLI: string = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

export class Program {
  readonly child: ChildProcess;
  output = '';
  errors = '';
  readonly finished: Promise<Finished>;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv, input?: string) {
    this.child = spawn(command[0] as string, command.slice(1), {
      env: { PATH: process.env['PATH'], LC_ALL: 'C', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.end(input ?? '');
    this.child.stdout?.on('data', (data: Buffer) => {
      this.output += data.toString();
    });
    this.child.stderr?.on('data', (data: Buffer) => {
      this.errors += data.toString();
    });
    this.finished = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as NodeJS.Signals | null,
      output: this.output,
      errors: this.errors,
    }));
  }

  /** Resolves when the program has said something of the kind. */
  async says(stream: 'output' | 'errors', pattern: RegExp): Promise<void> {
    while (!pattern.test(this[stream])) {
      const source = stream === 'output' ? this.child.stdout : this.child.stderr;
      const ended = this.finished.then(({ errors }) => Promise.reject(new Error(`it ended: ${errors}`)));
      await Promise.race([once(source as NodeJS.ReadableStream & NodeJS.EventEmitter, 'data'), ended]);
    }
  }
}

export interface Room {
  readonly folder: TemporaryFolder;
  readonly socketPath: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A server with these options, as long as `work` takes. */
export async function serving(
  options: (room: Room) => string[],
  work: (server: Program, room: Room) => Promise<void>,
): Promise<void> {
  using folder = new TemporaryFolder();
  const socketPath = join(folder.path, 'control.sock');
  const room = { folder, socketPath, env: { RQDM_CONTROL: socketPath } };
  const server = new Program([process.execPath, CLI, 'serve', ...options(room)], room.env);
  try {
    await server.says('output', /ready/);
    await work(server, room);
  } finally {
    if (server.child.exitCode === null) server.child.kill('SIGKILL');
    await server.finished;
  }
}

export function dmsetup(room: Room, words: readonly string[], input?: string): Promise<Finished> {
  return new Program([process.execPath, CLI, 'dmsetup', ...words], room.env, input).finished;
}
