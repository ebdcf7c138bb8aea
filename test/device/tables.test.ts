// Tables of devices: what is printed, what is refused and how, names, numbers and room.

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, linear, multipath, RqdmTableError } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { probeTarget } from '../support/probe-target.ts';
import { rejection, thrown } from '../support/promise-state.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: tables');

const A = 'mem:a?size=1M';

// ---- printed --------------------------------------------------------------------------------------------------------

test('table and status of multipath are printed to the letter, by numbers and by words', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({
    name: 'm',
    table: `0 2048 multipath 1 queue_if_no_path 0 2 1 service-time 0 2 2 ${A}#1 1 3 ${A}#2 1 1 queue-length 0 1 1 ${A}#3 1`,
  });
  const table = '0 2048 multipath 1 queue_if_no_path 0 2 1 service-time 0 2 2 240:1 1 3 240:2 1 1 queue-length 0 1 1 240:3 1 ';
  assert.is(device.table(), table);
  assert.is(device.status(), '0 2048 multipath 2 1 0 0 2 1 E 0 2 2 240:1 A 0 0 3 240:2 A 0 0 1 E 0 1 1 240:3 A 0 0 ');
  await device.read(0, 512);
  assert.is(device.status(), '0 2048 multipath 2 0 0 0 2 1 A 0 2 2 240:1 A 0 0 3 240:2 A 0 0 1 E 0 1 1 240:3 A 0 0 ');
  assert.is(
    device.table({ names: 'word' }),
    `0 2048 multipath 1 queue_if_no_path 0 2 1 service-time 0 2 2 ${A}#1 1 3 ${A}#2 1 1 queue-length 0 1 1 ${A}#3 1 `,
  );
});

test('what table prints loads again, by numbers and by words, and prints the same', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a disk', 1024 * 1024);
  await using mapper = new DeviceMapper();
  const words = file.replace(' ', '\\ ');
  for (const table of [
    [`0 8 linear ${A} 8`, `8 16 linear ${words} 0`],
    [`0 2048 multipath 3 queue_if_no_path pg_init_retries 7 0 1 1 round-robin 0 2 1 ${words}#1 1 ${words}#2 1`],
    [`0 2048 multipath 2 queue_mode bio 0 1 1 queue-length 0 1 0 ${words}`],
    [`0 100 passthrough ${A} 5`],
    ['0 5 error'],
    ['0 2048 multipath 0 0 0 0'],
  ]) {
    const device = await mapper.createDevice({ name: 'd', table });
    for (const names of ['number', 'word'] as const) {
      const printed = device.table({ names });
      device.load(printed);
      await device.resume();
      assert.is(device.table({ names }), printed);
      device.load(printed);
      device.clear();
    }
    await device.close();
  }
});

test('builders and the star print tables that devices obey', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'l', table: linear({ device: A, offset: 48 }) });
  assert.is(device.table(), '0 2000 linear 240:1 48');
  const pair = await mapper.createDevice({
    name: 'm',
    table: multipath({ groups: [{ selector: 'round-robin', paths: [`${A}#1`, `${A}#2`] }] }),
  });
  assert.is(pair.size, 1024 * 1024);
});

// ---- refused --------------------------------------------------------------------------------------------------------

const MP = 'multipath 0 0 1 1 service-time 0 1 0';

