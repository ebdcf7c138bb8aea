// Paths to a disk with a command queue: the ends of their calls are known late, and everything that happens to a path must
// find its calls where they are: on their way, at a full port, in the queue, on the platter.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_OK, STATUS_TRANSPORT } from '../../assembly/abi.ts';
import { DeviceMapper } from '../../bindings/index.ts';
import { DiskModel } from '../../bindings/path/model/disk.ts';
import type { ModelledDevice } from '../../bindings/path/model/modelled-device.ts';
import { NEARLINE_7200 } from '../../bindings/path/model/profiles-disk.ts';
import type { Path } from '../../bindings/path/path.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { PathBench } from '../support/sink.ts';

const test = suite('path: queued paths');
const MS = 1e6;

class QueuedBench extends PathBench {
  readonly time = new VirtualTime(1000);
  readonly paths: Path[] = [];
  readonly devices: ModelledDevice[] = [];
  /** Of each id, when it was answered. */
  readonly endsNs = new Map<number, number>();

  constructor(links: readonly string[], array?: { readonly controllers: number }, lateNs = 0) {
    super();
    const timer = this.time.timer.bind(this.time);
    this.time.timer = (run) => {
      const inner = timer(run);
      return { set: (atNs) => inner.set(atNs + lateNs), clear: () => inner.clear() };
    };
    this.registries.models.setModel('disk', {
      storage: NEARLINE_7200,
      array: array === undefined ? undefined : { ...array, cpuUs: 5, hopUs: 100, hopMBps: 2000 },
    });
    for (const [i, link] of links.entries()) {
      const controller = array === undefined ? 0 : i % array.controllers;
      const word = `sim:disk?size=3900G&model=disk&link=${link}&controller=${controller}&seed=${i + 1}#${i}`;
      this.paths.push(this.open(word, 'inline', { time: this.time }));
      this.devices.push(this.registries.models.device(word) as ModelledDevice);
    }
    const answer = this.sink.answer.bind(this.sink);
    this.sink.answer = (id, status, goodSectors) => {
      this.endsNs.set(id, this.time.now());
      answer(id, status, goodSectors);
    };
  }

  send(path: number, operation: number, sector: number, sectors = 8): number {
    const id = this.issue(this.paths[path] as Path, operation, sector * 512, sectors * 512, 0);
    (this.paths[path] as Path).kick();
    return id;
  }

  pass(forMs?: number): void {
    if (forMs !== undefined) this.time.advanceTo(this.time.now() + forMs * MS);
    else while (this.time.step());
  }
}

async function withBench(
  links: readonly string[],
  body: (bench: QueuedBench) => Promise<void> | void,
  array?: { readonly controllers: number },
): Promise<void> {
  const bench = new QueuedBench(links, array);
  try {
    await body(bench);
  } finally {
    bench.pass();
    await bench.close();
  }
}

test('several paths share the queue of one disk, and what is soonest goes first whoever sent it', () =>
  withBench(['direct', 'direct'], (bench) => {
    const first = bench.send(0, OPERATION_READ, 0);
    const [far, near] = [bench.send(0, OPERATION_READ, 7e9), bench.send(1, OPERATION_READ, 1e6)];
    bench.pass();
    assert.equal([...bench.sink.answers.keys()], [first, near, far]);
    assert.is(bench.paths[0]?.inFlight, 0);
  }));

test('one call at a time ends when it would without a queue, behind a link and an array too', async () => {
  for (const array of [undefined, { controllers: 2 }]) {
    for (const link of ['direct', 'fc-8g']) {
      const ends = async (commandQueue: number): Promise<number[]> => {
        const times: number[] = [];
        await withBench(
          [],
          (bench) => {
            bench.registries.models.setModel('plain', {
              storage: { ...NEARLINE_7200, commandQueue },
              array: array === undefined ? undefined : { ...array, cpuUs: 5, hopUs: 100, hopMBps: 2000 },
            });
            const controller = (array?.controllers ?? 1) - 1;
            const word = `sim:plain?size=3900G&model=plain&link=${link}&controller=${controller}&seed=3`;
            bench.paths.push(bench.open(word, 'inline', { time: bench.time }));
            for (let i = 0; i < 100; i++) {
              const id = bench.send(0, i % 3 === 0 ? OPERATION_WRITE : OPERATION_READ, (i * 77_777_777) % 7.5e9);
              // the write before it is put down by then, which one command of a queue would wait for as well
              bench.time.advanceTo(bench.time.now() + 100 * MS);
              times.push(bench.endsNs.get(id) as number);
            }
          },
          array,
        );
        return times;
      };
      assert.equal(await ends(32), await ends(1));
    }
  }
});

test('a link carries the answers of a queue at its rate', () =>
  withBench(['fc-8g'], (bench) => {
    bench.send(0, OPERATION_READ, 0);
    bench.pass(300);
    const nowNs = bench.time.now();
    // all of it is in the buffer by now: four hits of 128 KiB, and 800 MB a second
    const ids = [0, 1, 2, 3].map((i) => bench.send(0, OPERATION_READ, 256 * i, 256));
    bench.pass();
    const lastNs = Math.max(...ids.map((id) => bench.endsNs.get(id) as number));
    assert.ok(lastNs - nowNs > 4 * (131_072 / 0.8), `${lastNs - nowNs}`);
  }));

