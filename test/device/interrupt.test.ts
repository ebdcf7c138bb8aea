// Suspends that take their time: interrupted, queued behind each other, overtaken by a close; and what waits for a time. All
// on a clock that tests move.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_OK } from '../../assembly/abi.ts';
import {
  END_DELAY_REQUEUE,
  END_DONE,
  MAP_DELAY_REQUEUE,
  MAP_SUBMITTED,
  type TargetContext,
} from '../../bindings/target/target.ts';
import { choose, probeTarget } from '../support/probe-target.ts';
import { isPending, rejection } from '../support/promise-state.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

const test = suite('device: interrupted suspends, and time');

/** Each I/O takes ten milliseconds, one after another. */
const SLOW = 'mem:slow?size=1M&delay=10ms&serial=slow';
const TYPES = ['request', 'bio'] as const;

for (const type of TYPES) {
  for (const noflush of [false, true]) {
    const what = `${type}, ${noflush ? 'noflush' : 'flush'}`;
    test(`an interrupted suspend leaves everything as it was (${what})`, async () => {
      await using virtual = new VirtualMapper();
      const called: string[] = [];
      const note = (name: string) => (): void => void called.push(name);
      const hooks = {
        presuspend: note('presuspend'),
        presuspendUndo: note('presuspendUndo'),
        postsuspend: note('postsuspend'),
        preresume: note('preresume'),
        resume: note('resume'),
      };
      virtual.mapper.registerTarget(probeTarget('probe', hooks));
      const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 probe ${SLOW}`, type });
      called.length = 0;
      const first = device.read(0, 512);
      await virtual.advance(1);
      const abort = new AbortController();
      const suspend = rejection(device.suspend({ noflush, signal: abort.signal }));
      const held = device.read(65536, 512);
      await virtual.advance(1);
      assert.equal(called, ['presuspend']);
      assert.ok(await isPending(suspend));
      abort.abort();
      const error = await suspend;
      assert.is(error['code'], 'ERR_RQDM_INTERRUPTED');
      assert.is(error['errno'], 'EINTR');
      assert.equal(called, ['presuspend', 'presuspendUndo']);
      assert.not.ok(device.isSuspended || device.isNoflushSuspending);
      await virtual.run(Promise.all([first, held]));
      await virtual.run(device.suspend({ noflush }));
      assert.ok(device.isSuspended);
      await virtual.run(device.resume());
      assert.equal(called.slice(2), ['presuspend', 'postsuspend', 'preresume', 'resume']);
      assert.is((await virtual.run(device.read(0, 512))).length, 512);
    });
  }

  test(`a resume that is interrupted while it suspends keeps the inactive table (${type})`, async () => {
    await using virtual = new VirtualMapper();
    const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 passthrough ${SLOW} 0`, type });
    const read = device.read(0, 512);
    await virtual.advance(1);
    device.load(`0 64 passthrough ${SLOW} 0`);
    const abort = new AbortController();
    const resume = rejection(device.resume({ signal: abort.signal }));
    await virtual.advance(1);
    abort.abort();
    assert.is((await resume)['errno'], 'EINTR');
    assert.ok(device.hasInactiveTable);
    assert.is(device.size, 2048 * 512);
    await virtual.run(read);
    await virtual.run(device.resume());
    assert.is(device.size, 64 * 512);
  });
}

test('a call that is interrupted while it waits for its turn does nothing, and those behind it have theirs', async () => {
  await using virtual = new VirtualMapper();
  const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 passthrough ${SLOW} 0` });
  const read = device.read(0, 512);
  await virtual.advance(1);
  const abort = new AbortController();
  const first = device.suspend();
  const second = rejection(device.resume({ signal: abort.signal }));
  const third = device.suspend();
  abort.abort();
  assert.is((await second)['errno'], 'EINTR');
  assert.is((await rejection(device.suspend({ signal: abort.signal })))['errno'], 'EINTR');
  await virtual.run(Promise.all([first, third, read]));
  assert.ok(device.isSuspended, 'the resume between them was not done');
  await virtual.run(device.resume());
});

test('an interrupt that comes after the end changes nothing', async () => {
  await using virtual = new VirtualMapper();
  const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 linear ${SLOW} 0` });
  const abort = new AbortController();
  await virtual.run(device.suspend({ signal: abort.signal }));
  abort.abort();
  await virtual.advance(1);
  assert.ok(device.isSuspended);
  await virtual.run(device.resume());
});

