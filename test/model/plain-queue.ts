// A queue in plain TypeScript, from the specification and not from the core: arrays that are searched and sorted, nothing
// that is fast. One queue, and a path that takes `depth` requests at a time.
//
// The order of work: bios arrive (split, plug, merge), `run` empties the plug, tries what waited, and dispatches.

import { ELEVATOR_MQ_DEADLINE, OPERATION_FLUSH, OPERATION_WRITE } from '../../assembly/abi.ts';

export interface PlainBio {
  readonly tag: number;
  readonly operation: number;
  readonly sector: number;
  readonly sectors: number;
  /** Place of its memory, in sectors. */
  readonly at: number;
  readonly isNomerge: boolean;
}

export interface PlainRequest {
  readonly operation: number;
  bios: PlainBio[];
  isNomerge: boolean;
  place: 'plug' | 'sorted' | 'head' | 'away';
  fifoTime: number;
  /** When it was last filed under its end, and under its start: the latest is found first. */
  endFiled: number;
  startFiled: number;
}

export interface PlainSettings {
  readonly elevator: number;
  readonly depth: number;
  readonly requests: number;
  readonly maxSectors: number;
  readonly maxSegments: number;
  readonly chunkSectors: number;
  readonly nomerges: number;
  readonly hasCache: number;
  readonly hasFrontMerges: number;
  readonly isKernelPlugOrder: number;
  readonly fifoBatch: number;
  readonly writesStarved: number;
  readonly readExpireMs: number;
  readonly writeExpireMs: number;
}

type Direction = 0 | 1;

const sum = (bios: readonly PlainBio[]): number => bios.reduce((total, bio) => total + bio.sectors, 0);
export const startOf = (request: PlainRequest): number => request.bios[0].sector;
export const sectorsOf = (request: PlainRequest): number => sum(request.bios);
const endOf = (request: PlainRequest): number => startOf(request) + sectorsOf(request);
const continues = (a: PlainBio, b: PlainBio): boolean => a.at + a.sectors === b.at;

/** Pieces of memory, neighbours joined. */
export function piecesOf(bios: readonly PlainBio[]): [at: number, sectors: number][] {
  const pieces: [number, number][] = [];
  for (const [i, bio] of bios.entries()) {
    if (i > 0 && continues(bios[i - 1], bio)) pieces[pieces.length - 1][1] += bio.sectors;
    else pieces.push([bio.at, bio.sectors]);
  }
  return pieces;
}

function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}

export class PlainQueue {
  nowNs = 0;
  inFlight = 0;
  private readonly settings: PlainSettings;
  private readonly isSorting: boolean;
  private held = 0;
  private filings = 0;
  private plug: PlainRequest[] = [];
  private waiting: PlainBio[] = [];
  private comingBack: PlainRequest[] = [];
  private dispatchList: PlainRequest[] = [];
  private readonly head: PlainRequest[] = [];
  private readonly fifos: [PlainRequest[], PlainRequest[]] = [[], []];
  private readonly sorted: [PlainRequest[], PlainRequest[]] = [[], []];
  private readonly next: [PlainRequest | undefined, PlainRequest | undefined] = [undefined, undefined];
  private lastMerge: PlainRequest | undefined;
  private lastDirection: Direction = 1;
  private batching = 0;
  private starved = 0;

  constructor(settings: PlainSettings) {
    this.settings = settings;
    this.isSorting = settings.elevator === ELEVATOR_MQ_DEADLINE;
  }

  // ---- arrival: 2, 3.6 --------------------------------------------------------------------------------------------

  submit(bios: readonly PlainBio[], isPlugged: boolean): void {
    for (const bio of bios) {
      if (bio.operation === OPERATION_FLUSH ? !this.settings.hasCache : bio.sectors === 0) continue;
      if (this.waiting.length > 0) this.waiting.push(bio);
      else this.enter(bio, isPlugged);
    }
  }

  private enter(whole: PlainBio, isPlugged: boolean): boolean {
    let bio = whole;
    while (bio.operation !== OPERATION_FLUSH && bio.sectors > this.maxSectorsAt(bio.sector)) {
      const cut = this.maxSectorsAt(bio.sector);
      const rest = { ...bio, sector: bio.sector + cut, sectors: bio.sectors - cut, at: bio.at + cut };
      const front = { ...bio, sectors: cut, isNomerge: true };
      if (!this.queue(front, isPlugged)) {
        this.waiting.unshift(front, rest);
        return false;
      }
      bio = rest;
    }
    if (this.queue(bio, isPlugged)) return true;
    this.waiting.unshift(bio);
    return false;
  }

  private maxSectorsAt(sector: number): number {
    const { maxSectors, chunkSectors } = this.settings;
    return chunkSectors ? Math.min(maxSectors, chunkSectors - (sector % chunkSectors)) : maxSectors;
  }

  private queue(bio: PlainBio, isPlugged: boolean): boolean {
    const { nomerges, requests } = this.settings;
    const isFlush = bio.operation === OPERATION_FLUSH;
    if (!isFlush && !bio.isNomerge && nomerges !== 2 && (this.mergeIntoPlug(bio) || this.mergeIntoQueue(bio))) return true;
    if (this.held >= requests) {
      this.unplug();
      return false;
    }
    this.held++;
    const { operation, isNomerge } = bio;
    const filed = { fifoTime: 0, endFiled: 0, startFiled: 0 };
    const request: PlainRequest = { operation, bios: [bio], isNomerge, place: 'plug', ...filed };
    if (isFlush) this.dispatchList.push(request);
    else if (isPlugged) this.addToPlug(request);
    else this.insert(request);
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
    if (this.settings.isKernelPlugOrder && !this.isSorting) held.reverse();
    for (const request of held) this.insert(request);
  }

