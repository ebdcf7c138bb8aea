// Block devices over the control socket: what the kernel would show of them in /sys/block, settings, nodes held open, bad
// sectors, bytes; and what the log says of I/O that fails.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ControlClient } from '../../src/control/client.ts';
import { operationLetters } from '../../src/control/event-text.ts';
import type { BlockAttributesReply, IoReply } from '../../src/control/protocol.ts';
import { ControlRoom } from '../support/control-room.ts';

const test = suite('control: block devices');

type Attributes = Readonly<Record<string, string>>;

async function attributesOf(client: ControlClient, blockName: string): Promise<Attributes> {
  const { devices } = await client.request<BlockAttributesReply>('block_attributes');
  return devices.find((device) => device.blockName === blockName)?.attributes ?? {};
}

async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    return (error as { errno: string }).errno;
  }
  return 'none';
}

const two = async (room: ControlRoom): Promise<void> => {
  room.mapper.attach('/dev/ram0', 'mem:ram0?size=1M&queue=bio', { number: '1:0' });
  room.mapper.attach('/dev/loop0', 'mem:loop0?size=1M&switch=loop0', { number: '7:0' });
  await room.dmsetup('create a -u U-1', '0 64 linear /dev/ram0 0');
  await room.dmsetup('create m', '0 64 multipath 0 0 1 1 round-robin 0 1 1 /dev/loop0 1');
};

test('attributes tell of sizes, states, users and queues, as the kernel shows them', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  const linear = await attributesOf(client, 'dm-0');
  assert.is(linear['dm/name'], 'a');
  assert.is(linear['dm/uuid'], 'U-1');
  assert.is(linear['dm/suspended'], '0');
  assert.is(linear['size'], '64');
  assert.is(linear['slaves/ram0/'], '');
  assert.is(linear['queue/scheduler'], 'none');
  assert.is(linear['queue/iostats'], '0');
  assert.not.ok('mq/0/' in linear);
  const multipath = await attributesOf(client, 'dm-1');
  assert.is(multipath['queue/scheduler'], '[mq-deadline] kyber scan none');
  assert.is(multipath['queue/iosched/fifo_batch'], '16');
  assert.ok('mq/0/' in multipath);
  assert.is((await attributesOf(client, 'loop0'))['holders/dm-1/'], '');
  await room.dmsetup('suspend a');
  assert.is((await attributesOf(client, 'dm-0'))['dm/suspended'], '1');
});

test('settings are set by the names of their files, and refused as the kernel refuses them', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  const set = (block: string, attribute: string, value: string): Promise<string> =>
    refusal(client.request('set_block_attribute', { block, attribute, value }));
  assert.is(await set('loop0', 'queue/scheduler', 'none'), 'none');
  assert.is((await attributesOf(client, 'loop0'))['queue/scheduler'], '[none] mq-deadline kyber scan ');
  assert.is(await set('dm-1', 'queue/iosched/fifo_batch', '3'), 'none');
  assert.is((await attributesOf(client, 'dm-1'))['queue/iosched/fifo_batch'], '3');
  assert.is(await set('dm-1', 'queue/scheduler', 'cfq'), 'EINVAL');
  assert.is(await set('dm-1', 'size', '1'), 'EACCES');
  assert.is(await set('dm-1', 'queue/zoned', 'x'), 'EACCES');
  assert.is(await set('dm-9', 'queue/nomerges', '1'), 'ENXIO');
  assert.is(await set('dm-1', 'queue/iostats', '0'), 'none');
});

test('a device that a connection holds is open until the connection ends', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  const holder = await room.client();
  holder.request('hold', { device: { name: 'a' } }).catch(() => {});
  using client = await room.client();
  while (room.mapper.getDevice('a')?.openCount === 0) await client.request('version');
  assert.is((await room.dmsetup('remove a')).status, 1);
  holder.close();
  while (room.mapper.getDevice('a')?.openCount !== 0) await client.request('version');
  assert.is((await room.dmsetup('remove a')).status, 0);
  assert.is(await refusal(client.request('hold', { device: { name: 'a' } })), 'ENXIO');
});

