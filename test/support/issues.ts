// What paths on this thread are given: noted as it comes, done as ever. And operations that a device is made to take.

import { SETTING_MAX_DISCARD_SECTORS, SETTING_MAX_WRITE_ZEROES_SECTORS } from '../../assembly/abi.ts';
import type { DeviceMapper, MappedDevice } from '../../bindings/index.ts';
import { InlinePath } from '../../bindings/path/inline-path.ts';
import { coreOf } from './mapper-parts.ts';

export interface Issue {
  readonly operation: number;
  readonly flags: number;
  readonly position: number;
  readonly bytes: number;
}

/** Notes every I/O that reaches an inline path, from now until it is disposed of. */
export class Issues implements Disposable {
  readonly all: Issue[] = [];
  readonly #original = InlinePath.prototype.issue;

  constructor() {
    const { all } = this;
    const original = this.#original;
    InlinePath.prototype.issue = function (this: InlinePath, ...given: Parameters<InlinePath['issue']>): void {
      const [, word, position, bytes] = given;
      all.push({ operation: word & 0xff, flags: word >>> 8, position, bytes });
      original.apply(this, given);
    };
  }

  [Symbol.dispose](): void {
    InlinePath.prototype.issue = this.#original;
  }
}

/** Makes the core let discards and zeroes of so many sectors through to a device, whatever its limits were; 0: none. */
export function allowErasing(mapper: DeviceMapper, id: number, sectors: number): void {
  const { configureDevice } = coreOf(mapper).exports;
  configureDevice(id, SETTING_MAX_DISCARD_SECTORS, sectors);
  configureDevice(id, SETTING_MAX_WRITE_ZEROES_SECTORS, sectors);
}

/** As `allowErasing`, of a mapped device and all devices below it. */
export function allowErasingBelow(mapper: DeviceMapper, device: MappedDevice, sectors: number): void {
  for (const { id } of [device, ...(device.liveTable?.devices ?? [])]) allowErasing(mapper, id, sectors);
}
