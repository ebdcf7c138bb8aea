// Threads that hang or die: what becomes of the I/O on them, begun and not begun.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_OK,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
  STATUS_UNKNOWN_FATE,
} from '../../assembly/abi.ts';
import { ACTION_EXIT, ACTION_NONE, ACTION_WAIT, ACTION_WAIT_THEN_FILL, GATE_ACTION, GATE_PERFORMED } from './gate-backend.ts';
import { open, performed, setTrap, TRAP, until, withGates } from './gate-bench.ts';

const test = suite('path: pool, hanging');

test('a read that hangs is answered with a timeout, its range is quarantined and its late answer ignored', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT_THEN_FILL);
    const address = bench.arena.allocate(4096);
    const id = bench.issue(path, OPERATION_READ, TRAP * 512, 4096, address);
    path.kick();
    await performed(gate, 1);
    bench.pass(29_999);
    assert.is(bench.sink.count, 0);
    bench.pass(1);
    assert.equal(bench.sink.only(id), { status: STATUS_TIMEOUT, goodSectors: 0 });
    assert.is(path.inFlight, 0);
    assert.is(bench.pool.stuckThreads, 1);
    assert.ok(bench.sink.wakes > 0);
    // The owner lets go of the range, but nobody gets it.
    bench.arena.free(address, 4096);
    assert.is(bench.arena.quarantinedBytes, 4096);
    const others: number[] = [];
    for (let at = bench.arena.allocate(4096); at >= 0; at = bench.arena.allocate(4096)) others.push(at);
    assert.not(others.includes(address));
    open(gate);
    await until(() => bench.arena.quarantinedBytes === 0);
    assert.is(bench.arena.bytes[address], 0xbb, 'the stuck thread did write there');
    assert.is(bench.pool.lateAnswers, 1);
    assert.is(bench.pool.stuckThreads, 0);
    assert.is(bench.sink.count, 1);
  }));

test('a write that hangs is held, and answered as its thread answers', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    const id = bench.issue(path, OPERATION_WRITE, TRAP * 512, 4096, bench.arena.allocate(4096));
    path.kick();
    await performed(gate, 1);
    bench.pass(30_000);
    assert.is(bench.sink.count, 0);
    assert.is(path.inFlight, 1);
    open(gate);
    await bench.sink.until(1);
    assert.equal(bench.sink.only(id), { status: STATUS_OK, goodSectors: 8 });
    assert.is(bench.pool.lateAnswers, 0);
    assert.is(bench.arena.quarantinedBytes, 0);
  }));

test('a write held too long ends with an unknown fate, and its payload is quarantined', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    const address = bench.arena.allocate(4096);
    const id = bench.issue(path, OPERATION_WRITE, TRAP * 512, 4096, address);
    path.kick();
    await performed(gate, 1);
    bench.pass(30_000);
    bench.pass(29_999);
    assert.is(bench.sink.count, 0);
    bench.pass(1);
    assert.equal(bench.sink.only(id), { status: STATUS_UNKNOWN_FATE, goodSectors: 0 });
    bench.arena.free(address, 4096);
    assert.is(bench.arena.quarantinedBytes, 4096);
    open(gate);
    await until(() => bench.arena.quarantinedBytes === 0);
    assert.is(bench.pool.lateAnswers, 1);
    assert.is(bench.sink.count, 1);
  }));

