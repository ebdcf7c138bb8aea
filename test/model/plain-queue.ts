// A queue in plain TypeScript, from the specification and not from the core. One queue, and a path that takes `depth`
// requests at a time. What bios may grow to stands in plain-limits.ts, what flushes in plain-flush.ts, merges and the
// orders of the elevators in plain-elevator.ts.
//
// The order of work: bios arrive (checks, split, plug, merge), `run` empties the plug, tries what waited, and dispatches.

import {
  ELEVATOR_MQ_DEADLINE,
  FLAG_FUA,
  FLAG_NOMERGE,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_AGAIN,
  STATUS_INVAL,
  STATUS_NOTSUPP,
  STATUS_OK,
} from '../../assembly/abi.ts';
import { PlainElevator, type PlainOrder } from './plain-elevator.ts';
import { PlainFlushes } from './plain-flush.ts';
import { cutOf, isOver, maxSectorsAt, type PlainLimits } from './plain-limits.ts';
import { isAsync, mayMerge, type PlainBio, type PlainRequest, requestOf, sectorsOf } from './plain-request.ts';

export interface PlainSettings extends PlainLimits, PlainOrder {
  depth: number;
  requests: number;
  /** Requests that are not for reads; 0: three quarters of all. */
  asyncDepth: number;
  hasCache: number;
  hasFua: number;
  isKernelPlugOrder: number;
}

/** What the disk statistics are to say of one operation. */
export interface PlainStatistics {
  ios: number;
  sectors: number;
}

export class PlainQueue {
  nowNs = 0;
  inFlight = 0;
  /** Status by tag, of bios all of whose parts have ended. */
  private statuses: Map<number, number> = new Map();
  readonly statistics: { readonly read: PlainStatistics; readonly write: PlainStatistics; readonly discard: PlainStatistics } =
    {
      read: { ios: 0, sectors: 0 },
      write: { ios: 0, sectors: 0 },
      discard: { ios: 0, sectors: 0 },
    };
  /** Flushes that have ended at the path. */
  flushes = 0;
  readonly elevator: PlainElevator;
  private readonly settings: PlainSettings;
  private readonly machine: PlainFlushes;
  /** Parts of each tag that have not ended. */
  private readonly parts: Map<number, number> = new Map();
  private held = 0;
  private plug: PlainRequest[] = [];
  private asyncHeld = 0;
  private readonly waiting: PlainBio[] = [];
  /** Over the depth of what is not read: reads go past them. */
  private readonly overDepth: PlainBio[] = [];
  private comingBack: PlainRequest[] = [];
  private readonly dispatchList: PlainRequest[] = [];

  constructor(settings: PlainSettings) {
    this.settings = { ...settings };
    this.elevator = new PlainElevator(this.settings, (request) => this.free(request));
    this.machine = new PlainFlushes(
      (request) => this.dispatchList.push(request),
      (request) => this.end(request),
    );
  }

  /** Of those that have ended since the last call. */
  takeStatuses(): Map<number, number> {
    const taken = this.statuses;
    this.statuses = new Map();
    return taken;
  }

  /** Settings change while I/O is queued and under way. */
  set({ elevator, ...changes }: Partial<PlainSettings>): void {
    if (elevator !== undefined) this.elevator.switchTo(elevator);
    Object.assign(this.settings, changes);
  }

  // ---- arrival: 2, 3.6 --------------------------------------------------------------------------------------------

  submit(bios: readonly PlainBio[], isPlugged: boolean): void {
    this.elevator.nowNs = this.nowNs;
    for (const given of bios) {
      const bio = this.asFlush(given);
      const status = this.check(bio);
      this.parts.set(bio.tag, 1);
      if (status !== undefined) this.endPart(bio, status);
      else this.arrive(bio, isPlugged);
    }
  }

  private arrive(bio: PlainBio, isPlugged: boolean): void {
    const isBehind = this.waiting.length > 0 ? this.waiting : this.queuesUp(bio) ? this.overDepth : undefined;
    if (!isBehind) this.enter(bio, isPlugged);
    else if (bio.flags & FLAG_NOWAIT) this.endPart(bio, STATUS_AGAIN);
    else isBehind.push(bio);
  }

  private queuesUp(bio: PlainBio): boolean {
    return this.overDepth.length > 0 && isAsync(bio);
  }

