// The arena: where payload lies while paths read and write it (rules 7 and 8).
//
// It is a shared WebAssembly.Memory without a module. Such memory begins on a page, so O_DIRECT takes it (a plain
// SharedArrayBuffer does not), and every worker sees it. Its size is fixed, so views of it never detach.
//
// Space is counted in units of 512 bytes, one bit each, so that one byte of the map is one page of 4096:
//
//   map      | 11111111 | 11111111 | 00000011 | 00000000 | …      bit 0 of a byte is the unit with the lowest address
//   memory   |  page 0  |  page 1  |  page 2  |  page 3  | …
//
// The search starts where the last one ended (next fit), so ranges allocated in a row lie in a row, and a batch of 4 KiB
// leases becomes one contiguous I/O. It does not stroll through the whole arena: beyond four times of what is in use
// (at least 1 MiB) it starts again at the bottom, so that the same pages stay warm in the processor's cache.
//
// Quarantine: a range that a stuck thread may still read or write. It is counted apart and given out again only when
// both its owner has freed it and the quarantine has ended. There are rarely any, so they are kept in a short list.

import { RqdmError } from '../errors.ts';
import { createSharedMemory, type SharedMemory } from '../path/shared-memory.ts';

const UNIT_BYTES = 512;
const UNIT_SHIFT = 9;
const PAGE_BYTES = 4096;
const PAGE_SHIFT = 12;
const PAGE_USED = 255;
const WASM_PAGE_BYTES = 65536;
const WINDOW_MIN_PAGES = 256;

const ARENA_BYTES_DEFAULT: number = 64 * 1024 * 1024;
const ARENA_BYTES_MAX: number = 1024 * 1024 * 1024;

/** A range of the arena that a caller owns until `release`. */
export interface Lease extends Disposable {
  /** Byte offset in the arena: a multiple of 4096 for leases of 4096 bytes and more, otherwise of 512. */
  readonly address: number;
  /** Bytes asked for. */
  readonly length: number;
  /** A view of exactly this range; made when first asked for. */
  readonly bytes: Uint8Array;
  /** Gives the range back. A second call does nothing. */
  release(): void;
}

interface QuarantinedRange {
  readonly address: number;
  readonly length: number;
  /** Parts of it that their owner has freed meanwhile, as units: start, end, start, end … */
  readonly freed: number[];
}

class ArenaLease implements Lease {
  readonly address: number;
  readonly length: number;
  readonly #arena: Arena;
  #view: Uint8Array | undefined;
  #isReleased = false;

  constructor(arena: Arena, address: number, length: number) {
    this.#arena = arena;
    this.address = address;
    this.length = length;
  }

