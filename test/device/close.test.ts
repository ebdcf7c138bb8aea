// The end of devices and mappers: what is in flight ends, what waits fails, nothing is left.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { isPending, rejection, thrown } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: close');

const A = 'mem:a?size=1M';

test('close waits for I/O in flight, which ends well', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 1024 * 1024);
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const device = await mapper.openDevice([`${file}#1`, `${file}#2`]);
  const writes = Array.from({ length: 100 }, (_, index) => device.write(pattern(index * 8192, 4096, index), index * 8192));
  const flush = device.flush();
  const unaligned = device.write(new Uint8Array(3).fill(7), 5001, { unaligned: true });
  const close = device.close();
  assert.is(device.close(), close, 'a second call returns the same promise');
  await close;
  await Promise.all([...writes, flush, unaligned]);
  assert.is(Buffer.compare(folder.read('a').subarray(8192, 12_288), pattern(8192, 4096, 1)), 0);
  assert.is(folder.read('a')[5003], 7);
  assert.equal(poolFigures(mapper), free);
  assert.is(mapper.getDevice(device.name), undefined);
});

test('a closed device refuses everything with one code, and its name is free again', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(A, { name: 'd' });
  const closing = device.close();
  const refused = async (): Promise<void> => {
    for (const call of [
      device.read(0, 1),
      device.readInto(new Uint8Array(1), 0),
      device.write(new Uint8Array(512), 0),
      device.write(new Uint8Array(1), 0, { unaligned: true }),
      device.flush(),
    ]) {
      assert.is((await rejection(call))['code'], 'ERR_RQDM_CLOSED');
    }
  };
  await refused();
  await closing;
  await refused();
  for (const call of [() => device.message('x'), () => device.load('0 1 error')]) {
    assert.is(thrown(call)['code'], 'ERR_RQDM_CLOSED');
  }
  for (const call of [device.suspend(), device.resume()]) assert.is((await rejection(call))['code'], 'ERR_RQDM_CLOSED');
  await device.close();
  const again = await mapper.openDevice(A, { name: 'd' });
  assert.is((await again.read(0, 1)).length, 1);
});

test('close of a suspended device fails what the suspend held, bio-based and request-based', async () => {
  for (const type of ['request', 'bio'] as const) {
    await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 32, requests: 16 } });
    const free = poolFigures(mapper);
    const device = await mapper.openDevice([`${A}#1`], { type });
    await device.suspend({ noflush: type === 'request' });
    const held = Array.from({ length: 100 }, (_, index) => rejection(device.read(index * 8192, 4096)));
    await device.close();
    for (const error of await Promise.all(held)) assert.is(error['code'], 'EIO');
    assert.equal(poolFigures(mapper), free);
  }
});

test('close fails I/O that waits for a path, with the first error as its cause', async () => {
  for (const type of ['request', 'bio'] as const) {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${A}&switch=s#1`], { type, queueIfNoPath: true });
    mapper.faultSwitches.get('s').fail();
    const waiting = rejection(device.read(0, 512));
    const flush = device.flush();
    assert.ok(await isPending(waiting));
    await device.close();
    const error = await waiting;
    assert.is(error['code'], 'EIO', type);
    assert.is((error.cause as { code?: string }).code, 'ENOLINK');
    await flush;
  }
});

test('close of a mapper closes all of its devices; a second call returns the same promise; creating is refused', async () => {
  const mapper = new DeviceMapper();
  const first = await mapper.openDevice(A);
  const second = await mapper.createDevice({ name: 'top', table: `0 8 linear ${first.name} 0` });
  const read = second.read(0, 4096);
  const closing = mapper.close();
  assert.is(mapper.close(), closing);
  assert.is((await rejection(mapper.openDevice(A)))['code'], 'ERR_RQDM_CLOSED');
  await closing;
  assert.is((await read).length, 4096);
  assert.equal(mapper.devices, []);
  assert.is((await rejection(first.read(0, 1)))['code'], 'ERR_RQDM_CLOSED');
});

test('tables that wait to go live do not keep a mapper from closing, in whatever order they name each other', async () => {
  const mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const one = await mapper.createDevice({ name: 'one', table: `0 8 linear ${A} 0` });
  const two = await mapper.createDevice({ name: 'two' });
  const three = await mapper.createDevice({ name: 'three', table: ['0 8 linear one 0'] });
  two.load('0 8 linear three 0');
  one.load(`0 8 linear ${A}#other 0`);
  mapper.attach('/dev/sda', A);
  two.open();
  assert.is(three.openCount, 1);
  await mapper.close();
  assert.equal(poolFigures(mapper), free);
});

test('a mapper that never opened anything closes, and one whose device is gone already', async () => {
  await new DeviceMapper().close();
  const mapper = new DeviceMapper();
  await (await mapper.openDevice(A)).close();
  await mapper.close();
});

test('memory that nobody names any more is gone, and what is still named stays', async () => {
  await using mapper = new DeviceMapper();
  const first = await mapper.openDevice(A);
  const other = await mapper.openDevice(`${A}#other`);
  await first.write(new Uint8Array(512).fill(9), 0);
  await first.close();
  const again = await mapper.openDevice(A);
  assert.is((await again.read(0, 1))[0], 9);
  await Promise.all([other.close(), again.close()]);
  const fresh = await mapper.openDevice('mem:a?size=64K');
  assert.is((await fresh.read(0, 1))[0], 0);
});

test('a thousand devices come and go without a trace', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 64, requests: 64, extents: 4 } });
  const free = poolFigures(mapper);
  for (let round = 0; round < 1000; round++) {
    const device = await mapper.openDevice([`${A}#1`, `${A}#2`], { name: 'd', type: round % 2 ? 'bio' : 'request' });
    if (round % 10 === 0) await device.write(pattern(0, 4096, round), 0);
    await device.close();
  }
  assert.equal(poolFigures(mapper), free);
});

test('the default mapper serves openDevice and createDevice of the library', async () => {
  const { openDevice, createDevice, getDefaultMapper } = await import('../../bindings/index.ts');
  {
    await using device = await openDevice(A, { name: 'one' });
    await using above = await createDevice({ name: 'two', table: '0 8 linear one 0' });
    await above.write(new Uint8Array(512).fill(3), 0);
    assert.is((await device.read(0, 1))[0], 3);
  }
  assert.equal(getDefaultMapper().devices, []);
});

test.run();
