// Loads: traces in open and closed loops, jobs of fio's kind, mixes; what is measured of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionOf } from '../../src/simulate/load/distribution.ts';
import { LogHistogram } from '../../src/simulate/log-histogram.ts';
import { SeededRandom } from '../../src/simulate/random.ts';
import type { RunResult } from '../../src/simulate/result.ts';
import { batchOf, runScenario, scenarioOf, type TestRecord, TWO_PATHS } from '../support/simulated-runs.ts';

const test = suite('simulate: load');

/** One path to storage that takes 1 ms for each call, one at a time. */
const ONE_MS = {
  storage: { disk: { model: 'instant', size: '1G', set: { latencyUs: 1000, servers: 1 } } },
  paths: { a: { to: 'disk' } },
  map: { selector: 'round-robin' },
};

function run(fields: Readonly<Record<string, unknown>>, records: readonly TestRecord[] = []): Promise<RunResult> {
  return runScenario(scenarioOf({ ...ONE_MS, ...fields }), { traces: { trace: () => [batchOf(records)] } });
}

const RECORDS: TestRecord[] = Array.from({ length: 100 }, (_, i) => [i * 10e6, i % 4 === 0 ? 1 : 0, i * 1000, 8]);

test('an open loop submits at the times of the trace, or faster, and tells reads from writes', async () => {
  const result = await run({ load: { trace: 'trace' } }, RECORDS);
  assert.is(result.ios, 100);
  assert.ok(Math.abs(result.spanSeconds - 0.991) < 1e-6, `${result.spanSeconds}`);
  assert.equal([result.callers.read.count, result.callers.write.count], [75, 25]);
  assert.is(result.callers.all.max, 1e6);
  const fast = await run({ load: { trace: 'trace', scale: 5 } }, RECORDS);
  assert.ok(Math.abs(fast.spanSeconds - 0.199) < 1e-6, `${fast.spanSeconds}`);
  assert.is(fast.backlog.grew, false);
});

test('a load that comes faster than it is served is told: the backlog grew, and callers waited for all of it', async () => {
  const burst: TestRecord[] = Array.from({ length: 5000 }, (_, i) => [i * 10e3, 0, i * 1000, 8]);
  const result = await run({ load: { trace: 'trace' } }, burst);
  assert.ok(result.backlog.grew && result.backlog.atLastArrival > 4900, JSON.stringify(result.backlog));
  assert.ok(Math.abs(result.callers.all.max - (5000e6 - 50e6)) < 20e6, `${result.callers.all.max}`);
  assert.is(result.ios, 5000);
});

test('what finds no room waits outside, and is not lost', async () => {
  const flood: TestRecord[] = Array.from({ length: 30_000 }, (_, i) => [0, 0, i * 64, 8, i]);
  const result = await run(
    { load: { trace: 'trace' }, storage: { disk: { ...ONE_MS.storage.disk, set: { latencyUs: 10 } } } },
    flood,
  );
  assert.is(result.ios, 30_000);
  assert.ok(result.backlog.held > 0 && result.backlog.most <= 24_576, JSON.stringify(result.backlog));
});

test('a closed loop keeps so many in flight, whatever the times of the trace', async () => {
  const result = await run({ load: { trace: 'trace', loop: 'closed', depth: 4 } }, RECORDS);
  assert.is(result.backlog.most, 4);
  assert.ok(Math.abs(result.spanSeconds - 0.1) < 1e-6, `${result.spanSeconds}`);
});

test('callers of a closed loop rest after a failure, so that a map without a path does not stop time', async () => {
  const result = await run({
    load: { rw: 'randread', bs: '4k', iodepth: 8, runtime: '20s' },
    fast_io_fail_tmo: '1s',
    checker: { polling_interval: '1s', no_path_retry: 'fail' },
    script: [{ at: '2s', path: 'a', do: 'down', for: '5s' }],
  });
  // eight callers, a failure each millisecond from 3 s on until a check after 7 s finds the path
  const failed = Object.values(result.errors).reduce((sum, count) => sum + count, 0);
  assert.ok(failed > 8 * 4000 && failed <= 8 * 5100, `${failed}`);
  assert.ok(Math.abs(result.spanSeconds - 20) < 0.01, `${result.spanSeconds}`);
  assert.is(result.unfinished, 0);
  assert.is(result.ios, result.callers.all.count + failed);
});

