// An array: controllers in front of one store. A call costs the controller that takes it time; one that comes to a
// controller that is not optimised for the volume hops over to the one that is, and costs there too.

import { byteNsOf, NS_PER_US, type StorageModel } from './model.ts';

export interface ArrayDescription {
  readonly controllers: number;
  /** Of a controller for each call. */
  readonly cpuUs: number;
  readonly hopUs: number;
  /** Of the way between the controllers, for all together. */
  readonly hopMBps: number;
}

export class ControllerArray {
  /** The controller that owns the volume. */
  owner = 0;
  /** Who says that instead, where access is asymmetric. */
  ownerOf: (() => number) | undefined;
  readonly #array: ArrayDescription;
  readonly #store: StorageModel;
  readonly #cpuFreeNs: Float64Array;
  #hopFreeNs = 0;
  /** Calls that hopped. */
  hops = 0;

  constructor(array: ArrayDescription, store: StorageModel) {
    this.#array = array;
    this.#store = store;
    this.#cpuFreeNs = new Float64Array(array.controllers);
  }

  /** By the port of `controller`. */
  book(nowNs: number, operation: number, bytes: number, position: number, controller: number): number {
    if (this.ownerOf !== undefined) this.owner = this.ownerOf();
    let atNs = this.#work(controller, nowNs);
    if (controller === this.owner) return this.#store.book(atNs, operation, bytes, position);
    this.hops++;
    const { hopUs, hopMBps } = this.#array;
    this.#hopFreeNs = Math.max(this.#hopFreeNs, atNs) + bytes * byteNsOf(hopMBps);
    atNs = this.#work(this.owner, this.#hopFreeNs + hopUs * NS_PER_US);
    return this.#store.book(atNs, operation, bytes, position);
  }

  #work(controller: number, nowNs: number): number {
    const endNs = Math.max(nowNs, this.#cpuFreeNs[controller] as number) + this.#array.cpuUs * NS_PER_US;
    this.#cpuFreeNs[controller] = endNs;
    return endNs;
  }
}
