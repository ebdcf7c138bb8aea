// More payload than the arena holds: transfers wait, none fails, and nobody starves.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type Lease } from '../../bindings/index.ts';
import { arenaOf } from '../support/mapper-parts.ts';
import { isPending } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: arena under pressure');

const MIB = 1024 * 1024;

for (const [arenaBytes, totalBytes] of [
  [64 * MIB, 100 * MIB],
  [MIB, 20 * MIB],
  [65536, 3 * MIB],
] as const) {
  test(`${totalBytes / MIB} MiB go through an arena of ${arenaBytes / 1024} KiB in one call`, async () => {
    await using mapper = new DeviceMapper({ limits: { arenaBytes } });
    const device = await mapper.openDevice(`mem:a?size=${totalBytes}&mode=worker`);
    const bytes = Buffer.alloc(totalBytes);
    for (let at = 0; at < totalBytes; at += 65536) bytes.set(pattern(at, 65536, at >>> 16), at);
    assert.is(await device.write(bytes, 0), totalBytes);
    const back = await device.read(0, totalBytes);
    assert.is(Buffer.compare(back, bytes), 0);
    assert.is(arenaOf(mapper).freeBytes, arenaBytes);
  });
}

test('many reads that do not fit together all succeed, in their order on one device', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const device = await mapper.openDevice('mem:a?size=1M');
  await device.write(pattern(0, MIB), 0);
  const order: number[] = [];
  const reads = Array.from({ length: 200 }, async (_, index) => {
    const bytes = await device.read(index * 5000, 16_000);
    order.push(index);
    assert.is(Buffer.compare(bytes, pattern(index * 5000, 16_000)), 0);
  });
  await Promise.all(reads);
  assert.is(order.length, 200);
  assert.is(arenaOf(mapper).freeBytes, 65536);
});

test('leases that take all of the arena hold reads up until one is released', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const device = await mapper.openDevice('mem:a?size=1M');
  const leases: Lease[] = [];
  for (let lease = mapper.lease(4096); lease; lease = mapper.lease(4096)) leases.push(lease);
  assert.is(leases.length, 16);
  const read = device.read(0, 20_000);
  const flush = device.flush();
  assert.ok(await isPending(read));
  await flush;
  leases[7]!.release();
  assert.is((await read).length, 20_000, 'through the single page that is free, piece by piece');
  for (const lease of leases) lease.release();
  assert.is(arenaOf(mapper).freeBytes, 65536);
});

test('a device that holds its I/O leaves the others room in the arena and in the pools', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: MIB, devices: 8, bios: 256, requests: 128 } });
  const held = await mapper.openDevice('mem:a?size=64M', { name: 'held' });
  const other = await mapper.openDevice('mem:b?size=64M', { name: 'other' });
  await held.suspend();
  const waiting = [
    ...Array.from({ length: 20 }, (_, index) => held.write(pattern(index * MIB, MIB, index), index * MIB)),
    ...Array.from({ length: 1000 }, (_, index) => held.read(32 * MIB + index * 4096, 4096)),
  ];
  assert.ok(await isPending(Promise.race(waiting)));
  await other.write(pattern(0, 4 * MIB, 5), 0);
  assert.is(Buffer.compare(await other.read(0, 4 * MIB), pattern(0, 4 * MIB, 5)), 0);
  const many = await Promise.all(Array.from({ length: 500 }, (_, index) => other.read(index * 8192, 4096)));
  assert.is(many.length, 500);
  assert.ok(await isPending(Promise.race(waiting)));
  await held.resume();
  await Promise.all(waiting);
  assert.is(Buffer.compare(await held.read(7 * MIB, MIB), pattern(7 * MIB, MIB, 7)), 0);
  assert.is(arenaOf(mapper).freeBytes, MIB);
});

test('pools at their least let every I/O through', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 16, requests: 16, submits: 1, arenaBytes: 65536 } });
  const device = await mapper.openDevice(['mem:a?size=4M#1', 'mem:a?size=4M#2']);
  await Promise.all(Array.from({ length: 500 }, (_, index) => device.write(pattern(index * 4096, 4096, index), index * 4096)));
  await device.write(pattern(2 * MIB, 2 * MIB, 3), 2 * MIB);
  const back = await Promise.all(Array.from({ length: 500 }, (_, index) => device.read(index * 4096, 4096)));
  for (const [index, bytes] of back.entries()) assert.is(Buffer.compare(bytes, pattern(index * 4096, 4096, index)), 0);
  assert.is(Buffer.compare(await device.read(2 * MIB, 2 * MIB), pattern(2 * MIB, 2 * MIB, 3)), 0);
});

test.run();
