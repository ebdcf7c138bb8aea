// What a device tells about itself: counters, histograms, the trace.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { bucketBounds } from '../../bindings/core/core.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, type PathAnswer } from '../support/core-driver.ts';

const test = suite('core/figures');

const SIZE = 4096;

function histogram(driver: CoreDriver, device: number, which: number): Map<number, number> {
  const buckets = [...driver.core.histogram(device, which)].map((count, bucket): [number, number] => [bucket, count]);
  return new Map(buckets.filter(([, count]) => count > 0));
}

test('every latency falls into a bucket whose bounds hold it, at most a quarter wide', () => {
  const latencies = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 40 }), fc.double({ min: 0, max: 2 ** 40, noNaN: true }).map(Math.floor)),
    {
      minLength: 1,
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(latencies, (values) => {
      const driver = new CoreDriver();
      const device = driver.backing({ depth: 64, serviceNs: (io) => values[io.ordinal], nomerges: 2 });
      driver.submit(values.map((_, i) => ({ device, sector: i * 16 })));
      driver.assertIdle();
      for (const which of [abi.HISTOGRAM_DISPATCH_TO_COMPLETE, abi.HISTOGRAM_QUEUE_TO_COMPLETE]) {
        const counts = histogram(driver, device, which);
        for (const value of values) {
          const bucket = [...counts.keys()].find((one) => bucketBounds(one)[0] <= value && value < bucketBounds(one)[1]);
          if (bucket === undefined) throw new Error(`${value} is in none of the buckets ${[...counts.keys()]}`);
          const [low, high] = bucketBounds(bucket);
          assert.ok(high - low <= Math.max(1, low / 4));
          counts.set(bucket, (counts.get(bucket) as number) - 1);
        }
        assert.ok([...counts.values()].every((count) => count === 0));
      }
    }),
    { numRuns: 30 },
  );
});

test('a latency beyond the last bucket is counted there', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ serviceNs: () => 2 ** 45 });
  driver.submit([{ device }]);
  driver.assertIdle();
  assert.equal([...histogram(driver, device, abi.HISTOGRAM_QUEUE_TO_COMPLETE)], [[abi.HISTOGRAM_BUCKETS - 1, 1]]);
});

test('the time in the queue of a mapped device ends when a clone has a credit', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 1, serviceNs: () => 1000 });
  const device = driver.request({ extents: [{ hooks: new Chooser([path]), length: SIZE }], paths: [path] });
  driver.submit([0, 100, 200].map((sector) => ({ device, sector })));
  driver.assertIdle();
  const waits = [...histogram(driver, device, abi.HISTOGRAM_QUEUE_TO_DISPATCH)].map(([bucket]) => bucketBounds(bucket)[0]);
  assert.equal(
    waits.map((low) => Math.round(low / 1000)),
    [0, 1, 2],
  );
});

test('counters count bios that came and ended, requests, merges, splits and sectors', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ maxSectors: 64 });
  driver.submit([
    { device, sector: 0 },
    { device, sector: 8 },
    { device, sector: 1000, sectors: 100, operation: abi.OPERATION_WRITE },
    { device, sector: SIZE },
  ]);
  driver.assertIdle();
  const values: [number, number][] = [
    [abi.COUNTER_BIOS, 4],
    [abi.COUNTER_BIOS_ENDED, 4],
    [abi.COUNTER_BIO_ERRORS, 1],
    [abi.COUNTER_REQUESTS, 3],
    [abi.COUNTER_BACK_MERGES, 1],
    [abi.COUNTER_SPLITS, 1],
    [abi.COUNTER_DISPATCHED, 3],
    [abi.COUNTER_ISSUED, 3],
    [abi.COUNTER_ANSWERED, 3],
    [abi.COUNTER_ISSUED_SECTORS, 116],
    [abi.COUNTER_REQUEST_SECTORS, 116],
    [abi.COUNTER_READ_SECTORS, 16],
    [abi.COUNTER_WRITE_SECTORS, 100],
  ];
  for (const [counter, value] of values) assert.is(driver.counter(device, counter), value, `counter ${counter}`);
});

test('a request that was refused and asked again has been started once', () => {
  const driver = new CoreDriver();
  const [wide, narrow] = [driver.backing({ depth: 8 }), driver.backing({ depth: 1 })];
  const chooser = new Chooser([narrow]);
  const device = driver.request({ extents: [{ hooks: chooser, length: SIZE }], paths: [wide] });
  driver.submit([0, 100, 200].map((sector) => ({ device, sector })));
  driver.assertIdle();
  assert.ok(driver.counter(device, abi.COUNTER_REFUSALS) > 0);
  assert.is(driver.counter(device, abi.COUNTER_DISPATCHED), 3);
  assert.is(driver.counter(device, abi.COUNTER_READ_SECTORS), 24);
});

/** Two requests of a mapped device, of which the first fails half way. */
function twoRequests(isTracing: boolean): { driver: CoreDriver; path: number; device: number } {
  const driver = new CoreDriver({ traceRecords: 1024 });
  if (isTracing) driver.core.setTracing(true);
  const answers: PathAnswer[] = [{ status: abi.STATUS_TRANSPORT, goodSectors: 8 }];
  const path = driver.backing({ script: () => answers.shift() });
  const hooks = new Chooser([path]);
  const device = driver.request({ extents: [{ hooks, length: SIZE }], paths: [path], elevator: abi.ELEVATOR_MQ_DEADLINE });
  driver.submit([0, 8, 100].map((sector) => ({ device, sector })));
  driver.assertIdle();
  return { driver, path, device };
}

test('without a listener nothing is written to the trace', () => {
  const { driver } = twoRequests(false);
  assert.is(driver.core.header[abi.HEADER_TRACE_HEAD], 0);
});

test('the trace tells the way of each request, its return and its end', () => {
  const { driver, path, device } = twoRequests(true);
  const arrived = ['Q R 0+8', 'G R 0+8', 'P', 'Q R 8+8', 'M R 8+8', 'Q R 100+8', 'G R 100+8', 'U 2'];
  const went = ['I R 0+16', 'I R 100+8', 'D R 0+16', 'D R 100+8'];
  const ended = ['C R 0+8', 'R R 8+8', 'C R 100+8', 'I R 8+8', 'D R 8+8', 'C R 8+8'];
  assert.equal(driver.trace(device), [...arrived, ...went, ...ended]);
  const first = ['A R 0+16', 'D R 0+16', 'A R 100+8', 'D R 100+8', 'C R 0+16', 'C R 100+8'];
  assert.equal(driver.trace(path), [...first, 'A R 8+8', 'D R 8+8', 'C R 8+8']);
});

test('a trace ring that is too small keeps the newest events, and tells how many are lost', () => {
  const driver = new CoreDriver({ traceRecords: 8 });
  driver.core.setTracing(true);
  const device = driver.backing();
  for (let i = 0; i < 10; i++) driver.submit([{ device, sector: i * 8 }], false);
  driver.assertIdle();
  const { events, lost, next } = driver.core.readTrace(0);
  assert.is(events.length, 8);
  assert.is(lost, next - 8);
  assert.is(events.at(-1)?.action, 'C');
});

test.run();