test('a close during a suspend ends it with its own code, and what was in flight ends well', async () => {
  await using virtual = new VirtualMapper();
  const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 passthrough ${SLOW} 0` });
  const read = device.read(0, 512);
  await virtual.advance(1);
  const suspend = rejection(device.suspend());
  await virtual.advance(1);
  const closed = device.close();
  assert.is((await virtual.run(suspend))['code'], 'ERR_RQDM_CLOSED');
  await virtual.run(closed);
  assert.is((await read).length, 512);
});

test('multipath queues again after an interrupted suspend, as it was told to', async () => {
  await using virtual = new VirtualMapper();
  const table = `0 2048 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 ${SLOW}`;
  const device = await virtual.mapper.createDevice({ name: 'm', table });
  const read = device.read(0, 512);
  await virtual.advance(1);
  const abort = new AbortController();
  const suspend = rejection(device.suspend({ signal: abort.signal }));
  await virtual.advance(1);
  abort.abort();
  await suspend;
  await virtual.run(read);
  device.message(`fail_path ${device.dependencies()[0]!.number}`);
  const waiting = device.read(0, 512);
  await virtual.advance(1000);
  assert.ok(await isPending(waiting), 'held, as there is no path');
  device.message(`reinstate_path ${device.dependencies()[0]!.number}`);
  assert.is((await virtual.run(waiting)).length, 512);
});

test('noflush waits for what is in flight as well, and keeps what has no path for the next table', async () => {
  await using virtual = new VirtualMapper();
  const table = `0 2048 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 ${SLOW}`;
  const device = await virtual.mapper.createDevice({ name: 'm', table });
  const flying = device.read(0, 512);
  await virtual.advance(1);
  device.message(`fail_path ${device.dependencies()[0]!.number}`);
  const held = device.read(65536, 512);
  const suspend = device.suspend({ noflush: true });
  await virtual.advance(1);
  assert.ok(await isPending(suspend), 'one is on the path');
  await virtual.run(suspend);
  await flying;
  device.load(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 mem:other?size=1M`);
  await virtual.run(device.resume());
  assert.is((await virtual.run(held)).length, 512);
});

test('a swap that fails leaves the device suspended with both tables, and may be tried again', async () => {
  await using virtual = new VirtualMapper();
  const { mapper } = virtual;
  const low = await mapper.createDevice({ name: 'low', table: `0 2048 linear ${SLOW} 0` });
  const top = await mapper.createDevice({ name: 'top', table: '0 64 linear low 0' });
  top.load('0 2048 linear low 0');
  await virtual.run(low.reload(`0 1024 linear ${SLOW} 0`));
  const error = await virtual.run(rejection(top.resume()));
  assert.match(error.message, /dm-0 too small for target: start=0, len=2048, dev_size=1024.*stays suspended/);
  assert.is(error['errno'], 'EINVAL');
  assert.ok(top.isSuspended && top.hasInactiveTable);
  assert.is(top.table(), '0 64 linear 253:0 0');
  await virtual.run(low.reload(`0 2048 linear ${SLOW} 0`));
  await virtual.run(top.resume());
  assert.is(top.size, 2048 * 512);
});

// ---- time -----------------------------------------------------------------------------------------------------------

