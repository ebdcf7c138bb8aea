// A device that takes its time by a virtual clock.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_MEDIUM, STATUS_OK } from '../../assembly/abi.ts';
import { DeviceMapper } from '../../bindings/index.ts';
import { MemoryBackend } from '../../bindings/path/backend/memory.ts';
import type { KnownPath } from '../../bindings/path/known-path.ts';
import type { Path } from '../../bindings/path/path.ts';
import { type ServiceNs, type SimulatedDevice, SimulatedPath, servedBy } from '../../bindings/path/simulated-path.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { PathBench, pattern } from '../support/sink.ts';

const test = suite('path: simulated');

class SimulatedBench extends PathBench {
  readonly time = new VirtualTime(1000);

  word(word: string): Path {
    return this.open(word, 'inline', { time: this.time });
  }

  device(device: Omit<SimulatedDevice, 'book'> & { servers?: number; serviceNs: ServiceNs }): SimulatedPath {
    const { servers = 1, serviceNs, ...others } = device;
    const facts = this.word('null:1M') as Path & KnownPath;
    return this.own(new SimulatedPath(facts, this.sink, this.time, { book: servedBy(servers, serviceNs), ...others }));
  }

  read(path: Path, sectors = 1, position = 0): number {
    const id = this.issue(path, OPERATION_READ, position, sectors * 512, 0);
    path.kick();
    return id;
  }

  /** Ids in the order of their answers. */
  get order(): number[] {
    return [...this.sink.answers.keys()];
  }
}

async function withBench(body: (bench: SimulatedBench) => Promise<void> | void): Promise<void> {
  const bench = new SimulatedBench();
  bench.arena.allocate(65536);
  try {
    await body(bench);
  } finally {
    bench.time.advanceTo(bench.time.now() + 1e12);
    await bench.close();
  }
}

test('one server works on one call at a time, in the order of issue, from the end of the call before', () =>
  withBench((bench) => {
    const path = bench.device({ serviceNs: (_operation, sectors) => sectors * 100 });
    const ids = [bench.read(path, 5), bench.read(path, 1), bench.read(path, 2)];
    bench.time.advanceTo(1499);
    assert.equal([bench.sink.count, path.inFlight], [0, 3]);
    bench.time.advanceTo(1500);
    assert.equal([bench.order, bench.sink.wakes], [[ids[0]], 1]);
    bench.time.advanceTo(1600);
    assert.equal(bench.order, ids.slice(0, 2));
    bench.time.advanceTo(1800);
    assert.equal([bench.order, path.inFlight], [ids, 0]);
    // An idle device begins now.
    bench.time.advanceTo(5000);
    bench.read(path, 1);
    bench.time.advanceTo(5100);
    assert.is(bench.sink.count, 4);
  }));

test('a timer that is late does not delay the calls behind', () =>
  withBench((bench) => {
    const timer = bench.time.timer.bind(bench.time);
    bench.time.timer = (run) => {
      const inner = timer(run);
      return { set: (atNs) => inner.set(atNs + 70), clear: () => inner.clear() };
    };
    const path = bench.device({ serviceNs: () => 100 });
    for (let i = 0; i < 3; i++) bench.read(path);
    bench.time.advanceTo(1370);
    assert.is(bench.sink.count, 3);
  }));

test('several servers overlap calls, a short one overtakes, and equals end in the order of issue', () =>
  withBench((bench) => {
    const path = bench.device({ servers: 2, serviceNs: (_operation, sectors) => sectors * 100 });
    const [long, short, third, fourth] = [4, 1, 3, 1].map((sectors) => bench.read(path, sectors));
    bench.time.advanceTo(1400);
    // At 1400 `long` and `third` end, issued in that order; `fourth` begins then.
    assert.equal(bench.order, [short, long, third]);
    bench.time.advanceTo(1500);
    assert.equal(bench.order, [short, long, third, fourth]);
  }));

test('its functions see operation, sectors and place, without flags, and decide about time and status', () =>
  withBench((bench) => {
    const seen: unknown[] = [];
    const path = bench.device({
      serviceNs(...call) {
        seen.push(call);
        return 1;
      },
      status: (operation, _sectors, position) =>
        operation === OPERATION_WRITE && position === 4096 ? STATUS_MEDIUM : STATUS_OK,
    });
    const bad = bench.issue(path, OPERATION_WRITE | (4 << 8), 4096, 1024, 0);
    const good = bench.issue(path, OPERATION_FLUSH, 0, 0, 0);
    path.kick();
    bench.time.advanceTo(1002);
    assert.equal(bench.sink.only(bad), { status: STATUS_MEDIUM, goodSectors: 0 });
    assert.equal(bench.sink.only(good), { status: STATUS_OK, goodSectors: 0 });
    assert.equal(seen, [
      [OPERATION_WRITE, 2, 4096],
      [OPERATION_FLUSH, 0, 0],
    ]);
  }));

