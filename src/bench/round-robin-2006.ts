// Selector `round-robin-2006`: the paths in turn, but each for as many I/Os as its repeat count says, as Linux did when
// request-based multipath was proposed. Today's `round-robin` takes any count and honours 1.
//
//   round-robin-2006 0 <paths> 1 { <device> <repeat count> }…
//
// It is also the example of a selector that a program brings along: `mapper.registerSelector(roundRobin2006)`.

import { NO_PATH, type PathSelector, type SelectorType } from '../../bindings/index.ts';
import type { ArgumentReader } from '../../bindings/table/arguments.ts';

const REPEAT_COUNT_DEFAULT = 1000;

class RoundRobin2006 implements PathSelector {
  readonly #repeatCounts: number[] = [];
  readonly #isUsable: boolean[] = [];
  #current: number = NO_PATH;
  /** I/Os that the current path still gets. */
  #left = 0;

  addPath(words: ArgumentReader): void {
    const count = words.left === 0 ? 0 : words.uint('round-robin-2006 ps: invalid repeat count', 0, Number.MAX_SAFE_INTEGER);
    this.#repeatCounts.push(count === 0 ? REPEAT_COUNT_DEFAULT : count);
    this.#isUsable.push(true);
  }

  select(_bytes: number, _nowNs: number): number {
    if (this.#left > 0) {
      this.#left--;
      return this.#current;
    }
    const paths = this.#isUsable.length;
    for (let step = 1; step <= paths; step++) {
      const path = (this.#current + step + paths) % paths;
      if (!this.#isUsable[path]) continue;
      this.#current = path;
      this.#left = (this.#repeatCounts[path] as number) - 1;
      return path;
    }
    return NO_PATH;
  }

  failPath(path: number): void {
    this.#isUsable[path] = false;
    if (path === this.#current) this.#left = 0;
  }

  reinstatePath(path: number): void {
    this.#isUsable[path] = true;
  }

  status(kind: 'info' | 'table', path: number | undefined): string {
    if (path === undefined) return '0 ';
    return kind === 'info' ? '' : `${this.#repeatCounts[path]} `;
  }
}

export const roundRobin2006: SelectorType = {
  name: 'round-robin-2006',
  version: [1, 0, 0],
  tableWords: 1,
  infoWords: 0,
  create: (): PathSelector => new RoundRobin2006(),
};
