// Paths on which calls fail by chance or are torn, the same ones each time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOTSUPP,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { SeededRandom } from '../../bindings/path/fault/random.ts';
import type { Path } from '../../bindings/path/path.ts';
import { type Answer, PathBench, pattern } from '../support/sink.ts';

const test = suite('path: chance');

async function withBench(body: (bench: PathBench) => Promise<void>): Promise<void> {
  const bench = new PathBench();
  bench.arena.allocate(65536);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

async function statuses(bench: PathBench, path: Path, calls: number, operation = OPERATION_READ): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < calls; i++) all.push((await bench.run(path, operation, 0, 512, [0, 512])).status);
  return all;
}

test('a seed gives the same numbers on every machine', () => {
  const random = new SeededRandom(7);
  assert.equal(
    Array.from({ length: 6 }, () => random.below(1000)),
    [11, 61, 976, 699, 521, 405],
  );
  assert.ok(Array.from({ length: 1000 }, () => random.unit()).every((unit) => unit >= 0 && unit < 1));
});

test('a flaky path fails as often as it was told, with statuses that another path is tried for', () =>
  withBench(async (bench) => {
    const all = await statuses(bench, bench.open('mem:a?size=1M&flaky=7:10%'), 4000);
    const failed = all.filter((status) => status !== STATUS_OK);
    assert.ok(failed.length > 300 && failed.length < 500, String(failed.length));
    assert.equal(
      [...new Set(failed)].sort((a, b) => a - b),
      [STATUS_TIMEOUT, STATUS_TRANSPORT, STATUS_IOERR, STATUS_OFFLINE],
    );
  }));

test('the same seed and calls have the same history, another seed another one', () =>
  withBench(async (bench) => {
    const run = (seed: number): Promise<number[]> =>
      statuses(bench, bench.open(`mem:a?size=1M&flaky=${seed}:20%#${seed}`), 200, OPERATION_WRITE);
    const first = await run(3);
    assert.equal(await run(3), first);
    assert.not.equal(await run(4), first);
  }));

test('a flaky path told which statuses draws among those, for every kind of call, and performs nothing that fails', () =>
  withBench(async (bench) => {
    const path = bench.open('mem:a?size=1M&flaky=1:100%:medium');
    assert.equal(await statuses(bench, path, 3), [STATUS_MEDIUM, STATUS_MEDIUM, STATUS_MEDIUM]);
    assert.is((await bench.run(path, OPERATION_FLUSH, 0, 0, [0, 0])).status, STATUS_MEDIUM);
    assert.is((await bench.discard(path, [[0, 1]])).status, STATUS_MEDIUM);
    bench.arena.bytes.fill(9, 0, 512);
    await bench.run(path, OPERATION_WRITE, 0, 512, [0, 512]);
    await bench.run(bench.open('mem:a#well'), OPERATION_READ, 0, 512, [512, 512]);
    assert.is(bench.arena.bytes[512], 0);
    const rare = await statuses(bench, bench.open('mem:a?flaky=1:5‰:transport#rare'), 2000);
    const failed = rare.filter((status) => status === STATUS_TRANSPORT).length;
    assert.ok(failed > 2 && failed < 30, String(failed));
  }));

interface Torn {
  readonly answer: Answer;
  /** Sectors from the front that hold the new data. */
  readonly landed: number;
}

/** Writes 16 sectors over zeros through `path`, and looks through `well` at what has landed. */
async function tear(bench: PathBench, path: Path, well: Path, blockSectors = 1): Promise<Torn> {
  const data = Buffer.alloc(8192, 0x77);
  bench.arena.bytes.set(data, 0);
  assert.is((await bench.run(well, OPERATION_WRITE_ZEROES, 0, 8192, [0, 0])).status, STATUS_OK);
  const answer = await bench.run(path, OPERATION_WRITE, 0, 8192, [0, 4096, 4096, 4096]);
  await bench.run(well, OPERATION_READ, 0, 8192, [16384, 8192]);
  const now = bench.bytes(16384, 8192);
  let landed = 0;
  while (landed < 16 && now[landed * 512] === 0x77) landed++;
  assert.ok(now.equals(Buffer.alloc(8192).fill(0x77, 0, landed * 512)), 'whole sectors from the front, and nothing behind');
  assert.is(landed % blockSectors, 0, 'whole blocks');
  return { answer, landed };
}

