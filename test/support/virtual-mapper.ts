// A mapper on a clock that stands still until a test moves it.

import { DeviceMapper, type MapperOptions } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

export class VirtualMapper implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly mapper: DeviceMapper;

  constructor(options: MapperOptions = {}) {
    this.mapper = new DeviceMapper({ ...options, time: this.time });
  }

  /** The clock runs until `promise` has settled, and no further. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    promise.then(end, end);
    await this.time.until(() => isOver);
    return promise;
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