/** Table, the kernel's text, errno, place (line, word), and what else the message must say. */
const BAD: readonly (readonly [string | string[], string, string, (string | undefined)?, RegExp?])[] = [
  ['', 'populate_table: no targets specified', 'EINVAL'],
  ['0 8 nonsense', 'nonsense: unknown target type', 'EINVAL', '1,2'],
  [`0 0 linear ${A} 0`, 'zero-length target', 'EINVAL', '1,1'],
  [`8 8 linear ${A} 0`, 'Gap in table', 'EINVAL', '1,0', /starts at sector 0/],
  [[`0 8 linear ${A} 0`, `16 8 linear ${A} 0`], 'Gap in table', 'EINVAL', '2,0', /starts at sector 8/],
  [[`0 8 linear ${A} 0`, `4 8 linear ${A} 0`], 'Gap in table', 'EINVAL', '2,0'],
  [`0 8 linear ${A}`, 'Invalid argument count', 'EINVAL', undefined, /expected 2 words/],
  [`0 8 linear ${A} 0 0`, 'Invalid argument count', 'EINVAL'],
  [`0 8 linear ${A} -1`, 'Invalid device sector', 'EINVAL', '1,4'],
  [`0 8 linear ${A} 0x10`, 'Invalid device sector', 'EINVAL', '1,4'],
  ['0 8 linear /no/such/file 0', 'Device lookup failed', 'ENODEV', '1,3', /ENOENT/],
  ['0 8 linear nobody 0', 'Device lookup failed', 'ENODEV', '1,3', /"nobody" names no device/],
  ['0 8 linear 9:99 0', 'Device lookup failed', 'ENODEV', '1,3'],
  ['0 8 linear mem:b 0', 'Device lookup failed', 'ENODEV', '1,3', /expected a size/],
  ['0 8 linear mem:b?size=1M&speed=9 0', 'Device lookup failed', 'ENODEV', '1,3', /option 'speed' is unknown/],
  [`0 8 linear ${A} 2048`, `${A} too small for target: start=2048, len=8, dev_size=2048`, 'EINVAL'],
  [`0 2049 linear ${A} 0`, `${A} too small for target: start=0, len=2049, dev_size=2048`, 'EINVAL'],
  [
    '0 8 linear mem:c?size=1M&block=4096 4',
    'start=4 not aligned to h/w logical block size 4096 of mem:c?size=1M&block=4096',
    'EINVAL',
  ],
  [[`0 2048 ${MP} ${A}`, `2048 8 linear ${A} 0`], 'target type multipath must appear alone in table', 'EINVAL', '2,2'],
  [[`0 8 linear ${A} 0`, `8 2048 ${MP} ${A}`], 'singleton target type must appear alone in table', 'EINVAL', '2,2'],
  [
    `0 2048 multipath 1 nonsense 0 1 1 service-time 0 1 0 ${A}`,
    'Unrecognised multipath feature request',
    'EINVAL',
    '1,4',
    /"nonsense"/,
  ],
  [`0 2048 multipath 2 queue_mode x 0 1 1 service-time 0 1 0 ${A}`, "Unknown 'queue_mode' requested", 'EINVAL'],
  [`0 2048 multipath 0 0 1 1 nonsense 0 1 0 ${A}`, 'unknown path selector type', 'EINVAL', '1,7'],
  [`0 2048 multipath 0 0 1 0 service-time 0 1 0 ${A}`, 'invalid initial priority group', 'EINVAL'],
  [`0 2048 multipath 0 0 2 1 service-time 0 1 0 ${A}`, 'priority group count mismatch', 'EINVAL'],
  [`0 2048 multipath 0 0 1 1 service-time 0 2 0 ${A}`, 'not enough path parameters', 'EINVAL'],
  ['0 2048 multipath 0 0 1 1 service-time 0 1 0 /no/such/file', 'error getting device', 'ENODEV'],
  ['0 8 linear', 'Invalid argument count', 'EINVAL'],
  [`* 8 linear ${A} 0`, '', ''],
  ['0 8', '', ''],
  ['zero 8 error', '', ''],
];

test("every bad table is refused with the kernel's text, the place and what was expected, and leaves nothing behind", async () => {
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  for (const [table, kernelText, errno, place, more] of BAD) {
    const error = await rejection(mapper.createDevice({ name: 'bad', table }));
    const what = `${String(table)}: ${error.message}`;
    assert.ok(error instanceof RqdmTableError, what);
    assert.is(error.code, 'ERR_RQDM_TABLE', what);
    if (kernelText !== '') assert.is(error.kernelText, kernelText, what);
    if (errno !== '') assert.is(error.errno, errno, what);
    if (place !== undefined) assert.is(`${error.place?.line},${error.place?.word}`, place, what);
    if (more) assert.match(error.message, more);
    assert.is(mapper.getDevice('bad'), undefined);
  }
  await mapper.createDevice({ name: 'bad', table: `0 8 linear ${A} 0` });
  await mapper.getDevice('bad')!.close();
  assert.equal(poolFigures(mapper), free);
});

