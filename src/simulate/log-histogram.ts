// Times as counts in buckets that are a 128th wide: two histograms add up, whatever run, path or machine they are from.
// Values are whole nanoseconds up to 2^53; below 256 each has its own bucket.

import { powerOfTwo } from '../../bindings/path/model/same-math.ts';

const SUB_BITS = 7;
const SUBS: number = 1 << SUB_BITS;
const FIRST = 2 * SUBS;
const POWERS = 53 - SUB_BITS - 1;
const BUCKETS: number = FIRST + POWERS * SUBS;

/** Pairs of bucket and count in rising order, and what buckets cannot say. */
export interface EncodedTimes {
  readonly schema: 'rqdm-times-1';
  readonly unit: 'ns';
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
}

export class LogHistogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  count = 0;
  sum = 0;
  min: number = Number.POSITIVE_INFINITY;
  max = 0;

  add(ns: number): void {
    const bucket = bucketOf(ns);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.count++;
    this.sum += ns;
    if (ns < this.min) this.min = ns;
    if (ns > this.max) this.max = ns;
  }

  /** 0 without values. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** `percent` of all values are at most so long: the upper end of their bucket, at most 0.8 % too long. 0 without values. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= wanted) return Math.min(this.max, upperEndOf(bucket));
    }
    return this.max;
  }

  merge(other: LogHistogram): this {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      this.#counts[bucket] = (this.#counts[bucket] as number) + (other.#counts[bucket] as number);
    }
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    return this;
  }

  encode(): EncodedTimes {
    const buckets: [number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#counts[bucket] as number;
      if (count > 0) buckets.push([bucket, count]);
    }
    const { count, sum, max } = this;
    return { schema: 'rqdm-times-1', unit: 'ns', count, sum, min: count === 0 ? 0 : this.min, max, buckets };
  }

  static decode(encoded: EncodedTimes): LogHistogram {
    if (encoded.schema !== 'rqdm-times-1') throw new Error('times: expected schema rqdm-times-1');
    const histogram = new LogHistogram();
    for (const [bucket, count] of encoded.buckets) {
      if (!(bucket >= 0 && bucket < BUCKETS && count >= 0)) throw new Error(`times: bucket ${bucket} with ${count} values`);
      histogram.#counts[bucket] = count;
      histogram.count += count;
    }
    histogram.sum = encoded.sum;
    histogram.max = encoded.max;
    if (histogram.count > 0) histogram.min = encoded.min;
    return histogram;
  }
}

function bucketOf(ns: number): number {
  if (ns < FIRST) return ns < 0 ? 0 : Math.floor(ns);
  // the top eight bits say the bucket; whole numbers of 31 bits have them by shifts alone
  let value = ns;
  let lowBits = 0;
  if (ns >= 0x40000000) {
    value = Math.floor(ns / 0x1000000);
    lowBits = 24;
    if (value >= 0x40000000) return BUCKETS - 1; // beyond 104 days
  }
  if (value < FIRST) {
    value = Math.floor(ns / 0x10000);
    lowBits = 16;
  }
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return FIRST + (shift + lowBits - 1) * SUBS + (value >>> shift) - SUBS;
}

/** The largest whole value of a bucket. */
function upperEndOf(bucket: number): number {
  if (bucket < FIRST) return bucket;
  const power = Math.floor((bucket - FIRST) / SUBS) + 1;
  const sub = (bucket - FIRST) % SUBS;
  return (SUBS + sub + 1) * powerOfTwo(power) - 1;
}
