// Records: an empty pool is back-pressure and nothing else. Whatever one device holds, the others go on.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUNTER_DISK_WRITE,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DISK_SECTORS,
  ELEVATOR_MQ_DEADLINE,
  FIGURE_BIOS,
  FIGURE_REQUESTS,
  HEADER_BIOS_FREE,
  HEADER_REQUESTS_FREE,
  OPERATION_DISCARD,
  OPERATION_WRITE,
  STATUS_OFFLINE,
  STATUS_OK,
} from '../../assembly/abi.ts';
import { END_INCOMPLETE, MAP_DELAY_REQUEUE, MAP_KILL, MAP_REMAPPED } from '../../bindings/target/target.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, type Hooks, Medium, Space } from '../support/core-driver.ts';

const test = suite('core/reserves');

const SIZE = 4096;
const apart = (device: number, total: number, sectors: number = 8) =>
  Array.from({ length: total }, (_, i) => ({ device, sector: (i * 64) % SIZE, sectors, operation: i & 1 }));

function isGood(driver: CoreDriver): boolean {
  return driver.bios.every(({ status }) => status === STATUS_OK);
}

for (const hasMap of [false, true]) {
  test(`a stack of three with every pool at its minimum goes on${hasMap ? ', with map hooks' : ''}`, () => {
    const driver = new CoreDriver({ devices: 4, bios: 16, requests: 16 });
    const path = driver.backing({ depth: 2, maxSectors: 16, elevator: ELEVATOR_MQ_DEADLINE });
    const choosers: Chooser[] = [];
    const hooks = (paths: readonly number[]) => {
      const chooser = new Chooser(paths);
      choosers.push(chooser);
      const bound = {
        prepMap: chooser.prepMap.bind(chooser),
        endIo: chooser.endIo.bind(chooser),
        release: chooser.release.bind(chooser),
      };
      return hasMap ? { ...bound, map: () => MAP_REMAPPED } : bound;
    };
    const m = driver.request({ extents: [{ hooks: hooks([path]), length: SIZE }], paths: [path], maxSectors: 16 });
    const l = driver.request({ extents: [{ hooks: hooks([m]), length: SIZE }], paths: [m], maxSectors: 16 });
    const top = driver.bio({ extents: [{ hooks: hooks([l]), length: SIZE, ioSectorsMax: 24 }], paths: [l] });
    driver.shareSpace(new Space(), top, l, m);
    assert.equal([driver.core.header[HEADER_BIOS_FREE], driver.core.header[HEADER_REQUESTS_FREE]], [0, 0]);
    driver.submit([...apart(top, 100, 60), ...apart(m, 100), ...apart(l, 100, 40)]);
    driver.assertIdle();
    assert.ok(isGood(driver));
    for (const chooser of choosers) chooser.assertBalanced();
  });
}

test('a device that holds all it can get leaves the others their reserve', () => {
  const driver = new CoreDriver({ devices: 4, bios: 40, requests: 40 });
  const path = driver.backing({ depth: 4 });
  const held = new Chooser([path], { isQueueing: true });
  const free = new Chooser([path]);
  const a = driver.request({ extents: [{ hooks: held, length: SIZE }], paths: [path] });
  const b = driver.request({ extents: [{ hooks: free, length: SIZE }], paths: [path] });
  const c = driver.bio({ extents: [{ device: path, length: SIZE }] });
  driver.shareSpace(new Space(), a, b, c);
  held.setActive(driver, a, 0, false);
  driver.submit(apart(a, 60));
  assert.is(driver.core.header[HEADER_BIOS_FREE], 0, 'all that is shared is held');
  driver.submit([...apart(b, 50), ...apart(c, 50, 60)]);
  for (let i = 0; i < 500; i++) driver.step();
  assert.ok(driver.bios.filter(({ device }) => device !== a).every(({ status }) => status === STATUS_OK));
  assert.ok(driver.bios.filter(({ device }) => device === a).every(({ status }) => status === undefined));
  held.setActive(driver, a, 0, true);
  driver.assertIdle();
  held.assertBalanced();
});

