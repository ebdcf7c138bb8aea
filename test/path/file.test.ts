// Files: where they end, how they fail, O_DIRECT.

import { closeSync, ftruncateSync, linkSync, openSync, readFileSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_IOERR,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_READ_ONLY,
  STATUS_RESOURCE,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { FileBackend } from '../../bindings/path/backend/file.ts';
import { statusOfError } from '../../bindings/path/errno.ts';
import { PathBench, pattern } from '../support/sink.ts';
import { skipAloud } from '../support/skip.ts';

const test = suite('path: files');

async function withBench(body: (bench: PathBench) => Promise<void> | void): Promise<void> {
  const bench = new PathBench();
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

function throwsOpen(run: () => void, ...parts: string[]): void {
  assert.throws(run, (error: unknown) => {
    assert.instance(error, RqdmError);
    for (const part of parts) assert.ok((error as Error).message.includes(part), (error as Error).message);
    return (error as RqdmError).code === 'ERR_RQDM_OPEN';
  });
}

for (const query of ['', '?direct=1']) {
  test(`reads past the exact end of an odd file give zeros, in its last sector only ${query}`, () =>
    withBench(async (bench) => {
      const data = pattern(1000);
      const path = bench.open(bench.file('odd', data) + query, 'inline');
      assert.is(path.sizeBytes, 1000);
      const at = bench.arena.allocate(4096);
      bench.arena.bytes.fill(0xee, at, at + 4096);
      assert.equal(await bench.run(path, OPERATION_READ, 0, 1024, [at, 1024]), { status: STATUS_OK, goodSectors: 2 });
      assert.ok(bench.bytes(at, 1024).equals(Buffer.concat([data, Buffer.alloc(24)])));
      // Scattered, with the end inside the second piece.
      bench.arena.bytes.fill(0xee, at, at + 4096);
      await bench.run(path, OPERATION_READ, 0, 1024, [at, 512, at + 2048, 512]);
      assert.ok(
        Buffer.concat([bench.bytes(at, 512), bench.bytes(at + 2048, 512)]).equals(Buffer.concat([data, Buffer.alloc(24)])),
      );
      assert.is((await bench.run(path, OPERATION_READ, 512, 1024, [at, 1024])).status, STATUS_BEYOND_END);
    }));

  test(`a write that touches bytes past the exact end is refused after the whole sectors before ${query}`, () =>
    withBench(async (bench) => {
      const name = bench.file('odd', pattern(1000));
      const path = bench.open(name + query, 'inline');
      const at = bench.arena.allocate(4096);
      bench.arena.bytes.fill(0x55, at, at + 4096);
      assert.equal(await bench.run(path, OPERATION_WRITE, 0, 1024, [at, 1024]), { status: STATUS_NOSPC, goodSectors: 1 });
      assert.equal(await bench.run(path, OPERATION_WRITE, 512, 512, [at, 512]), { status: STATUS_NOSPC, goodSectors: 0 });
      await path.close();
      const now = readFileSync(name);
      assert.is(now.length, 1000, 'the file does not grow');
      assert.ok(now.subarray(0, 512).every((byte) => byte === 0x55));
      assert.ok(now.subarray(512).equals(pattern(1000).subarray(512)));
    }));
}

test('a file that shrinks ends a read with an error, and what was read counts', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 8192);
    const path = bench.open(name, 'inline');
    truncateSync(name, 2560);
    const at = bench.arena.allocate(8192);
    assert.equal(await bench.run(path, OPERATION_READ, 0, 8192, [at, 8192]), { status: STATUS_IOERR, goodSectors: 5 });
    assert.ok(bench.bytes(at, 2560).equals(pattern(8192).subarray(0, 2560)));
    assert.equal(await bench.run(path, OPERATION_READ, 0, 8192, [at, 2048, at + 4096, 4096, at + 2048, 2048]), {
      status: STATUS_IOERR,
      goodSectors: 5,
    });
    assert.equal(await bench.run(path, OPERATION_READ, 4096, 4096, [at, 4096]), { status: STATUS_IOERR, goodSectors: 0 });
  }));

test('a file that vanished from its folder is still the same file', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 4096);
    const path = bench.open(name);
    rmSync(name);
    const at = bench.arena.allocate(4096);
    assert.is((await bench.run(path, OPERATION_READ, 0, 4096, [at, 4096])).status, STATUS_OK);
    throwsOpen(() => bench.open(name), 'ENOENT');
  }));

