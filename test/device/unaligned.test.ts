// Writes that begin and end anywhere, held against a plain buffer: odd ends, large blocks, overlaps, nothing at all.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { Issues } from '../support/issues.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: unaligned');

const UNALIGNED = { unaligned: true };

/** Each size with its block; sizes that end inside a sector are those of files. */
const PLACES: readonly (readonly [what: string, size: number, word: (folder: TemporaryFolder, size: number) => string])[] = [
  ['memory', 8192, (_, size) => `mem:a?size=${size}`],
  ['blocks of 4096 bytes', 32768, (_, size) => `mem:a?size=${size}&block=4096`],
  ['a file that ends inside a sector', 5000, (folder, size) => `${folder.file('a', size)}?mode=inline`],
  ['a file shorter than a sector', 100, (folder, size) => `${folder.file('a', size)}?mode=inline`],
];

for (const [what, size, word] of PLACES) {
  test(`writes at once at any places of ${what} end as if they had come one after the other`, async () => {
    const places = fc.array(
      fc.nat(size).chain((position) => fc.tuple(fc.constant(position), fc.nat(Math.min(3000, size - position)))),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(places, async (writes) => {
        using folder = new TemporaryFolder();
        await using mapper = new DeviceMapper();
        const device = await mapper.openDevice(word(folder, size));
        assert.is(device.size, size);
        const model = Buffer.alloc(size);
        await device.write(model, 0);
        const results = writes.map(([position, length], index) => {
          const bytes = pattern(position, length, index + 1);
          model.set(bytes, position);
          return device.write(bytes, position, UNALIGNED);
        });
        assert.equal(
          await Promise.all(results),
          writes.map(([, length]) => length),
        );
        assert.is(Buffer.compare(await device.read(0, size), model), 0);
      }),
      { numRuns: 30 },
    );
  });
}

async function memory(mapper: DeviceMapper): Promise<MappedDevice> {
  const device = await mapper.openDevice('mem:a?size=64K');
  await device.write(pattern(0, 65536), 0);
  return device;
}

test('a whole block written with the option has its turn among those that are none', async () => {
  await using mapper = new DeviceMapper();
  const device = await memory(mapper);
  const part = device.write(new Uint8Array(10).fill(1), 100, UNALIGNED);
  const whole = device.write(new Uint8Array(512).fill(2), 0, UNALIGNED);
  const last = device.write(new Uint8Array(10).fill(3), 200, UNALIGNED);
  await Promise.all([part, whole, last]);
  const expected = new Uint8Array(512).fill(2).fill(3, 200, 210);
  assert.is(Buffer.compare(await device.read(0, 512), expected), 0);
});

test('a whole block that stands alone is neither read before nor copied', async () => {
  await using mapper = new DeviceMapper();
  const device = await memory(mapper);
  using issues = new Issues();
  await device.write(new Uint8Array(1024), 512, UNALIGNED);
  assert.equal(
    issues.all.map(({ operation, position, bytes }) => [operation, position, bytes]),
    [[1, 512, 1024]],
  );
});

test('only the first and the last block are read, however long the write', async () => {
  await using mapper = new DeviceMapper();
  const device = await memory(mapper);
  using issues = new Issues();
  await device.write(new Uint8Array(10_000), 700, UNALIGNED);
  assert.equal(
    issues.all.map(({ operation, position, bytes }) => [operation, position, bytes]),
    [
      [0, 512, 512],
      [0, 10_240, 512],
      [1, 512, 10_240],
    ],
  );
});

test('nothing written anywhere is no I/O, up to the end and not beyond', async () => {
  await using mapper = new DeviceMapper();
  const device = await memory(mapper);
  using issues = new Issues();
  for (const position of [0, 7, 65535, 65536]) assert.is(await device.write(new Uint8Array(0), position, UNALIGNED), 0);
  assert.is((await rejection(device.write(new Uint8Array(0), 65537, UNALIGNED)))['code'], 'ERR_RQDM_RANGE');
  assert.is((await rejection(device.write(new Uint8Array(2), 65535, UNALIGNED)))['code'], 'ERR_RQDM_RANGE');
  assert.is(issues.all.length, 0);
});

test('a plain device takes unaligned writes too', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=64K');
  assert.is((await rejection(device.write(new Uint8Array(5), 1)))['code'], 'ERR_RQDM_ALIGNMENT');
  assert.is(await device.write(new Uint8Array(5).fill(4), 510, UNALIGNED), 5);
  assert.equal([...(await device.read(508, 9))], [0, 0, 4, 4, 4, 4, 4, 0, 0]);
});

test.run();
