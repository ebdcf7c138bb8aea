// Multipath end to end: paths fail and come back under I/O. The numbers are those of the behaviour matrix of the spec.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_AGAIN } from '../../assembly/abi.ts';
import { DeviceMapper, type MappedDevice, RqdmIoError } from '../../bindings/index.ts';
import { isPending, rejection, thrown, until } from '../support/promise-state.ts';
import { pattern, Random } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

const test = suite('device: multipath');

const A = 'mem:a?size=1M';
const ONE = `${A}&switch=one#1`;
const TWO = `${A}&switch=two#2`;
const TYPES = ['request', 'bio'] as const;

function letters(device: MappedDevice): string {
  return [...device.status().matchAll(/24\d:\d+ ([AF] \d+)/g)].map(([, letter]) => letter).join(', ');
}

for (const type of TYPES) {
  test(`1. a transport error fails the path and the other one does the work (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([ONE, TWO], { type, selector: 'round-robin' });
    const events: unknown[] = [];
    device.on('path-failed', (detail) => events.push(['path-failed', detail]));
    device.on('path-reinstated', (detail) => events.push(['path-reinstated', detail]));
    device.on('table-event', (detail) => events.push(['table-event', detail]));
    mapper.faultSwitches.get('one').fail();
    assert.is(await device.write(pattern(0, 4096, 1), 0), 4096);
    assert.is(letters(device), 'F 1, A 0');
    assert.is(device.eventNumber, 1);
    assert.equal(events, [
      ['path-failed', { path: ONE, number: '240:1', validPaths: 1 }],
      ['table-event', { reason: 'path-failed', eventNumber: 1 }],
    ]);
    await device.read(0, 4096);
    assert.is(device.stats().paths[0]!.issued, 1, 'a failed path is not tried again');
    mapper.faultSwitches.get('one').mend();
    device.message(`reinstate_path ${ONE}`);
    assert.is(letters(device), 'A 1, A 0');
    assert.is(device.eventNumber, 2);
    assert.equal(events.slice(2), [
      ['path-reinstated', { path: ONE, number: '240:1', validPaths: 2 }],
      ['table-event', { reason: 'path-reinstated', eventNumber: 2 }],
    ]);
  });

  test(`2. a medium error goes to the caller at once and fails no path (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${A}&error=read:medium@8+8#1`, `${A}&error=read:medium@8+8#2`], {
      type,
      name: 'd',
    });
    const error = await rejection(device.read(4096, 4096));
    assert.instance(error, RqdmIoError);
    const { code, operation, position, length, device: name, attempts, path } = error as unknown as RqdmIoError;
    assert.equal([code, operation, position, length, name, attempts], ['ENODATA', 'read', 4096, 4096, 'd', 1]);
    assert.match(path as string, /^mem:a/);
    assert.match(
      error.message,
      /ENODATA: read of 4096 bytes at position 4096 on d failed: medium error \(1 attempt, last path mem:a/,
    );
    assert.is(error.cause, undefined);
    assert.is(letters(device), 'A 0, A 0');
    assert.is((await device.read(0, 4096)).length, 4096);
  });

  test(`3. out of resources fails the path, and the request comes again later (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${A}&error=resource#1`, TWO], { type, selector: 'round-robin' });
    assert.is((await device.read(0, 512)).length, 512);
    assert.is(letters(device), 'F 1, A 0');
    assert.is(device.stats().delayedRequeues, 1);
  });

  test(`a path that asks to be asked again later is not failed, and has the request again after 100 ms (${type})`, async () => {
    await using virtual = new VirtualMapper();
    const device = await virtual.run(virtual.mapper.openDevice([ONE], { type }));
    virtual.mapper.faultSwitches.get('one').fail(STATUS_AGAIN);
    const read = device.read(0, 512);
    await virtual.advance(250);
    assert.is(letters(device), 'A 0');
    assert.is(device.stats().delayedRequeues, 3);
    virtual.mapper.faultSwitches.get('one').mend();
    assert.is((await virtual.run(read)).length, 512);
    assert.is(virtual.time.now() < 301e6, true);
  });

  test(`5. without a path the caller gets the last error and what was first, new I/O fails too (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([ONE, TWO], { type, selector: 'round-robin' });
    mapper.faultSwitches.get('one').fail('timeout');
    mapper.faultSwitches.get('two').fail('transport');
    const error = (await rejection(device.read(0, 4096))) as unknown as RqdmIoError;
    assert.is(error.code, 'ENOLINK');
    assert.is(error.attempts, 2);
    assert.is(error.path, TWO);
    assert.is((error.cause as { code: string }).code, 'ETIMEDOUT');
    const next = (await rejection(device.read(0, 4096))) as unknown as RqdmIoError;
    assert.equal([next.code, next.attempts, next.path, next.cause], ['EIO', 0, undefined, undefined]);
    assert.is((await rejection(device.write(new Uint8Array(512), 0)))['code'], 'EIO');
  });

  test(`6. with queue_if_no_path I/O waits; a reinstated path carries it on, fail_if_no_path fails it (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([ONE, TWO], { type, queueIfNoPath: true });
    mapper.faultSwitches.get('one').fail();
    mapper.faultSwitches.get('two').fail();
    const write = device.write(pattern(0, 4096, 6), 0);
    assert.ok(await isPending(write));
    assert.is(letters(device), 'F 1, F 1');
    const read = device.read(8192, 512);
    mapper.faultSwitches.get('two').mend();
    device.message('reinstate_path 240:2');
    await Promise.all([write, read]);
    assert.is(Buffer.compare(await device.read(0, 4096), pattern(0, 4096, 6)), 0);
    mapper.faultSwitches.get('two').fail();
    const failing = rejection(device.read(0, 512));
    assert.ok(await isPending(failing));
    device.message('fail_if_no_path');
    assert.is((await failing)['code'], 'EIO');
    assert.not.match(device.table(), /queue_if_no_path/);
    device.message('queue_if_no_path');
    assert.match(device.table(), / [14] queue_if_no_path /);
  });

  test(`7. a flush suspend fails what waits for a path, and the feature is back after the resume (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([ONE], { type, queueIfNoPath: true });
    mapper.faultSwitches.get('one').fail();
    const waiting = rejection(device.read(0, 512));
    assert.ok(await isPending(waiting));
    await device.suspend();
    assert.is((await waiting)['code'], 'EIO');
    assert.not.match(device.table(), /queue_if_no_path/);
    const during = device.read(0, 512);
    await device.resume();
    assert.match(device.table(), /queue_if_no_path/);
    assert.ok(await isPending(during));
    mapper.faultSwitches.get('one').mend();
    device.message('reinstate_path 240:1');
    await during;
  });

  test(`10. switch_group and 11. disable_group choose where I/O goes (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const mode = type === 'bio' ? '2 queue_mode bio' : '0';
    const device = await mapper.createDevice({
      name: 'd',
      table: `0 2048 multipath ${mode} 0 2 1 service-time 0 1 0 ${A}#1 service-time 0 1 0 ${A}#2`,
    });
    const groups = (): string => [...device.status().matchAll(/ ([ADE]) 0 1 2 /g)].map(([, letter]) => letter).join('');
    const issued = (): string =>
      device
        .stats()
        .paths.map((path) => path.issued)
        .join();
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['AE', '1,0']);
    device.message('switch_group 2');
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['EA', '1,1']);
    device.message('disable_group 2');
    assert.is(groups(), 'ED');
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['AD', '2,1']);
    device.message('disable_group 1');
    await device.read(0, 512);
    assert.is(groups(), 'DD', 'a disabled group is used when there is no other');
    assert.is(issued(), '3,1');
    device.message('enable_group 2');
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['DA', '3,2']);
    device.message('switch_group 1');
    assert.is(groups(), 'EE', 'switching enables all');
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['AE', '4,2']);
    assert.is(device.eventNumber, 5);
    device.message(`fail_path ${device.stats().paths[0]!.number}`);
    await device.read(0, 512);
    assert.equal([groups(), issued()], ['EA', '4,3']);
  });
}

