// `rqdm io DEVICE WORD…`: scripted I/O on a device of a server.

import { Command, InvalidArgumentError } from 'commander';
import { ControlClient } from '../control/client.ts';
import type { IoReply, IoResult } from '../control/protocol.ts';
import { controlSocketPath } from '../control/socket-path.ts';
import { parseSteps } from '../io/language.ts';

interface Options {
  readonly buffered?: boolean;
  readonly completionOrder?: boolean;
  readonly quiet?: boolean;
  readonly times?: boolean;
  readonly priority?: { readonly priority: string; readonly level: number };
  readonly cpu?: number;
  readonly control?: string;
}

const WORDS = `
Words, in sectors of 512 bytes:
  r:SECTOR:COUNT          read
  w:SECTOR:COUNT[:BYTE]   write, each byte BYTE (0x5a)
  p:SECTOR:COUNT          write, each sector filled with its own number
  s                       submit what has been asked for in one call
  1                       submit what has been asked for, each in a call of its own
  b                       submit and wait for all (also done at the end)
  f                       flush, once all before it has ended
  d:SECTOR:COUNT          discard, likewise
  z:SECTOR:COUNT          write zeroes, likewise
  m:MILLISECONDS          wait

A call plugs, so that its I/O merges, from three I/Os on. The exit status is 1 if any read or write failed.`;

export function ioCommand(): Command {
  return new Command('io')
    .description('scripted I/O on a device of a server: what was read, and what failed')
    .usage('[options] <device> <word...>')
    .argument('<device>', 'a name, node or number, such as /dev/mapper/vol, /dev/sda, 253:0')
    .argument('<words...>', 'what to do')
    .option('-B, --buffered', 'one after the other, each waited for, as through a page cache')
    .option('-o, --completion-order', 'print in the order in which they ended')
    .option('-q, --quiet', 'of reads and writes print only what failed')
    .option('-t, --times', 'say when each ended, in milliseconds since the start')
    .option('--priority <class[:level]>', 'realtime, best-effort or idle; levels 0 to 7', readPriority)
    .option('--cpu <number>', 'the CPU that it comes from, for io-affinity', readCpu)
    .option('--control <socket>', 'the control socket of the server')
    .addHelpText('after', WORDS)
    .action(async (device: string, words: string[], options: Options) => {
      parseSteps(words);
      using client = await ControlClient.open(controlSocketPath(options.control));
      const { results } = await client.request<IoReply>('io', {
        node: device,
        words,
        buffered: options.buffered === true,
        ...options.priority,
        ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
      });
      process.stdout.write(resultText(results, options));
      if (hasFailed(results)) process.exitCode = 1;
    });
}

/** A line for each I/O; reads and writes are numbered as they were asked for. */
export function resultText(results: readonly IoResult[], options: Options): string {
  let number = 0;
  const lines = results.map((result) => ({ result, line: lineOf(result, () => number++, options.times === true) }));
  if (options.completionOrder) lines.sort((one, other) => one.result.ended - other.result.ended);
  return lines
    .filter(({ result }) => !options.quiet || result.status !== 'ok' || !isTransfer(result))
    .map(({ line }) => `${line}\n`)
    .join('');
}

/** A read or write has failed: what the exit status tells. */
export function hasFailed(results: readonly IoResult[]): boolean {
  return results.some((result) => isTransfer(result) && result.status !== 'ok' && !result.status.startsWith('short'));
}

function isTransfer({ operation }: IoResult): boolean {
  return operation === 'read' || operation === 'write';
}

const NAMES = { discard: 'discard', zeroes: 'zeroout', flush: 'fsync' } as const;
const LETTERS = { read: 'R', write: 'W' } as const;

function lineOf(
  { operation, sector, sectors, status, data, milliseconds }: IoResult,
  next: () => number,
  isTimed: boolean,
): string {
  const what =
    operation === 'read' || operation === 'write'
      ? `#${next()} ${LETTERS[operation]} ${sector}+${sectors}`
      : operation === 'flush'
        ? NAMES.flush
        : `${NAMES[operation]} ${sector}+${sectors}`;
  return [what, '->', status, ...(data === null ? [] : [data]), ...(isTimed ? [`@${milliseconds.toFixed(1)}`] : [])].join(' ');
}

function readPriority(text: string): Options['priority'] {
  const [, priority, level = '0'] = /^(realtime|best-effort|idle)(?::([0-7]))?$/.exec(text) ?? [];
  if (priority === undefined) throw new InvalidArgumentError('Expected realtime, best-effort or idle, with :0 to :7.');
  return { priority, level: Number(level) };
}

function readCpu(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
