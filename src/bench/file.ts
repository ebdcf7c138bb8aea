// Bench `file`: 4 KiB I/O on a file in the page cache, through multipath over two paths to it, beside the better of
// node:fs's two ways in the same turn.

import { type FileHandle, open } from 'node:fs/promises';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import type { BenchContext, Result } from './bench.ts';
import { CachedFile } from './cached-file.ts';
import { type FileLoad, measureCallbacks, measurePromises, type NextPlace } from './file-baseline.ts';
import { measureBatches, measureReadInto } from './file-load.ts';
import { Repetitions } from './median.ts';
import { createRandom } from './places.ts';

const BLOCK_BYTES = 4096;
const DEPTH = 128;

interface FileCase {
  readonly name: string;
  readonly isWrite: boolean;
  readonly isRandom: boolean;
  readonly depth: number;
}

const CASES: readonly FileCase[] = [
  { name: 'seqread', isWrite: false, isRandom: false, depth: DEPTH },
  { name: 'seqwrite', isWrite: true, isRandom: false, depth: DEPTH },
  { name: 'randread', isWrite: false, isRandom: true, depth: DEPTH },
  { name: 'randwrite', isWrite: true, isRandom: true, depth: DEPTH },
  { name: 'randread.depth1', isWrite: false, isRandom: true, depth: 1 },
];

const REACH: readonly { readonly name: string; readonly atLeast: number }[] = [
  { name: 'seqread', atLeast: 10 },
  { name: 'seqwrite', atLeast: 10 },
  { name: 'randread', atLeast: 3 },
  { name: 'randwrite', atLeast: 3 },
  { name: 'randread.depth1', atLeast: 3 },
];

/** Everything that is open while the bench runs. */
interface Setup {
  readonly handle: FileHandle;
  readonly mapper: DeviceMapper;
  /** Paths as `auto` decides. */
  readonly auto: MappedDevice;
  /** Paths on worker threads. */
  readonly worker: MappedDevice;
  readonly sizeBytes: number;
  readonly durationMs: number;
}

function createPlaces(isRandom: boolean, sizeBytes: number, random: () => number): NextPlace {
  const blocks = sizeBytes / BLOCK_BYTES;
  let block = 0;
  return () => {
    block = isRandom ? Math.floor(random() * blocks) : (block + 1) % blocks;
    return block * BLOCK_BYTES;
  };
}

/** Every case once, by all that compete. */
async function runTurn(setup: Setup, random: () => number): Promise<Record<string, number>> {
  const { handle, mapper, auto, worker, sizeBytes, durationMs } = setup;
  const figures: Record<string, number> = {};
  for (const { name, isWrite, isRandom, depth } of CASES) {
    const load = (): FileLoad => {
      return { isWrite, depth, blockBytes: BLOCK_BYTES, durationMs, nextPlace: createPlaces(isRandom, sizeBytes, random) };
    };
    const callbacks = await measureCallbacks(handle.fd, load());
    const promises = await measurePromises(handle, load());
    figures[`${name}.callbacks`] = callbacks;
    figures[`${name}.promises`] = promises;
    figures[`${name}.node`] = Math.max(callbacks, promises);
    figures[name] = await measureBatches(mapper, auto, load());
    if (name === 'randread') figures['worker.randread'] = await measureBatches(mapper, worker, load());
    if (name === 'seqread') figures['promise.seqread'] = await measureReadInto(auto, load());
  }
  return figures;
}

/** What is measured must also be right: some blocks bear their numbers. */
async function check(device: MappedDevice): Promise<void> {
  for (const block of [0, 1, DEPTH, device.size / BLOCK_BYTES - 1]) {
    const found = (await device.read(block * BLOCK_BYTES, 4)).readUInt32LE();
    if (found !== block) throw new Error(`bench file: block ${block} reads as block ${found}`);
  }
}

export async function benchFile(context: BenchContext): Promise<Result[]> {
  context.say('file: writing it');
  using file = new CachedFile(context.directory, (context.isQuick ? 8 : 256) * 2 ** 20, BLOCK_BYTES);
  await using handle = await open(file.name, 'r+');
  await using mapper = new DeviceMapper();
  const openPaths = (mode: string): Promise<MappedDevice> =>
    mapper.openDevice(
      ['a', 'b'].map((label) => `file:${file.name}?mode=${mode}#${label}`),
      { selector: 'service-time' },
    );
  const setup: Setup = {
    handle,
    mapper,
    auto: await openPaths('auto'),
    worker: await openPaths('worker'),
    sizeBytes: file.sizeBytes,
    durationMs: context.isQuick ? 10 : 250,
  };
  await check(setup.auto);
  await check(setup.worker);
  const random = createRandom(98765);
  context.say('file: warming up');
  await runTurn({ ...setup, durationMs: context.isQuick ? 5 : 100 }, random);
  const repetitions = await Repetitions.run(context, 'file', context.isQuick ? 2 : 7, () => runTurn(setup, random));
  return tell(repetitions);
}

function tell(repetitions: Repetitions): Result[] {
  const ratio = (name: string, figure: string, base: string, atLeast: number): Result => {
    return { name: `file.${name}.ratio`, value: repetitions.ratio(figure, base), unit: 'ratio', reach: { atLeast } };
  };
  const rate = (name: string): Result => ({ name: `file.${name}`, value: repetitions.median(name), unit: 'IOPS' });
  const results = REACH.map(({ name, atLeast }) => ratio(name, name, `${name}.node`, atLeast));
  results.push(ratio('worker.randread', 'worker.randread', 'randread.node', 1.5));
  results.push(ratio('promise.seqread', 'promise.seqread', 'seqread.node', 2));
  for (const { name } of CASES) results.push(rate(name), rate(`${name}.callbacks`), rate(`${name}.promises`));
  results.push(rate('worker.randread'), rate('promise.seqread'));
  return results;
}
