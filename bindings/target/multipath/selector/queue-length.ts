// Selector `queue-length`: the path with the fewest I/Os in flight.
//
//   queue-length 0 <paths> 1 { <device> <repeat count> }…
//
// Among equals the one that was chosen longest ago wins, because the chosen one goes to the tail and the list is read
// from its head.

import type { ArgumentReader } from '../../../table/arguments.ts';
import { PathList } from './path-list.ts';
import { limitPathWords, readRepeatCount } from './repeat-count.ts';
import type { PathSelector, SelectorContext, SelectorType } from './selector.ts';
import { NO_PATH } from './selector.ts';

const NAME = 'queue-length';

class QueueLength implements PathSelector {
  readonly figures: readonly string[] = ['inFlight'];
  private readonly context: SelectorContext;
  private readonly usable: PathList = new PathList();
  private readonly repeatCounts: number[] = [];
  /** I/Os in flight, for each path. */
  private readonly inFlight: number[] = [];

  constructor(context: SelectorContext) {
    this.context = context;
  }

  addPath(words: ArgumentReader): void {
    limitPathWords(words, NAME, 1);
    this.repeatCounts.push(readRepeatCount(words, NAME, this.context));
    this.inFlight.push(0);
    this.usable.add();
  }

  select(_bytes: number, _nowNs: number): number {
    const { next } = this.usable;
    const inFlight = this.inFlight;
    let best = this.usable.first;
    if (best === NO_PATH) return NO_PATH;
    let fewest = inFlight[best];
    for (let path = next[best]; path !== NO_PATH && fewest > 0; path = next[path]) {
      const count = inFlight[path];
      if (count < fewest) {
        best = path;
        fewest = count;
      }
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

  startIo(path: number, _bytes: number, _nowNs: number): void {
    this.inFlight[path]++;
  }

  endIo(path: number, _bytes: number, _issuedAtNs: number, _nowNs: number): void {
    this.inFlight[path]--;
  }

  releaseIo(path: number, _bytes: number): void {
    this.inFlight[path]--;
  }

  figure(path: number, _which: number): number {
    return this.inFlight[path];
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return '0 ';
    return kind === 'info' ? `${this.inFlight[path]} ` : `${this.repeatCounts[path]} `;
  }
}

export const queueLengthSelector: SelectorType = {
  name: NAME,
  version: [0, 2, 0],
  tableWords: 1,
  infoWords: 1,
  create: (_words: ArgumentReader, context: SelectorContext): PathSelector => new QueueLength(context),
};
