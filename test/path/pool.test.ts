// Threads that are shared, slow, idle, or have much to do.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_READ, STATUS_IOERR, STATUS_OK, STATUS_TRANSPORT } from '../../assembly/abi.ts';
import { ACTION_THROW, ACTION_WAIT, GATE_MICROS, GATE_PERFORMED } from './gate-backend.ts';
import { open, performed, setTrap, TRAP, withGates } from './gate-bench.ts';

const test = suite('path: pool');

test('a backend that throws costs its own I/O only', () =>
  withGates(async (bench) => {
    const { path, gate } = bench.gatePath('a');
    setTrap(gate, ACTION_THROW);
    const base = bench.arena.allocate(8192);
    const bad = bench.issue(path, OPERATION_READ, TRAP * 512, 4096, base);
    const good = bench.issue(path, OPERATION_READ, 0, 4096, base + 4096);
    path.kick();
    await bench.sink.until(2);
    assert.equal(bench.sink.only(bad), { status: STATUS_IOERR, goodSectors: 0 });
    assert.is(bench.sink.only(good).status, STATUS_OK);
  }));

test('a slow path gets a thread of its own', () =>
  withGates(
    async (bench) => {
      const slow = bench.gatePath('slow');
      const quick = bench.gatePath('quick');
      slow.gate[GATE_MICROS] = 2000;
      const base = bench.arena.allocate(8192);
      for (let i = 1; i <= 12; i++) {
        bench.issue(slow.path, OPERATION_READ, 0, 4096, base);
        slow.path.kick();
        await bench.sink.until(i);
      }
      // It waits in its own thread now: the other path is not behind it.
      setTrap(slow.gate, ACTION_WAIT);
      bench.issue(slow.path, OPERATION_READ, TRAP * 512, 4096, base);
      slow.path.kick();
      await performed(slow.gate, 13);
      const id = bench.issue(quick.path, OPERATION_READ, 0, 4096, base + 4096);
      quick.path.kick();
      await bench.sink.until(13);
      assert.is(bench.sink.only(id).status, STATUS_OK);
      open(slow.gate);
      await bench.sink.until(14);
    },
    { sharedThreads: 1 },
  ));

test('no thread is started before there is work, and no more than there is work for', () =>
  withGates(
    async (bench) => {
      const path = bench.open('mem:a?size=1M&mode=worker');
      assert.is(bench.pool.threads, 0);
      const base = bench.arena.allocate(512);
      for (let i = 0; i < 200; i++) bench.issue(path, OPERATION_READ, 0, 512, base);
      path.kick();
      await bench.sink.until(200);
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.is(bench.pool.threads, 3);
    },
    { sharedThreads: 3 },
  ));

test('a path attached while its thread works is served by it', () =>
  withGates(
    async (bench) => {
      const first = bench.gatePath('first');
      const base = bench.arena.allocate(8192);
      bench.issue(first.path, OPERATION_READ, 0, 4096, base);
      first.path.kick();
      await bench.sink.until(1);
      const second = bench.gatePath('second');
      bench.issue(second.path, OPERATION_READ, 0, 4096, base + 4096);
      bench.issue(first.path, OPERATION_READ, 0, 4096, base);
      second.path.kick();
      await bench.sink.until(3);
      assert.is(Atomics.load(second.gate, GATE_PERFORMED), 1);
      assert.is(Atomics.load(first.gate, GATE_PERFORMED), 2);
    },
    { sharedThreads: 1 },
  ));

test('a ring with more I/O or segments than it holds keeps the rest waiting, in order', () =>
  withGates(
    async (bench) => {
      const path = bench.open('mem:a?size=1M&mode=worker');
      const base = bench.arena.allocate(512 * 64);
      const table = new Uint32Array(128);
      for (let i = 0; i < 64; i++) table.set([base + i * 512, 512], 2 * i);
      for (let i = 0; i < 3000; i++) path.issue(10_000 + i, i % 2, 0, 512 * 64, base, i % 3 === 0 ? 64 : 1, table, 0);
      path.kick();
      await bench.sink.until(3000);
      const order = [...bench.sink.answers.keys()];
      assert.ok(order.every((id, i) => id === 10_000 + i));
      assert.ok(
        [...bench.sink.answers.values()].every(
          (answers) => answers.length === 1 && answers[0].status === STATUS_OK && answers[0].goodSectors === 64,
        ),
      );
    },
    { sharedThreads: 1 },
  ));

test('a batch wakes the sink few times, not once an I/O', () =>
  withGates(async (bench) => {
    const path = bench.open('mem:a?size=1M&mode=worker');
    const base = bench.arena.allocate(4096);
    for (let i = 0; i < 100; i++) bench.issue(path, OPERATION_READ, 0, 512, base);
    path.kick();
    await bench.sink.until(100);
    // how often depends on which thread is quicker; what must not be is one wake-up for each answer
    assert.ok(bench.sink.wakes < 50, String(bench.sink.wakes));
  }));

test('without Atomics.waitAsync answers come by a message port', () =>
  withGates(
    async (bench) => {
      const path = bench.open('mem:a?size=1M&mode=worker');
      const base = bench.arena.allocate(4096);
      for (let round = 1; round <= 5; round++) {
        for (let i = 0; i < 20; i++) bench.issue(path, OPERATION_READ, 0, 4096, base);
        path.kick();
        await bench.sink.until(20 * round);
      }
    },
    { hasWaitAsync: false },
  ));

test('a task that ended by idling is run again when there is work', () =>
  withGates(
    async (bench) => {
      const path = bench.open('mem:a?size=1M&mode=worker');
      const base = bench.arena.allocate(4096);
      for (let round = 1; round <= 5; round++) {
        bench.issue(path, OPERATION_READ, 0, 4096, base);
        path.kick();
        await bench.sink.until(round);
        await new Promise((resolve) => setTimeout(resolve, 12));
      }
    },
    { idleMs: 4 },
  ));

test('I/O after the pool has been closed ends with a transport error', () =>
  withGates(async (bench) => {
    const path = bench.open('mem:a?size=1M&mode=worker');
    await bench.pool.close();
    const answer = await bench.run(path, OPERATION_READ, 0, 4096, [bench.arena.allocate(4096), 4096]);
    assert.is(answer.status, STATUS_TRANSPORT);
  }));

test.run();

test.run();
