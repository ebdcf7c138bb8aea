// The batch call: typed arrays in, statuses out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_META,
  FLAG_PRIORITY_MASK,
  STATUS_BEYOND_END,
  STATUS_MEDIUM,
  STATUS_NOTSUPP,
  STATUS_READ_ONLY,
} from '../../assembly/abi.ts';
import { DeviceMapper, type IoBatch, type Lease, priorityFlags } from '../../bindings/index.ts';
import { allowErasing, Issues } from '../support/issues.ts';
import { isPending, rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: batch');

const BLOCK = 4096;

type Entry = readonly [operation: number, position: number, length: number, address: number];

function batchOf(entries: readonly Entry[]): IoBatch & { statuses: Uint8Array } {
  return {
    count: entries.length,
    operations: Uint8Array.from(entries, ([operation]) => operation),
    positions: Float64Array.from(entries, ([, position]) => position),
    lengths: Uint32Array.from(entries, ([, , length]) => length),
    addresses: Uint32Array.from(entries, ([, , , address]) => address),
    statuses: new Uint8Array(entries.length).fill(255),
  };
}

function room(mapper: DeviceMapper, bytes: number): Lease {
  const lease = mapper.lease(bytes);
  if (!lease) throw new Error('no room');
  return lease;
}

for (const mode of ['inline', 'worker', 'auto']) {
  test(`writes, a flush and reads by ${mode} carry the data`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', 1024 * 1024);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?mode=${mode}#1`, `${file}?mode=${mode}#2`]);
    using lease = room(mapper, 128 * BLOCK);
    lease.bytes.set(pattern(0, 64 * BLOCK), 0);
    const at = (index: number): number => lease.address + index * BLOCK;
    const places = Array.from({ length: 64 }, (_, index) => ((index * 37) % 64) * BLOCK);
    const writes = batchOf(places.map((position) => [1, position, BLOCK, lease.address + position]));
    assert.is(await device.batch(writes), 0);
    assert.is(await device.batch(batchOf([[2, 0, 0, 0]])), 0);
    assert.is(await device.batch(batchOf(places.map((position, index) => [0, position, BLOCK, at(64 + index)]))), 0);
    for (const [index, position] of places.entries()) {
      const got = lease.bytes.subarray((64 + index) * BLOCK, (65 + index) * BLOCK);
      assert.is(Buffer.compare(got, pattern(position, BLOCK)), 0);
    }
  });
}

test('each I/O has its own status, and the promise tells how many have failed', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K&error=read:medium@8+8');
  using lease = room(mapper, 8192);
  const batch = batchOf([
    [0, 0, 4096, lease.address],
    [0, 4096, 4096, lease.address],
    [0, 65536, 512, lease.address],
    [1, 8192, 512, lease.address],
    [0, 0, 0, lease.address],
  ]);
  assert.is(await device.batch(batch), 2);
  assert.equal([...batch.statuses], [0, STATUS_MEDIUM, STATUS_BEYOND_END, 0, 0]);
});

test('writes to a read-only device end with a status of their own', async () => {
  await using mapper = new DeviceMapper();
  await mapper.openDevice('mem:a?size=64K');
  const device = await mapper.openDevice('mem:a', { readOnly: true });
  using lease = room(mapper, 512);
  const batch = batchOf([[1, 0, 512, lease.address]]);
  assert.is(await device.batch(batch), 1);
  assert.is(batch.statuses[0], STATUS_READ_ONLY);
});

test('what cannot be asked is refused with the entry and what was expected, nothing of the batch is done', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const device = await mapper.openDevice('mem:a?size=64K');
  using lease = room(mapper, 4096);
  const good: Entry = [1, 0, 512, lease.address];
  lease.bytes.fill(1);
  for (const [bad, code, text] of [
    [[4, 0, 512, lease.address], 'ERR_RQDM_BATCH', /entry 1: operation is 4: expected 0 \(read\)/],
    [[0, 100, 512, lease.address], 'ERR_RQDM_ALIGNMENT', /entry 1: position is 100: expected a multiple of 512/],
    [[0, -512, 512, lease.address], 'ERR_RQDM_ALIGNMENT', /position is -512/],
    [[0, Number.NaN, 512, lease.address], 'ERR_RQDM_ALIGNMENT', /position is NaN/],
    [[0, 1e300, 512, lease.address], 'ERR_RQDM_ALIGNMENT', /position is 1e\+300/],
    [[0, 0, 513, lease.address], 'ERR_RQDM_ALIGNMENT', /length is 513/],
    [[0, 0, 512, lease.address + 1], 'ERR_RQDM_BATCH', /address/],
    [[0, 0, 8192, 61440], 'ERR_RQDM_BATCH', /inside the arena of 65536/],
  ] as const) {
    const error = await rejection(device.batch(batchOf([good, bad])));
    assert.is(error['code'], code, error.message);
    assert.match(error.message, text);
  }
  assert.is((await rejection(device.batch({ ...batchOf([good]), count: 2 })))['code'], 'ERR_RQDM_BATCH');
  assert.is((await rejection(device.batch({ ...batchOf([good]), count: 0.5 })))['code'], 'ERR_RQDM_BATCH');
  assert.ok((await device.read(0, 512)).every((byte) => byte === 0));
  await device.close();
  assert.is((await rejection(device.batch(batchOf([good]))))['code'], 'ERR_RQDM_CLOSED');
});