  get bytes(): Uint8Array {
    this.#view ??= this.#arena.bytes.subarray(this.address, this.address + this.length);
    return this.#view;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#arena.free(this.address, this.length);
    this.#arena.onRoom?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

export class Arena {
  /** Fixed size in bytes. */
  readonly sizeBytes: number;
  /** Called when a lease was released or a quarantine has ended, so that whoever waits for room asks again. */
  onRoom: (() => void) | undefined;
  readonly #map: Uint8Array;
  readonly #pages: number;
  #memory: SharedMemory | undefined;
  #bytes: Uint8Array | undefined;
  /** Unit where the next search starts, and the page behind which it starts at 0 instead. */
  #cursor = 0;
  #window = WINDOW_MIN_PAGES;
  #freeBytes: number;
  #quarantinedBytes = 0;
  readonly #quarantine: QuarantinedRange[] = [];
  /** Nothing of this size was found since the last free: do not search again. */
  #hopelessUnits = Number.MAX_SAFE_INTEGER;

  /** `sizeBytes` is rounded up to 64 KiB; 64 KiB … 1 GiB. Nothing is allocated before the first use. */
  constructor(sizeBytes: number = ARENA_BYTES_DEFAULT) {
    if (!(sizeBytes > 0 && sizeBytes <= ARENA_BYTES_MAX)) {
      throw new RqdmError('ERR_RQDM_LIMIT', `arena of ${sizeBytes} bytes: expected more than 0 and at most ${ARENA_BYTES_MAX}`);
    }
    this.sizeBytes = Math.ceil(sizeBytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    this.#pages = this.sizeBytes / PAGE_BYTES;
    this.#map = new Uint8Array(this.#pages);
    this.#freeBytes = this.sizeBytes;
  }

  /** The memory itself, made when first asked for. */
  get memory(): SharedMemory {
    this.#memory ??= createSharedMemory(this.sizeBytes);
    return this.#memory;
  }

  /** One view of all of it. */
  get bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  /** What `allocate` could still give out in sum. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Freed by its owner, but withheld until a quarantine ends. */
  get quarantinedBytes(): number {
    return this.#quarantinedBytes;
  }

  /** Address of a free range, or -1: full is never an error. The caller waits for a `free` and asks again. */
  allocate(bytes: number): number {
    const map = this.#map;
    if (bytes === PAGE_BYTES) {
      // The common case: the page under the cursor is free.
      const page = (this.#cursor + 7) >>> 3;
      if (page < this.#window && map[page] === 0) {
        map[page] = PAGE_USED;
        this.#cursor = (page + 1) << 3;
        this.#freeBytes -= PAGE_BYTES;
        return page << PAGE_SHIFT;
      }
    }
    return this.#search(bytes);
  }

  /** Gives back what `allocate(bytes)` returned. */
  free(address: number, bytes: number): void {
    if (this.#quarantine.length > 0) {
      this.#freeAround(address >>> UNIT_SHIFT, (address + bytes + UNIT_BYTES - 1) >>> UNIT_SHIFT);
    } else if (bytes === PAGE_BYTES && (address & (PAGE_BYTES - 1)) === 0) {
      const page = address >>> PAGE_SHIFT;
      if (this.#map[page] !== PAGE_USED) throw notLeased(address, bytes);
      this.#map[page] = 0;
      this.#freeBytes += PAGE_BYTES;
    } else {
      this.#clear(address >>> UNIT_SHIFT, (address + bytes + UNIT_BYTES - 1) >>> UNIT_SHIFT);
    }
    this.#hopelessUnits = Number.MAX_SAFE_INTEGER;
    if (this.#freeBytes === this.sizeBytes) this.#cursor = 0;
  }

  /** A lease for a user, or undefined when there is no room now. */
  lease(bytes: number): Lease | undefined {
    if (!(bytes > 0 && bytes <= this.sizeBytes)) {
      throw new RqdmError('ERR_RQDM_LIMIT', `lease of ${bytes} bytes: expected 1 … ${this.sizeBytes}, the size of the arena`);
    }
    const address = this.allocate(bytes);
    return address < 0 ? undefined : new ArenaLease(this, address, bytes);
  }

  /** `count` leases of `bytes` each, contiguous where there is room for that; all or none. */
  leaseMany(count: number, bytes: number): Lease[] | undefined {
    const leases: Lease[] = [];
    for (let i = 0; i < count; i++) {
      const lease = this.lease(bytes);
      if (lease === undefined) {
        for (const other of leases) other.release();
        return undefined;
      }
      leases.push(lease);
    }
    return leases;
  }

  /** The range is given to nobody before `until` has settled, even when its owner frees it. It must be leased now. */
  quarantine(address: number, length: number, until: Promise<unknown>): void {
    if (length === 0) return;
    const range: QuarantinedRange = { address, length, freed: [] };
    this.#quarantine.push(range);
    const end = (): void => {
      this.#quarantine.splice(this.#quarantine.indexOf(range), 1);
      for (let i = 0; i < range.freed.length; i += 2) {
        this.#quarantinedBytes -= (range.freed[i + 1] - range.freed[i]) << UNIT_SHIFT;
        // Another quarantine may cover the same units: then they move there.
        this.#freeAround(range.freed[i], range.freed[i + 1]);
      }
      this.#hopelessUnits = Number.MAX_SAFE_INTEGER;
      this.onRoom?.();
    };
    until.then(end, end);
  }

  /** True while some range is withheld: cheap, for the way of every I/O. */
  get hasQuarantine(): boolean {
    return this.#quarantine.length > 0;
  }

  /** Whether a stuck thread may still touch part of this range. */
  isQuarantined(address: number, length: number): boolean {
    return this.#quarantine.some((range) => address < range.address + range.length && range.address < address + length);
  }

  // ---- searching --------------------------------------------------------------------------------------------------

  #search(bytes: number): number {
    if (!(bytes > 0)) throw new RqdmError('ERR_RQDM_LIMIT', `allocation of ${bytes} bytes: expected more than 0`);
    const units = Math.ceil(bytes / UNIT_BYTES);
    if (units >= this.#hopelessUnits || units * UNIT_BYTES > this.#freeBytes) return -1;
    if (this.#cursor >>> 3 >= this.#window) {
      this.#cursor = 0;
      const used = Math.ceil((this.sizeBytes - this.#freeBytes) / PAGE_BYTES);
      this.#window = Math.min(this.#pages, Math.max(WINDOW_MIN_PAGES, used * 4));
    }
    const isWholePages = units >= 8;
    let found = isWholePages ? this.#findPages(this.#cursor, units) : this.#findUnits(this.#cursor, units);
    if (found < 0 && this.#cursor > 0) found = isWholePages ? this.#findPages(0, units) : this.#findUnits(0, units);
    if (found < 0) {
      this.#hopelessUnits = units;
      return -1;
    }
    this.#mark(found, found + units);
    this.#cursor = found + units;
    return found << UNIT_SHIFT;
  }

  /** First unit, on a page's begin, of `units` free ones at or after `from`; -1 if none. */
  #findPages(from: number, units: number): number {
    const map = this.#map;
    const wholePages = units >>> 3;
    const restMask = (1 << (units & 7)) - 1;
    let first = (from + 7) >>> 3;
    let page = first;
    while (first + wholePages + (restMask === 0 ? 0 : 1) <= this.#pages) {
      if (page - first === wholePages) {
        if ((map[page] & restMask) === 0 || restMask === 0) return first << 3;
        first = page + 1;
        page = first;
      } else if (map[page] === 0) {
        page++;
      } else {
        first = page + 1;
        page = first;
      }
    }
    return -1;
  }

  /** First unit of fewer than 8 free ones in a row at or after `from`; -1 if none. */
  #findUnits(from: number, units: number): number {
    const map = this.#map;
    const end = this.#pages << 3;
    let length = 0;
    for (let unit = from; unit < end; unit++) {
      const byte = map[unit >>> 3];
      if (byte === PAGE_USED) {
        length = 0;
        unit |= 7;
      } else if ((byte & (1 << (unit & 7))) !== 0) {
        length = 0;
      } else if (++length === units) {
        return unit - units + 1;
      }
    }
    return -1;
  }

  #mark(start: number, end: number): void {
    const map = this.#map;
    for (let unit = start; unit < end; unit++) {
      if ((unit & 7) === 0 && end - unit >= 8) {
        map[unit >>> 3] = PAGE_USED;
        unit += 7;
      } else {
        map[unit >>> 3] |= 1 << (unit & 7);
      }
    }
    this.#freeBytes -= (end - start) << UNIT_SHIFT;
  }

  #clear(start: number, end: number): void {
    const map = this.#map;
    for (let unit = start; unit < end; unit++) {
      const page = unit >>> 3;
      const isWholePage = (unit & 7) === 0 && end - unit >= 8;
      const mask = isWholePage ? PAGE_USED : 1 << (unit & 7);
      if ((map[page] & mask) !== mask) throw notLeased(start << UNIT_SHIFT, (end - start) << UNIT_SHIFT);
      map[page] &= ~mask;
      if (isWholePage) unit += 7;
    }
    this.#freeBytes += (end - start) << UNIT_SHIFT;
  }

  /** Free units `start` … `end`, but leave with the quarantine what it covers. */
  #freeAround(start: number, end: number): void {
    for (const range of this.#quarantine) {
      const from = Math.max(start, range.address >>> UNIT_SHIFT);
      const to = Math.min(end, (range.address + range.length + UNIT_BYTES - 1) >>> UNIT_SHIFT);
      if (from >= to) continue;
      range.freed.push(from, to);
      this.#quarantinedBytes += (to - from) << UNIT_SHIFT;
      if (start < from) this.#freeAround(start, from);
      if (to < end) this.#freeAround(to, end);
      return;
    }
    this.#clear(start, end);
  }
}

function notLeased(address: number, bytes: number): RqdmError {
  return new RqdmError('ERR_RQDM_ARENA', `range of ${bytes} bytes at ${address} of the arena is freed, but was not leased`);
}
