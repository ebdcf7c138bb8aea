// Discards, zeroes, and what is said of an I/O beside its place, from the call down to the path.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_FAILFAST,
  FLAG_FUA,
  FLAG_META,
  FLAG_NOMERGE,
  FLAG_NOUNMAP,
  FLAG_NOWAIT,
  FLAG_PRIORITY_MASK,
  FLAG_PRIORITY_SHIFT,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  PRIORITY_IDLE,
  PRIORITY_REALTIME,
  STATUS_AGAIN,
} from '../../assembly/abi.ts';
import { DeviceMapper, type PlainDevice, priorityFlags } from '../../bindings/index.ts';
import { allowErasing, allowErasingBelow, Issues } from '../support/issues.ts';
import { rejection, thrown } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: operations');

const MAX = 0xffff_ffff;

async function erasable(mapper: DeviceMapper, sectors: number = MAX): Promise<PlainDevice> {
  const device = await mapper.openPlain('mem:a?size=1M');
  allowErasing(mapper, device.id, sectors);
  return device;
}

test('zeroes reach the path without payload, and the range reads zeros', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await erasable(mapper);
  await device.write(pattern(0, 8192), 0);
  await device.writeZeroes(1024, 2048);
  const { operation, flags, position, bytes } = issues.all.at(-1)!;
  assert.equal([operation, flags & FLAG_NOUNMAP, position, bytes], [OPERATION_WRITE_ZEROES, 0, 1024, 2048]);
  const read = await device.read(0, 8192);
  assert.ok(read.subarray(1024, 3072).every((byte) => byte === 0));
  assert.is(Buffer.compare(read.subarray(3072), pattern(0, 8192).subarray(3072)), 0);
});

test('zeroes that keep the space say so to the path', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await erasable(mapper);
  await device.writeZeroes(0, 512, { unmap: false });
  assert.is(issues.all.at(-1)!.flags & FLAG_NOUNMAP, FLAG_NOUNMAP);
});

test('discards that touch are merged, and reach the path as one', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await erasable(mapper);
  await Promise.all([device.discard(4096, 4096), device.discard(8192, 4096)]);
  const discards = issues.all.filter(({ operation }) => operation === OPERATION_DISCARD);
  assert.equal(
    discards.map(({ position, bytes }) => [position, bytes]),
    [[4096, 8192]],
  );
});

test('a discard of more ranges than half of all bios reaches the path whole', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 2, bios: 64, requests: 64 } });
  const device = await mapper.openPlain('mem:a?size=64K&discard_segments=64&mode=inline');
  await device.write(pattern(1, 65536), 0);
  const places = Array.from({ length: 50 }, (_, index) => 1024 * index);
  await Promise.all(places.map((position) => device.discard(position, 512)));
  const read = await device.read(0, 65536);
  for (const position of places)
    assert.ok(
      read.subarray(position, position + 512).every((byte) => byte === 0),
      `at ${position}`,
    );
  assert.is(Buffer.compare(read.subarray(51_200), pattern(1, 65536).subarray(51_200)), 0);
});

test('a discard longer than a bio or than the arena takes nothing of the arena and is cut to the limits of the path', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  using lease = mapper.lease(65536)!;
  const device = await erasable(mapper, 256);
  using issues = new Issues();
  await device.discard(0, device.size);
  assert.is(lease.length, 65536);
  assert.is(issues.all.length, 8);
  assert.ok(issues.all.every(({ bytes }, index) => bytes === 128 * 1024 && issues.all[index]!.operation === OPERATION_DISCARD));
});

test('a discard of more sectors than 32 bits hold goes as several bios', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('null:3072G');
  allowErasing(mapper, device.id, MAX);
  await device.discard(0, device.size);
  assert.is(device.stats().bios, 3);
  assert.is(device.diskStats().discards.sectors, device.size / 512);
});

