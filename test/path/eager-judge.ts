// Wants every batch to be shared, however small, and counts: for tests of sharing itself.

import type { Judge } from '../../bindings/path/share-judge.ts';

export class EagerJudge implements Judge {
  alone = 0;
  shared = 0;
  /** Shared batches of which a call was not over when both had met. */
  undone = 0;
  /** Parts that the helper has done, in sum. */
  helped = 0;

  isLarge(): boolean {
    return true;
  }

  wantsToShare(): boolean {
    return true;
  }

  noteAlone(): void {
    this.alone++;
  }

  noteShared(_units: number, _fromMs: number, _toMs: number, helped: number, isDone: boolean): void {
    this.shared++;
    this.helped += helped;
    if (!isDone) this.undone++;
  }
}