test('I/O on bad sectors fails as a whole, and the log says where, at each queue', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  room.newKernelLines();
  await client.request('bad_sectors', { switch: 'loop0', ranges: '8-9 20-20' });
  const { results } = await client.request<IoReply>('io', { node: 'm', words: ['r:0:16', 'b', 'r:0:8', 'b', 'w:20:1'] });
  assert.equal(
    results.map(({ status }) => status),
    ['EIO', 'EIO', 'EIO'],
  );
  const lines = room.newKernelLines();
  assert.is(lines[0], 'I/O error, dev loop0, sector 0 op 0x0:(READ) flags 0x4200 phys_seg 1 prio class 2');
  assert.is(lines[1], 'device-mapper: multipath: 253:1: Failing path 7:0.');
  assert.is(lines[2], 'I/O error, dev dm-1, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2');
  assert.is(lines[4], 'I/O error, dev dm-1, sector 20 op 0x1:(WRITE) flags 0x8800 phys_seg 1 prio class 2');
  await client.request('bad_sectors', { switch: 'loop0', ranges: '' });
  await room.dmsetup('message m 0 reinstate_path 7:0');
  const again = await client.request<IoReply>('io', { node: 'm', words: ['r:0:16'] });
  assert.is(again.results[0]?.status, 'ok');
  assert.is(await refusal(client.request('bad_sectors', { switch: 'loop0', ranges: '9-8' })), 'EINVAL');
});

test('at most ten lines of a kind are logged in five seconds', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  await client.request('bad_sectors', { switch: 'loop0', ranges: '0-2047' });
  room.newKernelLines();
  await client.request('io', { node: '/dev/loop0', words: Array.from({ length: 30 }, (_, i) => `r:${i * 16}:8`) });
  assert.is(room.newKernelLines().filter((line) => line.startsWith('I/O error')).length, 10);
});

test('I/O of a device that reaches beyond a smaller one below is told with both ends', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  await room.dmsetup('create b', '0 64 linear /dev/mapper/a 0');
  await room.dmsetup('load a', '0 32 linear /dev/ram0 0');
  await room.dmsetup('resume a');
  room.newKernelLines();
  using client = await room.client();
  await client.request('io', { node: 'b', words: ['r:40:8'] });
  assert.equal(room.newKernelLines(), [
    'rqdm: attempt to access beyond end of device',
    '               dm-0: rw=0, sector=40, nr_sectors = 8 limit=32',
  ]);
});

test('bytes are read and written as by pread and pwrite', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  const data = Buffer.alloc(512, 0x37).toString('base64');
  await client.request('write', { node: '/dev/ram0', position: 512, data, direct: true });
  const { data: read } = await client.request<{ data: string }>('read', { node: 'a', position: 500, length: 24 });
  assert.equal([...Buffer.from(read, 'base64')], [...Array(12).fill(0), ...Array(12).fill(0x37)]);
  const end = await client.request<{ data: string }>('read', { node: 'a', position: 64 * 512, length: 512 });
  assert.is(end.data, '');
  assert.is(await refusal(client.request('read', { node: 'a', position: 100, length: 512, direct: true })), 'EINVAL');
  assert.is(await refusal(client.request('write', { node: 'a', position: 64 * 512, data })), 'ENOSPC');
  assert.is(await refusal(client.request('read', { node: 'nosuch', position: 0, length: 1 })), 'ENOENT');
});

test('parameters of multipath are read and set, others are refused', async () => {
  await using room = await ControlRoom.open();
  using client = await room.client();
  assert.equal(await client.request('parameter', { name: 'cpus', value: 2 }), { value: 2 });
  assert.equal(await client.request('parameter', { name: 'queue_if_no_path_timeout_secs' }), { value: 0 });
  assert.is(await refusal(client.request('parameter', { name: 'cpus', value: 0 })), 'EINVAL');
  assert.is(await refusal(client.request('parameter', { name: 'x' })), 'ENOENT');
});

test('devices in turn begin one I/O at a time, and end it before the next where they answer at once', async () => {
  await using room = await ControlRoom.open();
  await two(room);
  using client = await room.client();
  for (const block of ['loop0', 'dm-1']) {
    await client.request('set_block_attribute', { block, attribute: 'queue/issue_in_turn', value: '1' });
  }
  await client.request('trace-start', { nodes: ['/dev/loop0'] });
  await client.request('io', { node: 'm', words: ['r:0:8', 'r:16:8', 'r:32:8', 'b'] });
  await client.request('trace-stop');
  const { events } = await client.request<{ events: [number, string, string, number, number, number][] }>('trace-read', {});
  const shown = events.map(
    ([, , action, operation, flags, sector]) => `${action} ${operationLetters(operation, flags, false)} ${sector}`,
  );
  assert.equal(
    shown.filter((line) => /^[DC]/.test(line)),
    ['D R 0', 'C R 0', 'D R 16', 'C R 16', 'D R 32', 'C R 32'],
  );
});

test.run();
