// A target's context whose clock the test moves.

import { FakeContext } from './target-context.ts';

export class TimedContext extends FakeContext {
  /** So many milliseconds go by. */
  pass(ms: number): void {
    this.time.advanceTo(this.time.now() + ms * 1e6);
  }
}