test('an empty batch resolves at once, and refused and empty ones keep no device open', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  assert.is(await device.batch(batchOf([])), 0);
  await rejection(device.batch(batchOf([[10, 0, 0, 0]])));
  await device.close();
});

test('close waits for a batch on a worker, and the batch ends well', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(`${folder.file('a', 1024 * 1024)}?mode=worker`);
  using lease = room(mapper, 64 * BLOCK);
  const entries = Array.from({ length: 64 }, (_, index): Entry => [0, index * 8192, BLOCK, lease.address + index * BLOCK]);
  const batch = batchOf(entries);
  const result = device.batch(batch);
  await device.close();
  assert.is(await result, 0);
  assert.ok(batch.statuses.every((status) => status === 0));
});

test('more I/Os than there are records go through', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 64, requests: 32, submits: 16 } });
  const device = await mapper.openDevice(['mem:a?size=8M#1', 'mem:a?size=8M#2']);
  using lease = room(mapper, 4096);
  const entries = Array.from(
    { length: 2000 },
    (_, index): Entry => [index % 3 ? 0 : 1, ((index * 7) % 2048) * BLOCK, 512, lease.address],
  );
  assert.is(await device.batch(batchOf(entries)), 0);
});

test('batches at the same time on several devices settle each by itself', async () => {
  await using mapper = new DeviceMapper();
  const held = await mapper.openDevice('mem:a?size=64K');
  const other = await mapper.openDevice('mem:b?size=64K');
  using lease = room(mapper, 4096);
  await held.suspend();
  const waiting = held.batch(batchOf([[0, 0, 512, lease.address]]));
  const both = await Promise.all([
    other.batch(batchOf([[0, 0, 512, lease.address]])),
    other.batch(batchOf([[0, 512, 512, lease.address + 512]])),
  ]);
  assert.equal(both, [0, 0]);
  assert.ok(await isPending(waiting));
  await held.resume();
  assert.is(await waiting, 0);
});

test('discards and zeroes go in a batch, without an address', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=64K');
  allowErasing(mapper, device.id, 128);
  await device.write(pattern(0, 65536), 0);
  using issues = new Issues();
  const batch = batchOf([
    [3, 0, 4096, 0xffff_ffff],
    [9, 8192, 4096, 7],
    [9, 65536, 512, 0],
  ]);
  assert.is(await device.batch(batch), 1);
  assert.equal([...batch.statuses], [0, 0, STATUS_BEYOND_END]);
  assert.equal(issues.all.map(({ operation, position, bytes }) => [operation, position, bytes]).sort(), [
    [3, 0, 4096],
    [9, 8192, 4096],
  ]);
  assert.ok((await device.read(8192, 4096)).every((byte) => byte === 0));
  allowErasing(mapper, device.id, 0);
  const refused = batchOf([[3, 0, 4096, 0]]);
  assert.is(await device.batch(refused), 1);
  assert.equal([...refused.statuses], [STATUS_NOTSUPP]);
});

test('flags and priorities of a batch are those of each I/O', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=64K');
  using lease = room(mapper, 2048);
  using issues = new Issues();
  const batch = batchOf(Array.from({ length: 4 }, (_, index) => [0, index * 512, 512, lease.address + index * 512] as const));
  const idle = priorityFlags({ class: 'idle', level: 1 });
  assert.is(await device.batch({ ...batch, flags: Uint16Array.of(idle | FLAG_META, idle, 0, 0) }), 0);
  assert.equal(issues.all.map(({ position, bytes, flags }) => [position, bytes, flags & FLAG_PRIORITY_MASK]).sort(), [
    [0, 1024, idle],
    [1024, 1024, 0],
  ]);
  const short = await rejection(device.batch({ ...batch, flags: new Uint16Array(3) }));
  assert.is(short['code'], 'ERR_RQDM_BATCH');
  assert.match(short.message, /batch.flags holds 3/);
});

test('an endless loop of batches that end at once leaves timers their turn', async () => {
  const mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'n', table: '0 * multipath 0 0 1 1 round-robin 0 1 0 null:1M' });
  const lease = mapper.lease(4096);
  let hasFired = false;
  setTimeout(() => {
    hasFired = true;
  }, 1);
  const batch = {
    count: 1,
    operations: new Uint8Array(1),
    positions: new Float64Array(1),
    lengths: new Uint32Array([4096]),
    addresses: new Uint32Array([lease?.address ?? 0]),
    statuses: new Uint8Array(1),
  };
  for (let i = 0; i < 10_000_000 && !hasFired; i++) await device.batch(batch);
  assert.ok(hasFired, 'the timer had its turn');
  lease?.release();
  await mapper.close();
});

test.run();
