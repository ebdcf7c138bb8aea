// The configuration of `rqdm serve`.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { applyConfig, reapplyConfig } from '../../src/control/apply-config.ts';
import { parseConfig } from '../../src/control/config.ts';
import { ControlRoom } from '../support/control-room.ts';
import { probeTarget } from '../support/probe-target.ts';

const parse = (text: string) => parseConfig(text, 'rqdm.conf');

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.unreachable('it was not refused') as never;
}

test('nodes and devices are read with their options, table lines belong to the device above them', () => {
  const config = parse(`# what there is
attach /dev/sda mem:a?size=8M number=8:0
attach /dev/sdb ./b.img#one queue=bio readonly

device map uuid=U-1 minor=3 readonly
  0 8 linear /dev/sda 0
  8 8 linear /dev/sdb 8
device empty
`);
  assert.equal(config, {
    nodes: [
      { node: '/dev/sda', word: 'mem:a?size=8M', number: '8:0' },
      { node: '/dev/sdb', word: './b.img?queue=bio#one', readOnly: true },
    ],
    devices: [
      { name: 'map', uuid: 'U-1', minor: 3, readOnly: true, table: '0 8 linear /dev/sda 0\n8 8 linear /dev/sdb 8' },
      { name: 'empty', uuid: '', readOnly: false, table: '' },
    ],
  });
});

test("dmsetup's concise format is read too", () => {
  assert.equal(parse('a,,,,0 8 error,8 8 error;b,U,5,ro,0 8 error\n').devices, [
    { name: 'a', uuid: '', readOnly: false, table: '0 8 error \n8 8 error ' },
    { name: 'b', uuid: 'U', minor: 5, readOnly: true, table: '0 8 error ' },
  ]);
});

test('an empty file and one of comments configure nothing', () => {
  for (const text of ['', '\n\n', '# nothing\n']) assert.equal(parse(text), { nodes: [], devices: [] });
});

test('a mistake is told with its line', () => {
  assert.match(refusal('device a\n0 8 error\nattach /dev/sda'), /rqdm\.conf, line 3: expected attach NODE WORD/);
  assert.match(refusal('0 8 error\ndevice a'), /line 1: a line of a table before the first device/);
  assert.match(refusal('device a colour=red'), /line 1: expected uuid=.*got "colour=red"/);
  assert.match(
    refusal('device a\nfrobnicate b'),
    /line 2: expected attach, device, checker or a line of a table, got "frobnicate"/,
  );
  assert.match(refusal('device a\ndevice a'), /the device a is there twice/);
  assert.match(refusal('a,b'), /Five comma-separated fields/);
  assert.match(refusal('a,,,,0 8'), /Invalid format on line 1 of table rqdm\.conf/);
});

const NODES = 'attach /dev/sda mem:a?size=1M&queue=bio number=8:0\nattach /dev/sdb mem:b?size=1M&queue=bio number=8:16\n';

test('a configuration is made, and one with a mistake in a table is refused with the name of its device', async () => {
  await using room = await ControlRoom.open();
  await applyConfig(room.mapper, parse(`${NODES}device a\n0 8 linear /dev/sda 0\ndevice top\n0 8 linear /dev/mapper/a 0\n`));
  assert.is((await room.dmsetup('table')).output, 'a: 0 8 linear 8:0 0\ntop: 0 8 linear 253:0 0\n');
  const wrong = parse('device b\n0 8 linear /dev/nosuch 0\n');
  const error = await applyConfig(room.mapper, wrong).catch((reason) => reason as Error);
  assert.match(error?.message ?? '', /^device b: /);
  assert.is(room.mapper.getDevice('b'), undefined);
});

