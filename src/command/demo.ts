// `rqdm demo`: its options, and what is said of them.

import { Command, InvalidArgumentError } from 'commander';
import { parseDelayRule } from '../../bindings/path/fault/delay-rule.ts';
import { parseSize } from '../../bindings/path/word-options.ts';
import { BLOCK_BYTES } from '../demo/blocks.ts';
import {
  type DemoSettings,
  PATH_DELAY_DEFAULT,
  runDemo,
  SECONDS_DEFAULT,
  SECONDS_MAX,
  SEED_DEFAULT,
  SIZE_BYTES_DEFAULT,
  SIZE_BYTES_MAX,
  SIZE_BYTES_MIN,
} from '../demo/demo.ts';

interface Options {
  readonly dir?: string;
  readonly size: number;
  readonly seconds: number;
  readonly seed: number;
  readonly pathDelay: string;
  readonly json?: boolean;
}

const MIB = 2 ** 20;
const NO_DELAY = 'none';

export function demoCommand(): Command {
  return new Command('demo')
    .description('multipath over a file: request-based beside bio-based, a path fails and comes back, every byte is checked')
    .option('--dir <folder>', 'where the temporary folder is made (default: the one of the system)')
    .option('--size <size>', `of the file, ${SIZE_BYTES_MIN / MIB}M to ${SIZE_BYTES_MAX / MIB}M`, readSize, SIZE_BYTES_DEFAULT)
    .option('--seconds <n>', `of load, both types together, at most ${SECONDS_MAX}`, readSeconds, SECONDS_DEFAULT)
    .option('--path-delay <rule>', `what each call on a path costs, or "${NO_DELAY}"`, readDelay, PATH_DELAY_DEFAULT)
    .option('--seed <n>', 'of the load', readSeed, SEED_DEFAULT)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExit status: 0 good, 1 a byte was wrong or an I/O failed, 2 usage, 130 interrupted.')
    .action(async (options: Options) => {
      process.exitCode = await runDemo(settingsOf(options));
    });
}

function settingsOf(options: Options): DemoSettings {
  return {
    parent: options.dir,
    sizeBytes: options.size,
    seconds: options.seconds,
    seed: options.seed,
    pathDelay: options.pathDelay === NO_DELAY ? undefined : options.pathDelay,
    isJson: options.json === true,
  };
}

function readSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes < SIZE_BYTES_MIN || bytes > SIZE_BYTES_MAX || bytes % BLOCK_BYTES !== 0) {
    throw new InvalidArgumentError(
      `Expected ${SIZE_BYTES_MIN / MIB}M to ${SIZE_BYTES_MAX / MIB}M in multiples of ${BLOCK_BYTES}.`,
    );
  }
  return bytes;
}

function readSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0 || seconds > SECONDS_MAX) {
    throw new InvalidArgumentError(`Expected a number above 0 and at most ${SECONDS_MAX}.`);
  }
  return seconds;
}

function readSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : -1;
  if (seed < 0 || seed >= 2 ** 32) throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
  return seed;
}

function readDelay(text: string): string {
  if (text !== NO_DELAY && parseDelayRule(text) === undefined) {
    throw new InvalidArgumentError(`Expected a time such as ${PATH_DELAY_DEFAULT} or 200us, or "${NO_DELAY}".`);
  }
  return text;
}