test('a word that is a file in this folder gets a hint', async () => {
  await using mapper = new DeviceMapper();
  const error = await rejection(mapper.createDevice({ name: 'x', table: '0 8 linear package.json 0' }));
  assert.match(error.message, /did you mean \.\/package\.json\?/);
});

test('files that cannot be opened say why', async () => {
  using folder = new TemporaryFolder();
  mkdirSync(join(folder.path, 'folder'));
  symlinkSync('loop', join(folder.path, 'loop'));
  folder.file('empty', 0);
  await using mapper = new DeviceMapper();
  for (const [name, text] of [
    ['folder', /EISDIR|directory/],
    ['loop', /ELOOP/],
    ['empty', /is empty/],
    ['none', /ENOENT/],
  ] as const) {
    const error = await rejection(mapper.openDevice(join(folder.path, name)));
    assert.match(error.message, text);
    assert.is(error['errno'], 'ENODEV');
  }
  assert.match((await rejection(mapper.openDevice('/dev/tty0x'))).message, /ENOENT/);
  assert.match((await rejection(mapper.openDevice('/dev/null'))).message, /character device/);
});

test('only allowed words are opened', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a', 4096);
  await using mapper = new DeviceMapper({ allow: [folder.path, /^mem:good\?/] });
  await mapper.openDevice(file);
  await mapper.openDevice('mem:good?size=4K');
  for (const bad of ['mem:bad?size=4K', '/etc/passwd']) {
    assert.match((await rejection(mapper.openDevice(bad))).message, /not allowed/);
  }
});