test('read again, only what has changed is touched, and under load nothing is lost', async () => {
  await using room = await ControlRoom.open();
  const before = parse(`${NODES}device a\n0 8 linear /dev/sda 0\ndevice same\n0 8 linear /dev/sda 8\n`);
  await applyConfig(room.mapper, before);
  const device = room.mapper.getDevice('a');
  assert.ok(device);
  await device.write(new Uint8Array(512).fill(1), 0);
  const writes = Array.from({ length: 8 }, (_, index) => device.write(new Uint8Array(512).fill(2), index * 512));
  const after = parse(
    `${NODES}attach /dev/sdc mem:c?size=1M\ndevice a\n0 8 linear /dev/sdb 0\ndevice same\n0 8 linear /dev/sda 8\ndevice new\n0 8 error\n`,
  );
  assert.equal((await reapplyConfig(room.mapper, before, after)).told, ['attach /dev/sdc', 'reload a', 'create new']);
  await Promise.all(writes);
  assert.is((await room.dmsetup('table')).output, 'a: 0 8 linear 8:16 0\nnew: 0 8 error \nsame: 0 8 linear 8:0 8\n');
  assert.equal((await reapplyConfig(room.mapper, after, after)).told, []);
});

test('read again with a mistake in one device, the others change all the same', async () => {
  await using room = await ControlRoom.open();
  const before = parse(`${NODES}device a\n0 8 linear /dev/sda 0\ndevice b\n0 8 linear /dev/sda 8\n`);
  await applyConfig(room.mapper, before);
  const { told, applied } = await reapplyConfig(
    room.mapper,
    before,
    parse(`${NODES}device a\n0 8 linear /dev/nosuch 0\ndevice b\n0 8 linear /dev/sdb 8\n`),
  );
  assert.match(told[0] ?? '', /^reload a: failed: /);
  assert.is(told[1], 'reload b');
  assert.is((await room.dmsetup('table')).output, 'a: 0 8 linear 8:0 0\nb: 0 8 linear 8:16 8\n');
  assert.match((await room.dmsetup('info -c -o name,attr')).output, /a +L--w\nb +L--w/);
  // once the node is there, the same file is enough
  room.mapper.attach('/dev/nosuch', 'mem:late?size=1M', { number: '9:9' });
  const again = await reapplyConfig(
    room.mapper,
    applied,
    parse(`${NODES}device a\n0 8 linear /dev/nosuch 0\ndevice b\n0 8 linear /dev/sdb 8\n`),
  );
  assert.equal(again.told, ['reload a']);
  assert.is((await room.dmsetup('table a')).output, '0 8 linear 9:9 0\n');
});

test('read again with another word for a node or another checker, it says that these stay as they are', async () => {
  await using room = await ControlRoom.open();
  const before = parse('attach /dev/sda mem:a?size=1M\n');
  await applyConfig(room.mapper, before);
  const after = parse('attach /dev/sda mem:other?size=1M\nchecker read\n');
  const { told, applied } = await reapplyConfig(room.mapper, before, after);
  assert.equal(told, [
    'attach /dev/sda: has changed, but stays as it is until it is detached',
    'checker: has changed, but stays as it is until a restart',
  ]);
  assert.equal(applied, before);
});

test('a new table that cannot go live leaves the old one running', async () => {
  await using room = await ControlRoom.open();
  room.mapper.registerTarget(
    probeTarget('late', {
      preresume() {
        throw new Error('not now');
      },
    }),
  );
  const before = parse(`${NODES}device a\n0 8 linear /dev/sda 0\n`);
  await applyConfig(room.mapper, before);
  const { told } = await reapplyConfig(room.mapper, before, parse(`${NODES}device a\n0 8 late /dev/sdb\n`));
  assert.match(told.join(), /^reload a: failed: .*not now/);
  assert.is((await room.dmsetup('table a')).output, '0 8 linear 8:0 0\n');
  assert.match((await room.dmsetup('info -c --noheadings -o attr a')).output, /^L--w$/m);
  await room.mapper.getDevice('a')?.read(0, 512);
});

test('a device that somebody has suspended is given its new table, and stays suspended', async () => {
  await using room = await ControlRoom.open();
  const before = parse(`${NODES}device a\n0 8 linear /dev/sda 0\n`);
  await applyConfig(room.mapper, before);
  await room.dmsetup('suspend a');
  await reapplyConfig(room.mapper, before, parse(`${NODES}device a\n0 8 linear /dev/sdb 0\n`));
  assert.match((await room.dmsetup('info -c --noheadings -o attr a')).output, /^LIsw$/m);
  await room.dmsetup('resume a');
  assert.is((await room.dmsetup('table a')).output, '0 8 linear 8:16 0\n');
});

test.run();
