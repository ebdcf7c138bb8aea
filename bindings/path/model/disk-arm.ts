// The mechanics of a disk: where a sector lies, and how long the arm and the platter take to bring it under a head.
//
// Sector → zone → cylinder, track, angle. Tracks and cylinders are skewed, so that a sequential read goes on without waiting
// for a turn. The angle of the platter is the time: a read that comes a little too late waits for a whole turn, as on a real
// disk.

import type { DiskDescription } from './disk.ts';
import { NS_PER_MS } from './model.ts';
import { seekCurve } from './seek-curve.ts';

export class DiskArm {
  readonly sizeSectors: number;
  readonly turnNs: number;
  /** When the arm is free, and the sector that it stands before. */
  freeNs = 0;
  sector = 0;
  // what `locate` finds
  atCylinder = 0;
  atSurface = 0;
  /** In turns, 0 … 1. */
  atAngle = 0;
  readonly #disk: DiskDescription;
  readonly #seekMs: Float64Array;
  /** First sector and cylinder of each zone, and one more of each. */
  readonly #zoneSectors: number[] = [0];
  readonly #zoneCylinders: number[] = [0];
  #cylinder = 0;
  #surface = 0;
  #atTrackSectors = 1;
  #atTrackLeft = 1;

  constructor(disk: DiskDescription) {
    this.#disk = disk;
    this.turnNs = (60_000 / disk.rpm) * NS_PER_MS;
    for (const [index, { cylinders, sectorsPerTrack }] of disk.zones.entries()) {
      this.#zoneSectors.push((this.#zoneSectors[index] as number) + cylinders * disk.surfaces * sectorsPerTrack);
      this.#zoneCylinders.push((this.#zoneCylinders[index] as number) + cylinders);
    }
    this.sizeSectors = this.#zoneSectors.at(-1) as number;
    this.#seekMs = seekCurve(disk.seek, this.#zoneCylinders.at(-1) as number);
  }

  /** Moves there from `beginNs` on, waits for the sector, reads or writes; returns when the last sector has passed. */
  access(beginNs: number, sector: number, sectors: number, isWrite: boolean): number {
    this.locate(sector);
    const endNs = this.#passOver(this.#settledNs(beginNs, this.atCylinder, this.atSurface, isWrite), sector, sectors);
    this.freeNs = endNs;
    this.sector = sector + sectors;
    return endNs;
  }

  /**
   * When the first sector of a located place would be under its head, if the arm left for it at `beginNs`; anything from
   * `latestNs` on where that is not before it.
   */
  reachedNs(
    beginNs: number,
    cylinder: number,
    surface: number,
    angle: number,
    isWrite: boolean,
    latestNs: number = Number.POSITIVE_INFINITY,
  ): number {
    const settledNs = this.#settledNs(beginNs, cylinder, surface, isWrite);
    if (settledNs >= latestNs) return settledNs;
    return settledNs + this.#turnedNs(settledNs, angle);
  }

  /** How long a sector there takes to pass under its head. */
  sectorNs(sector: number): number {
    this.locate(sector);
    return this.turnNs / this.#atTrackSectors;
  }

  /** When the arm has come there and stands still. */
  #settledNs(beginNs: number, cylinder: number, surface: number, isWrite: boolean): number {
    const { headSwitchMs, writeSettleMs } = this.#disk;
    const way = Math.abs(cylinder - this.#cylinder);
    let atNs = beginNs;
    if (way > 0) atNs += (this.#seekMs[way] as number) * NS_PER_MS;
    else if (surface !== this.#surface) atNs += headSwitchMs * NS_PER_MS;
    return isWrite ? atNs + writeSettleMs * NS_PER_MS : atNs;
  }

  /** Until the platter has turned there. */
  #turnedNs(atNs: number, angle: number): number {
    const turns = angle - fractionOf(atNs / this.turnNs) + 1;
    return (turns >= 1 ? turns - 1 : turns) * this.turnNs;
  }

  /** Track by track: wait for the first sector, let the others pass. */
  #passOver(fromNs: number, first: number, sectors: number): number {
    const { headSwitchMs } = this.#disk;
    let atNs = fromNs;
    let sector = first;
    let left = sectors;
    for (;;) {
      this.locate(sector);
      atNs += this.#turnedNs(atNs, this.atAngle);
      const passing = Math.min(left, this.#atTrackLeft);
      atNs += (passing / this.#atTrackSectors) * this.turnNs;
      left -= passing;
      sector += passing;
      this.#cylinder = this.atCylinder;
      this.#surface = this.atSurface;
      if (left <= 0) return atNs;
      const isNextCylinder = this.#surface === this.#disk.surfaces - 1;
      atNs += (isNextCylinder ? (this.#seekMs[1] as number) : headSwitchMs) * NS_PER_MS;
    }
  }

  locate(sector: number): void {
    const { zones, surfaces, headSwitchMs } = this.#disk;
    const inside = sector < this.sizeSectors ? sector : sector % this.sizeSectors;
    let zone = 0;
    while (zone + 1 < zones.length && inside >= (this.#zoneSectors[zone + 1] as number)) zone++;
    const { sectorsPerTrack } = zones[zone] as { sectorsPerTrack: number };
    const offset = inside - (this.#zoneSectors[zone] as number);
    const track = Math.floor(offset / sectorsPerTrack);
    const inTrack = offset - track * sectorsPerTrack;
    const cylinder = Math.floor(track / surfaces);
    this.atCylinder = (this.#zoneCylinders[zone] as number) + cylinder;
    this.atSurface = track - cylinder * surfaces;
    this.#atTrackSectors = sectorsPerTrack;
    this.#atTrackLeft = sectorsPerTrack - inTrack;
    // skewed by what a switch takes, so that the next track begins when the head has come there
    const headSkew = (headSwitchMs * NS_PER_MS) / this.turnNs + 2 / sectorsPerTrack;
    const cylinderSkew = ((this.#seekMs[1] as number) * NS_PER_MS) / this.turnNs + 2 / sectorsPerTrack;
    const switches = cylinder * (surfaces - 1) + this.atSurface;
    this.atAngle = fractionOf(inTrack / sectorsPerTrack + switches * headSkew + cylinder * cylinderSkew);
  }
}

/** Of what is not below 0: the remainder operator, but for its call of a function. */
function fractionOf(turns: number): number {
  return turns - Math.floor(turns);
}
