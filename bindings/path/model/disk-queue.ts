// The command queue of a disk (NCQ, tagged queueing): of the commands that wait for its arm, the disk serves the one that it
// reaches first.
//
//   book()  ──▶ coming ──────────▶ window ─────────────▶ ready: the owner is told
//               by arrival,        commandQueue          ▲
//               on their way or    commands              └── the arm is free: choose
//               without a place
//
//   arrives   what the read buffer holds and what the write buffer has room for is ready without the arm, at once
//   choose    what read-ahead has brought meanwhile comes first. Then the command whose first sector is soonest under a
//             head: seek and rotation from where the arm stands, when it is free. A read that read-ahead is about to bring
//             costs what the platter needs to bring it. Equals go by arrival
//   ageing    a command that `patience` × `commandQueue` others have been served before goes next, whatever it costs; only what
//             costs nothing still goes before it. Counted, not timed: a time that suits one length of queue makes a longer
//             one first come, first served, as all of it is too old then
//   buffer    a write that finds no room, and a flush, wait for the write buffer; while one waits, the next write that would
//             be put down stands in the choice for it. Buffered writes behind it wait too, so that a flush comes to an end
//
// So the end of a command is known when it is chosen, not when it is booked: `book` returns Infinity then, and its owner is
// told later, from the queue's one alarm. A command that is chosen at once is booked as by a disk without a queue.
//
// Time goes from choice to choice by what the clock should have said: an alarm that is late (real time) changes no choice.

import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../../assembly/abi.ts';
import type { Time, Timer } from '../../time/time.ts';
import { type DiskDescription, DiskModel, SECTOR_BYTES } from './disk.ts';
import type { StorageModel } from './model.ts';
import { QueuedCommands } from './queued-commands.ts';

/** Who has sent a command, and is told when its answer leaves the disk. */
export interface CommandOwner {
  served(slot: number, issuedNs: number, operation: number, bytes: number, servedNs: number): void;
}

export const COMMAND_QUEUE_MAX = 256;
const NONE = -1;

export class DiskQueue implements StorageModel {
  readonly #disk: DiskModel;
  readonly #commands = new QueuedCommands();
  readonly #time: Time;
  readonly #alarm: Timer;
  #alarmNs = Number.POSITIVE_INFINITY;
  readonly #passesMost: number;
  /** Times the arm was sent so far. */
  #sent = 0;
  /** Commands that have a place, by arrival. */
  readonly #window: Int32Array;
  #count = 0;
  /** Those of them that wait for the write buffer. */
  #forBuffer = 0;
  /** Up to when everything has happened. */
  #clockNs = 0;
  #isAdvancing = false;
  // whom the next `book` is for
  #owner: CommandOwner | undefined;
  #slot = 0;
  #issuedNs = 0;
  /** The command that is being booked, and its end if that has come out. */
  #booking = NONE;
  #bookedNs = Number.POSITIVE_INFINITY;

  constructor(disk: DiskDescription, time: Time) {
    this.#disk = new DiskModel(disk);
    this.#window = new Int32Array(disk.commandQueue);
    this.#passesMost = disk.patience * disk.commandQueue;
    this.#time = time;
    this.#alarm = time.timer(this.#onAlarm, { isPrecise: true });
  }

  /** The next call of `book` is for this one. Apart from it, since controllers may stand between. */
  from(owner: CommandOwner, slot: number, issuedNs: number): void {
    this.#owner = owner;
    this.#slot = slot;
    this.#issuedNs = issuedNs;
  }

