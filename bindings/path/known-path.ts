// What is known of a path from its opening on, shared by all loops and wrappers. Only its limits may change later.

import { changedLimits } from './limits.ts';
import type { Path } from './path.ts';
import type { PathLimits } from './reference.ts';

export type PathFacts = Pick<
  Path,
  'word' | 'sizeBytes' | 'isReadOnly' | 'hasCache' | 'hasFua' | 'cacheKey' | 'depth' | 'limits'
> & {
  readonly queue: 'request' | 'bio';
};

export abstract class KnownPath implements PathFacts {
  readonly word: string;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  readonly hasCache: boolean;
  readonly cacheKey: string;
  readonly depth: number;
  readonly queue: 'request' | 'bio';
  readonly hasFua: boolean;
  /** Told after limits have changed. One listener: the device that owns the path. */
  onLimits: (() => void) | undefined;
  #limits: PathLimits;

  constructor(facts: PathFacts) {
    this.word = facts.word;
    this.sizeBytes = facts.sizeBytes;
    this.isReadOnly = facts.isReadOnly;
    this.hasCache = facts.hasCache;
    this.cacheKey = facts.cacheKey;
    this.depth = facts.depth;
    this.hasFua = facts.hasFua === true;
    this.#limits = facts.limits;
    this.queue = facts.queue;
  }

  get limits(): PathLimits {
    return this.#limits;
  }

  /** I/O that was issued before is judged by the limits of then. Throws `ERR_RQDM_ARGUMENT` and changes nothing. */
  setLimits(changes: Partial<PathLimits>): void {
    this.takeLimits(changedLimits(this.#limits, changes));
  }

  protected takeLimits(limits: PathLimits): void {
    this.#limits = limits;
    this.onLimits?.();
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