test('what waits behind a call that hangs is never performed later, and goes on elsewhere if it is of another path', () =>
  withGates(
    async (bench) => {
      const stuck = bench.gatePath('stuck');
      const well = bench.gatePath('well');
      setTrap(stuck.gate, ACTION_WAIT);
      const base = bench.arena.allocate(4096 * 4);
      const hanging = bench.issue(stuck.path, OPERATION_READ, TRAP * 512, 4096, base);
      const behind = bench.issue(stuck.path, OPERATION_WRITE, 0, 4096, base + 4096);
      const others = [
        bench.issue(well.path, OPERATION_READ, 0, 4096, base + 8192),
        bench.issue(well.path, OPERATION_WRITE, 8192, 4096, base + 12288),
      ];
      stuck.path.kick();
      well.path.kick();
      await performed(stuck.gate, 1);
      bench.pass(30_000);
      assert.is(bench.sink.only(hanging).status, STATUS_TIMEOUT);
      assert.is(bench.sink.only(behind).status, STATUS_TIMEOUT);
      await bench.sink.until(4);
      for (const id of others) assert.equal(bench.sink.only(id), { status: STATUS_OK, goodSectors: 8 });
      // The path that hung has a fresh thread of its own.
      bench.issue(stuck.path, OPERATION_READ, 0, 4096, base + 4096);
      stuck.path.kick();
      await bench.sink.until(5);
      assert.is(Atomics.load(stuck.gate, GATE_PERFORMED), 2);
      open(stuck.gate);
      await until(() => bench.pool.stuckThreads === 0);
      assert.is(Atomics.load(stuck.gate, GATE_PERFORMED), 2, 'the write behind was not performed afterwards');
      assert.is(bench.sink.count, 5);
    },
    { sharedThreads: 1 },
  ));

test('a discard that hangs is held as a write is, and has no payload to quarantine', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    bench.issueDiscard(path, 1, [
      [TRAP, 8],
      [TRAP + 100, 8],
    ]);
    path.kick();
    await performed(gate, 1);
    bench.pass(30_000);
    assert.is(bench.sink.count, 0);
    bench.pass(30_000);
    assert.equal(bench.sink.only(1), { status: STATUS_UNKNOWN_FATE, goodSectors: 0 });
    assert.not(bench.arena.hasQuarantine);
    open(gate);
    await until(() => bench.pool.lateAnswers === 1);
  }));

test('ranges and pieces that wait behind a call that hangs go on elsewhere as they are', () =>
  withGates(
    async (bench) => {
      const stuck = bench.gatePath('stuck');
      const well = bench.open('mem:a?size=64K&mode=worker');
      const base = bench.arena.allocate(16384);
      bench.arena.bytes.fill(1, base, base + 8192);
      await bench.run(well, OPERATION_WRITE, 0, 8192, [base, 8192]);
      setTrap(stuck.gate, ACTION_WAIT);
      bench.issue(stuck.path, OPERATION_READ, TRAP * 512, 512, base + 8192);
      bench.issueDiscard(well, 100, [
        [1, 1],
        [3, 2],
      ]);
      well.issue(101, OPERATION_READ, 0, 8192, 0, 2, new Uint32Array([base, 4096, base + 12288, 4096]), 0);
      stuck.path.kick();
      well.kick();
      await performed(stuck.gate, 1);
      bench.pass(30_000);
      await bench.sink.until(4);
      assert.equal(bench.sink.only(100), { status: STATUS_OK, goodSectors: 3 });
      assert.equal(
        [0, 1, 2, 3, 4, 5].map((sector) => bench.arena.bytes[base + sector * 512]),
        [1, 0, 1, 0, 0, 1],
      );
      assert.is(bench.arena.bytes[base + 12288], 1);
      open(stuck.gate);
      await until(() => bench.pool.stuckThreads === 0);
    },
    { sharedThreads: 1 },
  ));

test('what other paths had behind the call that a thread died in goes on elsewhere, and only once', () =>
  withGates(
    async (bench) => {
      const fatal = bench.gatePath('fatal');
      const well = bench.gatePath('well');
      setTrap(fatal.gate, ACTION_EXIT);
      const base = bench.arena.allocate(8192);
      const died = bench.issue(fatal.path, OPERATION_WRITE, TRAP * 512, 4096, base);
      const behind = bench.issue(fatal.path, OPERATION_READ, 0, 512, base);
      const other = bench.issue(well.path, OPERATION_WRITE, 0, 4096, base + 4096);
      fatal.path.kick();
      well.path.kick();
      await bench.sink.until(3);
      assert.equal(
        [died, behind, other].map((id) => bench.sink.only(id).status),
        [STATUS_TRANSPORT, STATUS_TRANSPORT, STATUS_OK],
      );
      assert.equal([Atomics.load(fatal.gate, GATE_PERFORMED), Atomics.load(well.gate, GATE_PERFORMED)], [1, 1]);
    },
    { sharedThreads: 1 },
  ));

