// Storage of so much for each call: for comparisons that shall not depend on a device, and for closed forms.
import type { StorageModel } from './model.ts';
import { byteNsOf, NS_PER_US } from './model.ts';

export interface FixedDescription {
  readonly kind: 'fixed';
  readonly latencyUs: number;
  /** 0: a byte takes no time. */
  readonly MBps: number;
  /** Calls at a time. */
  readonly servers: number;
}

export class FixedModel implements StorageModel {
  readonly #latencyNs: number;
  readonly #byteNs: number;
  readonly #freeNs: Float64Array;

  constructor({ latencyUs, MBps, servers }: FixedDescription) {
    this.#latencyNs = latencyUs * NS_PER_US;
    this.#byteNs = MBps === 0 ? 0 : byteNsOf(MBps);
    this.#freeNs = new Float64Array(servers);
  }

  book(nowNs: number, _operation: number, bytes: number, _position: number): number {
    const free = this.#freeNs;
    let server = 0;
    for (let i = 1; i < free.length; i++) if ((free[i] as number) < (free[server] as number)) server = i;
    const endNs = Math.max(nowNs, free[server] as number) + this.#latencyNs + bytes * this.#byteNs;
    free[server] = endNs;
    return endNs;
  }
}