test("wrong types and contradictions are the kernel's errors", async () => {
  await using mapper = new DeviceMapper();
  mapper.registerTarget({ ...probeTarget('only_rq'), mapping: 'request' });
  const refuse = async (table: string | string[], type: 'bio' | 'request' | undefined, text: RegExp): Promise<void> => {
    const error = await rejection(mapper.createDevice({ name: 'x', table, ...(type ? { type } : {}) }));
    assert.is(error['code'], 'ERR_RQDM_TABLE');
    assert.match(error.message, text);
  };
  await refuse(
    [`0 8 only_rq ${A}`, `8 8 linear ${A} 0`],
    undefined,
    /Inconsistent table: different target types can't be mixed up/,
  );
  await refuse(
    [`0 8 passthrough ${A} 0`, `8 8 passthrough ${A} 8`],
    'request',
    /request-based DM doesn't support multiple targets/,
  );
  await refuse(`0 8 linear ${A} 0`, 'request', /can't change device type|linear/);
  await refuse(`0 2048 multipath 2 queue_mode rq 0 1 1 service-time 0 1 0 ${A}`, 'bio', /can't change device type/);
  await refuse(
    '0 8 passthrough mem:q?size=1M&queue=bio 0',
    'request',
    /table load rejected: including non-request-stackable devices/,
  );
  await refuse(`0 2048 ${MP} mem:q?size=1M&queue=bio`, undefined, /including non-request-stackable devices/);
  const device = await mapper.createDevice({ name: 'x', table: `0 8 passthrough ${A} 0`, type: 'request' });
  assert.is(device.type, 'request');
  assert.is((await mapper.createDevice({ name: 'y', table: `0 8 passthrough ${A} 0` })).type, 'bio');
});

// ---- names and room ------------------------------------------------------------------------------------------------

test('names that are none are refused, and taken ones', async () => {
  await using mapper = new DeviceMapper();
  for (const bad of ['', 'a/b', 'x'.repeat(128)]) {
    assert.is((await rejection(mapper.createDevice({ name: bad, table: '0 8 error' })))['code'], 'ERR_RQDM_NAME');
  }
  await mapper.createDevice({ name: 'x'.repeat(127), table: '0 8 error' });
  await mapper.createDevice({ name: 'a b', table: '0 8 error' });
  assert.is((await rejection(mapper.createDevice({ name: 'a b', table: '0 8 error' })))['code'], 'ERR_RQDM_EXISTS');
  assert.equal(
    mapper.devices.map(({ name }) => name),
    ['a b', 'x'.repeat(127)],
  );
  assert.is((await rejection(mapper.openDevice([], {})))['code'], 'ERR_RQDM_TABLE');
  assert.is(
    (await rejection(mapper.createDevice({ name: 'e', table: '0 8 error', elevator: 'cfq' })))['code'],
    'ERR_RQDM_ELEVATOR',
  );
});

test('a device is found by name, number and /dev/mapper/ name, in tables too', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({ name: 'low', table: `0 8 linear ${A} 0` });
  assert.match(device.number, /^253:\d+$/);
  for (const word of ['low', device.number, '/dev/mapper/low']) {
    assert.is(mapper.getDevice(word), device);
    const above = await mapper.createDevice({ name: 'above', table: `0 8 linear ${word} 0` });
    assert.is(above.table(), `0 8 linear ${device.number} 0`);
    await above.close();
  }
  const named = await mapper.createDevice({ name: '240:1', table: '0 8 error' });
  assert.is(mapper.getDevice('240:1'), named);
  assert.is(
    (await mapper.createDevice({ name: 'byname', table: '0 8 linear /dev/mapper/240:1 0' })).table(),
    `0 8 linear ${named.number} 0`,
  );
});

test('one device too many is ERR_RQDM_LIMIT, backing ones included, and a close makes room again', async () => {
  await using mapper = new DeviceMapper({ limits: { devices: 4, bios: 64, requests: 64 } });
  const free = poolFigures(mapper);
  const first = await mapper.openDevice('mem:a?size=4K');
  const second = await mapper.openDevice('mem:b?size=4K');
  for (let round = 0; round < 3; round++) {
    const error = await rejection(mapper.openDevice('mem:c?size=4K'));
    assert.ok(error['code'] === 'ERR_RQDM_LIMIT' || error['errno'] === 'ENOMEM', error.message);
    assert.match(error.message, /holds 4 \(limits\.devices\)/);
  }
  const here = await rejection(mapper.createDevice({ name: 'e', table: '0 8 error' }));
  assert.is(here['code'], 'ERR_RQDM_LIMIT');
  await second.close();
  const third = await mapper.openDevice('mem:c?size=4K');
  await third.write(new Uint8Array(4096), 0);
  await Promise.all([first.close(), third.close()]);
  assert.equal(poolFigures(mapper), free);
});

test('tables share a number of stretches; too many is told, and the device keeps what it has', async () => {
  await using mapper = new DeviceMapper({ limits: { extents: 4 } });
  const three = ['0 8 error', '8 8 error', '16 8 error'];
  const device = await mapper.createDevice({ name: 'a', table: three });
  const error = thrown(() => device.load(three));
  assert.is(error['code'], 'ERR_RQDM_LIMIT');
  assert.match(error.message, /limits\.extents/);
  device.load('0 9 error');
  await device.resume();
  assert.is(device.table(), '0 9 error ');
  device.load(three);
  await device.resume();
  assert.is(device.size, 24 * 512);
});

test('bad limits name the limit and its range', () => {
  for (const [limits, text] of [
    [{ devices: 0 }, /limits\.devices is 0: expected a whole number from 1 to 4096/],
    [{ bios: 10 }, /limits\.bios is 10/],
    [{ traceRecords: 3 }, /power of two/],
    [{ submits: 1.5 }, /limits\.submits/],
    [{ arenaBytes: 0 }, /arena/],
    [{ arenaBytes: 2 ** 31 }, /arena/],
  ] as const) {
    const error = thrown(() => new DeviceMapper({ limits }));
    assert.is(error['code'], 'ERR_RQDM_LIMIT');
    assert.match(error.message, text);
  }
});

test.run();
