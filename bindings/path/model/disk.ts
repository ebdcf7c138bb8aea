// A rotating disk: t = overhead + seek + rotation + transfer, with read-ahead and a write-back buffer in front.
//
//   reads      that lie in a segment of the buffer, or in what read-ahead is about to bring there, are hits
//   writes     are acknowledged from the buffer while it has room, and put down when the arm has nothing else to do,
//              in the order of their places; a read waits for the one that is being put down
//   queue      DiskModel serves commands in the order in which they come; disk-queue.ts chooses among those that wait
//   not here   defects, thermal recalibration, the gaps of servo sectors
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
  /** Commands that it chooses among, 1 … 256. 1: it serves them in the order in which they come. */
  readonly commandQueue: number;
  /** A command is passed over at most so many times the length of the queue. */
  readonly patience: number;
}

export const SECTOR_BYTES = 512;

export class DiskModel implements StorageModel {
  readonly sizeSectors: number;
  readonly arm: DiskArm;
  readonly #disk: DiskDescription;
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
    this.arm = new DiskArm(disk);
    this.sizeSectors = this.arm.sizeSectors;
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
    return this.otherNs(nowNs);
  }

  // ---- reads ------------------------------------------------------------------------------------------------------

  #read(nowNs: number, sector: number, sectors: number): number {
    this.putDownUntil(nowNs);
    const endNs = this.readBuffered(nowNs, nowNs, sector, sectors, Number.POSITIVE_INFINITY);
    return endNs >= 0 ? endNs : this.readPlatter(nowNs, nowNs, sector, sectors);
  }

  /**
   * When a read that came at `arrivedNs` ends if the buffer serves it from `nowNs` on. -1: the buffer does not have it, and
   * will not by `latestNs`.
   */
  readBuffered(nowNs: number, arrivedNs: number, sector: number, sectors: number, latestNs: number): number {
    const segment = this.#segmentOf(sector);
    if (segment < 0) return -1;
    const end = sector + sectors;
    const readyNs = this.#readyNs(segment, end, nowNs);
    if (readyNs < 0 || readyNs > latestNs) return -1;
    if (end > (this.#segmentEnds[segment] as number)) this.#readOn(segment, end, readyNs);
    this.#segmentUses[segment] = ++this.#uses;
    const beginNs = arrivedNs + this.#disk.overheadMs.readHit * NS_PER_MS;
    return Math.max(beginNs, readyNs) + sectors * SECTOR_BYTES * this.#busByteNs;
  }

  /** When a read that came at `arrivedNs` ends, if the arm leaves for it when it is free, at `nowNs` at the earliest. */
  readPlatter(nowNs: number, arrivedNs: number, sector: number, sectors: number): number {
    const beginNs = Math.max(this.commandedNs(arrivedNs, false), this.arm.freeNs, nowNs);
    const endNs = this.#access(beginNs, sector, sectors, false);
    this.#startAhead(sector, sectors, endNs);
    const travelNs = sectors * SECTOR_BYTES * this.#busByteNs;
    if (this.#disk.forwardsWhole === true) return endNs + travelNs;
    // the bus works while the platter does: behind the last sector there is that sector's way, or what a slow bus has left
    const passingNs = sectors * this.arm.sectorNs(sector);
    return Math.max(endNs + SECTOR_BYTES * this.#busByteNs, endNs - passingNs + travelNs);
  }

  /** When the arm can leave for a command that came at `arrivedNs`, if it is free. */
  commandedNs(arrivedNs: number, isWrite: boolean): number {
    const { readMiss, write } = this.#disk.overheadMs;
    return arrivedNs + (isWrite ? write : readMiss) * NS_PER_MS;
  }

  /** When read-ahead has all of a read up to `end`, if the arm stays where it is. -1: it is not about to bring its sector. */
  readAheadNs(nowNs: number, sector: number, end: number): number {
    const segment = this.#ahead;
    if (segment < 0 || sector < (this.#segmentStarts[segment] as number)) return -1;
    const have = this.#segmentEnds[segment] as number;
    return sector < have + this.#disk.readBuffer.segmentSectors ? this.#readyNs(segment, end, nowNs) : -1;
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
    if (segment !== this.#ahead) return end <= have ? nowNs : -1;
    const sectorNs = this.arm.sectorNs(have);
    // it stopped when the segment was full, and went on when there was room again: now
    const fromNs = Math.max(this.#aheadNs, nowNs - this.#disk.readBuffer.segmentSectors * sectorNs);
    const readyNs = fromNs + (end - have) * sectorNs;
    return end <= have ? Math.max(readyNs, nowNs) : readyNs;
  }

  /** A call has asked for what read-ahead brings until `readyNs`: the arm stays for that long. */
  #readOn(segment: number, end: number, readyNs: number): void {
    this.#segmentEnds[segment] = end;
    this.#aheadNs = readyNs;
    this.arm.freeNs = Math.max(this.arm.freeNs, readyNs);
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
    const read = Math.floor((nowNs - this.#aheadNs) / this.arm.sectorNs(have));
    if (read > 0) this.#segmentEnds[segment] = have + Math.min(read, this.#disk.readBuffer.segmentSectors);
  }

  // ---- writes -----------------------------------------------------------------------------------------------------

  #write(nowNs: number, sector: number, sectors: number): number {
    this.forget(sector, sectors);
    this.putDownUntil(nowNs);
    if (!this.isBuffered(sectors)) return this.writePlatter(nowNs, nowNs, sector, sectors);
    const roomNs = this.#makeRoom(nowNs, this.#disk.writeBufferBytes - sectors * SECTOR_BYTES);
    return this.writeBuffered(roomNs, nowNs, sector, sectors, true);
  }

  /** Whether such a write is acknowledged from the buffer, when there is room. */
  isBuffered(sectors: number): boolean {
    return sectors * SECTOR_BYTES <= this.#disk.writeBufferBytes;
  }

  hasRoom(sectors: number): boolean {
    return this.#dirtyBytes + sectors * SECTOR_BYTES <= this.#disk.writeBufferBytes;
  }

  /** Nothing waits in the buffer for the arm, and the arm puts nothing down. */
  isClean(nowNs: number): boolean {
    return this.#dirtySectors.length === 0 && this.#putDownNs <= nowNs;
  }

  /** When a write that came at `arrivedNs` and has room from `roomNs` on is acknowledged. */
  writeBuffered(roomNs: number, arrivedNs: number, sector: number, sectors: number, isArmIdle: boolean): number {
    const endNs = Math.max(this.#carriedNs(arrivedNs, sectors), roomNs);
    // an arm that had nothing to do begins when it has something
    if (isArmIdle && this.#dirtySectors.length === 0) this.arm.freeNs = Math.max(this.arm.freeNs, endNs);
    this.#keep(sector, sectors);
    return endNs;
  }

  /** Without a buffer the arm moves while the data comes. */
  writePlatter(nowNs: number, arrivedNs: number, sector: number, sectors: number): number {
    const beginNs = Math.max(this.commandedNs(arrivedNs, true), this.arm.freeNs, nowNs);
    return Math.max(this.#carriedNs(arrivedNs, sectors), this.#access(beginNs, sector, sectors, true));
  }

  #carriedNs(arrivedNs: number, sectors: number): number {
    return this.commandedNs(arrivedNs, true) + sectors * SECTOR_BYTES * this.#busByteNs;
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
  forget(sector: number, sectors: number): void {
    for (let i = 0; i < this.#segmentStarts.length; i++) {
      if (sector < (this.#segmentEnds[i] as number) && sector + sectors > (this.#segmentStarts[i] as number)) {
        this.#segmentStarts[i] = -1;
        this.#segmentEnds[i] = -1;
        if (i === this.#ahead) this.#ahead = -1;
      }
    }
  }

  /** Puts down what the disk has begun by `nowNs`, if nobody has wanted the arm. */
  putDownUntil(nowNs: number): void {
    while (this.#dirtySectors.length > 0 && this.arm.freeNs < nowNs) this.putDown(this.arm.freeNs);
  }

  /** Puts down until at most `bytes` are left in the buffer; returns when that is so. */
  #makeRoom(nowNs: number, bytes: number): number {
    let roomNs = nowNs;
    while (this.#dirtyBytes > bytes) roomNs = this.putDown(Math.max(this.arm.freeNs, nowNs));
    return roomNs;
  }

  /** The next one, from `beginNs` on. */
  putDown(beginNs: number): number {
    const at = this.#nextDirty();
    const sector = this.#dirtySectors[at] as number;
    const sectors = this.#dirtyLengths[at] as number;
    this.#dirtySectors.splice(at, 1);
    this.#dirtyLengths.splice(at, 1);
    this.#dirtyBytes -= sectors * SECTOR_BYTES;
    this.#putDownNs = this.#access(beginNs, sector, sectors, true);
    return this.#putDownNs;
  }

  /** The first sector of what would be put down next. */
  get nextDirtySector(): number {
    return this.#dirtySectors[this.#nextDirty()] as number;
  }

  /** The first one from the arm on inwards, else the outermost. */
  #nextDirty(): number {
    const at = this.#firstDirty(this.arm.sector);
    return at < this.#dirtySectors.length ? at : 0;
  }

  // ---- the rest ---------------------------------------------------------------------------------------------------

  #flush(nowNs: number): number {
    this.putDownUntil(nowNs);
    this.#makeRoom(nowNs, 0);
    return this.flushedNs(Math.max(this.#putDownNs, nowNs));
  }

  /** When a flush is answered that finds the buffer clean at `nowNs`. */
  flushedNs(nowNs: number): number {
    return nowNs + this.#disk.overheadMs.readHit * NS_PER_MS;
  }

  /** What moves no data. */
  otherNs(nowNs: number): number {
    return this.commandedNs(nowNs, true);
  }

  #access(beginNs: number, sector: number, sectors: number, isWrite: boolean): number {
    this.#stopAhead(beginNs);
    return this.arm.access(beginNs, sector, sectors, isWrite);
  }
}
