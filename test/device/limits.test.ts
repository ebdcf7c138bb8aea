// Limits: stacked from the devices below, and stacked again when those change while I/O is queued.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Core } from '../../bindings/core/core.ts';
import { completeLimits, coreCapacities } from '../../bindings/device/limits.ts';
import { BackingDevice } from '../../bindings/device/opened.ts';
import { completed, type QueueLimits, stack } from '../../bindings/device/stacked-limits.ts';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import type { Path } from '../../bindings/path/path.ts';
import type { PathLimits } from '../../bindings/path/reference.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { runUntilSettled } from '../support/virtual-mapper.ts';

const test = suite('device: limits');

const PLAIN: PathLimits = {
  maxSectors: 2560,
  maxSegments: 128,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
};

function limits(changes: Partial<PathLimits>): QueueLimits {
  return completed({ ...PLAIN, ...changes });
}

/** Top and below after stacking, and whether they fit. */
function stacked(top: Partial<PathLimits>, below: Partial<PathLimits>, start = 0): [QueueLimits, boolean] {
  const result = { ...limits(top) };
  const fits = stack(result, limits(below), start);
  return [result, fits];
}

// ---- the rules ------------------------------------------------------------------------------------------------------

test('sizes take the smaller that is not 0, blocks the larger, chunks what divides both', () => {
  const [result, fits] = stacked(
    { maxSectors: 100, maxSegments: 64, chunkSectors: 48, physicalBlockSectors: 8, maxSegmentBytes: 4096 },
    { maxSectors: 200, maxSegments: 16, chunkSectors: 64, logicalBlockSectors: 8, maxSegmentBytes: 0, isRotational: true },
  );
  assert.ok(fits);
  assert.is(result.maxSectors, 96, 'whole blocks');
  assert.is(result.maxSegments, 16);
  assert.is(result.chunkSectors, 16);
  assert.is(result.logicalBlockSectors, 8);
  assert.is(result.physicalBlockSectors, 8);
  assert.is(result.maxSegmentBytes, 4096);
  assert.ok(result.isRotational);
});

test('zeroes are written by all or by none; a device without discards leaves the discards of the others', () => {
  const [result] = stacked(
    { maxWriteZeroesSectors: 100, maxDiscardSectors: 64, discardGranularitySectors: 8 },
    { maxWriteZeroesSectors: 0 },
  );
  assert.is(result.maxWriteZeroesSectors, 0);
  assert.is(result.maxDiscardSectors, 64);
});

test('discards take the larger granularity, and the alignment that begins where the stretch does', () => {
  const below = { maxDiscardSectors: 64, discardGranularitySectors: 16, discardAlignmentSectors: 4 };
  const [result] = stacked({ maxDiscardSectors: 128, discardGranularitySectors: 8 }, below, 10);
  assert.is(result.maxDiscardSectors, 64);
  assert.is(result.discardGranularitySectors, 16);
  assert.is(result.discardAlignmentSectors, 10);
});

test('the best I/O is a multiple of both; what is no multiple of a block is dropped and told', () => {
  const [good, fits] = stacked({ ioOptSectors: 16 }, { ioOptSectors: 24, ioMinSectors: 8, physicalBlockSectors: 8 });
  assert.ok(fits);
  assert.is(good.ioOptSectors, 48);
  assert.is(good.ioMinSectors, 8);
  const [odd, oddFits] = stacked({ ioOptSectors: 12 }, { physicalBlockSectors: 8 });
  assert.not.ok(oddFits);
  assert.ok(odd.isMisaligned);
  assert.is(odd.ioOptSectors, 0);
  const [chunk, chunkFits] = stacked({ chunkSectors: 6 }, { physicalBlockSectors: 4 });
  assert.not.ok(chunkFits);
  assert.is(chunk.chunkSectors, 0);
});

