// `rqdm trace`: what happened to I/O on the devices of a server, as lines.

import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../bindings/index.ts';
import { ControlClient } from '../../src/control/client.ts';
import { blkparseText, type EventText, kernelText } from '../../src/control/event-text.ts';
import type { ControlError, TraceDevice, TraceReply } from '../../src/control/protocol.ts';
import { ControlServer } from '../../src/control/server.ts';
import { traceOperations } from '../../src/control/trace-operations.ts';
import { ControlRoom } from '../support/control-room.ts';

async function open(): Promise<ControlRoom> {
  const room = await ControlRoom.open();
  for (const index of [0, 1]) {
    room.attach(`/dev/ram${index}`, `1:${index}`, 1, 'bio');
    room.attach(`/dev/loop${index}`, `7:${index}`, 1, 'request');
  }
  await room.dmsetup('create a', '0 100 linear /dev/ram0 8\n100 28 linear /dev/ram1 500\n128 64 linear /dev/ram0 900\n');
  await room.dmsetup('create m', '0 2048 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1\n');
  return room;
}

async function io(room: ControlRoom, node: string, ...words: string[]): Promise<void> {
  using client = await room.client();
  await client.request('io', { node, words });
}

/** Stops the trace; all its lines. */
async function stopped(client: ControlClient, text: EventText = kernelText('t')): Promise<string[]> {
  await client.request('trace-stop');
  const lines: string[] = [];
  for (;;) {
    const reply = await client.request<TraceReply>('trace-read', { wait: true });
    assert.is(reply.lost, 0);
    const deviceOf = (number: string): TraceDevice => reply.devices[number] as TraceDevice;
    lines.push(...reply.events.flatMap((event) => text(event, deviceOf)));
    if (reply.isOver) return lines;
  }
}

test('bios over three targets of a bio-based device', async () => {
  await using room = await open();
  using client = await room.client();
  await client.request('trace-start', { nodes: [] });
  await io(room, 'a', 'r:90:60');
  assert.equal((await stopped(client)).sort(), [
    'bio_complete: a R 128 + 22 [0]',
    'bio_complete: ram0 R 900 + 22 [0]',
    'bio_complete: ram0 R 98 + 10 [0]',
    'bio_complete: ram1 R 500 + 28 [0]',
    'bio_queue: a R 90 + 60 [t]',
    'bio_queue: ram0 R 900 + 22 [t]',
    'bio_queue: ram0 R 98 + 10 [t]',
    'bio_queue: ram1 R 500 + 28 [t]',
    'bio_remap: ram0 R 900 + 22 <- (a) 128',
    'bio_remap: ram0 R 98 + 10 <- (a) 90',
    'bio_remap: ram1 R 500 + 28 <- (a) 100',
    'split: a R 100 / 100 [t]',
    'split: a R 128 / 128 [t]',
  ]);
});

test('a plug over multipath, from the bios to the end of the request', async () => {
  await using room = await open();
  using client = await room.client();
  await client.request('trace-start', { nodes: [] });
  await io(room, 'm', 'r:0:8', 'r:8:8', 'r:16:8', 'b');
  assert.equal(await stopped(client), [
    'bio_queue: m R 0 + 8 [t]',
    'getrq: m R 0 + 8 [t]',
    'plug: [t]',
    'bio_queue: m R 8 + 8 [t]',
    'bio_backmerge: m R 8 + 8 [t]',
    'bio_queue: m R 16 + 8 [t]',
    'bio_backmerge: m R 16 + 8 [t]',
    'unplug: [t] 1',
    'rq_insert: m R 12288 0 + 24 [t]',
    'rq_issue: m R 12288 0 + 24 [t]',
    'rq_remap: loop0 R 0 + 24 <- (m) 0 3',
    'rq_issue: loop0 R 12288 0 + 24 [t]',
    'rq_complete: loop0 R 0 + 24 [0]',
    'rq_complete: m R 0 + 24 [0]',
  ]);
});

test('a path that fails is told with its error, and the request comes back', async () => {
  await using room = await ControlRoom.open();
  room.mapper.attach('/dev/loop0', 'mem:d?size=1M&switch=one#a', { number: '7:0' });
  room.mapper.attach('/dev/loop1', 'mem:d?size=1M#b', { number: '7:1' });
  await room.dmsetup('create m', '0 2048 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1\n');
  room.mapper.faultSwitches.get('one').fail();
  using client = await room.client();
  await client.request('trace-start', { nodes: ['m', '/dev/loop0'] });
  await io(room, 'm', 'r:0:8');
  assert.equal(
    (await stopped(client)).filter((line) => /complete|error|requeue|remap/.test(line)),
    [
      'rq_remap: loop0 R 0 + 8 <- (m) 0 1',
      'rq_complete: loop0 R 0 + 8 [-67]',
      'rq_error: loop0 R 0 + 8 [-67]',
      'rq_requeue: m R 0 + 8 [0]',
      'rq_complete: m R 0 + 8 [0]',
    ],
  );
});

