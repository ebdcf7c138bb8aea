// Payload that targets spoil on purpose. Targets never touch payload: they name an I/O, a byte and a value, and it is
// changed here, in the arena.
//
// The memory of a write may be a lease that the caller sends again, even twice at the same time. So the byte that was
// there is kept by its address, and comes back when the last write that spoiled it has ended.
//
// Nothing of this stands on the way of other I/O: who does not corrupt does not pay.
import type { Pump } from './pump.ts';

/** A byte of a caller, and how many writes have it spoiled. */
interface Spoiled {
  readonly own: number;
  writes: number;
}

export class PayloadEdits {
  readonly #pump: Pump;
  readonly #spoiled: Map<number, Spoiled> = new Map();
  /** Addresses that each write under way has spoiled. */
  readonly #byWrite: Map<number, number[]> = new Map();

  constructor(pump: Pump) {
    this.#pump = pump;
  }

  /** Bytes that must still be put back. */
  get pending(): number {
    return this.#spoiled.size;
  }

  /** For good: what was read is the caller's only when the I/O has ended. False: there is no such byte. */
  corruptRead(id: number, at: number, value: number): boolean {
    const address = this.#addressOf(id, at);
    if (address < 0) return false;
    this.#pump.arena.bytes[address] = value;
    return true;
  }

  /** Until `restoreWrite`. False: there is no such byte. */
  corruptWrite(id: number, at: number, value: number): boolean {
    const address = this.#addressOf(id, at);
    if (address < 0) return false;
    const { bytes } = this.#pump.arena;
    const spoiled = this.#spoiled.get(address);
    if (spoiled) spoiled.writes += 1;
    else this.#spoiled.set(address, { own: bytes[address] as number, writes: 1 });
    const addresses = this.#byWrite.get(id);
    if (addresses) addresses.push(address);
    else this.#byWrite.set(id, [address]);
    bytes[address] = value;
    return true;
  }

  /** The write has ended. */
  restoreWrite(id: number): void {
    for (const address of this.#byWrite.get(id) ?? []) {
      const spoiled = this.#spoiled.get(address) as Spoiled;
      spoiled.writes -= 1;
      if (spoiled.writes > 0) continue;
      this.#spoiled.delete(address);
      this.#pump.arena.bytes[address] = spoiled.own;
    }
    this.#byWrite.delete(id);
  }

  #addressOf(id: number, at: number): number {
    const { exports } = this.#pump.core;
    const isInside = Number.isInteger(at) && at >= 0 && at < exports.payloadBytes(id) >>> 0;
    return isInside ? (exports.payloadAddress(id) >>> 0) + at : -1;
  }
}

const edits: WeakMap<Pump, PayloadEdits> = new WeakMap();

/** Those of a mapper: made when the first target asks. */
export function payloadEditsOf(pump: Pump): PayloadEdits {
  let found = edits.get(pump);
  if (!found) {
    found = new PayloadEdits(pump);
    edits.set(pump, found);
  }
  return found;
}
