// The elevators in plain TypeScript: what is queued, how it merges, in which order it leaves (spec-core 3.1 to 3.5, 4, 5, 6).
// Arrays that are searched and sorted, nothing that is fast.

import {
  ELEVATOR_MQ_DEADLINE,
  ELEVATOR_NONE,
  FLAG_PRIORITY_MASK,
  FLAG_PRIORITY_SHIFT,
  OPERATION_DISCARD,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
} from '../../assembly/abi.ts';
import { maxSectorsAt, mergesRanges, type PlainLimits, segmentsMax } from './plain-limits.ts';
import { endOf, mayMerge, type PlainBio, type PlainRequest, remove, segmentsOf, startOf, sum } from './plain-request.ts';

export interface PlainOrder {
  elevator: number;
  nomerges: number;
  hasFrontMerges: number;
  fifoBatch: number;
  writesStarved: number;
  readExpireMs: number;
  writeExpireMs: number;
  priorityAgingMs: number;
}

type Direction = 0 | 1;
type Merge = 'back' | 'front' | 'range';

/** Requests of one class, in two directions; elevators that know neither use the first of each. */
interface Lane {
  readonly head: PlainRequest[];
  readonly fifos: readonly [PlainRequest[], PlainRequest[]];
  readonly sorted: readonly [PlainRequest[], PlainRequest[]];
  readonly next: [PlainRequest | undefined, PlainRequest | undefined];
}

const newLanes = (): Lane[] =>
  [0, 1, 2].map(() => ({ head: [], fifos: [[], []], sorted: [[], []], next: [undefined, undefined] }));

export class PlainElevator {
  nowNs = 0;
  /** By operation, as the disk statistics have them. */
  readonly merges: { read: number; write: number; discard: number } = { read: 0, write: 0, discard: 0 };
  private readonly settings: PlainOrder & PlainLimits;
  /** A request has become part of another. */
  private readonly gone: (request: PlainRequest) => void;
  private filings = 0;
  private lanes = newLanes();
  /** Inserted and not ended, and the class that they were inserted into. */
  private readonly held: Map<PlainRequest, Lane> = new Map();
  private lastMerge: PlainRequest | undefined;
  private lastDirection: Direction = 1;
  private batching = 0;
  private starved = 0;
  private sweep = 0;

  constructor(settings: PlainOrder & PlainLimits, gone: (request: PlainRequest) => void) {
    this.settings = settings;
    this.gone = gone;
  }

  get isSorting(): boolean {
    return this.settings.elevator !== ELEVATOR_NONE;
  }

  private get hasClasses(): boolean {
    return this.settings.elevator === ELEVATOR_MQ_DEADLINE;
  }

  /** NONE counts as best effort. */
  private laneOf({ priority }: PlainRequest): Lane {
    const number = (priority >> FLAG_PRIORITY_SHIFT) & 3;
    return this.lanes[this.hasClasses ? (number || 2) - 1 : 0];
  }

  // ---- merges: 3.1 to 3.5, 4.1, 4.2 ---------------------------------------------------------------------------------

  private isCompatible(request: PlainRequest, bio: PlainBio): boolean {
    // one with FUA is here only when it has come back
    const isOpen = !request.isNomerge && !request.isFua;
    return isOpen && request.operation === bio.operation && request.priority === (bio.flags & FLAG_PRIORITY_MASK);
  }

  private how(request: PlainRequest, bio: PlainBio): Merge | undefined {
    if (mergesRanges(this.settings, request.operation)) return 'range';
    if (endOf(request) === bio.sector) return 'back';
    return bio.sector + bio.sectors === startOf(request) ? 'front' : undefined;
  }

  /** Undefined: they are no neighbours. False: they are, and a limit stands against it. */
  private merge(request: PlainRequest, bio: PlainBio): Merge | false | undefined {
    const how = this.how(request, bio);
    if (how === undefined) return undefined;
    const bios = how === 'front' ? [bio, ...request.bios] : [...request.bios, bio];
    const merged: PlainRequest = { ...request, bios, ranges: request.ranges + (how === 'range' ? 1 : 0) };
    if (!this.isWithin(merged)) {
      request.isNomerge = true;
      return false;
    }
    request.bios = bios;
    request.ranges = merged.ranges;
    if (how === 'front') request.startFiled = ++this.filings;
    else request.endFiled = ++this.filings;
    this.count(request);
    return how;
  }

