// Settings of queues at run time, by the kernel's names: what is clamped, what is refused, and that I/O comes through.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { rejection, thrown } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

const test = suite('device: queue settings');

const A = 'mem:a?size=1M';

test('a request-based device has an elevator and its settings, a bio-based one has none', async () => {
  await using mapper = new DeviceMapper();
  const request = await mapper.openDevice([`${A}#1`]);
  const { queue } = request;
  assert.is(queue.get('scheduler'), 'mq-deadline');
  assert.match(queue.show('scheduler'), /^\[mq-deadline\] .*\bnone$/);
  for (const [name, value] of [
    ['nr_requests', 256],
    ['nomerges', 0],
    ['read_expire', 500],
    ['write_expire', 5000],
    ['writes_starved', 2],
    ['fifo_batch', 16],
    ['front_merges', 1],
    ['async_depth', 192],
    ['prio_aging_expire', 10_000],
    ['logical_block_size', 512],
    ['chunk_sectors', 0],
    ['rotational', 0],
    ['kernel_plug_order', 0],
  ] as const) {
    assert.is(queue.get(name), value, name);
    assert.is(queue.show(name), String(value), name);
  }
  const names = queue.entries().map(([name]) => name);
  assert.ok(names.includes('max_segments') && names.includes('read_expire'));
  const bio = await mapper.createDevice({ name: 'b', table: `0 8 linear ${A} 0` });
  assert.is(bio.queue.show('scheduler'), 'none');
  assert.is(bio.queue.get('nr_requests'), 128);
  assert.is(thrown(() => bio.queue.get('read_expire'))['errno'], 'ENOENT');
  assert.is(thrown(() => bio.queue.set('nr_requests', 64))['errno'], 'EINVAL');
  bio.queue.set('scheduler', 'none');
  assert.is(thrown(() => bio.queue.set('scheduler', 'mq-deadline'))['errno'], 'EINVAL');
});

test('values out of range are clamped where the kernel clamps them', async () => {
  await using mapper = new DeviceMapper();
  const { queue } = await mapper.openDevice([`${A}#1`]);
  for (const [name, given, taken] of [
    ['read_expire', -5, 0],
    ['read_expire', ' 250\n', 250],
    ['write_expire', 2 ** 40, 2 ** 31 - 1],
    ['writes_starved', -(2 ** 40), -(2 ** 31)],
    ['fifo_batch', 0, 0],
    ['front_merges', 7, 1],
    ['nr_requests', 1, 4],
    ['nr_requests', 2048, 2048],
    ['nomerges', 1, 1],
    ['nomerges', 2, 2],
    ['nomerges', 9, 1],
    ['rotational', 1, 1],
    ['pull_early', 1, 1],
  ] as const) {
    queue.set(name, given);
    assert.is(queue.get(name), taken, `${name} ${given}`);
  }
});

test('what the kernel refuses is refused with its errno, and changes nothing', async () => {
  await using mapper = new DeviceMapper();
  const { queue } = await mapper.openDevice([`${A}#1`]);
  const before = queue.entries();
  for (const [name, value, errno] of [
    ['scheduler', 'cfq', 'EINVAL'],
    ['nr_requests', 2049, 'EINVAL'],
    ['nr_requests', 'many', 'EINVAL'],
    ['nomerges', -1, 'EINVAL'],
    ['max_sectors_kb', 3, 'EINVAL'],
    ['max_sectors_kb', 2 ** 30, 'EINVAL'],
    ['max_sectors_kb', '1.5', 'EINVAL'],
    ['read_expire', 'soon', 'EINVAL'],
    ['write_cache', 'maybe', 'EINVAL'],
    ['max_segments', 3, 'EACCES'],
    ['logical_block_size', 4096, 'EACCES'],
    ['nothing', 1, 'ENOENT'],
  ] as const) {
    const error = thrown(() => queue.set(name, value));
    assert.is(error['code'], 'ERR_RQDM_QUEUE', name);
    assert.is(error['errno'], errno, name);
    assert.ok(error.message.includes(name), error.message);
  }
  assert.equal(queue.entries(), before);
});

test('settings are given at create, kept until there is a table, and kept over swaps', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({
    name: 'd',
    table: `0 2048 passthrough ${A} 0`,
    type: 'request',
    queue: { read_expire: 20, max_sectors_kb: 8, nomerges: 2, scheduler: 'mq-deadline' },
  });
  const { queue } = device;
  assert.equal(
    ['read_expire', 'max_sectors_kb', 'nomerges'].map((name) => queue.get(name)),
    [20, 8, 2],
  );
  await device.write(pattern(0, 65536), 0);
  assert.is(device.stats().meanRequestBytes, 8192);
  await device.reload(`0 1024 passthrough ${A} 0`);
  assert.is(queue.get('max_sectors_kb'), 8);
  queue.set('max_sectors_kb', 16);
  await device.write(pattern(0, 65536), 0);
  assert.is(queue.get('max_sectors_kb'), 16);
  const error = await rejection(mapper.createDevice({ name: 'e', table: '0 8 error', queue: { nothing: 1 } }));
  assert.is(error['code'], 'ERR_RQDM_QUEUE');
  assert.is(mapper.getDevice('e'), undefined);
  const again = await mapper.createDevice({ name: 'e', minor: 1 });
  assert.is(again.minor, 1, 'what was refused has left nothing behind');
});

