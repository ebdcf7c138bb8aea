// The library in other people's programs: in their worker threads, several mappers at once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, getDefaultMapper, VirtualTime } from '../../bindings/index.ts';
import { runProgram } from '../support/program.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: embedding');

for (const leavesOpen of [false, true]) {
  test(`threads of a user have devices of their own, on workers, and ${leavesOpen ? 'left open' : 'closed'} they end`, async () => {
    using folder = new TemporaryFolder();
    const files = [folder.file('a', 1024 * 1024), folder.file('b', 1024 * 1024)];
    const result = await runProgram(`
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      import { openDevice } from LIBRARY;
      const main = await openDevice('${files[0]}?mode=worker');
      const ends = ${JSON.stringify(files)}.map(async (file, index) => {
        const workerData = { file, leavesOpen: ${leavesOpen}, fill: index + 1 };
        const worker = new Worker(new URL('../test/support/device-thread.js', LIBRARY), { workerData, execArgv: [] });
        // both from the beginning: a thread's last message and its end may come in one go
        const [[message], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
        return [message.isSame, message.paths, code];
      });
      console.log(JSON.stringify(await Promise.all(ends)), (await main.read(65536, 1))[0]);
    `);
    assert.equal([result.output, result.errors, result.status, result.signal], ['[[true,2,0],[true,2,0]] 1\n', '', 0, null]);
  });
}

test('a thread that is terminated in the middle of its I/O takes nobody along', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 1024 * 1024);
  const result = await runProgram(`
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { openDevice } from LIBRARY;
    const text = \`
      const { parentPort } = require('node:worker_threads');
      import(\${JSON.stringify(LIBRARY)}).then(async ({ openDevice }) => {
        const device = await openDevice('${file}?mode=worker');
        parentPort.postMessage('open');
        for (;;) await device.read(0, 65536);
      });
    \`;
    const worker = new Worker(text, { eval: true, execArgv: [] });
    await once(worker, 'message');
    await worker.terminate();
    const device = await openDevice('${file}?mode=worker');
    console.log((await device.read(0, 512)).length);
  `);
  assert.is(result.errors, '');
  assert.equal([result.output, result.status, result.signal], ['512\n', 0, null]);
});

test('mappers in one process have names, memories, arenas and ends of their own', async () => {
  await using first = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  await using second = new DeviceMapper();
  const one = await first.openDevice(['mem:a?size=64K#1', 'mem:a?size=64K#2'], { name: 'same' });
  const other = await second.openDevice(['mem:a?size=128K#1', 'mem:a?size=128K#2'], { name: 'same' });
  assert.equal([one.size, other.size], [65536, 131072]);
  await Promise.all([one.write(pattern(0, 4096, 1), 0), other.write(pattern(0, 4096, 2), 0)]);
  assert.is(Buffer.compare(await one.read(0, 4096), pattern(0, 4096, 1)), 0);
  assert.is(Buffer.compare(await other.read(0, 4096), pattern(0, 4096, 2)), 0);
  using lease = first.lease(65536)!;
  assert.is(lease.length, 65536);
  assert.is((await other.read(0, 65536)).length, 65536);
  await one.suspend();
  assert.is((await other.read(0, 512)).length, 512);
  await first.close();
  assert.is((await rejection(one.read(0, 512)))['code'], 'ERR_RQDM_CLOSED');
  assert.is(Buffer.compare(await other.read(0, 4096), pattern(0, 4096, 2)), 0);
  assert.is(second.getDevice('same'), other);
  assert.is(getDefaultMapper().getDevice('same'), undefined);
});

test('a mapper on the virtual clock of the library lives when its user moves the clock on', async () => {
  const time = new VirtualTime();
  await using mapper = new DeviceMapper({ time });
  const device = await mapper.openDevice('sim:a?size=64K&service=5ms');
  const startNs = time.now();
  let length = 0;
  void device.read(0, 512).then((bytes) => {
    length = bytes.length;
  });
  await time.until(() => length > 0);
  assert.equal([length, time.now() - startNs], [512, 5_000_000]);
});

test('one file under several mappers is one file', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 65536);
  await using first = new DeviceMapper();
  await using second = new DeviceMapper();
  const one = await first.openDevice([`${file}?mode=worker#1`, `${file}?mode=worker#2`]);
  const other = await second.openDevice(`${file}?mode=inline`);
  await one.write(pattern(0, 4096), 4096);
  assert.is(Buffer.compare(await other.read(4096, 4096), pattern(0, 4096)), 0);
});

test.run();
