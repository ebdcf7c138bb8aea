// `rqdm trace record DEVICE FILE`: the load of a server's device into a trace.

import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ControlClient } from '../control/client.ts';
import { controlSocketPath } from '../control/socket-path.ts';

interface Options {
  readonly seconds?: number;
  readonly control?: string;
}

/** Adds the command to `rqdm trace`. */
export function addTraceRecordCommand(trace: Command): void {
  trace
    .command('record')
    .description("record what is queued at a server's device, with response times, until Ctrl-C; the server writes the file")
    .argument('<device>', 'a name, node or number, such as /dev/mapper/vol')
    .argument('<file>', 'where to; it is made anew')
    .option('--seconds <n>', 'only for so long', readSeconds)
    .option('--control <socket>', 'the control socket of the server')
    .action(async (device: string, name: string, options: Options) => {
      using client = await ControlClient.open(controlSocketPath(options.control));
      const file = resolve(name);
      const milliseconds = options.seconds === undefined ? undefined : Math.round(options.seconds * 1000);
      const ending = client.request<{ records: number; lost: number }>('record', {
        node: device,
        file,
        ...(milliseconds === undefined ? {} : { milliseconds }),
      });
      const stop = (): void => {
        // that it has ended by itself meanwhile is no trouble
        client.request('record_stop', { file }).catch(() => undefined);
      };
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
      try {
        const { records, lost } = await ending;
        process.stdout.write(`${records} records in ${name}${lost > 0 ? `, ${lost} LOST` : ''}\n`);
      } finally {
        process.off('SIGINT', stop);
        process.off('SIGTERM', stop);
      }
    });
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > 2_000_000)
    throw new InvalidArgumentError('Expected seconds above 0.');
  return seconds;
}
