// Suspend, load, resume: tables change under load, and no I/O is lost.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { isPending, rejection, thrown, turns, until } from '../support/promise-state.ts';
import { pattern, Random } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: suspend and load');

const A = 'mem:a?size=1M';

// ---- suspend --------------------------------------------------------------------------------------------------------

for (const type of ['request', 'bio'] as const) {
  test(`I/O of a suspended device waits for the resume, in its order (${type})`, async () => {
    await using mapper = new DeviceMapper();
    using folder = new TemporaryFolder();
    const file = folder.file('a', 1024 * 1024);
    const device = await mapper.openDevice([`${file}?mode=inline#1`, `${file}?mode=inline#2`], { type });
    await device.write(pattern(0, 512), 0);
    await device.suspend();
    assert.ok(device.isSuspended);
    await device.suspend();
    const order: string[] = [];
    const note = (what: string) => (): void => void order.push(what);
    const waiting = [
      device.write(pattern(0, 512, 1), 0).then(note('write')),
      device.flush().then(note('flush')),
      device.read(8192, 512).then(note('read')),
    ];
    assert.ok(await isPending(Promise.race(waiting)));
    await device.resume();
    await Promise.all(waiting);
    assert.is(order.length, 3);
    assert.is(Buffer.compare(await device.read(0, 512), pattern(0, 512, 1)), 0);
    await device.resume();
    assert.not.ok(device.isSuspended);
  });
}

test('suspend waits for what a worker has in hand', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(`${folder.file('a', 1024 * 1024)}?mode=worker`);
  let ended = 0;
  const writes = Array.from({ length: 64 }, (_, index) =>
    device.write(pattern(index * 8192, 512, index), index * 8192).then(() => ended++),
  );
  await turns(1);
  await device.suspend();
  const atSuspend = ended;
  assert.is(device.stats().inFlight, 0);
  await turns(3);
  assert.is(ended, atSuspend, 'nothing ends while suspended');
  await device.resume();
  await Promise.all(writes);
});

test('messages to a suspended multipath are refused as busy', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}#1`]);
  await device.suspend();
  assert.is(thrown(() => device.message('fail_if_no_path'))['code'], 'ERR_RQDM_BUSY');
  await device.resume();
  device.message('fail_if_no_path');
});

test('suspends and resumes that are called at once follow each other', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}#1`]);
  const read = device.read(0, 512);
  await Promise.all([device.suspend(), device.resume(), device.suspend({ noflush: true }), device.suspend(), device.resume()]);
  assert.not.ok(device.isSuspended);
  await read;
});

test('a target that refuses the resume leaves the device suspended, and the next resume may succeed', async () => {
  await using mapper = new DeviceMapper();
  let refuses = false;
  mapper.registerTarget(
    probeTarget('probe', {
      preresume: () => {
        if (refuses) throw new Error('not yet');
      },
    }),
  );
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 probe ${A}` });
  await device.suspend();
  refuses = true;
  const read = device.read(0, 512);
  assert.match((await rejection(device.resume())).message, /not yet/);
  assert.ok(device.isSuspended);
  assert.ok(await isPending(read));
  refuses = false;
  await device.resume();
  await read;
});

// ---- load -----------------------------------------------------------------------------------------------------------

test('a loaded table waits for the resume; a resume of a running device swaps it in', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: `0 64 linear ${A} 0` });
  await device.write(pattern(0, 512, 1), 0);
  device.load(`0 128 linear ${A} 64`);
  assert.is(device.size, 64 * 512);
  assert.is((await device.read(0, 1))[0], pattern(0, 1, 1)[0]);
  await device.resume();
  assert.is(device.size, 128 * 512);
  assert.is((await device.read(0, 1))[0], 0);
  device.load('0 1 error');
  device.clear();
  await device.resume();
  assert.is(device.size, 128 * 512);
});

test('a load that fails leaves the live and the inactive table as they were, and no device behind', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: `0 64 linear ${A} 0` });
  const live = device.table();
  device.load(`0 32 linear ${A} 0`);
  const free = poolFigures(mapper);
  for (const bad of [
    '0 8 nonsense',
    `0 9999 linear ${A} 0`,
    '0 8 linear mem:new?size=4K 0 0',
    ['0 8 linear mem:new?size=4K 0', '9 8 error'],
    '* linear',
  ]) {
    assert.is(thrown(() => device.load(bad as string))['code'], 'ERR_RQDM_TABLE');
  }
  await turns();
  assert.equal(poolFigures(mapper), free);
  assert.is(device.table(), live);
  await device.resume();
  assert.is(device.size, 32 * 512);
});

test('multipath makes way for error and for multipath, never for linear', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}#1`, `${A}#2`], { name: 'd' });
  const error = thrown(() => device.load(`0 2048 linear ${A} 0`));
  assert.match(error.message, /can't replace immutable target type multipath/);
  assert.is((await device.read(0, 512)).length, 512);
  await device.reload('0 2048 error');
  assert.is(device.table(), '0 2048 error ');
  assert.is((await rejection(device.read(0, 512)))['code'], 'EIO');
  await device.reload(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}#3`);
  assert.is((await device.read(0, 512)).length, 512);
});

