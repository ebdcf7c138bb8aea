// Regions of a device whose I/O is counted (dm statistics): laid down here in the core's memory, counted by the core
// (assembly/stats/regions.ts), read in place. A region belongs to the device, not to its table: it outlasts table swaps.
import * as abi from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import { ExtentPool } from './extents.ts';
import type { Pump } from './pump.ts';

const WORD_BYTES = 8;

/** What a region is made from. Sectors. */
export interface RegionPlan {
  readonly start: number;
  readonly length: number;
  /** Of an area; the last one may be shorter. */
  readonly step: number;
  /** Times are told in nanoseconds, instead of whole milliseconds. */
  readonly isPrecise: boolean;
  /** Upper bounds of the histogram's bins, ascending, in the unit of the times; empty: no histogram. */
  readonly bounds: readonly number[];
  readonly program: string;
  readonly userData: string;
}

export interface RegionArea {
  readonly start: number;
  readonly length: number;
  /** The kernel's 13: reads, merged, sectors, time; the same of writes; in flight; time busy, weighted, reading, writing. */
  readonly counters: readonly number[];
  /** One more than bounds; empty without. */
  readonly histogram: readonly number[];
}

/** The memory for all regions of a mapper. */
export class RegionMemory {
  readonly #pump: Pump;
  readonly #bytes: number;
  readonly #pool: ExtentPool;

  constructor(pump: Pump, bytes: number) {
    this.#pump = pump;
    this.#bytes = bytes;
    this.#pool = new ExtentPool(bytes / WORD_BYTES);
  }

  /** Zeroed; its address. Throws ERR_RQDM_LIMIT (ENOMEM). */
  take(bytes: number): number {
    let first: number;
    try {
      first = this.#pool.allocate(bytes / WORD_BYTES);
    } catch (cause) {
      throw new RqdmError(
        'ERR_RQDM_LIMIT',
        `no room for ${bytes} bytes of statistics: all regions share ${this.#bytes} (limits.regionBytes)`,
        { errno: 'ENOMEM', cause },
      );
    }
    const address = this.#pump.core.exports.regionsAddress() + first * WORD_BYTES;
    this.#pump.core.doubles.fill(0, address / WORD_BYTES, (address + bytes) / WORD_BYTES);
    return address;
  }

  giveBack(address: number, bytes: number): void {
    const first = (address - this.#pump.core.exports.regionsAddress()) / WORD_BYTES;
    this.#pool.free(first, bytes / WORD_BYTES);
  }
}

/** One region. */
export class Region {
  readonly plan: RegionPlan;
  readonly areas: number;
  readonly bytes: number;
  readonly address: number;
  userData: string;
  readonly #pump: Pump;
  readonly #firstArea: number;
  readonly #areaDoubles: number;

  constructor(pump: Pump, memory: RegionMemory, plan: RegionPlan) {
    const { start, length, step, bounds } = plan;
    this.plan = plan;
    this.userData = plan.userData;
    this.#pump = pump;
    this.areas = Math.ceil(length / step);
    this.#areaDoubles = abi.AREA_DOUBLES + (bounds.length === 0 ? 0 : bounds.length + 1);
    this.bytes = abi.REGION_BYTES + (bounds.length + this.areas * this.#areaDoubles) * WORD_BYTES;
    this.address = memory.take(this.bytes);
    const { words, doubles } = pump.core;
    const at = this.address / 4;
    const setSector = (word: number, sector: number): void => {
      words[at + word] = sector % 2 ** 32;
      words[at + word + 1] = Math.floor(sector / 2 ** 32);
    };
    words[at + abi.REGION_AREAS] = this.areas;
    setSector(abi.REGION_START, start);
    setSector(abi.REGION_END, start + length);
    setSector(abi.REGION_STEP, step);
    words[at + abi.REGION_BOUNDS] = bounds.length;
    words[at + abi.REGION_AREA_BYTES] = this.#areaDoubles * WORD_BYTES;
    const boundsAt = (this.address + abi.REGION_BYTES) / WORD_BYTES;
    for (const [index, bound] of bounds.entries()) doubles[boundsAt + index] = bound * this.#unitNs;
    this.#firstArea = boundsAt + bounds.length;
  }

  get #unitNs(): number {
    return this.plan.isPrecise ? 1 : 1e6;
  }

