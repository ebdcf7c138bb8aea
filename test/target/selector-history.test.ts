import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentReader } from '../../bindings/table/arguments.ts';
import {
  HistoricalServiceTime,
  historicalServiceTimeSelector,
  historyWeights,
} from '../../bindings/target/multipath/selector/historical-service-time.ts';
import { Wide } from '../../bindings/target/multipath/selector/wide.ts';
import { makeSelector } from '../contract/selector.ts';
import { tableError } from '../support/target-context.ts';

const test = suite('target/multipath/selector: historical-service-time');

function make(paths: number, baseWeight?: number, multiplier?: number): HistoricalServiceTime {
  const selector = new HistoricalServiceTime(baseWeight, multiplier);
  for (let path = 0; path < paths; path++) selector.addPath(new ArgumentReader([]));
  return selector;
}

/** One I/O of a path: issued, ended (ns). */
function take(selector: HistoricalServiceTime, path: number, issuedAtNs: number, endedAtNs: number): void {
  selector.startIo(path, 4096, issuedAtNs);
  selector.endIo(path, 4096, issuedAtNs, endedAtNs);
}

test('the weights of the past are the powers of the base, rounded at each step', () => {
  assert.equal(
    historyWeights(972),
    [
      972, 923, 876, 832, 790, 750, 712, 676, 642, 609, 578, 549, 522, 495, 470, 446, 423, 402, 382, 362, 344, 327, 310, 294,
      280, 265, 252, 239, 227, 216, 205, 194, 184, 175, 166, 158, 150, 142, 135, 128, 122, 115, 110, 104, 99, 94, 89, 84, 80,
      76, 72, 69, 65, 62, 59, 56, 53, 50, 48, 45, 43, 41, 39, 0,
    ],
  );
  assert.equal(historyWeights(512).slice(0, 13), [512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 0, 0]);
});

test('times are smoothed, serialised and counted by length, to the last bit', () => {
  const selector = make(2);
  take(selector, 0, 1_000_000, 2_000_000);
  assert.is(selector.status('info', 0), '52000972 0 2101564 ');
  take(selector, 0, 1_500_000, 3_500_000);
  assert.is(selector.status('info', 0), '127360298 0 3748750 ');
  take(selector, 0, 3_600_000, 40_000_000);
  assert.is(selector.status('info', 0), '5496152755 0 50734672 ');
  take(selector, 0, 40_000_000, 2_000_000_000);
  assert.is(selector.status('info', 0), '2007040000000 0 5920000000 ');
});

test('an end before its start counts as no time', () => {
  const selector = make(1);
  take(selector, 0, 5000, 4000);
  assert.is(selector.status('info', 0), '972 0 4000 ');
});

test('an idle path is due for a try the sooner, the fewer usable paths there are', () => {
  const selector = make(2);
  selector.failPath(1);
  take(selector, 0, 1, 1001);
  assert.is(selector.status('info', 0), '52972 0 1052 ');
  selector.reinstatePath(1);
  take(selector, 0, 1001, 1001);
  assert.is(selector.status('info', 0), '50282 0 1099 ');
});

test('both idle, the path that is due for a try first is taken', () => {
  const selector = make(2);
  take(selector, 0, 1000, 2000);
  assert.is(selector.select(4096, 3000), 1);
  take(selector, 1, 3000, 1_000_000);
  assert.is(selector.select(4096, 2_000_000), 0);
});

test('of two busy paths the one with the smaller time for what it has in flight is taken', () => {
  const selector = make(2, 0);
  take(selector, 0, 1, 1001);
  take(selector, 1, 1, 3001);
  const now = 3002;
  for (const path of [0, 1]) selector.startIo(path, 0, now);
  assert.is(selector.compare(0, 1, 0), -1);
  for (let count = 0; count < 3; count++) selector.startIo(0, 0, now);
  assert.is(selector.compare(0, 1, 0), -1, 'five times 1000 ns against twice 3000');
  for (let count = 0; count < 2; count++) selector.startIo(0, 0, now);
  assert.is(selector.compare(0, 1, 0), 1, 'seven times 1000 ns against twice 3000');
});

test('with a threshold, times that are close to each other leave the choice to the queue', () => {
  const close = make(2, 0, 4);
  take(close, 0, 1, 1001);
  take(close, 1, 1, 3001);
  close.startIo(0, 0, 0);
  close.startIo(1, 0, 0);
  close.startIo(1, 0, 0);
  assert.is(close.compare(0, 1, 0), -1);
  assert.is(close.compare(1, 0, 0), 1);
  close.startIo(0, 0, 0);
  close.startIo(0, 0, 0);
  assert.is(close.compare(0, 1, 0), 1, 'three in flight against two');
});

test('an idle path that is due gets one I/O to be tried with, and no more', () => {
  const selector = make(2, 0);
  take(selector, 0, 1, 1001);
  take(selector, 1, 1, 100_001);
  selector.startIo(0, 0, 1002);
  assert.is(selector.select(0, 1_000_000), 1, 'slow, but long unused');
  selector.startIo(1, 0, 1_000_000);
  assert.is(selector.select(0, 1_000_001), 0);
});