  private wait(...bios: readonly PlainBio[]): false {
    for (const bio of bios.toReversed()) {
      const isOver = this.isOverDepth(bio) || this.queuesUp(bio);
      (isOver ? this.overDepth : this.waiting).unshift(bio);
    }
    return false;
  }

  private isOverDepth(bio: PlainBio): boolean {
    const { elevator, requests, asyncDepth } = this.settings;
    const most = asyncDepth || Math.max(1, Math.floor((3 * requests) / 4));
    return elevator === ELEVATOR_MQ_DEADLINE && isAsync(bio) && this.asyncHeld >= most;
  }

  /** Flags that mean nothing are taken away; a write of nothing that flushes is a flush. */
  private asFlush(bio: PlainBio): PlainBio {
    const isWrite = (bio.operation & OPERATION_WRITE) !== 0;
    if (bio.operation === OPERATION_WRITE && bio.sectors === 0 && bio.flags & FLAG_PREFLUSH) {
      return { ...bio, operation: OPERATION_FLUSH, sector: 0, flags: bio.flags & ~(FLAG_FUA | FLAG_PREFLUSH) };
    }
    if (isWrite && this.settings.hasCache) return bio;
    return { ...bio, flags: bio.flags & ~(FLAG_FUA | FLAG_PREFLUSH) };
  }

  /** The status that it ends with at once. */
  private check({ operation, sector, sectors }: PlainBio): number | undefined {
    if (operation === OPERATION_FLUSH) return this.settings.hasCache ? undefined : STATUS_OK;
    const { logicalBlockSectors: block } = this.settings;
    if (sector % block !== 0 || sectors % block !== 0) return STATUS_INVAL;
    if (maxSectorsAt(this.settings, operation, sector) === 0) return STATUS_NOTSUPP;
    return sectors === 0 ? STATUS_OK : undefined;
  }

  /** False: it waits for a request, before all others. */
  private enter(whole: PlainBio, isPlugged: boolean): boolean {
    let bio = whole;
    for (let cut = this.cut(bio); cut > 0; cut = this.cut(bio)) {
      if (bio.flags & FLAG_NOWAIT) return this.endPart(bio, STATUS_AGAIN);
      const rest = { ...bio, sector: bio.sector + cut, sectors: bio.sectors - cut, at: bio.at + cut };
      const front = { ...bio, sectors: cut, flags: bio.flags | FLAG_NOMERGE };
      this.parts.set(bio.tag, (this.parts.get(bio.tag) as number) + 1);
      if (!this.queue(front, isPlugged)) return this.wait(front, rest);
      bio = rest;
    }
    if (this.queue(bio, isPlugged)) return true;
    if (bio.flags & FLAG_NOWAIT) return this.endPart(bio, STATUS_AGAIN);
    return this.wait(bio);
  }

  private cut(bio: PlainBio): number {
    return bio.operation === OPERATION_FLUSH ? 0 : cutOf(this.settings, bio);
  }

  private queue(bio: PlainBio, isPlugged: boolean): boolean {
    const { nomerges, requests } = this.settings;
    const canMerge = mayMerge(bio) && [OPERATION_READ, OPERATION_WRITE, OPERATION_DISCARD].includes(bio.operation);
    if (canMerge && nomerges !== 2) {
      const last = this.plug.at(-1);
      if (last && this.elevator.mergeIntoPlug(last, bio)) return true;
      if (this.elevator.mergeIntoQueue(bio)) return true;
    }
    if (this.held >= requests || this.isOverDepth(bio)) {
      this.unplug();
      return false;
    }
    this.held++;
    if (isAsync(bio)) this.asyncHeld++;
    const request = requestOf(bio, this.nowNs);
    const isFlushing = bio.operation === OPERATION_FLUSH || (bio.flags & (FLAG_FUA | FLAG_PREFLUSH)) !== 0;
    if (isFlushing) this.machine.enter(request, this.settings.hasFua !== 0, this.nowNs);
    else if (isPlugged) this.addToPlug(request);
    else this.elevator.insert(request);
    return true;
  }

  private addToPlug(request: PlainRequest): void {
    const last = this.plug.at(-1);
    if (this.plug.length >= 32 || (last && this.settings.nomerges !== 2 && sectorsOf(last) >= 256)) this.unplug();
    this.plug.push(request);
  }