  /** An area as it is now; `index` from 0. */
  area(index: number): RegionArea {
    const { start, length, step, bounds } = this.plan;
    const { doubles } = this.#pump.core;
    const at = this.#firstArea + index * this.#areaDoubles;
    const value = (which: number): number => doubles[at + which] as number;
    const [reading, writing] = [value(abi.AREA_READS_IN_FLIGHT), value(abi.AREA_WRITES_IN_FLIGHT)];
    // since the core last looked
    const passed = Math.max(0, this.#pump.time.now() - value(abi.AREA_SINCE));
    const time = (which: number, count: number): number => Math.floor((value(which) + passed * count) / this.#unitNs);
    const group = (first: number): number[] => [value(first), value(first + 1), value(first + 2), time(first + 3, 0)];
    const areaStart = start + index * step;
    return {
      start: areaStart,
      length: Math.min(step, start + length - areaStart),
      counters: [
        ...group(abi.AREA_READS),
        ...group(abi.AREA_WRITES),
        reading + writing,
        time(abi.AREA_BUSY_NS, reading + writing > 0 ? 1 : 0),
        time(abi.AREA_WEIGHTED_NS, reading + writing),
        time(abi.AREA_READ_BUSY_NS, reading > 0 ? 1 : 0),
        time(abi.AREA_WRITE_BUSY_NS, writing > 0 ? 1 : 0),
      ],
      histogram:
        bounds.length === 0 ? [] : Array.from({ length: bounds.length + 1 }, (_, bin) => value(abi.AREA_DOUBLES + bin)),
    };
  }

  /** All counters begin anew, but what is in flight. */
  clear(first: number, last: number): void {
    const { doubles } = this.#pump.core;
    for (let index = first; index < last; index++) {
      const at = this.#firstArea + index * this.#areaDoubles;
      doubles.fill(0, at, at + abi.AREA_READS_IN_FLIGHT);
      doubles.fill(0, at + abi.AREA_BUSY_NS, at + this.#areaDoubles);
      doubles[at + abi.AREA_SINCE] = this.#pump.time.now();
    }
  }
}

/** The regions of one device. */
export class DeviceRegions {
  readonly #pump: Pump;
  readonly #memory: RegionMemory;
  readonly #deviceId: number;
  readonly #regions: Map<number, Region> = new Map();

  constructor(pump: Pump, memory: RegionMemory, deviceId: number) {
    this.#pump = pump;
    this.#memory = memory;
    this.#deviceId = deviceId;
  }

  /** Ids with their regions, in the order of the ids. */
  list(): [number, Region][] {
    return [...this.#regions].sort(([a], [b]) => a - b);
  }

  get(id: number): Region | undefined {
    return this.#regions.get(id);
  }

  /** Returns its id, the smallest that is free. What is in flight already counts from its own beginning. Throws ERR_RQDM_LIMIT. */
  add(plan: RegionPlan): number {
    const region = new Region(this.#pump, this.#memory, plan);
    let id = 0;
    while (this.#regions.has(id)) id++;
    this.#regions.set(id, region);
    this.#give(id, region);
    return id;
  }

  #give(id: number, region: Region): void {
    const pump = this.#pump;
    pump.enterNow(() => {
      // it may be gone before its turn comes
      if (this.#regions.get(id) !== region || pump.poisoned) return;
      pump.core.exports.addRegion(pump.time.now(), this.#deviceId, region.address);
    });
  }

  /** False: there is none of this id. */
  remove(id: number): boolean {
    const region = this.#regions.get(id);
    if (!region) return false;
    this.#regions.delete(id);
    this.#pump.enterNow(() => {
      if (!this.#pump.poisoned) this.#pump.core.exports.removeRegion(this.#deviceId, region.address);
      this.#memory.giveBack(region.address, region.bytes);
    });
    return true;
  }

  /** The core's record of the device is new, and nothing is in flight: it has forgotten its regions. */
  renew(): void {
    for (const [id, region] of this.#regions) this.#give(id, region);
  }

  close(): void {
    for (const id of [...this.#regions.keys()]) this.remove(id);
  }
}