test('callers of a closed loop rest a moment after what took no time, so that time passes', async () => {
  const load = { rw: 'read', bs: '4k', iodepth: 4, iodepth_batch_complete_min: 3, runtime: '10ms' };
  for (const [table, errors] of [
    ['0 80 zero', {}],
    ['0 80 linear sim:x?size=1M 0', {}],
    ['0 80 error', { ioerr: 40 }],
  ] as const) {
    const result = await runScenario(scenarioOf({ ...ONE_MS, map: undefined, table, load }));
    assert.is(result.ios, table.endsWith('error') ? 40 : 40_000, table);
    assert.equal(result.errors, errors);
    assert.is(result.unfinished, 0);
  }
});

test('a closed loop of a trace rests after failures too, and comes to its end', async () => {
  const records: TestRecord[] = Array.from({ length: 20 }, () => [0, 0, 0, 8]);
  const batches = { trace: () => [batchOf(records.slice(0, 10)), batchOf(records.slice(10))] };
  const load = { trace: 'trace', loop: 'closed', depth: 4, batch: 2 };
  const result = await runScenario(scenarioOf({ ...ONE_MS, map: undefined, table: '0 80 error', load }), { traces: batches });
  assert.equal([result.ios, result.errors, result.unfinished], [20, { ioerr: 20 }, 0]);
  // four at once, and four each millisecond
  assert.is(result.spanSeconds, 0.004);
});

test('a trace may be repeated and cut; it goes on where it ended', async () => {
  const result = await run({ load: { trace: 'trace', repeat: 3, limit: 10 } }, RECORDS);
  assert.is(result.ios, 30);
  assert.ok(Math.abs(result.spanSeconds - 0.291) < 1e-6, `${result.spanSeconds}`);
});

test('I/Os of one task within the window are one plug, and merge; those of others are not', async () => {
  const neighbours = (streamOf: (i: number) => number): TestRecord[] =>
    Array.from({ length: 64 }, (_, i) => [Math.floor(i / 8) * 10e6 + (i % 8) * 1000, 0, i * 8, 8, streamOf(i)]);
  const load = { trace: 'trace', plug: { window: '2us' } };
  const plugged = await run(
    { load },
    neighbours(() => 7),
  );
  assert.is(plugged.devices[0]?.requests, 8);
  assert.is(plugged.devices[0]?.merges.back, 56);
  // waited from its own arrival on, not from the plug's end
  assert.is(plugged.callers.all.max, 1e6 + 7000);
  const strangers = await run(
    { load },
    neighbours((i) => i),
  );
  assert.ok((strangers.devices[0]?.requests ?? 0) > 8);
  const unplugged = await run(
    { load: { trace: 'trace' } },
    neighbours(() => 7),
  );
  assert.ok((unplugged.devices[0]?.requests ?? 0) > 8);
});

test('what lies beyond the device begins again at its beginning, and is counted', async () => {
  const result = await run({ load: { trace: 'trace' } }, [
    [0, 0, 2 ** 21 - 8, 8],
    [1e6, 0, 2 ** 21, 8],
    [2e6, 0, 2 ** 24 + 4, 8],
  ]);
  assert.equal([result.ios, result.wrapped, result.errors], [3, 2, {}]);
});

test('flushes and discards of a trace reach the storage', async () => {
  const records: TestRecord[] = [
    [0, 1, 0, 8],
    [10e6, 3, 0, 0],
    [20e6, 2, 64, 64],
  ];
  const result = await run({ load: { trace: 'trace' }, storage: { disk: { model: 'nvme-tlc', size: '1G' } } }, records);
  assert.equal([result.callers.write.count, result.callers.other.count, result.errors], [1, 2, {}]);
});

