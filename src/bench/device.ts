// Bench `device`: the library from the batch call on. Multipath with its hooks in TypeScript over two paths that answer
// at once, beside the same call onto one such path's own queue: the difference is what mapping costs. And the same while the
// load is recorded into a file.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceMapper, type IoBatch, type Lease, type MappedDevice, OPERATION_READ } from '../../bindings/index.ts';
import { recordTrace } from '../trace/record-device.ts';
import type { BenchContext, Result } from './bench.ts';
import { BIO_BYTES, IN_FLIGHT, SIZE_BYTES } from './core.ts';
import { Repetitions } from './median.ts';
import { choosePlaces, createRandom } from './places.ts';

/** What takes batches. */
interface Batched {
  batch(batch: IoBatch): Promise<number>;
}

const MIXES: readonly { readonly sequential: number; readonly name: string; readonly reach: number }[] = [
  { sequential: 0, name: 'seq0', reach: 1.2e6 },
  { sequential: 0.5, name: 'seq50', reach: 2e6 },
  { sequential: 0.9, name: 'seq90', reach: 5e6 },
];

/** Deep enough that a path takes all that is in flight. */
const WORD = 'null:1G?depth=512';

/** Batches of reads at these places, their memory contiguous in the order of submission. */
function createBatches(places: Float64Array, lease: Lease): IoBatch[] {
  const operations = new Uint8Array(IN_FLIGHT).fill(OPERATION_READ);
  const lengths = new Uint32Array(IN_FLIGHT).fill(BIO_BYTES);
  const addresses = Uint32Array.from({ length: IN_FLIGHT }, (_, i) => lease.address + i * BIO_BYTES);
  const statuses = new Uint8Array(IN_FLIGHT);
  const batches: IoBatch[] = [];
  for (let first = 0; first + IN_FLIGHT <= places.length; first += IN_FLIGHT) {
    const positions = places.subarray(first, first + IN_FLIGHT);
    batches.push({ count: IN_FLIGHT, operations, positions, lengths, addresses, statuses });
  }
  return batches;
}

/** Bios a second, one batch after the other. */
async function measure(device: Batched, batches: readonly IoBatch[]): Promise<number> {
  const start = performance.now();
  let failed = 0;
  for (const batch of batches) failed += await device.batch(batch);
  const seconds = (performance.now() - start) / 1000;
  if (failed > 0) throw new Error(`bench device: ${failed} reads failed`);
  return (batches.length * IN_FLIGHT) / seconds;
}

/** The same while the device's load is recorded; the end of the file is not waited for in it. */
async function measureRecorded(device: MappedDevice, batches: readonly IoBatch[], file: string): Promise<number> {
  const recording = await recordTrace(device, file);
  try {
    const rate = await measure(device, batches);
    const { records, lost } = await recording.stop();
    const bios = batches.length * IN_FLIGHT;
    if (records !== bios || lost > 0) throw new Error(`bench device: ${records} of ${bios} reads were recorded, ${lost} lost`);
    return rate;
  } finally {
    await recording.stop();
    rmSync(file, { force: true });
  }
}

export async function benchDevice(context: BenchContext): Promise<Result[]> {
  await using mapper = new DeviceMapper();
  const mapped = await mapper.openDevice([`${WORD}#a`, `${WORD}#b`], { selector: 'service-time' });
  const plain = await mapper.openPlain(`${WORD}#plain`);
  const lease = mapper.lease(IN_FLIGHT * BIO_BYTES) as Lease;
  const bios = context.isQuick ? 32 * 1024 : 512 * 1024;
  const random = createRandom(54321);
  const loads = MIXES.map(({ name, sequential }) => ({
    name,
    batches: createBatches(choosePlaces(bios, sequential, SIZE_BYTES, BIO_BYTES, random), lease),
  }));
  const file = join(context.directory, `rqdm-bench-${process.pid}.trace`);
  const turn = async (): Promise<Record<string, number>> => {
    const figures: Record<string, number> = {};
    for (const { name, batches } of loads) {
      figures[name] = await measure(mapped, batches);
      figures[`plain.${name}`] = await measure(plain, batches);
    }
    figures['recorded'] = await measureRecorded(mapped, (loads[0] as (typeof loads)[0]).batches, file);
    return figures;
  };
  context.say('device: warming up');
  await turn();
  const repetitions = await Repetitions.run(context, 'device', context.isQuick ? 2 : 7, turn);
  lease.release();
  const rate = (name: string, figure: string): Result => ({ name, value: repetitions.median(figure), unit: 'bios/s' });
  return [
    ...MIXES.map(({ name, reach }) => ({ ...rate(`device.${name}`, name), reach: { atLeast: reach } })),
    rate('device.plain', 'plain.seq0'),
    rate('device.plain.seq50', 'plain.seq50'),
    rate('device.plain.seq90', 'plain.seq90'),
    rate('device.recorded', 'recorded'),
    { name: 'device.mapped-to-plain', value: repetitions.ratio('seq0', 'plain.seq0'), unit: 'ratio', reach: { atLeast: 0.75 } },
  ];
}