// ---- hanging --------------------------------------------------------------------------------------------------------

test('calls in the queue of a lost path are given up in time, and the disk goes on with those of the other', () =>
  withBench(['direct', 'direct'], (bench) => {
    const lost = Array.from({ length: 20 }, (_, i) => bench.send(0, OPERATION_READ, 3e8 * i));
    const others = Array.from({ length: 20 }, (_, i) => bench.send(1, OPERATION_READ, 3e8 * i + 1e8));
    bench.devices[0]?.down(20);
    bench.pass(21);
    // what the arm had left for ends when it would; all others together, when the host gives up
    const gone = lost.filter((id) => bench.sink.answers.has(id));
    assert.ok(gone.length >= 19, `${gone.length}`);
    bench.pass();
    assert.ok(lost.every((id) => bench.sink.only(id).status === STATUS_TRANSPORT));
    assert.ok(others.every((id) => bench.sink.only(id).status === STATUS_OK));
    const lastNs = Math.max(...others.map((id) => bench.endsNs.get(id) as number));
    const alone = 20 * 12.5 * MS;
    assert.ok(lastNs < alone, `${lastNs}: the disk still served what nobody waits for`);
  }));

test('what a path has given up is taken out of the queue, and what comes later in its place is not taken for it', () =>
  withBench(['direct'], (bench) => {
    const first = bench.send(0, OPERATION_READ, 0);
    for (let i = 1; i < 20; i++) bench.send(0, OPERATION_READ, 3e8 * i);
    bench.devices[0]?.down(0);
    bench.pass(0);
    assert.equal([bench.sink.count, bench.sink.answers.has(first)], [19, false]);
    bench.devices[0]?.up();
    const later = [bench.send(0, OPERATION_READ, 1e9), bench.send(0, OPERATION_READ, 2e9)];
    bench.pass();
    const alone = new DiskModel(NEARLINE_7200);
    const ends = [0, 1e9, 2e9].map((sector) => Math.round(alone.book(1000, OPERATION_READ, 4096, sector * 512)));
    assert.equal(
      [first, ...later].map((id) => bench.endsNs.get(id)),
      ends,
    );
  }));

test('a path that is up again in time has lost nothing: calls end when the disk has them, those of meanwhile begin now', () =>
  withBench(['direct'], (bench) => {
    const before = Array.from({ length: 30 }, (_, i) => bench.send(0, OPERATION_READ, 2.5e8 * i));
    bench.devices[0]?.down(1000);
    const meanwhile = bench.send(0, OPERATION_READ, 1e9);
    bench.pass(50);
    assert.is(bench.sink.count, 0);
    bench.devices[0]?.up();
    bench.pass(0);
    const back = bench.sink.count;
    assert.ok(back > 2 && back < 20, `${back}`);
    bench.devices[0]?.down(1000);
    bench.pass(20);
    assert.is(bench.sink.count, back);
    bench.devices[0]?.up();
    bench.pass();
    assert.ok([...before, meanwhile].every((id) => bench.sink.only(id).status === STATUS_OK));
    const last = Math.max(...[...bench.endsNs.values()]);
    assert.ok(last < 31 * 12.5 * MS, `${last}`);
  }));

test('a slow path answers so many times as late, from the issue on', () =>
  withBench(['direct'], (bench) => {
    const disk = new DiskModel(NEARLINE_7200);
    bench.devices[0]?.slow(3);
    const first = bench.send(0, OPERATION_READ, 1e9);
    const second = bench.send(0, OPERATION_READ, 2e9);
    bench.pass();
    const ends = [1e9, 2e9].map((sector) => disk.book(1000, OPERATION_READ, 4096, sector * 512));
    for (const [i, id] of [first, second].entries()) {
      assert.is(bench.endsNs.get(id), Math.round(1000 + (Math.round(ends[i] as number) - 1000) * 3));
    }
  }));

// ---- a full port ----------------------------------------------------------------------------------------------------

test('a port of one call makes the queue one command long, and its calls go in the order of issue', () =>
  withBench(['direct'], (bench) => {
    bench.devices[0]?.link.setDepth(1);
    const ids = [5e9, 1e6, 7e9, 2e6].map((sector) => bench.send(0, OPERATION_READ, sector));
    bench.pass();
    assert.equal([...bench.sink.answers.keys()], ids);
    assert.is(bench.devices[0]?.link.busy, 3);
    bench.devices[0]?.link.setDepth();
    const again = [6.9e9, 1.5e6, 6.8e9, 2.5e6].map((sector) => bench.send(0, OPERATION_READ, sector));
    bench.pass();
    assert.equal([...bench.sink.answers.keys()].slice(4, 6), [again[0], again[2]]);
  }));

