// Selector `historical-service-time`: the path whose I/Os have lately taken the least time, queueing counted.
//
//   historical-service-time [0 | 1 <base weight> | 2 <base weight> <threshold multiplier>] <paths> 1 { <device> <repeat count> }…
//
// Base weight 0 … 1023 (default 972), in 1024ths: how much of the past is kept at each I/O. The longer an I/O took, the
// more it counts: in steps of 2^24 ns (16.8 ms) the weight of the past is the base's next power. Threshold multiplier
// (default 0): paths whose times differ by less than this factor count as equal, and the fewer I/Os in flight decide;
// 0 and 1 make every difference count.
//
//   time    what I/Os took, smoothed, in 1024ths of a nanosecond (starts at 1 ns). Overlapping I/Os are counted one after
//           the other: one that was issued before the last one ended begins at that end.
//   stale   from then on an idle path is worth a try again: last end + usable paths * time
//
// TABLE shows the repeat count of a path as 0 whatever it was, as the kernel does. It loads again. Where the kernel reads
// two clocks there is one here: that of the I/O.

import type { ArgumentReader } from '../../../table/arguments.ts';
import { PathList } from './path-list.ts';
import { limitPathWords } from './repeat-count.ts';
import type { PathSelector, SelectorType } from './selector.ts';
import { NO_PATH } from './selector.ts';
import { Wide } from './wide.ts';

const NAME = 'historical-service-time';
const FRACTION_BITS = 10;
const ONE: number = 1 << FRACTION_BITS;
const BASE_WEIGHT_DEFAULT = 972;
const BUCKET_NS: number = 2 ** 24;
const BUCKETS = 64;
/** Longer I/Os, over 4.8 hours, all count as this. */
const TIME_NS_MAX: number = 2 ** 44;
/** From so many in flight on, times are compared in whole nanoseconds, so that the product doesn't wrap. */
const MANY = 1024;

/** `base` to the power of `exponent`, both in 1024ths, rounded at each step: square and multiply, from the lowest bit up. */
function power(base: number, exponent: number): number {
  const times = (a: number, b: number): number => (a * b + ONE / 2) >> FRACTION_BITS;
  let result = ONE;
  let factor = base;
  for (let rest = exponent; rest > 0; rest >>= 1) {
    if ((rest & 1) === 1) result = times(result, factor);
    factor = times(factor, factor);
  }
  return result;
}

/** How much of the past is kept, for each step of an I/O's time; nothing from the last step on. */
export function historyWeights(base: number): number[] {
  return Array.from({ length: BUCKETS }, (_, bucket) => (bucket === BUCKETS - 1 ? 0 : power(base, bucket + 1)));
}

/** What is known of one path. */
export class ServiceHistory {
  readonly time: Wide = new Wide().set(ONE);
  readonly staleAfter: Wide = new Wide();
  inFlight: number = 0;
  /** When the last I/O ended, nanoseconds; 0: none has. */
  lastEndNs: number = 0;
}

export class HistoricalServiceTime implements PathSelector {
  readonly figures: readonly string[] = ['timeNs', 'inFlight', 'staleAfterNs'];
  readonly histories: ServiceHistory[] = [];
  private readonly usable: PathList = new PathList();
  private readonly weights: readonly number[];
  private readonly multiplier: number;
  private validCount = 0;
  private readonly first: Wide = new Wide();
  private readonly second: Wide = new Wide();

  constructor(baseWeight: number = BASE_WEIGHT_DEFAULT, multiplier: number = 0) {
    this.weights = historyWeights(baseWeight);
    this.multiplier = multiplier;
  }

  addPath(words: ArgumentReader): void {
    limitPathWords(words, NAME, 1);
    // Read, checked, and used by nobody.
    if (words.left > 0) words.uint(`${NAME} ps: invalid repeat count`, 0, Infinity);
    this.histories.push(new ServiceHistory());
    this.usable.add();
    this.validCount += 1;
  }

  select(_bytes: number, nowNs: number): number {
    const { next } = this.usable;
    let best = this.usable.first;
    if (best === NO_PATH) return NO_PATH;
    for (let path = next[best]; path !== NO_PATH; path = next[path]) {
      if (this.compare(path, best, nowNs) < 0) best = path;
    }
    this.usable.moveToTail(best);
    return best;
  }

