// A target's context on a clock that the test moves.

import type { DeviceReference } from '../../bindings/target/target.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { FakeContext } from './target-context.ts';

export class TimedContext extends FakeContext {
  readonly time: VirtualTime;

  constructor(devices: readonly DeviceReference[] = [], time: VirtualTime = new VirtualTime()) {
    super(devices);
    this.time = time;
  }

  override setTimer(delayMs: number = 0, run: () => void = () => {}): () => void {
    return this.time.at(this.time.now() + delayMs * 1e6, run);
  }

  /** So many milliseconds go by. */
  pass(ms: number): void {
    this.time.advanceTo(this.time.now() + ms * 1e6);
  }
}
