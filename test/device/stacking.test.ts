// Devices on devices: which may stand on which, and that data and errors find their way through.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { isPending, rejection, thrown } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: stacking');

const A = 'mem:a?size=1M';
const MIB = 1024 * 1024;

async function carries(device: MappedDevice, salt: number): Promise<void> {
  const bytes = pattern(0, device.size, salt);
  await device.write(bytes, 0);
  assert.is(Buffer.compare(await device.read(0, device.size), bytes), 0);
  await device.flush();
}

test('linear over multipath: bios on requests', async () => {
  await using mapper = new DeviceMapper();
  const pair = await mapper.openDevice([`${A}#1`, `${A}#2`], { name: 'pair' });
  const top = await mapper.createDevice({ name: 'top', table: ['0 1000 linear pair 48', '1000 1000 linear pair 1048'] });
  assert.is(top.type, 'bio');
  assert.is(pair.type, 'request');
  await carries(top, 1);
  assert.is(Buffer.compare(await pair.read(48 * 512, 512), pattern(0, 512, 1)), 0);
  await Promise.all(Array.from({ length: 64 }, (_, index) => top.read(index * 4096, 4096)));
  assert.ok(pair.stats().merges.back > 0, 'pieces merge in the queue below the map');
});

test('multipath over multipath: requests on requests, and a lower path that fails is not seen above', async () => {
  await using mapper = new DeviceMapper();
  const low = await mapper.openDevice([`${A}&switch=one#1`, `${A}#2`], { name: 'low', selector: 'round-robin' });
  const other = await mapper.openDevice([`${A}#3`, `${A}#4`], { name: 'other' });
  const top = await mapper.openDevice(['low', 'other'], { name: 'top', selector: 'round-robin' });
  assert.is(top.type, 'request');
  await carries(top, 2);
  mapper.faultSwitches.get('one').fail();
  for (let index = 0; index < 8; index++) await top.read(index * 8192, 512);
  await carries(top, 3);
  assert.match(low.status(), / 240:\d+ F 1 /);
  assert.not.match(top.status(), / F /);
  assert.ok(other.stats().paths.every(({ issued }) => issued > 0));
});

test('when the lower map has no path left, its error fails the path above and the other side carries on', async () => {
  await using mapper = new DeviceMapper();
  await mapper.openDevice([`${A}&switch=one#1`], { name: 'low' });
  await mapper.openDevice([`${A}#3`], { name: 'other' });
  const top = await mapper.openDevice(['low', 'other'], { selector: 'round-robin' });
  mapper.faultSwitches.get('one').fail();
  await carries(top, 4);
  assert.match(top.status(), /253:0 F 1 253:1 A 0 /);
});

test("request-based over bio-based is refused with the kernel's words", async () => {
  await using mapper = new DeviceMapper();
  await mapper.createDevice({ name: 'flat', table: `0 2048 linear ${A} 0` });
  const error = await rejection(mapper.openDevice(['flat']));
  assert.match(error.message, /table load rejected: including non-request-stackable devices: flat \(253:0\) takes no requests/);
  assert.is(error['errno'], 'EINVAL');
  const bio = await mapper.openDevice(['flat'], { type: 'bio' });
  await carries(bio, 5);
});

test('a single word opens a device over whatever it names', async () => {
  await using mapper = new DeviceMapper();
  await mapper.createDevice({ name: 'flat', table: `0 2048 linear ${A} 0` });
  const above = await mapper.openDevice('flat');
  assert.is(above.type, 'bio');
  await carries(above, 6);
  await mapper.openDevice([`${A}#1`], { name: 'pair' });
  assert.is((await mapper.openDevice('pair')).type, 'request');
});

