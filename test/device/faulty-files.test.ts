// Files that vanish, shrink, fill up or may not be touched: the error has the system's name, and no byte is lost in silence.

import { chmodSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { runProgram } from '../support/program.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { findTool, skipAloud } from '../support/skip.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: faulty files');

const MODES = ['inline', 'worker', 'auto'] as const;

for (const mode of MODES) {
  test(`a file that vanishes is still the file that was opened; a new device does not find it (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', 65536);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice(`${file}?mode=${mode}`);
    unlinkSync(file);
    await device.write(pattern(0, 4096), 0);
    assert.is(Buffer.compare(await device.read(0, 4096), pattern(0, 4096)), 0);
    await device.flush();
    assert.match((await rejection(mapper.openDevice(`${file}#2`))).message, /ENOENT/);
  });

  test(`a file that shrinks fails reads behind its new end, and those before it go on (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', pattern(0, 65536));
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice(`${file}?mode=${mode}`);
    truncateSync(file, 10_000);
    assert.is(Buffer.compare(await device.read(0, 8192), pattern(0, 8192)), 0);
    const error = await rejection(device.read(8192, 8192));
    assert.is(error['code'], 'EIO');
    assert.is(error['path'], `${file}?mode=${mode}`);
    const [before, behind] = await Promise.allSettled([device.read(4096, 4096), device.read(8192, 4096)]);
    assert.equal([before.status, behind.status], ['fulfilled', 'rejected'], 'merged into one request, told apart');
  });

  test(`a file that shrinks under multipath fails its paths one after the other, and the caller hears the first error (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', pattern(0, 65536));
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?mode=${mode}#1`, `${file}?mode=${mode}#2`]);
    truncateSync(file, 4096);
    const error = await rejection(device.read(8192, 4096));
    assert.equal([error['code'], error['attempts']], ['EIO', 2]);
  });

  test(`no space left goes to the caller as ENOSPC and fails no path (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', 65536);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?mode=${mode}&error=write:nospc@64+64#1`, `${file}?mode=${mode}#2`], {
      selector: 'round-robin',
    });
    assert.is((await rejection(device.write(pattern(0, 4096), 64 * 512)))['code'], 'ENOSPC');
    assert.match(device.status(), / A 0 .* A 0 /);
    assert.is(await device.write(pattern(0, 4096), 64 * 512), 4096, 'the next write takes the other path');
  });

  test(`a read-only device refuses writes as EROFS before they go anywhere, and reads (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', pattern(0, 65536));
    chmodSync(file, 0o444);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice(`${file}?mode=${mode}`, { readOnly: true });
    const error = await rejection(device.write(new Uint8Array(512), 0));
    assert.is(error['code'], 'EROFS');
    assert.is(Buffer.compare(await device.read(5, 100), pattern(5, 100)), 0);
    await device.flush();
  });
}

test('a word with ro=1 under a device that is not read-only refuses writes as EROFS', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const file = folder.file('a', 65536);
  const device = await mapper.openDevice([`${file}?ro=1#1`]);
  const error = await rejection(device.write(new Uint8Array(512), 0));
  assert.is(error['code'], 'EROFS');
  assert.match(device.status(), / A 0 /);
});

test('the same file read-only in one table and writable in another is both', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const file = folder.file('a', 65536);
  const reader = await mapper.openDevice(file, { readOnly: true });
  const writer = await mapper.openDevice(file);
  await writer.write(pattern(0, 512, 3), 0);
  assert.is(Buffer.compare(await reader.read(0, 512), pattern(0, 512, 3)), 0);
  const second = await mapper.openDevice(file, { readOnly: true });
  assert.is((await second.read(0, 1)).length, 1);
  assert.is((await rejection(second.write(new Uint8Array(512), 0)))['code'], 'EROFS');
});

test('a file that may not be written says so and how it could be opened', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 4096);
  chmodSync(folder.path, 0o755);
  chmodSync(file, 0o444);
  // root may open everything, so the program becomes somebody else, once it has read what it needs
  const result = await runProgram(`
    import { DeviceMapper } from LIBRARY;
    const mapper = new DeviceMapper();
    if (process.getuid() === 0) process.setuid(65534);
    const error = await mapper.openDevice('${file}').catch((cause) => cause);
    console.log(error.code, error.errno, error.message.includes('EACCES; for reading only, add ?ro=1'));
    console.log((await (await mapper.openDevice('${file}?ro=1')).read(0, 1)).length);
  `);
  assert.equal([result.errors, result.output], ['', 'ERR_RQDM_TABLE ENODEV true\n1\n']);
});

test('a file system that is really full gives ENOSPC, fails no path, and what was acknowledged is there', async () => {
  const unshare = findTool('unshare');
  using folder = new TemporaryFolder();
  // a small file system of our own, for this program only
  const mount = ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=4m none "$0" && exec "$@"', folder.path];
  if (unshare === undefined || (await runProgram('', { before: [unshare, ...mount] })).status !== 0) {
    skipAloud('no file system can be mounted by unshare, so none can be filled up');
    return;
  }
  for (const mode of MODES) {
    const result = await runProgram(
      `
        import { truncateSync, writeFileSync } from 'node:fs';
        import { openDevice } from LIBRARY;
        const file = '${join(folder.path, 'a')}';
        writeFileSync(file, '');
        truncateSync(file, 16 * 1024 * 1024);
        const device = await openDevice([file + '?mode=${mode}#1', file + '?mode=${mode}#2']);
        const results = await Promise.allSettled(
          Array.from({ length: 128 }, (_, index) => device.write(new Uint8Array(65536).fill(index), index * 65536)),
        );
        const refused = results.filter(({ status }) => status === 'rejected');
        const codes = [...new Set(refused.map(({ reason }) => reason.code))];
        let wrong = 0;
        for (const [index, { status }] of results.entries()) {
          if (status === 'rejected') continue;
          if (!(await device.read(index * 65536, 65536)).every((byte) => byte === index)) wrong++;
        }
        console.log(codes.join(), refused.length > 60 && refused.length < 80, wrong, (device.status().match(/ A 0 /g) ?? []).length);
      `,
      { before: [unshare, ...mount] },
    );
    assert.equal([result.errors, result.output], ['', 'ENOSPC true 0 3\n'], mode);
  }
});

test.run();
