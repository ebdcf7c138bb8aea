// `rqdm detach NODE`: the opposite of attach.

import { Command } from 'commander';
import { ControlClient } from '../control/client.ts';
import { controlSocketPath } from '../control/socket-path.ts';

export function detachCommand(): Command {
  return new Command('detach')
    .description('lets go of a node that attach has made and no table uses')
    .argument('<node>', 'the name, such as /dev/sda')
    .option('--control <socket>', 'the control socket of the server')
    .action(async (node: string, options: { readonly control?: string }) => {
      using client = await ControlClient.open(controlSocketPath(options.control));
      await client.request('detach', { node });
    });
}
