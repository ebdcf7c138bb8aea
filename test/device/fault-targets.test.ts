// The targets delay, flakey, dust, unstriped and switch on live devices: payload, promises, tables and the clock.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_OK } from '../../assembly/abi.ts';
import {
  DeviceMapper,
  delay,
  dust,
  flakey,
  type Lease,
  type MappedDevice,
  switchRegions,
  unstriped,
} from '../../bindings/index.ts';
import { END_DONE } from '../../bindings/target/target.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { arenaOf, poolFigures } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { rejection, turns } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: fault targets');

const A = 'mem:a?size=1M';
const B = 'mem:b?size=1M';
const MS = 1e6;
const SECOND = 1e9;

interface World {
  readonly mapper: DeviceMapper;
  readonly time: VirtualTime;
  readonly logs: string[];
}

/** Runs on virtual time and closes; every record must be free again. */
async function world(run: (world: World) => Promise<void>): Promise<void> {
  const time = new VirtualTime();
  const logs: string[] = [];
  const mapper = new DeviceMapper({
    time,
    log: (line) => logs.push(line),
    limits: { devices: 8, bios: 512, requests: 256, arenaBytes: 4194304 },
  });
  const free = poolFigures(mapper);
  await run({ mapper, time, logs });
  while (mapper.devices.length > 0) {
    for (const device of mapper.devices) if (device.holders === 0) await over(time, device.close());
  }
  assert.equal(poolFigures(mapper), free);
  await over(time, mapper.close());
}

/** Moves time until the promise has settled. */
async function over<T>(time: VirtualTime, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  promise.then(end, end);
  await time.until(() => isOver);
  return promise;
}

/** How long it took, in milliseconds. */
async function took(time: VirtualTime, promise: Promise<unknown>): Promise<number> {
  const begin = time.now();
  await over(time, promise);
  return Math.round((time.now() - begin) / MS);
}

// ---- delay -----------------------------------------------------------------------------------------------------------

test('delay: reads, writes and flushes take their time, and status tells what is held', () =>
  world(async ({ mapper, time }) => {
    const table = delay({
      read: { device: A, delayMs: 5 },
      write: { device: A, delayMs: 50 },
      flush: { device: A, delayMs: 500 },
    });
    const device = await over(time, mapper.createDevice({ name: 'slow', table }));
    const bytes = pattern(0, 64 * 1024);
    assert.is(await took(time, device.write(bytes, 0)), 50);
    const reading = device.read(0, bytes.length);
    assert.is(await took(time, reading), 5);
    assert.is(Buffer.compare(await reading, bytes), 0);
    using folder = new TemporaryFolder();
    const file = { device: `${folder.file('a', 65536)}?mode=inline`, delayMs: 500 };
    const cached = delay({ read: { ...file, delayMs: 1 }, write: { ...file, delayMs: 2 }, flush: file });
    const flushed = await over(time, mapper.createDevice({ name: 'cached', table: cached }));
    assert.is(await took(time, flushed.write(bytes, 0)), 2);
    assert.is(await took(time, flushed.flush()), 500);
    await over(time, flushed.close());
    const all = [device.read(0, 512), device.read(4096, 512), device.write(bytes, 0)];
    await turns();
    time.advanceTo(time.now());
    assert.is(device.status(), '0 2048 delay 2 1 0');
    await over(time, Promise.all(all));
    assert.is(device.status(), '0 2048 delay 0 0 0');
  }));

test('delay: a suspend and a close let go of what is held at once', () =>
  world(async ({ mapper, time }) => {
    const table = delay({ read: { device: A, delayMs: 1000 } });
    const device = await over(time, mapper.createDevice({ name: 'slow', table }));
    for (const noflush of [false, true]) {
      const read = device.read(0, 512);
      await turns();
      time.advanceTo(time.now());
      const begin = time.now();
      await over(time, device.suspend({ noflush }));
      await read;
      assert.is(time.now(), begin);
      await over(time, device.resume());
      assert.is(await took(time, device.read(0, 512)), 1000);
    }
    const last = device.read(0, 512);
    assert.is(await took(time, Promise.all([last, device.close()])), 0);
  }));