  /**
   * Below 0: path a is the better one; above 0: path b; 0: equal.
   *
   *   1. times too close to each other for the threshold: the fewer in flight
   *   2. an idle path that is due for a try, or both idle: an idle one before a busy one, else the one that is due first
   *   3. the smaller time * (in flight + 1). A winner that is due for a try only while it has no more in flight.
   */
  compare(a: number, b: number, nowNs: number): number {
    const one = this.histories[a];
    const two = this.histories[b];
    const { first, second } = this;
    const isOneSlower = one.time.isAbove(two.time);
    const slower = isOneSlower ? one : two;
    first.copy((isOneSlower ? two : one).time).multiply(this.multiplier);
    if (!slower.time.isAbove(first)) return one.inFlight - two.inFlight;

    const isOneIdle = one.inFlight === 0;
    const isTwoIdle = two.inFlight === 0;
    const isOneStale = one.staleAfter.isBelow(nowNs);
    const isTwoStale = two.staleAfter.isBelow(nowNs);
    if ((isOneIdle && isOneStale) || (isTwoIdle && isTwoStale) || (isOneIdle && isTwoIdle)) {
      if (isTwoIdle) first.copy(one.staleAfter);
      else first.set(0);
      if (isOneIdle) second.copy(two.staleAfter);
      else second.set(0);
      if (first.isAbove(second)) return 1;
      return second.isAbove(first) ? -1 : 0;
    }

    const isTwoBetter = one.inFlight === two.inFlight ? isOneSlower : this.isLonger(one, two);
    if (isTwoBetter) return isTwoStale ? one.inFlight - two.inFlight : 1;
    return isOneStale ? one.inFlight - two.inFlight : -1;
  }

  /** Is time * (in flight + 1) of `one` the greater? */
  private isLonger(one: ServiceHistory, two: ServiceHistory): boolean {
    const { first, second } = this;
    first.copy(one.time);
    second.copy(two.time);
    if (one.inFlight >= MANY || two.inFlight >= MANY) {
      first.shiftRight(FRACTION_BITS);
      second.shiftRight(FRACTION_BITS);
    }
    return first.multiply(1 + one.inFlight).isAbove(second.multiply(1 + two.inFlight));
  }

  failPath(path: number): void {
    this.usable.remove(path);
    this.validCount -= 1;
  }

  reinstatePath(path: number): void {
    this.usable.append(path);
    this.validCount += 1;
  }

  startIo(path: number, _bytes: number, _nowNs: number): void {
    this.histories[path].inFlight += 1;
  }

  endIo(path: number, _bytes: number, issuedAtNs: number, nowNs: number): void {
    const history = this.histories[path];
    const startNs = Math.max(history.lastEndNs, issuedAtNs);
    history.lastEndNs = nowNs;
    history.inFlight -= 1;
    const timeNs = nowNs < startNs ? 0 : nowNs - startNs;
    const bucket = Math.min(Math.floor(timeNs / BUCKET_NS), BUCKETS - 1);
    const weight = this.weights[bucket];
    const { first } = this;
    if (timeNs < TIME_NS_MAX) first.set(timeNs * ONE);
    else first.setHalves(0x3f_ffff, 0xffff_ffff);
    first.multiply(ONE - weight);
    history.time
      .multiply(weight)
      .add(first)
      .add(this.second.set(ONE / 2))
      .shiftRight(FRACTION_BITS);
    first.copy(history.time).shiftRight(FRACTION_BITS).multiply(this.validCount);
    history.staleAfter.set(nowNs).add(first);
  }

  releaseIo(path: number, _bytes: number): void {
    this.histories[path].inFlight -= 1;
  }

  figure(path: number, which: number): number {
    const history = this.histories[path];
    if (which === 0) return history.time.value / ONE;
    return which === 1 ? history.inFlight : history.staleAfter.value;
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return `2 ${this.weights[0]} ${this.multiplier} `;
    if (kind === 'table') return '0 ';
    const { time, inFlight, staleAfter } = this.histories[path];
    return `${time} ${inFlight} ${staleAfter} `;
  }
}

export const historicalServiceTimeSelector: SelectorType = {
  name: NAME,
  version: [0, 1, 1],
  tableWords: 1,
  infoWords: 3,
  create(words: ArgumentReader): PathSelector {
    const text = `${NAME} ps: incorrect number of arguments`;
    if (words.left > 2) {
      words.fail(text, {
        index: words.nextIndex + 2,
        detail: `expected at most a base weight and a multiplier, got ${words.left} words`,
      });
    }
    const baseWeight = words.left === 0 ? BASE_WEIGHT_DEFAULT : words.uint(`${NAME} ps: invalid base weight`, 0, ONE - 1);
    const multiplier = words.left === 0 ? 0 : words.uint(`${NAME} ps: invalid threshold multiplier`);
    return new HistoricalServiceTime(baseWeight, multiplier);
  },
};
