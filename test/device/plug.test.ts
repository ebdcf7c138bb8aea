// One turn of the event loop is one plug: what is submitted in it is merged, and what ends together is told together.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { choose, probeTarget } from '../support/probe-target.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: plug');

const BLOCK = 4096;

test('64 sequential reads of one turn become one request', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M#1', 'mem:a?size=1M#2']);
  await Promise.all(Array.from({ length: 64 }, (_, index) => device.read(index * BLOCK, BLOCK)));
  const stats = device.stats();
  assert.is(stats.bios, 64);
  assert.is(stats.requests, 1);
  assert.is(stats.meanRequestBytes, 64 * BLOCK);
  assert.is(stats.merges.back, 63);
});

test('they merge as well when they come from different microtasks of the turn, and so out of order', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  await Promise.all(
    Array.from({ length: 32 }, async (_, index) => {
      for (let i = 0; i < index % 2; i++) await null;
      return device.read(index * BLOCK, BLOCK);
    }),
  );
  const stats = device.stats();
  assert.is(stats.bios, 32);
  assert.ok(stats.requests <= 2, `${stats.requests} requests`);
});

test('writes merge, and what is not adjacent or of another kind stays apart', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  const writes = Array.from({ length: 16 }, (_, index) => device.write(pattern(index * BLOCK, BLOCK), index * BLOCK));
  const reads = [device.read(500_000, 512), device.read(600_000, 512)];
  await Promise.all([...writes, ...reads]);
  const stats = device.stats();
  assert.is(stats.requests, 3);
  assert.is(stats.writeBytes, 16 * BLOCK);
  assert.is(Buffer.compare(await device.read(0, 16 * BLOCK), pattern(0, 16 * BLOCK)), 0);
});

test('reads one after the other, each awaited, cannot merge', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  for (let index = 0; index < 8; index++) await device.read(index * BLOCK, BLOCK);
  assert.is(device.stats().requests, 8);
});

test('a bio-based device merges in the queue below its map', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M#1'], { type: 'bio' });
  await Promise.all(Array.from({ length: 64 }, (_, index) => device.read(index * BLOCK, BLOCK)));
  assert.is(device.type, 'bio');
  assert.is(device.stats().requests, 1);
});

for (const mode of ['inline', 'worker']) {
  test(`what was merged is told in one turn: awaited together it submits the next plug together (${mode})`, async () => {
    using folder = new TemporaryFolder();
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice(`${folder.file('a', 1024 * 1024)}?mode=${mode}`);
    const chains = Array.from({ length: 16 }, async (_, index) => {
      await device.read(index * BLOCK, BLOCK);
      await device.read((index + 32) * BLOCK, BLOCK);
      await device.read((index + 64) * BLOCK, BLOCK);
    });
    await Promise.all(chains);
    const stats = device.stats();
    assert.is(stats.bios, 48);
    assert.is(stats.requests, 3);
  });
}

test('a batch is one plug of its own, whatever the turn', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  using lease = mapper.lease(64 * BLOCK)!;
  const batch = {
    count: 64,
    operations: new Uint8Array(64),
    positions: Float64Array.from({ length: 64 }, (_, index) => index * BLOCK),
    lengths: new Uint32Array(64).fill(BLOCK),
    addresses: Uint32Array.from({ length: 64 }, (_, index) => lease.address + index * BLOCK),
    statuses: new Uint8Array(64).fill(255),
  };
  assert.is(await device.batch(batch), 0);
  assert.ok(batch.statuses.every((status) => status === 0));
  assert.is(device.stats().requests, 1);
});

test('an endless chain of reads that are answered at once lets timers and immediates have their turn', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=1M');
  let fired = 0;
  setTimeout(() => fired++, 1);
  setImmediate(() => fired++);
  let reads = 0;
  for (; fired < 2; reads++) await device.read(0, 512);
  assert.ok(reads > 0);
});

test('latencies and bytes are counted for the device and each path', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M#1', 'mem:a?size=1M#2'], { selector: 'round-robin' });
  for (let index = 0; index < 10; index++) await device.read(index * 8192, 1024);
  const stats = device.stats();
  assert.is(stats.readBytes, 10 * 1024);
  assert.is(stats.queueToComplete.count, 10);
  assert.ok(stats.queueToComplete.p50 > 0 && stats.queueToComplete.max >= stats.queueToComplete.p99);
  assert.equal(
    stats.paths.map(({ issued, issuedBytes, errors }) => [issued, issuedBytes, errors]),
    [
      [5, 5120, 0],
      [5, 5120, 0],
    ],
  );
  assert.is(stats.inFlight + stats.queued + stats.waiting, 0);
});

test('what a hook submits while other I/O waits for a record is not lost', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 16, requests: 16, submits: 16 } });
  const inner: Promise<Buffer>[] = [];
  const other = await mapper.openDevice('mem:b?size=64K');
  mapper.registerTarget(
    probeTarget('probe', {
      prepMap: (io, probe) => {
        if (inner.length < 10) inner.push(other.read(inner.length * 512, 512));
        return choose(io, probe);
      },
    }),
  );
  const device = await mapper.createDevice({ name: 'p', table: '0 2048 probe mem:a?size=1M', type: 'request' });
  const reads = Array.from({ length: 60 }, (_, index) => device.read(index * 8192, 512));
  assert.is((await Promise.all(reads)).length, 60);
  assert.is((await Promise.all(inner)).length, 10);
});

test.run();