test('bytes move when a call ends: a read sees the writes that ended before it', () =>
  withBench((bench) => {
    const memory = new Uint8Array(65536);
    const backend = new MemoryBackend({ kind: 'memory', memory, isReadOnly: false, abilities: 0 });
    const path = bench.device({
      servers: 2,
      serviceNs: (operation) => (operation === OPERATION_WRITE ? 100 : 200),
      medium: { backend, arenaMemory: () => bench.arena.memory },
    });
    bench.arena.bytes.fill(7, 512, 1024);
    bench.read(path);
    bench.issue(path, OPERATION_WRITE, 0, 512, 512);
    path.kick();
    bench.time.advanceTo(1099);
    assert.is(memory[0], 0);
    bench.time.advanceTo(1100);
    assert.equal([memory[0], bench.arena.bytes[0]], [7, 0]);
    bench.time.advanceTo(1200);
    assert.is(bench.arena.bytes[0], 7);
  }));

test('a path that hangs holds its calls, and lets them go as they were booked', () =>
  withBench((bench) => {
    const path = bench.device({ servers: 3, serviceNs: (_operation, sectors) => sectors * 100 });
    const ids = [5, 1, 2].map((sectors) => bench.read(path, sectors));
    path.holdUntil(9000);
    bench.time.advanceTo(1250);
    assert.is(bench.sink.count, 0);
    path.letGo();
    bench.time.advanceTo(1250);
    assert.equal(bench.order, [ids[1], ids[2]]);
    bench.time.advanceTo(1500);
    assert.equal(bench.order, [ids[1], ids[2], ids[0]]);
    path.holdUntil(9000);
    bench.read(path, 1);
    path.holdUntil(9000);
    bench.time.advanceTo(9000);
    assert.is(bench.sink.count, 4);
  }));

test('a call that was issued while the path hung keeps the end that it got after that, though the path hangs once more', () =>
  withBench((bench) => {
    const path = bench.device({ servers: 2, serviceNs: () => 500 });
    path.holdUntil(9000);
    bench.read(path);
    bench.time.advanceTo(1100);
    path.letGo();
    bench.time.advanceTo(1200);
    path.holdUntil(9000);
    bench.time.advanceTo(1300);
    path.letGo();
    bench.time.advanceTo(1599);
    assert.is(bench.sink.count, 0);
    bench.time.advanceTo(1600);
    assert.is(bench.sink.count, 1);
  }));

test('records are used again: no more are made than calls were there at a time', () =>
  withBench((bench) => {
    const path = bench.device({ serviceNs: () => 10 });
    const table = new Uint32Array([0, 512, 512, 512]);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 8; i++) path.issue(round * 8 + i, OPERATION_READ, 0, 1024, 0, i % 2 === 0 ? 2 : 1, table, 0);
      path.kick();
      bench.time.advanceTo(bench.time.now() + 1000);
    }
    assert.is(bench.sink.count, 160);
    assert.is(path.inFlight, 0);
    assert.is(path.records, 8);
  }));

test('a word gives service, servers, chance and memory, and the same seed the same times', () =>
  withBench((bench) => {
    const ends = (word: string): number[] => {
      const path = bench.word(word);
      const from = bench.time.now();
      const times: number[] = [];
      for (let i = 0; i < 5; i++) {
        const id = bench.read(path, 8);
        while (!bench.sink.answers.has(id)) bench.time.step();
        times.push(bench.time.now() - from);
      }
      return times;
    };
    assert.equal(ends('sim:a?size=1M&service=200us+2us/KiB'), [208e3, 416e3, 624e3, 832e3, 1040e3]);
    const chance = ends('sim:a?service=200us&seed=3#1');
    assert.equal(ends('sim:a?service=200us&seed=3#2'), chance);
    assert.not.equal(ends('sim:a?service=200us&seed=4#3'), chance);
    assert.ok(chance.every((at, i) => at >= (i + 1) * 100e3 && at <= (i + 1) * 300e3));
    assert.equal(ends('sim:none?size=1T&data=0'), [0, 0, 0, 0, 0]);
  }));

/** Ten writes in a turn, then a read of all, on a device of two simulated paths. */
async function history(): Promise<{ trace: string; ns: number }> {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  const device = await mapper.openDevice(['sim:disk?size=1M&service=1ms&seed=5#a', 'sim:disk?size=1M&service=1ms&seed=6#b']);
  const ends: string[] = [];
  const writes = Array.from({ length: 10 }, (_, i) =>
    device.write(pattern(512, i), i * 8192).then(() => ends.push(`${i}@${time.now()}`)),
  );
  await time.until(() => ends.length === 10);
  await Promise.all(writes);
  let bytes: Buffer | undefined;
  void device.read(9 * 8192, 512).then((read) => {
    bytes = read;
  });
  await time.until(() => bytes !== undefined);
  assert.ok(bytes?.equals(pattern(512, 9)));
  const ns = time.now();
  await mapper.close();
  return { trace: ends.join(' '), ns };
}

test('a mapper on virtual time has the same history each time, with real data', async () => {
  const first = await history();
  assert.ok(first.ns > 1e6);
  assert.equal(await history(), first);
});

test.run();
