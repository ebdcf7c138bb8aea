// DISCARD, WRITE_ZEROES and FUA where backends differ, and the limits that words give them.

import fs, { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_FUA,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_BEYOND_END,
  STATUS_NOTSUPP,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_READ_ONLY,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { FileBackend } from '../../bindings/path/backend/file.ts';
import { RingThread } from '../../bindings/path/ring-thread.ts';
import { PathBench, pattern } from '../support/sink.ts';
import { skipAloud } from '../support/skip.ts';

const test = suite('path: operations');

const NOTHING: readonly number[] = [0, 0];
const FUA_WRITE = OPERATION_WRITE | (FLAG_FUA << 8);

async function withBench(body: (bench: PathBench) => Promise<void> | void): Promise<void> {
  const bench = new PathBench();
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

/** Counts calls of fdatasync while `body` runs. */
async function syncsDuring(body: () => Promise<unknown>): Promise<number> {
  const original = fs.fdatasyncSync;
  let count = 0;
  fs.fdatasyncSync = (fd) => {
    count++;
    original(fd);
  };
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    fs.fdatasyncSync = original;
    syncBuiltinESMExports();
  }
  return count;
}

for (const query of ['', '?direct=1']) {
  test(`zeroes over an odd end change the bytes that are there, and the file does not grow ${query}`, () =>
    withBench(async (bench) => {
      const name = bench.file('odd', pattern(9000));
      let path: ReturnType<PathBench['open']>;
      try {
        path = bench.open(name + query, 'inline');
      } catch (error) {
        if (query === '' || !String(error).includes('O_DIRECT')) throw error;
        return skipAloud('no O_DIRECT in the folder for temporary files');
      }
      assert.equal(await bench.run(path, OPERATION_WRITE_ZEROES, 8192, 1024, NOTHING), { status: STATUS_OK, goodSectors: 2 });
      assert.is((await bench.run(path, OPERATION_WRITE_ZEROES, 8192, 1536, NOTHING)).status, STATUS_BEYOND_END);
      assert.equal(await bench.run(path, OPERATION_WRITE_ZEROES, 4096, 512, NOTHING), { status: STATUS_OK, goodSectors: 1 });
      const expected = pattern(9000).fill(0, 8192).fill(0, 4096, 4608);
      assert.ok(readFileSync(name).equals(expected));
    }));

  test(`zeroes longer than the buffer they are written from arrive in full ${query}`, () =>
    withBench(async (bench) => {
      const name = bench.file('long', Buffer.alloc(2 ** 20, 0x55));
      try {
        const path = bench.open(name + query, 'inline');
        const bytes = 600 * 1024;
        assert.equal(await bench.run(path, OPERATION_WRITE_ZEROES, 4096, bytes, NOTHING), {
          status: STATUS_OK,
          goodSectors: bytes / 512,
        });
        assert.ok(readFileSync(name).equals(Buffer.alloc(2 ** 20, 0x55).fill(0, 4096, 4096 + bytes)));
      } catch (error) {
        if (query === '' || !String(error).includes('O_DIRECT')) throw error;
        skipAloud('no O_DIRECT in the folder for temporary files');
      }
    }));
}

test('a file takes discards only where its word asks for zeros', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 65536);
    const plain = bench.open(`${name}#plain`, 'inline');
    assert.is(plain.limits.maxDiscardSectors, 0);
    assert.is((await bench.discard(plain, [[0, 1]])).status, STATUS_NOTSUPP);
    assert.ok(readFileSync(name).equals(pattern(65536)));
    // A limit that somebody raised makes no ability.
    plain.setLimits({ maxDiscardSectors: 100 });
    assert.is((await bench.discard(plain, [[0, 1]])).status, STATUS_NOTSUPP);
  }));

test('read-only paths refuse discards and zeroes', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 65536);
    for (const word of [`${name}?ro=1&discard=zeros`, 'mem:a?size=64K&ro=1', 'null:64K?ro=1&mode=inline']) {
      const path = bench.open(word, 'inline');
      assert.is((await bench.discard(path, [[0, 1]])).status, STATUS_READ_ONLY, word);
      const ranges = [
        [0, 1],
        [4, 1],
      ] as const;
      assert.is((await bench.discard(path, ranges)).status, STATUS_READ_ONLY, word);
      assert.is((await bench.run(path, OPERATION_WRITE_ZEROES, 0, 512, NOTHING)).status, STATUS_READ_ONLY, word);
    }
  }));