test('a suspended device that holds all it can get leaves the others their reserve', () => {
  const driver = new CoreDriver({ devices: 4, bios: 40, requests: 40 });
  const path = driver.backing({ depth: 4 });
  const devices = (['request', 'bio'] as const).map((kind) => driver[kind]({ extents: [{ device: path, length: SIZE }] }));
  const b = driver.request({ extents: [{ hooks: new Chooser([path]), length: SIZE }], paths: [path] });
  driver.shareSpace(new Space(), path, b, ...devices);
  for (const device of devices) driver.setState(device, DEVICE_SUSPENDED);
  for (const device of devices) driver.submit(apart(device, 60));
  driver.submit([...apart(b, 50), ...apart(path, 50)]);
  driver.drain();
  assert.ok(driver.bios.filter(({ device }) => !devices.includes(device)).every(({ status }) => status === STATUS_OK));
  for (const device of devices) driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.ok(isGood(driver));
});

test('clones that a target keeps are records of its own device: the path serves others all the same', () => {
  const driver = new CoreDriver({ devices: 3, bios: 12, requests: 12 });
  const path = driver.backing({ depth: 4 });
  const kept: number[] = [];
  const keep = (io: { id: number }): number => {
    kept.push(io.id);
    return END_INCOMPLETE;
  };
  const a = driver.request({ extents: [{ hooks: { endIo: keep }, device: path, length: SIZE }] });
  const b = driver.request({ extents: [{ hooks: new Chooser([path]), length: SIZE }], paths: [path] });
  driver.submit(apart(a, 20).map((bio) => ({ ...bio, operation: OPERATION_WRITE })));
  driver.drain();
  assert.ok(kept.length > 0);
  const others = driver.submit([...apart(path, 30), ...apart(b, 30)].map((bio) => ({ ...bio, space: driver.spaceOf(a) })));
  driver.drain();
  assert.ok(others.every(({ status }) => status === STATUS_OK));
  while (kept.length > 0) {
    driver.finish(kept.shift() as number, STATUS_OFFLINE);
    driver.drain();
  }
  driver.assertIdle();
});

test('the queue of a middle device has its share while clones from above come without pause', () => {
  const driver = new CoreDriver({ devices: 4, bios: 16, requests: 16 });
  // never two at a time, so that a clone takes the place of each that ends
  const path = driver.backing({ depth: 8, serviceNs: (io) => 1_000_000 + ((io.ordinal * 7919) % 997) * 1000 });
  const m = driver.request({ extents: [{ hooks: new Chooser([path]), length: SIZE }], paths: [path] });
  const uppers = [0, 1].map(() => driver.request({ extents: [{ hooks: new Chooser([m]), length: SIZE }], paths: [m] }));
  driver.shareSpace(new Space(), m, ...uppers);
  driver.submit([...uppers.flatMap((device) => apart(device, 200)), ...apart(m, 5)]);
  for (let i = 0; i < 60; i++) driver.step();
  const own = driver.bios.filter(({ device }) => device === m);
  assert.ok(
    own.every(({ status }) => status === STATUS_OK),
    'they wait for no more than a few turns',
  );
  driver.assertIdle();
});

test('more bios that waited for a record below than a decision ring has room for are all asked about', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ bios: 1, requests: 2048, depth: 2048 });
  const hooks = { map: () => MAP_REMAPPED };
  const device = driver.bio({ extents: [{ hooks, device: path, length: SIZE }] });
  driver.submit(apart(device, 900));
  driver.configure(path, { bios: 4096 });
  driver.assertIdle();
  assert.ok(isGood(driver));
});

test('a quota of bios and of requests holds one device back, and nobody else', () => {
  const driver = new CoreDriver();
  const small = driver.backing({ bios: 6, requests: 3, depth: 1, elevator: ELEVATOR_MQ_DEADLINE });
  const other = driver.backing();
  driver.submit([...apart(small, 40), ...apart(other, 40)]);
  assert.ok(driver.figure(small, FIGURE_BIOS) <= 6 + 4);
  assert.ok(driver.figure(small, FIGURE_REQUESTS) <= 3);
  assert.is(driver.figure(other, FIGURE_BIOS), 40);
  driver.assertIdle();
  assert.ok(isGood(driver));
});

