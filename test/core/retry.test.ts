// Errors and what comes after: requests end from head to tail, only the tail is tried again, and what comes back goes
// first and may merge again. On one level and on a stack.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUNTER_REQUESTS,
  COUNTER_REQUEUES,
  ELEVATOR_MQ_DEADLINE,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE } from '../../bindings/target/target.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, type DrivenBio, type PathAnswer, type PathIo } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

const test = suite('core/retry');

const ranges = (driver: CoreDriver): string[] => driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);
const adjacent = (device: number, total: number, first: number = 0) =>
  Array.from({ length: total }, (_, i) => ({ device, sector: first + i * 8 }));
const statuses = (bios: readonly DrivenBio[]): (number | undefined)[] => bios.map(({ status }) => status);

/** A request-based device with mq-deadline over one path, whose I/Os the test answers. */
function held(depth: number, endIo: readonly number[]): { driver: CoreDriver; path: number; device: number; target: Script } {
  const driver = new CoreDriver();
  const path = driver.backing({ depth, script: () => ({ isHeld: true }) });
  const target = new Script(path, { endIo });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: 4096 }], paths: [path], elevator: ELEVATOR_MQ_DEADLINE });
  return { driver, path, device, target };
}

function answer(driver: CoreDriver, io: PathIo, status?: number, good?: number): void {
  driver.answer(io, status, good);
  driver.settle();
}

test('what was done before the error is told at once, and only the rest is tried again', () => {
  const { driver, device, target } = held(1, [END_REQUEUE]);
  const bios = driver.submit(adjacent(device, 4));
  answer(driver, driver.issued[0], STATUS_TRANSPORT, 19);
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, undefined, undefined]);
  assert.equal(ranges(driver), ['0+32', '16+16']);
  answer(driver, driver.issued[1]);
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, STATUS_OK, STATUS_OK]);
  assert.equal(driver.ended, [0, 1, 2, 3]);
  assert.equal(
    bios.map(({ attempts, firstStatus }) => [attempts, firstStatus]),
    [
      [1, 0],
      [1, 0],
      [2, STATUS_TRANSPORT],
      [2, STATUS_TRANSPORT],
    ],
  );
  // end_io sees the I/O as prep_map saw it, whatever has ended since
  assert.equal(target.asked(), ['prep_map 0+32', 'end_io 0+32 status 4', 'prep_map 16+16 status 4', 'end_io 16+16']);
  driver.assertIdle();
});

test('an error that stands: the good bios are good, the others have the error', () => {
  const { driver, device } = held(1, []);
  const bios = driver.submit(adjacent(device, 4));
  answer(driver, driver.issued[0], STATUS_MEDIUM, 8);
  assert.equal(statuses(bios), [STATUS_OK, STATUS_MEDIUM, STATUS_MEDIUM, STATUS_MEDIUM]);
  assert.equal(driver.ended, [0, 1, 2, 3]);
  driver.assertIdle();
});

test('an error on the queue of a path itself ends its bios from head to tail as well', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ script: () => ({ status: STATUS_MEDIUM, goodSectors: 16 }) });
  const bios = driver.submit(adjacent(path, 3));
  driver.assertIdle();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, STATUS_MEDIUM]);
});

test('good sectors count from the head: what does not fit stops them, whatever is behind it', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ script: () => ({ status: STATUS_MEDIUM, goodSectors: 14 }) });
  const bios = driver.submit([
    { device: path, sector: 0, sectors: 8 },
    { device: path, sector: 8, sectors: 16 },
    { device: path, sector: 24, sectors: 4 },
  ]);
  driver.assertIdle();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_MEDIUM, STATUS_MEDIUM]);
});

test('an error behind the last sector leaves nothing to try again', () => {
  const { driver, device } = held(1, [END_REQUEUE]);
  const bios = driver.submit(adjacent(device, 2));
  answer(driver, driver.issued[0], STATUS_TRANSPORT, 16);
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK]);
  assert.is(driver.issued.length, 1);
  driver.assertIdle();
});

