// What is measured of a run: how long callers waited, what each path did, second by second.

import { OPERATION_READ, OPERATION_WRITE } from '../../bindings/index.ts';
import type { PathObserver } from '../../bindings/path/simulated-path.ts';
import { LogHistogram } from './log-histogram.ts';

export const OPERATION_CLASSES = ['read', 'write', 'other'] as const;
export type OperationClass = (typeof OPERATION_CLASSES)[number];

export function classOf(operation: number): number {
  return operation === OPERATION_READ ? 0 : operation === OPERATION_WRITE ? 1 : 2;
}

/** Sizes by powers of two from 512 bytes on. */
export class SizeHistogram {
  readonly counts: Float64Array = new Float64Array(24);
  ios = 0;
  bytes = 0;

  add(bytes: number): void {
    const power = bytes <= 512 ? 0 : Math.min(23, 32 - Math.clz32((bytes - 1) >>> 9));
    this.counts[power] = (this.counts[power] as number) + 1;
    this.ios++;
    this.bytes += bytes;
  }

  /** At most so many bytes, and how many. */
  encode(): [atMostBytes: number, count: number][] {
    const pairs: [number, number][] = [];
    for (const [power, count] of this.counts.entries()) if (count > 0) pairs.push([512 * (1 << power), count]);
    return pairs;
  }
}

const COLUMNS = 6;

/** One path's figures in bins of time: I/Os, bytes read, bytes written, nanoseconds waited, the longest, errors. */
export class Series {
  readonly binNs: number;
  readonly beginNs: number;
  bins = 0;
  #values: Float64Array = new Float64Array(64 * COLUMNS);

  constructor(beginNs: number, binNs: number) {
    this.beginNs = beginNs;
    this.binNs = binNs;
  }

  add(operationClass: number, bytes: number, waitedNs: number, endNs: number, isError: boolean): void {
    const bin = Math.max(0, Math.floor((endNs - this.beginNs) / this.binNs));
    if (bin >= this.bins) this.#grow(bin + 1);
    const values = this.#values;
    const at = bin * COLUMNS;
    values[at] = (values[at] as number) + 1;
    if (operationClass < 2) values[at + 1 + operationClass] = (values[at + 1 + operationClass] as number) + bytes;
    values[at + 3] = (values[at + 3] as number) + waitedNs;
    if (waitedNs > (values[at + 4] as number)) values[at + 4] = waitedNs;
    if (isError) values[at + 5] = (values[at + 5] as number) + 1;
  }

  #grow(bins: number): void {
    this.bins = bins;
    if (bins * COLUMNS <= this.#values.length) return;
    const grown = new Float64Array(Math.max(2 * this.#values.length, bins * COLUMNS));
    grown.set(this.#values);
    this.#values = grown;
  }

  row(
    bin: number,
  ): readonly [ios: number, readBytes: number, writeBytes: number, waitedNs: number, longestNs: number, errors: number] {
    const at = bin * COLUMNS;
    const value = (column: number): number => (bin < this.bins ? (this.#values[at + column] as number) : 0);
    return [value(0), value(1), value(2), value(3), value(4), value(5)];
  }
}

/** A row for each request, when asked for; gets whole lines. */
export type RowSink = (line: string) => void;

export class PathRecorder {
  readonly name: string;
  readonly waited: LogHistogram = new LogHistogram();
  readonly sizes: SizeHistogram = new SizeHistogram();
  readonly series: Series;
  readBytes = 0;
  writeBytes = 0;
  errors = 0;
  readonly observe: PathObserver;

  constructor(name: string, beginNs: number, binNs: number, rows: RowSink | undefined) {
    this.name = name;
    this.series = new Series(beginNs, binNs);
    this.observe = (call) => {
      const { operation, bytes, endNs, status } = call;
      const waitedNs = endNs - call.issuedNs;
      const operationClass = classOf(operation);
      if (status !== 0) this.errors++;
      else {
        this.waited.add(waitedNs);
        if (operationClass === 0) this.readBytes += bytes;
        else if (operationClass === 1) this.writeBytes += bytes;
      }
      if (operationClass < 2) this.sizes.add(bytes);
      this.series.add(operationClass, status === 0 ? bytes : 0, waitedNs, endNs, status !== 0);
      if (rows !== undefined) {
        const { issuedNs, position } = call;
        rows(`${issuedNs - beginNs},${endNs - beginNs},${name},${operation},${position},${bytes},${status}`);
      }
    };
  }
}

export class CallerRecorder {
  /** By class, of those that went well. */
  readonly waited: readonly LogHistogram[] = OPERATION_CLASSES.map(() => new LogHistogram());
  readonly sizes: SizeHistogram = new SizeHistogram();
  readonly bytes: number[] = OPERATION_CLASSES.map(() => 0);
  readonly errors: Map<number, number> = new Map();
  ios = 0;
  longestStallNs = 0;
  longestStallAtNs = 0;
  lastEndNs = 0;

  ended(operationClass: number, bytes: number, waitedNs: number, status: number): void {
    this.ios++;
    if (operationClass < 2) this.sizes.add(bytes);
    if (status !== 0) {
      this.errors.set(status, (this.errors.get(status) ?? 0) + 1);
      return;
    }
    (this.waited[operationClass] as LogHistogram).add(waitedNs);
    this.bytes[operationClass] = (this.bytes[operationClass] as number) + bytes;
  }
}
