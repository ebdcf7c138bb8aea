// What every path must do, whatever its backend, loop and wrappers. A new kind of path adds a line to its caller.

import type { uvu } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_CLEAR,
  FLAG_FUA,
  FLAG_META,
  FLAG_NOUNMAP,
  FLAG_PRIORITY_SHIFT,
  FLAG_SYNC,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  PRIORITY_IDLE,
  STATUS_NOTSUPP,
  STATUS_OK,
} from '../../assembly/abi.ts';
import type { Path } from '../../bindings/path/path.ts';
import { PathBench, pattern } from '../support/sink.ts';

export interface PathContract {
  readonly name: string;
  /** A fresh path of exactly `sizeBytes`, full of zeros. What it takes besides reads and writes, its limits say. */
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

  addOperations(add, keepsData);

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

type Add = (sentence: string, body: (bench: PathBench, path: Path) => Promise<void>) => void;

const AREA_SECTORS = 64;

/** Sectors 0 … 63 full of a pattern; returns what they hold. */
async function filled(bench: PathBench, path: Path): Promise<Buffer> {
  const bytes = AREA_SECTORS * 512;
  const address = bench.arena.allocate(bytes);
  const data = pattern(bytes, 3);
  bench.arena.bytes.set(data, address);
  assert.is((await bench.run(path, OPERATION_WRITE, 0, bytes, [address, bytes])).status, STATUS_OK);
  return data;
}

async function holds(bench: PathBench, path: Path, expected: Buffer): Promise<void> {
  const address = bench.arena.allocate(expected.length);
  assert.is((await bench.run(path, OPERATION_READ, 0, expected.length, [address, expected.length])).status, STATUS_OK);
  assert.ok(bench.bytes(address, expected.length).equals(expected));
}

/** DISCARD, WRITE_ZEROES and flags. A limit of 0 means that it ends with NOTSUPP, and nothing is done. */
function addOperations(add: Add, keepsData: boolean): void {
  const takesDiscard = (path: Path): boolean => (path.limits.maxDiscardSectors ?? 0) > 0;
  const takesZeroes = (path: Path): boolean => (path.limits.maxWriteZeroesSectors ?? 0) > 0;
  const answer = (isTaken: boolean, sectors: number): { status: number; goodSectors: number } =>
    isTaken ? { status: STATUS_OK, goodSectors: sectors } : { status: STATUS_NOTSUPP, goodSectors: 0 };

  add('discards a range and nothing beside it', async (bench, path) => {
    const expected = await filled(bench, path);
    assert.equal(await bench.discard(path, [[5, 9]]), answer(takesDiscard(path), 9));
    if (takesDiscard(path)) expected.fill(0, 5 * 512, 14 * 512);
    await holds(bench, path, keepsData ? expected : expected.fill(0));
  });

  add('discards several ranges, of which the table is valid during the call only', async (bench, path) => {
    const expected = await filled(bench, path);
    const ranges = [
      [40, 3],
      [2, 1],
      [20, 8],
    ] as const;
    assert.equal(await bench.discard(path, ranges), answer(takesDiscard(path), 12));
    for (const [sector, sectors] of takesDiscard(path) ? ranges : []) {
      expected.fill(0, sector * 512, (sector + sectors) * 512);
    }
    await holds(bench, path, keepsData ? expected : expected.fill(0));
  });

  add('writes zeroes, with space kept or not', async (bench, path) => {
    const expected = await filled(bench, path);
    const taken = takesZeroes(path);
    const zeroes = (word: number, sector: number, sectors: number): Promise<unknown> =>
      bench.run(path, word, sector * 512, sectors * 512, [0xffff_fe00, 0]);
    assert.equal(await zeroes(OPERATION_WRITE_ZEROES, 1, 2), answer(taken, 2));
    assert.equal(await zeroes(OPERATION_WRITE_ZEROES | (FLAG_NOUNMAP << 8), 8, 16), answer(taken, 16));
    assert.equal(await zeroes(OPERATION_WRITE_ZEROES | (FLAG_FUA << 8), 63, 1), answer(taken, 1));
    if (taken)
      expected
        .fill(0, 512, 3 * 512)
        .fill(0, 8 * 512, 24 * 512)
        .fill(0, 63 * 512);
    await holds(bench, path, keepsData ? expected : expected.fill(0));
  });

  add('is not led astray by flags', async (bench, path) => {
    const flags =
      FLAG_SYNC | FLAG_META | FLAG_CLEAR | (PRIORITY_IDLE << FLAG_PRIORITY_SHIFT) | (7 << (FLAG_PRIORITY_SHIFT + 2));
    const address = bench.arena.allocate(8192);
    const data = pattern(4096, 8);
    bench.arena.bytes.set(data, address);
    const done = { status: STATUS_OK, goodSectors: 8 };
    const write = OPERATION_WRITE | ((flags | FLAG_FUA) << 8);
    assert.equal(await bench.run(path, write, 4096, 4096, [address, 2048, address + 2048, 2048]), done);
    assert.equal(await bench.run(path, OPERATION_READ | (flags << 8), 4096, 4096, [address + 4096, 4096]), done);
    assert.ok(bench.bytes(address + 4096, 4096).equals(keepsData ? data : Buffer.alloc(4096)));
    assert.is((await bench.run(path, OPERATION_FLUSH | (flags << 8), 0, 0, [0, 0])).status, STATUS_OK);
    assert.equal(await bench.discard(path, [[8, 1]], flags), answer(takesDiscard(path), 1));
  });

  add('refuses discards and zeroes beyond its end', async (bench, path) => {
    const end = SIZE / 512;
    for (const result of [
      await bench.discard(path, [[end, 1]]),
      await bench.discard(path, [[end - 1, 2]]),
      await bench.run(path, OPERATION_WRITE_ZEROES, SIZE - 512, 1024, [0, 0]),
    ]) {
      assert.is.not(result.status, STATUS_OK);
      assert.is(result.goodSectors, 0);
    }
    const ranges = await bench.discard(path, [
      [0, 4],
      [end, 4],
    ]);
    assert.is.not(ranges.status, STATUS_OK);
    assert.ok(ranges.goodSectors <= 4);
  });

  add('answers a batch of everything exactly once', async (bench, path) => {
    const base = bench.arena.allocate(4096);
    const words = [OPERATION_READ, OPERATION_WRITE, OPERATION_WRITE | (FLAG_FUA << 8), OPERATION_WRITE_ZEROES];
    const ids = Array.from({ length: 60 }, (_, i) => bench.issue(path, words[i % 4], i * 512, 512, base));
    for (let i = 0; i < 20; i++) {
      const ranges: [number, number][] = [
        [100 + i, 1],
        [300 + i, 2],
      ];
      bench.issueDiscard(path, 1000 + i, ranges.slice(i % 2));
      ids.push(1000 + i, bench.issue(path, OPERATION_FLUSH, 0, 0, 0));
    }
    path.kick();
    await bench.sink.until(100);
    for (const id of ids) assert.type(bench.sink.only(id).status, 'number');
    assert.is(path.inFlight, 0);
  });

  add('changes limits while it is open, tells its listener, and refuses what no path can have', async (bench, path) => {
    const before = path.limits;
    let told = 0;
    path.onLimits = () => told++;
    path.setLimits({ maxSectors: 64, maxDiscardSectors: 0, isRotational: true });
    assert.is(told, 1);
    assert.equal(path.limits, { ...before, maxSectors: 64, maxDiscardSectors: 0, isRotational: true });
    for (const [wrong, name] of [
      [{ maxSectors: 0 }, 'maxSectors'],
      [{ maxSegments: 1.5 }, 'maxSegments'],
      [{ logicalBlockSectors: 3 }, 'logicalBlockSectors'],
      [{ isRotational: 1 }, 'isRotational'],
      [{ speed: 1 }, 'speed'],
    ] as const) {
      assert.throws(
        () => path.setLimits(wrong as Partial<Path['limits']>),
        (error: Error & { code?: string }) => error.code === 'ERR_RQDM_ARGUMENT' && error.message.includes(name),
      );
    }
    assert.is(told, 1);
    assert.is(path.limits.maxSectors, 64);
    const address = bench.arena.allocate(4096);
    assert.is((await bench.run(path, OPERATION_READ, 0, 4096, [address, 4096])).status, STATUS_OK);
  });
}
