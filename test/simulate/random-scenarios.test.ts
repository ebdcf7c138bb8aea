// Any scenario that passes the checks runs to its end, comes out the same again, and its figures add up. RQDM_FUZZ_RUNS raises
// the number of scenarios.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_READ, OPERATION_WRITE } from '../../bindings/index.ts';
import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import type { RunResult, Times } from '../../src/simulate/result.ts';
import { OPERATION_FLUSH, OPERATION_NAMES, RecordBatch } from '../../src/trace/records.ts';
import { runScenario, scenarioOf } from '../support/simulated-runs.ts';

export const timeoutMs = 600_000;

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 60);
const NUMBER_IOS = 400;
const SEED = process.env['RQDM_SEED'];
const PARAMETERS = { numRuns: RUNS, includeErrorInReport: true, ...(SEED === undefined ? {} : { seed: Number(SEED) }) };
const test = suite('simulate: random scenarios');

const job = fc.record({
  rw: fc.constantFrom('read', 'write', 'randread', 'randwrite', 'randrw', 'rw', 'randtrim'),
  bs: fc.constantFrom('4k', '8k', '64k', '256k', '2M'),
  iodepth: fc.constantFrom(1, 4, 32, 128),
  iodepth_batch: fc.constantFrom(1, 4, 32),
  rwmixread: fc.integer({ min: 0, max: 100 }),
  rate_iops: fc.constantFrom(undefined, 50, 1000, 50_000),
  rate_process: fc.constantFrom('linear', 'poisson'),
  random_distribution: fc.constantFrom('random', 'zipf:1.2', 'pareto:0.2'),
  fsync: fc.constantFrom(0, 0, 7),
  numjobs: fc.constantFrom(1, 2),
});

const storage = fc.record({
  model: fc.constantFrom(...STORAGE_PROFILES.keys()),
  size: fc.constantFrom('64M', '8G'),
  array: fc.constantFrom(
    undefined,
    { controllers: 2, transition: '50ms' },
    { controllers: 2, alua: false },
    { controllers: 2, transition: '2s' },
  ),
});

const PATHS = ['a', 'b', 'c', 'd'];
const pathName = fc.constantFrom('a', 'b');
const time = fc.constantFrom('0s', '3ms', '40ms', '300ms', '2s');
const length = fc.constantFrom('1ms', '30ms', '500ms', '5s');

const step = fc
  .tuple(fc.oneof(time, fc.integer({ min: 1, max: NUMBER_IOS })), fc.constantFrom('a', 'b', ['a', 'b']), length, fc.nat(6))
  .map(([moment, path, duration, what]) => {
    const at = typeof moment === 'number' ? { when: { ios: moment } } : { at: moment };
    switch (what) {
      case 0:
        return { ...at, path, do: 'down', for: duration };
      case 1:
        return { ...at, path, do: 'slow', value: 7, for: duration };
      case 2:
        return { ...at, path, do: 'errors', status: 'transport', rate: 0.2, for: duration };
      case 3:
        return { ...at, path, do: 'errors', status: 'medium', rate: 0.2, for: duration };
      case 4:
        return { ...at, path, do: 'queue_depth', value: 2, for: duration };
      case 5:
        return { ...at, path, do: 'flap', value: '20ms', for: duration };
      default:
        return { ...at, storage: 'store', controller: 0, do: 'reboot', for: duration };
    }
  });

const scenario = fc
  .record({
    job,
    store: storage,
    link: fc.constantFrom(...LINK_PROFILES.keys()),
    paths: fc.integer({ min: 2, max: 4 }),
    depth: fc.constantFrom(1, 8, 64),
    selector: fc.constantFrom('round-robin', 'queue-length', 'service-time', 'historical-service-time', 'io-affinity'),
    mapping: fc.constantFrom('request', 'bio'),
    groups: fc.constantFrom('multibus', 'failover'),
    isQueueing: fc.boolean(),
    elevator: fc.constantFrom('mq-deadline', 'kyber', 'scan', 'none'),
    failback: fc.constantFrom('manual', 'immediate', 1),
    noPathRetry: fc.constantFrom(undefined, 'fail', 'queue', 3),
    fastFail: fc.constantFrom('0s', '20ms', '1s'),
    script: fc.array(step, { maxLength: 4 }),
    isFailing: pathName,
  })
  .map((one) => {
    const controllers = one.store.array?.controllers ?? 1;
    const names = PATHS.slice(0, one.paths);
    const isAlua = one.store.array !== undefined && one.store.array.alua !== false && one.mapping === 'request';
    // io-affinity wants to know which processors each path is for
    const selectorWords = one.selector === 'io-affinity' ? 'queue-length' : one.selector;
    return {
      load: { ...one.job, number_ios: NUMBER_IOS },
      storage: { store: one.store },
      paths: Object.fromEntries(
        names.map((name, i) => [name, { to: 'store', link: one.link, controller: i % controllers, depth: one.depth }]),
      ),
      map: {
        selector: selectorWords,
        mapping: one.mapping,
        groups: one.groups,
        queue_if_no_path: one.isQueueing,
        ...(isAlua ? { handler: 'alua' } : {}),
      },
      elevator: one.elevator,
      checker: { polling_interval: '200ms', failback: one.failback, no_path_retry: one.noPathRetry },
      fast_io_fail_tmo: one.fastFail,
      script: one.script.filter((each) => each.do !== 'reboot' || controllers > 1),
    };
  });

