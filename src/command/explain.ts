// `rqdm explain NAME`: why I/O went where it went, and why a path is not used.

import { Command, InvalidArgumentError } from 'commander';
import { ControlClient } from '../control/client.ts';
import type { ExplainedPathReply, ExplainReply } from '../control/protocol.ts';
import { controlSocketPath } from '../control/socket-path.ts';

interface Options {
  readonly last?: number;
  readonly keep?: number;
  readonly off?: boolean;
  readonly json?: boolean;
  readonly control?: string;
}

const KEPT_MAX = 65536;

export function explainCommand(): Command {
  return new Command('explain')
    .description(
      [
        "why a multipath device's I/O went where it went, with the figures of its selector, and why a path is not used",
        '',
        'Decisions are kept from the first --keep on; without them only the paths are explained.',
      ].join('\n'),
    )
    .argument('<name>', 'the device')
    .option('--last <n>', 'only the last decisions', readCount)
    .option('--keep <n>', `keep the last decisions from now on, 1 to ${KEPT_MAX}`, readKept)
    .option('--off', 'keep none any more')
    .option('--json', 'print the answer as it came')
    .option('--control <socket>', 'the control socket of the server')
    .action(async (name: string, options: Options) => {
      using client = await ControlClient.open(controlSocketPath(options.control));
      const keep = options.off ? 0 : options.keep;
      const reply = await client.request<ExplainReply>('explain', {
        name,
        ...(keep === undefined ? {} : { keep }),
        ...(options.last === undefined ? {} : { last: options.last }),
      });
      process.stdout.write(options.json ? `${JSON.stringify(reply)}\n` : explanationText(reply));
    });
}

/** A line for each decision and one for each path as it is now. */
export function explanationText({ isOn, decisions, paths }: ExplainReply): string {
  const lines = decisions.flatMap(({ timeNs, operation, sector, bytes, outcome, chosen, group, paths: all }) => {
    const to = chosen === null ? '' : ` ${chosen} in group ${group}`;
    return [
      `${(timeNs / 1e9).toFixed(6)} ${operation} ${sector}+${bytes / 512}: ${outcome}${to}`,
      ...all.map((path) => `    ${pathText(path)}`),
    ];
  });
  if (!isOn) lines.push('decisions are not kept: --keep N keeps them');
  return `${[...lines, ...paths.map((path) => `now ${pathText(path)}`)].join('\n')}\n`;
}

function pathText({ path, group, why, figures }: ExplainedPathReply): string {
  const values = Object.entries(figures).map(([key, value]) => `${key}=${Math.round(value)}`);
  return [path, `group ${group}`, why, ...values].join(' ');
}

function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

function readKept(text: string): number {
  const count = readCount(text);
  if (count < 1 || count > KEPT_MAX) throw new InvalidArgumentError(`Expected a whole number from 1 to ${KEPT_MAX}.`);
  return count;
}
