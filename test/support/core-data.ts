// The data that the driven core carries: who wrote which sector when, and what a read may see.
//
// Nothing of it goes through the core. A sector of the arena or of a medium is one number: 0 was never written, else
// STAMP * (number of the write) + sector, so that both a wrong source and a wrong place are seen.

const STAMP = 2 ** 24;

/** Thrown by everything under test/support/core-*: what was found, told once. */
export function check(isTrue: boolean, complaint: () => string): void {
  if (!isTrue) throw new Error(complaint());
}

/** One write of one bio. Ticks count submissions and ends. */
export interface Write {
  readonly number: number;
  readonly beganAt: number;
  /** Infinity while it is under way. */
  endedAt: number;
  isGood: boolean;
  /** It has no memory: it leaves zeros. */
  readonly isZeros: boolean;
}

/** The sectors that some devices show, each at the same place. */
export class Space {
  private readonly writes: Map<number, Write[]> = new Map();
  private readonly isHole: (sector: number) => boolean;
  private total = 0;

  /** Of holes (zero extents) reads see zeros, whatever was written. */
  constructor(isHole: (sector: number) => boolean = () => false) {
    this.isHole = isHole;
  }

  /** Stamps `sectors` sectors of the arena from index `at` on; without an arena it leaves zeros. */
  begin(arena: Float64Array | undefined, at: number, sector: number, sectors: number, tick: number): Write {
    this.total++;
    const fate = { endedAt: Number.POSITIVE_INFINITY, isGood: false };
    const write: Write = { number: this.total, beganAt: tick, isZeros: arena === undefined, ...fate };
    for (let i = 0; i < sectors; i++) {
      if (arena) arena[at + i] = this.total * STAMP + sector + i;
      const there = this.writes.get(sector + i);
      if (there) there.push(write);
      else this.writes.set(sector + i, [write]);
    }
    return write;
  }

  /**
   * A read that ended well: each sector is the last write acknowledged before it began, or one that was under way
   * together with that write or with the read. A write that failed may have arrived or not.
   */
  verify(arena: Float64Array, at: number, sector: number, sectors: number, beganAt: number, who: string): void {
    for (let i = 0; i < sectors; i++) this.verifySector(arena[at + i], sector + i, beganAt, who);
  }

  private verifySector(value: number, sector: number, beganAt: number, who: string): void {
    if (this.isHole(sector)) {
      check(value === 0, () => `${who}: sector ${sector} of a hole is not zero`);
      return;
    }
    const there = this.writes.get(sector) ?? [];
    const isOver = (before: number): boolean =>
      there.some((other) => other.isGood && other.endedAt < beganAt && other.beganAt > before);
    if (value === 0) {
      const isZeroed = there.some((other) => other.isZeros && !isOver(other.endedAt));
      check(isZeroed || !isOver(-1), () => `${who}: sector ${sector} reads zeros although it was written`);
      return;
    }
    const number = Math.floor(value / STAMP);
    check(value % STAMP === sector, () => `${who}: sector ${sector} has the data of sector ${value % STAMP} (value ${value})`);
    const write = there.find((other) => other.number === number);
    if (write === undefined) throw new Error(`${who}: sector ${sector} has data of write ${number}, which never wrote it`);
    check(!isOver(write.endedAt), () => `${who}: sector ${sector} has data of write ${number}, which is overwritten`);
  }
}

/**
 * What a path keeps. Several paths may share one, and its write cache. A change is safe when a flush that was sent after
 * it has ended, or when it came with FUA.
 */
export class Medium {
  readonly sectors: Float64Array;
  private changes = 0;
  private readonly changedAt: Float64Array;
  private readonly safeAt: Float64Array;
  private flushedTo = 0;

  constructor(sectors: number) {
    this.sectors = new Float64Array(sectors);
    this.changedAt = new Float64Array(sectors);
    this.safeAt = new Float64Array(sectors);
  }

  /** Changes so far. */
  get now(): number {
    return this.changes;
  }

  put(sector: number, value: number, isSafe: boolean): void {
    this.sectors[sector] = value;
    this.changedAt[sector] = ++this.changes;
    if (isSafe) this.safeAt[sector] = this.changes;
  }

  /** A flush that was sent after `changes` changes has ended. */
  flushed(changes: number): void {
    this.flushedTo = Math.max(this.flushedTo, changes);
  }

  private isSafe(sector: number): boolean {
    return this.changedAt[sector] <= Math.max(this.flushedTo, this.safeAt[sector]);
  }

  /** Throws where one of the first `changes` changes, not overwritten since, would be lost with the power. */
  checkFlushed(changes: number, who: string): void {
    for (let sector = 0; sector < this.sectors.length; sector++) {
      const isCovered = this.changedAt[sector] > changes || this.isSafe(sector);
      check(isCovered, () => `${who}: sector ${sector} was written before it and is not on stable storage`);
    }
  }

  /** Throws where the data of this write would be lost with the power. */
  checkSafe(write: Write, who: string): void {
    for (let sector = 0; sector < this.sectors.length; sector++) {
      const isOwn = Math.floor(this.sectors[sector] / STAMP) === write.number;
      check(!isOwn || this.isSafe(sector), () => `${who}: sector ${sector} is not on stable storage`);
    }
  }
}

/** The caller's memory: one number for each sector, and whose it is at the moment. */
export class ArenaModel {
  readonly sectors: Float64Array;
  private readonly owners: Uint32Array;
  private next = 0;

  constructor(sectors: number) {
    this.sectors = new Float64Array(sectors);
    this.owners = new Uint32Array(sectors);
  }

  /** The index of a fresh stretch; behind a gap unless it may follow the one before. */
  lease(sectors: number, isAdjacent: boolean, tag: number): number {
    if (!isAdjacent) this.next++;
    const at = this.next;
    this.next += sectors;
    if (this.next > this.sectors.length) throw new Error('the model arena is too small for this test');
    this.sectors.fill(-1, at, this.next);
    this.owners.fill(tag + 1, at, this.next);
    return at;
  }

  release(at: number, sectors: number): void {
    this.owners.fill(0, at, at + sectors);
  }

  /** The bio that `index` belongs to. Throws if it has ended: its memory is not ours any more. */
  ownerOf(index: number): number {
    const owner = this.owners[index];
    check(owner > 0, () => `arena sector ${index} is touched after its bio has ended`);
    return owner - 1;
  }
}
