// Flushes of a multipath map.
//
// A flush is one I/O that must cover every write cache that holds acknowledged writes (see cache.ts). It is driven in
// turns: prepMap gives it to one path of a cache that needs it, endIo asks for the next turn (END_REQUEUE) until none
// needs it.
//
//   begin   for each cache: needed = dirty if dirty > flushed, else 0. Writes that end later are not this flush's.
//   prepMap the selector's choice if it lies before a cache that still needs it (needed > flushed), or if none needs it:
//           so a flush with nothing to cover, or behind a single cache, goes down one path once. Otherwise any active
//           path of a needy cache.
//   endIo   success: flushed = what dirty was when this turn was issued. A path error fails the path; the next turn
//           takes another path of the same cache.
//   lost    a needy cache without a path: the flush waits while I/O is held (queue_if_no_path), else it fails. Its loss
//           is told once: a later flush doesn't fail for the same writes, but covers them should a path come back.
//
// Two flushes at a time: each has its own `needed`, and `flushed` grows only by turns that succeeded. So the second
// never ends on the strength of a turn of the first that is still in flight, and needs no turn of its own when that
// turn, issued late enough, has succeeded.
//
// What a flush needs lives in a slot; `io.context` carries the slot's number, which the core keeps over requeues. A
// requeued flush may meet the next table: the number of the map in the upper bits tells foreign slots.
//
//   30              14 13         0
//   | number of map   | slot + 1  |

import { STATUS_AGAIN, STATUS_OK, STATUS_RESOURCE } from '../../../assembly/abi.ts';
import type { TargetIo } from '../target.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE, MAP_DELAY_REQUEUE, MAP_KILL, MAP_REMAPPED } from '../target.ts';
import { type ExplainDesk, OUTCOME_SENT } from './explain.ts';
import type { MultipathMachine } from './machine.ts';
import { failsPath } from './path-error.ts';
import type { MultipathPath } from './state.ts';

const SLOT_BITS = 14;
const SLOT_MASK: number = (1 << SLOT_BITS) - 1;
const MAP_BITS = 17;

class FlushSlot {
  readonly number: number;
  isTaken: boolean = false;
  /** For each cache: the sequence that must be flushed; 0: none. */
  readonly needed: number[];
  path: MultipathPath | undefined = undefined;
  /** `dirty` of the path's cache when this turn was issued. */
  issuedAt: number = 0;

  constructor(number: number, caches: number) {
    this.number = number;
    this.needed = new Array<number>(caches).fill(0);
  }
}

export class FlushDriver {
  private readonly machine: MultipathMachine;
  private readonly desk: ExplainDesk;
  private readonly tag: number;
  /** Grows to the most flushes ever under way, and is used again. */
  private readonly slots: FlushSlot[] = [];

  /** `mapNumber` tells this table's slots from those of others. */
  constructor(machine: MultipathMachine, desk: ExplainDesk, mapNumber: number) {
    this.machine = machine;
    this.desk = desk;
    this.tag = (mapNumber & ((1 << MAP_BITS) - 1)) << SLOT_BITS;
  }

  prepMap(io: TargetIo): number {
    const slot = this.slotOf(io.context) ?? this.begin();
    if (slot === undefined) return MAP_DELAY_REQUEUE;
    io.context = this.tag | (slot.number + 1);
    const path = this.nextPath(slot, io.nowNs);
    // Its group is being initialised, or that has just failed the path.
    if (path !== undefined && !(this.machine.isGroupReady() && path.isActive)) return MAP_DELAY_REQUEUE;
    if (path === undefined) {
      if (this.machine.isHoldingIo()) return MAP_DELAY_REQUEUE;
      this.close(slot, false);
      return MAP_KILL;
    }
    this.desk.explainer?.note(io, path, OUTCOME_SENT);
    slot.path = path;
    slot.issuedAt = path.cache.dirty;
    io.device = path.deviceId;
    this.machine.start(path, io.bytes, io.nowNs);
    return MAP_REMAPPED;
  }

