import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { historicalServiceTimeSelector } from '../../bindings/target/multipath/selector/historical-service-time.ts';
import { ioAffinitySelector } from '../../bindings/target/multipath/selector/io-affinity.ts';
import { queueLengthSelector } from '../../bindings/target/multipath/selector/queue-length.ts';
import { roundRobinSelector } from '../../bindings/target/multipath/selector/round-robin.ts';
import { compareServiceTime, serviceTimeSelector } from '../../bindings/target/multipath/selector/service-time.ts';
import { makeSelector, selectMany, selectorContract } from '../contract/selector.ts';

const test = suite('target/multipath/selector');

selectorContract(test, {
  type: roundRobinSelector,
  wordsFor: () => ['1'],
  badWords: [
    [['x'], 'round-robin ps: invalid repeat count'],
    [['-1'], 'round-robin ps: invalid repeat count'],
    [['1', '2'], 'round-robin ps: incorrect number of arguments'],
  ],
});

selectorContract(test, {
  type: queueLengthSelector,
  wordsFor: () => [],
  badWords: [
    [['x'], 'queue-length ps: invalid repeat count'],
    [['1', '2'], 'queue-length ps: incorrect number of arguments'],
  ],
});

selectorContract(test, {
  type: serviceTimeSelector,
  wordsFor: (path) => ['1', String(path + 1)],
  badWords: [
    [['x'], 'service-time ps: invalid repeat count'],
    [['1', '101'], 'service-time ps: invalid relative_throughput value'],
    [['1', 'x'], 'service-time ps: invalid relative_throughput value'],
    [['1', '2', '3'], 'service-time ps: incorrect number of arguments'],
  ],
});

selectorContract(test, {
  type: historicalServiceTimeSelector,
  wordsFor: () => ['7'],
  badWords: [
    [['x'], 'historical-service-time ps: invalid repeat count'],
    [['1', '2'], 'historical-service-time ps: incorrect number of arguments'],
  ],
});

selectorContract(test, {
  type: ioAffinitySelector,
  wordsFor: (path) => [(1 << path).toString(16)],
  badWords: [
    [[], 'io-affinity ps: invalid number of arguments'],
    [['1', '2'], 'io-affinity ps: invalid number of arguments'],
    [['zz'], 'io-affinity ps: invalid cpumask'],
    [['1,'], 'io-affinity ps: invalid cpumask'],
    [['100000000'], 'io-affinity ps: invalid cpumask'],
    [['1,00000000'], 'io-affinity ps: invalid cpumask'],
    [['0'], 'io-affinity ps: No new/valid CPU mapping found'],
  ],
});

for (const type of [roundRobinSelector, queueLengthSelector, serviceTimeSelector]) {
  test(`${type.name}: a repeat count above 1 becomes 1, with a line in the log`, () => {
    const { selector, logs } = makeSelector(type, [['100'], ['0'], []]);
    assert.equal(logs, [`multipath ${type.name}: repeat_count > 1 is deprecated, using 1 instead`]);
    assert.equal(
      [0, 1, 2].map((path) => selector.status('table', path)[0]),
      ['1', '0', '1'],
    );
  });
}

test('round-robin takes paths in turn, and one that returns comes next', () => {
  const { selector } = makeSelector(roundRobinSelector, [[], [], []]);
  assert.equal(selectMany(selector, 7), [0, 1, 2, 0, 1, 2, 0]);
  selector.failPath(1);
  assert.equal(selectMany(selector, 4), [2, 0, 2, 0]);
  selector.reinstatePath(1);
  assert.equal(selectMany(selector, 4), [1, 2, 0, 1]);
});

test('queue-length alternates between idle paths and avoids the longer queue', () => {
  const { selector } = makeSelector(queueLengthSelector, [[], []]);
  assert.equal(selectMany(selector, 4), [0, 1, 0, 1]);
  for (const path of [1, 1]) selector.endIo?.(path, 4096, 0, 0);
  assert.equal(selectMany(selector, 3), [1, 1, 0]);
});

