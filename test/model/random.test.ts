// Random histories on random devices, on the core alone: whatever happens, every bio ends once, data is right, limits
// hold, and at the end nothing is left. RQDM_FUZZ_RUNS raises the number of histories.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import { repositoryFolder } from '../support/skip.ts';
import { type World, worlds } from './world.ts';
import { Run } from './world-run.ts';

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 1000);

const seeds = suite('model: histories that found a fault once');
const folder = join(repositoryFolder(), 'test/seed');
for (const name of readdirSync(folder).filter((file) => /^core-.*\.json$/.test(file))) {
  const { found, world } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { found: string; world: World };
  seeds(`${name}: ${found}`, () => new Run(world).run());
}
seeds.run();

const test = suite('model: random histories');

test('every bio ends once with the right data, and nothing is left', () => {
  fc.assert(
    fc.property(worlds(14), (world) => new Run(world).run()),
    {
      numRuns: RUNS,
      includeErrorInReport: true,
      ...(process.env['RQDM_FUZZ_SEED'] ? { seed: Number(process.env['RQDM_FUZZ_SEED']) } : {}),
    },
  );
});

test.run();
