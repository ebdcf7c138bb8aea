// Reading on in order: chunks of a range and ranges of a list, with a few reads under way.

import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type IoRange } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { rejection, turns } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: chunks');

const SIZE = 1024 * 1024;

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

async function withDevice(
  run: (device: Awaited<ReturnType<DeviceMapper['openDevice']>>, mapper: DeviceMapper) => Promise<void>,
) {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  await device.write(pattern(0, SIZE), 0);
  await run(device, mapper);
}

test('chunks come in order and are the bytes of the device', () =>
  withDevice(async (device) => {
    const chunks = await collect(device.chunks({ chunkBytes: 100_000 }));
    assert.equal(
      chunks.map(({ length }) => length),
      [...new Array(10).fill(100_000), SIZE - 1_000_000],
    );
    assert.is(Buffer.compare(Buffer.concat(chunks), pattern(0, SIZE)), 0);
    const all = await collect(device.chunks());
    assert.is(Buffer.compare(Buffer.concat(all), pattern(0, SIZE)), 0);
  }));

test('a part of the device comes with its odd begin and end; nothing of nothing', () =>
  withDevice(async (device) => {
    const chunks = await collect(device.chunks({ position: 777, length: 10_000, chunkBytes: 4096 }));
    assert.is(Buffer.compare(Buffer.concat(chunks), pattern(777, 10_000)), 0);
    assert.is(chunks.length, 3);
    const end = await collect(device.chunks({ position: SIZE - 5 }));
    assert.is(Buffer.compare(Buffer.concat(end), pattern(SIZE - 5, 5)), 0);
    assert.equal(await collect(device.chunks({ position: SIZE })), []);
    assert.equal(await collect(device.chunks({ length: 0 })), []);
  }));

test('so many reads are under way as ahead says, and not one before the first is asked for', () =>
  withDevice(async (device) => {
    const { bios } = device.stats();
    const chunks = device.chunks({ chunkBytes: 4096, ahead: 3 });
    await turns();
    assert.is(device.stats().bios, bios);
    await chunks.next();
    await turns();
    assert.is(device.stats().bios, bios + 4);
    await chunks.next();
    await turns();
    assert.is(device.stats().bios, bios + 5);
    await chunks.return();
    const alone = device.chunks({ chunkBytes: 4096, ahead: 0 });
    await alone.next();
    await turns();
    assert.is(device.stats().bios, bios + 6);
    await alone.return();
  }));

test('chunks that are read ahead are merged', () =>
  withDevice(async (device) => {
    const { requests } = device.stats();
    await device.chunks({ chunkBytes: 4096, ahead: 15 }).next();
    assert.is(device.stats().requests, requests + 1);
  }));

test('an error comes at its chunk, after all before it', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K&error=read:medium@64+8');
  const seen: number[] = [];
  const run = async (): Promise<void> => {
    for await (const { length } of device.chunks({ chunkBytes: 8192, ahead: 7 })) seen.push(length);
  };
  const error = await rejection(run());
  assert.equal([error['code'], error['position']], ['ENODATA', 32768]);
  assert.equal(seen, [8192, 8192, 8192, 8192]);
});

test('who leaves the loop early leaves nothing behind', () =>
  withDevice(async (device, mapper) => {
    const before = poolFigures(mapper);
    const { signal } = new AbortController();
    for await (const chunk of device.chunks({ chunkBytes: 4096, ahead: 8, signal })) {
      assert.is(chunk.length, 4096);
      break;
    }
    await device.suspend();
    await device.resume();
    assert.equal(poolFigures(mapper), before);
    assert.is(getEventListeners(signal, 'abort').length, 0);
  }));

test('a signal ends the loop with its reason, while it waits and while its caller works', () =>
  withDevice(async (device) => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const chunks = device.chunks({ chunkBytes: 4096, ahead: 4, signal: controller.signal });
    await chunks.next();
    await turns(); // what is read ahead has come
    controller.abort(reason);
    assert.is(await rejection(chunks.next()), reason);
    assert.equal(await chunks.next(), { done: true, value: undefined });
    const aborted = device.chunks({ signal: AbortSignal.abort(reason) });
    assert.is(await rejection(aborted.next()), reason);
    const waiting = new AbortController();
    await device.suspend();
    const next = device.chunks({ signal: waiting.signal }).next();
    await turns();
    waiting.abort(reason);
    assert.is(await rejection(next), reason);
    await device.resume();
  }));

test('what cannot be asked is refused at the first chunk', () =>
  withDevice(async (device) => {
    for (const [options, code] of [
      [{ chunkBytes: 0 }, 'ERR_RQDM_OPTION'],
      [{ chunkBytes: 1.5 }, 'ERR_RQDM_OPTION'],
      [{ ahead: -1 }, 'ERR_RQDM_OPTION'],
      [{ ahead: Number.NaN }, 'ERR_RQDM_OPTION'],
      [{ position: -1 }, 'ERR_RQDM_RANGE'],
      [{ position: Number.NaN }, 'ERR_RQDM_RANGE'],
      [{ position: SIZE + 1 }, 'ERR_RQDM_RANGE'],
      [{ position: 1, length: SIZE }, 'ERR_RQDM_RANGE'],
      [{ length: -1 }, 'ERR_RQDM_RANGE'],
    ] as const) {
      assert.is((await rejection(device.chunks(options).next()))['code'], code, JSON.stringify(options));
    }
  }));

test('ranges come in the order of the list, whatever their places, and are taken from it as needed', () =>
  withDevice(async (device) => {
    let taken = 0;
    let isLeft = false;
    function* list(): Generator<IoRange> {
      try {
        for (; taken < 100; taken++) yield { position: ((taken * 37) % 100) * 4096 + taken, length: taken * 10 };
      } finally {
        isLeft = true;
      }
    }
    let index = 0;
    for await (const bytes of device.readRanges(list(), { ahead: 2 })) {
      assert.is(Buffer.compare(bytes, pattern(((index * 37) % 100) * 4096 + index, index * 10)), 0);
      assert.ok(taken <= index + 3, `${taken} taken at ${index}`);
      if (++index === 50) break;
    }
    assert.ok(isLeft);
    assert.equal(await collect(device.readRanges([])), []);
  }));

test('a list that throws, and a range outside of the device, end the loop there', () =>
  withDevice(async (device) => {
    const failure = new Error('list');
    function* list(): Generator<IoRange> {
      yield { position: 0, length: 10 };
      throw failure;
    }
    assert.is(await rejection(collect(device.readRanges(list()))), failure);
    const ranges = device.readRanges([
      { position: 0, length: 10 },
      { position: SIZE, length: 1 },
    ]);
    assert.is((await ranges.next()).value?.length, 10);
    assert.is((await rejection(ranges.next()))['code'], 'ERR_RQDM_RANGE');
  }));

test.run();