/** As recorded: one path takes 160 ms for an I/O, the other 20; `atMs` is when each I/O comes. */
for (const [name, atMs, paths] of [
  ['all at once', [0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 1, 0, 1]],
  ['one every 40 ms', [0, 40, 80, 120, 160, 200, 240, 280], [0, 1, 1, 1, 0, 1, 1, 1]],
  ['one when the last has ended', [0, 1000, 2000, 3000], [0, 1, 0, 1]],
] as const) {
  test(`queue-length chooses as a real kernel before a slow and a fast path: ${name}`, () => {
    const { selector } = makeSelector(queueLengthSelector, [['1'], ['1']]);
    let running: { path: number; endMs: number }[] = [];
    const chosen = atMs.map((now) => {
      for (const { path } of running.filter(({ endMs }) => endMs <= now)) selector.endIo?.(path, 4096, 0, now);
      running = running.filter(({ endMs }) => endMs > now);
      const [path] = selectMany(selector, 1);
      running.push({ path, endMs: now + (path === 0 ? 160 : 20) });
      return path;
    });
    assert.equal(chosen, [...paths]);
  });
}

test('queue-length and service-time put a path that returns at the tail', () => {
  for (const type of [queueLengthSelector, serviceTimeSelector]) {
    const { selector } = makeSelector(type, [[], [], []]);
    selector.failPath(0);
    selector.reinstatePath(0);
    assert.equal(
      [0, 1, 2].map(() => selector.select(4096, 0)),
      [1, 2, 0],
    );
  }
});

test('service-time compares as the kernel does', () => {
  assert.is(compareServiceTime(8192, 1, 4096, 1, 4096), 4096);
  assert.is(compareServiceTime(8192, 2, 4096, 1, 4096), -4096);
  assert.is(compareServiceTime(8192, 3, 4096, 1, 4096), -12288);
  assert.is(compareServiceTime(4096, 2, 0, 1, 4096), -1);
  assert.is(compareServiceTime(12288, 0, 99999999, 4, 4096), 4);
  assert.is(compareServiceTime(0, 4, 0, 1, 4096), -3);
});

const EIGHT_READS = [8, 8, 8, 8, 8, 8, 8, 8];
const LONG_FIRST = [64, 4, 4, 4, 4, 4];
const RECORDED: readonly (readonly [weights: string, sectors: readonly number[], paths: readonly number[]])[] = [
  ['1 1', EIGHT_READS, [0, 1, 0, 1, 0, 1, 0, 1]],
  ['1 1', LONG_FIRST, [0, 1, 1, 1, 1, 1]],
  ['1 3', EIGHT_READS, [1, 1, 1, 0, 1, 1, 1, 0]],
  ['1 3', LONG_FIRST, [1, 0, 0, 0, 0, 0]],
  ['4 1', EIGHT_READS, [0, 0, 0, 0, 1, 0, 0, 0]],
  ['4 1', LONG_FIRST, [0, 1, 1, 1, 1, 0]],
  ['0 1', EIGHT_READS, [1, 1, 1, 1, 1, 1, 1, 1]],
  ['0 1', LONG_FIRST, [1, 1, 1, 1, 1, 1]],
  ['100 50', EIGHT_READS, [0, 0, 1, 0, 0, 1, 0, 0]],
  ['100 50', LONG_FIRST, [0, 1, 1, 1, 1, 1]],
];

/** As recorded: the second series begins with all of the first one ended, on the same selector. */
for (const [index, [weights, sectors, paths]] of RECORDED.entries()) {
  test(`service-time chooses as a real kernel with weights ${weights}, lengths ${sectors.join(',')}`, () => {
    const [first, second] = weights.split(' ') as [string, string];
    const { selector } = makeSelector(serviceTimeSelector, [
      ['1', first],
      ['1', second],
    ]);
    if (index % 2 === 1) {
      const before = EIGHT_READS.map((count) => selectMany(selector, 1, count * 512)[0]);
      for (const path of before) selector.endIo?.(path, 8 * 512, 0, 0);
    }
    assert.equal(
      sectors.map((count) => selectMany(selector, 1, count * 512)[0]),
      paths,
    );
  });
}

test('service-time shows bytes in flight and the throughput', () => {
  const { selector } = makeSelector(serviceTimeSelector, [
    ['1', '1'],
    ['1', '3'],
  ]);
  assert.equal(
    [8, 16, 32].map((count) => selectMany(selector, 1, count * 512)[0]),
    [1, 1, 1],
  );
  assert.is(selector.status('info', 0), '0 1 ');
  assert.is(selector.status('info', 1), '28672 3 ');
  assert.is(selector.status('table', 1), '1 3 ');
});

test.run();
