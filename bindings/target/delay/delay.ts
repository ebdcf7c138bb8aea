// Target `delay`: I/O reaches its device later, by a time for reads, one for writes and one for flushes.
//
//   delay <device> <offset> <delay ms> [<write device> <offset> <delay ms> [<flush device> <offset> <delay ms>]]
//
//   0 2048 delay /data/disk.img 0 50
//       a slow disk, to see what waits for it
//   0 2048 delay /data/disk.img 0 0 /data/disk.img 0 400
//       reads at once, writes and flushes 400 ms late: what does a journal do on such a disk?
//
// Three words hold for everything; six: the second triple is for all that writes, flushes included; nine: the third is for
// flushes (and for writes that flush first). Offsets are sectors, delays 0 … 2^32-1 ms of the device's clock; 0 sends at
// once. The delay comes before the device is asked: what it takes itself is added.
//
//   status   <reads held> <writes held> <flushes held>
//   table    the words as they were given
//
// A suspend lets go of everything at once and delays nothing until the resume, so it never waits for a delay.
// What is held keeps its records: more than half of the mapper's bios held by one device is back-pressure on it.
// DISCARD is taken where the devices take it; WRITE_ZEROES is not, as in the kernel.
//
// Due I/Os go in the order in which they came. The device takes nothing just then: prepMap is asked again, and `HELD` in
// `io.context` says that this one has waited already.

import { FLAG_PREFLUSH, OPERATION_FLUSH, OPERATION_READ } from '../../../assembly/abi.ts';
import { ArgumentReader } from '../../table/arguments.ts';
import type { DeviceReference, Target, TargetContext, TargetIo, TargetType } from '../target.ts';
import { MAP_REMAPPED, MAP_SUBMITTED } from '../target.ts';
import { leastBehindOffsets, type SizeOf } from '../whole-length.ts';
import { HeldQueue } from './held-queue.ts';

const HELD = 1;
const WORDS_A_CLASS = 3;
const NS_PER_MS = 1e6;
/** The longest wait that a timer of the machine takes; what is due later is looked at then and waits on. */
const WAIT_MS_MAX = 2 ** 31 - 1;

/** Where one kind of I/O goes, and when. */
class DelayClass {
  readonly device: DeviceReference;
  readonly offset: number;
  readonly delayMs: number;
  readonly delayNs: number;
  /** Added to a sector of the mapped device. */
  readonly shift: number;
  readonly held: HeldQueue = new HeldQueue();

  constructor(device: DeviceReference, offset: number, delayMs: number, beginSector: number) {
    this.device = device;
    this.offset = offset;
    this.delayMs = delayMs;
    this.delayNs = delayMs * NS_PER_MS;
    this.shift = offset - beginSector;
  }
}

class Delay implements Target {
  readonly flushes: number = 1;
  readonly writeZeroes: boolean = false;
  private readonly context: TargetContext;
  private readonly reads: DelayClass;
  private readonly writes: DelayClass;
  private readonly flushing: DelayClass;
  private readonly classes: readonly DelayClass[];
  /** How many of them the line names. */
  private readonly given: number;
  private order = 0;
  private mayHold = true;
  private timerDueNs = 0;
  private cancelTimer: (() => void) | undefined;

  constructor(context: TargetContext, classes: readonly [DelayClass, DelayClass, DelayClass], given: number) {
    this.context = context;
    this.classes = classes;
    [this.reads, this.writes, this.flushing] = classes;
    this.given = given;
  }

  prepMap(io: TargetIo): number {
    const own = this.classOf(io);
    io.device = own.device.id;
    if (own.delayNs === 0 || !this.mayHold || io.context === HELD) return MAP_REMAPPED;
    io.context = HELD;
    const dueNs = io.nowNs + own.delayNs;
    own.held.push(io.id, dueNs, io.operation === OPERATION_FLUSH ? 0 : io.sector + own.shift, this.order++);
    this.arm(dueNs, io.nowNs);
    return MAP_SUBMITTED;
  }

  map(io: TargetIo): number {
    if (io.operation !== OPERATION_FLUSH) io.sector += this.classOf(io).shift;
    return MAP_REMAPPED;
  }