test('what comes back goes before what waits, and takes in a bio that follows it', () => {
  const { driver, device } = held(1, [END_REQUEUE]);
  driver.submit(adjacent(device, 2));
  driver.submit([{ device, sector: 1000 }]);
  driver.submit([{ device, sector: 2000 }]);
  // its credit goes to the next one while end_io decides
  answer(driver, driver.issued[0], STATUS_TRANSPORT, 8);
  assert.equal(ranges(driver), ['0+16', '1000+8']);
  driver.submit([{ device, sector: 16 }]);
  answer(driver, driver.issued[1]);
  assert.equal(ranges(driver), ['0+16', '1000+8', '8+16']);
  answer(driver, driver.issued[2]);
  answer(driver, driver.issued[3]);
  driver.assertIdle();
});

test('several that come back together keep their order', () => {
  const { driver, device } = held(3, [END_REQUEUE, END_REQUEUE, END_REQUEUE]);
  for (const sector of [500, 100, 300]) driver.submit([{ device, sector }]);
  for (const io of driver.issued.slice(0, 3)) driver.answer(io, STATUS_TRANSPORT);
  driver.settle();
  assert.equal(ranges(driver).slice(3), ['500+8', '100+8', '300+8']);
  for (const io of driver.issued.slice(3)) driver.answer(io);
  driver.assertIdle();
});

test('a delayed requeue comes back 100 ms later, before what waits', () => {
  const { driver, device } = held(1, [END_DELAY_REQUEUE]);
  const [bio] = driver.submit([{ device, sector: 500 }]);
  driver.submit([{ device, sector: 0 }]);
  driver.submit([{ device, sector: 900 }]);
  answer(driver, driver.issued[0], STATUS_TRANSPORT);
  const before = driver.nowNs;
  driver.step();
  assert.is(driver.nowNs - before, 100_000_000);
  answer(driver, driver.issued[1]);
  assert.equal(ranges(driver), ['500+8', '0+8', '500+8']);
  answer(driver, driver.issued[2]);
  answer(driver, driver.issued[3]);
  driver.assertIdle();
  assert.is(bio.status, STATUS_OK);
});

test('a request that has come back is not taken in by one that waits behind it', () => {
  const { driver, device } = held(1, [END_REQUEUE]);
  driver.submit([{ device, sector: 8 }]);
  driver.submit([{ device, sector: 1000 }]);
  driver.submit([{ device, sector: 0 }]);
  answer(driver, driver.issued[0], STATUS_TRANSPORT);
  // 8+8 waits at the head, 0+8 is sorted; 16+16 comes out of the plug and is taken in by the one at the head
  driver.submit([24, 16].map((sector) => ({ device, sector })));
  answer(driver, driver.issued[1]);
  assert.is(ranges(driver)[2], '8+24');
  answer(driver, driver.issued[2]);
  assert.is(ranges(driver)[3], '0+8');
  answer(driver, driver.issued[3]);
  driver.assertIdle();
});

for (const lowered of [{ maxSectors: 16 }, { chunkSectors: 16 }, { maxSegments: 2 }]) {
  const [name] = Object.keys(lowered);
  test(`a clone that a lowered limit forbids ends with IOERR and never reaches the path: ${name}`, () => {
    const driver = new CoreDriver();
    const path = driver.backing({ depth: 1 });
    const chooser = new Chooser([path], { attemptsMax: 3 });
    const device = driver.request({ extents: [{ hooks: chooser, length: 4096 }], paths: [path] });
    driver.submit([{ device, sector: 1000 }]);
    const bios = driver.submit(adjacent(device, 4));
    driver.configure(path, lowered);
    driver.assertIdle();
    assert.ok(bios.every(({ status, attempts }) => status === STATUS_IOERR && attempts === 0));
    assert.equal(ranges(driver), ['1000+8']);
    chooser.assertBalanced();
  });
}

test('a clone beyond the end of the device below ends with IOERR', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ sizeSectors: 100 });
  const device = driver.request({ extents: [{ device: path, length: 200 }] });
  const bios = driver.submit([0, 96, 150].map((sector) => ({ device, sector })));
  driver.assertIdle();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_IOERR, STATUS_IOERR]);
});

/** L over M over a path, both request-based, both with hooks. */
function stack(answers: readonly PathAnswer[], lowerEnds: readonly number[], upperEnds: readonly number[]) {
  const queue = [...answers];
  const driver = new CoreDriver();
  const path = driver.backing({ script: () => queue.shift() });
  const lower = new Script(path, { endIo: lowerEnds });
  const hooksOf = (target: Script) => ({
    prepMap: target.prepMap.bind(target),
    endIo: target.endIo.bind(target),
    release: target.release.bind(target),
  });
  const m = driver.request({ extents: [{ hooks: hooksOf(lower), length: 4096 }], paths: [path] });
  const upper = new Script(m, { endIo: upperEnds });
  const l = driver.request({ extents: [{ hooks: hooksOf(upper), length: 4096 }], paths: [m] });
  return { driver, m, l, lower, upper };
}

