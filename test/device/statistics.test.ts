// Figures of a device: histograms that add up, and the columns of /sys/block/X/stat.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, Histogram } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { allowErasing } from '../support/issues.ts';
import { thrown, until } from '../support/promise-state.ts';

const test = suite('device: statistics');

const BUCKETS = 160;

function histogramOf(entries: Readonly<Record<number, number>>): Histogram {
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const [bucket, count] of Object.entries(entries)) counts[Number(bucket)] = count;
  return Histogram.of(counts);
}

test('percentiles are upper bounds of the buckets that hold them', () => {
  const histogram = histogramOf({ 2: 50, 4: 40, 40: 9, 80: 1 });
  const [, , forty, eighty] = [...histogram].map(({ to }) => to);
  assert.is(histogram.count, 100);
  assert.equal(
    [0, 50, 51, 90].map((percent) => histogram.percentile(percent)),
    [3, 3, 5, 5],
  );
  assert.equal(
    [90.1, 99, 99.01, 100].map((percent) => histogram.percentile(percent)),
    [forty, forty, eighty, eighty],
  );
  assert.is(histogram.max, eighty);
  assert.equal([new Histogram().count, new Histogram().max, new Histogram().mean], [0, 0, 0]);
});

test('a histogram goes through JSON, and what is none is refused', () => {
  const histogram = histogramOf({ 0: 1, 17: 3, 159: 2 ** 40 });
  const again = Histogram.decode(JSON.parse(JSON.stringify(histogram)));
  assert.equal(again.encode(), histogram.encode());
  assert.equal(histogram.encode().buckets, [
    [0, 1],
    [17, 3],
    [159, 2 ** 40],
  ]);
  for (const bad of [null, {}, { schema: 'rqdm-histogram-1' }, { schema: 'other', buckets: [] }]) {
    assert.is(thrown(() => Histogram.decode(bad as never))['code'], 'ERR_RQDM_HISTOGRAM');
  }
  for (const pair of [[160, 1], [-1, 1], [0.5, 1], [0, -1], [0, 'x'], 7, null]) {
    const encoded = { schema: 'rqdm-histogram-1', unit: 'ns', buckets: [pair] };
    assert.is(thrown(() => Histogram.decode(encoded as never))['code'], 'ERR_RQDM_HISTOGRAM', JSON.stringify(pair));
  }
  assert.is(thrown(() => histogram.percentile(101))['code'], 'ERR_RQDM_HISTOGRAM');
});

test('merging adds counts, in any order, and since takes an earlier state off again', () => {
  const counts = fc.array(fc.nat(1000), { minLength: BUCKETS, maxLength: BUCKETS });
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      const sum = Histogram.of(a.map((count, bucket) => count + (b[bucket] as number)));
      const one = Histogram.of(a).merge(Histogram.of(b));
      const other = Histogram.of(b).merge(Histogram.of(a));
      assert.equal(one.encode(), sum.encode());
      assert.equal(other.encode(), sum.encode());
      assert.equal(one.since(Histogram.of(a)).encode(), Histogram.of(b).encode());
      assert.is(one.count, Histogram.of(a).count + Histogram.of(b).count);
    }),
    { numRuns: 50 },
  );
});

test('latencies of device and paths are those of the clock', async () => {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  const device = await mapper.openDevice(['mem:a?size=1M&delay=1ms#1', 'mem:a?size=1M&delay=1ms#2']);
  let isDone = false;
  const reads = Promise.all([device.read(0, 512), device.read(8192, 512)]).then(() => {
    isDone = true;
  });
  await time.until(() => isDone);
  await reads;
  const stats = device.stats();
  const millisecond = 1e6;
  for (const latency of [stats.queueToComplete, stats.dispatchToComplete]) {
    assert.is(latency.count, 2);
    for (const value of [latency.p50, latency.p90, latency.p95, latency.p99, latency.p999, latency.p9999, latency.max]) {
      assert.ok(value >= millisecond && value <= 1.25 * millisecond, `${value}`);
    }
    assert.ok(Math.abs(latency.mean / millisecond - 1) < 0.25);
  }
  assert.is(stats.queueToDispatch.count, 2);
  assert.is(stats.queueToDispatch.max <= 2, true);
  const sum = new Histogram();
  for (const path of stats.paths) sum.merge(path.dispatchToComplete.histogram);
  assert.equal(sum.encode(), stats.dispatchToComplete.histogram.encode());
  await mapper.close();
});

test('disk statistics count I/Os, merges, sectors and times in the columns of the kernel', async () => {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  const settle = async (promise: Promise<unknown>): Promise<void> => {
    let isDone = false;
    void promise.finally(() => {
      isDone = true;
    });
    await until(() => {
      if (!isDone) time.step();
      return isDone;
    });
  };
  const device = await mapper.openPlain('mem:a?size=1M&delay=2ms');
  allowErasing(mapper, device.id, 2048);
  assert.equal(device.diskStats().columns, new Array(17).fill(0));
  await settle(Promise.all([device.readInto(new Uint8Array(4096), 0), device.readInto(new Uint8Array(4096), 4096)]));
  await settle(device.write(new Uint8Array(512), 0));
  const discarding = device.discard(0, 8192);
  time.advanceTo(time.now());
  assert.is(device.diskStats().inFlight, 1);
  await settle(discarding);
  const stats = device.diskStats();
  assert.equal(stats.columns, [1, 1, 16, 2, 1, 0, 1, 2, 0, 6, 6, 1, 0, 16, 2, 0, 0]);
  assert.equal(stats.reads, { ios: 1, merges: 1, sectors: 16, ms: 2 });
  assert.equal([stats.writes.sectors, stats.discards.sectors, stats.busyMs, stats.weightedMs], [1, 16, 6, 6]);
  await settle(device.read(0, 512));
  const first = device.read(0, 512);
  time.advanceTo(time.now() + 1e6);
  const second = device.read(8192, 512);
  await settle(first);
  assert.equal([device.diskStats().inFlight, device.diskStats().busyMs], [1, 10]);
  await settle(second);
  await settle(mapper.close());
});

test('a mapped device and its paths have disk statistics of their own', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M#1', 'mem:a?size=1M#2'], { selector: 'round-robin' });
  await Promise.all(Array.from({ length: 8 }, (_, index) => device.read(index * 8192, 4096)));
  assert.is(device.diskStats().reads.ios, 8);
  assert.equal(device.stats().disk.columns, device.diskStats().columns);
  const paths = device.stats().paths.map(({ disk }) => disk.reads.sectors);
  assert.is(
    paths.reduce((sum, sectors) => sum + sectors, 0),
    64,
  );
});

test.run();
