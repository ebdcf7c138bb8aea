// Devices under control, as dmsetup has them: slots, names, users, events.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { isPending, rejection, thrown, turns } from '../support/promise-state.ts';

const test = suite('device: control');

const A = 'mem:a?size=1M';
const B = 'mem:b?size=1M';

function logged(): { lines: string[]; mapper: DeviceMapper } {
  const lines: string[] = [];
  return { lines, mapper: new DeviceMapper({ log: (line) => lines.push(line) }) };
}

// ---- slots ----------------------------------------------------------------------------------------------------------

test('a device without a table is active, has no size, and fails all I/O', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd' });
  assert.equal(device.info(), {
    name: 'd',
    uuid: '',
    number: '253:0',
    major: 253,
    minor: 0,
    state: 'ACTIVE',
    openCount: 0,
    eventNumber: 0,
    isReadOnly: false,
    hasLiveTable: false,
    hasInactiveTable: false,
    targetCount: 0,
    isDeferredRemove: false,
    type: undefined,
  });
  assert.is(device.size, 0);
  for (const call of [device.read(0, 512), device.write(new Uint8Array(512), 0), device.flush()]) {
    const error = await rejection(call);
    assert.is(error['code'], 'ERR_RQDM_NO_TABLE');
    assert.is(error['errno'], 'EIO');
  }
  assert.is(device.table() + device.status() + device.table({ slot: 'inactive' }), '');
  assert.equal(device.dependencies(), []);
  assert.is(device.stats().bios, 0);
  await device.resume();
  assert.is(thrown(() => device.message('x'))['errno'], 'ENXIO');
});

for (const type of ['bio', 'request'] as const) {
  test(`the first table decides the type, waits for the resume and takes I/O then (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const device = await mapper.createDevice({ name: 'd', type });
    device.load(`0 2048 passthrough ${A} 0`);
    assert.is(device.type, type);
    assert.is(device.size, 0);
    assert.ok(device.hasInactiveTable && !device.hasLiveTable);
    assert.is(device.table({ slot: 'inactive', names: 'word' }), `0 2048 passthrough ${A} 0`);
    assert.equal(device.dependencies({ slot: 'inactive' }), [{ number: '240:1', word: A }]);
    device.clear();
    assert.not.ok(device.hasInactiveTable);
    device.load(`0 2048 passthrough ${B} 0`);
    await device.resume();
    assert.ok(device.hasLiveTable && !device.hasInactiveTable);
    await device.write(new Uint8Array(512).fill(7), 0);
    assert.is((await device.read(0, 1))[0], 7);
    assert.is(device.info().targetCount, 1);
  });
}

test('the type stays what the first table said, also when that table has been cleared', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd' });
  device.load(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}`);
  device.clear();
  const error = thrown(() => device.load(`0 2048 linear ${A} 0`));
  assert.match(error.message, /can't change device type \(old=2 vs new=1\)/);
  device.load('0 8 error');
  await device.resume();
  assert.is(device.type, 'request');
});

test('a suspended device without any table cannot be resumed, and may be once it has one', async () => {
  await using mapper = new DeviceMapper();
  for (const type of ['bio', 'request'] as const) {
    const device = await mapper.createDevice({ name: type, type });
    await device.suspend();
    assert.is(device.info().state, 'SUSPENDED');
    const error = await rejection(device.resume());
    assert.is(error['code'], 'ERR_RQDM_NO_TABLE');
    assert.is(error['errno'], 'EINVAL');
    assert.ok(device.isSuspended);
    device.load(`0 2048 passthrough ${A} 0`);
    assert.ok(device.isSuspended);
    await device.resume();
    assert.is((await device.read(0, 512)).length, 512);
  }
});