test('selector words: at most a base weight under 1024 and a multiplier', () => {
  const create = (...words: string[]): string => {
    const { selector } = makeSelector(historicalServiceTimeSelector, [[]], { words });
    return selector.status('table', undefined);
  };
  assert.is(create(), '2 972 0 ');
  assert.is(create('1000'), '2 1000 0 ');
  assert.is(create('1000', '50'), '2 1000 50 ');
  for (const words of [['1', '2', '3'], ['x'], ['1024'], ['1', 'x'], ['1', '4294967296']]) {
    tableError(() => create(...words));
  }
});

// ---- against a plain model in BigInt ----------------------------------------------------------------------------------

const MASK = 2n ** 64n - 1n;

interface Plain {
  time: bigint;
  inFlight: bigint;
  stale: bigint;
  lastEnd: bigint;
}

function plainEnd(path: Plain, weights: readonly number[], valid: bigint, issued: bigint, now: bigint): void {
  const start = path.lastEnd > issued ? path.lastEnd : issued;
  path.lastEnd = now;
  path.inFlight -= 1n;
  const took = now < start ? 0n : now - start;
  const bucket = took >> 24n > 63n ? 63 : Number(took >> 24n);
  const weight = BigInt(weights[bucket]);
  const scaled = took * 1024n > 2n ** 54n - 1n ? 2n ** 54n - 1n : took * 1024n;
  path.time = ((path.time * weight + scaled * (1024n - weight) + 512n) & MASK) >> 10n;
  path.stale = (now + valid * (path.time >> 10n)) & MASK;
}

function plainCompare(a: Plain, b: Plain, multiplier: bigint, now: bigint): bigint {
  const isOver = a.time > b.time ? a.time > ((multiplier * b.time) & MASK) : b.time > ((multiplier * a.time) & MASK);
  if (!isOver) return a.inFlight - b.inFlight;
  const idleA = a.inFlight === 0n;
  const idleB = b.inFlight === 0n;
  if ((idleA && a.stale < now) || (idleB && b.stale < now) || (idleA && idleB)) {
    return (idleB ? a.stale : 0n) - (idleA ? b.stale : 0n);
  }
  let isSecond = a.time > b.time;
  if (a.inFlight !== b.inFlight) {
    const shift = a.inFlight >= 1024n || b.inFlight >= 1024n ? 10n : 0n;
    isSecond = (((1n + a.inFlight) * (a.time >> shift)) & MASK) > (((1n + b.inFlight) * (b.time >> shift)) & MASK);
  }
  if (isSecond) return b.stale < now ? a.inFlight - b.inFlight : 1n;
  return a.stale < now ? a.inFlight - b.inFlight : -1n;
}

const TIME = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  fc.maxSafeInteger().map((value) => Math.abs(value) + 1),
);

test('any history gives what a plain model in whole numbers of any length gives', () => {
  const event = fc.tuple(fc.boolean(), fc.nat(3), TIME, TIME);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1023 }),
      fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      fc.array(event, { maxLength: 40 }),
      (base, multiplier, events) => {
        const selector = make(2, base, multiplier);
        const weights = historyWeights(base);
        const plain: Plain[] = [0, 1].map(() => ({ time: 1024n, inFlight: 0n, stale: 0n, lastEnd: 0n }));
        for (const [isEnd, which, first, second] of events) {
          const path = which & 1;
          const starts = which > 1 ? 600 : 1;
          for (let count = 0; count < starts; count++) selector.startIo(path, 0, 0);
          plain[path].inFlight += BigInt(starts);
          if (isEnd) {
            selector.endIo(path, 0, first, second);
            plainEnd(plain[path], weights, 2n, BigInt(first), BigInt(second));
          }
          for (const [index, { time, inFlight, stale }] of plain.entries()) {
            assert.is(selector.status('info', index), `${time} ${inFlight} ${stale} `);
          }
          const expected = plainCompare(plain[0], plain[1], BigInt(multiplier), BigInt(second));
          assert.is(Math.sign(selector.compare(0, 1, second)), expected > 0n ? 1 : expected < 0n ? -1 : 0);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('arithmetic in two halves is that of 64 bits', () => {
  const wide = fc.bigInt({ min: 0n, max: MASK });
  const of = (value: bigint): Wide => new Wide().setHalves(Number(value >> 32n), Number(value & 0xffff_ffffn));
  const factor = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(wide, wide, factor, fc.integer({ min: 1, max: 31 }), (a, b, times, bits) => {
      assert.is(of(a).toString(), a.toString());
      assert.is(of(a).add(of(b)).toString(), ((a + b) & MASK).toString());
      assert.is(of(a).multiply(times).toString(), ((a * BigInt(times)) & MASK).toString());
      assert.is(of(a).shiftRight(bits).toString(), (a >> BigInt(bits)).toString());
      assert.is(of(a).isAbove(of(b)), a > b);
      const number = Number(b & (2n ** 53n - 1n));
      assert.is(of(a).isBelow(number), a < BigInt(number));
      assert.is(new Wide().set(number).toString(), String(number));
      assert.is(of(a).value, Number(a));
    }),
    { numRuns: 2000 },
  );
});

test.run();