test('a path that hangs every thread is barred until one is back', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    const address = bench.arena.allocate(4096);
    for (let i = 1; i <= 4; i++) {
      bench.issue(path, OPERATION_READ, TRAP * 512, 4096, address);
      path.kick();
      await performed(gate, i);
      bench.pass(30_000);
    }
    assert.is(bench.sink.count, 4);
    const barred = bench.issue(path, OPERATION_READ, 0, 4096, address);
    assert.is(bench.sink.only(barred).status, STATUS_TIMEOUT);
    assert.is(Atomics.load(gate, GATE_PERFORMED), 4);
    open(gate);
    await until(() => bench.pool.stuckThreads === 0);
    bench.issue(path, OPERATION_READ, 0, 4096, address);
    path.kick();
    await bench.sink.until(6);
    assert.is(bench.sink.only(6).status, STATUS_OK);
  }));

test('a thread that dies is fenced: what was in flight there ends with a transport error, the next I/O has a fresh thread', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    const base = bench.arena.allocate(4096 * 8);
    bench.issue(path, OPERATION_READ, 0, 4096, base);
    path.kick();
    await bench.sink.until(1);
    setTrap(gate, ACTION_EXIT);
    const before = bench.issue(path, OPERATION_READ, 0, 4096, base);
    const fatal = bench.issue(path, OPERATION_WRITE, TRAP * 512, 4096, base + 4096);
    const after = bench.issue(path, OPERATION_READ, 8192, 4096, base + 8192);
    path.kick();
    await bench.sink.until(4);
    assert.is(bench.sink.only(before).status, STATUS_OK, 'what was done before counts');
    assert.equal(bench.sink.only(fatal), { status: STATUS_TRANSPORT, goodSectors: 0 });
    assert.equal(bench.sink.only(after), { status: STATUS_TRANSPORT, goodSectors: 0 });
    assert.is(bench.arena.quarantinedBytes, 0);
    assert.is(bench.reports.length, 1);
    Atomics.store(gate, GATE_ACTION, ACTION_NONE);
    const next = bench.issue(path, OPERATION_READ, TRAP * 512, 4096, base);
    path.kick();
    await bench.sink.until(5);
    assert.is(bench.sink.only(next).status, STATUS_OK);
  }));

test('a held write whose thread dies ends with a transport error', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    const id = bench.issue(path, OPERATION_WRITE, TRAP * 512, 4096, bench.arena.allocate(4096));
    path.kick();
    await performed(gate, 1);
    bench.pass(30_000);
    assert.is(bench.sink.count, 0);
    // Its thread waits where it can be ended: once it is gone, so is the doubt.
    await bench.pool.close(1000);
    assert.is(bench.sink.only(id).status, STATUS_TRANSPORT);
  }));

test('closing a path answers what its thread will not, and keeps its descriptors until the thread is back', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_WAIT);
    const address = bench.arena.allocate(8192);
    const read = bench.issue(path, OPERATION_READ, TRAP * 512, 4096, address);
    const write = bench.issue(path, OPERATION_WRITE, 0, 4096, address + 4096);
    path.kick();
    await performed(gate, 1);
    await path.close(5);
    assert.is(bench.sink.only(read).status, STATUS_TIMEOUT);
    assert.is(bench.sink.only(write).status, STATUS_TIMEOUT);
    assert.is(bench.releases, 0);
    open(gate);
    await until(() => bench.releases === 1);
  }));

test.run();