test('a device without a table cannot stand in another table', async () => {
  const { lines, mapper } = logged();
  await mapper.createDevice({ name: 'low' });
  const error = await rejection(mapper.createDevice({ name: 'top', table: '0 8 linear low 0' }));
  assert.match(error.message, /dm-0 too small for target: start=0, len=8, dev_size=0/);
  assert.equal(lines, [
    'device-mapper: table: 253:1: dm-0 too small for target: start=0, len=8, dev_size=0',
    'device-mapper: core: Cannot calculate initial queue limits',
    'device-mapper: ioctl: unable to set up device queue for new table.',
  ]);
  assert.is(mapper.getDevice('low')!.openCount, 0);
  await mapper.close();
});

test('a table may be read-only where the device is not', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 linear ${A} 0` });
  assert.not.ok(device.info().isReadOnly);
  device.load(`0 2048 linear ${A} 0`, { readOnly: true });
  assert.not.ok(device.isReadOnly);
  await device.resume();
  assert.ok(device.info().isReadOnly);
  assert.is((await rejection(device.write(new Uint8Array(512), 0)))['code'], 'EROFS');
  await device.reload(`0 2048 linear ${A} 0`, { readOnly: false });
  await device.write(new Uint8Array(512), 0);
});

test('dependencies are told once each, the last named first', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/ram0', A, { number: '1:0' });
  mapper.attach('/dev/ram1', B, { number: '1:1' });
  const table = ['0 8 linear /dev/ram0 0', '8 8 linear 1:1 0', '16 8 linear 1:0 8'];
  const device = await mapper.createDevice({ name: 'd', table });
  assert.equal(device.dependencies(), [
    { number: '1:1', word: '/dev/ram1' },
    { number: '1:0', word: '/dev/ram0' },
  ]);
  assert.is(device.table(), '0 8 linear 1:0 0\n8 8 linear 1:1 0\n16 8 linear 1:0 8');
});

// ---- names ----------------------------------------------------------------------------------------------------------

test('minors are the lowest that are free or as asked for, whatever else is open', async () => {
  await using mapper = new DeviceMapper();
  await mapper.openPlain(A);
  const create = (name: string, minor?: number): Promise<MappedDevice> =>
    mapper.createDevice({ name, ...(minor === undefined ? {} : { minor }) });
  assert.is((await create('a')).number, '253:0');
  const second = await create('b');
  assert.is(second.number, '253:1');
  assert.is((await create('c', 77)).number, '253:77');
  assert.is((await rejection(create('d', 77)))['errno'], 'ENXIO');
  for (const bad of [2 ** 20, -1, 1.5]) assert.is((await rejection(create('d', bad)))['errno'], 'EINVAL');
  await second.remove();
  assert.is((await create('d')).number, '253:1');
  assert.is((await create('e')).number, '253:2');
});

test('names and uuids are taken once, and errors have the errno of the kernel', async () => {
  const { lines, mapper } = logged();
  await mapper.createDevice({ name: 'a', uuid: 'U-a' });
  const create = (options: { name: string; uuid?: string }): Promise<Error & { errno?: string }> =>
    rejection(mapper.createDevice(options)) as never;
  assert.is((await create({ name: 'a' })).errno, 'EBUSY');
  assert.is((await create({ name: 'b', uuid: 'U-a' })).errno, 'EBUSY');
  assert.is((await create({ name: '' })).errno, 'EINVAL');
  assert.is((await create({ name: 'a/b' })).errno, 'EINVAL');
  assert.is((await create({ name: 'x'.repeat(128) })).errno, 'EINVAL');
  assert.is((await create({ name: 'b', uuid: 'u'.repeat(129) })).errno, 'EINVAL');
  assert.equal(lines, ['device-mapper: ioctl: name not supplied when creating device']);
  await mapper.createDevice({ name: 'b', uuid: 'u'.repeat(128) });
  assert.equal(
    mapper.devices.map(({ name }) => name),
    ['a', 'b'],
  );
  await mapper.close();
});

test("a rename raises an event and is found under the new name; refusals have the kernel's words", async () => {
  const { lines, mapper } = logged();
  const a = await mapper.createDevice({ name: 'a', uuid: 'UUID-a', table: '0 8 error' });
  const b = await mapper.createDevice({ name: 'b' });
  assert.is(thrown(() => a.rename('b'))['errno'], 'EBUSY');
  a.rename('c');
  assert.is(a.eventNumber, 1);
  assert.is(mapper.getDevice('c'), a);
  assert.is(mapper.getDevice('a'), undefined);
  assert.is(thrown(() => a.setUuid('other'))['errno'], 'EINVAL');
  assert.is(thrown(() => b.setUuid('UUID-a'))['errno'], 'EBUSY');
  b.setUuid('UUID-b');
  assert.is(mapper.getDevice('UUID-b'), b);
  b.rename('z');
  assert.is(b.eventNumber, 0, 'nobody is told of a device without a table');
  assert.is(thrown(() => b.rename(''))['errno'], 'EINVAL');
  assert.equal(lines, [
    'device-mapper: ioctl: Unable to change name on mapped device a to one that already exists: b',
    'device-mapper: ioctl: Unable to change uuid of mapped device c to other because uuid is already set to UUID-a',
    'device-mapper: ioctl: Unable to change uuid on mapped device b to one that already exists: UUID-a',
    'device-mapper: ioctl: Invalid new mapped device name or uuid string supplied.',
  ]);
  await mapper.close();
});

test('a device is found by name, uuid, number and nodes, a mangled one too', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'a b', uuid: 'U', minor: 5 });
  for (const word of ['a b', 'U', '253:5', '/dev/mapper/a b', '/dev/mapper/a\\x20b', '/dev/dm-5']) {
    assert.is(mapper.getDevice(word), device, word);
  }
  for (const word of ['253:6', '252:5', '/dev/dm-6', '/dev/mapper/', 'a']) assert.is(mapper.getDevice(word), undefined, word);
});

test('the types that tables may name are told with their versions', async () => {
  await using mapper = new DeviceMapper();
  const linear = mapper.targets.find(({ name }) => name === 'linear');
  assert.equal(linear, { name: 'linear', version: [1, 4, 0] });
});

// ---- users ----------------------------------------------------------------------------------------------------------

test('a device in use is not removed, unless deferred: then it goes with its last user', async () => {
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 linear ${A} 0` });
  const handle = device.open();
  const top = await mapper.createDevice({ name: 'top', table: '0 8 linear d 0' });
  assert.is(device.openCount, 2);
  const error = await rejection(device.remove());
  assert.is(error['code'], 'ERR_RQDM_BUSY');
  assert.is(error['errno'], 'EBUSY');
  await device.remove({ deferred: true });
  assert.ok(device.info().isDeferredRemove);
  assert.is((await device.read(0, 512)).length, 512);
  handle.close();
  handle.close();
  assert.is(device.openCount, 1);
  assert.is(mapper.getDevice('d'), device);
  await top.remove();
  assert.is(mapper.getDevice('d'), undefined);
  await turns();
  assert.equal(poolFigures(mapper), free);
  assert.is(thrown(() => device.open())['errno'], 'ENXIO');
});