test('the queue of a device without a table takes settings too', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', type: 'request', queue: { nomerges: 2 } });
  device.load(`0 2048 passthrough ${A} 0`);
  await device.resume();
  assert.is(device.queue.get('nomerges'), 2);
  await Promise.all(Array.from({ length: 8 }, (_, index) => device.read(index * 512, 512)));
  assert.is(device.stats().merges.back, 0);
});

test('the queue of a backing device is set by its word, its number or its node', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/sda', A, { number: '8:0', queue: { scheduler: 'none' } });
  const device = await mapper.createDevice({ name: 'd', table: '0 2048 linear 8:0 0' });
  const { queue } = mapper.backing('/dev/sda')!;
  assert.is(queue.get('scheduler'), 'none');
  queue.set('max_sectors_kb', 4);
  await device.write(pattern(0, 65536), 0);
  assert.is(device.stats().meanRequestBytes, 4096);
  assert.is(thrown(() => mapper.attach('/dev/sdb', A, { queue: { nothing: 1 } }))['code'], 'ERR_RQDM_QUEUE');
  assert.is(mapper.backing('/dev/sdb'), undefined);
  assert.is(mapper.backing('8:0')!.queue, queue);
});

test('nr_requests holds back, and waiting I/O goes on when it is raised', async () => {
  await using virtual = new VirtualMapper();
  const word = 'mem:slow?size=1M&delay=10ms&serial=one';
  const device = await virtual.mapper.createDevice({
    name: 'd',
    table: `0 2048 passthrough ${word} 0`,
    type: 'request',
    queue: { nr_requests: 4, nomerges: 2 },
  });
  const reads = Array.from({ length: 32 }, (_, index) => device.read(index * 4096, 512));
  await virtual.advance(1);
  const { queued, inFlight } = device.stats();
  assert.ok(queued + inFlight <= 4, `${queued} ${inFlight}`);
  device.queue.set('nr_requests', 64);
  await virtual.advance(1);
  const after = device.stats();
  assert.is(after.queued + after.inFlight, 32);
  await virtual.run(Promise.all(reads));
});

test('the scheduler changes while nothing is queued, running and suspended, and begins with its own defaults', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice([`${A}#1`]);
  const { queue } = device;
  queue.set('read_expire', 1);
  queue.set('scheduler', 'none');
  assert.is(queue.get('scheduler'), 'none');
  assert.is(thrown(() => queue.get('read_expire'))['errno'], 'ENOENT');
  await device.write(pattern(0, 65536), 0);
  await device.suspend();
  queue.set('scheduler', 'mq-deadline');
  await device.resume();
  assert.is(queue.get('read_expire'), 500);
  await device.read(0, 65536);
});

const SCHEDULERS = ['none', 'scan', 'kyber', 'mq-deadline'] as const;

for (const type of ['request', 'bio'] as const) {
  test(`the scheduler changes while requests are queued, running and suspended, and no I/O is lost (${type})`, async () => {
    await using virtual = new VirtualMapper();
    const { mapper } = virtual;
    mapper.attach('/dev/sda', 'mem:slow?size=4M&delay=1ms&serial=one');
    const device = await mapper.createDevice({ name: 'd', table: '0 8192 passthrough /dev/sda 0', type });
    const queue = type === 'request' ? device.queue : mapper.backing('/dev/sda')!.queue;
    queue.set('nomerges', 2);
    let ended = 0;
    const writes: Promise<unknown>[] = [];
    for (const [round, scheduler] of [...SCHEDULERS, ...SCHEDULERS.toReversed()].entries()) {
      for (let index = 0; index < 32; index++) {
        const position = ((index * 37 + round) % 512) * 4096;
        writes.push(device.write(pattern(position, 4096, 1), position).then(() => ended++));
      }
      await virtual.advance(2);
      assert.ok(ended < writes.length, 'requests are queued');
      if (round % 3 === 2) {
        const suspended = device.suspend();
        queue.set('scheduler', scheduler);
        await virtual.run(suspended);
        await virtual.run(device.resume());
      } else {
        queue.set('scheduler', scheduler);
      }
      assert.is(queue.get('scheduler'), scheduler);
      assert.match(queue.show('scheduler'), new RegExp(`\\[${scheduler}\\]`));
    }
    await virtual.run(Promise.all(writes));
    assert.is(ended, 256);
    const back = await virtual.run(device.read(0, 4096));
    assert.is(Buffer.compare(back, pattern(0, 4096, 1)), 0);
  });
}

test('each scheduler has its own settings, in the units of the kernel', async () => {
  await using mapper = new DeviceMapper();
  const { queue } = await mapper.openDevice([`${A}#1`], { elevator: 'kyber' });
  assert.is(queue.get('read_lat_nsec'), 2_000_000);
  assert.is(queue.get('write_lat_nsec'), 10_000_000);
  queue.set('read_lat_nsec', '500000');
  assert.is(queue.get('read_lat_nsec'), 500_000);
  queue.set('scheduler', 'scan');
  assert.is(thrown(() => queue.get('read_lat_nsec'))['errno'], 'ENOENT');
  queue.set('scheduler', 'kyber');
  assert.is(queue.get('read_lat_nsec'), 2_000_000);
  assert.is(queue.show('scheduler'), 'mq-deadline [kyber] scan none');
});

test.run();
