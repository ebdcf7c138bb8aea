// Where unstriped and switch put single I/Os.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, STATUS_IOERR } from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { RegionTable } from '../../bindings/target/switch/region-table.ts';
import { switchTarget } from '../../bindings/target/switch/switch.ts';
import { END_DONE, END_REQUEUE, MAP_REMAPPED } from '../../bindings/target/target.ts';
import { unstripedTarget } from '../../bindings/target/unstriped.ts';
import { FAKE_LIMITS, FakeContext, FakeIo, FakeLine, fakeDevice, loopDevices } from '../support/target-context.ts';

const test = suite('target/placing');

/** The device's number and the sector there of an I/O to `sector`. */
function place(line: FakeLine, sector: number): [string | undefined, number] {
  const { target, context } = line;
  const io = new FakeIo({ sector, sectors: 1 });
  if (target.prepMap) assert.is(target.prepMap(io), MAP_REMAPPED);
  assert.is(target.map?.(io), MAP_REMAPPED);
  return [context.devices.find(({ id }) => id === io.device)?.number, io.sector];
}

// ---- unstriped ---------------------------------------------------------------------------------------------------------

test('unstriped: the stripes together are the striped device, each sector once', () => {
  const stripes = 3;
  const chunk = 16;
  const seen = new Set<number>();
  for (let stripe = 0; stripe < stripes; stripe++) {
    const text = `64 64 unstriped ${stripes} ${chunk} ${stripe} /dev/loop0 8`;
    const line = new FakeLine(unstripedTarget, text, new FakeContext(loopDevices(1)));
    for (let inside = 0; inside < 64; inside++) {
      const [, sector] = place(line, 64 + inside);
      assert.is(Math.floor((sector - 8) / chunk) % stripes, stripe, `sector ${inside}`);
      assert.is(Math.floor((sector - 8) / chunk / stripes) * chunk + ((sector - 8) % chunk), inside);
      seen.add(sector - 8);
    }
  }
  assert.is(seen.size, 3 * 64);
  assert.is(Math.max(...seen), 3 * 64 - 1);
});

test('unstriped: cuts at chunks and says so in its limits', () => {
  const { target } = new FakeLine(unstripedTarget, '0 64 unstriped 2 16 1 /dev/loop0 0', new FakeContext(loopDevices(1)));
  assert.is(target.ioSectorsMax, 16);
  assert.is(target.limits?.(FAKE_LIMITS).chunkSectors, 16);
  assert.is(target.discards, false);
});

// ---- switch --------------------------------------------------------------------------------------------------------------

function regions(table: RegionTable): string {
  return Array.from({ length: table.regions }, (_, region) => table.pathOf(region)).join('');
}

test('switch: regions go to the paths in turn until a message says otherwise', () => {
  const line = new FakeLine(
    switchTarget,
    '100 40 switch 3 8 0 /dev/loop0 0 /dev/loop1 8 /dev/loop2 16',
    new FakeContext(loopDevices(3)),
  );
  assert.equal(place(line, 100), ['7:0', 0]);
  assert.equal(place(line, 108), ['7:1', 16]);
  assert.equal(place(line, 117), ['7:2', 33]);
  assert.equal(place(line, 139), ['7:1', 47]);
  line.target.message?.(['set_region_mappings', '1:2', '4:0']);
  assert.equal(place(line, 108), ['7:2', 24]);
  assert.equal(place(line, 139), ['7:0', 39]);
});

test('switch: a message between prepMap and map does not part the device from its place', () => {
  const line = new FakeLine(switchTarget, '0 8 switch 2 8 0 /dev/loop0 0 /dev/loop1 100', new FakeContext(loopDevices(2)));
  const io = new FakeIo({ sector: 1 });
  line.target.prepMap?.(io);
  line.target.message?.(['set_region_mappings', '0:1']);
  line.target.map?.(io);
  assert.is(io.sector, 1);
});

test('switch: mappings in hexadecimal digits, one after another, and patterns that repeat', () => {
  const table = new RegionTable(20, 4);
  assert.is(regions(table), '01230123012301230123');
  table.setMappings(['a:3', ':2', 'R2,6']);
  assert.is(regions(table), '01230123013232323223');
  table.setMappings(['0:1', 'R1,13']);
  assert.is(regions(table), '1'.repeat(20));
  table.setMappings(['3:0', 'r4,4', 'F:2']);
  assert.is(regions(table), '11101110111111121111');
});

test('switch: a bad mapping is refused by name, and those before it have been obeyed', () => {
  const table = new RegionTable(8, 2);
  for (const [words, text] of [
    [[':1'], /must say which region/],
    [['R1,1'], /pattern of 1 regions/],
    [['8:0'], /region 8 is out of range/],
    [['0:2'], /path 2 is out of range/],
    [['0:1', 'R2,1'], /expected 1 to 1/],
    [['0:1', 'R0,1'], /pattern of 0 regions/],
    [['0:1', 'R1,8'], /expected at most 7/],
    [['7:1', ':1'], /region 8 is out of range/],
    [['0x1:1'], /got "0x1:1"/],
    [['1:'], /got "1:"/],
    [['R1'], /got "R1"/],
    [[`${'f'.repeat(400)}:0`], /out of range/],
  ] as const) {
    assert.throws(() => table.setMappings(words), text, words.join(' '));
  }
  assert.is(regions(table), '11010101');
});

test('switch: as many paths as fit, each can be named', () => {
  for (const paths of [254, 255, 65534]) {
    const table = new RegionTable(4, paths);
    table.setMappings([`1:${(paths - 1).toString(16)}`]);
    assert.is(table.pathOf(1), paths - 1);
    assert.is(table.pathOf(2), 2 % paths);
  }
});

test('switch: messages of other kinds are refused', () => {
  const { target, context } = new FakeLine(switchTarget, '0 8 switch 1 8 0 /dev/loop0 0', new FakeContext(loopDevices(1)));
  for (const words of [['set_region_mappings'], ['set_region_mappings', '0:1'], ['set_region'], []]) {
    assert.throws(
      () => target.message?.(words),
      (error: unknown) => error instanceof RqdmError && error.code === 'ERR_RQDM_MESSAGE',
    );
  }
  assert.is(context.logs.length, 4);
});

test('switch: a flush goes to each cache once, and an error ends it', () => {
  const devices = [1, 1, 2, 3].map((cacheDomain, index) => fakeDevice(`8:${index}`, { cacheDomain, hasCache: index < 3 }));
  const { target } = new FakeLine(switchTarget, '0 8 switch 4 8 0 8:0 0 8:1 0 8:2 0 8:3 0', new FakeContext(devices));
  const io = new FakeIo({ operation: OPERATION_FLUSH, sector: 0, sectors: 0 });
  target.prepMap?.(io);
  assert.is(io.device, devices[0]!.id);
  assert.is(target.endIo?.(io), END_REQUEUE);
  target.prepMap?.(io);
  assert.is(io.device, devices[2]!.id);
  assert.is(target.endIo?.(io), END_DONE);

  const failing = new FakeIo({ operation: OPERATION_FLUSH, sector: 0, sectors: 0, status: STATUS_IOERR });
  target.prepMap?.(failing);
  assert.is(target.endIo?.(failing), END_DONE);
  assert.is(target.endIo?.(new FakeIo()), END_DONE, 'other I/O is not sent again');
});

test('switch: with one cache nothing is asked on the way up', () => {
  const { target } = new FakeLine(switchTarget, '0 8 switch 2 8 0 /dev/loop0 0 /dev/loop1 0', new FakeContext(loopDevices(2)));
  assert.is(target.endIo, undefined);
});

test.run();
