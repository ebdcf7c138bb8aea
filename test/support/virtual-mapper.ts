// A mapper on a clock that stands still until a test moves it.

import { DeviceMapper, type MapperOptions } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

/** Turns without an event in which threads and files may end: those know no virtual time. */
const IDLE_TURNS_MAX = 1000;

/** The clock of `time` runs until `promise` has settled, and no further. Throws if nothing is left to happen before. */
export async function runUntilSettled<T>(time: VirtualTime, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  promise.then(end, end);
  for (let idle = 0; ; ) {
    // a turn of the event loop: all promises that can go on have gone on
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (isOver) return promise;
    idle = time.step() ? 0 : idle + 1;
    if (idle > IDLE_TURNS_MAX) throw new Error('virtual time: nothing is left to happen, and what was waited for has not come');
  }
}

export class VirtualMapper implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly mapper: DeviceMapper;

  constructor(options: MapperOptions = {}) {
    this.mapper = new DeviceMapper({ ...options, time: this.time });
  }

  /** The clock runs until `promise` has settled, and no further. */
  run<T>(promise: Promise<T>): Promise<T> {
    return runUntilSettled(this.time, promise);
  }

  /** What happens within `ms`, promises between included. */
  async advance(ms: number): Promise<void> {
    const end = this.time.now() + ms * 1e6;
    let isOver = false;
    this.time.at(end, () => {
      isOver = true;
    });
    await this.time.until(() => isOver);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run(this.mapper.close());
  }
}