test('8. over a noflush suspend waiting I/O goes on by the paths of the next table (request)', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([ONE], { queueIfNoPath: true });
  mapper.faultSwitches.get('one').fail();
  const waiting = [device.write(pattern(0, 4096, 8), 0), device.read(8192, 512)];
  assert.ok(await isPending(Promise.race(waiting)));
  await device.suspend({ noflush: true });
  assert.match(device.table(), /queue_if_no_path/, 'the feature stays on');
  const during = device.write(pattern(4096, 4096, 9), 4096);
  device.load(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${TWO}`);
  await device.resume();
  await Promise.all([...waiting, during]);
  assert.is(Buffer.compare(await device.read(0, 8192), Buffer.concat([pattern(0, 4096, 8), pattern(4096, 4096, 9)])), 0);
});

test('8. without queue_if_no_path too, what loses its path during a noflush suspend waits for the next table', async () => {
  await using mapper = new DeviceMapper();
  const low = await mapper.openDevice([ONE], { name: 'low', queueIfNoPath: true });
  const device = await mapper.openDevice(['low'], { name: 'top' });
  mapper.faultSwitches.get('one').fail();
  const read = device.read(0, 4096);
  await until(() => low.eventNumber === 1);
  const suspend = device.suspend({ noflush: true });
  assert.ok(await isPending(suspend), 'the read is on its path');
  low.message('fail_if_no_path');
  await suspend;
  assert.match(device.status(), /253:0 F 1 /);
  assert.ok(await isPending(read));
  device.load(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${TWO}`);
  await device.resume();
  await read;
});

