// Which bytes of a bio go wrong while a flakey device is down.
//
// Chance comes from a generator of its own that always begins at the same number: the same I/Os in the same order get
// the same wrong bytes, so that a run that failed can be run again.

import type { TargetContext, TargetIo } from '../target.ts';
import type { FlakeyFeatures } from './features.ts';

const PARTS = 1_000_000_000;

/** mulberry32: whole numbers below `end`. */
class Chance {
  private state = 0x5eed;

  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }
}

export class Corruption {
  private readonly context: TargetContext;
  private readonly features: FlakeyFeatures;
  private readonly chance: Chance = new Chance();

  constructor(context: TargetContext, features: FlakeyFeatures) {
    this.context = context;
    this.features = features;
  }

  /** A read has come back well. */
  ofRead(io: TargetIo): void {
    const { corruptByte: at, randomReadCorrupt: parts } = this.features;
    if (at?.direction === 'r' && this.matches(io)) this.context.corruptRead(io.id, at.byte - 1, at.value);
    if (this.isHit(parts)) this.context.corruptRead(io.id, this.chance.below(io.bytes), this.chance.below(256));
  }

  /** A write is about to go; `context.restoreWrite` undoes it when it has ended. */
  ofWrite(io: TargetIo): void {
    const { corruptByte: at, randomWriteCorrupt: parts } = this.features;
    if (at?.direction === 'w' && this.matches(io)) this.context.corruptWrite(io.id, at.byte - 1, at.value);
    if (this.isHit(parts)) this.context.corruptWrite(io.id, this.chance.below(io.bytes), this.chance.below(256));
  }

  /** Long enough, and flagged as the line asks. */
  private matches(io: TargetIo): boolean {
    const { corruptByte } = this.features;
    if (corruptByte === undefined || io.bytes < corruptByte.byte) return false;
    return (corruptByte.flags & ~io.flags) === 0;
  }

  private isHit(parts: number | undefined): boolean {
    return parts !== undefined && this.chance.below(PARTS) < parts;
  }
}