test('blkparse lines have numbers, seconds since the first event, and devices by number', async () => {
  await using room = await open();
  using client = await room.client();
  await client.request('trace-start', { nodes: ['/dev/loop0', 'm'] });
  await io(room, 'm', 'w:0:8');
  const lines = await stopped(client, blkparseText('t'));
  assert.is(lines[0], '253,1    0        1     0.000000000     0  Q  WS 0 + 8 [t]');
  assert.match(lines.join('\n'), /^ {2}7,0 {4}0 +\d+ {5}0\.\d{9} {5}0 {2}A {2}WS 0 \+ 8 <- \(253,1\) 0$/m);
  assert.match(lines.at(-1) as string, /C {2}WS 0 \+ 8 \[0\]$/);
});

test('only the devices that were asked for are traced, and a device that is gone keeps its name', async () => {
  await using room = await open();
  using client = await room.client();
  await client.request('trace-start', { nodes: ['253:0'] });
  await io(room, 'm', 'r:0:8');
  await io(room, 'a', 'r:0:8');
  await room.dmsetup('remove a');
  assert.equal(await stopped(client), ['bio_queue: a R 0 + 8 [t]', 'bio_complete: a R 0 + 8 [0]']);
});

test('flushes and flags have the letters of the kernel', () => {
  const deviceOf = (number: string): TraceDevice => ({ name: `d${number}`, isBioBased: number === '1' });
  const text = kernelText('t');
  const line = (number: string, action: string, operation: number, flags = 0): string[] =>
    text([0, number, action, operation, flags, 0, 0, 0, '1', 0, action === 'A' && number === '0' ? 1 : 0], deviceOf);
  assert.equal(line('0', 'Q', OPERATION_FLUSH), ['bio_queue: d0 FWS 0 + 0 [t]']);
  assert.equal(line('0', 'D', OPERATION_FLUSH), ['rq_issue: d0 FF 0 0 + 0 [t]']);
  assert.equal(line('0', 'C', OPERATION_FLUSH), ['rq_complete: d0 FF 18446744073709551615 + 0 [0]']);
  assert.equal(line('1', 'C', OPERATION_FLUSH), ['bio_complete: d1 FWS 0 + 0 [0]']);
  assert.equal(line('1', 'D', OPERATION_READ), [], 'a bio-based device has no requests');
  assert.equal(line('0', 'Q', OPERATION_WRITE), ['bio_queue: d0 W 0 + 0 [t]']);
});

test('a trace that nobody started, or started twice, or of nothing, is refused; a client that goes away ends its own', async () => {
  await using room = await open();
  const errnoOf = async (client: ControlClient, op: string, fields: object): Promise<string> => {
    const error = await client.request(op, { ...fields }).catch((reason: ControlError) => reason);
    return (error as ControlError).errno;
  };
  using other = await room.client();
  assert.is(await errnoOf(other, 'trace-read', {}), 'EINVAL');
  assert.is(await errnoOf(other, 'trace-stop', {}), 'EINVAL');
  assert.is(await errnoOf(other, 'trace-start', { nodes: ['nosuch'] }), 'ENOENT');
  assert.is(await errnoOf(other, 'trace-start', { nodes: 'm' }), 'EINVAL');
  const client = await room.client();
  await client.request('trace-start', { nodes: [] });
  assert.is(await errnoOf(client, 'trace-start', { nodes: [] }), 'EBUSY');
  const waiting = client.request('trace-read', { wait: true }).catch((reason: Error) => reason);
  assert.is(await errnoOf(client, 'trace-read', { wait: true }), 'EBUSY');
  client.close();
  assert.ok((await waiting) instanceof Error);
  await io(room, 'm', 'r:0:8');
});

test('events that wait too long for a client are counted as lost, and the server holds no more of them', async () => {
  await using room = await open();
  const path = join(room.folder.path, 'small.sock');
  await using server = new ControlServer({ operations: traceOperations(room.mapper, 100) });
  await server.listen(path);
  using client = await ControlClient.open(path);
  await client.request('trace-start', { nodes: ['a'] });
  // two events of each read, Q and C
  await io(room, 'a', ...Array.from({ length: 80 }, (_, index) => `r:${index}:1`), '1');
  await client.request('trace-stop');
  const reply = await client.request<TraceReply>('trace-read', { wait: true });
  assert.equal([reply.events.length, reply.lost, reply.isOver], [100, 60, true]);
});

test.run();
