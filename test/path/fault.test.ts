// Paths that are slow or fail on purpose. Time is a number here.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import type { Path } from '../../bindings/path/path.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { PathBench, pattern } from '../support/sink.ts';

const test = suite('path: faults');

/** Milliseconds for the tests. */
class FakeClock extends VirtualTime {
  /** How late timers are noticed. */
  lateMs = 0;

  constructor() {
    super(100e6);
  }

  get ms(): number {
    return this.now() / 1e6;
  }

  override at(atNs: number, run: () => void): () => void {
    return super.at(atNs, () => {
      if (this.lateMs === 0) run();
      else super.at(this.now() + this.lateMs * 1e6, run);
    });
  }

  advance(toMs: number): void {
    this.advanceTo(toMs * 1e6);
  }
}

class FaultBench extends PathBench {
  readonly clock = new FakeClock();

  slow(word: string): Path {
    return this.open(word, 'inline', { time: this.clock });
  }

  read(path: Path, bytes = 1024): number {
    const id = this.issue(path, OPERATION_READ, 0, bytes, 0);
    path.kick();
    return id;
  }
}

async function withBench(body: (bench: FaultBench) => Promise<void> | void): Promise<void> {
  const bench = new FaultBench();
  bench.arena.allocate(65536);
  try {
    await body(bench);
  } finally {
    bench.clock.advance(bench.clock.ms + 1e6);
    await bench.close();
  }
}

test('an answer is held for the fixed time and the share of its size', () =>
  withBench((bench) => {
    const path = bench.slow('mem:a?size=1M&delay=2ms+1ms/KiB');
    bench.read(path, 4096);
    bench.clock.advance(105.9);
    assert.is(bench.sink.count, 0);
    assert.is(path.inFlight, 1);
    bench.clock.advance(106);
    assert.is(bench.sink.count, 1);
    assert.is(bench.sink.wakes, 1);
    assert.is(path.inFlight, 0);
    assert.is(path.loop, 'evented');
  }));

test('without a server calls overlap, and a short one overtakes a long one', () =>
  withBench((bench) => {
    const path = bench.slow('mem:a?size=1M&delay=1ms/KiB');
    const long = bench.read(path, 8192);
    const short = bench.read(path, 1024);
    bench.clock.advance(101);
    assert.ok(bench.sink.answers.has(short) && !bench.sink.answers.has(long));
    bench.clock.advance(108);
    assert.ok(bench.sink.answers.has(long));
  }));

test('paths of one server are served one call at a time, from the end of the call before', () =>
  withBench((bench) => {
    const a = bench.slow('mem:a?size=1M&delay=10ms&serial=array#a');
    const b = bench.slow('mem:a?size=1M&delay=10ms&serial=array#b');
    const other = bench.slow('mem:a?size=1M&delay=10ms&serial=other');
    bench.read(a);
    bench.read(b);
    bench.read(other);
    bench.clock.lateMs = 3;
    bench.clock.advance(113);
    assert.is(bench.sink.count, 2);
    // Issued after a timer that was late: the server is free since 120, not since then.
    bench.read(a);
    bench.clock.advance(123);
    assert.is(bench.sink.count, 3);
    bench.clock.lateMs = 0;
    bench.clock.advance(130);
    assert.is(bench.sink.count, 4);
    // An idle server begins now.
    bench.clock.advance(200);
    bench.read(b);
    bench.clock.advance(209);
    assert.is(bench.sink.count, 4);
    bench.clock.advance(210);
    assert.is(bench.sink.count, 5);
  }));

test('the I/O itself is done when it is issued', () =>
  withBench((bench) => {
    const slow = bench.slow('mem:a?size=1M&delay=10ms');
    const quick = bench.slow('mem:a?size=1M');
    bench.arena.bytes.set(pattern(512), 0);
    bench.issue(slow, OPERATION_WRITE, 0, 512, 0);
    slow.kick();
    bench.issue(quick, OPERATION_READ, 0, 512, 4096);
    assert.ok(bench.bytes(4096, 512).equals(pattern(512)));
  }));

test('rules decide by operation, place and count', () =>
  withBench(async (bench) => {
    const path = bench.slow('mem:a?size=1M&error=write:nospc@8+8,flush:transport,read:medium/3');
    const at = [0, 512];
    assert.is((await bench.run(path, OPERATION_WRITE, 7 * 512, 512, at)).status, STATUS_OK);
    assert.is((await bench.run(path, OPERATION_WRITE, 8 * 512, 512, at)).status, STATUS_NOSPC);
    assert.is((await bench.run(path, OPERATION_WRITE, 15 * 512, 512, at)).status, STATUS_NOSPC);
    assert.is((await bench.run(path, OPERATION_WRITE, 16 * 512, 512, at)).status, STATUS_OK);
    assert.is((await bench.run(path, OPERATION_FLUSH, 0, 0, at)).status, STATUS_TRANSPORT);
    const reads: number[] = [];
    for (let i = 0; i < 6; i++) reads.push((await bench.run(path, OPERATION_READ, 0, 512, at)).status);
    assert.equal(reads, [STATUS_OK, STATUS_OK, STATUS_MEDIUM, STATUS_OK, STATUS_OK, STATUS_MEDIUM]);
  }));

test('what lies before a bad spot is really done, and nothing behind', () =>
  withBench(async (bench) => {
    const path = bench.slow('mem:a?size=1M&error=io@4+2');
    const quick = bench.slow('mem:a?size=1M');
    bench.arena.bytes.set(pattern(8192), 0);
    assert.equal(await bench.run(path, OPERATION_WRITE, 1024, 8192, [0, 512, 512, 7680]), {
      status: STATUS_IOERR,
      goodSectors: 2,
    });
    await bench.run(quick, OPERATION_READ, 1024, 2048, [16384, 2048]);
    assert.ok(bench.bytes(16384, 1024).equals(pattern(8192).subarray(0, 1024)));
    assert.ok(bench.bytes(16384 + 1024, 1024).equals(Buffer.alloc(1024)));
    assert.equal(await bench.run(path, OPERATION_READ, 5 * 512, 512, [0, 512]), { status: STATUS_IOERR, goodSectors: 0 });
  }));

test('a switch fails all its paths and mends them', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 8192);
    const one = bench.open(`${name}?switch=left#a`);
    const two = bench.open(`${name}?switch=left&delay=100us#b`);
    const right = bench.open(`${name}?switch=right#c`);
    const status = async (path: Path): Promise<number> => (await bench.run(path, OPERATION_READ, 0, 512, [0, 512])).status;
    assert.equal([await status(one), await status(two), await status(right)], [STATUS_OK, STATUS_OK, STATUS_OK]);
    const left = bench.registries.faultSwitches.get('left');
    left.fail();
    assert.equal([await status(one), await status(two), await status(right)], [STATUS_TRANSPORT, STATUS_TRANSPORT, STATUS_OK]);
    left.fail('medium');
    assert.is(await status(one), STATUS_MEDIUM);
    left.mend();
    assert.equal([await status(one), await status(two)], [STATUS_OK, STATUS_OK]);
    for (const none of ['gone', 0, -1, 256, 1.5]) assert.throws(() => left.fail(none), /no status.*transport/);
  }));

test('a path that was slow lets go of what it holds when it is closed', () =>
  withBench(async (bench) => {
    const path = bench.slow('mem:a?size=1M&delay=100ms');
    bench.read(path);
    await path.close(1);
    assert.is(bench.sink.count, 1);
    assert.is(path.inFlight, 0);
  }));

test.run();
