// `rqdm serve`: owns devices until it is told to leave.

import { Command, InvalidArgumentError } from 'commander';
import { serve } from '../control/serve.ts';
import { controlSocketPath } from '../control/socket-path.ts';

interface Options {
  readonly control?: string;
  readonly config?: string;
  readonly log?: string;
  readonly pidfile?: string;
  readonly allow: readonly string[];
  readonly checker?: string;
  readonly devices: number;
}

const DEVICES_DEFAULT = 1024;
const DEVICES_MAX = 4096;

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      [
        'Owns mapped devices, which `rqdm dmsetup` makes and changes through a Unix socket.',
        '',
        'SIGTERM or SIGINT: answers what has begun, flushes, closes every device, leaves; a second one ends at once.',
        'SIGHUP: reads the configuration again and gives changed devices their new tables.',
      ].join('\n'),
    )
    .option('--control <socket>', 'where the control socket lies (default: RQDM_CONTROL, or one of this user)')
    .option('--config <file>', "nodes and devices to begin with, or dmsetup's concise format")
    .option('--allow <start>', 'what the words of paths must begin with; may be given several times', collect, [])
    .option('--devices <n>', `devices and nodes at most, 1 to ${DEVICES_MAX}`, readDevices, DEVICES_DEFAULT)
    .option('--checker <words>', 'check the paths of multipath devices, such as interval=5,failback=immediate')
    .option('--log <file>', 'append log lines to this file instead of standard error')
    .option('--pidfile <file>', 'write the process id there')
    .action(async (options: Options) => {
      await serve({
        socketPath: controlSocketPath(options.control),
        configFile: options.config,
        logFile: options.log,
        pidFile: options.pidfile,
        allow: options.allow,
        checker: options.checker?.split(','),
        devices: options.devices,
      });
    });
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function readDevices(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > DEVICES_MAX) throw new InvalidArgumentError(`Expected a whole number from 1 to ${DEVICES_MAX}.`);
  return count;
}