test('the first table fixes the type', async () => {
  await using mapper = new DeviceMapper();
  const bio = await mapper.createDevice({ name: 'b', table: `0 2048 linear ${A} 0` });
  const error = thrown(() => bio.load(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}`));
  assert.match(error.message, /can't change device type \(old=1 vs new=2\) after initial table load\./);
  bio.load(`0 2048 multipath 2 queue_mode bio 0 1 1 round-robin 0 1 0 ${A}`);
  await bio.resume();
  assert.is(bio.type, 'bio');
  const request = await mapper.openDevice([`${A}#1`]);
  const other = thrown(() => request.load(`0 2048 multipath 2 queue_mode bio 0 1 1 round-robin 0 1 0 ${A}`));
  assert.match(other.message, /can't change device type \(old=2 vs new=1\)/);
});

test('I/O held over a swap to a smaller table ends with an error beyond the new end, and well before it', async () => {
  for (const type of ['bio', 'request'] as const) {
    await using mapper = new DeviceMapper();
    const device = await mapper.createDevice({ name: 'd', table: `0 2048 passthrough ${A} 0`, type });
    await device.suspend();
    const inside = device.read(0, 512);
    const beyond = rejection(device.read(100 * 512, 512));
    const across = rejection(device.read(60 * 512, 8 * 512));
    device.load(`0 64 passthrough ${A} 0`);
    await device.resume();
    assert.is((await inside).length, 512);
    assert.is((await beyond)['code'], 'EIO', type);
    assert.is((await across)['code'], 'EIO', type);
  }
});

test('a busy hook of the old table does not hold the new one', async () => {
  await using mapper = new DeviceMapper();
  let isBusy = false;
  mapper.registerTarget(probeTarget('probe', { busy: () => isBusy }));
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 probe ${A}`, type: 'request' });
  await device.read(0, 512);
  isBusy = true;
  await device.read(0, 512);
  const held = device.read(0, 512);
  assert.ok(await isPending(held));
  await device.reload(`0 2048 passthrough ${A} 0`);
  await held;
  assert.is((await device.read(512, 512)).length, 512);
});

for (const type of ['request', 'bio'] as const) {
  test(`tables are swapped under random load, thirty times, and every byte is right (${type})`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('disk', 1024 * 1024);
    await using mapper = new DeviceMapper();
    const words = [`${file}?mode=worker`, `${file}?mode=inline`];
    const mode = type === 'bio' ? 'bio' : 'rq';
    const tables = ['round-robin', 'service-time', 'queue-length'].map(
      (selector, index) =>
        `0 2048 multipath 2 queue_mode ${mode} 0 1 1 ${selector} 0 2 0 ${words[index % 2]}#${index} ${words[1 - (index % 2)]}#x`,
    );
    const device = await mapper.createDevice({ name: 'd', table: tables[0] as string });
    const random = new Random(11);
    let isOver = false;
    let verified = 0;
    const lane = async (number: number): Promise<void> => {
      const first = number * 128 * 1024;
      let salt = 0;
      await device.write(pattern(first, 128 * 1024, salt), first);
      for (let round = 0; !isOver || round < 5; round++) {
        const position = first + random.below(200) * 512;
        const length = (1 + random.below(40)) * 512;
        salt = random.below(250);
        await device.write(pattern(position, length, salt), position);
        const back = await device.read(position + 3, length - 3);
        assert.is(Buffer.compare(back, pattern(position + 3, length - 3, salt)), 0);
        verified += length;
      }
    };
    const lanes = Promise.all(Array.from({ length: 8 }, (_, number) => lane(number)));
    for (let round = 1; round <= 30; round++) {
      await device.reload(tables[round % 3] as string, { noflush: round % 2 === 0 });
      const target = verified + 10_000;
      await until(() => verified > target);
    }
    isOver = true;
    await lanes;
    await device.flush();
    assert.is(device.stats().bioErrors, 0);
    assert.is(device.stats().inFlight + device.stats().waiting + device.stats().queued, 0);
  });
}

test.run();
