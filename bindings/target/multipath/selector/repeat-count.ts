// The first word of a path in most selectors: how many I/Os to send before switching to another path. The kernel takes
// it and honours only 1, because more would defeat the selection.

import type { ArgumentReader } from '../../../table/arguments.ts';
import type { SelectorContext } from './selector.ts';

const REPEAT_COUNT_DEFAULT = 1;

/** Reads `[repeat count]` of selector `name`; 0 and 1 stay, more becomes 1. */
export function readRepeatCount(words: ArgumentReader, name: string, context: SelectorContext): number {
  if (words.left === 0) return REPEAT_COUNT_DEFAULT;
  const count = words.uint(`${name} ps: invalid repeat count`, 0, Infinity);
  if (count <= 1) return count;
  context.log(`multipath ${name}: repeat_count > 1 is deprecated, using 1 instead`);
  return 1;
}

/** Fails if a path has more than `most` words. */
export function limitPathWords(words: ArgumentReader, name: string, most: number): void {
  if (words.left > most) {
    words.fail(`${name} ps: incorrect number of arguments`, {
      index: words.nextIndex + most,
      detail: `expected at most ${most}, got ${words.left}`,
    });
  }
}