test('request on request: a clone is a request of the middle device and never enters its elevator', () => {
  const { driver, m, l, lower, upper } = stack([], [], []);
  const bios = driver.submit(adjacent(l, 4));
  driver.assertIdle();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, STATUS_OK, STATUS_OK]);
  assert.equal(upper.asked(), ['prep_map 0+32', 'end_io 0+32']);
  assert.equal(lower.asked(), ['prep_map 0+32', 'end_io 0+32']);
  assert.is(driver.counter(m, COUNTER_REQUESTS), 0);
  assert.equal(ranges(driver), ['0+32']);
});

test('request on request: the lower one tries the tail again, the upper one hears of the whole that it counted', () => {
  const failed = { status: STATUS_TRANSPORT, goodSectors: 16 };
  const { driver, m, l, lower, upper } = stack([failed], [END_REQUEUE], []);
  const bios = driver.submit(adjacent(l, 4));
  driver.step();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, undefined, undefined]);
  driver.assertIdle();
  assert.equal(lower.asked(), ['prep_map 0+32', 'end_io 0+32 status 4', 'prep_map 16+16 status 4', 'end_io 16+16']);
  assert.equal(upper.asked(), ['prep_map 0+32', 'end_io 0+32']);
  assert.is(driver.counter(m, COUNTER_REQUEUES), 1);
});

test('request on request: the upper one tries the tail again where the lower one gives up', () => {
  const failed = { status: STATUS_TRANSPORT, goodSectors: 8 };
  const { driver, l, lower, upper } = stack([failed], [END_DONE], [END_REQUEUE]);
  const bios = driver.submit(adjacent(l, 4));
  driver.assertIdle();
  assert.equal(statuses(bios), [STATUS_OK, STATUS_OK, STATUS_OK, STATUS_OK]);
  assert.equal(lower.asked(), ['prep_map 0+32', 'end_io 0+32 status 4', 'prep_map 8+24', 'end_io 8+24']);
  assert.equal(upper.asked(), ['prep_map 0+32', 'end_io 0+32 status 4', 'prep_map 8+24 status 4', 'end_io 8+24']);
});

test('request on request: several clones that come back together keep their order', () => {
  const failed = { status: STATUS_TRANSPORT };
  const { driver, l } = stack([failed, failed, failed], [END_REQUEUE, END_REQUEUE, END_REQUEUE], []);
  driver.submit([500, 100, 300].map((sector) => ({ device: l, sector })));
  driver.assertIdle();
  assert.equal(ranges(driver), ['500+8', '100+8', '300+8', '500+8', '100+8', '300+8']);
});

test('a bio-based device tries the whole bio again', () => {
  const driver = new CoreDriver();
  const answers: PathAnswer[] = [{ status: STATUS_TRANSPORT, goodSectors: 8 }];
  const path = driver.backing({ script: () => answers.shift(), maxSectors: 16 });
  const target = new Script(path, { endIo: [END_REQUEUE] });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.bio({ extents: [{ hooks, length: 4096 }], paths: [path] });
  const [bio] = driver.submit([{ device, sectors: 32, operation: OPERATION_WRITE }]);
  driver.assertIdle();
  assert.equal(ranges(driver), ['0+16', '16+16', '0+16', '16+16']);
  assert.equal([bio.status, bio.firstStatus], [STATUS_OK, STATUS_TRANSPORT]);
});

test('what a lowered limit splits again has not forgotten its first error', () => {
  const { driver, device } = held(4, [END_DELAY_REQUEUE]);
  const [bio] = driver.submit([{ device, sectors: 32 }]);
  answer(driver, driver.issued[0], STATUS_TRANSPORT);
  driver.configure(device, { maxSectors: 16 });
  driver.drain();
  assert.equal(ranges(driver), ['0+32', '0+16', '16+16']);
  for (const io of driver.issued.slice(1)) answer(driver, io);
  assert.equal([bio.status, bio.firstStatus], [STATUS_OK, STATUS_TRANSPORT]);
  driver.assertIdle();
});

test.run();
