// Selector `service-time`: the path that would be done soonest with what it has in flight and this I/O on top, by
// bytes and by the paths' relative throughputs.
//
//   service-time 0 <paths> 2 { <device> <repeat count> <relative throughput 0 … 100> }…
//
// A path of throughput 0 is used only when no other is left.

import type { ArgumentReader } from '../../../table/arguments.ts';
import { PathList } from './path-list.ts';
import { limitPathWords, readRepeatCount } from './repeat-count.ts';
import type { PathSelector, SelectorContext, SelectorType } from './selector.ts';
import { NO_PATH } from './selector.ts';

const NAME = 'service-time';
const THROUGHPUT_DEFAULT = 1;
const THROUGHPUT_MAX = 100;

/**
 * Below 0: path a is the better one for `bytes` more bytes; above 0: path b; 0: equal.
 *
 *   1. same throughput: the fewer bytes in flight
 *   2. same bytes in flight, or one throughput is 0: the higher throughput
 *   3. the smaller (bytes in flight + bytes) / throughput, compared without dividing
 *   4. the higher throughput
 *
 * Exact while bytes in flight stay below 2^46; the kernel, with 64-bit integers, scales down from 2^57 on.
 */
export function compareServiceTime(
  aBytes: number,
  aThroughput: number,
  bBytes: number,
  bThroughput: number,
  bytes: number,
): number {
  if (aThroughput === bThroughput) return aBytes - bBytes;
  if (aBytes === bBytes || aThroughput === 0 || bThroughput === 0) return bThroughput - aThroughput;
  const difference = (aBytes + bytes) * bThroughput - (bBytes + bytes) * aThroughput;
  return difference !== 0 ? difference : bThroughput - aThroughput;
}

class ServiceTime implements PathSelector {
  readonly figures: readonly string[] = ['inFlightBytes', 'throughput'];
  private readonly context: SelectorContext;
  private readonly usable: PathList = new PathList();
  private readonly repeatCounts: number[] = [];
  private readonly throughputs: number[] = [];
  /** Bytes in flight, for each path. */
  private readonly inFlight: number[] = [];

  constructor(context: SelectorContext) {
    this.context = context;
  }

  addPath(words: ArgumentReader): void {
    limitPathWords(words, NAME, 2);
    const repeatCount = readRepeatCount(words, NAME, this.context);
    const throughput =
      words.left === 0 ? THROUGHPUT_DEFAULT : words.uint(`${NAME} ps: invalid relative_throughput value`, 0, THROUGHPUT_MAX);
    this.repeatCounts.push(repeatCount);
    this.throughputs.push(throughput);
    this.inFlight.push(0);
    this.usable.add();
  }

  select(bytes: number, _nowNs: number): number {
    const { next } = this.usable;
    const { inFlight, throughputs } = this;
    let best = this.usable.first;
    if (best === NO_PATH) return NO_PATH;
    for (let path = next[best]; path !== NO_PATH; path = next[path]) {
      const order = compareServiceTime(inFlight[path], throughputs[path], inFlight[best], throughputs[best], bytes);
      if (order < 0) best = path;
    }
    this.usable.moveToTail(best);
    return best;
  }

  failPath(path: number): void {
    this.usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.usable.append(path);
  }

  startIo(path: number, bytes: number, _nowNs: number): void {
    this.inFlight[path] += bytes;
  }

  endIo(path: number, bytes: number, _issuedAtNs: number, _nowNs: number): void {
    this.inFlight[path] -= bytes;
  }

  releaseIo(path: number, bytes: number): void {
    this.inFlight[path] -= bytes;
  }

  figure(path: number, which: number): number {
    return which === 0 ? this.inFlight[path] : this.throughputs[path];
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return '0 ';
    const first = kind === 'info' ? this.inFlight[path] : this.repeatCounts[path];
    return `${first} ${this.throughputs[path]} `;
  }
}

export const serviceTimeSelector: SelectorType = {
  name: NAME,
  version: [0, 3, 0],
  tableWords: 2,
  infoWords: 2,
  create: (_words: ArgumentReader, context: SelectorContext): PathSelector => new ServiceTime(context),
};