  private unplug(): void {
    const held = this.plug;
    this.plug = [];
    if (this.settings.isKernelPlugOrder && !this.elevator.isSorting) held.reverse();
    for (const request of held) this.elevator.insert(request);
  }

  // ---- dispatch: 4.4, 4.5 -----------------------------------------------------------------------------------------

  /** Everything that can go now, in order. */
  run(): PlainRequest[] {
    this.elevator.nowNs = this.nowNs;
    this.unplug();
    this.comeBack();
    const gone: PlainRequest[] = [];
    do {
      this.enterWaiting();
      this.machine.run(this.nowNs);
    } while (this.dispatch(gone));
    return gone;
  }

  /** Those that wait for a request, then those that wait for another of their kind to end. */
  private enterWaiting(): void {
    for (let bio = this.waiting.shift(); bio; bio = this.waiting.shift()) {
      const [first] = this.overDepth;
      if (this.queuesUp(bio)) this.overDepth.push(bio);
      else if (!this.enter(bio, false) && this.overDepth[0] === first) return;
    }
    for (let bio = this.overDepth.shift(); bio; bio = this.overDepth.shift()) if (!this.enter(bio, false)) return;
  }

  /** Flushes and steps of the machine go on at once, all others before all that is queued. */
  private comeBack(): void {
    for (const request of this.comingBack.reverse()) {
      if (request.operation === OPERATION_FLUSH || request.step !== 'whole') this.dispatchList.unshift(request);
      else this.elevator.insertAtHead(request);
    }
    this.comingBack = [];
  }

  /** True: some begin anew. */
  private dispatch(gone: PlainRequest[]): boolean {
    let hasSplit = false;
    while (this.inFlight < this.settings.depth) {
      const request = this.dispatchList.shift() ?? this.elevator.pull();
      if (!request) break;
      if (request.bios.length > 0 && isOver(this.settings, request)) {
        this.machine.forgets(request);
        this.waiting.unshift(...request.bios);
        this.elevator.forget(request);
        this.free(request);
        hasSplit = true;
      } else {
        gone.push(request);
        this.inFlight++;
      }
    }
    return hasSplit;
  }

  // ---- the way back: 7, 8.6 ----------------------------------------------------------------------------------------

  /** The path has answered. */
  answered(): void {
    this.inFlight--;
  }

  /** It went well. */
  ended(request: PlainRequest): void {
    if (request.bios.length === 0 && request.operation === OPERATION_FLUSH) this.flushes++;
    if (!this.machine.ended(request)) this.end(request);
  }

  /**
   * It comes back, without the whole bios of its good sectors. Of a step of the flush machine nothing is told, nor of a
   * discard of several ranges.
   */
  requeue(request: PlainRequest, goodSectors: number): void {
    const isWhole = request.operation === OPERATION_FLUSH || request.step !== 'whole' || request.ranges > 1;
    let left = isWhole ? 0 : goodSectors;
    while (!isWhole && request.bios.length > 0 && request.bios[0].sectors <= left) {
      const bio = request.bios.shift() as PlainBio;
      left -= bio.sectors;
      this.count(bio.operation, 0, bio.sectors);
      this.endPart(bio, STATUS_OK);
    }
    if (isWhole || request.bios.length > 0) this.comingBack.push(request);
    else this.end(request);
  }

  private free({ isAsync: wasAsync }: PlainRequest): void {
    this.held--;
    if (wasAsync) this.asyncHeld--;
  }

  private end(request: PlainRequest): void {
    this.elevator.forget(request);
    this.free(request);
    // one that asked for a flush counts as a write of nothing, beside the flush that was sent
    this.count(request.operation, 1, request.operation === OPERATION_FLUSH ? 0 : sectorsOf(request));
    for (const bio of request.bios) this.endPart(bio, STATUS_OK);
  }

  private count(operation: number, ios: number, sectors: number): void {
    const { read, write, discard } = this.statistics;
    const group = operation === OPERATION_READ ? read : operation === OPERATION_DISCARD ? discard : write;
    group.ios += ios;
    group.sectors += sectors;
  }

  private endPart({ tag }: PlainBio, status: number): true {
    const left = (this.parts.get(tag) as number) - 1;
    this.parts.set(tag, left);
    if (left === 0) this.statuses.set(tag, status);
    return true;
  }
}
