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

/** Below this (4.3 s in 1024ths of a nanosecond) a time stays exact as a number, weighted or taken a thousand times. */
const SMALL: number = 2 ** 42;
const WIDE = -1;
const MULTIPLIER_SMALL = 1024;

/**
 * What is known of one path. `time` and `staleAfter` are numbers as long as they are small enough to be exact in all that is
 * done with them, which they are but for I/Os of four seconds and more; else they are WIDE and stand in the 64 bits beside them.
 */
export class ServiceHistory {
  time: number = ONE;
  staleAfter: number = 0;
  readonly wideTime: Wide = new Wide();
  readonly wideStaleAfter: Wide = new Wide();
  inFlight: number = 0;
  /** When the last I/O ended, nanoseconds; 0: none has. */
  lastEndNs: number = 0;

  /** Puts the time into `wide`. */
  loadTime(wide: Wide): Wide {
    return this.time === WIDE ? wide.copy(this.wideTime) : wide.set(this.time);
  }

  loadStaleAfter(wide: Wide): Wide {
    return this.staleAfter === WIDE ? wide.copy(this.wideStaleAfter) : wide.set(this.staleAfter);
  }

  storeTime(wide: Wide): void {
    this.wideTime.copy(wide);
    this.time = wide.isBelow(SMALL) ? wide.value : WIDE;
  }

  storeStaleAfter(wide: Wide): void {
    this.wideStaleAfter.copy(wide);
    this.staleAfter = wide.isBelow(Number.MAX_SAFE_INTEGER) ? wide.value : WIDE;
  }

  isStale(nowNs: number): boolean {
    return this.staleAfter === WIDE ? this.wideStaleAfter.isBelow(nowNs) : this.staleAfter < nowNs;
  }
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
    const isOneSlower = this.isSlower(one, two);
    if (!(isOneSlower ? this.isOverThreshold(one, two) : this.isOverThreshold(two, one))) return one.inFlight - two.inFlight;

    const isOneIdle = one.inFlight === 0;
    const isTwoIdle = two.inFlight === 0;
    const isOneStale = one.isStale(nowNs);
    const isTwoStale = two.isStale(nowNs);
    if ((isOneIdle && isOneStale) || (isTwoIdle && isTwoStale) || (isOneIdle && isTwoIdle)) {
      return this.compareStale(one, two);
    }
    const isTwoBetter = one.inFlight === two.inFlight ? isOneSlower : this.isLonger(one, two);
    if (isTwoBetter) return isTwoStale ? one.inFlight - two.inFlight : 1;
    return isOneStale ? one.inFlight - two.inFlight : -1;
  }

  private isSlower(one: ServiceHistory, two: ServiceHistory): boolean {
    if (one.time !== WIDE && two.time !== WIDE) return one.time > two.time;
    return one.loadTime(this.first).isAbove(two.loadTime(this.second));
  }

  /** Is the slower time more than the multiplier times the other? */
  private isOverThreshold(slower: ServiceHistory, other: ServiceHistory): boolean {
    const { multiplier } = this;
    if (slower.time !== WIDE && other.time !== WIDE && multiplier <= MULTIPLIER_SMALL) {
      return slower.time > multiplier * other.time;
    }
    return slower.loadTime(this.first).isAbove(other.loadTime(this.second).multiply(multiplier));
  }

  /** Which has waited longer for a try; a busy one counts as tried just now, seen from the other's side. */
  private compareStale(one: ServiceHistory, two: ServiceHistory): number {
    if (one.staleAfter !== WIDE && two.staleAfter !== WIDE) {
      return (two.inFlight === 0 ? one.staleAfter : 0) - (one.inFlight === 0 ? two.staleAfter : 0);
    }
    const { first, second } = this;
    if (two.inFlight === 0) one.loadStaleAfter(first);
    else first.set(0);
    if (one.inFlight === 0) two.loadStaleAfter(second);
    else second.set(0);
    if (first.isAbove(second)) return 1;
    return second.isAbove(first) ? -1 : 0;
  }

  /** Is time * (in flight + 1) of `one` the greater? */
  private isLonger(one: ServiceHistory, two: ServiceHistory): boolean {
    const hasMany = one.inFlight >= MANY || two.inFlight >= MANY;
    if (one.time !== WIDE && two.time !== WIDE && !hasMany) {
      return (1 + one.inFlight) * one.time > (1 + two.inFlight) * two.time;
    }
    const first = one.loadTime(this.first);
    const second = two.loadTime(this.second);
    if (hasMany) {
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
    const scaled = timeNs * ONE;
    if (history.time === WIDE || scaled >= SMALL) {
      this.smoothWide(history, timeNs, weight);
      return;
    }
    history.time = Math.floor((history.time * weight + scaled * (ONE - weight) + ONE / 2) / ONE);
    const staleAfter = nowNs + this.validCount * Math.floor(history.time / ONE);
    if (staleAfter < Number.MAX_SAFE_INTEGER) history.staleAfter = staleAfter;
    else this.makeStaleWide(history);
  }

  private smoothWide(history: ServiceHistory, timeNs: number, weight: number): void {
    const { first, second } = this;
    if (timeNs < TIME_NS_MAX) first.set(timeNs * ONE);
    else first.setHalves(0x3f_ffff, 0xffff_ffff);
    first.multiply(ONE - weight);
    history.loadTime(second).multiply(weight).add(first);
    second.add(first.set(ONE / 2)).shiftRight(FRACTION_BITS);
    history.storeTime(second);
    this.makeStaleWide(history);
  }

  private makeStaleWide(history: ServiceHistory): void {
    const sum = history.loadTime(this.first).shiftRight(FRACTION_BITS).multiply(this.validCount);
    history.storeStaleAfter(sum.add(this.second.set(history.lastEndNs)));
  }

  releaseIo(path: number, _bytes: number): void {
    this.histories[path].inFlight -= 1;
  }

  figure(path: number, which: number): number {
    const history = this.histories[path];
    if (which === 0) return history.loadTime(this.first).value / ONE;
    return which === 1 ? history.inFlight : history.loadStaleAfter(this.first).value;
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return `2 ${this.weights[0]} ${this.multiplier} `;
    if (kind === 'table') return '0 ';
    const history = this.histories[path];
    return `${history.loadTime(this.first)} ${history.inFlight} ${history.loadStaleAfter(this.second)} `;
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