test('a FUA write to a file is followed by one fdatasync, a plain one by none', () =>
  withBench(async (bench) => {
    const path = bench.open(`${bench.file('disk', 65536)}?fua=1`, 'inline');
    assert.ok(path.hasFua);
    const at = bench.arena.allocate(4096);
    const run = (word: number): Promise<unknown> => bench.run(path, word, 0, 4096, [at, 4096]);
    assert.is(await syncsDuring(() => run(OPERATION_WRITE)), 0);
    assert.is(await syncsDuring(() => run(FUA_WRITE)), 1);
    assert.is(await syncsDuring(() => run(OPERATION_WRITE_ZEROES | (FLAG_FUA << 8))), 1);
    assert.is(await syncsDuring(() => run(OPERATION_READ | (FLAG_FUA << 8))), 0);
    assert.is(await syncsDuring(() => bench.run(path, OPERATION_FLUSH, 0, 0, NOTHING)), 1);
  }));

test('of a FUA write whose sync fails nothing counts as done', () =>
  withBench((bench) => {
    const fd = fs.openSync(bench.file('disk', 4096), 'r+');
    const original = fs.fdatasyncSync;
    const backend = new FileBackend({
      kind: 'file',
      fd,
      bufferedFd: fd,
      sizeBytes: 4096,
      isReadOnly: false,
      alignment: 1,
      abilities: 0,
    });
    fs.fdatasyncSync = () => {
      throw Object.assign(new Error('gone'), { code: 'ENODEV' });
    };
    syncBuiltinESMExports();
    try {
      const status = backend.perform(new Uint8Array(512), FUA_WRITE, 0, 512, 0, 1, new Uint32Array(0), 0);
      assert.equal([status, backend.goodBytes], [STATUS_OFFLINE, 0]);
    } finally {
      fs.fdatasyncSync = original;
      syncBuiltinESMExports();
      fs.closeSync(fd);
    }
  }));

test('without fua=1 no path says that it takes FUA; with cache=NAME memory says that it has a cache', () =>
  withBench((bench) => {
    assert.not(bench.open(bench.file('disk', 512)).hasFua);
    for (const kind of ['mem:a?size=64K&', 'null:64K?', 'sim:b?size=64K&']) {
      const [plain, cached] = [bench.open(`${kind}depth=1`), bench.open(`${kind}cache=array&fua=1`)];
      assert.equal([plain.hasCache, plain.hasFua], [false, false]);
      assert.equal([cached.hasCache, cached.hasFua, cached.cacheKey], [true, true, 'cache:array']);
    }
    assert.not(bench.open('mem:c?size=64K&cache=none').hasCache);
  }));

test('options become limits', () =>
  withBench((bench) => {
    const word =
      'mem:a?size=64M&block=4096&physical=16K&chunk=1M&io_min=64K&io_opt=256K&rotational=1&max_discard=1M' +
      '&discard_granularity=64K&discard_alignment=4K&discard_segments=8&max_write_zeroes=512K&max_sectors=256&max_segments=4';
    assert.equal(bench.open(word).limits, {
      maxSectors: 256,
      maxSegments: 4,
      chunkSectors: 2048,
      logicalBlockSectors: 8,
      physicalBlockSectors: 32,
      maxDiscardSectors: 2048,
      discardGranularitySectors: 128,
      discardAlignmentSectors: 8,
      maxDiscardSegments: 8,
      maxWriteZeroesSectors: 1024,
      ioMinSectors: 128,
      ioOptSectors: 512,
      isRotational: true,
    });
    const none = bench.open('mem:b?size=1M&discard=none&write_zeroes=none').limits;
    assert.equal([none.maxDiscardSectors, none.maxWriteZeroesSectors], [0, 0]);
    const file = bench.open(`${bench.file('disk', 4096)}?discard=zeros`).limits;
    assert.equal([file.maxDiscardSectors, file.maxWriteZeroesSectors], [8192, 8192]);
  }));