  /** Infinity: the owner is told later. `arrivedNs` may lie ahead, and go back between owners. */
  book(arrivedNs: number, operation: number, bytes: number, position: number): number {
    const commands = this.#commands;
    const one = commands.take(this.#owner as CommandOwner, this.#slot, this.#issuedNs);
    commands.operations[one] = operation;
    commands.bytes[one] = bytes;
    commands.sectors[one] = position / SECTOR_BYTES;
    commands.arrivedNs[one] = arrivedNs;
    commands.come(one);
    // an owner who is told may book again
    if (this.#isAdvancing) return Number.POSITIVE_INFINITY;
    this.#booking = one;
    this.#bookedNs = Number.POSITIVE_INFINITY;
    this.#advance(this.#time.now());
    this.#booking = NONE;
    return this.#bookedNs;
  }

  /** The owner does not wait for it any more. False: it is not here, or the disk has begun. */
  withdraw(owner: CommandOwner, slot: number): boolean {
    const one = this.#commands.find(owner, slot);
    if (one === NONE) return false;
    const place = this.#window.subarray(0, this.#count).indexOf(one);
    if (place < 0) this.#commands.leave(one);
    else this.#leave(place);
    this.#commands.release(one);
    // whoever takes its place takes it now, and from a turn of its own: who withdraws is in the middle of something
    this.#clockNs = Math.max(this.#clockNs, this.#time.now());
    if (this.#count > 0 || this.#commands.isComing) this.#wake(this.#clockNs);
    return true;
  }

  /** All of an owner's. */
  withdrawAll(owner: CommandOwner): void {
    for (;;) {
      const slot = this.#commands.slotOf(owner);
      if (slot === NONE) return;
      this.withdraw(owner, slot);
    }
  }

  /** Nobody holds the disk any more. */
  close(): void {
    this.#alarm.clear();
    this.#alarmNs = Number.POSITIVE_INFINITY;
  }

  readonly #onAlarm = (): void => {
    this.#alarmNs = Number.POSITIVE_INFINITY;
    this.#advance(this.#time.now());
  };

  #wake(atNs: number): void {
    if (atNs === this.#alarmNs) return;
    this.#alarmNs = atNs;
    if (atNs === Number.POSITIVE_INFINITY) this.#alarm.clear();
    else this.#alarm.set(atNs);
  }

  /** Lets everything happen that is due by `nowNs`, in its order. */
  #advance(nowNs: number): void {
    const commands = this.#commands;
    const { arm } = this.#disk;
    this.#isAdvancing = true;
    for (;;) {
      const hasPlace = this.#count < this.#window.length;
      const comesNs = hasPlace && commands.isComing ? Math.max(commands.nextNs, this.#clockNs) : Number.POSITIVE_INFINITY;
      const choiceNs = this.#count > 0 ? Math.max(arm.freeNs, this.#clockNs) : Number.POSITIVE_INFINITY;
      const nextNs = Math.min(comesNs, choiceNs);
      if (nextNs > nowNs) {
        // whole nanoseconds: nothing may be due before the clock says so
        this.#wake(Math.ceil(nextNs));
        break;
      }
      this.#clockNs = nextNs;
      if (comesNs <= choiceNs) this.#arrive(nextNs);
      else this.#choose(nextNs);
    }
    this.#isAdvancing = false;
  }

  // ---- a command comes --------------------------------------------------------------------------------------------

  #arrive(nowNs: number): void {
    const commands = this.#commands;
    const disk = this.#disk;
    const one = commands.arrive();
    const operation = commands.operations[one] as number;
    const isArmWanted = this.#count > 0;
    if (!isArmWanted) disk.putDownUntil(nowNs);
    const endNs = this.#withoutArm(one, operation, nowNs, isArmWanted);
    if (endNs >= 0) {
      this.#ready(one, endNs);
      return;
    }
    commands.sentBefore[one] = this.#sent;
    this.#window[this.#count++] = one;
    if (commands.isForBuffer[one] === 1) this.#forBuffer++;
    else commands.locate(one, disk.arm);
  }

  /** -1: it has to wait. */
  #withoutArm(one: number, operation: number, nowNs: number, isArmWanted: boolean): number {
    const commands = this.#commands;
    const disk = this.#disk;
    const sector = commands.sectors[one] as number;
    const sectors = (commands.bytes[one] as number) / SECTOR_BYTES;
    const arrivedNs = commands.arrivedNs[one] as number;
    commands.isForBuffer[one] = 0;
    if (operation === OPERATION_READ) return disk.readBuffered(nowNs, arrivedNs, sector, sectors, nowNs);
    if (operation === OPERATION_WRITE) {
      disk.forget(sector, sectors);
      if (!disk.isBuffered(sectors)) return -1;
      commands.isForBuffer[one] = 1;
      if (this.#forBuffer > 0 || !disk.hasRoom(sectors)) return -1;
      return disk.writeBuffered(nowNs, arrivedNs, sector, sectors, !isArmWanted);
    }
    if (operation !== OPERATION_FLUSH) return disk.otherNs(nowNs);
    commands.isForBuffer[one] = 1;
    return this.#forBuffer === 0 && disk.isClean(nowNs) ? disk.flushedNs(nowNs) : -1;
  }

  #ready(one: number, endNs: number): void {
    const commands = this.#commands;
    const owner = commands.owners[one] as CommandOwner;
    const slot = commands.slots[one] as number;
    const issuedNs = commands.issuedNs[one] as number;
    const operation = commands.operations[one] as number;
    const bytes = commands.bytes[one] as number;
    commands.release(one);
    if (one !== this.#booking) {
      owner.served(slot, issuedNs, operation, bytes, endNs);
      return;
    }
    this.#booking = NONE;
    this.#bookedNs = endNs;
  }

  // ---- the arm is free --------------------------------------------------------------------------------------------

