// Flushes end to end: every cache that holds acknowledged writes is covered, and by no more calls than that takes.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { isPending, rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: flush');

/** Counts the calls of fdatasync on this thread, by descriptor; inline paths make theirs here. */
class SyncCounter implements Disposable {
  readonly calls: number[] = [];
  private readonly original = fs.fdatasyncSync;

  constructor() {
    fs.fdatasyncSync = (descriptor: number): void => {
      this.calls.push(descriptor);
      this.original(descriptor);
    };
    syncBuiltinESMExports();
  }

  [Symbol.dispose](): void {
    fs.fdatasyncSync = this.original;
    syncBuiltinESMExports();
  }
}

for (const type of ['request', 'bio'] as const) {
  test(`two paths to one file: a flush is one fdatasync (${type})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', 65536);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?mode=inline#1`, `${file}?mode=inline#2`], {
      type,
      selector: 'round-robin',
    });
    for (let index = 0; index < 4; index++) await device.write(pattern(0, 512, index), index * 4096);
    using syncs = new SyncCounter();
    await device.flush();
    assert.is(syncs.calls.length, 1);
    await device.write(pattern(0, 512, 9), 0);
    await Promise.all([device.flush(), device.flush(), device.flush()]);
    assert.ok(syncs.calls.length >= 2 && syncs.calls.length <= 4, `${syncs.calls.length}`);
  });

  test(`two files: a flush covers those that were written, both if both were (${type})`, async () => {
    using folder = new TemporaryFolder();
    await using mapper = new DeviceMapper();
    const words = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline`);
    const device = await mapper.openDevice(words, { type, selector: 'round-robin' });
    await device.write(pattern(0, 512), 0);
    await device.write(pattern(0, 512), 0);
    using syncs = new SyncCounter();
    await device.flush();
    assert.is(new Set(syncs.calls).size, 2);
    assert.is(syncs.calls.length, 2);
    syncs.calls.length = 0;
    await device.write(pattern(0, 512), 0);
    await device.flush();
    assert.is(syncs.calls.length, 1);
    await device.flush();
    assert.is(syncs.calls.length, 2, 'nothing to cover: down one path, once');
  });

  test(`a path that is lost with writes its cache still holds makes the next flush fail, once (${type})`, async () => {
    using folder = new TemporaryFolder();
    await using mapper = new DeviceMapper();
    const words = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline&switch=${name}`);
    const device = await mapper.openDevice(words, { type, selector: 'round-robin', name: 'd' });
    await device.write(pattern(0, 512), 0);
    await device.write(pattern(0, 512), 0);
    mapper.faultSwitches.get('a').fail();
    const error = await rejection(device.flush());
    assert.match(String(error['code']), /EIO|ENOLINK/);
    assert.match(error.message, /flush on d failed/);
    await device.flush();
    assert.is(await device.write(pattern(0, 512), 0), 512, 'writes go on by the other path');
  });
}

test('a lost path to the same cache is no loss: the other path flushes it', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 65536);
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${file}?switch=one#1`, `${file}#2`], { selector: 'round-robin' });
  await device.write(pattern(0, 512), 0);
  await device.write(pattern(0, 512), 0);
  mapper.faultSwitches.get('one').fail();
  await device.flush();
  await device.flush();
  assert.is(device.stats().bioErrors, 0);
});

test('with queue_if_no_path a flush waits for the cache it must cover', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const words = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline&switch=${name}`);
  const device = await mapper.openDevice(words, { queueIfNoPath: true, selector: 'round-robin' });
  await device.write(pattern(0, 512), 0);
  await device.write(pattern(0, 512), 0);
  mapper.faultSwitches.get('a').fail();
  const flush = device.flush();
  assert.ok(await isPending(flush));
  mapper.faultSwitches.get('a').mend();
  device.message('reinstate_path 240:1');
  await flush;
});

test('a flush of linear, and of linear over multipath, reaches every file below, once each', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const [a, b] = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline`) as [string, string];
  const row = await mapper.createDevice({
    name: 'row',
    table: [`0 64 linear ${a} 0`, `64 64 linear ${b} 0`, `128 64 linear ${a} 64`],
  });
  await row.write(pattern(0, 192 * 512), 0);
  using syncs = new SyncCounter();
  await row.flush();
  assert.is(new Set(syncs.calls).size, 2);
  const pair = await mapper.openDevice([`${a}#1`, `${a}#2`], { name: 'pair' });
  const above = await mapper.createDevice({ name: 'above', table: '0 128 linear pair 0' });
  await above.write(pattern(0, 512), 0);
  syncs.calls.length = 0;
  await above.flush();
  assert.is(syncs.calls.length, 1);
  assert.is(pair.stats().flushes, 1);
});

test('an error of fdatasync is the error of the flush', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${folder.file('a', 65536)}?error=flush:nospc`]);
  await device.write(pattern(0, 512), 0);
  const error = await rejection(device.flush());
  assert.is(error['code'], 'ENOSPC');
  assert.match(device.status(), / A 0 /, 'no path fails for it');
});

test('a flush after a reload covers writes that were acknowledged under the old table', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const [a, b] = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline`) as [string, string];
  const table = (...words: string[]): string => `0 128 multipath 0 0 1 1 round-robin 0 ${words.length} 0 ${words.join(' ')}`;
  const device = await mapper.createDevice({ name: 'd', table: table(a) });
  await device.write(pattern(0, 512), 0);
  await device.reload(table(a, b));
  using syncs = new SyncCounter();
  await device.flush();
  assert.is(syncs.calls.length, 1);
  const [number] = /240:\d+/.exec(device.table()) as RegExpExecArray;
  device.message(`fail_path ${number}`);
  await device.flush();
  assert.is(new Set(syncs.calls).size, 2, 'then the other path has nothing to cover and is only asked once');
});

test('a table that leaves out a file with acknowledged writes fails the next flush', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const [a, b] = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline`) as [string, string];
  const table = (word: string): string => `0 * multipath 0 0 1 1 round-robin 0 1 0 ${word}`;
  const device = await mapper.createDevice({ name: 'm', table: table(a) });
  await device.write(pattern(0, 512), 0);
  await device.reload(table(b));
  assert.is((await rejection(device.flush())).code, 'EIO');
  await device.flush();
  await device.reload(table('mem:m?size=64K'));
  await device.flush();
});

test('devices without a cache flush without I/O', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=64K#1', 'mem:a?size=64K#2']);
  await device.write(pattern(0, 512), 0);
  await device.flush();
  assert.is(
    device.stats().paths.reduce((sum, path) => sum + path.issued, 0),
    1,
  );
});

test('target switch: a flush is one fdatasync for each file, whichever region it was written to', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const [a, b] = ['a', 'b'].map((name) => `${folder.file(name, 65536)}?mode=inline`);
  const table = `0 64 switch 3 16 0 ${a}#1 0 ${b} 0 ${a}#2 0`;
  const device = await mapper.createDevice({ name: 'ports', table });
  await device.write(pattern(0, 32768), 0);
  using syncs = new SyncCounter();
  await device.flush();
  assert.is(syncs.calls.length, 2);
  assert.is(new Set(syncs.calls).size, 2);
});

test('target flakey: a dropped flush reaches no file', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const table = `0 64 flakey ${folder.file('a', 65536)}?mode=inline 0 0 1 1 drop_writes`;
  const device = await mapper.createDevice({ name: 'f', table });
  using syncs = new SyncCounter();
  await device.write(pattern(0, 512), 0);
  await device.flush();
  assert.is(syncs.calls.length, 0);
});

test.run();