test('a stretch that begins inside a physical block does not fit one that begins on one', () => {
  const block = { physicalBlockSectors: 8 };
  assert.ok(stacked(block, block, 8)[1]);
  const [result, fits] = stacked(block, block, 4);
  assert.not.ok(fits);
  assert.is(result.alignmentOffsetSectors, 4);
  assert.ok(stacked({ ...block, alignmentOffsetSectors: 4 }, block, 4)[1]);
  assert.ok(stacked({}, block, 4)[0].alignmentOffsetSectors === 4);
});

// ---- tables ---------------------------------------------------------------------------------------------------------

test('a target may change the stacked limits; one whose limits throw refuses the table by name', async () => {
  await using mapper = new DeviceMapper();
  const base = probeTarget('base');
  let answer = (given: PathLimits): PathLimits => ({ ...given, maxSectors: 64, ioMinSectors: 16 });
  mapper.registerTarget({
    ...base,
    name: 'own',
    construct: (words, context) =>
      Object.assign(base.construct(words, context), { limits: (given: PathLimits) => answer(given) }),
  });
  const device = await mapper.createDevice({ name: 'd', table: '0 128 own mem:a?size=64K', type: 'request' });
  assert.is(device.queue.get('max_sectors_kb'), 32);
  assert.is(device.queue.get('minimum_io_size'), 8192);
  await device.write(pattern(0, 65536), 0);
  assert.ok(device.stats().splits > 0 || device.stats().meanRequestBytes <= 32768);
  answer = () => {
    throw new Error('none today');
  };
  const free = poolFigures(mapper);
  try {
    device.load('0 128 own mem:b?size=64K');
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /target own of d: hook limits threw: none today/);
    assert.is((error as { code: string }).code, 'ERR_RQDM_HOOK');
  }
  assert.equal(poolFigures(mapper), free);
});

test('discards and caches follow from the devices: all must discard, one cache is a cache', async () => {
  await using mapper = new DeviceMapper();
  const discard = { maxDiscardSectors: 256, discardGranularitySectors: 8, maxWriteZeroesSectors: 64 };
  mapper.attach('/dev/a', 'mem:a?size=64K', { limits: discard });
  mapper.attach('/dev/b', 'mem:b?size=64K', { limits: { ...discard, maxDiscardSectors: 128 } });
  mapper.attach('/dev/c', 'mem:c?size=64K', { limits: { maxDiscardSectors: 0, maxWriteZeroesSectors: 0 } });
  const both = await mapper.createDevice({ name: 'ab', table: ['0 8 linear /dev/a 0', '8 8 linear /dev/b 0'] });
  assert.is(both.queue.get('discard_max_bytes'), 128 * 512);
  assert.is(both.queue.get('discard_granularity'), 4096);
  assert.is(both.queue.get('write_zeroes_max_bytes'), 64 * 512);
  const one = await mapper.createDevice({ name: 'ac', table: ['0 8 linear /dev/a 0', '8 8 linear /dev/c 0'] });
  assert.is(one.queue.get('discard_max_bytes'), 0);
  assert.is(one.queue.get('discard_granularity'), 0);
  assert.is(one.queue.get('write_zeroes_max_bytes'), 0);
  const striped = await mapper.createDevice({ name: 's', table: '0 32 striped 2 8 /dev/a 0 /dev/b 0' });
  assert.is(striped.queue.get('discard_max_bytes'), 128 * 512);
  mapper.backing('/dev/a')!.queue.set('write_cache', 'write back');
  mapper.backing('/dev/b')!.queue.set('write_cache', 'write through');
  assert.is(both.queue.get('write_cache'), 'write back');
  mapper.backing('/dev/a')!.queue.set('write_cache', 'write through');
  assert.is(both.queue.get('write_cache'), 'write through');
});

test('an error table keeps the limits of the table before it', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: '0 128 linear mem:a?size=64K&max_sectors=16 0' });
  await device.reload('0 128 error');
  assert.is(device.queue.get('max_sectors_kb'), 8);
});

// ---- changed while tables are live -------------------------------------------------------------------------------------

