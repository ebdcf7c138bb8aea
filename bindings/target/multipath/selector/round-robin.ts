// Selector `round-robin`: the paths in turn.
//
//   round-robin 0 <paths> 1 { <device> <repeat count> }…
//
// A path that comes back goes to the HEAD of the rotation and is used next; the other selectors put it at the tail.

import type { ArgumentReader } from '../../../table/arguments.ts';
import { PathList } from './path-list.ts';
import { limitPathWords, readRepeatCount } from './repeat-count.ts';
import type { PathSelector, SelectorContext, SelectorType } from './selector.ts';
import { NO_PATH } from './selector.ts';

const NAME = 'round-robin';

class RoundRobin implements PathSelector {
  private readonly context: SelectorContext;
  private readonly usable: PathList = new PathList();
  private readonly repeatCounts: number[] = [];

  constructor(context: SelectorContext) {
    this.context = context;
  }

  addPath(words: ArgumentReader): void {
    limitPathWords(words, NAME, 1);
    this.repeatCounts.push(readRepeatCount(words, NAME, this.context));
    this.usable.add();
  }

  select(_bytes: number, _nowNs: number): number {
    const path = this.usable.first;
    if (path !== NO_PATH) this.usable.moveToTail(path);
    return path;
  }

  failPath(path: number): void {
    this.usable.remove(path);
  }

  reinstatePath(path: number): void {
    this.usable.prepend(path);
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return '0 ';
    return kind === 'info' ? '' : `${this.repeatCounts[path]} `;
  }
}

export const roundRobinSelector: SelectorType = {
  name: NAME,
  version: [1, 2, 0],
  tableWords: 1,
  infoWords: 0,
  create: (_words: ArgumentReader, context: SelectorContext): PathSelector => new RoundRobin(context),
};
