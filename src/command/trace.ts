// `rqdm trace DEVICE…`: block events of devices of a server, until it is told to stop. Its commands are about traces in files; a device
// that is called as one of them is named by its node.

import { Command, InvalidArgumentError, Option } from 'commander';
import { ControlClient } from '../control/client.ts';
import { blkparseText, type EventText, kernelText } from '../control/event-text.ts';
import type { TraceDevice, TraceReply } from '../control/protocol.ts';
import { controlSocketPath } from '../control/socket-path.ts';
import { addTraceFileCommands } from './trace-files.ts';
import { addTraceRecordCommand } from './trace-record.ts';

interface Options {
  readonly format: 'kernel' | 'blkparse';
  readonly events?: ReadonlySet<string>;
  readonly times?: boolean;
  readonly process: string;
  readonly for?: number;
  readonly control?: string;
}

export function traceCommand(): Command {
  const trace = liveCommand();
  addTraceFileCommands(trace);
  addTraceRecordCommand(trace);
  return trace;
}

function liveCommand(): Command {
  return new Command('trace')
    .description(
      [
        'block events of devices of a server, in order, until it is interrupted: bios that arrive, merges, inserts, issues,',
        'remaps, requeues and ends, each with its device; and, by the commands below, traces in files',
      ].join('\n'),
    )
    .argument('[device...]', 'names, nodes or numbers (default: every device)')
    .addOption(new Option('--format <format>', 'how lines look').choices(['kernel', 'blkparse']).default('kernel'))
    .option('--events <names>', 'only these tracepoints, such as bio_queue,rq_issue (format kernel)', readEvents)
    .option('-t, --times', 'seconds since the first event before each line (format kernel)')
    .option('--process <name>', 'whom to name as the submitter', 'rqdm')
    .option('--for <seconds>', 'stop by itself after so long', readSeconds)
    .option('--control <socket>', 'the control socket of the server')
    .action(async (devices: string[], options: Options) => {
      if (options.format === 'blkparse' && (options.events !== undefined || options.times)) {
        throw new Error('--events and --times are for --format kernel: blkparse lines have all events and their times');
      }
      using client = await ControlClient.open(controlSocketPath(options.control));
      await client.request('trace-start', { nodes: devices });
      const stop = (): void => void client.request('trace-stop').catch(() => {});
      const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];
      for (const name of signals) process.once(name, stop);
      const timer = options.for === undefined ? undefined : setTimeout(stop, options.for * 1000);
      process.stderr.write('rqdm: tracing\n');
      try {
        const lost = await printAll(client, options);
        if (lost > 0) {
          process.stderr.write(`rqdm: ${lost} events were lost: they came faster than they could be read\n`);
          process.exitCode = 1;
        }
      } finally {
        clearTimeout(timer);
        for (const name of signals) process.off(name, stop);
      }
    });
}

/** Prints until the trace is over; resolves with how many events were lost. */
async function printAll(client: ControlClient, options: Options): Promise<number> {
  const text = options.format === 'blkparse' ? blkparseText(options.process) : kernelText(options.process);
  const lines = lineMaker(text, options);
  for (let lost = 0; ; ) {
    const reply = await client.request<TraceReply>('trace-read', { wait: true });
    lost += reply.lost;
    const printed = lines(reply);
    if (printed !== '' && !process.stdout.write(printed)) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    if (reply.isOver) return lost;
  }
}

function lineMaker(text: EventText, { events, times }: Options): (reply: TraceReply) => string {
  let firstNs: number | undefined;
  return (reply) => {
    const deviceOf = (number: string): TraceDevice => reply.devices[number] ?? { name: number, isBioBased: false };
    let printed = '';
    for (const event of reply.events) {
      for (const line of text(event, deviceOf)) {
        if (events !== undefined && !events.has(line.slice(0, line.indexOf(':')))) continue;
        firstNs ??= event[0];
        printed += times ? `${((event[0] - firstNs) / 1e9).toFixed(6)} ${line}\n` : `${line}\n`;
      }
    }
    return printed;
  };
}

const EVENTS: ReadonlySet<string> = new Set(
  (
    'bio_queue bio_backmerge bio_frontmerge bio_remap bio_complete split getrq plug unplug rq_insert rq_issue rq_merge rq_remap ' +
    'rq_requeue rq_complete rq_error'
  ).split(' '),
);

function readEvents(text: string): ReadonlySet<string> {
  const names = text.split(/[\s,]+/).map((name) => name.replace(/^block_/, ''));
  const unknown = names.find((name) => !EVENTS.has(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${[...EVENTS].join(', ')}.`);
  return new Set(names);
}

function readSeconds(text: string): number {
  const seconds = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds === 0) throw new InvalidArgumentError('Expected seconds, such as 0.5 or 10.');
  return seconds;
}
