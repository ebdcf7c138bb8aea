// `rqdm multipath -ll`: the multipath devices of a server, with their groups and paths.

import { Command } from 'commander';
import { ControlClient } from '../control/client.ts';
import type { TopologyReply } from '../control/protocol.ts';
import { controlSocketPath } from '../control/socket-path.ts';

interface Options {
  readonly json?: boolean;
  readonly control?: string;
}

export function multipathCommand(): Command {
  return new Command('multipath')
    .description('shows multipath devices, their groups and their paths, as the checkers and the devices see them')
    .argument('[name]', 'one device; missing: all')
    .option('-l, --list', 'show them (it does so anyway)')
    .option('--json', 'print the answer as it came')
    .option('--control <socket>', 'the control socket of the server')
    .action(async (name: string | undefined, options: Options) => {
      using client = await ControlClient.open(controlSocketPath(options.control));
      const reply = await client.request<{ devices: TopologyReply[] }>('topology', name === undefined ? {} : { name });
      const text = reply.devices.map((device) => device.text).join('');
      process.stdout.write(options.json ? `${JSON.stringify(reply)}\n` : text);
    });
}