test('a torn write lands in part, and reports what has landed or less', () =>
  withBench(async (bench) => {
    const well = bench.open('mem:a?size=1M#well');
    const path = bench.open('mem:a?size=1M&tear=5#torn');
    const seen = { none: 0, part: 0, exact: 0, less: 0, io: 0, transport: 0 };
    for (let i = 0; i < 200; i++) {
      const { answer, landed } = await tear(bench, path, well);
      assert.ok(landed < 16 && answer.goodSectors <= landed);
      assert.ok(answer.status === STATUS_IOERR || answer.status === STATUS_TRANSPORT);
      seen[landed === 0 ? 'none' : 'part']++;
      seen[answer.goodSectors === landed ? 'exact' : 'less']++;
      seen[answer.status === STATUS_IOERR ? 'io' : 'transport']++;
    }
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, what);
  }));

test('only every Nth write is torn, zeroes count as writes, and reads, flushes and discards pass', () =>
  withBench(async (bench) => {
    const path = bench.open('mem:a?size=1M&tear=5/3');
    const write = async (operation: number): Promise<boolean> =>
      (await bench.run(path, operation, 0, 4096, [0, 4096])).status === STATUS_OK;
    const landed: boolean[] = [];
    for (let i = 0; i < 6; i++) {
      landed.push(await write(i === 2 ? OPERATION_WRITE_ZEROES : OPERATION_WRITE));
      assert.ok(await write(OPERATION_READ));
      assert.is((await bench.discard(path, [[9, 1]])).status, STATUS_OK);
      assert.is((await bench.run(path, OPERATION_FLUSH, 0, 0, [0, 0])).status, STATUS_OK);
    }
    assert.equal(landed, [true, true, false, true, true, false]);
  }));

test('a write is torn between logical blocks', () =>
  withBench(async (bench) => {
    const well = bench.open('mem:a?size=1M&block=4096#well');
    const path = bench.open('mem:a?size=1M&block=4096&tear=9#torn');
    for (let i = 0; i < 20; i++) await tear(bench, path, well, 8);
  }));

test('a torn write whose part fails below tells the error of below', () =>
  withBench(async (bench) => {
    // The path below does not take zeroes at all.
    const path = bench.open('mem:a?size=1M&write_zeroes=none&tear=2');
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const answer = await bench.run(path, OPERATION_WRITE_ZEROES, 0, 8192, [0, 0]);
      seen.add(answer.status);
      assert.is(answer.goodSectors, 0);
    }
    assert.ok(seen.has(STATUS_NOTSUPP));
  }));

test('error rules know discards and zeroes, and look at each range', () =>
  withBench(async (bench) => {
    const path = bench.open('mem:a?size=1M&error=discard:medium@64+8,zeroes:transport@8+8');
    const data = pattern(16 * 512);
    bench.arena.bytes.set(data, 0);
    await bench.run(path, OPERATION_WRITE, 0, 8192, [0, 8192]);
    const ranges = [
      [0, 4],
      [70, 4],
    ] as const;
    assert.equal(await bench.discard(path, ranges), { status: STATUS_MEDIUM, goodSectors: 0 });
    await bench.run(path, OPERATION_READ, 0, 8192, [16384, 8192]);
    assert.ok(bench.bytes(16384, 8192).equals(data), 'nothing of it is done');
    assert.is((await bench.discard(path, [ranges[0]])).status, STATUS_OK);
    assert.equal(await bench.discard(path, [[60, 8]]), { status: STATUS_MEDIUM, goodSectors: 4 });
    assert.equal(await bench.run(path, OPERATION_WRITE_ZEROES, 5 * 512, 8192, [0, 0]), {
      status: STATUS_TRANSPORT,
      goodSectors: 3,
    });
    assert.is((await bench.run(path, OPERATION_WRITE, 8 * 512, 512, [0, 512])).status, STATUS_OK);
  }));

test.run();
