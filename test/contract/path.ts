// What every path must do, whatever its backend, loop and wrappers. A new kind of path adds a line to its caller.

import type { uvu } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_OK } from '../../assembly/abi.ts';
import type { Path } from '../../bindings/path/path.ts';
import { PathBench, pattern } from '../support/sink.ts';

export interface PathContract {
  readonly name: string;
  /** A fresh path of exactly `sizeBytes`, full of zeros. */
  open(bench: PathBench, sizeBytes: number): Path;
  /** False for `null:`: what is written is gone. */
  readonly keepsData?: boolean;
}

const SIZE = 1024 * 1024;

type Suite = uvu.Test<Record<string, unknown>>;

export function pathContract(test: Suite, contract: PathContract): void {
  const { name, keepsData = true } = contract;

  const add = (sentence: string, body: (bench: PathBench, path: Path) => Promise<void>): void => {
    test(`${name}: ${sentence}`, async () => {
      const bench = new PathBench();
      try {
        await body(bench, contract.open(bench, SIZE));
      } finally {
        await bench.close();
      }
    });
  };

  add('tells its size, depth and limits', async (_bench, path) => {
    assert.is(path.sizeBytes, SIZE);
    assert.ok(path.depth >= 1 && path.depth <= 1024);
    assert.ok(path.limits.maxSectors >= 1 && path.limits.maxSegments >= 1 && path.limits.logicalBlockSectors >= 1);
    assert.is(path.inFlight, 0);
    assert.type(path.cacheKey, 'string');
  });

  add('gives back what was written to it', async (bench, path) => {
    const address = bench.arena.allocate(8192);
    const data = pattern(8192, 5);
    bench.arena.bytes.set(data, address);
    assert.equal(await bench.run(path, OPERATION_WRITE, 16384, 8192, [address, 8192]), { status: STATUS_OK, goodSectors: 16 });
    const other = bench.arena.allocate(8192);
    bench.arena.bytes.fill(0xee, other, other + 8192);
    assert.equal(await bench.run(path, OPERATION_READ, 16384, 8192, [other, 8192]), { status: STATUS_OK, goodSectors: 16 });
    assert.ok(bench.bytes(other, 8192).equals(keepsData ? data : Buffer.alloc(8192)));
  });

  add('moves scattered pieces, in their order', async (bench, path) => {
    const base = bench.arena.allocate(65536);
    const data = pattern(4096 + 512 + 1024, 9);
    bench.arena.bytes.set(data.subarray(0, 4096), base + 8192);
    bench.arena.bytes.set(data.subarray(4096, 4608), base + 512);
    bench.arena.bytes.set(data.subarray(4608), base + 32768);
    const pieces = [base + 8192, 4096, base + 512, 512, base + 32768, 1024];
    assert.equal(await bench.run(path, OPERATION_WRITE, 4096, 5632, pieces), { status: STATUS_OK, goodSectors: 11 });
    const whole = bench.arena.allocate(5632);
    await bench.run(path, OPERATION_READ, 4096, 5632, [whole, 5632]);
    if (keepsData) assert.ok(bench.bytes(whole, 5632).equals(data));
    // Back again into other pieces, two of them neighbours.
    bench.arena.bytes.fill(0xee, base, base + 65536);
    const into = [base, 512, base + 512, 1024, base + 40960, 4096];
    assert.equal(await bench.run(path, OPERATION_READ, 4096, 5632, into), { status: STATUS_OK, goodSectors: 11 });
    const read = Buffer.concat([bench.bytes(base, 1536), bench.bytes(base + 40960, 4096)]);
    assert.ok(read.equals(keepsData ? data : Buffer.alloc(5632)));
    assert.is(bench.arena.bytes[base + 1536], 0xee, 'nothing beside the pieces is touched');
  });

  add('leaves pieces beyond the length alone', async (bench, path) => {
    const base = bench.arena.allocate(8192);
    bench.arena.bytes.fill(0xee, base, base + 8192);
    await bench.run(path, OPERATION_READ, 0, 1024, [base, 512, base + 2048, 4096]);
    assert.is(bench.arena.bytes[base + 2048], 0);
    assert.is(bench.arena.bytes[base + 2048 + 512], 0xee);
  });

  add('answers each of a batch exactly once', async (bench, path) => {
    const base = bench.arena.allocate(4096 * 64);
    const ids = Array.from({ length: 64 }, (_, i) =>
      bench.issue(path, i % 3 === 0 ? OPERATION_WRITE : OPERATION_READ, i * 4096, 4096, base + i * 4096),
    );
    path.kick();
    await bench.sink.until(64);
    for (const id of ids) assert.equal(bench.sink.only(id), { status: STATUS_OK, goodSectors: 8 });
    assert.is(path.inFlight, 0);
  });

  add('flushes', async (bench, path) => {
    const id = bench.issue(path, OPERATION_FLUSH, 0, 0, 0);
    path.kick();
    await bench.sink.until(1);
    assert.equal(bench.sink.only(id), { status: STATUS_OK, goodSectors: 0 });
  });

  add('refuses what lies beyond its end, and nothing breaks', async (bench, path) => {
    const address = bench.arena.allocate(4096);
    const answer = await bench.run(path, OPERATION_READ, SIZE, 4096, [address, 4096]);
    assert.is.not(answer.status, STATUS_OK);
    assert.is(answer.goodSectors, 0);
    assert.is((await bench.run(path, OPERATION_READ, SIZE - 4096, 4096, [address, 4096])).status, STATUS_OK);
  });

  add('closes after what is in flight, and only once', async (bench, path) => {
    const address = bench.arena.allocate(4096);
    bench.issue(path, OPERATION_READ, 0, 4096, address);
    path.kick();
    const first = path.close();
    assert.is(path.close(), first);
    await first;
    assert.is(bench.sink.count, 1);
    assert.is(path.inFlight, 0);
  });
}
