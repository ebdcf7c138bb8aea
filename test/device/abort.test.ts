// A signal that goes off: the promise is rejected at once, what has not gone is dropped, what is in flight ends for nobody.

import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type IoBatch, type MappedDevice, type MapperOptions } from '../../bindings/index.ts';
import type { TargetIo } from '../../bindings/target/target.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { Issues } from '../support/issues.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { choose, type Probe, probeTarget } from '../support/probe-target.ts';
import { isPending, rejection, turns, until } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: abort');

/** A device whose answers come when the clock is moved, a millisecond each. */
class Bench implements AsyncDisposable {
  readonly time = new VirtualTime();
  readonly mapper: DeviceMapper;

  constructor(options: MapperOptions = {}) {
    this.mapper = new DeviceMapper({ time: this.time, ...options });
  }

  open(words: string | string[] = ['mem:a?size=1M&delay=1ms#1', 'mem:a?size=1M&delay=1ms#2']): Promise<MappedDevice> {
    return this.mapper.openDevice(words);
  }

  /** Hands the core what was submitted; answers stay away. */
  submit(): void {
    this.time.advanceTo(this.time.now());
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    promise.then(done, done);
    // what closes files needs turns of its own, without any event of the clock
    await until(() => {
      if (!isDone) this.time.step();
      return isDone;
    });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle(this.mapper.close());
  }
}

test('a signal that has gone off before refuses the I/O with its reason, and nothing is submitted', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  const reason = new Error('no more');
  const signal = AbortSignal.abort(reason);
  assert.is(await rejection(device.read(0, 512, { signal })), reason);
  assert.is(await rejection(device.readInto(new Uint8Array(512), 0, { signal })), reason);
  assert.is(await rejection(device.write(new Uint8Array(512), 0, { signal })), reason);
  assert.is(await rejection(device.write(new Uint8Array(5), 3, { signal, unaligned: true })), reason);
  assert.is(await rejection(device.discard(0, 512, { signal })), reason);
  assert.is(await rejection(device.flush({ signal })), reason);
  assert.is((await rejection(device.read(0, 512, { signal: AbortSignal.abort() }))).name, 'AbortError');
  await turns();
  assert.is(issues.all.length, 0);
});

test('what is no signal is refused', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  for (const signal of [{}, null, 'abort'] as unknown as AbortSignal[]) {
    assert.is((await rejection(device.read(0, 512, { signal })))['code'], 'ERR_RQDM_OPTION');
  }
});

test('an I/O aborted in the turn of its call never reaches the core, its neighbours do', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  await device.write(pattern(0, 65536), 0);
  const { bios } = device.stats();
  issues.all.length = 0;
  const controller = new AbortController();
  const before = device.read(0, 4096);
  const aborted = [device.read(8192, 4096, controller), device.write(new Uint8Array(512), 16384, controller)];
  const after = device.read(24576, 4096);
  controller.abort();
  for (const one of aborted) assert.is((await rejection(one)).name, 'AbortError');
  assert.is(Buffer.compare(await before, pattern(0, 4096)), 0);
  assert.is(Buffer.compare(await after, pattern(24576, 4096)), 0);
  assert.is(Buffer.compare(await device.read(16384, 512), pattern(16384, 512)), 0);
  assert.is(device.stats().bios, bios + 3);
  assert.equal(issues.all.map(({ position }) => position).sort(), [0, 16384, 24576]);
});

test('a read in flight is rejected at once, its buffer stays as it is, and its memory comes back when it ends', async () => {
  await using bench = new Bench();
  const device = await bench.open();
  const { arenaBytes } = poolFigures(bench.mapper);
  const controller = new AbortController();
  const view = new Uint8Array(8192).fill(7);
  const read = device.readInto(view, 0, controller);
  bench.submit();
  assert.is(device.stats().inFlight, 1);
  const reason = { why: 'enough' };
  controller.abort(reason);
  assert.is(await rejection(read), reason as unknown as Error);
  assert.is(poolFigures(bench.mapper).arenaBytes, arenaBytes - 8192);
  await bench.settle(device.read(0, 512));
  assert.ok(view.every((byte) => byte === 7));
  assert.is(poolFigures(bench.mapper).arenaBytes, arenaBytes);
  assert.is(device.stats().inFlight, 0);
});