test('delay: more than the pools hold waits for its turn and all of it ends', () =>
  world(async ({ mapper, time }) => {
    const device = await over(time, mapper.createDevice({ name: 'slow', table: delay({ read: { device: A, delayMs: 10 } }) }));
    const reads = Array.from({ length: 1200 }, (_, index) => device.read(((index * 7) % 2048) * 512, 512));
    const ms = await took(time, Promise.all(reads));
    assert.ok(ms >= 20 && ms < 100, `${ms} ms`);
  }));

test('delay: what was held goes on over a reload, and the new table has the new delay', () =>
  world(async ({ mapper, time }) => {
    const device = await over(time, mapper.createDevice({ name: 'slow', table: delay({ read: { device: A, delayMs: 100 } }) }));
    const read = device.read(0, 512);
    await turns();
    await over(time, device.reload(delay({ read: { device: B, delayMs: 7 } }), { noflush: true }));
    await over(time, read);
    assert.is(await took(time, device.read(0, 512)), 7);
    assert.match(device.table(), /delay \d+:\d+ 0 7$/);
  }));

// ---- flakey -----------------------------------------------------------------------------------------------------------

function down(features?: readonly (string | number)[]): string {
  return flakey({ device: A, upSeconds: 0, downSeconds: 100, ...(features ? { features } : {}) });
}

async function flaky({ mapper, time }: World, features?: readonly (string | number)[]): Promise<MappedDevice> {
  // what lies below is known before it fails
  const plain = await over(time, mapper.createDevice({ name: 'plain', table: `0 * linear ${A} 0` }));
  await over(time, plain.write(Buffer.alloc(8192, 0x33), 0));
  return over(time, mapper.createDevice({ name: 'f', table: down(features) }));
}

test('flakey: fails and recovers by the clock', () =>
  world(async ({ mapper, time }) => {
    const table = flakey({ device: A, upSeconds: 2, downSeconds: 1 });
    const device = await over(time, mapper.createDevice({ name: 'f', table }));
    assert.match(device.table(), /^0 2048 flakey \d+:\d+ 0 2 1 0 $/);
    const begin = time.now();
    const seen: string[] = [];
    for (let second = 0; second < 6; second++) {
      time.advanceTo(begin + second * SECOND + 1);
      seen.push(
        await over(
          time,
          device.read(0, 512).then(
            () => 'up',
            (error) => error.code,
          ),
        ),
      );
    }
    assert.equal(seen, ['up', 'up', 'EIO', 'up', 'up', 'EIO']);
  }));

test('flakey: dropped writes and flushes succeed and leave the device as it was', () =>
  world(async (made) => {
    const { time } = made;
    const device = await flaky(made, ['drop_writes']);
    await over(time, Promise.all([device.write(Buffer.alloc(4096, 0x99), 0), device.write(Buffer.alloc(4096, 0x99), 4096)]));
    await over(time, device.flush());
    assert.is(Buffer.compare(await over(time, device.read(0, 8192)), Buffer.alloc(8192, 0x33)), 0);
  }));

test('flakey: failed writes leave reads alone', () =>
  world(async (made) => {
    const { time } = made;
    const device = await flaky(made, ['error_writes']);
    assert.is((await over(time, rejection(device.write(Buffer.alloc(512, 1), 0))))['code'], 'EIO');
    assert.is((await over(time, device.read(0, 512)))[511], 0x33);
  }));

