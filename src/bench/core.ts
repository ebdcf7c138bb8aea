// Bench `core`: what the core alone can do. Whole lives of bios inside it, with a straight-through map and a path that
// answers inside at the end of the batch.

import type { BenchContext, Result } from './bench.ts';
import { CoreDriver } from './core-driver.ts';
import { Repetitions } from './median.ts';
import { choosePlaces, createRandom } from './places.ts';

export const BIO_BYTES = 4096;
export const SIZE_BYTES: number = 2 ** 30;
export const IN_FLIGHT = 256;

interface Mix {
  /** How often a bio continues the last one. */
  readonly sequential: number;
  readonly name: string;
  readonly reach: number;
}

const MIXES: readonly Mix[] = [
  { sequential: 0, name: 'core.seq0', reach: 3e6 },
  { sequential: 0.5, name: 'core.seq50', reach: 5e6 },
  { sequential: 0.9, name: 'core.seq90', reach: 12e6 },
];

export async function benchCore(context: BenchContext): Promise<Result[]> {
  const bios = context.isQuick ? 64 * 1024 : 1024 * 1024;
  const random = createRandom(12345);
  const driver = new CoreDriver(SIZE_BYTES, IN_FLIGHT, BIO_BYTES);
  const loads = MIXES.map(({ name, sequential }) => ({
    name,
    places: choosePlaces(bios, sequential, SIZE_BYTES, BIO_BYTES, random),
  }));
  context.say('core: warming up');
  for (const { places } of loads) driver.run(places);
  const repetitions = await Repetitions.run(context, 'core', context.isQuick ? 2 : 9, async () => {
    const figures: Record<string, number> = {};
    for (const { name, places } of loads) figures[name] = driver.run(places);
    return figures;
  });
  return MIXES.map(({ name, reach }) => ({
    name,
    value: repetitions.median(name),
    unit: 'bios/s',
    reach: { atLeast: reach },
  }));
}
