// A rotating disk: t = overhead + seek + rotation + transfer, with read-ahead and a write-back buffer in front.
//
//   reads      that lie in a segment of the buffer, or in what read-ahead is about to bring there, are hits
//   writes     are acknowledged from the buffer while it has room, and put down when the arm has nothing else to do,
//              in the order of their places; a read waits for the one that is being put down
//   not here   command queueing inside the disk, defects, thermal recalibration, the gaps of servo sectors
//
// All of it is booked lazily: what the disk has done by itself since the last call is worked out when the next one comes.

import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../../assembly/abi.ts';
import { DiskArm } from './disk-arm.ts';
import { byteNsOf, NS_PER_MS, type StorageModel } from './model.ts';
import type { SeekDescription } from './seek-curve.ts';

export interface DiskDescription {
  readonly kind: 'disk';
  readonly rpm: number;
  readonly surfaces: number;
  /** From the outside in. */
  readonly zones: readonly { readonly cylinders: number; readonly sectorsPerTrack: number }[];
  readonly seek: SeekDescription;
  readonly headSwitchMs: number;
  readonly writeSettleMs: number;
  readonly overheadMs: { readonly readHit: number; readonly readMiss: number; readonly write: number };
  /** Megabytes (10^6) a second between buffer and host. */
  readonly busMBps: number;
  /** What is read goes to the host when all of it is in the buffer, not while it comes. Default: while it comes. */
  readonly forwardsWhole?: boolean;
  /** The buffer for reads, sectors. 0 segments: no read-ahead. */
  readonly readBuffer: { readonly segments: number; readonly segmentSectors: number };
  /** The buffer for writes, bytes. 0: every write is on the platter before it is acknowledged. */
  readonly writeBufferBytes: number;
}

const SECTOR_BYTES = 512;

export class DiskModel implements StorageModel {
  readonly sizeSectors: number;
  readonly #disk: DiskDescription;
  readonly #arm: DiskArm;
  readonly #busByteNs: number;
  /** Segments of the read buffer: first sector, and the end of what was asked for; which is read on since `freeNs`. */
  readonly #segmentStarts: Float64Array;
  readonly #segmentEnds: Float64Array;
  readonly #segmentUses: Float64Array;
  #uses = 0;
  /** The segment that read-ahead fills, and the time and angle from which on. -1: none. */
  #ahead = -1;
  #aheadNs = 0;
  /** Writes in the buffer, by place: first sectors, lengths in sectors, when they came. */
  readonly #dirtySectors: number[] = [];
  readonly #dirtyLengths: number[] = [];
  #dirtyBytes = 0;
  /** When the last write that left the buffer is on the platter. */
  #putDownNs = 0;

  constructor(disk: DiskDescription) {
    this.#disk = disk;
    this.#arm = new DiskArm(disk);
    this.sizeSectors = this.#arm.sizeSectors;
    this.#busByteNs = byteNsOf(disk.busMBps);
    const { segments } = disk.readBuffer;
    this.#segmentStarts = new Float64Array(segments).fill(-1);
    this.#segmentEnds = new Float64Array(segments).fill(-1);
    this.#segmentUses = new Float64Array(segments);
  }

  book(nowNs: number, operation: number, bytes: number, position: number): number {
    const sector = position / SECTOR_BYTES;
    const sectors = bytes / SECTOR_BYTES;
    if (operation === OPERATION_READ) return this.#read(nowNs, sector, sectors);
    if (operation === OPERATION_WRITE) return this.#write(nowNs, sector, sectors);
    if (operation === OPERATION_FLUSH) return this.#flush(nowNs);
    return nowNs + this.#disk.overheadMs.write * NS_PER_MS;
  }

  // ---- reads ------------------------------------------------------------------------------------------------------

