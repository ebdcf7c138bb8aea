// The core stops: everything that waits hears of it, nothing more is taken, and closing still works.

import { readdirSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { arenaOf, coreOf } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { isPending, rejection, thrown, turns } from '../support/promise-state.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: poison');

type Export = 'run' | 'submit' | 'kick' | 'finish';

/** From now on this call into the core fails as a broken assertion does. */
function breakCore(mapper: DeviceMapper, name: Export): void {
  const { exports } = coreOf(mapper);
  Object.assign(exports, {
    [name]: () => {
      throw new WebAssembly.RuntimeError('unreachable');
    },
  });
}

function openFiles(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  const open: string[] = [];
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      open.push(readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // the descriptor of the folder itself
    }
  }
  return open.filter((name) => name.startsWith(folder));
}

for (const name of ['run', 'submit'] as const) {
  test(`a core that fails in ${name} rejects all that is pending and all that comes, and close resolves`, async () => {
    using folder = new TemporaryFolder();
    const mapper = new DeviceMapper();
    const held = await mapper.openDevice(folder.file('held', 65536));
    const device = await mapper.openDevice([`${folder.file('a', 65536)}#1`], { name: 'd' });
    await device.read(0, 512);
    await held.suspend();
    const waiting = [rejection(held.read(0, 512)), rejection(held.flush())];
    await turns(1);
    breakCore(mapper, name);
    const pending = [
      rejection(device.read(0, 512)),
      rejection(device.write(new Uint8Array(512), 0)),
      rejection(device.write(new Uint8Array(5), 3, { unaligned: true })),
      rejection(device.flush()),
    ];
    for (const error of await Promise.all([...pending, ...waiting])) {
      assert.is(error['code'], 'ERR_RQDM_CORE');
      assert.match(error.message, /the core has failed.*unreachable/);
    }
    for (const call of [device.read(0, 1), held.resume(), device.suspend(), mapper.openDevice('mem:a?size=4K')]) {
      assert.is((await rejection(call))['code'], 'ERR_RQDM_CORE');
    }
    await device.close();
    await mapper.close();
    assert.equal(openFiles(folder.path), []);
  });
}

test('a suspend that waits hears of a core that fails while a full ring is given to it', async () => {
  const mapper = new DeviceMapper({ limits: { submits: 2 } });
  const held = await mapper.openDevice('mem:a?size=64K&hang=a');
  const other = await mapper.openDevice('mem:b?size=64K');
  mapper.hangs.get('a').hang();
  const reading = rejection(held.read(0, 512));
  await turns();
  const suspended = rejection(held.suspend());
  await turns();
  breakCore(mapper, 'submit');
  const reads = [0, 1, 2, 3].map((i) => rejection(other.read(512 * i, 512)));
  for (const error of await Promise.all([...reads, reading, suspended])) assert.is(error['code'], 'ERR_RQDM_CORE');
  await mapper.close();
});

test('a batch is rejected, and so is one that has not been answered yet', async () => {
  using folder = new TemporaryFolder();
  const mapper = new DeviceMapper();
  const device = await mapper.openDevice(folder.file('a', 65536));
  const lease = mapper.lease(512)!;
  const batch = {
    count: 1,
    operations: new Uint8Array(1),
    positions: new Float64Array(1),
    lengths: new Uint32Array([512]),
    addresses: new Uint32Array([lease.address]),
    statuses: new Uint8Array(1),
  };
  const first = rejection(device.batch(batch));
  breakCore(mapper, 'run');
  const second = rejection(device.batch({ ...batch, statuses: new Uint8Array(1) }));
  for (const error of await Promise.all([first, second])) assert.is(error['code'], 'ERR_RQDM_CORE');
  await mapper.close();
});

test('transfers that wait for room in the arena are rejected too', async () => {
  const mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const device = await mapper.openDevice('mem:a?size=1M');
  await device.suspend();
  const waiting = Array.from({ length: 40 }, () => rejection(device.write(new Uint8Array(8192), 0)));
  await turns(1);
  assert.ok(arenaOf(mapper).freeBytes < 65536);
  breakCore(mapper, 'run');
  await rejection(device.resume().then(() => device.read(0, 512)));
  for (const error of await Promise.all(waiting)) assert.is(error['code'], 'ERR_RQDM_CORE');
  await mapper.close();
});

test('a core that fails while a suspend, a resume or a close waits for it lets them end', async () => {
  using folder = new TemporaryFolder();
  for (const what of ['suspend', 'close'] as const) {
    const mapper = new DeviceMapper();
    const device = await mapper.openDevice(folder.file(what, 65536));
    const read = rejection(device.read(0, 512));
    await turns(1);
    breakCore(mapper, 'run');
    if (what === 'suspend') assert.is((await rejection(device.suspend()))['code'], 'ERR_RQDM_CORE');
    else await device.close();
    assert.is((await read)['code'], 'ERR_RQDM_CORE');
    await mapper.close();
  }
});

test('a failure in a call that a target has asked for is a poison, not an exception of whoever was near', async () => {
  for (const name of ['kick', 'finish'] as const) {
    const mapper = new DeviceMapper();
    const probe = probeTarget('probe', { prepMap: () => 0 });
    mapper.registerTarget(probe);
    const device = await mapper.createDevice({ name: 'd', table: '0 8 probe mem:a?size=4K' });
    const read = rejection(device.read(0, 512));
    assert.ok(await isPending(read));
    breakCore(mapper, name);
    if (name === 'kick') probe.newest.context.kick();
    else probe.newest.context.finish(0, 0);
    assert.is((await read)['code'], 'ERR_RQDM_CORE');
    await mapper.close();
  }
});

test('messages and loads are refused with the same error, table and stats still tell what was', async () => {
  const mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=4K#1']);
  breakCore(mapper, 'run');
  await rejection(device.read(0, 512));
  for (const call of [() => device.message('queue_if_no_path'), () => device.load('0 8 error')]) {
    assert.is(thrown(call)['code'], 'ERR_RQDM_CORE');
  }
  assert.match(device.table(), /multipath/);
  assert.is(device.stats().biosEnded, 0);
  await mapper.close();
});

test('one mapper that has failed leaves another alone', async () => {
  const bad = new DeviceMapper();
  await using good = new DeviceMapper();
  const first = await bad.openDevice('mem:a?size=4K');
  const second = await good.openDevice('mem:a?size=4K');
  breakCore(bad, 'run');
  await rejection(first.read(0, 1));
  assert.is((await second.read(0, 1)).length, 1);
  await bad.close();
});

test.run();