test('flakey: one byte of each read is wrong, whatever the way of the read', () =>
  world(async (made) => {
    const { mapper, time } = made;
    const device = await flaky(made, ['corrupt_bio_byte', 1, 'r', 7, 0]);
    const reads = await over(time, Promise.all([device.read(0, 1024), device.read(1024, 1024), device.read(100, 1000)]));
    assert.equal([...(reads[0] as Buffer).subarray(0, 4)], [7, 0x33, 0x33, 0x33]);
    assert.is((reads[1] as Buffer)[0], 7);
    assert.is((reads[2] as Buffer).indexOf(7), -1, 'the bio begins at the block, before what was asked for');
    using lease = mapper.lease(512) as Lease;
    const batch = {
      count: 1,
      operations: Uint8Array.of(0),
      positions: Float64Array.of(0),
      lengths: Uint32Array.of(512),
      addresses: Uint32Array.of(lease.address),
      statuses: Uint8Array.of(99),
    };
    await over(time, device.batch(batch));
    assert.is(batch.statuses[0], STATUS_OK);
    assert.equal([...lease.bytes.subarray(0, 2)], [7, 0x33]);
  }));

test("flakey: a spoiled write is wrong on the device, and the caller's memory is its own again", () =>
  world(async (made) => {
    const { mapper, time } = made;
    const device = await flaky(made, ['corrupt_bio_byte', 3, 'w', 7, 0]);
    const bytes = Buffer.alloc(512, 0x55);
    await over(time, device.write(bytes, 0));
    assert.is(bytes.indexOf(7), -1);
    using lease = mapper.lease(512) as Lease;
    lease.bytes.fill(0x66);
    // the same memory twice at the same time
    const batch = {
      count: 2,
      operations: Uint8Array.of(1, 1),
      positions: Float64Array.of(512, 4096),
      lengths: Uint32Array.of(512, 512),
      addresses: Uint32Array.of(lease.address, lease.address),
      statuses: Uint8Array.of(99, 99),
    };
    await over(time, device.batch(batch));
    assert.equal([...batch.statuses], [STATUS_OK, STATUS_OK]);
    assert.is(lease.bytes.indexOf(7), -1);
    const plain = mapper.getDevice('plain') as MappedDevice;
    for (const [position, byte] of [
      [0, 0x55],
      [512, 0x66],
      [4096, 0x66],
    ] as const) {
      const stored = await over(time, plain.read(position, 512));
      assert.equal([...stored.subarray(0, 4)], [byte, byte, 7, byte]);
    }
  }));

test('flakey: a path that retries below sends the wrong byte again, and the right one comes back to the caller', () =>
  world(async ({ mapper, time }) => {
    await over(time, mapper.openDevice([`${A}&switch=one#1`, `${A}#2`], { name: 'pair', selector: 'round-robin' }));
    mapper.faultSwitches.get('one').fail();
    const table = flakey({ device: 'pair', upSeconds: 0, downSeconds: 9, features: ['corrupt_bio_byte', 1, 'w', 7, 0] });
    const device = await over(time, mapper.createDevice({ name: 'f', table }));
    await over(time, device.write(Buffer.alloc(1024, 0x55), 0));
    await over(time, device.write(Buffer.alloc(1024, 0x55), 0));
    assert.match((mapper.getDevice('pair') as MappedDevice).status(), / F 1 /);
    const stored = await over(time, (mapper.getDevice('pair') as MappedDevice).read(0, 1024));
    assert.equal([...stored.subarray(0, 2)], [7, 0x55]);
  }));

