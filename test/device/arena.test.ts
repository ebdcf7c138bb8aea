import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../bindings/device/arena.ts';

const test = suite('device: arena');

const MIB = 1024 * 1024;

test('leases taken in a row lie in a row', () => {
  const arena = new Arena(MIB);
  const leases = arena.leaseMany(16, 4096);
  assert.ok(leases);
  for (const [i, lease] of leases.entries()) assert.is(lease.address, leases[0].address + i * 4096);
});

test('they do so batch after batch, and the same pages are used again', () => {
  const arena = new Arena(8 * MIB);
  for (let batch = 0; batch < 1000; batch++) {
    const first = arena.allocate(4096);
    for (let i = 1; i < 32; i++) assert.is(arena.allocate(4096), first + i * 4096);
    assert.ok(first < 2 * MIB);
    for (let i = 0; i < 32; i++) arena.free(first + i * 4096, 4096);
  }
  assert.is(arena.freeBytes, arena.sizeBytes);
});

test('a page or more begins on a page, less on 512 bytes', () => {
  const arena = new Arena(MIB);
  assert.is(arena.allocate(512) % 512, 0);
  assert.is(arena.allocate(1) % 512, 0);
  assert.is(arena.allocate(4097) % 4096, 0);
  assert.is(arena.allocate(6144) % 4096, 0);
  assert.is(arena.allocate(4096) % 4096, 0);
});

test('a full arena answers with nothing, never an error', () => {
  const arena = new Arena(65536);
  const leases = arena.leaseMany(16, 4096);
  assert.is(arena.lease(512), undefined);
  assert.is(arena.allocate(4096), -1);
  assert.is(arena.freeBytes, 0);
  leases?.[3].release();
  assert.is(arena.allocate(8192), -1);
  assert.is(arena.allocate(4096), leases?.[3].address);
});

test('all or none of many leases', () => {
  const arena = new Arena(65536);
  assert.is(arena.leaseMany(17, 4096), undefined);
  assert.is(arena.freeBytes, 65536);
});

test('a lease is released once, by hand or by leaving its block', () => {
  const arena = new Arena(65536);
  const lease = arena.lease(4096);
  assert.is(lease?.bytes.length, 4096);
  assert.is(lease?.bytes, lease?.bytes);
  lease?.release();
  lease?.[Symbol.dispose]();
  assert.is(arena.freeBytes, 65536);
});

test('a range freed twice is told, not swallowed', () => {
  const arena = new Arena(65536);
  const address = arena.allocate(4096);
  arena.free(address, 4096);
  assert.throws(() => arena.free(address, 4096), /not leased/);
  assert.throws(() => arena.free(0, 512), /not leased/);
});

test('sizes outside their range are refused', () => {
  assert.throws(() => new Arena(0), /ERR|expected/);
  assert.throws(() => new Arena(2 ** 31), /expected/);
  assert.throws(() => new Arena(65536).lease(65537), /expected/);
  assert.throws(() => new Arena(65536).allocate(0), /expected/);
});

test('the memory is shared, begins at the arena and is made when first used', () => {
  const arena = new Arena(65536);
  assert.instance(arena.memory.buffer, SharedArrayBuffer);
  assert.is(arena.memory.buffer.byteLength, 65536);
  const lease = arena.lease(512);
  if (lease) lease.bytes[0] = 7;
  assert.is(arena.bytes[lease?.address ?? -1], 7);
});

test('a quarantined range is not given out before both its owner and the quarantine let go', async () => {
  const arena = new Arena(65536);
  const address = arena.allocate(65536);
  let end = (): void => {};
  arena.quarantine(address + 4096, 8192, new Promise<void>((resolve) => (end = resolve)));
  arena.free(address, 65536);
  assert.is(arena.quarantinedBytes, 8192);
  assert.is(arena.freeBytes, 65536 - 8192);
  const taken = new Set<number>();
  for (let at = arena.allocate(512); at >= 0; at = arena.allocate(512)) taken.add(at);
  assert.is(taken.size, (65536 - 8192) / 512);
  for (let at = address + 4096; at < address + 12288; at += 512) assert.not(taken.has(at));
  end();
  await Promise.resolve();
  await Promise.resolve();
  assert.is(arena.quarantinedBytes, 0);
  assert.is(arena.freeBytes, 8192);
  assert.is(arena.allocate(8192), address + 4096);
});

test('a quarantine that ends before its owner frees changes nothing', async () => {
  const arena = new Arena(65536);
  const address = arena.allocate(4096);
  arena.quarantine(address, 4096, Promise.reject(new Error('the thread died')));
  await Promise.resolve();
  await Promise.resolve();
  assert.is(arena.freeBytes, 65536 - 4096);
  arena.free(address, 4096);
  assert.is(arena.freeBytes, 65536);
});

test('overlapping quarantines both hold', async () => {
  const arena = new Arena(65536);
  const address = arena.allocate(8192);
  const ends: (() => void)[] = [];
  const until = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
  arena.quarantine(address, 8192, until());
  arena.quarantine(address + 4096, 4096, until());
  arena.free(address, 8192);
  ends[0]();
  await Promise.resolve();
  await Promise.resolve();
  assert.is(arena.quarantinedBytes, 4096);
  ends[1]();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal([arena.quarantinedBytes, arena.freeBytes], [0, 65536]);
});

test('after any mix of sizes nothing overlaps and nothing leaks', () => {
  const arena = new Arena(MIB);
  const owner = new Int32Array(MIB / 512).fill(-1);
  const live: { address: number; bytes: number }[] = [];
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let step = 0; step < 20000; step++) {
    if (random(5) < 3) {
      const bytes = [512, 1024, 3584, 4096, 4096, 4608, 12288, 65536][random(8)] ?? 512;
      const address = arena.allocate(bytes);
      if (address < 0) continue;
      for (let unit = address / 512; unit < (address + bytes) / 512; unit++) {
        assert.is(owner[unit], -1);
        owner[unit] = step;
      }
      live.push({ address, bytes });
    } else if (live.length > 0) {
      const [one] = live.splice(random(live.length), 1);
      owner.fill(-1, one.address / 512, (one.address + one.bytes) / 512);
      arena.free(one.address, one.bytes);
    }
  }
  assert.is(arena.freeBytes, MIB - live.reduce((sum, one) => sum + one.bytes, 0));
  for (const one of live) arena.free(one.address, one.bytes);
  assert.is(arena.freeBytes, MIB);
  assert.is(arena.allocate(MIB), 0);
});

test.run();
