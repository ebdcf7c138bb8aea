// What waits for its completion, by device and sector: a table with open addressing in typed arrays, so that pairing makes no
// garbage. It never grows: when it is nearly full it forgets everything, and those records stay without a response time.

const SLOTS = 1 << 17;
const MASK = SLOTS - 1;
const FULL = SLOTS * 0.75;
const NONE = -1;

export class PendingTable {
  readonly #sectors: Float64Array = new Float64Array(SLOTS).fill(NONE);
  readonly #devices: Int32Array = new Int32Array(SLOTS);
  readonly #values: Float64Array = new Float64Array(SLOTS);
  #count = 0;

  static #home(device: number, sector: number): number {
    const low = sector % 4294967296;
    const mixed = Math.imul(low ^ Math.imul(device + 1, 0x9e3779b1) ^ ((sector / 4294967296) | 0), 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & MASK;
  }

  #find(device: number, sector: number): number {
    let slot = PendingTable.#home(device, sector);
    while (this.#sectors[slot] !== NONE && (this.#sectors[slot] !== sector || this.#devices[slot] !== device)) {
      slot = (slot + 1) & MASK;
    }
    return slot;
  }

  /** A second one of the same place takes the place of the first. */
  set(device: number, sector: number, value: number): void {
    if (this.#count >= FULL) {
      this.#sectors.fill(NONE);
      this.#count = 0;
    }
    const slot = this.#find(device, sector);
    if (this.#sectors[slot] === NONE) this.#count++;
    this.#sectors[slot] = sector;
    this.#devices[slot] = device;
    this.#values[slot] = value;
  }

  /** Takes out what waits at a place, or returns -1. */
  take(device: number, sector: number): number {
    let hole = this.#find(device, sector);
    if (this.#sectors[hole] === NONE) return NONE;
    const value = this.#values[hole] as number;
    this.#count--;
    // those that follow close ranks, so that none is cut off from its home
    for (let slot = (hole + 1) & MASK; this.#sectors[slot] !== NONE; slot = (slot + 1) & MASK) {
      const home = PendingTable.#home(this.#devices[slot] as number, this.#sectors[slot] as number);
      if (((slot - home) & MASK) < ((slot - hole) & MASK)) continue;
      this.#sectors[hole] = this.#sectors[slot] as number;
      this.#devices[hole] = this.#devices[slot] as number;
      this.#values[hole] = this.#values[slot] as number;
      hole = slot;
    }
    this.#sectors[hole] = NONE;
    return value;
  }
}