test('a target can spoil the bytes of its own I/O and no others, and none of a request', () =>
  world(async ({ mapper, time }) => {
    const said: boolean[] = [];
    const places = [0, 511, 512, -1, 0.5, Number.NaN, 2 ** 32];
    mapper.registerTarget(
      probeTarget('spoiler', {
        endIo: (io, { context }) => {
          said.push(...places.map((at) => context.corruptRead(io.id, at, 9)));
          said.push(context.corruptRead(io.id + 1, 0, 9), context.corruptWrite(0xffffffff, 0, 9));
          context.restoreWrite(io.id);
          return END_DONE;
        },
      }),
    );
    const spoiler = await over(time, mapper.createDevice({ name: 's', table: `0 2048 spoiler ${A}`, type: 'bio' }));
    const before = Buffer.from(arenaOf(mapper).bytes);
    const bytes = await over(time, spoiler.read(0, 512));
    assert.equal(said, [true, true, false, false, false, false, false, false, false]);
    assert.equal([bytes[0], bytes[1], bytes[510], bytes[511]], [9, 0, 0, 9]);
    const changed = Buffer.from(arenaOf(mapper).bytes).reduce((count, byte, at) => count + (byte === before[at] ? 0 : 1), 0);
    assert.ok(changed <= 2, `${changed} bytes of the arena have changed`);
    said.length = 0;
    await over(time, spoiler.flush());
    assert.ok(said.every((isDone) => !isDone));

    const request = await over(time, mapper.createDevice({ name: 'r', table: `0 2048 spoiler ${B}`, type: 'request' }));
    said.length = 0;
    assert.is((await over(time, request.read(0, 512)))[0], 0);
    assert.ok(said.length > 0 && said.every((isDone) => !isDone));
  }));

// ---- dust ------------------------------------------------------------------------------------------------------------

test('dust: bad blocks fail reads until they are written', () =>
  world(async ({ mapper, time, logs }) => {
    const table = dust({ device: A, offset: 8, length: 1024, blockBytes: 4096 });
    const device = await over(time, mapper.createDevice({ name: 'dusty', table }));
    device.message('addbadblock 3');
    device.message('enable');
    assert.is(device.message('queryblock 3'), 'dust_query_block: block 3 found in badblocklist');
    // device block 3 begins at byte 12288, 4096 bytes earlier on the mapped device
    assert.is((await over(time, rejection(device.read(0, 16384))))['code'], 'EIO');
    await over(time, device.read(0, 8192));
    await over(time, device.write(pattern(8192, 4096), 8192));
    assert.is(Buffer.compare(await over(time, device.read(8192, 4096)), pattern(8192, 4096)), 0);
    assert.is(device.message('countbadblocks'), 'countbadblocks: 0 badblock(s) found');
    assert.ok(logs.some((line) => line.endsWith('dust: block 3 removed from badblocklist by write')));
    assert.match(device.status(), /^0 1024 dust \d+:\d+ fail_read_on_bad_block verbose$/);
  }));

// ---- unstriped and switch ----------------------------------------------------------------------------------------------

test('unstriped: two halves of one device, each without the other', () =>
  world(async ({ mapper, time }) => {
    const half = (stripe: number): string => unstriped({ length: 512, stripes: 2, chunkSectors: 16, stripe, device: A });
    const even = await over(time, mapper.createDevice({ name: 'even', table: half(0) }));
    const odd = await over(time, mapper.createDevice({ name: 'odd', table: half(1) }));
    await over(time, Promise.all([even.write(Buffer.alloc(even.size, 1), 0), odd.write(Buffer.alloc(odd.size, 2), 0)]));
    const whole = await over(time, mapper.createDevice({ name: 'whole', table: `0 1024 linear ${A} 0` }));
    const bytes = await over(time, whole.read(0, whole.size));
    assert.ok(bytes.every((byte, at) => byte === ((at >> 13) & 1) + 1));
    await over(time, Promise.all([even.flush(), odd.flush()]));
  }));

test('switch: regions follow the messages, data stays where it was written, flushes reach every path', () =>
  world(async ({ mapper, time }) => {
    const table = switchRegions({ length: 64, regionSectors: 16, paths: [A, { device: B, offset: 64 }] });
    const device = await over(time, mapper.createDevice({ name: 'ports', table }));
    await over(time, device.write(Buffer.alloc(device.size, 1), 0));
    device.message('set_region_mappings 0:1 R1,3');
    await over(time, device.write(Buffer.alloc(device.size, 2), 0));
    device.message('set_region_mappings 0:0 :0 :0 :0');
    const seen = await over(time, device.read(0, device.size));
    assert.equal(
      [0, 1, 2, 3].map((region) => seen[region * 8192]),
      [1, 0, 1, 0],
    );
    await over(time, device.flush());
  }));

test.run();
