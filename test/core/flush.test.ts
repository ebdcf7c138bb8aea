// Flushes: one for each extent that wants it, none where nothing is held back, never merged and never sorted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUNTER_BIOS,
  COUNTER_DISK_FLUSH,
  COUNTER_FLUSHES,
  DISK_IOS,
  DISK_NS,
  ELEVATOR_MQ_DEADLINE,
  OPERATION_FLUSH,
  OPERATION_WRITE,
  STATUS_MEDIUM,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { END_REQUEUE } from '../../bindings/target/target.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

const test = suite('core/flush');

const flushesOf = (driver: CoreDriver): number[] =>
  driver.issued.filter(({ operation }) => operation === OPERATION_FLUSH).map(({ device }) => device);

test('a bio-based flush goes to every extent that wants one, and ends when all are back', () => {
  const driver = new CoreDriver();
  const a = driver.backing({ hasCache: 1 });
  const b = driver.backing({ hasCache: 1, serviceNs: () => 9_000_000 });
  const device = driver.bio({
    extents: [
      { device: a, length: 100 },
      { device: b, length: 100 },
      { device: a, length: 100, flushes: 0 },
      { kind: 'zero', length: 100, flushes: 0 },
      { kind: 'error', length: 100, flushes: 0 },
    ],
  });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  assert.equal(flushesOf(driver), [a, b]);
  driver.step();
  assert.is(flush.status, undefined);
  driver.assertIdle();
  assert.is(flush.status, STATUS_OK);
});

test('a flush of a table that wants none is done at once', () => {
  const driver = new CoreDriver();
  const device = driver.bio({ extents: [{ kind: 'error', length: 100, flushes: 0 }] });
  assert.is(driver.submit([{ device, operation: OPERATION_FLUSH }])[0].status, STATUS_OK);
  driver.assertIdle();
});

test('a flush that is tried again tells how often, by which path, and its first error; its time is in the disk statistics', () => {
  const driver = new CoreDriver();
  const answers = [{ status: STATUS_TRANSPORT }, {}];
  const path = driver.backing({ hasCache: 1, script: () => ({ ...answers.shift(), afterNs: 3_000_000 }) });
  const script = new Script(path, { endIo: [END_REQUEUE] });
  const device = driver.request({ hasCache: 1, extents: [{ hooks: script, length: 100 }], paths: [path] });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  driver.assertIdle();
  assert.is(flush.status, STATUS_OK);
  assert.is(flush.attempts, 2);
  assert.is(flush.firstStatus, STATUS_TRANSPORT);
  assert.is(flush.lastPath, path);
  assert.is(driver.counter(device, COUNTER_DISK_FLUSH + DISK_IOS), 1);
  assert.is(driver.counter(device, COUNTER_DISK_FLUSH + DISK_NS), 6_000_000);
});

test('the first error of a flush is its status, and it still waits for the rest', () => {
  const driver = new CoreDriver();
  const a = driver.backing({ hasCache: 1, script: () => ({ status: STATUS_MEDIUM }) });
  const b = driver.backing({ hasCache: 1, script: () => ({ status: STATUS_TRANSPORT, afterNs: 5_000_000 }) });
  const device = driver.bio({ extents: [a, b].map((path) => ({ device: path, length: 100 })) });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  driver.step();
  assert.is(flush.status, undefined);
  driver.assertIdle();
  assert.is(flush.status, STATUS_MEDIUM);
});

test('a flush of more extents than there are records goes on as they come back', () => {
  const driver = new CoreDriver({ devices: 2, bios: 8, requests: 8, extents: 64 });
  const path = driver.backing({ hasCache: 1 });
  const device = driver.bio({ extents: Array.from({ length: 40 }, () => ({ device: path, length: 8 })) });
  const flushes = driver.submit([1, 2, 3].map(() => ({ device, operation: OPERATION_FLUSH })));
  driver.assertIdle();
  assert.ok(flushes.every(({ status }) => status === STATUS_OK));
  assert.is(driver.core.counters(path)[COUNTER_BIOS], 120);
});

test('a flush of more extents than a decision ring has room for is asked about in full', () => {
  const driver = new CoreDriver({ extents: 1024 });
  const path = driver.backing({ hasCache: 1 });
  const target = new Script(path);
  const hooks = { prepMap: target.prepMap.bind(target), map: target.map.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.bio({ extents: Array.from({ length: 600 }, () => ({ hooks, length: 8 })), paths: [path] });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  driver.assertIdle();
  assert.is(flush.status, STATUS_OK);
  assert.is(target.log.length, 1800);
});

test('a device without a cache has nothing to flush', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ hasCache: 0 });
  const plain = driver.request({ extents: [{ device: path, length: 4096 }] });
  const cached = driver.request({ extents: [{ device: path, length: 4096 }], hasCache: 1 });
  const bios = driver.submit([path, plain, cached].map((device) => ({ device, operation: OPERATION_FLUSH })));
  assert.ok(bios.every(({ status }) => status === STATUS_OK));
  assert.is(driver.issued.length, 0);
  assert.is(driver.counter(cached, COUNTER_FLUSHES), 1, 'it has gone to the path, which had none to do');
  driver.assertIdle();
});

test('flushes that wait are one flush, which is not sorted and goes before what is', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ hasCache: 1, depth: 1, elevator: ELEVATOR_MQ_DEADLINE });
  driver.submit([{ device: path, sector: 1000, operation: OPERATION_WRITE }]);
  driver.submit([{ device: path, sector: 0, operation: OPERATION_WRITE }]);
  const flush = { device: path, operation: OPERATION_FLUSH };
  driver.submit([flush, flush]);
  driver.assertIdle();
  assert.equal(
    driver.issued.map(({ operation }) => operation),
    [OPERATION_WRITE, OPERATION_FLUSH, OPERATION_WRITE],
  );
});

test('a request-based flush is one request down one path, whose target decides about it', () => {
  const driver = new CoreDriver();
  const paths = [driver.backing({ hasCache: 1 }), driver.backing({ hasCache: 1 })];
  // as multipath does it for two caches: one path after the other
  const target = new Script(paths[0], { devices: paths, endIo: [2] });
  const hooks = { prepMap: target.prepMap.bind(target), map: target.map.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: 4096 }], paths, hasCache: 1 });
  const [flush] = driver.submit([{ device, operation: OPERATION_FLUSH }]);
  driver.assertIdle();
  assert.is(flush.status, STATUS_OK);
  assert.equal(flushesOf(driver), paths);
  assert.equal(target.asked(), ['prep_map 0+0', 'map 0+0', 'end_io 0+0', 'prep_map 0+0', 'map 0+0', 'end_io 0+0']);
});

test.run();
