#!/usr/bin/env node
// The program `rqdm`. Each command lies in a file of its own under command/, which is read when the command is called:
// `rqdm --help` and a mistyped word answer at once.
//
// Exit status: 0 good, 1 failed, 2 called wrongly, 130 interrupted.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command, CommanderError } from 'commander';
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
    summary: 'measure this machine: core, device, file, claim, simulate, control, memory or all',
    load: async () => (await import('./command/bench.ts')).benchCommand(),
  },
  {
    name: 'simulate',
    summary: 'a load on devices over modelled paths, on virtual time: which policy, for which trace, when what fails',
    load: async () => (await import('./command/simulate.ts')).simulateCommand(),
  },
  {
    name: 'serve',
    summary: 'own mapped devices, for dmsetup and others to make and change',
    load: async () => (await import('./command/serve.ts')).serveCommand(),
  },
  {
    name: 'dmsetup',
    summary: "dmsetup's commands, for the devices of a server (rqdm dmsetup help)",
    load: async () => new (await import('commander')).Command('dmsetup'),
  },
  {
    name: 'attach',
    summary: "give a file or memory a node's name and number, in a server",
    load: async () => (await import('./command/attach.ts')).attachCommand(),
  },
  {
    name: 'detach',
    summary: 'let go of such a node',
    load: async () => (await import('./command/detach.ts')).detachCommand(),
  },
  {
    name: 'io',
    summary: 'scripted I/O on a device of a server',
    load: async () => (await import('./command/io.ts')).ioCommand(),
  },
  {
    name: 'trace',
    summary: 'block events of devices of a server; traces in files: info, convert, head, slice, mix, scale, record',
    load: async () => (await import('./command/trace.ts')).traceCommand(),
  },
  {
    name: 'multipath',
    summary: 'multipath devices of a server with their groups and paths (multipath -ll)',
    load: async () => (await import('./command/multipath.ts')).multipathCommand(),
  },
  {
    name: 'explain',
    summary: 'why I/O of a multipath device went where it went',
    load: async () => (await import('./command/explain.ts')).explainCommand(),
  },
];

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Names under which this program is dmsetup, as `rqdm dmsetup` is. */
const DMSETUP_NAMES: ReadonlySet<string> = new Set(['dmsetup', 'dmstats']);

/** The name and words of dmsetup if that is what was called: by `rqdm dmsetup …`, or through a link of that name. */
function dmsetupCall(words: readonly string[]): { program: string; words: readonly string[] } | undefined {
  const program = basename(process.argv[1] ?? '');
  if (DMSETUP_NAMES.has(program)) return { program, words };
  return words[0] === 'dmsetup' ? { program: 'dmsetup', words: words.slice(1) } : undefined;
}

/** The program, with the commands that the words mention; of the others only what the overview says of them. */
async function createProgram(words: readonly string[]): Promise<Command> {
  const { Command } = await import('commander');
  const program = new Command('rqdm')
    .description('Request-based device-mapper in user space: merge and sort first, choose the path afterwards.')
    .version(version())
    .exitOverride()
    // a command may have options, and commands of its own with others of the same name
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`rqdm: ${oneLine(text.replace(/^error: /, ''))} (rqdm --help)\n`) });
  for (const entry of COMMANDS) {
    const command = words.includes(entry.name) ? await entry.load() : new Command(entry.name);
    program.addCommand(command.copyInheritedSettings(program).summary(entry.summary));
    for (const nested of command.commands) nested.copyInheritedSettings(command);
  }
  return program;
}

async function main(words: readonly string[]): Promise<number> {
  try {
    const dmsetup = dmsetupCall(words);
    // it reads its words itself, and has to start quickly
    if (dmsetup) return await (await import('./command/dmsetup.ts')).runDmsetup(dmsetup.words, dmsetup.program);
    const program = await createProgram(words);
    await program.parseAsync(words, { from: 'user' });
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    // Help and version end by an error of their own too, with status 0; commander has said what there is to say.
    if (isCommanderError(error)) return error.exitCode === 0 ? 0 : USAGE_STATUS;
    if (isInterruption(error)) return INTERRUPTED_STATUS;
    process.stderr.write(`rqdm: ${describe(error)}\n`);
    return FAILED_STATUS;
  }
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && String((error as Partial<CommanderError>).code).startsWith('commander.');
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
