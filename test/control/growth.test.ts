// What a server holds while devices, clients and waits come and go: looked at with the garbage gone, so that little shows.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';
import { poolFigures } from '../support/mapper-parts.ts';

export const timeoutMs = 300_000;

const test = suite('control: growth');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Held {
  readonly bytes: number;
  readonly resources: string;
  readonly free: object;
  readonly backings: number;
}

async function held(room: ControlRoom): Promise<Held> {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    bytes: heapUsed + external,
    resources: process.getActiveResourcesInfo().sort().join(),
    free: poolFigures(room.mapper),
    backings: room.mapper.backings.length,
  };
}

/** So many lives until all code is compiled, and so many after which nothing may be held for them. */
const [WARM_LIVES, LIVES] = [3000, 5000];
/** Less than any object that was left of each life. */
const BYTES_A_LIFE = 64;

async function staysFlat(room: ControlRoom, live: (count: number) => Promise<void>): Promise<void> {
  // the ring of kernel lines is full from the beginning
  for (let line = 0; line < 4096; line++) room.log.add(`device-mapper: ${line} ${'x'.repeat(80)}`);
  await live(WARM_LIVES);
  const early = await held(room);
  await live(LIVES);
  const late = await held(room);
  assert.equal({ ...late, bytes: 0 }, { ...early, bytes: 0 });
  const grown = late.bytes - early.bytes;
  process.stdout.write(`${grown} bytes after ${LIVES} lives\n`);
  assert.ok(grown < LIVES * BYTES_A_LIFE, `${grown} bytes more after ${LIVES} more lives`);
}

test('devices that are created, loaded, resumed and removed', async () => {
  await using room = await ControlRoom.open();
  using client = await room.client();
  room.attach('/dev/sda', '8:0', 1, 'request');
  const kinds = [
    '0 8 linear /dev/sda 0',
    '0 8 multipath 0 0 1 1 historical-service-time 0 1 1 /dev/sda 1',
    '0 8 delay /dev/sda 0 5',
    '0 8 dust /dev/sda 0 512',
    '0 8 no-such-target',
  ];
  await staysFlat(room, async (count) => {
    for (let index = 0; index < count; index++) {
      const device = { name: `d${index}` };
      await client.request('create', { ...device, uuid: `u${index}` });
      await client.request('load', { device, table: kinds[index % kinds.length] }).catch(() => {});
      await client.request('resume', { device }).catch(() => {});
      await client.request('message', { device, message: '@stats_create - 1' }).catch(() => {});
      await client.request('remove', { device });
    }
  });
});

test('tables that are loaded, swapped and cleared', async () => {
  await using room = await ControlRoom.open();
  using client = await room.client();
  room.attach('/dev/sda', '8:0', 1, 'request');
  const device = { name: 'd' };
  await client.request('create', device);
  await staysFlat(room, async (count) => {
    for (let index = 0; index < count; index++) {
      await client.request('load', { device, table: `0 ${8 + (index % 5)} linear mem:m${index % 500}?size=64K 0` });
      await client.request(index % 3 === 0 ? 'clear' : 'resume', { device }).catch(() => {});
    }
    await client.request('load', { device, table: '0 8 linear /dev/sda 0' });
    await client.request('resume', { device });
  });
});

test('clients that come, ask, wait and vanish', async () => {
  await using room = await ControlRoom.open();
  const device = { name: 'd' };
  await (await room.mapper.createDevice(device)).suspend();
  await staysFlat(room, async (count) => {
    for (let index = 0; index < count; index++) {
      const client = await room.client();
      const waiting = client.request('wait', { device, eventNumber: 0 }).catch(() => {});
      await client.request('version');
      client.close();
      await waiting;
    }
    while (room.server.clients > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

test.run();
