// What happens to paths and controllers, and what the map, its checkers and its callers make of it, in virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunResult } from '../../src/simulate/result.ts';
import { runScenario, scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';

const test = suite('simulate: failure script');
const LOAD = { rw: 'randread', bs: '4k', iodepth: 8, rate_iops: 2000, runtime: '60s' };

function run(fields: Readonly<Record<string, unknown>>): Promise<RunResult> {
  return runScenario(scenarioOf({ load: LOAD, ...TWO_PATHS, ...fields }));
}

function path(result: RunResult, name: string): RunResult['paths'][number] {
  return result.paths.find((one) => one.name === name) as RunResult['paths'][number];
}

test('a lost path is noticed when its calls are given up, and nobody gets an error', async () => {
  const result = await run({ fast_io_fail_tmo: '3s', script: [{ at: '10s', path: 'b', do: 'down' }] });
  const [failover] = result.failovers;
  assert.is(failover?.noticedSeconds, 3);
  assert.ok((failover?.recoveredSeconds ?? 0) >= 3 && (failover?.recoveredSeconds ?? 0) < 3.01);
  assert.is(failover?.reinstatedSeconds, null);
  assert.equal(result.errors, {});
  assert.is(result.ios, 120_000);
  assert.is(result.unfinished, 0);
});

test('a path that is up again before its calls are given up has failed nothing', async () => {
  const result = await run({ script: [{ at: '10s', path: 'b', do: 'down', for: '1s' }] });
  assert.is(result.failovers[0]?.noticedSeconds, null);
  assert.ok(Math.abs((result.failovers[0]?.recoveredSeconds ?? 0) - 1) < 0.01);
  assert.is(path(result, 'b').errors, 0);
});

test('a checker reinstates the path at its next check', async () => {
  const checker = { polling_interval: '2s' };
  const result = await run({ checker, script: [{ at: '10s', path: 'b', do: 'down', for: '20s' }] });
  const reinstated = result.failovers[0]?.reinstatedSeconds ?? 0;
  assert.ok(reinstated >= 20 && reinstated <= 22.01, `${reinstated}`);
  const without = await run({ script: [{ at: '10s', path: 'b', do: 'down', for: '20s' }] });
  assert.is(without.failovers[0]?.reinstatedSeconds, null);
  assert.ok(path(result, 'b').ios > path(without, 'b').ios);
});

const ALL_DOWN = [{ at: '10s', path: ['a', 'b'], do: 'down', for: '30s' }];

test('without a path I/O fails, or waits for one with queue_if_no_path', async () => {
  const failing = await run({ script: ALL_DOWN });
  assert.ok((failing.errors['transport'] ?? 0) + (failing.errors['ioerr'] ?? 0) > 8, JSON.stringify(failing.errors));
  const waiting = await run({
    map: { selector: 'service-time', queue_if_no_path: true },
    checker: { polling_interval: '5s' },
    script: ALL_DOWN,
  });
  assert.equal(waiting.errors, {});
  assert.ok(waiting.longestStall.seconds >= 30 && waiting.longestStall.seconds <= 35.1, `${waiting.longestStall.seconds}`);
  assert.is(waiting.unfinished, 0);
});

test('no_path_retry holds I/O for so many checks, and then lets it fail', async () => {
  const result = await run({
    checker: { polling_interval: '2s', no_path_retry: 3 },
    fast_io_fail_tmo: '1s',
    script: [{ at: '10s', path: ['a', 'b'], do: 'down' }],
  });
  // given up at 11 s, then three times two seconds
  assert.ok((result.errors['ioerr'] ?? 0) > 8, JSON.stringify(result.errors));
  assert.ok(result.longestStall.seconds >= 7 && result.longestStall.seconds <= 9.1, `${result.longestStall.seconds}`);
});

test('I/O that waits for a path that never comes ends the run, and is told', async () => {
  const result = await run({
    load: { ...LOAD, runtime: '1s' },
    map: { selector: 'service-time', queue_if_no_path: true },
    script: [{ at: '500ms', path: ['a', 'b'], do: 'down' }],
  });
  assert.is(result.unfinished, 8);
  assert.ok(result.backlog.grew);
});

test('a run that is to end ends then, whatever is in flight', async () => {
  const result = await run({ end: '10500ms', script: [{ at: '10s', path: ['a', 'b'], do: 'down' }] });
  assert.is(result.unfinished, 8);
  assert.ok(result.ios > 19_900 && result.ios <= 20_000, `${result.ios}`);
  assert.is(result.longestStall.seconds < 0.1, true);
});

test('steps that come too late for the load are told', async () => {
  const script = [
    { at: '1s', path: 'a', do: 'slow', value: 2 },
    { at: '61s', path: 'a', do: 'down' },
    { when: { failed: 'b' }, path: 'a', do: 'slow', value: 3 },
  ];
  assert.equal((await run({ script })).unreachedSteps, [2, 3]);
});

test('failback: the better group is used again at once, or never', async () => {
  const fields = {
    map: { selector: 'service-time', groups: 'failover' },
    script: [{ at: '10s', path: 'a', do: 'down', for: '10s' }],
  };
  const manual = await run({ ...fields, checker: { polling_interval: '1s', failback: 'manual' } });
  const immediate = await run({ ...fields, checker: { polling_interval: '1s', failback: 'immediate' } });
  assert.ok(path(manual, 'a').share < 0.25, `${path(manual, 'a').share}`);
  assert.ok(path(immediate, 'a').share > 0.75, `${path(immediate, 'a').share}`);
});

test('a slow path is given less by service-time than by round-robin', async () => {
  const script = [{ at: '0s', path: 'b', do: 'slow', value: 10 }];
  const load = { rw: 'randread', bs: '4k', iodepth: 16, number_ios: 50_000 };
  const [st, rr] = [await run({ load, script }), await run({ load, script, map: { selector: 'round-robin' } })];
  assert.ok(path(st, 'b').share < 0.3 && Math.abs(path(rr, 'b').share - 0.5) < 0.01);
  assert.ok(st.iops > 1.5 * rr.iops, `${st.iops} and ${rr.iops}`);
});

test('errors of the medium come to callers at the rate that was asked for; those of the transport do not', async () => {
  const errors = (status: string): object => ({ at: '0s', path: 'a', do: 'errors', status, rate: 0.01, for: '30s' });
  const medium = await run({ script: [errors('medium')] });
  const share = (medium.errors['medium'] ?? 0) / path(medium, 'a').ios;
  assert.ok(share > 0.003 && share < 0.008, `${share}`);
  const transport = await run({ checker: { polling_interval: '1s' }, script: [errors('transport')] });
  assert.equal(transport.errors, {});
  assert.ok(path(transport, 'a').errors > 0 && path(transport, 'b').ios > path(transport, 'a').ios);
});

test('a flapping path goes down and up again until it stays up', async () => {
  const result = await run({ script: [{ at: '10s', path: 'b', do: 'flap', value: '500ms', for: '10s' }] });
  assert.is(result.failovers.length, 10);
  assert.ok(result.failovers.every(({ recoveredSeconds }) => (recoveredSeconds ?? 9) < 0.51));
});

test('losses that overlap: an I/O counts for each that it waited through', async () => {
  const result = await run({
    load: { ...LOAD, runtime: '10s' },
    map: { selector: 'service-time', queue_if_no_path: true },
    checker: { polling_interval: '500ms' },
    fast_io_fail_tmo: '400ms',
    script: [
      { at: '1s', path: 'a', do: 'down', for: '2s' },
      { at: '1200ms', path: 'b', do: 'down', for: '2s' },
    ],
  });
  const [a, b] = result.failovers;
  assert.equal([a?.path, b?.path, result.failovers.length], ['a', 'b', 2]);
  assert.ok(Math.abs((a?.noticedSeconds as number) - 0.4) < 0.001 && Math.abs((b?.noticedSeconds as number) - 0.4) < 0.001);
  // a is back after 3 s, and a check finds it: until then all of them wait, and those that were in flight at the first loss
  // go through the second too
  const backAt = (a?.atSeconds as number) + (a?.reinstatedSeconds as number);
  assert.ok(backAt >= 3 && backAt < 4, `${backAt}`);
  for (const one of [a, b]) {
    const recoveredAt = (one?.atSeconds as number) + (one?.recoveredSeconds as number);
    assert.ok(recoveredAt >= backAt && recoveredAt < backAt + 0.1, `${one?.path} at ${recoveredAt}, back at ${backAt}`);
  }
  assert.equal([result.unfinished, result.errors], [0, {}]);
});

test('a loss that nobody notices is over when what was in flight at it has been answered', async () => {
  const result = await run({
    load: { ...LOAD, runtime: '10s' },
    map: { selector: 'service-time', groups: 'failover' },
    script: [{ at: '1s', path: 'b', do: 'down' }],
  });
  const [loss] = result.failovers;
  assert.is(loss?.noticedSeconds, null);
  assert.ok(loss !== undefined && loss.recoveredSeconds !== null && loss.recoveredSeconds < 0.01, `${loss?.recoveredSeconds}`);
});

test('a disk with a command queue loses nothing whatever its paths and controllers do', async () => {
  const array = { controllers: 2, transition: '1s' };
  const result = await run({
    load: { rw: 'randrw', bs: '4k', iodepth: 64, fsync: 50, runtime: '40s', rate_iops: 150 },
    storage: { array: { model: 'nearline-7200', size: '1T', array, set: { writeBufferBytes: 65536 } } },
    paths: { a: { to: 'array', controller: 0, link: 'fc-8g' }, b: { to: 'array', controller: 1, link: 'fc-8g' } },
    map: { selector: 'service-time', groups: 'failover', handler: 'alua', queue_if_no_path: true },
    checker: { polling_interval: '1s', failback: 'manual' },
    fast_io_fail_tmo: '300ms',
    script: [
      { at: '2s', path: 'a', do: 'flap', value: '400ms', for: '4s' },
      { at: '10s', storage: 'array', controller: 0, do: 'reboot', for: '5s' },
      { at: '20s', path: 'b', do: 'slow', value: 3, for: '2s' },
      { at: '22s', path: ['a', 'b'], do: 'queue_depth', value: 2, for: '2s' },
      { at: '26s', path: 'b', do: 'errors', status: 'transport', rate: 0.05, for: '2s' },
      { at: '30s', path: ['a', 'b'], do: 'down', for: '2s' },
    ],
  });
  assert.equal([result.errors, result.unfinished], [{}, 0]);
  assert.ok(path(result, 'a').errors > 0 && path(result, 'b').errors > 0 && path(result, 'b').busy > 0);
  assert.ok(result.ios > 3000, `${result.ios}`);
});

test('a port with a small queue says busy, and callers wait longer', async () => {
  const load = { rw: 'randread', bs: '4k', iodepth: 64, number_ios: 20_000 };
  const full = await run({ load, script: [{ at: '0s', path: ['a', 'b'], do: 'queue_depth', value: 4 }] });
  const free = await run({ load });
  assert.ok(path(full, 'a').busy > 1000 && path(free, 'a').busy === 0);
  assert.ok(full.callers.read.mean > 2 * free.callers.read.mean);
});

test('a step may wait for a number of I/Os, or for what a path does', async () => {
  const result = await run({
    checker: { polling_interval: '1s' },
    fast_io_fail_tmo: '100ms',
    script: [
      { when: { ios: 5000 }, path: 'b', do: 'down' },
      { when: { failed: 'b', after: '2s' }, path: 'b', do: 'up' },
      { when: { reinstated: 'b' }, path: 'a', do: 'slow', value: 2 },
    ],
  });
  const times = result.log.map((line) => line.split(' ')).filter(([, node]) => node?.startsWith('/dev/'));
  const at = (word: string): number => Number(times.find((line) => line.join(' ').includes(word))?.[0]);
  assert.ok(Math.abs(at('b is down') - 2.5) < 0.01, result.log.join('\n'));
  assert.ok(Math.abs(at('b is up') - at('b is down') - 2.1) < 0.01);
  assert.ok(at('a answers 2 times') >= at('b is up') && at('a answers 2 times') < at('b is up') + 1.01);
});

test('a controller that reboots hands the volume over; failback brings it home, or it stays', async () => {
  const fields = {
    storage: { array: { model: 'nvme-970pro', size: '16G', array: { controllers: 2, transition: '1s' } } },
    paths: { a: { to: 'array', controller: 0 }, b: { to: 'array', controller: 1 } },
    map: { selector: 'service-time', groups: 'failover', handler: 'alua' },
    fast_io_fail_tmo: '1s',
    script: [{ at: '10s', storage: 'array', controller: 0, do: 'reboot', for: '20s' }],
  };
  const manual = await run({ ...fields, checker: { polling_interval: '1s', failback: 'manual' } });
  const immediate = await run({ ...fields, checker: { polling_interval: '1s', failback: 'immediate' } });
  for (const result of [manual, immediate]) {
    assert.equal(result.errors, {});
    // whoever owns the volume is the one who is used: no hop
    for (const name of ['a', 'b']) assert.ok(path(result, name).dispatchToComplete.p50 < 90e3);
    assert.is(result.failovers.length, 1);
  }
  assert.ok(path(manual, 'a').share < 0.3, `${path(manual, 'a').share}`);
  // home after 30 of 60 seconds: the array prefers the controller that it began with
  const { share } = path(immediate, 'a');
  assert.ok(share > 0.6 && share < 0.7, `${share}`);
  assert.ok(immediate.log.some((line) => line.endsWith('back to group 1')));
});

test('checks leave a path alone while the array changes its state', async () => {
  // the way home takes three seconds, in which checks come each half second
  const result = await run({
    storage: { array: { model: 'nvme-970pro', size: '16G', array: { controllers: 2, transition: '3s' } } },
    paths: { a: { to: 'array', controller: 0 }, b: { to: 'array', controller: 1 } },
    map: { selector: 'service-time', groups: 'failover', handler: 'alua' },
    checker: { polling_interval: '500ms', max_polling_interval: '500ms', failback: 'immediate' },
    fast_io_fail_tmo: '1s',
    script: [{ at: '10s', storage: 'array', controller: 0, do: 'reboot', for: '5s' }],
  });
  const about = result.log
    .filter((line) => /fail_path|reinstate_path/.test(line))
    .map((line) => line.split(' ').slice(2).join(' '));
  assert.equal(about, ['reinstate_path /dev/a']);
  assert.equal(result.errors, {});
});

test('a path to a controller that does not own the volume costs a hop', async () => {
  const array = { controllers: 2, alua: false };
  const result = await run({
    storage: { array: { model: 'instant', size: '16G', array } },
    paths: { a: { to: 'array', controller: 0 }, b: { to: 'array', controller: 1 } },
    map: { selector: 'round-robin' },
  });
  const extra = path(result, 'b').dispatchToComplete.p50 - path(result, 'a').dispatchToComplete.p50;
  assert.ok(extra > 104e3 && extra < 112e3, `${extra}`);
});

test.run();