  private isWithin(request: PlainRequest): boolean {
    const { operation, bios } = request;
    if (sum(bios) > maxSectorsAt(this.settings, operation, bios[0].sector)) return false;
    return segmentsOf(request) <= segmentsMax(this.settings, operation);
  }

  private count({ operation }: PlainRequest): void {
    if (operation === OPERATION_READ) this.merges.read++;
    else if (operation === OPERATION_DISCARD) this.merges.discard++;
    else this.merges.write++;
  }

  /** Into the request that was plugged last. */
  mergeIntoPlug(last: PlainRequest, bio: PlainBio): boolean {
    return this.isCompatible(last, bio) && Boolean(this.merge(last, bio));
  }

  mergeIntoQueue(bio: PlainBio): boolean {
    if (!this.isSorting) {
      for (const request of this.lanes[0].fifos[0].slice(-8).reverse()) {
        const done = this.isCompatible(request, bio) ? this.merge(request, bio) : undefined;
        if (done !== undefined) return Boolean(done);
      }
      return false;
    }
    const { nomerges, hasFrontMerges } = this.settings;
    const last = this.lastMerge;
    const hit = last && this.isCompatible(last, bio) ? this.merge(last, bio) : undefined;
    if (last && hit !== undefined) return this.merged(last, hit);
    if (nomerges === 1) return false;
    const byEnd = this.find('endFiled', (request) => this.isCompatible(request, bio) && endOf(request) === bio.sector);
    if (byEnd) return this.merged(byEnd, this.merge(byEnd, bio));
    if (!hasFrontMerges) return false;
    const end = bio.sector + bio.sectors;
    const byStart = this.find('startFiled', (request) => this.isCompatible(request, bio) && startOf(request) === end);
    return byStart !== undefined && this.merged(byStart, this.merge(byStart, bio));
  }

  private find(filed: 'endFiled' | 'startFiled', holds: (request: PlainRequest) => boolean): PlainRequest | undefined {
    const all = this.lanes.flatMap(({ head, fifos }) => [...head, ...fifos[0], ...fifos[1]]);
    return all.filter(holds).sort((a, b) => b[filed] - a[filed])[0];
  }

  /** A bio has been merged into `request`: so may be, now, a neighbour. */
  private merged(request: PlainRequest, how: Merge | false | undefined): boolean {
    if (!how) return false;
    this.lastMerge = request;
    if (request.place !== 'sorted' || how === 'range') return true;
    const sorted = this.laneOf(request).sorted[this.directionOf(request)];
    const at = sorted.indexOf(request);
    if (how === 'back') {
      this.join(request, sorted[at + 1]);
    } else if (!this.join(sorted[at - 1], request)) {
      // sorted anew; a batch that was to go on with it still is
      sorted.splice(at, 1);
      this.sort(request);
    }
    return true;
  }

  private canJoin(before: PlainRequest | undefined, after: PlainRequest | undefined): boolean {
    if (!before || !after || before.isNomerge || after.isNomerge || before.operation !== after.operation) return false;
    if (before.priority !== after.priority || before.operation === OPERATION_WRITE_ZEROES || before.isFua || after.isFua)
      return false;
    const isRange = mergesRanges(this.settings, before.operation);
    if (!isRange && endOf(before) !== startOf(after)) return false;
    return this.isWithin(this.joined(before, after));
  }

  private joined(before: PlainRequest, after: PlainRequest): PlainRequest {
    const isRange = mergesRanges(this.settings, before.operation);
    return { ...before, bios: [...before.bios, ...after.bios], ranges: isRange ? before.ranges + after.ranges : 1 };
  }