  #read(nowNs: number, sector: number, sectors: number): number {
    const { overheadMs } = this.#disk;
    this.#putDownUntil(nowNs);
    const segment = this.#segmentOf(sector);
    const travelNs = sectors * SECTOR_BYTES * this.#busByteNs;
    if (segment >= 0) {
      const end = sector + sectors;
      const readyNs = this.#readyNs(segment, end, nowNs);
      if (readyNs >= 0) {
        if (end > (this.#segmentEnds[segment] as number)) this.#readOn(segment, end, readyNs);
        this.#segmentUses[segment] = ++this.#uses;
        return Math.max(nowNs + overheadMs.readHit * NS_PER_MS, readyNs) + travelNs;
      }
    }
    const beginNs = Math.max(nowNs + overheadMs.readMiss * NS_PER_MS, this.#arm.freeNs);
    const endNs = this.#access(beginNs, sector, sectors, false);
    this.#startAhead(sector, sectors, endNs);
    if (this.#disk.forwardsWhole === true) return endNs + travelNs;
    // the bus works while the platter does: behind the last sector there is that sector's way, or what a slow bus has left
    const passingNs = sectors * this.#arm.sectorNs(sector);
    return Math.max(endNs + SECTOR_BYTES * this.#busByteNs, endNs - passingNs + travelNs);
  }

  /** A segment that holds the sector, or will when read-ahead goes on. -1: none. */
  #segmentOf(sector: number): number {
    const { segmentSectors } = this.#disk.readBuffer;
    for (let i = 0; i < this.#segmentStarts.length; i++) {
      const start = this.#segmentStarts[i] as number;
      if (start < 0 || sector < start) continue;
      if (sector < (this.#segmentEnds[i] as number) + (i === this.#ahead ? segmentSectors : 0)) return i;
    }
    return -1;
  }

  /** When the buffer has everything up to `end`; -1: it never will by itself. */
  #readyNs(segment: number, end: number, nowNs: number): number {
    const have = this.#segmentEnds[segment] as number;
    if (end <= have) return nowNs;
    if (segment !== this.#ahead) return -1;
    const sectorNs = this.#arm.sectorNs(have);
    // it stopped when the segment was full, and went on when there was room again: now
    const fromNs = Math.max(this.#aheadNs, nowNs - this.#disk.readBuffer.segmentSectors * sectorNs);
    return fromNs + (end - have) * sectorNs;
  }

  /** A call has asked for what read-ahead brings until `readyNs`: the arm stays for that long. */
  #readOn(segment: number, end: number, readyNs: number): void {
    this.#segmentEnds[segment] = end;
    this.#aheadNs = readyNs;
    this.#arm.freeNs = Math.max(this.#arm.freeNs, readyNs);
  }

  #startAhead(sector: number, sectors: number, endNs: number): void {
    const { segments } = this.#disk.readBuffer;
    this.#ahead = -1;
    if (segments === 0) return;
    let oldest = 0;
    for (let i = 1; i < segments; i++) {
      if ((this.#segmentUses[i] as number) < (this.#segmentUses[oldest] as number)) oldest = i;
    }
    this.#segmentStarts[oldest] = sector;
    this.#segmentEnds[oldest] = sector + sectors;
    this.#segmentUses[oldest] = ++this.#uses;
    this.#ahead = oldest;
    this.#aheadNs = endNs;
  }

  /** Read-ahead ends because the arm is wanted elsewhere at `nowNs`: what it has brought until then stays. */
  #stopAhead(nowNs: number): void {
    const segment = this.#ahead;
    if (segment < 0) return;
    this.#ahead = -1;
    const have = this.#segmentEnds[segment] as number;
    const read = Math.floor((nowNs - this.#aheadNs) / this.#arm.sectorNs(have));
    if (read > 0) this.#segmentEnds[segment] = have + Math.min(read, this.#disk.readBuffer.segmentSectors);
  }

  // ---- writes -----------------------------------------------------------------------------------------------------

  #write(nowNs: number, sector: number, sectors: number): number {
    const { overheadMs, writeBufferBytes } = this.#disk;
    const bytes = sectors * SECTOR_BYTES;
    this.#forget(sector, sectors);
    this.#putDownUntil(nowNs);
    const arrivedNs = nowNs + overheadMs.write * NS_PER_MS + bytes * this.#busByteNs;
    // without a buffer the arm moves while the data comes
    if (bytes > writeBufferBytes) {
      const beginNs = Math.max(nowNs + overheadMs.write * NS_PER_MS, this.#arm.freeNs);
      return Math.max(arrivedNs, this.#access(beginNs, sector, sectors, true));
    }
    const roomNs = this.#makeRoom(nowNs, writeBufferBytes - bytes);
    const endNs = Math.max(arrivedNs, roomNs);
    // an arm that had nothing to do begins when it has something
    if (this.#dirtySectors.length === 0) this.#arm.freeNs = Math.max(this.#arm.freeNs, endNs);
    this.#keep(sector, sectors);
    return endNs;
  }

  /** By place, and behind the one it continues. */
  #keep(sector: number, sectors: number): void {
    const at = this.#firstDirty(sector + 1);
    this.#dirtyBytes += sectors * SECTOR_BYTES;
    if (at > 0 && (this.#dirtySectors[at - 1] as number) + (this.#dirtyLengths[at - 1] as number) === sector) {
      this.#dirtyLengths[at - 1] = (this.#dirtyLengths[at - 1] as number) + sectors;
      return;
    }
    this.#dirtySectors.splice(at, 0, sector);
    this.#dirtyLengths.splice(at, 0, sectors);
  }

  /** The first one that begins at this sector or behind it. */
  #firstDirty(sector: number): number {
    let low = 0;
    let high = this.#dirtySectors.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#dirtySectors[middle] as number) < sector) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What is overwritten is not in the read buffer any more. */
  #forget(sector: number, sectors: number): void {
    for (let i = 0; i < this.#segmentStarts.length; i++) {
      if (sector < (this.#segmentEnds[i] as number) && sector + sectors > (this.#segmentStarts[i] as number)) {
        this.#segmentStarts[i] = -1;
        this.#segmentEnds[i] = -1;
        if (i === this.#ahead) this.#ahead = -1;
      }
    }
  }

  /** Puts down what the disk has begun by `nowNs`. */
  #putDownUntil(nowNs: number): void {
    while (this.#dirtySectors.length > 0 && this.#arm.freeNs < nowNs) this.#putDownOne(this.#arm.freeNs);
  }

  /** Puts down until at most `bytes` are left in the buffer; returns when that is so. */
  #makeRoom(nowNs: number, bytes: number): number {
    let roomNs = nowNs;
    while (this.#dirtyBytes > bytes) roomNs = this.#putDownOne(Math.max(this.#arm.freeNs, nowNs));
    return roomNs;
  }

  #putDownOne(beginNs: number): number {
    const at = this.#nextDirty();
    const sector = this.#dirtySectors[at] as number;
    const sectors = this.#dirtyLengths[at] as number;
    this.#dirtySectors.splice(at, 1);
    this.#dirtyLengths.splice(at, 1);
    this.#dirtyBytes -= sectors * SECTOR_BYTES;
    this.#putDownNs = this.#access(beginNs, sector, sectors, true);
    return this.#putDownNs;
  }

  /** The first one from the arm on inwards, else the outermost. */
  #nextDirty(): number {
    const at = this.#firstDirty(this.#arm.sector);
    return at < this.#dirtySectors.length ? at : 0;
  }

  #flush(nowNs: number): number {
    this.#putDownUntil(nowNs);
    this.#makeRoom(nowNs, 0);
    return Math.max(this.#putDownNs, nowNs) + this.#disk.overheadMs.readHit * NS_PER_MS;
  }

  #access(beginNs: number, sector: number, sectors: number, isWrite: boolean): number {
    this.#stopAhead(beginNs);
    return this.#arm.access(beginNs, sector, sectors, isWrite);
  }
}
