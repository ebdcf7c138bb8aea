#!/usr/bin/env node
// The program `rqdm`. Each command lies in a file of its own under command/, which is read when the command is called:
// `rqdm --help` and a mistyped word answer at once.
//
// Exit status: 0 good, 1 failed, 2 called wrongly, 130 interrupted.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { INTERRUPTED_STATUS, isInterruption } from './interrupt.ts';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

const FAILED_STATUS = 1;
const USAGE_STATUS = 2;

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    summary: 'a multipath device over a file: merges, balances, loses a path, loses no byte',
    load: async () => (await import('./command/demo.ts')).demoCommand(),
  },
  {
    name: 'bench',
    summary: 'measure this machine: core, device, file, claim, memory or all',
    load: async () => (await import('./command/bench.ts')).benchCommand(),
  },
];

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The program, with the commands that the words mention; of the others only what the overview says of them. */
async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('rqdm')
    .description('Request-based device-mapper in user space: merge and sort first, choose the path afterwards.')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`rqdm: ${oneLine(text.replace(/^error: /, ''))} (rqdm --help)\n`) });
  for (const entry of COMMANDS) {
    const command = words.includes(entry.name) ? await entry.load() : new Command(entry.name);
    program.addCommand(command.copyInheritedSettings(program).summary(entry.summary));
  }
  return program;
}

async function main(words: readonly string[]): Promise<number> {
  try {
    const program = await createProgram(words);
    await program.parseAsync(words, { from: 'user' });
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    // Help and version end by an error of their own too, with status 0; commander has said what there is to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS;
    if (isInterruption(error)) return INTERRUPTED_STATUS;
    process.stderr.write(`rqdm: ${describe(error)}\n`);
    return FAILED_STATUS;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  return process.env['RQDM_DEBUG'] === '1' ? (error.stack ?? error.message) : oneLine(error.message);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

// Whoever reads our output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