test('loops are refused: at itself, around a corner, and between tables that wait to go live', async () => {
  await using mapper = new DeviceMapper();
  const low = await mapper.createDevice({ name: 'low', table: `0 8 linear ${A} 0` });
  const mid = await mapper.createDevice({ name: 'mid', table: '0 8 linear low 0' });
  const top = await mapper.createDevice({ name: 'top', table: '0 8 linear mid 0' });
  for (const name of ['low', 'mid', 'top']) {
    const error = thrown(() => low.load(`0 8 linear ${name} 0`));
    assert.is(error['code'], 'ERR_RQDM_TABLE', name);
    assert.match(error.message, /low/);
  }
  assert.match((await rejection(mapper.createDevice({ name: 'self', table: '0 8 linear self 0' }))).message, /names no device/);
  const one = await mapper.createDevice({ name: 'one', table: `0 8 linear ${A} 0` });
  const two = await mapper.createDevice({ name: 'two', table: `0 8 linear ${A} 0` });
  one.load('0 8 linear two 0');
  assert.is(thrown(() => two.load('0 8 linear one 0'))['code'], 'ERR_RQDM_TABLE');
  one.clear();
  await carries(top, 7);
  await Promise.all([top, mid, low, one, two].map((device) => device.name).map(() => null));
});

test('eight devices may stand on each other, a ninth is refused, and what lies below others cannot grow deeper', async () => {
  await using mapper = new DeviceMapper();
  let below = A;
  for (let level = 1; level <= 8; level++) {
    await mapper.createDevice({ name: `l${level}`, table: `0 64 linear ${below} 0` });
    below = `l${level}`;
  }
  await carries(mapper.getDevice('l8')!, 8);
  const error = await rejection(mapper.createDevice({ name: 'l9', table: '0 64 linear l8 0' }));
  assert.is(error['code'], 'ERR_RQDM_TABLE');
  assert.match(error.message, /8/);
  const side = await mapper.createDevice({ name: 'side', table: `0 64 linear ${A} 64` });
  await mapper.createDevice({ name: 'on', table: '0 64 linear side 0' });
  assert.is(thrown(() => side.load('0 64 linear l3 0'))['code'], 'ERR_RQDM_TABLE');
  side.load('0 64 linear mem:b?size=1M 0');
  await side.resume();
  await carries(mapper.getDevice('on')!, 9);
});

test('a device that others use cannot be closed, and may be once they are', async () => {
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const low = await mapper.openDevice([`${A}#1`], { name: 'low' });
  const top = await mapper.createDevice({ name: 'top', table: '0 8 linear low 0' });
  const error = await rejection(low.close());
  assert.is(error['code'], 'ERR_RQDM_BUSY');
  assert.is((await low.read(0, 512)).length, 512, 'the refused close changed nothing');
  assert.is((await rejection(low.close()))['code'], 'ERR_RQDM_BUSY');
  await top.close();
  await low.close();
  assert.equal(poolFigures(mapper), free);
});

test('a device that is being closed cannot be put into a table', async () => {
  await using mapper = new DeviceMapper();
  const low = await mapper.openDevice([`${A}#1`], { name: 'low' });
  const closing = low.close();
  const error = await rejection(mapper.createDevice({ name: 'top', table: '0 8 linear low 0' }));
  assert.match(error.message, /being closed|names no device/);
  await closing;
});

test('closing a mapper ends I/O that waits anywhere in a stack', async () => {
  const mapper = new DeviceMapper();
  const low = await mapper.openDevice([`${A}&switch=one#1`], { name: 'low', queueIfNoPath: true });
  const middle = await mapper.createDevice({ name: 'middle', table: '0 2048 linear low 0' });
  const top = await mapper.createDevice({ name: 'top', table: '0 2048 linear middle 0' });
  mapper.faultSwitches.get('one').fail();
  const first = rejection(top.read(0, 512));
  assert.ok(await isPending(first));
  const suspend = rejection(middle.suspend({ noflush: true }));
  assert.ok(await isPending(suspend), 'what is in flight below has not come back');
  const second = rejection(top.read(4096, 512));
  await mapper.close();
  const error = await first;
  assert.is(error['code'], 'EIO');
  assert.is((error.cause as { code: string }).code, 'ENOLINK');
  assert.is((await second)['code'], 'EIO');
  assert.is((await suspend)['code'], 'ERR_RQDM_CLOSED');
  await low.close();
});

test('limits stack: a request above never exceeds what the path below takes', async () => {
  await using mapper = new DeviceMapper();
  const pair = await mapper.openDevice([`${A}&max_sectors=16#1`, `${A}#2`], { selector: 'round-robin' });
  await carries(pair, 10);
  const stats = pair.stats();
  assert.ok(stats.meanRequestBytes <= 8192, `${stats.meanRequestBytes}`);
  assert.ok(stats.splits > 0);
  assert.is(pair.size, MIB);
});

test.run();