  private classOf(io: TargetIo): DelayClass {
    if (io.operation === OPERATION_READ) return this.reads;
    return io.operation === OPERATION_FLUSH || (io.flags & FLAG_PREFLUSH) !== 0 ? this.flushing : this.writes;
  }

  // ---- what is held ------------------------------------------------------------------------

  /** One timer, for the earliest. */
  private arm(dueNs: number, nowNs: number): void {
    if (this.cancelTimer !== undefined && this.timerDueNs <= dueNs) return;
    this.cancelTimer?.();
    this.timerDueNs = dueNs;
    this.cancelTimer = this.context.setTimer(Math.min(Math.max(0, dueNs - nowNs) / NS_PER_MS, WAIT_MS_MAX), () => {
      this.cancelTimer = undefined;
      this.letGo(this.context.nowNs());
    });
  }

  /** Sends what is due by `untilNs`, in the order of arrival, and waits for the next. */
  private letGo(untilNs: number): void {
    for (let own = this.nextDue(untilNs); own !== undefined; own = this.nextDue(untilNs)) {
      const { id, sector } = own.held;
      own.held.shift();
      this.context.remap(id, own.device, sector);
    }
    let earliestNs = Infinity;
    for (const { held } of this.classes) if (held.size > 0) earliestNs = Math.min(earliestNs, held.dueNs);
    if (earliestNs < Infinity) this.arm(earliestNs, untilNs);
  }

  /** Each class is in order of its due times; of those whose oldest is due, the one that came first. */
  private nextDue(untilNs: number): DelayClass | undefined {
    let next: DelayClass | undefined;
    for (const own of this.classes) {
      if (own.held.size === 0 || own.held.dueNs > untilNs) continue;
      if (next === undefined || own.held.order < next.held.order) next = own;
    }
    return next;
  }

  presuspend(_isNoflush: boolean): void {
    this.mayHold = false;
    this.stopTimer();
    this.letGo(Infinity);
  }

  presuspendUndo(): void {
    this.mayHold = true;
  }

  resume(): void {
    this.mayHold = true;
  }

  destroy(): void {
    this.stopTimer();
  }

  private stopTimer(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  // ---- what users see ------------------------------------------------------------------------

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    if (kind === 'info') return this.classes.map(({ held }) => held.size).join(' ');
    return this.classes
      .slice(0, this.given)
      .map(({ device, offset, delayMs }) => `${name(device)} ${offset} ${delayMs}`)
      .join(' ');
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    for (const { device, offset } of this.classes) visit(device, offset, this.context.lengthSectors);
  }
}

/** Reads one triple; as in the kernel its device is opened before the next triple is read. */
function readClass(reader: ArgumentReader, context: TargetContext): DelayClass {
  const index = reader.nextIndex;
  const device = reader.next('Device lookup failed', 'a device');
  const offset = reader.sector('Invalid device sector');
  const delayMs = reader.uint('Invalid delay');
  return new DelayClass(context.getDevice(device, index, 'Device lookup failed'), offset, delayMs, context.beginSector);
}

export const delayTarget: TargetType = {
  name: 'delay',
  version: [1, 3, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length !== 3 && words.length !== 6 && words.length !== 9) {
      reader.fail('Requires exactly 3, 6 or 9 arguments', {
        index: Math.min(words.length, 9),
        detail: `expected triples of device, offset and delay, got ${words.length} words`,
      });
    }
    const reads = readClass(reader, context);
    const again = ({ device, offset, delayMs }: DelayClass): DelayClass =>
      new DelayClass(device, offset, delayMs, context.beginSector);
    const writes = reader.left > 0 ? readClass(reader, context) : again(reads);
    const flushing = reader.left > 0 ? readClass(reader, context) : again(writes);
    return new Delay(context, [reads, writes, flushing], words.length / WORDS_A_CLASS);
  },

  wholeLength(words: readonly string[], sizeOf: SizeOf): number | undefined {
    return leastBehindOffsets(words, 0, WORDS_A_CLASS, sizeOf);
  },
};