for (const what of ['close', 'suspend'] as const) {
  test(`${what} waits for the end of what was aborted in flight`, async () => {
    await using bench = new Bench();
    const device = await bench.open();
    const controller = new AbortController();
    const read = device.read(0, 4096, controller);
    bench.submit();
    controller.abort();
    assert.is((await rejection(read)).name, 'AbortError');
    const ended = device[what]();
    assert.ok(await isPending(ended));
    await bench.settle(ended);
  });
}

test('a batch whose signal goes off while it is handed over is rejected at once, its statuses left alone', async () => {
  await using bench = new Bench();
  const { mapper } = bench;
  const controller = new AbortController();
  const prepMap = (io: TargetIo, probe: Probe): number => {
    controller.abort();
    return choose(io, probe);
  };
  mapper.registerTarget(probeTarget('probe', { prepMap }));
  const device = await mapper.createDevice({ name: 'd', table: '0 2048 probe mem:a?size=1M&delay=1ms' });
  using lease = mapper.lease(512)!;
  const batch: IoBatch = {
    count: 1,
    operations: new Uint8Array(1),
    positions: new Float64Array(1),
    lengths: new Uint32Array([512]),
    addresses: new Uint32Array([lease.address]),
    statuses: new Uint8Array([77]),
  };
  assert.is((await rejection(device.batch(batch, controller))).name, 'AbortError');
  await bench.settle(device.close());
  assert.is(batch.statuses[0], 77);
});

test('close does not wait for what was aborted before it was submitted', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  const controller = new AbortController();
  const read = rejection(device.read(0, 4096, controller));
  controller.abort();
  await device.close();
  assert.is((await read).name, 'AbortError');
});

test('an I/O held back by a suspend is rejected, and the device goes on', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  await device.suspend();
  const controller = new AbortController();
  const held = device.read(0, 4096, controller);
  assert.ok(await isPending(held));
  controller.abort();
  assert.is((await rejection(held)).name, 'AbortError');
  await device.resume();
  assert.is((await device.read(0, 512)).length, 512);
});

test('a transfer that waits for the arena leaves its line, and those behind it go', async () => {
  await using bench = new Bench({ limits: { arenaBytes: 65536 } });
  const device = await bench.open();
  const { arenaBytes } = poolFigures(bench.mapper);
  const first = device.read(0, 65536);
  const controller = new AbortController();
  const waiting = device.read(65536, 262144, controller);
  const behind = device.read(0, 4096);
  bench.submit();
  controller.abort();
  assert.is((await rejection(waiting)).name, 'AbortError');
  assert.is((await bench.settle(first)).length, 65536);
  assert.is((await bench.settle(behind)).length, 4096);
  assert.is(poolFigures(bench.mapper).arenaBytes, arenaBytes);
});

test('a large transfer of which part is in flight submits no more, and its memory comes back', async () => {
  await using bench = new Bench({ limits: { arenaBytes: 65536 } });
  const device = await bench.open();
  const { arenaBytes } = poolFigures(bench.mapper);
  const controller = new AbortController();
  const write = device.write(pattern(0, 1024 * 1024), 0, controller);
  bench.submit();
  controller.abort();
  assert.is((await rejection(write)).name, 'AbortError');
  await bench.settle(device.read(0, 512));
  const { writeBytes } = device.stats();
  assert.ok(writeBytes > 0 && writeBytes < 1024 * 1024, `wrote ${writeBytes}`);
  assert.is(poolFigures(bench.mapper).arenaBytes, arenaBytes);
});

test('bios that found no record are taken back', async () => {
  await using bench = new Bench({ limits: { devices: 4, bios: 16, requests: 16, submits: 16 } });
  const device = await bench.open('mem:a?size=1M&delay=1ms');
  const controller = new AbortController();
  const reads = Array.from({ length: 100 }, (_, index) => device.read(index * 8192, 512, controller));
  bench.submit();
  controller.abort();
  for (const read of reads) assert.is((await rejection(read)).name, 'AbortError');
  await bench.settle(device.read(0, 512));
  assert.ok(device.stats().bios < 50, `${device.stats().bios} bios were submitted`);
});

