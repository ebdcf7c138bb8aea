// A target of a random world: a chooser that at times says what it should not.

import { OPERATION_FLUSH, STATUS_OFFLINE, STATUS_OK } from '../../assembly/abi.ts';
import {
  END_INCOMPLETE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
} from '../../bindings/target/target.ts';
import type { Chooser } from '../support/core-chooser.ts';
import { type CoreDriver, check, type Decision, type Hooks } from '../support/core-driver.ts';
import { WILD_DELAY, WILD_DEVICE, WILD_KEEP, WILD_KILL, WILD_REMAP, WILD_REQUEUE } from './world.ts';

const KEPT_NS = 2_000_000;

/** Takes turns through `wild`, over all targets of a world, until it is told to behave. */
export class WildTargets {
  isWild = true;
  private readonly driver: CoreDriver;
  private readonly turns: readonly number[];
  private used = 0;

  constructor(driver: CoreDriver, turns: readonly number[]) {
    this.driver = driver;
    this.turns = turns;
  }

  hooks(chooser: Chooser, hasMap: boolean, isTold: boolean): Hooks {
    return {
      isEndIoTold: isTold,
      prepMap: (io) => {
        const wild = this.next();
        if (wild === WILD_KEEP || wild === WILD_REMAP) return this.keep(chooser, io, wild, STATUS_OFFLINE, MAP_SUBMITTED);
        if (wild !== 0 && wild !== WILD_DEVICE) return verdictOf(wild);
        const verdict = chooser.prepMap(io);
        if (wild === WILD_DEVICE) io.device = 99;
        return verdict;
      },
      endIo: (io) => {
        if (isTold && io.status === STATUS_OK && io.operation !== OPERATION_FLUSH) return chooser.endIo(io);
        const wild = this.next();
        if (wild !== WILD_KEEP && wild !== WILD_REMAP) return chooser.endIo(io);
        chooser.forget(io);
        return this.keep(chooser, io, wild, io.status, END_INCOMPLETE);
      },
      release: (io) => chooser.release(io),
      ...(hasMap ? { map: (io) => this.map(chooser, io) } : {}),
    };
  }

  private map(chooser: Chooser, io: Decision): number {
    const wild = this.next();
    if (wild === WILD_KEEP || wild === WILD_REMAP) {
      chooser.forget(io);
      return this.keep(chooser, io, wild, STATUS_OFFLINE, MAP_SUBMITTED);
    }
    if (wild === WILD_DEVICE) io.device = 99;
    return wild === 0 || wild === WILD_DEVICE ? MAP_REMAPPED : verdictOf(wild);
  }

  private next(): number {
    return this.isWild ? this.turns[this.used++ % this.turns.length] : 0;
  }

  /** Kept for a while, then ended with `status`, or sent to a path after all. */
  private keep(chooser: Chooser, { id, sector }: Decision, wild: number, status: number, verdict: number): number {
    const { driver } = this;
    const { exports } = driver.core;
    driver.after(KEPT_NS, () => {
      const isKept =
        wild === WILD_REMAP
          ? exports.remap(driver.nowNs, id, chooser.give(id), sector)
          : exports.finish(driver.nowNs, id, status);
      check(isKept !== 0, () => `I/O ${id} is not kept any more`);
    });
    return verdict;
  }
}

function verdictOf(wild: number): number {
  if (wild === WILD_REQUEUE) return MAP_REQUEUE;
  if (wild === WILD_DELAY) return MAP_DELAY_REQUEUE;
  check(wild === WILD_KILL, () => `${wild} is no verdict`);
  return MAP_KILL;
}
