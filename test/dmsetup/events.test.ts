// Messages and events.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';

async function multipathRoom(): Promise<ControlRoom> {
  const room = await ControlRoom.open();
  for (const index of [0, 1]) room.attach(`/dev/loop${index}`, `7:${index}`, 1, 'request');
  const table = '0 64 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1';
  await room.run(['create', 'm', '--table', table]);
  return room;
}

test('wait returns at once if anything has happened since, and else when it happens', async () => {
  await using room = await multipathRoom();
  const first = room.dmsetup('wait -v m');
  let isOver = false;
  void first.then(() => {
    isOver = true;
  });
  assert.is((await room.dmsetup('info -c --noheadings -o events m')).output, '0\n');
  assert.is(isOver, false);
  assert.is((await room.dmsetup('message m 0 fail_path 7:0')).status, 0);
  const { status, output } = await first;
  assert.is(status, 0);
  assert.match(output, /^Name: {14}m\n[\s\S]*Event number: {6}1\n/);
  assert.is((await room.dmsetup('wait m')).status, 0);
  assert.is((await room.dmsetup('wait m 99')).status, 0);
  assert.equal(room.newKernelLines(), ['device-mapper: multipath: 253:0: Failing path 7:0.']);
});

test('the removal of a device ends the waits for its events', async () => {
  await using room = await multipathRoom();
  const client = await room.client();
  const waiting = client.request('wait', { device: { name: 'm' }, eventNumber: 0 }).catch((error: Error) => error);
  await room.dmsetup('remove m');
  assert.ok(await waiting);
  client.close();
});

test('a client that goes away leaves no wait behind', async () => {
  await using room = await multipathRoom();
  const device = room.mapper.getDevice('m');
  assert.ok(device);
  const signals: AbortSignal[] = [];
  const { waitForEvent } = device;
  device.waitForEvent = (number, options = {}) => {
    if (options.signal) signals.push(options.signal);
    return waitForEvent.call(device, number, options);
  };
  const client = await room.client();
  void client.request('wait', { device: { name: 'm' }, eventNumber: 0 }).catch(() => {});
  await client.request('info', { device: { name: 'm' } });
  assert.is(signals.length, 1);
  const aborted = new Promise((resolve) => signals[0]?.addEventListener('abort', resolve));
  client.close();
  await aborted;
});

test('what a target refuses is the error that its message ends with', async () => {
  await using room = await multipathRoom();
  for (const line of ['message m 0 nonsense', 'message m 0 fail_path', 'message m 64 fail_path 7:0', 'message m 0 @nothing']) {
    const { status, errors } = await room.dmsetup(line);
    const text = 'device-mapper: message ioctl on m  failed: Invalid argument\nCommand failed.\n';
    assert.equal([status, errors], [1, text], line);
  }
  const empty = await room.dmsetup('message m 0');
  assert.match(empty.errors, /^No message supplied\.\ndevice-mapper: message ioctl on m {2}failed: Invalid argument\n/);
});

test('kernel lines are read from where one was, and lost ones are counted', async () => {
  await using room = await ControlRoom.open();
  const client = await room.client();
  const read = (cursor?: number) => client.request<{ lines: string[]; next: number; lost: number }>('kmsg', { cursor });
  const { next } = await read();
  room.log.add('one\ntwo');
  assert.equal(await read(next), { lines: ['one', 'two'], next: next + 2, lost: 0 });
  for (let index = 0; index < 5000; index++) room.log.add(String(index));
  const after = await read(next + 2);
  assert.is(after.lost, 5000 - 4096);
  assert.is(after.lines[0], String(5000 - 4096));
  let cursor = after.next;
  let count = after.lines.length;
  while (count < 4096) {
    const more = await read(cursor);
    cursor = more.next;
    count += more.lines.length;
  }
  assert.equal(await read(cursor), { lines: [], next: next + 5002, lost: 0 });
  client.close();
});

test('thousands of devices come and go, and leave nothing', async () => {
  await using room = await multipathRoom();
  const client = await room.client();
  const device = { name: 'x' };
  const live = async (): Promise<void> => {
    await client.request('create', { name: 'x' });
    await client.request('load', { device, table: '0 8 linear /dev/loop0 0' });
    await client.request('resume', { device });
    await client.request('remove', { device });
  };
  const handles = (): number => process.getActiveResourcesInfo().length;
  for (let count = 0; count < 200; count++) await live();
  const before = handles();
  for (let count = 0; count < 1000; count++) await live();
  assert.ok(handles() <= before);
  assert.is(room.mapper.devices.length, 1);
  assert.equal(await client.request('create', { name: 'last' }).then((made) => (made as { minor: number }).minor), 1);
  client.close();
});

test.run();