test('what the storage does not support fails with EOPNOTSUPP, and the questions say so before', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M#1', 'mem:a?size=1M#2']);
  allowErasingBelow(mapper, device, 0);
  assert.equal([device.canDiscard, device.canWriteZeroes], [false, false]);
  const discard = await rejection(device.discard(0, 4096));
  assert.equal([discard['code'], discard['operation'], discard['attempts']], ['EOPNOTSUPP', 'discard', 0]);
  assert.match(discard.message, /discard of 4096 bytes at position 0 on rqdm0 failed: operation not supported.*canDiscard/);
  const zeroes = await rejection(device.writeZeroes(0, 4096));
  assert.equal([zeroes['code'], zeroes['operation']], ['EOPNOTSUPP', 'writeZeroes']);
  assert.match(zeroes.message, /canWriteZeroes/);
  allowErasingBelow(mapper, device, MAX);
  assert.equal([device.canDiscard, device.canWriteZeroes], [true, true]);
  await device.writeZeroes(0, 4096);
  await device.close();
  assert.equal([device.canDiscard, device.canWriteZeroes], [false, false]);
});

test('a flush is always allowed; canFlush tells whether anything is held back', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const memory = await mapper.openDevice('mem:a?size=64K');
  const file = await mapper.openDevice(`${folder.file('a', 65536)}?mode=inline`);
  assert.equal([memory.canFlush, file.canFlush], [false, true]);
  await memory.flush();
  await file.flush();
});

test('discards and zeroes are refused where they are no whole blocks, leave the device, or it is read-only', async () => {
  await using mapper = new DeviceMapper();
  const device = await erasable(mapper);
  for (const [position, length] of [
    [1, 512],
    [0, 513],
    [100, 412],
  ] as const) {
    const error = await rejection(device.discard(position, length));
    assert.is(error['code'], 'ERR_RQDM_ALIGNMENT');
    assert.match(error.message, new RegExp(`discard of ${length} bytes at position ${position}.*multiples of 512`));
    assert.is((await rejection(device.writeZeroes(position, length)))['code'], 'ERR_RQDM_ALIGNMENT');
  }
  assert.is((await rejection(device.discard(0, 2 * device.size)))['code'], 'ERR_RQDM_RANGE');
  assert.is((await rejection(device.discard(-512, 512)))['code'], 'ERR_RQDM_RANGE');
  await device.discard(device.size, 0);
  const readOnly = await mapper.openDevice('mem:a', { readOnly: true });
  const error = await rejection(readOnly.discard(0, 512));
  assert.equal([error['code'], readOnly.canDiscard], ['EROFS', false]);
  assert.match(error.message, /discard on rqdm0: the device is read-only/);
});

test('flags of an I/O reach the path', async () => {
  using issues = new Issues();
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=1M');
  await device.read(0, 512, { failfast: true, meta: true, noMerge: true, sync: true });
  const wanted = FLAG_FAILFAST | FLAG_META | FLAG_NOMERGE | FLAG_SYNC;
  const { operation, flags } = issues.all.at(-1)!;
  assert.equal([operation, flags & wanted], [OPERATION_READ, wanted]);
  await device.write(new Uint8Array(512), 0, { priority: { class: 'realtime', level: 3 } });
  const { flags: written } = issues.all.at(-1)!;
  assert.is((written & FLAG_PRIORITY_MASK) >>> FLAG_PRIORITY_SHIFT, PRIORITY_REALTIME | (3 << 2));
});

test('I/Os of different priority are not merged, those of one priority are', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=1M');
  using issues = new Issues();
  await Promise.all([device.read(0, 512, { priority: 'idle' }), device.read(512, 512, { priority: 'idle' })]);
  await Promise.all([device.read(0, 512, { priority: 'idle' }), device.read(512, 512, { priority: 'realtime' })]);
  assert.equal(
    issues.all.map(({ bytes }) => bytes),
    [1024, 512, 512],
  );
  assert.is(priorityFlags('idle') >>> FLAG_PRIORITY_SHIFT, PRIORITY_IDLE);
});