test('a deferred removal is taken back by a call or by a message', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: '0 8 error' });
  for (const cancel of [() => device.cancelDeferredRemove(), () => device.message('@cancel_deferred_remove')]) {
    const handle = device.open();
    await device.remove({ deferred: true });
    cancel();
    handle.close();
    assert.is(mapper.getDevice('d'), device);
  }
});

test('a removed name is free at once, before the device is gone', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', uuid: 'U', table: `0 2048 linear ${A} 0` });
  const removed = device.remove();
  const again = await mapper.createDevice({ name: 'd', uuid: 'U', table: `0 8 linear ${A} 0` });
  await removed;
  assert.is(mapper.getDevice('d'), again);
  assert.is(mapper.getDevice('U'), again);
});

test('a forced removal fails what waits for a path', async () => {
  await using mapper = new DeviceMapper();
  const table = `0 2048 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 ${A}`;
  const device = await mapper.createDevice({ name: 'd', table });
  device.message(`fail_path ${device.dependencies()[0]!.number}`);
  const read = rejection(device.read(0, 512));
  assert.ok(await isPending(read));
  await device.remove({ force: true });
  assert.is((await read)['code'], 'EIO');
});

// ---- events ---------------------------------------------------------------------------------------------------------

test('a wait for an event returns at once for another number, else with the next event, or when interrupted', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}` });
  assert.is(await device.waitForEvent(99), 0);
  const waiting = device.waitForEvent(0);
  assert.ok(await isPending(waiting));
  device.message(`fail_path ${device.dependencies()[0]!.number}`);
  assert.is(await waiting, 1);
  const abort = new AbortController();
  const interrupted = rejection(device.waitForEvent(1, { signal: abort.signal }));
  abort.abort();
  assert.is((await interrupted)['errno'], 'EINTR');
  const last = device.waitForEvent(1);
  await device.remove();
  assert.is(await last, 2);
});

test('a path that fails is told as udev would hear it', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/sda', A, { number: '8:0' });
  const table = '0 2048 multipath 0 0 1 1 round-robin 0 1 0 /dev/sda';
  const device = await mapper.createDevice({ name: 'd', uuid: 'U', table });
  const heard: unknown[] = [];
  device.on('uevent', (environment) => heard.push(environment));
  device.message('fail_path 8:0');
  device.message('reinstate_path 8:0');
  await turns();
  const common = { DM_TARGET: 'multipath', DM_PATH: '8:0', DM_NAME: 'd', DM_UUID: 'U' };
  assert.equal(heard, [
    { ...common, DM_ACTION: 'PATH_FAILED', DM_SEQNUM: '1', DM_NR_VALID_PATHS: '0' },
    { ...common, DM_ACTION: 'PATH_REINSTATED', DM_SEQNUM: '2', DM_NR_VALID_PATHS: '1' },
  ]);
});

// ---- messages -------------------------------------------------------------------------------------------------------

test("messages that nobody takes are refused in the kernel's words, and logged", async () => {
  const { lines, mapper } = logged();
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 linear ${A} 0` });
  for (const [words, sector, text] of [
    ['', 0, 'Empty message received.'],
    ['@nonsense', 0, 'Unsupported message sent to DM core: @nonsense'],
    ['x', 2048, 'Target message sector outside device.'],
    ['x', 0, 'Target type does not support messages'],
  ] as const) {
    const error = thrown(() => device.message(words, { sector }));
    assert.is(error['errno'], 'EINVAL');
    assert.ok(error.message.startsWith(text), error.message);
    assert.is(lines.at(-1), `device-mapper: ioctl: ${text}`);
  }
  await mapper.close();
});