test('a job keeps its depth, block size and mix, and its region', async () => {
  const job = { rw: 'randrw', rwmixread: 70, bs: '16k', iodepth: 8, offset: '256M', size: '128M', number_ios: 20_000 };
  const positions: number[] = [];
  const result = await runScenario(scenarioOf({ ...TWO_PATHS, load: job }), {
    rows: (line) => positions.push(Number(line.split(',')[4])),
  });
  assert.is(result.ios, 20_000);
  assert.is(result.backlog.most, 8);
  assert.equal(result.sizes, [[16_384, 20_000]]);
  assert.ok(Math.abs(result.callers.read.count / 20_000 - 0.7) < 0.02);
  assert.ok(Math.min(...positions.slice(0, 1e5)) >= 2 ** 28 && Math.max(...positions.slice(0, 1e5)) < 2 ** 28 + 2 ** 27);
});

test('a sequential job goes through its region once, and its blocks meet in requests', async () => {
  const job = { rw: 'read', bs: '4k', size: '16M', iodepth: 32 };
  const result = await run({ load: job });
  assert.is(result.ios, 4096);
  assert.ok((result.devices[0]?.biosPerRequest ?? 0) > 16, JSON.stringify(result.devices[0]?.merges));
});

test('a rate is kept, evenly or by chance, and fsync brings flushes', async () => {
  const job = { rw: 'randwrite', bs: '4k', iodepth: 4, rate_iops: 100, runtime: '10s', fsync: 4 };
  const linear = await run({ load: job });
  assert.is(linear.ios, 1000);
  assert.is(linear.callers.other.count, 200);
  const poisson = await run({ load: { ...job, fsync: 0, rate_process: 'poisson' } });
  assert.ok(Math.abs(poisson.ios - 1000) < 120 && poisson.callers.write.max > 1e6, `${poisson.ios}`);
});

test('several loads run at once, each to its device', async () => {
  const result = await run(
    {
      load: [
        { rw: 'randread', iodepth: 2, runtime: '1s', device: 'low' },
        { rw: 'randwrite', iodepth: 2, runtime: '1s' },
        { trace: 'trace' },
      ],
      map: undefined,
      devices: [
        { name: 'low', table: '0 1048576 multipath 0 0 1 1 round-robin 0 1 0 /dev/a' },
        { name: 'top', table: '0 65536 linear low 1024' },
      ],
    },
    RECORDS,
  );
  assert.equal(
    result.devices.map(({ name, type }) => `${name} ${type}`),
    ['low request', 'top bio'],
  );
  assert.ok(result.callers.read.count > 400 && result.callers.write.count > 400, JSON.stringify(result.callers.read.count));
});

test('zipf and pareto choose few blocks often, and all blocks are inside', () => {
  for (const [text, least, most] of [
    ['random', 0.005, 0.03],
    ['zipf:1.2', 0.5, 1],
    ['pareto:0.2', 0.2, 1],
  ] as const) {
    const of = distributionOf(text, 10_000);
    const random = new SeededRandom(1);
    const counts = new Map<number, number>();
    for (let i = 0; i < 50_000; i++) {
      const block = of(random);
      assert.ok(Number.isInteger(block) && block >= 0 && block < 10_000, `${text} ${block}`);
      counts.set(block, (counts.get(block) ?? 0) + 1);
    }
    const top = [...counts.values()].sort((a, b) => b - a).slice(0, 100);
    const share = top.reduce((sum, count) => sum + count, 0) / 50_000;
    assert.ok(share >= least && share <= most, `${text}: ${share}`);
  }
});

test('a time is told less than a hundredth too long, and histograms add up, through JSON too', () => {
  const all = new LogHistogram();
  const parts = [new LogHistogram(), new LogHistogram()];
  for (let i = 0; i < 5000; i++) {
    const ns = Math.floor(1.007 ** i % 1e11) + i;
    all.add(ns);
    parts[i % 2]?.add(ns);
    const one = new LogHistogram();
    one.add(ns);
    one.add(2 ** 50);
    const told = one.percentile(50);
    assert.ok(told >= Math.min(ns, 2 ** 50) && told <= ns * 1.008, `${ns} told as ${told}`);
  }
  const merged = parts.reduce(
    (sum, part) => sum.merge(LogHistogram.decode(JSON.parse(JSON.stringify(part.encode())))),
    new LogHistogram(),
  );
  assert.equal(merged.encode(), all.encode());
});

test.run();