test('timers of targets go off at their time, in their order, unless cancelled or their table is gone', async () => {
  await using virtual = new VirtualMapper();
  const base = probeTarget('base');
  const fired: string[] = [];
  let context!: TargetContext;
  virtual.mapper.registerTarget({
    ...base,
    name: 'timed',
    construct: (words, given) => {
      context = given;
      given.setTimer(20, () => fired.push('constructor'));
      return base.construct(words, given);
    },
  });
  const device = await virtual.mapper.createDevice({ name: 'd', table: `0 2048 timed ${SLOW}`, type: 'request' });
  context.setTimer(30, () => fired.push('late'));
  context.setTimer(10, () => {
    fired.push('early');
    context.setTimer(5, () => fired.push('again'));
  });
  const cancel = context.setTimer(12, () => fired.push('cancelled'));
  await virtual.advance(9);
  assert.equal(fired, []);
  cancel();
  await virtual.advance(2);
  assert.equal(fired, ['early']);
  await virtual.advance(10);
  assert.equal(fired, ['early', 'again', 'constructor']);
  await virtual.run(device.reload('0 2048 error'));
  await virtual.advance(100);
  assert.equal(fired, ['early', 'again', 'constructor']);
});

test('timers of several devices and of the core do not disturb each other', async () => {
  await using virtual = new VirtualMapper();
  const contexts: TargetContext[] = [];
  const base = probeTarget('base');
  virtual.mapper.registerTarget({
    ...base,
    name: 'timed',
    construct: (words, given) => {
      contexts.push(given);
      return base.construct(words, given);
    },
  });
  const { mapper } = virtual;
  const fired: string[] = [];
  for (const name of ['a', 'b', 'c']) await mapper.createDevice({ name, table: `0 2048 timed ${SLOW}` });
  for (const [index, context] of contexts.entries()) context.setTimer(10 * (3 - index), () => fired.push(context.deviceName));
  await virtual.run(mapper.getDevice('a')!.read(0, 512));
  await virtual.advance(60);
  assert.equal(fired, ['c', 'b', 'a']);
});

for (const type of TYPES) {
  test(`a delayed requeue comes back after 100 ms, or at a kick (${type})`, async () => {
    await using virtual = new VirtualMapper();
    let delays = 1;
    const probe = probeTarget('probe', {
      prepMap: (io, own) => (delays-- > 0 ? MAP_DELAY_REQUEUE : choose(io, own)),
      endIo: () => (delays-- > 0 ? END_DELAY_REQUEUE : END_DONE),
    });
    virtual.mapper.registerTarget(probe);
    const device = await virtual.mapper.createDevice({ name: 'd', table: '0 2048 probe mem:a?size=1M', type });
    const begin = virtual.time.now();
    await virtual.run(device.read(0, 512));
    assert.is(virtual.time.now() - begin, 100e6);
    delays = 1;
    const read = device.read(0, 512);
    await virtual.advance(10);
    assert.ok(await isPending(read));
    probe.newest.context.kick();
    await virtual.run(read);
    assert.ok(virtual.time.now() - begin < 150e6);
  });
}

test('what a target keeps holds a suspend until it is given back', async () => {
  for (const type of TYPES) {
    await using virtual = new VirtualMapper();
    const kept: number[] = [];
    let keeps = true;
    const probe = probeTarget('probe', {
      prepMap: (io, own) => {
        if (!keeps) return choose(io, own);
        kept.push(io.id);
        return MAP_SUBMITTED;
      },
    });
    virtual.mapper.registerTarget(probe);
    const device = await virtual.mapper.createDevice({ name: 'd', table: '0 2048 probe mem:a?size=1M', type });
    const read = device.read(0, 512);
    await virtual.advance(1);
    const suspend = device.suspend();
    await virtual.advance(1000);
    assert.ok(await isPending(suspend), type);
    keeps = false;
    probe.newest.context.finish(kept[0]!, STATUS_OK);
    await virtual.run(Promise.all([suspend, read]));
    await virtual.run(device.resume());
  }
});

test.run();