test('a message hook that throws or answers nonsense is an error by its name', async () => {
  await using mapper = new DeviceMapper();
  const base = probeTarget('base');
  const answers: unknown[] = ['text', 7, Promise.reject(new Error('nobody waits'))];
  mapper.registerTarget({
    ...base,
    name: 'odd',
    construct: (words, context) =>
      Object.assign(base.construct(words, context), {
        message: ([word]: readonly string[]) => {
          if (word === 'throw') throw new Error('boom');
          return answers.shift();
        },
      }),
  });
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 odd ${A}` });
  assert.is(device.message('a'), 'text');
  assert.match(thrown(() => device.message('a')).message, /target odd of d: hook message returned 7/);
  assert.match(thrown(() => device.message('a')).message, /hook message returned a promise: expected a text/);
  assert.match(thrown(() => device.message('throw')).message, /hook message threw: boom/);
  await turns();
});

test("tables that a device cannot take are logged in the kernel's words", async () => {
  const { lines, mapper } = logged();
  const multipath = `0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}`;
  const request = await mapper.createDevice({ name: 'r', table: multipath });
  const bio = await mapper.createDevice({ name: 'b', table: `0 2048 linear ${A} 0` });
  assert.throws(() => request.load(`0 2048 linear ${A} 0`));
  assert.throws(() => bio.load(multipath));
  assert.throws(() => bio.load(''));
  assert.throws(() => bio.load('0 8 nonsense'));
  await rejection(mapper.createDevice({ name: 'c', table: '0 2048 multipath 0 0 1 1 round-robin 0 1 0 b' }));
  assert.equal(lines, [
    "device-mapper: ioctl: can't replace immutable target type multipath",
    "device-mapper: ioctl: can't change device type (old=1 vs new=2) after initial table load.",
    'device-mapper: ioctl: populate_table: no targets specified',
    'device-mapper: table: 253:1: nonsense: unknown target type',
    'device-mapper: ioctl: error adding target to table',
    'device-mapper: table: table load rejected: including non-request-stackable devices',
    'device-mapper: table: unable to determine table type',
  ]);
  await mapper.close();
});

// ---- attached -------------------------------------------------------------------------------------------------------

test('an attached node is named by tables, printed by its number, and kept open until it is detached', async () => {
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const backing = mapper.attach('/dev/sda', A, { number: '8:0' });
  assert.is(backing.number, '8:0');
  const device = await mapper.createDevice({ name: 'd', table: '0 2048 linear /dev/sda 0' });
  assert.is(device.table(), '0 2048 linear 8:0 0');
  assert.is(device.table({ names: 'word' }), '0 2048 linear /dev/sda 0');
  assert.is(mapper.backing('8:0'), backing);
  assert.is((await rejection(mapper.detach('/dev/sda')))['errno'], 'EBUSY');
  for (const [node, number] of [
    ['/dev/sda', '8:16'],
    ['/dev/sdb', '8:0'],
  ] as const) {
    assert.is(thrown(() => mapper.attach(node, B, { number }))['errno'], 'EBUSY');
  }
  for (const number of ['253:1', 'x', '8:', '5000:1']) {
    assert.is(thrown(() => mapper.attach('/dev/sdb', B, { number }))['errno'], 'EINVAL', number);
  }
  await device.close();
  await mapper.detach('/dev/sda');
  assert.is((await rejection(mapper.detach('/dev/sda')))['errno'], 'ENXIO');
  assert.equal(poolFigures(mapper), free);
});

test('one device too many is a coded error, attached or mapped, with a table or without', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 2, bios: 64, requests: 64 } });
  mapper.attach('/dev/sda', A);
  await mapper.createDevice({ name: 'd' });
  for (let round = 0; round < 2; round++) {
    assert.is(thrown(() => mapper.attach('/dev/sdb', B))['code'], 'ERR_RQDM_LIMIT');
    assert.is((await rejection(mapper.createDevice({ name: 'e' })))['code'], 'ERR_RQDM_LIMIT');
  }
  await mapper.getDevice('d')!.remove();
  assert.is((await mapper.createDevice({ name: 'e' })).number, '253:0');
});

test('attached nodes are one cache unless told otherwise: one flush goes down one path', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/sda', A);
  mapper.attach('/dev/sdb', A);
  mapper.attach('/dev/sdc', A, { cacheKey: 'other' });
  const table = '0 2048 multipath 0 0 1 1 round-robin 0 2 0 /dev/sda /dev/sdb';
  const device = await mapper.createDevice({ name: 'd', table });
  const domains = device.liveTable!.devices.map(({ cacheDomain }) => cacheDomain);
  assert.is(domains[0], domains[1]);
  const other = await mapper.createDevice({ name: 'e', table: '0 2048 linear /dev/sdc 0' });
  assert.is.not(other.liveTable!.devices[0]!.cacheDomain, domains[0]);
});

test.run();
