// Suspend and resume: what waits is held and still merges, what is under way ends, and nothing is lost when the table
// changes in between.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DEVICE_SUSPENDING,
  ELEVATOR_MQ_DEADLINE,
  FIGURE_IN_FLIGHT,
  FIGURE_QUEUED,
  FIGURE_WAITING,
  OPERATION_FLUSH,
  OPERATION_WRITE,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { END_DELAY_REQUEUE, END_REQUEUE } from '../../bindings/target/target.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, Medium, type PathAnswer } from '../support/core-driver.ts';

const test = suite('core/suspend');

const SIZE = 4096;
const ranges = (driver: CoreDriver): string[] => driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);

test('requests are held in the elevator, where they merge, and go at the resume', () => {
  const driver = new CoreDriver();
  const path = driver.backing();
  const device = driver.request({ extents: [{ device: path, length: SIZE }], elevator: ELEVATOR_MQ_DEADLINE });
  driver.setState(device, DEVICE_SUSPENDED);
  for (const sector of [16, 0, 8, 100]) driver.submit([{ device, sector }]);
  driver.drain();
  assert.is(driver.issued.length, 0);
  assert.is(driver.figure(device, FIGURE_QUEUED), 2);
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.equal(ranges(driver), ['0+24', '100+8']);
});

test('while a device is suspending what is in flight ends, and nothing follows it', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 2 });
  const device = driver.request({ extents: [{ device: path, length: SIZE }] });
  const bios = driver.submit([0, 100, 200, 300].map((sector) => ({ device, sector })));
  driver.setState(device, DEVICE_SUSPENDING);
  assert.is(driver.figure(device, FIGURE_IN_FLIGHT), 2);
  driver.drain();
  assert.is(driver.figure(device, FIGURE_IN_FLIGHT), 0);
  assert.equal(
    bios.map(({ status }) => status),
    [STATUS_OK, STATUS_OK, undefined, undefined],
  );
  driver.setState(device, DEVICE_SUSPENDED);
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
});

test('a request that comes back while its device is suspending waits for the resume, and goes first', () => {
  const driver = new CoreDriver();
  const answers: PathAnswer[] = [{ status: STATUS_TRANSPORT }];
  const path = driver.backing({ depth: 1, script: () => answers.shift() });
  const device = driver.request({
    extents: [{ hooks: { endIo: () => (answers.length ? 0 : END_REQUEUE) }, device: path, length: SIZE }],
  });
  driver.submit([{ device, sector: 500 }]);
  driver.submit([{ device, sector: 100 }]);
  driver.setState(device, DEVICE_SUSPENDING);
  driver.drain();
  assert.is(driver.figure(device, FIGURE_IN_FLIGHT), 0);
  assert.is(driver.issued.length, 1);
  driver.setState(device, DEVICE_SUSPENDED);
  answers.push({}, {}, {});
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.equal(ranges(driver), ['500+8', '500+8', '100+8']);
});

test('bios are deferred and go at the resume, in order, after those that had come before', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ nomerges: 2 });
  const device = driver.bio({ extents: [{ device: path, length: SIZE }] });
  driver.setState(device, DEVICE_SUSPENDED);
  driver.submit([0, 300, 100].map((sector) => ({ device, sector })));
  driver.submit([{ device, sector: 200 }]);
  driver.drain();
  assert.is(driver.figure(device, FIGURE_WAITING), 4);
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.equal(ranges(driver), ['0+8', '300+8', '100+8', '200+8']);
});

test('a noflush suspend keeps what fails for the next table', () => {
  for (const kind of ['request', 'bio'] as const) {
    const driver = new CoreDriver();
    const medium = new Medium(SIZE);
    const bad = driver.backing({ medium, script: () => ({ status: STATUS_TRANSPORT }) });
    const good = driver.backing({ medium });
    const [first, second] = [new Chooser([bad]), new Chooser([good])];
    const device = driver[kind]({ extents: [{ hooks: first, length: SIZE }], paths: [bad] });
    const bios = driver.submit([0, 100, 200].map((sector) => ({ device, sector, operation: OPERATION_WRITE })));
    driver.setState(device, DEVICE_SUSPENDING, true);
    driver.drain();
    assert.is(driver.figure(device, FIGURE_IN_FLIGHT), 0, kind);
    assert.is(driver.issued.length, 3);
    driver.setState(device, DEVICE_SUSPENDED, true);
    driver.setTable(device, { extents: [{ hooks: second, length: SIZE }], paths: [good] });
    driver.setState(device, DEVICE_RUNNING);
    driver.assertIdle();
    first.assertBalanced();
    second.assertBalanced();
    assert.ok(bios.every(({ status }) => status === STATUS_OK));
    assert.is(driver.issued.filter((io) => io.device === good).length, 3);
  }
});

for (const again of [END_REQUEUE, END_DELAY_REQUEUE]) {
  test(`a flush that was fanned out to the old table goes to all of the new one, verdict ${again}`, () =>
    flushAcrossTables(again));
}

function flushAcrossTables(again: number): void {
  const driver = new CoreDriver();
  const failing = driver.backing({ hasCache: 1, script: (io) => (io.ordinal ? {} : { status: STATUS_TRANSPORT }) });
  const [b, c] = [driver.backing({ hasCache: 1 }), driver.backing({ hasCache: 1 })];
  const hooks = { endIo: (io: { status: number }) => (io.status ? again : 0) };
  const part = (device: number) => ({ device, length: 1024, hooks });
  const device = driver.bio({ extents: [part(failing), part(b)] });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  driver.setState(device, DEVICE_SUSPENDING, true);
  driver.step();
  assert.is(driver.figure(device, FIGURE_IN_FLIGHT), 0);
  assert.is(flush.status, undefined);
  driver.setState(device, DEVICE_SUSPENDED, true);
  driver.setTable(device, { extents: [part(b), part(c)] });
  driver.setState(device, DEVICE_RUNNING);
  driver.assertIdle();
  assert.is(flush.status, STATUS_OK);
  assert.equal(
    driver.issued.map((io) => io.device),
    [failing, b, b, c],
  );
}

test('a device without a table fails what it is given', () => {
  for (const kind of ['request', 'bio'] as const) {
    const driver = new CoreDriver();
    const path = driver.backing();
    const device = driver[kind]({ extents: [{ device: path, length: SIZE }] });
    driver.setState(device, DEVICE_SUSPENDED);
    const [bio] = driver.submit([{ device }]);
    driver.core.exports.setExtents(device, 0, 0, SIZE, 1);
    driver.core.exports.setPaths(device, 0);
    driver.setState(device, DEVICE_RUNNING);
    driver.assertIdle();
    assert.is.not(bio.status, STATUS_OK);
  }
});

test.run();
