// How processes with devices live and end. Each test is a program of its own.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIBRARY, type ProgramResult, runProgram } from '../support/program.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: process');

function endsWell({ status, signal, output, errors }: ProgramResult, expected: string): void {
  assert.is(errors, '');
  assert.is(output, expected);
  assert.equal([status, signal], [0, null]);
}

for (const mode of ['inline', 'worker', 'auto']) {
  test(`a program that never closes ends by itself once it is idle (${mode})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('a', 65536);
    endsWell(
      await runProgram(`
        import { openDevice } from LIBRARY;
        const device = await openDevice(['${file}?mode=${mode}#1', '${file}?mode=${mode}#2']);
        await device.write(new Uint8Array(512).fill(7), 512);
        await device.flush();
        console.log((await device.read(512, 1))[0]);
      `),
      '7\n',
    );
  });
}

test('a program that only opens a device, or only makes a mapper, ends too', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 65536);
  endsWell(
    await runProgram(`
      import { openDevice, DeviceMapper } from LIBRARY;
      await openDevice('${file}');
      const mapper = new DeviceMapper();
      const device = await mapper.openDevice('${file}');
      await device.suspend();
      console.log('open');
    `),
    'open\n',
  );
});

test('I/O on a worker that nobody waits for is done before the process ends', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 1024 * 1024);
  endsWell(
    await runProgram(`
      import { openDevice } from LIBRARY;
      const device = await openDevice('${file}?mode=worker');
      const bytes = new Uint8Array(1024 * 1024).fill(5);
      device.write(bytes, 0).then(() => device.flush()).then(() => console.log('written'));
    `),
    'written\n',
  );
  assert.ok(folder.read('a').every((byte) => byte === 5));
});

test('I/O that a delay or a delayed requeue holds keeps the process, and then it ends', async () => {
  endsWell(
    await runProgram(`
      import { openDevice } from LIBRARY;
      const slow = await openDevice('mem:a?size=64K&delay=20ms');
      slow.read(0, 512).then(() => console.log('slow'));
      const again = await openDevice(['mem:b?size=64K&error=resource#1', 'mem:b?size=64K#2'], { selector: 'round-robin' });
      again.read(0, 512).then(() => console.log('again'));
    `),
    'slow\nagain\n',
  );
});

test('a timer of a target keeps the process only while I/O waits on its device or elsewhere', async () => {
  const program = (reads: string): Promise<ProgramResult> =>
    runProgram(`
      import { DeviceMapper } from LIBRARY;
      const mapper = new DeviceMapper();
      const kept = [];
      let timed;
      mapper.registerTarget({
        name: 'keeper', version: [1, 0, 0], mapping: 'hybrid',
        construct(words, context) {
          timed = context;
          const device = context.getDevice(words[0], 0, 'none');
          return {
            status: () => words[0],
            iterateDevices: (visit) => visit(device, 0, context.lengthSectors),
            prepMap: (io) => { kept.push(io.id); return 0; },
          };
        },
      });
      const device = await mapper.createDevice({ name: 'd', table: '0 128 keeper mem:a?size=64K' });
      timed.setTimer(50, () => { for (const id of kept) timed.finish(id, 0); console.log('timer'); });
      ${reads}
      console.log('end');
    `);
  endsWell(await program(''), 'end\n');
  endsWell(await program("setImmediate(() => device.read(0, 512).then(() => console.log('read')));"), 'end\ntimer\nread\n');
});

test('process.exit ends a process that has I/O out which will not be answered', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 65536);
  const result = await runProgram(`
    import { DeviceMapper } from LIBRARY;
    const mapper = new DeviceMapper({ hangMs: 20 });
    const device = await mapper.openDevice('${file}?mode=worker&delay=1000000ms');
    device.read(0, 512).catch(() => {});
    setTimeout(() => process.exit(3), 50);
  `);
  assert.equal([result.status, result.errors], [3, '']);
});

test('an error that nobody catches ends the process with its message', async () => {
  const result = await runProgram(`
    import { openDevice } from LIBRARY;
    const device = await openDevice('mem:a?size=4K&error=medium', { name: 'd' });
    await device.read(0, 512);
  `);
  assert.is(result.status, 1);
  assert.match(result.errors, /RqdmIoError: ENODATA: read of 512 bytes at position 0 on d failed: medium error/);
});

test('the library works inside a worker thread, which ends with its last I/O', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 65536);
  endsWell(
    await runProgram(`
      import { Worker } from 'node:worker_threads';
      const code = \`
        const { openDevice } = await import('${LIBRARY}');
        const { parentPort } = await import('node:worker_threads');
        const device = await openDevice(['${file}?mode=worker#1', '${file}?mode=inline#2'], { selector: 'round-robin' });
        for (let i = 0; i < 8; i++) await device.write(new Uint8Array(512).fill(i), i * 512);
        parentPort.postMessage((await device.read(0, 4096))[3 * 512]);
      \`;
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)));
      worker.on('message', (value) => console.log(value));
      worker.on('exit', (status) => console.log('exit', status));
    `),
    '3\nexit 0\n',
  );
});

test('require() gives the same library', async () => {
  const path = new URL(LIBRARY).pathname;
  endsWell(
    await runProgram(
      `
        const { openDevice, DeviceMapper } = require(${JSON.stringify(path)});
        const mapper = new DeviceMapper();
        mapper.openDevice('mem:a?size=4K').then(async (device) => {
          console.log((await device.read(0, 4)).length, typeof openDevice);
          await mapper.close();
        });
      `,
      { kind: 'commonjs' },
    ),
    '4 function\n',
  );
});

test('importing the library starts no thread and opens nothing', async () => {
  endsWell(
    await runProgram(`
      import * as library from LIBRARY;
      console.log(Object.keys(library).includes('openDevice'), process.getActiveResourcesInfo().filter((name) => /Port|Worker|Timeout|Immediate/.test(name)).length);
    `),
    'true 0\n',
  );
});

test('a process that is killed in the middle leaves whole sectors of what was acknowledged', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 1024 * 1024);
  const result = await runProgram(`
    import { openDevice } from LIBRARY;
    import { writeSync } from 'node:fs';
    const device = await openDevice(['${file}#1', '${file}#2']);
    for (let index = 0; ; index++) {
      const place = index % 256;
      await device.write(new Uint8Array(4096).fill(place), place * 4096);
      writeSync(1, place + '\\n');
      if (index === 100) process.kill(process.pid, 'SIGKILL');
    }
  `);
  assert.is(result.signal, 'SIGKILL');
  const told = result.output.trim().split('\n').map(Number);
  const bytes = readFileSync(file);
  for (const place of told) assert.ok(bytes.subarray(place * 4096, (place + 1) * 4096).every((byte) => byte === place));
});

test('Ctrl-C is heard while a loop of reads over memory goes on', async () => {
  const result = await runProgram(`
    import { openDevice } from LIBRARY;
    const device = await openDevice('mem:a?size=64K');
    process.on('SIGINT', () => { console.log('heard'); process.exit(0); });
    setTimeout(() => process.kill(process.pid, 'SIGINT'), 5);
    for (;;) await device.read(0, 512);
  `);
  endsWell(result, 'heard\n');
});

test.run();