test('a priority that is none is refused with what was expected', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=1M');
  for (const [priority, text] of [
    ['highest', /class is highest: expected realtime, best-effort or idle/],
    [{ class: 'idle', level: 8 }, /level is 8: expected a whole number from 0 to 7/],
    [{ class: 'toString' }, /class is toString/],
    [null, /class is undefined/],
  ] as const) {
    const error = await rejection(device.read(0, 512, { priority: priority as unknown as 'idle' }));
    assert.is(error['code'], 'ERR_RQDM_OPTION');
    assert.match(error.message, text);
  }
  assert.is(thrown(() => priorityFlags('none' as 'idle'))['code'], 'ERR_RQDM_OPTION');
});

test('a write with fua is followed by a flush where the storage has a cache', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain(`${folder.file('a', 65536)}?mode=inline`);
  using issues = new Issues();
  await device.write(pattern(0, 4096), 0, { fua: true });
  const operations = issues.all.map(({ operation }) => operation);
  const isFua = issues.all.some(({ flags }) => flags & FLAG_FUA);
  assert.ok(isFua || operations.at(-1) === OPERATION_FLUSH, `issued ${operations}`);
  assert.is(operations[0], OPERATION_WRITE);
});

test('a write with preflush is preceded by a flush, even one of nothing', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain(`${folder.file('a', 65536)}?mode=inline`);
  await device.write(pattern(0, 4096), 0);
  using issues = new Issues();
  await device.write(pattern(0, 4096), 4096, { preflush: true });
  assert.equal(
    issues.all.map(({ operation }) => operation),
    [OPERATION_FLUSH, OPERATION_WRITE],
  );
  assert.is(await device.write(new Uint8Array(0), 0, { preflush: true }), 0);
  assert.is(issues.all.at(-1)!.operation, OPERATION_FLUSH);
  assert.is(issues.all.length, 3);
});

test('an I/O that would not wait fails with EAGAIN where it would have to be split', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openPlain('mem:a?size=4M');
  const small = await device.read(0, 4096, { noWait: true });
  assert.is(small.length, 4096);
  allowErasing(mapper, device.id, 8);
  const error = await rejection(device.discard(0, 8192, { noWait: true }));
  assert.is(error['code'], 'EAGAIN');
});

test('an I/O that would not wait fails with EAGAIN where the arena is full', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const device = await mapper.openPlain('mem:a?size=64K');
  {
    using lease = mapper.lease(65536)!;
    const error = await rejection(device.read(0, 4096, { noWait: true }));
    assert.equal([error['code'], error['attempts'], lease.length], ['EAGAIN', 0, 65536]);
  }
  assert.is((await device.read(0, 4096, { noWait: true })).length, 4096);
});

test('I/Os that would not wait fail with EAGAIN where there is no record for them, the others go', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 16, requests: 16, submits: 16 } });
  const device = await mapper.openPlain('mem:a?size=1M');
  const reads = Array.from({ length: 60 }, (_, index) => device.read(index * 8192, 512, { noWait: index % 2 === 0 }));
  const results = await Promise.allSettled(reads);
  const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [[index % 2, result.reason.code]] : []));
  assert.ok(failed.length > 0 && failed.length < 30, `${failed.length} have failed`);
  assert.ok(failed.every(([odd, code]) => odd === 0 && code === 'EAGAIN'));
  using lease = mapper.lease(60 * 512)!;
  const batch = {
    count: 60,
    operations: new Uint8Array(60),
    positions: Float64Array.from({ length: 60 }, (_, index) => index * 8192),
    lengths: new Uint32Array(60).fill(512),
    addresses: Uint32Array.from({ length: 60 }, (_, index) => lease.address + index * 512),
    statuses: new Uint8Array(60).fill(255),
    flags: new Uint16Array(60).fill(FLAG_NOWAIT),
  };
  const refused = await device.batch(batch);
  assert.ok(refused > 0 && refused < 60, `${refused} were refused`);
  assert.is(batch.statuses.filter((status) => status === STATUS_AGAIN).length, refused);
  assert.ok(batch.statuses.every((status) => status === 0 || status === STATUS_AGAIN));
});

test.run();
