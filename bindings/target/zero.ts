// Target `zero`: reads are zeros, writes vanish. It takes no words and has no device.
//
// The core does all of it. Flushes are not sent to it, hence they succeed; discards are not supported.

import { ArgumentReader } from '../table/arguments.ts';
import type { Target, TargetContext, TargetExtent, TargetType } from './target.ts';

class Zero implements Target {
  readonly extents: readonly TargetExtent[];
  readonly flushes: number = 0;
  readonly discards: boolean = false;
  readonly writeZeroes: boolean = false;

  constructor(length: number) {
    this.extents = [{ start: 0, length, kind: 'zero' }];
  }

  status(): string {
    return '';
  }
}

export const zeroTarget: TargetType = {
  name: 'zero',
  version: [1, 1, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    if (words.length > 0) {
      new ArgumentReader(words, context.line).fail('No arguments required', {
        index: 0,
        detail: `got ${words.length} words`,
      });
    }
    return new Zero(context.lengthSectors);
  },
};