test('no space left is an error of its own class', () => {
  if (process.platform !== 'linux') return skipAloud('there is no /dev/full');
  const fd = openSync('/dev/full', 'r+');
  try {
    const backend = new FileBackend({
      kind: 'file',
      fd,
      bufferedFd: fd,
      sizeBytes: 2 ** 20,
      isReadOnly: false,
      alignment: 1,
      abilities: 0,
    });
    const arena = new Uint8Array(8192);
    assert.is(backend.perform(arena, OPERATION_WRITE, 0, 4096, 0, 1, new Uint32Array(0), 0), STATUS_NOSPC);
    assert.is(backend.goodBytes, 0);
    assert.is(backend.perform(arena, OPERATION_WRITE, 0, 4096, 0, 2, new Uint32Array([0, 1024, 4096, 3072]), 0), STATUS_NOSPC);
  } finally {
    closeSync(fd);
  }
});

test('a descriptor that is gone means offline', () =>
  withBench((bench) => {
    const fd = openSync(bench.file('disk', 4096), 'r+');
    const backend = new FileBackend({
      kind: 'file',
      fd,
      bufferedFd: fd,
      sizeBytes: 4096,
      isReadOnly: false,
      alignment: 1,
      abilities: 0,
    });
    closeSync(fd);
    assert.is(backend.perform(new Uint8Array(512), OPERATION_READ, 0, 512, 0, 1, new Uint32Array(0), 0), STATUS_OFFLINE);
    assert.is(backend.perform(new Uint8Array(512), OPERATION_FLUSH, 0, 0, 0, 1, new Uint32Array(0), 0), STATUS_OFFLINE);
  }));

test('errors of the system are classed by one table', () => {
  const status = (code: string): number => statusOfError(Object.assign(new Error(code), { code }));
  const expected: readonly (readonly [string, number])[] = [
    ['EIO', STATUS_IOERR],
    ['ENOSPC', STATUS_NOSPC],
    ['EDQUOT', STATUS_NOSPC],
    ['ENODEV', STATUS_OFFLINE],
    ['ENXIO', STATUS_OFFLINE],
    ['ESTALE', STATUS_OFFLINE],
    ['ETIMEDOUT', STATUS_TIMEOUT],
    ['EAGAIN', STATUS_RESOURCE],
    ['ENOMEM', STATUS_RESOURCE],
    ['EROFS', STATUS_READ_ONLY],
    ['EOPNOTSUPP', STATUS_NOTSUPP],
    ['ECONNRESET', STATUS_TRANSPORT],
    ['EPERM', STATUS_IOERR],
    ['EWHATEVER', STATUS_IOERR],
  ];
  for (const [code, number] of expected) assert.is(status(code), number, code);
  assert.is(statusOfError(undefined), STATUS_IOERR);
  assert.is(statusOfError('text'), STATUS_IOERR);
});

test('a read-only path refuses writes, and flushes', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 4096);
    for (const path of [bench.open(`${name}?ro=1`, 'inline'), bench.open(name, 'worker', { isReadOnly: true })]) {
      assert.ok(path.isReadOnly);
      const at = bench.arena.allocate(512);
      assert.is((await bench.run(path, OPERATION_WRITE, 0, 512, [at, 512])).status, STATUS_READ_ONLY);
      assert.is((await bench.run(path, OPERATION_READ, 0, 512, [at, 512])).status, STATUS_OK);
      assert.is((await bench.run(path, OPERATION_FLUSH, 0, 0, [0, 0])).status, STATUS_OK);
    }
  }));

test('what is no file is refused by its kind', () =>
  withBench((bench) => {
    throwsOpen(() => bench.open(bench.folder), 'directory');
    if (process.platform === 'linux')
      throwsOpen(() => bench.open('/dev/null'), '/dev/null', 'character device', 'expected a regular file');
    throwsOpen(() => bench.open(bench.file('empty', 0)), 'empty');
    throwsOpen(() => bench.open(`${bench.folder}/none?dircet=1`), 'ENOENT', "'?dircet='", 'direct');
  }));

test('all names of a file share one cache, and options can say otherwise', () =>
  withBench((bench) => {
    const name = bench.file('disk', 4096);
    linkSync(name, `${bench.folder}/hard`);
    symlinkSync(name, `${bench.folder}/soft`);
    const key = bench.open(`${name}#a`).cacheKey;
    for (const other of [`${name}#b`, `${bench.folder}/hard`, `file:${bench.folder}/soft`])
      assert.is(bench.open(other).cacheKey, key);
    assert.is.not(bench.open(bench.file('other', 4096)).cacheKey, key);
    assert.is(bench.open(`${name}?cache=array1`).cacheKey, 'cache:array1');
    assert.not(bench.open(`${name}?cache=none`).hasCache);
    assert.ok(bench.open(name).hasCache);
  }));