test('9. what was good before an error is told at once, and only the rest goes to another path (request)', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}&error=read:transport@24+1&switch=one#1`, TWO], { selector: 'round-robin' });
  await device.write(pattern(0, 65536, 9), 0);
  await device.write(pattern(65536, 512, 9), 65536);
  const before = device.stats().paths.map(({ issuedBytes }) => issuedBytes);
  const reads = await Promise.all(Array.from({ length: 8 }, (_, index) => device.read(index * 4096, 4096)));
  assert.is(Buffer.compare(Buffer.concat(reads), pattern(0, 32_768, 9)), 0);
  const after = device.stats().paths.map(({ issuedBytes }) => issuedBytes);
  assert.equal([after[0]! - before[0]!, after[1]! - before[1]!], [32_768, 20_480]);
  assert.is(letters(device), 'F 1, A 0');
});

test('9. a bio-based device sends the whole bio again', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}&error=read:transport@24+1#1`, TWO], { type: 'bio', selector: 'round-robin' });
  await device.write(pattern(0, 32_768, 9), 0);
  await device.write(pattern(65536, 512, 9), 65536);
  assert.is(Buffer.compare(await device.read(0, 32_768), pattern(0, 32_768, 9)), 0);
  assert.equal(
    device.stats().paths.map(({ answered, errors }) => [answered, errors]),
    [
      [2, 1],
      [2, 0],
    ],
  );
});

test('12. a reinstated path is the next of round-robin', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([ONE, TWO, `${A}#3`], { selector: 'round-robin' });
  await device.read(0, 512);
  device.message('fail_path 240:2');
  for (let index = 0; index < 4; index++) await device.read(0, 512);
  const before = device.stats().paths[1]!.issued;
  device.message('reinstate_path 240:2');
  await device.read(0, 512);
  assert.is(device.stats().paths[1]!.issued, before + 1);
});

test('messages that are none are refused with the words they should have been', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([ONE]);
  for (const [words, text] of [
    ['', /Empty message/],
    ['nonsense', /Expected 2 arguments, got 1/],
    ['nonsense 1', /Unrecognised multipath message received: nonsense/],
    ['switch_group 2', /expected 1 to 1, got "2"/],
    ['fail_path 9:9', /no path of/],
  ] as const) {
    const error = thrown(() => device.message(words));
    assert.is(error['code'], 'ERR_RQDM_MESSAGE');
    assert.match(error.message, text);
  }
  assert.match(thrown(() => device.message('fail_if_no_path', { sector: 4096 })).message, /outside device/);
  const flat = await mapper.createDevice({ name: 'flat', table: `0 8 linear ${A} 0` });
  assert.match(thrown(() => flat.message('x')).message, /does not support messages: linear/);
});

test('a listener that fails a path, reads and throws keeps no other from being told', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([ONE, TWO], { selector: 'round-robin' });
  const reads: Promise<Buffer>[] = [];
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', note);
  device.on('path-failed', () => {
    reads.push(device.read(4096, 512));
    throw new Error('listener');
  });
  let told = 0;
  device.on('table-event', () => told++);
  mapper.faultSwitches.get('one').fail();
  assert.is((await device.read(0, 512)).length, 512);
  await until(() => uncaught.length > 0);
  process.off('uncaughtException', note);
  assert.match(String(uncaught[0]), /listener/);
  assert.is((await reads[0]!).length, 512);
});

for (const type of TYPES) {
  test(`paths that fail and come back in the middle of a load lose no byte (${type})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('disk', 1024 * 1024);
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?switch=one#1`, `${file}?switch=two&mode=inline#2`], {
      type,
      queueIfNoPath: true,
    });
    const random = new Random(5);
    let isOver = false;
    let done = 0;
    const lanes = Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        const first = lane * 131_072;
        for (let round = 0; !isOver || round < 3; round++) {
          const position = first + random.below(200) * 512;
          const bytes = pattern(position, (1 + random.below(40)) * 512, round);
          await device.write(bytes, position);
          assert.is(Buffer.compare(await device.read(position, bytes.length), bytes), 0);
          done++;
        }
      }),
    );
    const [one, two] = [mapper.faultSwitches.get('one'), mapper.faultSwitches.get('two')];
    for (let round = 0; round < 20; round++) {
      const [bad, number] = round % 2 ? ([one, '240:1'] as const) : ([two, '240:2'] as const);
      const failed = device.eventNumber;
      bad.fail(round % 3 ? 'transport' : 'timeout');
      if (round % 5 === 4) (round % 2 ? two : one).fail();
      await until(() => device.eventNumber > failed);
      one.mend();
      two.mend();
      device.message(`reinstate_path ${number}`);
      device.message(`reinstate_path ${round % 2 ? '240:2' : '240:1'}`);
      const target = done + 20;
      await until(() => done >= target);
    }
    isOver = true;
    await lanes;
    assert.is(device.stats().bioErrors, 0);
    assert.ok(device.stats().requeues > 0);
  });
}

test.run();
