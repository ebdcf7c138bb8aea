// `rqdm attach NODE WORD`: gives a backing word the name and number of a node, for tables of the server's devices.

import { Command, InvalidArgumentError, Option } from 'commander';
import { ControlClient } from '../control/client.ts';
import { controlSocketPath } from '../control/socket-path.ts';
import { withOption } from '../control/word.ts';

interface Options {
  readonly number?: string;
  readonly queue?: 'bio' | 'request';
  readonly readonly?: boolean;
  readonly limit: Readonly<Record<string, number>>;
  readonly control?: string;
}

export function attachCommand(): Command {
  return new Command('attach')
    .description('gives a backing word the name of a node, such as /dev/sda, under which tables may use it')
    .argument('<node>', 'the name, such as /dev/sda')
    .argument('<word>', 'what it is: a file, mem:NAME?size=64M, null:64M')
    .option('--number <major:minor>', 'its number (default: one of ours)', readNumber)
    .addOption(new Option('--queue <kind>', 'what it takes').choices(['bio', 'request']))
    .option('--readonly', 'open it for reading only')
    .option('--limit <name=value>', 'a limit of its queue, such as maxSectors=256; may be given several times', readLimit, {})
    .option('--control <socket>', 'the control socket of the server')
    .action(async (node: string, word: string, options: Options) => {
      using client = await ControlClient.open(controlSocketPath(options.control));
      const { number, limit: limits } = options;
      const { number: given } = await client.request<{ number: string }>('attach', {
        node,
        word: options.queue === undefined ? word : withOption(word, `queue=${options.queue}`),
        readOnly: options.readonly === true,
        ...(number === undefined ? {} : { number }),
        ...(Object.keys(limits).length === 0 ? {} : { limits }),
      });
      process.stdout.write(`${node} ${given}\n`);
    });
}

function readNumber(text: string): string {
  if (!/^\d+:\d+$/.test(text)) throw new InvalidArgumentError('Expected MAJOR:MINOR, such as 8:0.');
  return text;
}

function readLimit(text: string, before: Readonly<Record<string, number>>): Record<string, number> {
  const found = /^([A-Za-z]+)=(\d+)$/.exec(text);
  if (!found) throw new InvalidArgumentError('Expected NAME=NUMBER, such as maxSectors=256.');
  return { ...before, [found[1] as string]: Number(found[2]) };
}