test('memory is shared by name and lives as long as somebody holds it', () =>
  withBench(async (bench) => {
    const one = bench.open('mem:a?size=64K#1');
    const two = bench.open('mem:a?size=64K#2');
    const three = bench.open('mem:a');
    assert.is(one.cacheKey, two.cacheKey);
    assert.not(one.hasCache);
    const at = bench.arena.allocate(512);
    bench.arena.bytes.fill(7, at, at + 512);
    await bench.run(one, OPERATION_WRITE, 512, 512, [at, 512]);
    bench.arena.bytes.fill(0, at, at + 512);
    await bench.run(three, OPERATION_READ, 512, 512, [at, 512]);
    assert.is(bench.arena.bytes[at + 511], 7);
    assert.throws(() => bench.open('mem:a?size=128K'), /65536 bytes.*not 131072/);
    assert.throws(() => bench.open('mem:b'), /does not exist yet/);
    await Promise.all([one.close(), two.close(), three.close()]);
    assert.is(bench.registries.memories.size, 0);
    assert.is(bench.open('mem:a?size=128K').sizeBytes, 131072);
  }));

test('what is not allowed is not opened', () =>
  withBench((bench) => {
    const name = bench.file('disk', 4096);
    const allow = (word: string): boolean => word.startsWith('mem:');
    assert.throws(
      () => bench.open(name, 'worker', { allow }),
      (error: unknown) => (error as RqdmError).code === 'ERR_RQDM_NOT_ALLOWED',
    );
    bench.open('mem:a?size=4K', 'worker', { allow });
  }));

test('an instant path is only null: without wrappers', () =>
  withBench((bench) => {
    assert.ok(bench.open('null:1M').isInstant);
    assert.is(bench.open('null:1M').loop, 'instant');
    for (const word of ['null:1M?delay=1us', 'null:1M?error=io', 'null:1M?switch=a', 'null:1M?mode=inline', 'mem:a?size=4K']) {
      assert.not(bench.open(word).isInstant, word);
    }
  }));

test('direct I/O takes leases as they are, and copies where memory or place is not aligned', () =>
  withBench(async (bench) => {
    const name = bench.file('disk', 65536 + 512);
    let path: ReturnType<PathBench['open']>;
    try {
      path = bench.open(`${name}?direct=1`);
    } catch (error) {
      return skipAloud(`no O_DIRECT on this file system: ${(error as Error).message}`);
    }
    const data = pattern(65536 + 512);
    const at = bench.arena.allocate(65536);
    const check = async (operation: number, position: number, bytes: number, places: number[]): Promise<Buffer> => {
      const answer = await bench.run(path, operation, position, bytes, places);
      assert.equal(answer, { status: STATUS_OK, goodSectors: Math.floor(bytes / 512) }, `${position} ${bytes} ${places}`);
      return Buffer.concat(Array.from({ length: places.length / 2 }, (_, i) => bench.bytes(places[2 * i], places[2 * i + 1])));
    };
    assert.ok((await check(OPERATION_READ, 4096, 8192, [at, 8192])).equals(data.subarray(4096, 12288)));
    assert.ok((await check(OPERATION_READ, 65536, 512, [at, 512])).equals(data.subarray(65536)));
    assert.ok((await check(OPERATION_READ, 0, 4096, [at + 16, 4096])).equals(data.subarray(0, 4096)), 'memory not aligned');
    assert.ok(
      (await check(OPERATION_READ, 0, 4096, [at + 16, 1000, at + 9000, 3096])).equals(data.subarray(0, 4096)),
      'pieces not aligned',
    );
    assert.ok((await check(OPERATION_READ, 0, 4096, [at + 4096, 2048, at + 16384, 2048])).equals(data.subarray(0, 4096)));
    const fresh = pattern(4096, 77);
    for (const place of [at, at + 16]) {
      bench.arena.bytes.set(fresh, place);
      await check(OPERATION_WRITE, 8192, 4096, [place, 4096]);
      await check(OPERATION_FLUSH, 0, 0, [0, 0]);
      assert.ok(readFileSync(name).subarray(8192, 12288).equals(fresh));
      assert.ok((await check(OPERATION_READ, 8192, 4096, [at + 32768, 4096])).equals(fresh));
    }
    assert.is(path.loop, 'worker');
    assert.is(bench.open(`${name}?direct=1`, 'auto').loop, 'worker', 'never inline by itself');
    // Cut short between blocks meanwhile.
    const fd = openSync(name, 'r+');
    ftruncateSync(fd, 6000);
    closeSync(fd);
    assert.equal(await bench.run(path, OPERATION_READ, 4096, 8192, [at, 8192]), { status: STATUS_IOERR, goodSectors: 3 });
  }));

test.run();
