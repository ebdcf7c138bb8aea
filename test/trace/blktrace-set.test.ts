import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rejection } from '../support/promise-state.ts';
import { readAll } from '../support/read-trace.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A record of version 7: a letter's action, its time, sector and sectors. */
function event(action: 'Q' | 'D' | 'C', ns: number, sector: number, sectors: number, sequence: number): Buffer {
  const record = Buffer.alloc(48);
  record.writeUInt32LE(0x65617407, 0);
  record.writeUInt32LE(sequence, 4);
  record.writeBigUInt64LE(BigInt(1e12 + ns), 8);
  record.writeBigUInt64LE(BigInt(sector), 16);
  record.writeUInt32LE(sectors * 512, 24);
  record.writeUInt16LE({ Q: 1, D: 7, C: 8 }[action], 28);
  record.writeUInt16LE(1, 30);
  record.writeUInt32LE(8 << 20, 36);
  return record;
}

function writeSet(folder: string): void {
  const files: Readonly<Record<string, Buffer>> = {
    'sdx.blktrace.0': Buffer.concat([event('D', 0, 8, 8, 1), event('D', 300, 24, 16, 3)]),
    'sdx.blktrace.2': gzipSync(
      Buffer.concat([event('D', 100, 100, 8, 2), event('C', 500, 8, 8, 4), event('C', 600, 24, 8, 5)]),
    ),
    'sdx.blktrace.3': Buffer.concat([event('C', 700, 32, 8, 6), event('C', 900, 100, 8, 7)]),
    'sdy.blktrace.0': event('Q', 0, 0, 8, 1),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
}

test('the files of all CPUs are one trace by time, whichever way they are named', async () => {
  using folder = new TemporaryFolder();
  writeSet(folder.path);
  for (const name of ['sdx.blktrace.2', 'sdx']) {
    const { trace, all } = await readAll(join(folder.path, name));
    assert.equal([...all.sector], [8, 100, 24], name);
    assert.equal([...all.timeNs], [0, 100, 300]);
    assert.is(trace.from, 'D');
    // the last was completed in two parts, in different files
    assert.equal([...all.responseNs], [500, 800, 400]);
    assert.ok(trace.notes.some((note) => note.startsWith('no file of CPU 1')));
  }
});

test('one file of a set is read alone on request, and a folder with two sets is refused', async () => {
  using folder = new TemporaryFolder();
  writeSet(folder.path);
  const alone = await readAll(join(folder.path, 'sdx.blktrace.0'), { single: true });
  assert.is(alone.all.count, 2);
  try {
    await readAll(folder.path);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /is a folder/);
  }
  const inner = join(folder.path, 'inner');
  mkdirSync(inner);
  writeFileSync(join(inner, 'a.blktrace.0'), event('Q', 0, 0, 8, 1));
  assert.is((await readAll(inner)).all.count, 1);
});

test('times count from the earliest event of a set, whichever file it is in', async () => {
  using folder = new TemporaryFolder();
  writeFileSync(join(folder.path, 'a.blktrace.0'), event('Q', 5000, 0, 8, 3));
  writeFileSync(join(folder.path, 'a.blktrace.1'), Buffer.concat([event('Q', 20, 8, 8, 1), event('Q', 40, 16, 8, 2)]));
  const { all } = await readAll(join(folder.path, 'a'));
  assert.equal([...all.timeNs], [0, 20, 4980]);
});

test('a file of a set that is not there is told, however many others there are', async () => {
  using folder = new TemporaryFolder();
  writeSet(folder.path);
  for (const name of ['sdx.blktrace.1', 'sdx.blktrace.2.gz']) {
    assert.match((await rejection(readAll(join(folder.path, name)))).message, /there is no such file/, name);
  }
});

test('completions as records know when the request was issued', async () => {
  using folder = new TemporaryFolder();
  writeSet(folder.path);
  const { all } = await readAll(join(folder.path, 'sdx'), { from: 'C' });
  assert.equal([...all.sector], [8, 24, 32, 100]);
  assert.is(all.responseNs[0], 500);
});

test('events that were lost are told of by their sequence numbers', async () => {
  const { trace } = await readAll(Buffer.concat([event('Q', 0, 0, 8, 1), event('Q', 1, 8, 8, 9)]));
  assert.ok(trace.notes.some((note) => note.startsWith('7 events are missing')));
});

test.run();
