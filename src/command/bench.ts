// `rqdm bench NAME`: measures this machine, and says so in names that scripts can rely on.

import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Argument, Command } from 'commander';
import type { Bench, BenchContext, Result } from '../bench/bench.ts';
import { calibrate } from '../bench/calibration.ts';
import { toJson, toTable } from '../bench/report.ts';
import { interruptible } from '../interrupt.ts';
import { createProgress } from '../progress.ts';

/** In the order of `all`. */
const BENCHES: ReadonlyMap<string, () => Promise<Bench>> = new Map([
  ['core', async () => (await import('../bench/core.ts')).benchCore],
  ['device', async () => (await import('../bench/device.ts')).benchDevice],
  ['file', async () => (await import('../bench/file.ts')).benchFile],
  ['claim', async () => (await import('../bench/claim.ts')).benchClaim],
  ['simulate', async () => (await import('../bench/simulate.ts')).benchSimulate],
  ['control', async () => (await import('../bench/control.ts')).benchControl],
  ['memory', async () => (await import('../bench/memory.ts')).benchMemory],
]);

const ALL = 'all';

interface BenchOptions {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly dir: string;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description(
      [
        'Measures this machine. Every bench takes less than a minute on a quiet machine.',
        '',
        '  core      lives of bios inside the core: bios a second',
        '  device    the batch call through multipath, beside the same without a map',
        '  file      4 KiB reads and writes of a cached file, beside those of node:fs',
        '  claim     map after merge against merge after map, on slow paths',
        '  simulate  simulated I/Os a second, on one worker and on two; how fast traces are read',
        '  control   a server through its socket: devices made and removed a second, status of a thousand devices',
        '  memory    bytes of a bio, a request with its clone, a device, the core; growth over ten million I/Os',
      ].join('\n'),
    )
    .addArgument(new Argument('<name>', 'what to measure').choices([...BENCHES.keys(), ALL]))
    .option('--json', 'print JSON instead of a table')
    .option('--quick', 'only see that it works: short, with figures that say little')
    .option('--dir <folder>', 'where the file of bench `file` goes', tmpdir())
    .action(runBench);
}

async function runBench(name: string, options: BenchOptions): Promise<void> {
  if (!statSync(options.dir, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`--dir ${options.dir}: expected a folder`);
  }
  const progress = createProgress();
  try {
    const results = await interruptible((signal) => {
      const { dir: directory, quick: isQuick = false } = options;
      return measure(name, { isQuick, directory, signal, say: (text) => progress.say(text) });
    });
    progress.clear();
    const hasColor = process.stdout.isTTY && !process.env['NO_COLOR'];
    process.stdout.write(options.json ? toJson(name, results) : toTable(results, hasColor));
  } finally {
    progress.clear();
  }
}

async function measure(name: string, context: BenchContext): Promise<Result[]> {
  context.say('calibrating');
  const results: Result[] = calibrate();
  for (const [bench, load] of BENCHES) {
    if (name !== bench && name !== ALL) continue;
    results.push(...(await (await load())(context)));
  }
  return results;
}