test('calls that wait for a place of the port are given up with the others, and go when the path is up', () =>
  withBench(['direct'], (bench) => {
    bench.devices[0]?.link.setDepth(2);
    const lost = Array.from({ length: 8 }, (_, i) => bench.send(0, OPERATION_READ, 8e8 * i));
    bench.devices[0]?.down(5);
    bench.pass(100);
    assert.ok(lost.every((id) => bench.sink.only(id).status === STATUS_TRANSPORT));
    bench.devices[0]?.up();
    const kept = Array.from({ length: 8 }, (_, i) => bench.send(0, OPERATION_READ, 8e8 * i));
    bench.devices[0]?.down(1000);
    bench.pass(200);
    bench.devices[0]?.up();
    bench.pass();
    assert.ok(kept.every((id) => bench.sink.only(id).status === STATUS_OK));
  }));

// ---- closing --------------------------------------------------------------------------------------------------------

test('a path that is closed while its calls are queued answers each once, and leaves the disk to the others', () =>
  withBench(['direct', 'direct'], async (bench) => {
    const own = Array.from({ length: 26 }, (_, i) => bench.send(0, OPERATION_READ, 2.7e8 * i));
    const others = Array.from({ length: 4 }, (_, i) => bench.send(1, OPERATION_READ, 1.7e9 * i + 3e8));
    await bench.paths[0]?.close(1);
    assert.ok(own.every((id) => bench.sink.only(id).status === STATUS_OK));
    assert.is(bench.sink.count, 26);
    bench.pass();
    assert.ok(others.every((id) => bench.sink.only(id).status === STATUS_OK));
    // four of them, and what the arm had left for
    const lastNs = Math.max(...others.map((id) => bench.endsNs.get(id) as number));
    assert.ok(lastNs < 80 * MS, `${lastNs}`);
  }));

test('the last path that closes leaves nothing on the clock', () =>
  withBench(['direct'], async (bench) => {
    for (let i = 0; i < 10; i++) bench.send(0, OPERATION_READ, 7e8 * i);
    await bench.paths[0]?.close(1);
    assert.is(bench.time.pending, 0);
    assert.is(bench.sink.count, 10);
  }));

// ---- anything -------------------------------------------------------------------------------------------------------

const LINKS = ['direct', 'direct', 'fc-8g'];
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('send' as const), path: fc.nat(2), kind: fc.nat(9), place: fc.nat(1e6) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('run' as const), us: fc.oneof(fc.nat(200), fc.nat(30_000)) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('down', 'up', 'slow', 'errors', 'depth', 'owner'),
      path: fc.nat(2),
      value: fc.integer({ min: 1, max: 6 }),
    }),
  },
);

function change(bench: QueuedBench, what: string, path: number, value: number): void {
  const device = bench.devices[path] as ModelledDevice;
  if (what === 'down') device.down(value * 7 - 7);
  else if (what === 'up') device.up();
  else if (what === 'slow') device.slow(value / 2);
  else if (what === 'errors') device.fail(7, (value - 1) / 8);
  else if (what === 'depth') device.link.setDepth(value === 6 ? undefined : value);
  else if (device.shared.array !== undefined) device.shared.array.owner = value % 2;
}

// a clock that comes late, as a real one does, finds several things due at once
test('whatever happens to its paths, every call ends exactly once, and at the same time in the same history', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 120 }),
      fc.boolean(),
      fc.constantFrom(0, 5e6),
      async (steps, hasArray, lateNs) => {
        const histories: string[] = [];
        for (const _again of [1, 2]) {
          const bench = new QueuedBench(LINKS, hasArray ? { controllers: 2 } : undefined, lateNs);
          const ids: number[] = [];
          for (const one of steps) {
            if (one.do === 'send') {
              const operation = one.kind === 0 ? OPERATION_FLUSH : one.kind < 4 ? OPERATION_WRITE : OPERATION_READ;
              ids.push(
                bench.send(one.path, operation, one.place * 7000, operation === OPERATION_FLUSH ? 0 : 8 * (1 + one.kind)),
              );
            } else if (one.do === 'run') bench.pass(one.us / 1000);
            else change(bench, one.do, one.path, one.value);
          }
          bench.pass();
          for (const id of ids) bench.sink.only(id);
          assert.is(bench.sink.count, ids.length);
          assert.ok(bench.paths.every(({ inFlight }) => inFlight === 0));
          assert.is(
            bench.devices.reduce((sum, { link }) => sum + link.open, 0),
            0,
          );
          assert.is(bench.time.pending, 0);
          histories.push(JSON.stringify([[...bench.sink.answers], [...bench.endsNs]]));
          await bench.close();
        }
        assert.is(histories[0], histories[1]);
      },
    ),
    { numRuns: 150 },
  );
});

test('in real time the same path answers too', async () => {
  const mapper = new DeviceMapper();
  try {
    const device = await mapper.openDevice(
      ['a', 'b'].map((label) => `sim:disk?size=3900G&model=nearline-7200&link=fc-8g#${label}`),
      { selector: 'round-robin' },
    );
    const reads = await Promise.all(Array.from({ length: 12 }, (_, i) => device.read(i * 3e11, 4096)));
    assert.ok(reads.every(({ length }) => length === 4096));
    await device.write(Buffer.alloc(4096), 0);
    await device.flush();
  } finally {
    await mapper.close();
  }
});

test.run();