const BAD: readonly (readonly [word: string, ...parts: string[]])[] = [
  ['mem:a?size=1M&block=4096&chunk=512', "option 'chunk' is 512 bytes", 'multiple of the logical block, 4096'],
  ['mem:a?size=1M&physical=1536', "option 'physical'", 'a power of two'],
  [
    'mem:a?size=1M&discard_granularity=4K&discard_alignment=4K',
    "option 'discard_alignment'",
    'less than the granularity, 4096',
  ],
  ['mem:a?size=1M&discard_segments=257', 'expected a number 1 … 256'],
  ['mem:a?size=1M&max_write_zeroes=1T', "option 'max_write_zeroes'", 'at most'],
  ['mem:a?size=1M&discard=none&max_discard=4K', "option 'max_discard'", 'expected discard=zeros'],
  ['mem:a?size=1M&block=4096&max_sectors=4', "option 'max_sectors'", 'at least the logical block'],
  ['mem:a?size=1M&write_zeroes=none&max_write_zeroes=4K', 'expected one of them'],
  ['mem:a?size=1M&io_min=5', "option 'io_min=5'", 'a multiple of 512'],
  ['mem:a?size=1M&discard=trim', 'expected zeros or none'],
  ['mem:a?size=1M&service=1ms', "option 'service' is for sim:"],
  ['sim:a?size=1M&mode=worker', "option 'mode'"],
  ['sim:a?size=1M&servers=0', 'expected a number 1 … 1024'],
  ['sim:a?size=1M&seed=4294967296', 'a seed'],
  ['sim:a', 'sim:a does not exist yet', 'sim:a?size=64M'],
  ['sim:a?data=0', "option 'size' is missing"],
  ['null:1M?flaky=7', "option 'flaky=7'", '7:1%'],
  ['null:1M?flaky=7:101%', "option 'flaky=7:101%'"],
  ['null:1M?flaky=7:1%:explode', 'medium'],
  ['null:1M?tear=7/0', "option 'tear=7/0'", '7/100'],
  ['null:1M?hang=a/b', 'expected a name of letters'],
];

test('options that cannot be are refused by name, and nothing stays open', () =>
  withBench((bench) => {
    for (const [word, ...parts] of BAD) {
      assert.throws(
        () => bench.open(word),
        (error: unknown) => {
          assert.instance(error, RqdmError);
          assert.is((error as RqdmError).code, 'ERR_RQDM_WORD', `${word}: ${String(error)}`);
          for (const part of parts)
            assert.ok((error as Error).message.includes(part), `${(error as Error).message} lacks ${part}`);
          return true;
        },
      );
    }
    assert.is(bench.registries.memories.size, 0);
    const name = bench.file('disk', 4096);
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = process.platform === 'linux' ? open() : 0;
    assert.throws(() => bench.open(`${name}?physical=1536`), /a power of two/);
    assert.is(process.platform === 'linux' ? open() : 0, before);
  }));

test('ranges of discards take their room in a ring and give it back', () => {
  const thread = new RingThread(false);
  const handle = thread.seat({
    word: 'a',
    description: { kind: 'null', sizeBytes: 512, isReadOnly: false, abilities: 0 },
    sink: { answer() {}, wake() {} },
    settle() {},
  });
  const table = new Uint32Array(4 * 256);
  // 16384 pairs: 32 discards of 256 ranges would fill it to the last, and one place stays free.
  for (let i = 0; i < 32; i++) thread.submit(handle, i, 3, 0, 256 * 512, 0, 256, table, 0);
  const entries = thread.takeBack();
  assert.equal(
    entries.map(({ count }) => count >= 0),
    Array.from({ length: 32 }, (_, i) => i < 31),
  );
  assert.ok(entries.every(({ segments }) => segments?.length === 4 * 256));
});

test('more discards than a ring holds wait with their ranges, and all are done', () =>
  withBench(async (bench) => {
    const path = bench.open('mem:a?size=2M&mode=worker');
    const address = bench.arena.allocate(2 ** 21);
    bench.arena.bytes.fill(1, address, address + 2 ** 21);
    await bench.run(path, OPERATION_WRITE, 0, 2 ** 21, [address, 2 ** 21]);
    for (let i = 0; i < 2000; i++) {
      bench.issueDiscard(path, 10_000 + i, [
        [i, 1],
        [4095 - i, 1],
      ]);
    }
    path.kick();
    await bench.sink.until(2001);
    for (let i = 0; i < 2000; i++) assert.equal(bench.sink.only(10_000 + i), { status: STATUS_OK, goodSectors: 2 });
    await bench.run(path, OPERATION_READ, 0, 2 ** 21, [address, 2 ** 21]);
    const expected = Buffer.alloc(2 ** 21).fill(1, 2000 * 512, 2096 * 512);
    assert.ok(bench.bytes(address, 2 ** 21).equals(expected));
  }));

test.run();
