// `rqdm dmsetup …`, and this program under the name dmsetup or dmstats: the world around a command of dmsetup.

import { writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ControlClient } from '../control/client.ts';
import { errnoText } from '../control/errno-text.ts';
import type { ControlError } from '../control/protocol.ts';
import { controlSocketPath } from '../control/socket-path.ts';
import type { Surroundings } from '../dmsetup/call.ts';
import { dmsetup } from '../dmsetup/dmsetup.ts';
import { KernelToolError } from '../dmsetup/failure.ts';

/** Runs the command; resolves with its exit status. `program` is the name it goes by. */
export async function runDmsetup(words: readonly string[], program: string): Promise<number> {
  const output = new Output();
  const status = await dmsetup(words, surroundings(output), program);
  output.show();
  return status;
}

/** As the C library does it: results are kept until the end unless a terminal reads them, complaints are not. */
class Output {
  #kept: string[] = [];

  print(text: string): void {
    this.#kept.push(text);
    if (process.stdout.isTTY) this.show();
  }

  show(): void {
    const text = this.#kept.join('');
    this.#kept = [];
    if (text !== '') writeAll(1, text);
  }
}

/** All of it before the program ends, whatever reads it. */
function writeAll(descriptor: number, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
    }
  }
}

function surroundings(output: Output): Surroundings {
  return {
    print: (text) => output.print(text),
    show: () => output.show(),
    complain: (line) => writeAll(2, `${line}\n`),
    readStandardInput: async () => {
      const parts: Buffer[] = [];
      for await (const part of process.stdin) parts.push(part as Buffer);
      return Buffer.concat(parts).toString('utf8');
    },
    readFile: (name) => readFile(name, 'utf8'),
    connect,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    env: process.env,
  };
}

async function connect(): Promise<ControlClient> {
  const path = controlSocketPath(undefined);
  try {
    return await ControlClient.open(path);
  } catch (error) {
    throw new KernelToolError(
      `${path}: open failed: ${errnoText((error as ControlError).errno)}`,
      'Failure to communicate with the server of mapped devices.',
      'Check that rqdm serve is running; RQDM_CONTROL names its socket.',
    );
  }
}