  // ---- merges: 3.1 to 3.5, 4.1, 4.2 ---------------------------------------------------------------------------------

  private isCompatible(request: PlainRequest, bio: PlainBio): boolean {
    return request.operation === bio.operation && !request.isNomerge;
  }

  /** Undefined: they are no neighbours. False: they are, and a limit stands against it. */
  private merge(request: PlainRequest, bio: PlainBio): 'back' | 'front' | false | undefined {
    const isBack = endOf(request) === bio.sector;
    if (!isBack && bio.sector + bio.sectors !== startOf(request)) return undefined;
    const bios = isBack ? [...request.bios, bio] : [bio, ...request.bios];
    if (sum(bios) > this.maxSectorsAt(bios[0].sector) || piecesOf(bios).length > this.settings.maxSegments) {
      request.isNomerge = true;
      return false;
    }
    request.bios = bios;
    if (isBack) request.endFiled = ++this.filings;
    else request.startFiled = ++this.filings;
    return isBack ? 'back' : 'front';
  }

  private mergeIntoPlug(bio: PlainBio): boolean {
    const last = this.plug.at(-1);
    return last !== undefined && this.isCompatible(last, bio) && Boolean(this.merge(last, bio));
  }

  private mergeIntoQueue(bio: PlainBio): boolean {
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
  private merged(request: PlainRequest, how: 'back' | 'front' | false | undefined): boolean {
    if (!how) return false;
    this.lastMerge = request;
    if (request.place !== 'sorted') return true;
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
    if (endOf(before) !== startOf(after) || sectorsOf(before) + sectorsOf(after) > this.maxSectorsAt(startOf(before)))
      return false;
    return piecesOf([...before.bios, ...after.bios]).length <= this.settings.maxSegments;
  }

  /** Two queued requests become one: `after` goes, and the earlier of their places in the fifo stays. */
  private join(before: PlainRequest | undefined, after: PlainRequest | undefined): boolean {
    if (!before || !after || !this.canJoin(before, after) || (after.place === 'head' && before.place !== 'head')) return false;
    if (after.place === 'head') {
      remove(this.head, after);
    } else {
      const direction = this.directionOf(after);
      const fifo = this.fifos[direction];
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
    before.bios.push(...after.bios);
    before.endFiled = ++this.filings;
    after.place = 'away';
    this.lastMerge = before;
    this.held--;
  }

  // ---- elevators: 5.3 to 5.5, 6 ---------------------------------------------------------------------------------------

  private directionOf(request: PlainRequest): Direction {
    return this.isSorting && request.operation & OPERATION_WRITE ? 1 : 0;
  }

  private insert(request: PlainRequest): void {
    if (this.isSorting && this.settings.nomerges !== 2 && this.absorb(request)) return;
    const { readExpireMs, writeExpireMs } = this.settings;
    const direction = this.directionOf(request);
    request.place = 'sorted';
    request.fifoTime = this.nowNs + (direction ? writeExpireMs : readExpireMs) * 1_000_000;
    this.file(request);
    this.fifos[direction].push(request);
    if (this.isSorting) this.sort(request);
    if (!request.isNomerge) this.lastMerge ??= request;
  }

  private file(request: PlainRequest): void {
    request.endFiled = ++this.filings;
    request.startFiled = this.filings;
  }

  private absorb(incoming: PlainRequest): boolean {
    if (this.lastMerge && this.canJoin(this.lastMerge, incoming)) {
      this.append(this.lastMerge, incoming);
      return true;
    }
    if (this.settings.nomerges === 1) return false;
    const before = (request: PlainRequest): PlainRequest | undefined =>
      this.find('endFiled', (one) => one.operation === request.operation && !one.isNomerge && endOf(one) === startOf(request));
    let survivor = before(incoming);
    if (!survivor || !this.canJoin(survivor, incoming)) return false;
    this.append(survivor, incoming);
    for (let one = before(survivor); one && this.join(one, survivor); one = before(survivor)) survivor = one;
    return true;
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

  private pull(): PlainRequest | undefined {
    const request =
      this.dispatchList.shift() ?? this.head.shift() ?? (this.isSorting ? this.pullSorted() : this.fifos[0].shift());
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

  // ---- dispatch, and the way back: 4.4, 4.5 ------------------------------------------------------------------------------

  /** Everything that can go now, in order. */
  run(): PlainRequest[] {
    this.unplug();
    for (const request of this.comingBack.reverse()) {
      request.place = 'head';
      this.file(request);
      this.head.unshift(request);
    }
    this.comingBack = [];
    while (this.waiting.length > 0 && this.enter(this.waiting.shift() as PlainBio, false));
    const gone: PlainRequest[] = [];
    for (let room = this.settings.depth - this.inFlight; room > 0; room--) {
      const request = this.pull();
      if (!request) break;
      gone.push(request);
    }
    this.inFlight += gone.length;
    return gone;
  }

  /** The path has answered. */
  answered(): void {
    this.inFlight--;
  }

  /** The request has ended. */
  ended(): void {
    this.held--;
  }

  /** It comes back, without the whole bios of its good sectors. */
  requeue(request: PlainRequest, goodSectors: number): void {
    let left = goodSectors;
    while (request.bios.length > 0 && request.bios[0].sectors <= left) left -= (request.bios.shift() as PlainBio).sectors;
    if (request.bios.length === 0) this.ended();
    else this.comingBack.push(request);
  }
}
