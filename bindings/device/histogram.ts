// Latencies as counts in buckets: cheap to keep, and two of them add up, whatever machine, path or minute they are from.
import { HISTOGRAM_BUCKETS } from '../../assembly/abi.ts';
import { bucketBounds } from '../core/core.ts';
import { RqdmError } from '../errors.ts';

/** A histogram that went through JSON: pairs of bucket and count, in rising order, without empty buckets. */
export interface EncodedHistogram {
  readonly schema: 'rqdm-histogram-1';
  readonly unit: 'ns';
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
}

/**
 * Nanoseconds in quarter powers of two: each value below 4 has a bucket of its own, then come four for each power. A
 * bucket is at most 25 % as wide as its values. What is told of a value is its bucket's upper bound.
 */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(HISTOGRAM_BUCKETS);
  #count = 0;

  /** Of counts by bucket. */
  static of(counts: ArrayLike<number>): Histogram {
    const histogram = new Histogram();
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) histogram.#add(bucket, counts[bucket] ?? 0);
    return histogram;
  }

  /** What `encode` made, on this machine or another. Throws ERR_RQDM_HISTOGRAM. */
  static decode(encoded: EncodedHistogram): Histogram {
    if (encoded?.schema !== 'rqdm-histogram-1' || !Array.isArray(encoded.buckets)) {
      throw new RqdmError('ERR_RQDM_HISTOGRAM', 'histogram: expected schema rqdm-histogram-1 with buckets');
    }
    const histogram = new Histogram();
    for (const pair of encoded.buckets) {
      const [bucket, count] = Array.isArray(pair) ? pair : [Number.NaN, 0];
      if (!Number.isInteger(bucket) || bucket < 0 || bucket >= HISTOGRAM_BUCKETS || !Number.isSafeInteger(count) || count < 0) {
        throw new RqdmError(
          'ERR_RQDM_HISTOGRAM',
          `histogram entry ${JSON.stringify(pair)}: expected a bucket from 0 to ${HISTOGRAM_BUCKETS - 1} and its count`,
        );
      }
      histogram.#add(bucket, count);
    }
    return histogram;
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] as number) + count;
    this.#count += count;
  }

  get count(): number {
    return this.#count;
  }

  /** Upper bound of the highest bucket in use, nanoseconds; 0 without values. */
  get max(): number {
    return this.percentile(100);
  }

  /** Of the middles of the buckets, nanoseconds; 0 without values. */
  get mean(): number {
    if (this.#count === 0) return 0;
    let sum = 0;
    for (const { from, to, count } of this) sum += ((from + to) / 2) * count;
    return sum / this.#count;
  }

  /** `percent` of all values are at most so long, nanoseconds; 0 without values. 0 … 100. */
  percentile(percent: number): number {
    if (!(percent >= 0 && percent <= 100)) {
      throw new RqdmError('ERR_RQDM_HISTOGRAM', `percentile ${percent}: expected 0 to 100`);
    }
    if (this.#count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((this.#count * percent) / 100));
    let seen = 0;
    for (const { to, count } of this) {
      seen += count;
      if (seen >= wanted) return to;
    }
    return 0;
  }

  /** Adds the values of the other one; returns this. */
  merge(other: Histogram): this {
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) this.#add(bucket, other.#counts[bucket] as number);
    return this;
  }

  /** What came since an earlier one of the same source, as a new histogram. */
  since(earlier: Histogram): Histogram {
    return Histogram.of(this.#counts.map((count, bucket) => Math.max(0, count - (earlier.#counts[bucket] as number))));
  }

  /** Buckets in use, in rising order: from `from` up to but not `to`, nanoseconds. */
  *[Symbol.iterator](): IterableIterator<{ from: number; to: number; count: number }> {
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
      const count = this.#counts[bucket] as number;
      if (count === 0) continue;
      const [from, to] = bucketBounds(bucket);
      yield { from, to, count };
    }
  }

  /** Plain data for JSON; `decode` reads it. */
  encode(): EncodedHistogram {
    const buckets: [number, number][] = [];
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
      if (this.#counts[bucket] !== 0) buckets.push([bucket, this.#counts[bucket] as number]);
    }
    return { schema: 'rqdm-histogram-1', unit: 'ns', buckets };
  }

  /** JSON.stringify takes a histogram as it is. */
  toJSON(): EncodedHistogram {
    return this.encode();
  }
}