function holdTogether({ count, mean, p50, p90, p99, p999, p9999, max }: Times): void {
  assert.ok(
    count === 0 || (p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= p9999 && p9999 <= max * 1.01),
    `${p50} … ${max}`,
  );
  assert.ok(mean >= 0 && mean <= max, `${mean} of at most ${max}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

/** A write with a flush before it and one in place of FUA is three requests. */
const WITH_FLUSHES = 3;

function addsUp(result: RunResult, atLeast: number, requestsABio = 1): void {
  const { ios, unfinished, callers, errors, paths, failovers, balance, devices } = result;
  const failed = sum(Object.values(errors));
  assert.is(callers.all.count + failed, ios, 'each I/O ends well or not');
  assert.is(callers.read.count + callers.write.count + callers.other.count, callers.all.count);
  if (unfinished === 0) assert.ok(ios >= atLeast, `${ios} of ${atLeast}`);
  for (const times of [...Object.values(callers), ...paths.map((path) => path.dispatchToComplete)]) holdTogether(times);
  for (const path of paths) assert.is(path.dispatchToComplete.count + path.errors, path.ios);
  const shares = sum(paths.map(({ share }) => share));
  assert.ok(Math.abs(shares - 1) < 1e-9 || sum(paths.map((path) => path.ios)) === 0, `shares: ${shares}`);
  assert.ok(balance.ios > 0 && balance.ios <= 1 + 1e-9 && balance.bytes > 0 && balance.bytes <= 1 + 1e-9);
  if (result.spanSeconds > 0 && failed === 0 && unfinished === 0 && sum(paths.map((path) => path.errors)) === 0) {
    // what paths have moved is what callers have asked for, once
    const bytes = result.MBps * 1e6 * result.spanSeconds;
    const moved = sum(paths.map((path) => path.readBytes + path.writeBytes));
    assert.ok(Math.abs(moved - bytes) <= 1e-6 * moved, `${moved} moved, ${bytes} asked for`);
  }
  for (const { noticedSeconds, recoveredSeconds, reinstatedSeconds } of failovers) {
    for (const seconds of [noticedSeconds, recoveredSeconds, reinstatedSeconds]) assert.ok(seconds === null || seconds >= 0);
    assert.ok(recoveredSeconds !== null || unfinished > 0, 'a loss is got over when everything has ended');
  }
  assert.ok(result.longestStall.seconds >= 0 && result.longestStall.seconds <= result.spanSeconds + 1e-9);
  for (const { type, bios, splits, requests, requeues, delayedRequeues } of devices) {
    if (type === 'request')
      assert.ok(requests - requeues - delayedRequeues <= requestsABio * (bios + splits), `${requests} requests`);
  }
}

/** Rows of requests against what is said of them: counts, bytes, places, percentiles. */
function rowsAddUp({ paths }: RunResult, rows: readonly string[], sizeBytes: number): void {
  const byPath = new Map<string, number[][]>(paths.map(({ name }) => [name, []]));
  for (const row of rows) {
    const [issued, ended, path, ...rest] = row.split(',') as [string, string, string, ...string[]];
    byPath.get(path)?.push([Number(issued), Number(ended), ...rest.map(Number)]);
  }
  for (const { name, ios, errors, readBytes, writeBytes, dispatchToComplete } of paths) {
    const own = byPath.get(name) as number[][];
    assert.is(own.length, ios);
    const good = own.filter(([, , , , , status]) => status === 0);
    assert.is(own.length - good.length, errors);
    const bytesOf = (wanted: number): number =>
      sum(good.map(([, , operation, , bytes]) => (operation === wanted ? (bytes as number) : 0)));
    assert.equal([bytesOf(OPERATION_READ), bytesOf(OPERATION_WRITE)], [readBytes, writeBytes]);
    for (const [issued = -1, ended = -1, , position = -1, bytes = -1] of own) {
      assert.ok(
        issued >= 0 && ended >= issued && position >= 0 && position + bytes <= sizeBytes,
        `${name}: ${position} + ${bytes}`,
      );
    }
    const times = good.map(([issued = 0, ended = 0]) => ended - issued).sort((a, b) => a - b);
    if (times.length === 0) continue;
    assert.is(dispatchToComplete.max, times.at(-1));
    for (const [percent, said] of [
      [50, dispatchToComplete.p50],
      [90, dispatchToComplete.p90],
      [99, dispatchToComplete.p99],
    ] as const) {
      const exact = times[Math.max(0, Math.ceil((times.length * percent) / 100) - 1)] as number;
      assert.ok(said >= exact * 0.99 - 1 && said <= exact * 1.01 + 1, `p${percent} of ${name}: ${said}, exactly ${exact}`);
    }
  }
}

test('any scenario runs to its end, the same again, and its figures add up', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, fc.integer({ min: 0, max: 1000 }), async (fields, seed) => {
      const read = scenarioOf(fields);
      const rows: string[] = [];
      const result = await runScenario(read, { seed, rows: (line) => rows.push(line) });
      addsUp(result, fields.load.numjobs * NUMBER_IOS);
      rowsAddUp(result, rows, read.storage['store']?.size as number);
      assert.is(JSON.stringify(await runScenario(read, { seed })), JSON.stringify(result));
    }),
    PARAMETERS,
  );
});

// ---- traces ----------------------------------------------------------------------------------------------------------------

const record = fc.record({
  gapNs: fc.constantFrom(0, 0, 1000, 100_000, 3_000_000),
  sector: fc.oneof(fc.nat(1000), fc.nat(2 ** 40)),
  sectors: fc.constantFrom(0, 1, 7, 8, 8, 256, 4096, 65_537),
  operation: fc.integer({ min: 0, max: OPERATION_NAMES.length - 1 }),
  flags: fc.nat(31),
  device: fc.nat(3),
  stream: fc.nat(2),
});

const traceLoad = fc.record({
  loop: fc.constantFrom('open', 'closed'),
  scale: fc.constantFrom(0.5, 1, 1000),
  depth: fc.constantFrom(1, 16),
  batch: fc.constantFrom(1, 4),
  repeat: fc.constantFrom(1, 3),
  limit: fc.constantFrom(undefined, 1, 40),
  plug: fc.constantFrom(undefined, { window: '50us' }, { window: '1ms', ios: 4 }),
});

test('any trace, too, in both loops: each of its I/Os ends once', async () => {
  const property = fc.asyncProperty(
    scenario,
    traceLoad,
    fc.array(record, { minLength: 1, maxLength: 120 }),
    async (fields, load, records) => {
      const batch = new RecordBatch(records.length);
      let timeNs = 0;
      for (const { gapNs, sector, sectors, operation, flags, device, stream } of records) {
        const row = batch.count++;
        timeNs += gapNs;
        batch.timeNs[row] = timeNs;
        batch.sector[row] = sector;
        batch.sectors[row] = operation === OPERATION_FLUSH ? 0 : sectors;
        batch.responseNs[row] = Number.NaN;
        batch.operation[row] = operation;
        batch.flags[row] = flags;
        batch.device[row] = device;
        batch.stream[row] = stream;
      }
      const read = scenarioOf({ ...fields, load: { trace: 'any', ...load } });
      const traces = { any: () => [batch] };
      const rows: string[] = [];
      const result = await runScenario(read, { traces, rows: (line) => rows.push(line) });
      const each = Math.min(records.length, load.limit ?? records.length) * load.repeat;
      if (result.unfinished === 0) assert.is(result.ios, each);
      else assert.ok(result.ios < each);
      addsUp(result, 0, WITH_FLUSHES);
      rowsAddUp(result, rows, read.storage['store']?.size as number);
      assert.is(JSON.stringify(await runScenario(read, { traces })), JSON.stringify(result));
    },
  );
  await fc.assert(property, PARAMETERS);
});

test.run();
