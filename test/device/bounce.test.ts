// Reads are retried through another range while a stuck thread may still write their own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG_CLEAR, FLAG_META, OPERATION_READ, OPERATION_WRITE, STATUS_MEDIUM, STATUS_OK } from '../../assembly/abi.ts';
import { Arena } from '../../bindings/device/arena.ts';
import { Bounce } from '../../bindings/device/bounce.ts';
import type { Path } from '../../bindings/path/path.ts';

const test = suite('device: bounce');

/** A path that notes where it was to read to. */
class NotingPath {
  readonly issued: { id: number; operation: number; bytes: number; address: number; segments: number }[] = [];

  issue(id: number, operation: number, _position: number, bytes: number, address: number, segments: number): void {
    this.issued.push({ id, operation, bytes, address, segments });
  }
}

function setUp(): { arena: Arena; bounce: Bounce; path: NotingPath; take: (address: number, operation?: number) => boolean } {
  const arena = new Arena(65536);
  const bounce = new Bounce(arena);
  const path = new NotingPath();
  const table = new Uint32Array(4);
  const take = (address: number, operation = OPERATION_READ): boolean =>
    bounce.take(path as unknown as Path, 7, operation, 0, 4096, address, 1, table, 0);
  return { arena, bounce, path, take };
}

test('a read whose range nobody else may touch goes as it is', () => {
  const { arena, bounce, path, take } = setUp();
  assert.not.ok(take(arena.allocate(4096)));
  assert.is(path.issued.length, 0);
  assert.not.ok(bounce.isActive);
});

test('a read into a quarantined range goes through another, and its data comes to where it belongs', () => {
  const { arena, bounce, path, take } = setUp();
  const address = arena.allocate(4096);
  arena.quarantine(address, 4096, new Promise(() => {}));
  assert.ok(take(address));
  const [issued] = path.issued;
  assert.ok(issued && issued.address !== address);
  arena.bytes.fill(9, issued?.address, (issued?.address ?? 0) + 4096);
  bounce.answered(7, STATUS_OK, 8);
  assert.equal([...new Set(arena.bytes.subarray(address, address + 4096))], [9]);
  assert.not.ok(bounce.isActive);
  assert.is(arena.freeBytes, arena.sizeBytes - 4096, 'the range in between is free again');
});

test('a read is one whatever its flags, and the path sees them', () => {
  const { arena, path, take } = setUp();
  const address = arena.allocate(4096);
  arena.quarantine(address, 4096, new Promise(() => {}));
  const word = OPERATION_READ | ((FLAG_CLEAR | FLAG_META) << 8);
  assert.ok(take(address, word));
  assert.equal(
    path.issued.map(({ operation }) => operation),
    [word],
  );
  assert.not.ok(take(address, OPERATION_WRITE | (FLAG_META << 8)));
});

test('what was read before an error comes too, and no more', () => {
  const { arena, bounce, path, take } = setUp();
  const address = arena.allocate(4096);
  arena.bytes.fill(1, address, address + 4096);
  arena.quarantine(address, 4096, new Promise(() => {}));
  take(address);
  arena.bytes.fill(9, path.issued[0]?.address, (path.issued[0]?.address ?? 0) + 4096);
  bounce.answered(7, STATUS_MEDIUM, 2);
  assert.equal([...new Set(arena.bytes.subarray(address, address + 1024))], [9]);
  assert.equal([...new Set(arena.bytes.subarray(address + 1024, address + 4096))], [1]);
});

test('the pieces of a scattered read are filled in order', () => {
  const { arena, bounce, path } = setUp();
  const [first, gap, second] = [arena.allocate(4096), arena.allocate(4096), arena.allocate(4096)];
  arena.quarantine(second, 4096, new Promise(() => {}));
  const table = Uint32Array.from([0, 0, first, 4096, second, 4096]);
  assert.ok(bounce.take(path as unknown as Path, 7, OPERATION_READ, 0, 8192, first, 2, table, 1));
  const from = path.issued[0]?.address ?? 0;
  assert.is(path.issued[0]?.segments, 1);
  arena.bytes.fill(1, from, from + 4096).fill(2, from + 4096, from + 8192);
  bounce.answered(7, STATUS_OK, 16);
  assert.equal(
    [first, gap, second].map((at) => arena.bytes[at]),
    [1, 0, 2],
  );
});

test('a write needs no other range, a stuck thread only reads its payload', () => {
  const { arena, take } = setUp();
  const address = arena.allocate(4096);
  arena.quarantine(address, 4096, new Promise(() => {}));
  assert.not.ok(take(address, OPERATION_WRITE));
});

test('with the arena full the read waits for room', () => {
  const { arena, bounce, path, take } = setUp();
  const address = arena.allocate(4096);
  const rest = arena.allocate(arena.freeBytes);
  arena.quarantine(address, 4096, new Promise(() => {}));
  assert.ok(take(address));
  assert.equal(bounce.retry(), []);
  assert.ok(bounce.isActive);
  arena.free(rest, 65536 - 4096);
  assert.is(bounce.retry().length, 1);
  assert.is(path.issued.length, 1);
});

test.run();
