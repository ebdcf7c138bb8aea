// What is known of a path from its opening on, and never changes: shared by all loops and wrappers.

import type { Path } from './path.ts';
import type { PathLimits } from './reference.ts';

export type PathFacts = Pick<Path, 'word' | 'sizeBytes' | 'isReadOnly' | 'hasCache' | 'cacheKey' | 'depth' | 'limits'> & {
  readonly queue: 'request' | 'bio';
};

export abstract class KnownPath implements PathFacts {
  readonly word: string;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  readonly hasCache: boolean;
  readonly cacheKey: string;
  readonly depth: number;
  readonly limits: PathLimits;
  readonly queue: 'request' | 'bio';

  constructor(facts: PathFacts) {
    this.word = facts.word;
    this.sizeBytes = facts.sizeBytes;
    this.isReadOnly = facts.isReadOnly;
    this.hasCache = facts.hasCache;
    this.cacheKey = facts.cacheKey;
    this.depth = facts.depth;
    this.limits = facts.limits;
    this.queue = facts.queue;
  }
}

/** Resolves when `isIdle` turns true, or after `graceMs`. */
export class IdleWait {
  #resolve: (() => void) | undefined;

  wait(isIdle: boolean, graceMs: number): Promise<void> {
    if (isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** To be called whenever nothing is in flight. */
  note(): void {
    this.#resolve?.();
    this.#resolve = undefined;
  }
}

export const CLOSE_GRACE_MS = 5000;