test('the reserve of one more device is never in use by others, and a device that holds I/O stays', () => {
  const driver = new CoreDriver({ devices: 3, bios: 12, requests: 12 });
  const { exports } = driver.core;
  const path = driver.backing();
  const device = driver.request({ extents: [{ device: path, length: SIZE }] });
  driver.submit([{ device }]);
  exports.createDevice(2, 1, SIZE);
  assert.not.ok(exports.destroyDevice(device));
  assert.not.ok(exports.destroyDevice(path), 'a clone is on it');
  driver.drain();
  assert.ok(exports.destroyDevice(device));
  assert.ok(exports.destroyDevice(2));
  assert.ok(exports.destroyDevice(path));
  driver.core.clock[0] = driver.nowNs;
  exports.run();
  assert.equal([driver.core.header[HEADER_BIOS_FREE], driver.core.header[HEADER_REQUESTS_FREE]], [0, 0]);
});

test('more zeros than the fill ring has room for are filled before anything is told', () => {
  const driver = new CoreDriver({ devices: 2, bios: 32, requests: 32, extents: 512 });
  const path = driver.backing();
  const extents = Array.from({ length: 200 }, (_, i) =>
    i % 2 ? { kind: 'zero' as const, length: 8, flushes: 0 } : { device: path, length: 8, offset: i * 8 },
  );
  const device = driver.bio({ extents });
  const space = new Space((sector) => Math.floor(sector / 8) % 2 === 1);
  driver.submit([{ device, sectors: 1600, space, operation: OPERATION_WRITE }]);
  driver.drain();
  driver.submit([{ device, sectors: 1600, space }]);
  driver.assertIdle();
  assert.ok(isGood(driver));
});

test('parts that two new tables make too long go on piece by piece, and their data keeps its places', () => {
  const driver = new CoreDriver({ devices: 2, bios: 8, requests: 8 });
  const path = driver.backing();
  let isWaiting = true;
  const hooks: Hooks = {
    prepMap: (io) => {
      io.device = path;
      return isWaiting ? MAP_DELAY_REQUEUE : MAP_REMAPPED;
    },
  };
  const table = (ioSectorsMax: number) => ({ extents: [{ hooks, length: 4096, ioSectorsMax }], paths: [path] });
  const device = driver.bio(table(32));
  const swap = (ioSectorsMax: number): void => {
    driver.setState(device, DEVICE_SUSPENDED);
    driver.setTable(device, table(ioSectorsMax));
    driver.setState(device, DEVICE_RUNNING);
    driver.kick(device);
  };
  driver.submit([{ device, sector: 800 }]);
  driver.submit([{ device, operation: OPERATION_WRITE, sectors: 80 }]);
  assert.is(driver.figure(device, FIGURE_BIOS), 4, 'one whole, and one in three parts: no record is left');
  swap(8);
  swap(4);
  isWaiting = false;
  driver.drain();
  assert.ok(driver.issued.every(({ sectors }) => sectors > 0));
  driver.submit([{ device, sectors: 80 }]);
  driver.assertIdle();
  assert.ok(isGood(driver));
  assert.is(driver.counter(device, COUNTER_DISK_WRITE + DISK_SECTORS), 80);
});

test('parts of discards that a new table stripes go on chunk by chunk when no record is free', () => {
  const driver = new CoreDriver({ devices: 3, bios: 12, requests: 12 });
  const medium = new Medium(4096);
  const settings = { maxDiscardSectors: 64, medium };
  const [a, b] = [driver.backing(settings), driver.backing({ ...settings, medium: new Medium(4096) })];
  medium.sectors.fill(1);
  let isWaiting = true;
  const hooks = { prepMap: () => (isWaiting ? MAP_DELAY_REQUEUE : MAP_KILL) };
  const device = driver.bio({ maxDiscardSectors: 16, extents: [{ hooks, length: 64 }], paths: [a] });
  driver.submit([0, 8].map((sector, i) => ({ device, operation: OPERATION_DISCARD, sector, sectors: i ? 40 : 8 })));
  assert.is(driver.figure(device, FIGURE_BIOS), 4, 'one whole, and one in three parts: no record is left');
  driver.setState(device, DEVICE_SUSPENDED);
  isWaiting = false;
  const stripes = [a, b].map((path): [number, number] => [path, 0]);
  driver.setTable(device, { extents: [{ kind: 'striped', stripes, length: 64, ioSectorsMax: 4 }], paths: [a, b] });
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.ok(driver.bios.every(({ status }) => status === STATUS_OK));
  assert.is(medium.sectors.indexOf(1), 24, 'half of 48 sectors');
});

test.run();