  endIo(io: TargetIo): number {
    const slot = this.slotOf(io.context);
    const path = slot?.path;
    if (slot === undefined || path === undefined) throw new Error(`flush ended that was never begun (context ${io.context})`);
    slot.path = undefined;
    const { status } = io;
    const isAskedAgain = status === STATUS_AGAIN && path.patience.lasts(io.nowNs);
    const isFailing = status === STATUS_AGAIN ? !isAskedAgain : status !== STATUS_OK && failsPath(status);
    if (isFailing) this.machine.failPath(path);
    this.machine.end(path, io.bytes, io.issuedAtNs, io.nowNs);
    if (status === STATUS_OK) {
      if (path.cache.flushed < slot.issuedAt) path.cache.flushed = slot.issuedAt;
      if (this.isCovering(slot)) return END_REQUEUE;
      this.close(slot, true);
      return END_DONE;
    }
    if (isAskedAgain) return END_DELAY_REQUEUE;
    // A flush may be sent twice, so one of unknown fate is tried again too.
    if (isFailing && (this.machine.validPaths > 0 || this.machine.isHoldingIo())) {
      return status === STATUS_RESOURCE ? END_DELAY_REQUEUE : END_REQUEUE;
    }
    this.close(slot, false);
    return END_DONE;
  }

  release(io: TargetIo): void {
    const slot = this.slotOf(io.context);
    if (slot?.path === undefined) return;
    this.machine.takeBack(slot.path, io.bytes);
    slot.path = undefined;
  }

  private slotOf(context: number): FlushSlot | undefined {
    if ((context & ~SLOT_MASK) !== this.tag) return undefined;
    const slot = this.slots[(context & SLOT_MASK) - 1];
    return slot?.isTaken === true ? slot : undefined;
  }

  private begin(): FlushSlot | undefined {
    const { caches } = this.machine.configuration;
    let slot = this.slots.find((candidate) => !candidate.isTaken);
    if (slot === undefined) {
      if (this.slots.length === SLOT_MASK) return undefined;
      slot = new FlushSlot(this.slots.length, caches.length);
      this.slots.push(slot);
    }
    slot.isTaken = true;
    for (const [index, cache] of caches.entries()) {
      const isToldAsLost = cache.dirty <= cache.told && this.activePathOf(index) === undefined;
      slot.needed[index] = cache.dirty > cache.flushed && !isToldAsLost ? cache.dirty : 0;
    }
    return slot;
  }

  private close(slot: FlushSlot, isCovered: boolean): void {
    if (!isCovered) {
      for (const [index, cache] of this.machine.configuration.caches.entries()) {
        const isLost = this.needs(slot, index) && this.activePathOf(index) === undefined;
        if (isLost) cache.told = Math.max(cache.told, slot.needed[index]);
      }
    }
    slot.isTaken = false;
    slot.path = undefined;
  }

  private needs(slot: FlushSlot, index: number): boolean {
    return slot.needed[index] > this.machine.configuration.caches[index].flushed;
  }

  private isCovering(slot: FlushSlot): boolean {
    return slot.needed.some((_, index) => this.needs(slot, index));
  }

  private nextPath(slot: FlushSlot, nowNs: number): MultipathPath | undefined {
    const preferred = this.machine.chooseOnce(0, nowNs);
    if (preferred === undefined) return undefined;
    const { caches } = this.machine.configuration;
    const index = caches.indexOf(preferred.cache);
    if (index !== -1 && this.needs(slot, index)) return preferred;
    for (let other = 0; other < caches.length; other++) {
      const path = this.needs(slot, other) ? this.activePathOf(other) : undefined;
      if (path !== undefined) return path;
    }
    return this.isCovering(slot) ? undefined : preferred;
  }

  /** An active path before a cache: of the current group if it has one, else the first of the table. */
  private activePathOf(index: number): MultipathPath | undefined {
    const cache = this.machine.configuration.caches[index];
    const group = this.machine.currentGroup;
    const isUsable = (path: MultipathPath): boolean => path.isActive && path.cache === cache;
    return group?.paths.find(isUsable) ?? this.machine.configuration.paths.find(isUsable);
  }
}
