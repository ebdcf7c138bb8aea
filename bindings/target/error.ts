// Target `error`: all I/O fails.
//
//   error [anything…]
//
// It may take the place of any other target (`isWildcard`), bio-based or request-based; so it is what empties a
// multipath device that nothing else may replace. Flushes are not sent to it, hence they succeed; discards are not
// supported. Its words are ignored and not printed back.

import type { Target, TargetContext, TargetExtent, TargetType } from './target.ts';

class ErrorTarget implements Target {
  readonly extents: readonly TargetExtent[];
  readonly flushes: number = 0;
  readonly discards: boolean = false;
  readonly writeZeroes: boolean = false;

  constructor(length: number) {
    this.extents = [{ start: 0, length, kind: 'error' }];
  }

  status(): string {
    return '';
  }
}

export const errorTarget: TargetType = {
  name: 'error',
  version: [1, 5, 0],
  mapping: 'hybrid',
  isWildcard: true,
  construct(_words: readonly string[], context: TargetContext): Target {
    return new ErrorTarget(context.lengthSectors);
  },
};
