// Which thread makes the call, when the path may choose.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ } from '../../assembly/abi.ts';
import { AutoPath } from '../../bindings/path/auto-path.ts';
import { InlinePath } from '../../bindings/path/inline-path.ts';
import { WorkerPath } from '../../bindings/path/worker-path.ts';
import { PathBench } from '../support/sink.ts';

const test = suite('path: auto');

/** An inline call takes `callMs` of a clock that nothing else moves. */
class SlowBench extends PathBench {
  callMs = 0.002;
  ms = 0;
  inlineCalls = 0;
  readonly path: AutoPath;

  constructor() {
    super();
    const inner = this.open('mem:a?size=1M', 'inline') as InlinePath;
    const backend = {
      goodBytes: 0,
      perform: (): number => {
        this.ms += this.callMs;
        this.inlineCalls++;
        return 0;
      },
    };
    const arenaMemory = (): { buffer: ArrayBufferLike } => this.arena.memory;
    const memory = new Uint8Array(new SharedArrayBuffer(2 ** 20));
    const inline = new InlinePath(inner, backend, this.sink, arenaMemory, false, () => {});
    const worker = new WorkerPath(
      inner,
      { kind: 'memory', memory, isReadOnly: false, abilities: 0 },
      this.sink,
      this.pool,
      () => {},
    );
    this.path = this.own(new AutoPath(inline, worker, () => this.ms));
  }

  async read(count: number): Promise<void> {
    const address = this.arena.allocate(4096);
    for (let i = 0; i < count; i++) {
      const before = this.sink.count;
      this.issue(this.path, OPERATION_READ, 0, 4096, address);
      this.path.kick();
      await this.sink.until(before + 1);
    }
    this.arena.free(address, 4096);
  }
}

async function withBench(body: (bench: SlowBench) => Promise<void>): Promise<void> {
  const bench = new SlowBench();
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

test('quick calls stay inline', () =>
  withBench(async (bench) => {
    await bench.read(500);
    assert.is(bench.inlineCalls, 500);
    assert.is(bench.path.loop, 'inline');
  }));

test('a single slow call is forgiven, slow calls in a row are not', () =>
  withBench(async (bench) => {
    await bench.read(40);
    bench.callMs = 3;
    await bench.read(1);
    bench.callMs = 0.002;
    await bench.read(40);
    assert.is(bench.path.loop, 'inline');
    bench.callMs = 0.4;
    await bench.read(30);
    assert.is(bench.path.loop, 'worker');
    assert.ok(bench.inlineCalls < 111);
  }));

test('one long stall is forgiven, as this thread may have lost its processor; a second in a row is not', () =>
  withBench(async (bench) => {
    await bench.read(20);
    for (let i = 0; i < 5; i++) {
      bench.callMs = 100;
      await bench.read(1);
      bench.callMs = 0.002;
      await bench.read(20);
    }
    assert.is(bench.path.loop, 'inline');
    bench.callMs = 100;
    await bench.read(3);
    assert.is(bench.inlineCalls, 20 + 5 * 21 + 2);
    assert.is(bench.path.loop, 'worker');
  }));

test('what is left of a batch whose calls turn out slow goes to the worker', () =>
  withBench(async (bench) => {
    bench.callMs = 100;
    const address = bench.arena.allocate(4096);
    for (let i = 0; i < 50; i++) bench.issue(bench.path, OPERATION_READ, 0, 4096, address);
    assert.is(bench.path.inFlight, 50);
    bench.path.kick();
    assert.is(bench.inlineCalls, 2);
    assert.is(bench.sink.count, 2);
    assert.is(bench.path.inFlight, 48);
    await bench.sink.until(50);
    assert.is(bench.path.inFlight, 0);
    for (let id = 1; id <= 50; id++) assert.is(bench.sink.only(id).status, 0);
  }));

test('closing answers what was issued and never kicked', () =>
  withBench(async (bench) => {
    bench.issue(bench.path, OPERATION_READ, 0, 4096, bench.arena.allocate(4096));
    await bench.path.close();
    assert.is(bench.sink.only(1).status, 0);
  }));

test('small batches, and large ones for a short while, start no thread', () =>
  withBench(async (bench) => {
    const address = bench.arena.allocate(4096);
    const batch = (count: number): void => {
      for (let i = 0; i < count; i++) bench.issue(bench.path, OPERATION_READ, 0, 4096, address);
      bench.path.kick();
    };
    for (let i = 0; i < 2000; i++) batch(1);
    for (let i = 0; i < 2000; i++) batch(15);
    for (let i = 0; i < 70; i++) batch(100); // 14 ms of this clock
    bench.ms += 1000;
    for (let i = 0; i < 70; i++) batch(100);
    assert.is(bench.sink.count, 46_000);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.is(bench.pool.threads, 0);
    assert.is(bench.pool.inFlight, 0);
  }));

test('it comes back when the worker has found the path quick, later after each relapse', () =>
  withBench(async (bench) => {
    bench.callMs = 100;
    await bench.read(2);
    bench.callMs = 0.002;
    // The worker's own calls are measured by the worker, and are quick; our clock has not moved.
    await bench.read(200);
    assert.is(bench.path.loop, 'worker');
    bench.ms += 1000;
    await bench.read(2);
    assert.is(bench.path.loop, 'inline');
    bench.callMs = 100;
    await bench.read(2);
    bench.callMs = 0.002;
    await bench.read(200);
    bench.ms += 1500;
    await bench.read(1);
    assert.is(bench.path.loop, 'worker');
    bench.ms += 500;
    await bench.read(2);
    assert.is(bench.path.loop, 'inline');
  }));

test('a flush goes to the worker even while reads are inline', () =>
  withBench(async (bench) => {
    await bench.read(1);
    bench.issue(bench.path, OPERATION_FLUSH, 0, 0, 0);
    assert.is(bench.sink.count, 1, 'not answered inside issue');
    assert.is(bench.path.inFlight, 1);
    bench.path.kick();
    await bench.sink.until(2);
    assert.is(bench.inlineCalls, 1);
  }));

test('under fault wrappers a file is on its worker, memory stays inline', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 4096);
    assert.is(bench.open(name, 'auto').loop, 'inline');
    assert.is(bench.open(`${name}?error=io`, 'auto').loop, 'worker');
    assert.is(bench.open('mem:b?size=4K&error=io', 'auto').loop, 'inline');
    assert.is(bench.open(`${name}?mode=worker`, 'auto').loop, 'worker');
    assert.is(bench.open(`${name}?mode=inline`, 'worker').loop, 'inline');
  }));

test.run();