  /** Two queued requests become one: `after` goes, and the earlier of their places in the fifo stays. */
  private join(before: PlainRequest | undefined, after: PlainRequest | undefined): boolean {
    if (!before || !after || !this.canJoin(before, after) || (after.place === 'head' && before.place !== 'head')) return false;
    if (after.place === 'head') {
      remove(this.laneOf(after).head, after);
    } else {
      const fifo = this.laneOf(after).fifos[this.directionOf(after)];
      if (before.place === 'sorted' && after.fifoTime < before.fifoTime) {
        before.fifoTime = after.fifoTime;
        before.order = after.order;
        remove(fifo, before);
        fifo[fifo.indexOf(after)] = before;
      } else {
        remove(fifo, after);
      }
      this.unsort(after);
    }
    this.append(before, after);
    return true;
  }

  private append(before: PlainRequest, after: PlainRequest): void {
    const { bios, ranges } = this.joined(before, after);
    before.bios = bios;
    before.ranges = ranges;
    before.endFiled = ++this.filings;
    before.queuedAt = Math.min(before.queuedAt, after.queuedAt);
    after.place = 'away';
    this.lastMerge = before;
    this.count(before);
    this.held.delete(after);
    this.gone(after);
  }

  private absorb(incoming: PlainRequest): boolean {
    if (this.lastMerge && this.canJoin(this.lastMerge, incoming)) {
      this.append(this.lastMerge, incoming);
      return true;
    }
    if (this.settings.nomerges === 1) return false;
    let survivor = this.before(incoming);
    if (!survivor || !this.canJoin(survivor, incoming)) return false;
    this.append(survivor, incoming);
    for (let one = this.before(survivor); one && this.join(one, survivor); one = this.before(survivor)) survivor = one;
    return true;
  }

  private before({ operation, priority, bios }: PlainRequest): PlainRequest | undefined {
    const isOpen = (one: PlainRequest): boolean => !one.isNomerge && !one.isFua;
    const isAlike = (one: PlainRequest): boolean => one.operation === operation && one.priority === priority && isOpen(one);
    return this.find('endFiled', (one) => isAlike(one) && endOf(one) === bios[0].sector);
  }

  // ---- insert: 5.3, 4.5 -----------------------------------------------------------------------------------------------

  private directionOf(request: PlainRequest): Direction {
    return this.hasClasses && request.operation & OPERATION_WRITE ? 1 : 0;
  }

  insert(request: PlainRequest): void {
    if (this.isSorting && this.settings.nomerges !== 2 && this.absorb(request)) return;
    this.put(request, this.nowNs);
  }

  private put(request: PlainRequest, since: number): void {
    const lane = this.laneOf(request);
    const direction = this.directionOf(request);
    request.place = 'sorted';
    request.order = ++this.filings;
    request.fifoTime = since + (this.hasClasses ? this.expireNs(request) : 0);
    this.file(request);
    this.hold(request);
    lane.fifos[direction].push(request);
    if (this.isSorting) this.sort(request);
    const canMerge = mayMerge(request.bios[0]) && request.operation !== OPERATION_WRITE_ZEROES;
    if (!request.isNomerge && canMerge) this.lastMerge ??= request;
  }

  private expireNs(request: PlainRequest): number {
    return (this.directionOf(request) ? this.settings.writeExpireMs : this.settings.readExpireMs) * 1_000_000;
  }

  insertAtHead(request: PlainRequest): void {
    request.fifoTime = this.nowNs;
    this.becomeHead(request);
    this.laneOf(request).head.unshift(request);
  }

  private becomeHead(request: PlainRequest): void {
    request.place = 'head';
    this.file(request);
    this.hold(request);
  }

  private hold(request: PlainRequest): void {
    if (!this.held.has(request)) this.held.set(request, this.laneOf(request));
  }

  /** It has ended, or begins anew. */
  forget(request: PlainRequest): void {
    this.held.delete(request);
  }

  /** Another elevator takes over, all that is queued goes along, and what is under way does not count there. */
  switchTo(elevator: number): void {
    if (elevator === this.settings.elevator) return;
    const heads = this.lanes.flatMap(({ head }) => head);
    const others = this.lanes.flatMap(({ fifos }) => [...fifos[0], ...fifos[1]]).sort((a, b) => a.order - b.order);
    this.lanes = newLanes();
    this.held.clear();
    this.lastMerge = undefined;
    this.lastDirection = 1;
    this.batching = 0;
    this.starved = 0;
    this.sweep = 0;
    this.settings.elevator = elevator;
    for (const request of heads) {
      this.becomeHead(request);
      this.laneOf(request).head.push(request);
    }
    for (const request of others) this.put(request, request.queuedAt);
  }