test('one signal has one listener for all that waits under it, and none when nothing does', async () => {
  await using bench = new Bench();
  const device = await bench.open();
  const controller = new AbortController();
  const { signal } = controller;
  const reads = Array.from({ length: 50 }, (_, index) => device.read(index * 4096, 4096, { signal }));
  assert.is(getEventListeners(signal, 'abort').length, 1);
  await bench.settle(Promise.all(reads));
  assert.is(getEventListeners(signal, 'abort').length, 0);
  const failing = device.read(0, 512, { signal });
  controller.abort();
  await rejection(failing);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('a failed I/O takes its listener along', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K&error=read:medium');
  const { signal } = new AbortController();
  assert.is((await rejection(device.read(0, 512, { signal })))['code'], 'ENODATA');
  assert.is((await rejection(device.write(new Uint8Array(5), 1, { signal, unaligned: true })))['code'], 'ENODATA');
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('a signal that goes off after the end changes nothing', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K');
  const controller = new AbortController();
  assert.is((await device.read(0, 512, controller)).length, 512);
  controller.abort();
  assert.is((await device.read(0, 512)).length, 512);
});

test('an unaligned write aborted before its last step writes nothing, and the next has its turn', async () => {
  await using bench = new Bench();
  const device = await bench.open();
  const controller = new AbortController();
  const aborted = device.write(new Uint8Array(10).fill(1), 5, { signal: controller.signal, unaligned: true });
  const next = device.write(new Uint8Array(10).fill(2), 20, { unaligned: true });
  bench.submit();
  controller.abort();
  assert.is((await rejection(aborted)).name, 'AbortError');
  await bench.settle(next);
  const bytes = await bench.settle(device.read(0, 40));
  assert.equal([...bytes], [...new Uint8Array(20), ...new Uint8Array(10).fill(2), ...new Uint8Array(10)]);
});

function reads(count: number, address: number): IoBatch & { statuses: Uint8Array } {
  return {
    count,
    operations: new Uint8Array(count),
    positions: Float64Array.from({ length: count }, (_, index) => index * 8192),
    lengths: new Uint32Array(count).fill(4096),
    addresses: Uint32Array.from({ length: count }, (_, index) => address + index * 4096),
    statuses: new Uint8Array(count).fill(255),
  };
}

test('an aborted batch is rejected at once, its statuses are left alone, its lease is lent to nobody before it ends', async () => {
  await using bench = new Bench({ limits: { arenaBytes: 65536 } });
  const device = await bench.open();
  const lease = bench.mapper.lease(65536)!;
  const batch = reads(16, lease.address);
  const controller = new AbortController();
  const result = device.batch(batch, controller);
  controller.abort();
  assert.is((await rejection(result)).name, 'AbortError');
  lease.release();
  assert.is(bench.mapper.lease(4096), undefined);
  const ended = device.close();
  assert.ok(await isPending(ended));
  await bench.settle(ended);
  assert.ok(batch.statuses.every((status) => status === 255));
  const again = bench.mapper.lease(65536);
  assert.is(again?.length, 65536);
  again?.release();
});

test('of an aborted batch what found no record is taken back, and the next batch is none the worse', async () => {
  await using bench = new Bench({ limits: { devices: 4, bios: 16, requests: 16, submits: 16 } });
  const device = await bench.open('mem:a?size=1M&delay=1ms');
  using lease = bench.mapper.lease(64 * 4096)!;
  const controller = new AbortController();
  const result = device.batch(reads(64, lease.address), controller);
  controller.abort();
  assert.is((await rejection(result)).name, 'AbortError');
  const next = reads(4, lease.address);
  assert.is(await bench.settle(device.batch(next, { signal: new AbortController().signal })), 0);
  assert.equal([...next.statuses], [0, 0, 0, 0]);
  assert.ok(device.stats().bios < 40, `${device.stats().bios} bios were submitted`);
});

test.run();