test('a change below goes up the whole stack at once, and back', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/sda', 'mem:a?size=1M');
  mapper.attach('/dev/sdb', 'mem:a?size=1M');
  const pair = await mapper.createDevice({
    name: 'pair',
    table: '0 2048 multipath 0 0 1 1 round-robin 0 2 0 /dev/sda /dev/sdb',
  });
  const middle = await mapper.createDevice({ name: 'middle', table: '0 2048 linear pair 0' });
  const top = await mapper.createDevice({ name: 'top', table: ['0 8 linear middle 0', '8 8 linear pair 8'] });
  const shown = (): unknown[] => [pair, middle, top].map(({ queue }) => queue.get('max_sectors_kb'));
  const before = shown();
  const { queue } = mapper.backing('/dev/sdb')!;
  queue.set('max_sectors_kb', 8);
  assert.equal(shown(), [8, 8, 8]);
  assert.is(mapper.backing('/dev/sda')!.queue.get('max_sectors_kb'), before[0]);
  queue.set('max_sectors_kb', queue.get('max_hw_sectors_kb'));
  assert.equal(shown(), before);
});

test('what a path tells of its limits is taken over at once; what was given in their place stays', () => {
  const core = new Core(coreCapacities(completeLimits()));
  const path = {
    word: 'fake',
    sizeBytes: 4096,
    isReadOnly: false,
    hasCache: true,
    hasFua: true,
    cacheKey: 'fake',
    depth: 4,
    limits: PLAIN,
    onLimits: undefined as (() => void) | undefined,
  };
  let told = 0;
  const device = new BackingDevice(core, path as unknown as Path, {
    id: 0,
    number: '8:0',
    word: '/dev/sda',
    cacheDomain: 1,
    limits: { maxSegments: 5 },
    limitsChanged: () => told++,
    wake: () => {},
    enter: (change) => change(),
  });
  assert.equal([device.limits.maxSectors, device.limits.maxSegments, device.hasFua], [2560, 5, true]);
  path.limits = { ...PLAIN, maxSectors: 16, maxSegments: 64, maxDiscardSectors: 8 };
  path.onLimits?.();
  assert.equal([device.limits.maxSectors, device.limits.maxSegments, device.limits.maxDiscardSectors], [16, 5, 8]);
  assert.is(told, 1);
});

interface Stack {
  readonly device: MappedDevice;
  readonly time: VirtualTime;
  readonly mapper: DeviceMapper;
}

const KINDS: readonly (readonly [string, (mapper: DeviceMapper) => Promise<MappedDevice>])[] = [
  ['request', (mapper) => mapper.createDevice({ name: 'd', table: MULTIPATH, type: 'request' })],
  ['bio', (mapper) => mapper.createDevice({ name: 'd', table: '0 8192 linear /dev/sda 0' })],
  [
    'bio on request',
    async (mapper) => {
      await mapper.createDevice({ name: 'low', table: MULTIPATH });
      return mapper.createDevice({ name: 'd', table: '0 8192 linear low 0' });
    },
  ],
  [
    'request on request',
    async (mapper) => {
      await mapper.createDevice({ name: 'low', table: MULTIPATH });
      return mapper.createDevice({ name: 'd', table: '0 8192 multipath 0 0 1 1 round-robin 0 1 0 low' });
    },
  ],
];
const MULTIPATH = '0 8192 multipath 0 0 1 1 round-robin 0 1 0 /dev/sda';

async function stackOf(create: (mapper: DeviceMapper) => Promise<MappedDevice>): Promise<Stack> {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  mapper.attach('/dev/sda', 'mem:a?size=4M&delay=1ms&serial=one&depth=1', { number: '8:0' });
  return { time, mapper, device: await create(mapper) };
}

const PIECE = 64 * 1024;