  private file(request: PlainRequest): void {
    request.endFiled = ++this.filings;
    request.startFiled = this.filings;
  }

  private sort(request: PlainRequest): void {
    const sorted = this.laneOf(request).sorted[this.directionOf(request)];
    const behind = sorted.findIndex((other) => startOf(other) > startOf(request));
    sorted.splice(behind < 0 ? sorted.length : behind, 0, request);
  }

  /** Takes it out of the sector order; a batch that was to go on with it goes on with its successor. */
  private unsort(request: PlainRequest): void {
    const direction = this.directionOf(request);
    const { sorted, next } = this.laneOf(request);
    if (next[direction] === request) next[direction] = sorted[direction][sorted[direction].indexOf(request) + 1];
    remove(sorted[direction], request);
  }

  // ---- dispatch: 5.4a, 5.5, 6 ------------------------------------------------------------------------------------------

  pull(): PlainRequest | undefined {
    const request = this.hasClasses ? this.pullByClass() : (this.lanes[0].head.shift() ?? this.pullPlain());
    if (request && this.lastMerge === request) this.lastMerge = undefined;
    if (request) request.place = 'away';
    return request;
  }

  private pullPlain(): PlainRequest | undefined {
    const [{ fifos, sorted }] = this.lanes;
    if (!this.isSorting) return fifos[0].shift();
    // a sweep upwards, from where the last one began
    const request = sorted[0].find((one) => startOf(one) >= this.sweep) ?? sorted[0][0];
    if (request) this.sweep = startOf(request);
    return request && this.take(this.lanes[0], 0, request);
  }

  private take({ fifos, sorted }: Lane, direction: Direction, request: PlainRequest): PlainRequest {
    remove(sorted[direction], request);
    remove(fifos[direction], request);
    return request;
  }

  private pullByClass(): PlainRequest | undefined {
    const [realtime, bestEffort, idle] = this.lanes;
    const inUse = this.lanes.filter((lane) => [...this.held.values()].includes(lane));
    if (inUse.length > 1) {
      const latest = this.nowNs - this.settings.priorityAgingMs * 1_000_000;
      const aged = this.pick(bestEffort, latest) ?? this.pick(idle, latest);
      if (aged) return aged;
    }
    const first = [realtime, bestEffort, idle].find((lane) => inUse.includes(lane));
    return first && this.pick(first, Number.POSITIVE_INFINITY);
  }

  /** The next of this class, if it came at `latest` or before. */
  private pick(lane: Lane, latest: number): PlainRequest | undefined {
    if (lane.head.length > 0) return lane.head[0].fifoTime > latest ? undefined : lane.head.shift();
    const { fifoBatch, writesStarved } = this.settings;
    const isOld = (one: PlainRequest): boolean => one.fifoTime - this.expireNs(one) <= latest;
    const [reads, writes] = lane.fifos;
    let request = lane.next[this.lastDirection];
    if (!request || this.batching >= fifoBatch) {
      if (reads.length === 0 && writes.length === 0) return undefined;
      const isWrite = reads.length === 0 || (writes.length > 0 && this.starved >= writesStarved);
      const direction: Direction = isWrite ? 1 : 0;
      const [oldest] = lane.fifos[direction];
      request = this.nowNs >= oldest.fifoTime ? oldest : (lane.next[direction] ?? oldest);
      // a look that finds none changes nothing
      if (!isOld(request)) return undefined;
      if (isWrite) this.starved = 0;
      else if (writes.length > 0) this.starved++;
      this.lastDirection = direction;
      this.batching = 0;
    }
    if (!isOld(request)) return undefined;
    this.batching++;
    const direction = this.directionOf(request);
    const sorted = lane.sorted[direction];
    lane.next[direction] = sorted[sorted.indexOf(request) + 1];
    return this.take(lane, direction, request);
  }
}