  #choose(nowNs: number): void {
    if (this.#forBuffer > 0 && this.#letIntoBuffer(nowNs)) return;
    const commands = this.#commands;
    const place = this.#soonest(nowNs);
    const one = this.#window[place] as number;
    if (commands.isForBuffer[one] === 1) {
      this.#disk.putDown(nowNs);
      return;
    }
    this.#leave(place);
    this.#ready(one, this.#serve(one, nowNs));
  }

  /** The first that waits for the write buffer, if it need not wait any more. */
  #letIntoBuffer(nowNs: number): boolean {
    const commands = this.#commands;
    const disk = this.#disk;
    let place = 0;
    while (commands.isForBuffer[this.#window[place] as number] === 0) place++;
    const one = this.#window[place] as number;
    const sectors = (commands.bytes[one] as number) / SECTOR_BYTES;
    const isFlush = commands.operations[one] === OPERATION_FLUSH;
    if (isFlush ? !disk.isClean(nowNs) : !disk.hasRoom(sectors)) return false;
    this.#leave(place);
    const arrivedNs = commands.arrivedNs[one] as number;
    const sector = commands.sectors[one] as number;
    const isArmIdle = this.#count === 0;
    this.#ready(one, isFlush ? disk.flushedNs(nowNs) : disk.writeBuffered(nowNs, arrivedNs, sector, sectors, isArmIdle));
    return true;
  }

  #serve(one: number, nowNs: number): number {
    const commands = this.#commands;
    const disk = this.#disk;
    const sector = commands.sectors[one] as number;
    const sectors = (commands.bytes[one] as number) / SECTOR_BYTES;
    const arrivedNs = commands.arrivedNs[one] as number;
    if (commands.operations[one] === OPERATION_WRITE) return disk.writePlatter(nowNs, arrivedNs, sector, sectors);
    const endNs = disk.readBuffered(nowNs, arrivedNs, sector, sectors, Number.POSITIVE_INFINITY);
    return endNs >= 0 ? endNs : disk.readPlatter(nowNs, arrivedNs, sector, sectors);
  }

  /** The place in the window of the command that is served next. */
  #soonest(nowNs: number): number {
    const commands = this.#commands;
    const count = this.#count;
    let best = 0;
    let bestNs = Number.POSITIVE_INFINITY;
    let bufferNs = -1;
    for (let place = 0; place < count; place++) {
      const one = this.#window[place] as number;
      let reachedNs: number;
      if (commands.isForBuffer[one] === 0) {
        reachedNs = this.#reachedNs(one, nowNs, bestNs);
        if (reachedNs <= nowNs && this.#isRead(one, nowNs)) return place;
      } else {
        // one write is put down for all of them
        if (bufferNs < 0) bufferNs = this.#putDownReachedNs(nowNs);
        reachedNs = bufferNs;
      }
      if (reachedNs < bestNs) {
        bestNs = reachedNs;
        best = place;
      }
    }
    const passes = this.#sent++ - (commands.sentBefore[this.#window[0] as number] as number);
    return passes < this.#passesMost ? best : 0;
  }

  /** When the first sector would be there; not told exactly where that is not before `bestNs`. */
  #reachedNs(one: number, nowNs: number, bestNs: number): number {
    const commands = this.#commands;
    const disk = this.#disk;
    const isWrite = commands.operations[one] === OPERATION_WRITE;
    if (!isWrite) {
      const sector = commands.sectors[one] as number;
      const aheadNs = disk.readAheadNs(nowNs, sector, sector);
      if (aheadNs >= 0) return aheadNs;
    }
    return disk.arm.reachedNs(
      Math.max(disk.commandedNs(commands.arrivedNs[one] as number, isWrite), nowNs),
      commands.cylinders[one] as number,
      commands.surfaces[one] as number,
      commands.angles[one] as number,
      isWrite,
      bestNs,
    );
  }

  /** Read-ahead has brought all of it. */
  #isRead(one: number, nowNs: number): boolean {
    const commands = this.#commands;
    const sector = commands.sectors[one] as number;
    const aheadNs = this.#disk.readAheadNs(nowNs, sector, sector + (commands.bytes[one] as number) / SECTOR_BYTES);
    return aheadNs >= 0 && aheadNs <= nowNs;
  }

  #putDownReachedNs(nowNs: number): number {
    const disk = this.#disk;
    const { arm } = disk;
    arm.locate(disk.nextDirtySector);
    return arm.reachedNs(nowNs, arm.atCylinder, arm.atSurface, arm.atAngle, true);
  }

  #leave(place: number): void {
    const window = this.#window;
    this.#forBuffer -= this.#commands.isForBuffer[window[place] as number] as number;
    window.copyWithin(place, place + 1, this.#count--);
  }
}
