// `rqdm io`: what it says of I/O on the devices of a server.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resultText } from '../../src/command/io.ts';
import type { ControlError, IoReply } from '../../src/control/protocol.ts';
import { ControlRoom } from '../support/control-room.ts';

interface Room extends AsyncDisposable {
  readonly room: ControlRoom;
  ask(line: string, fields?: object): Promise<IoReply>;
  io(line: string): Promise<string>;
}

/** Two RAM disks whose sectors hold their own numbers, and a device over parts of them. */
async function open(): Promise<Room> {
  const room = await ControlRoom.open();
  const ask = async (line: string, fields: object = {}): Promise<IoReply> => {
    const [node, ...words] = line.split(' ');
    using client = await room.client();
    return await client.request<IoReply>('io', { node, words, ...fields });
  };
  const io = async (line: string): Promise<string> => resultText((await ask(line)).results, {});
  for (const index of [0, 1]) {
    room.mapper.attach(`/dev/ram${index}`, `mem:ram${index}?size=1M&queue=bio`, { number: `1:${index}` });
    assert.is(await io(`/dev/ram${index} p:0:1024`), '#0 W 0+1024 -> ok\n');
  }
  await room.dmsetup('create a', '0 100 linear /dev/ram0 8\n100 28 linear /dev/ram1 500\n128 64 linear /dev/ram0 900\n');
  return { room, ask, io, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
}

test('reads tell what they have read, across targets and from the node below', async () => {
  await using room = await open();
  assert.is(
    await room.io('/dev/mapper/a r:0:8 r:96:8 r:90:60 r:127:2 r:184:8 b'),
    [
      '#0 R 0+8 -> ok first=8 last=15 fnv=b5f20fc1',
      '#1 R 96+8 -> ok first=104 last=503 fnv=ec2e012b',
      '#2 R 90+60 -> ok first=98 last=921 fnv=5e98156f',
      '#3 R 127+2 -> ok first=527 last=900 fnv=26a3e255',
      '#4 R 184+8 -> ok first=956 last=963 fnv=6965e875',
      '',
    ].join('\n'),
  );
  assert.is(await room.io('253:0 w:98:4:0x77 r:98:4'), '#0 W 98+4 -> ok\n#1 R 98+4 -> ok all=77\n');
  assert.is(await room.io('/dev/ram0 r:104:8'), '#0 R 104+8 -> ok first=104 last=111 fnv=dc12f563\n');
  assert.is(await room.io('1:1 r:496:8'), '#0 R 496+8 -> ok first=496 last=503 fnv=79f9b104\n');
});

test('at the end reads and writes fall short, and zeros and discards are refused', async () => {
  await using room = await open();
  assert.is(
    await room.io('a r:184:16 b r:192:8 b w:188:16 b w:192:8 b d:190:8 z:190:8'),
    [
      '#0 R 184+16 -> short 4096 first=956 last=963 fnv=6965e875',
      '#1 R 192+8 -> short 0',
      '#2 W 188+16 -> short 2048',
      '#3 W 192+8 -> ENOSPC',
      'discard 190+8 -> EINVAL',
      'zeroout 190+8 -> EINVAL',
      '',
    ].join('\n'),
  );
});

test('errors have the names of errnos, and the targets zero and error behave as their names say', async () => {
  await using room = await open();
  await room.room.dmsetup('create z', '0 2048 zero\n');
  await room.room.dmsetup('create e', '0 2048 error\n');
  const words = 'w:0:8:0xff r:0:8 d:0:8 z:0:8 b f';
  assert.is(
    await room.io(`z ${words}`),
    '#0 W 0+8 -> ok\n#1 R 0+8 -> ok all=00\ndiscard 0+8 -> EOPNOTSUPP\nzeroout 0+8 -> ok\nfsync -> ok\n',
  );
  assert.is(
    await room.io(`e ${words}`),
    '#0 W 0+8 -> EIO\n#1 R 0+8 -> EIO\ndiscard 0+8 -> EOPNOTSUPP\nzeroout 0+8 -> EIO\nfsync -> ok\n',
  );
});

test('a call of three I/Os is one plug, one of two is none, and `1` never is', async () => {
  await using room = await open();
  const { mapper } = room.room;
  mapper.attach('/dev/loop0', 'mem:loop0?size=1M', { number: '7:0' });
  await using plain = await mapper.openPlain('/dev/loop0');
  const requests = async (words: string): Promise<number> => {
    const before = plain.diskStats().reads.ios;
    await room.io(`/dev/loop0 ${words}`);
    return plain.diskStats().reads.ios - before;
  };
  assert.is(await requests('r:0:8 r:8:8 r:16:8 b'), 1);
  assert.is(await requests('r:0:8 r:8:8 b'), 2);
  assert.is(await requests('r:0:8 r:8:8 r:16:8 1 b'), 3);
  assert.is(await requests('r:0:8 r:8:8 r:16:8 s b'), 1);
});

test('a device is held open while its I/O waits, and a client that goes away lets go of it', async () => {
  await using room = await open();
  const device = room.room.mapper.getDevice('a');
  assert.ok(device);
  await room.room.dmsetup('suspend a');
  const client = await room.room.client();
  const pending = client.request('io', { node: 'a', words: ['r:0:8'] }).catch((error: Error) => error);
  while (device.openCount === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match((await room.room.dmsetup('remove a')).errors, /busy/);
  client.close();
  assert.ok((await pending) instanceof Error);
  while (device.openCount > 0) await new Promise((resolve) => setImmediate(resolve));
  await room.room.dmsetup('resume a');
  assert.is(await room.io('a r:0:8'), '#0 R 0+8 -> ok first=8 last=15 fnv=b5f20fc1\n');
});

test('they end in their own order, and are printed so if asked', async () => {
  await using room = await open();
  const { results } = await room.ask('a r:0:8 1 m:5 r:8:8 b');
  assert.equal(
    results.map(({ ended }) => ended),
    [1, 2],
  );
  assert.ok((results[0]?.milliseconds ?? 9) <= (results[1]?.milliseconds ?? 0));
  const [first, second] = results;
  assert.ok(first && second);
  const swapped = [
    { ...first, ended: 2 },
    { ...second, ended: 1 },
  ];
  assert.match(resultText(swapped, { completionOrder: true }), /^#1 .*\n#0 /);
  assert.is(resultText(swapped, { quiet: true }), '');
  assert.match(resultText(results, { times: true }), /^#0 R 0\+8 -> ok first=8 .* @\d+\.\d\n/);
});

test('what it cannot make sense of is refused, and the server goes on', async () => {
  await using room = await open();
  for (const [line, fields, errno] of [
    ['nosuch r:0:8', {}, 'ENOENT'],
    ['a x', {}, 'EINVAL'],
    ['a r:0:8', { priority: 'first' }, 'EINVAL'],
    ['a r:0:8', { priority: 'idle', level: 9 }, 'EINVAL'],
    ['a r:0:8', { words: [1] }, 'EINVAL'],
    ['a r:0:8', { buffered: 'yes' }, 'EINVAL'],
  ] as const) {
    const error = await room.ask(line, fields).catch((reason: ControlError) => reason);
    assert.is((error as ControlError).errno, errno, `${line} ${JSON.stringify(fields)}`);
  }
  const buffered = await room.ask('a w:0:8 r:0:8 f', { buffered: true, priority: 'realtime', level: 3, cpu: 1 });
  assert.equal(
    buffered.results.map(({ status }) => status),
    ['ok', 'ok', 'ok'],
  );
});

test.run();
