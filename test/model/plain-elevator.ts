// The elevators in plain TypeScript: what is queued, how it merges, in which order it leaves (spec-core 3.1 to 3.5, 4, 5, 6).
// Arrays that are searched and sorted, nothing that is fast.

import {
  ELEVATOR_MQ_DEADLINE,
  FLAG_PRIORITY_MASK,
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
}

type Direction = 0 | 1;
type Merge = 'back' | 'front' | 'range';

export class PlainElevator {
  nowNs = 0;
  /** By operation, as the disk statistics have them. */
  readonly merges: { read: number; write: number; discard: number } = { read: 0, write: 0, discard: 0 };
  private readonly settings: PlainOrder & PlainLimits;
  /** An absorbed request has gone. */
  private readonly gone: () => void;
  private filings = 0;
  private readonly head: PlainRequest[] = [];
  private readonly fifos: [PlainRequest[], PlainRequest[]] = [[], []];
  private readonly sorted: [PlainRequest[], PlainRequest[]] = [[], []];
  private readonly next: [PlainRequest | undefined, PlainRequest | undefined] = [undefined, undefined];
  private lastMerge: PlainRequest | undefined;
  private lastDirection: Direction = 1;
  private batching = 0;
  private starved = 0;

  constructor(settings: PlainOrder & PlainLimits, gone: () => void) {
    this.settings = settings;
    this.gone = gone;
  }

  get isSorting(): boolean {
    return this.settings.elevator === ELEVATOR_MQ_DEADLINE;
  }

  // ---- merges: 3.1 to 3.5, 4.1, 4.2 ---------------------------------------------------------------------------------

  private isCompatible(request: PlainRequest, bio: PlainBio): boolean {
    return request.operation === bio.operation && request.priority === (bio.flags & FLAG_PRIORITY_MASK) && !request.isNomerge;
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
      for (const request of this.fifos[0].slice(-8).reverse()) {
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
    const found = [...this.head, ...this.fifos[0], ...this.fifos[1]].filter(holds);
    return found.sort((a, b) => b[filed] - a[filed])[0];
  }

  /** A bio has been merged into `request`: so may be, now, a neighbour. */
  private merged(request: PlainRequest, how: Merge | false | undefined): boolean {
    if (!how) return false;
    this.lastMerge = request;
    if (request.place !== 'sorted' || how === 'range') return true;
    const sorted = this.sorted[this.directionOf(request)];
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
      remove(this.head, after);
    } else {
      const fifo = this.fifos[this.directionOf(after)];
      if (before.place === 'sorted' && after.fifoTime < before.fifoTime) {
        before.fifoTime = after.fifoTime;
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
    after.place = 'away';
    this.lastMerge = before;
    this.count(before);
    this.gone();
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
    const isAlike = (one: PlainRequest): boolean => one.operation === operation && one.priority === priority && !one.isNomerge;
    return this.find('endFiled', (one) => isAlike(one) && endOf(one) === bios[0].sector);
  }

  // ---- insert: 5.3, 4.5 -----------------------------------------------------------------------------------------------

  private directionOf(request: PlainRequest): Direction {
    return this.isSorting && request.operation & OPERATION_WRITE ? 1 : 0;
  }

  insert(request: PlainRequest): void {
    if (this.isSorting && this.settings.nomerges !== 2 && this.absorb(request)) return;
    const { readExpireMs, writeExpireMs } = this.settings;
    const direction = this.directionOf(request);
    request.place = 'sorted';
    request.fifoTime = this.nowNs + (direction ? writeExpireMs : readExpireMs) * 1_000_000;
    this.file(request);
    this.fifos[direction].push(request);
    if (this.isSorting) this.sort(request);
    const canMerge = mayMerge(request.bios[0]) && request.operation !== OPERATION_WRITE_ZEROES;
    if (!request.isNomerge && canMerge) this.lastMerge ??= request;
  }

  insertAtHead(request: PlainRequest): void {
    request.place = 'head';
    this.file(request);
    this.head.unshift(request);
  }

  private file(request: PlainRequest): void {
    request.endFiled = ++this.filings;
    request.startFiled = this.filings;
  }

  private sort(request: PlainRequest): void {
    const sorted = this.sorted[this.directionOf(request)];
    const behind = sorted.findIndex((other) => startOf(other) > startOf(request));
    sorted.splice(behind < 0 ? sorted.length : behind, 0, request);
  }

  /** Takes it out of the sector order; a batch that was to go on with it goes on with its successor. */
  private unsort(request: PlainRequest): void {
    const direction = this.directionOf(request);
    const sorted = this.sorted[direction];
    if (this.next[direction] === request) this.next[direction] = sorted[sorted.indexOf(request) + 1];
    remove(sorted, request);
  }

  // ---- dispatch: 5.4a, 5.5, 6 ------------------------------------------------------------------------------------------

  pull(): PlainRequest | undefined {
    const request = this.head.shift() ?? (this.isSorting ? this.pullSorted() : this.fifos[0].shift());
    if (request && this.lastMerge === request) this.lastMerge = undefined;
    if (request) request.place = 'away';
    return request;
  }

  private pullSorted(): PlainRequest | undefined {
    const { fifoBatch, writesStarved } = this.settings;
    let request = this.next[this.lastDirection];
    if (!request || this.batching >= fifoBatch) {
      const [reads, writes] = this.fifos;
      if (reads.length === 0 && writes.length === 0) return undefined;
      const isWrite = reads.length === 0 || (writes.length > 0 && this.starved++ >= writesStarved);
      if (isWrite) this.starved = 0;
      const direction: Direction = isWrite ? 1 : 0;
      const [oldest] = this.fifos[direction];
      request = this.nowNs >= oldest.fifoTime ? oldest : (this.next[direction] ?? oldest);
      this.lastDirection = direction;
      this.batching = 0;
    }
    this.batching++;
    const direction = this.directionOf(request);
    const sorted = this.sorted[direction];
    this.next[direction] = sorted[sorted.indexOf(request) + 1];
    remove(sorted, request);
    remove(this.fifos[direction], request);
    return request;
  }
}