/** Sixteen writes apart from each other: one is on the path, the others are queued, when `change` is called. All come through. */
async function writeOver({ time, mapper, device }: Stack, mostSectors: number, change: () => void): Promise<void> {
  const bytes = pattern(0, 16 * PIECE, 5);
  const piece = (index: number): Buffer => bytes.subarray(index * PIECE, (index + 1) * PIECE);
  const writes = Array.from({ length: 16 }, (_, index) => device.write(piece(index), 2 * index * PIECE));
  time.advanceTo(time.now() + 500_000);
  change();
  mapper.setTracing(true);
  await runUntilSettled(time, Promise.all(writes));
  const issued = mapper.readTrace().events.filter(({ action, device: on }) => action === 'D' && on === '8:0');
  assert.ok(issued.length >= 15, `${issued.length} were queued`);
  assert.ok(issued.every(({ sectors }) => sectors <= mostSectors));
  const back = Array.from({ length: 16 }, (_, index) => device.read(2 * index * PIECE, PIECE));
  for (const [index, read] of (await runUntilSettled(time, Promise.all(back))).entries()) {
    assert.is(Buffer.compare(read, piece(index)), 0);
  }
  await runUntilSettled(time, mapper.close());
}

/** The kind where what is queued lower down is a clone already, which nobody can split. */
const CLONES_QUEUED = 'request on request';

for (const [kind, create] of KINDS) {
  for (const [way, first, second] of [
    ['lowered', 1280, 4],
    ['raised', 4, 64],
  ] as const) {
    if (kind === CLONES_QUEUED && way === 'lowered') continue;
    test(`I/O that is queued when a queue below has its limit ${way} comes through, split as it must be (${kind})`, async () => {
      const stack = await stackOf(create);
      const { queue } = stack.mapper.backing('/dev/sda')!;
      queue.set('max_sectors_kb', first);
      await writeOver(stack, second * 2, () => queue.set('max_sectors_kb', second));
    });
  }

  if (kind === CLONES_QUEUED) continue;
  test(`a path that learns in the middle of its work that it takes less is given less (${kind})`, async () => {
    const stack = await stackOf(create);
    const { device } = stack;
    const { path } = stack.mapper.backing('/dev/sda') as BackingDevice;
    await writeOver(stack, 16, () => {
      path.setLimits({ maxSectors: 16, maxSegments: 2 });
      assert.is(device.queue.get('max_sectors_kb'), 8);
      assert.is(device.queue.get('max_segments'), 2);
    });
  });
}

test('a clone that waits below while the limit goes down is refused as in a kernel; the path fails, and serves again', async () => {
  const { time, mapper, device } = await stackOf((KINDS.find(([kind]) => kind === CLONES_QUEUED) as (typeof KINDS)[number])[1]);
  const writes = Array.from({ length: 16 }, (_, index) => device.write(pattern(0, PIECE, 1), 2 * index * PIECE));
  time.advanceTo(time.now() + 500_000);
  mapper.backing('/dev/sda')!.queue.set('max_sectors_kb', 4);
  const results = await runUntilSettled(time, Promise.allSettled(writes));
  const refused = results.filter((result) => result.status === 'rejected');
  assert.ok(refused.length > 0 && refused.length < 16, `${refused.length} of 16`);
  for (const { reason } of refused) assert.is(reason.code, 'EIO');
  assert.match(device.status(), / 253:0 F 1 /);
  mapper.getDevice('low')!.message('reinstate_path 8:0');
  device.message('reinstate_path 253:0');
  await runUntilSettled(time, device.write(pattern(0, PIECE, 2), 0));
  const back = await runUntilSettled(time, device.read(0, PIECE));
  assert.is(Buffer.compare(back, pattern(0, PIECE, 2)), 0);
  await runUntilSettled(time, mapper.close());
});

test('a request that is larger than the path takes fails, and is not tried again and again', async () => {
  await using mapper = new DeviceMapper();
  const base = probeTarget('base');
  mapper.registerTarget({
    ...base,
    name: 'bold',
    construct: (words, context) =>
      Object.assign(base.construct(words, context), { limits: (given: PathLimits) => ({ ...given, maxSectors: 2560 }) }),
  });
  const table = '0 2048 bold mem:a?size=1M&max_sectors=16';
  const device = await mapper.createDevice({ name: 'd', table, type: 'request' });
  const error = await rejection(device.read(0, 65536));
  assert.is(error['code'], 'EIO');
  assert.is((await device.read(0, 8192)).length, 8192);
  assert.ok(device.stats().requeues < 3);
});

test.run();
