// A small multipath for the driven core: chooses, counts what it chose, and judges errors. Its counts must be zero when
// all has ended.

import { OPERATION_FLUSH, STATUS_OK } from '../../assembly/abi.ts';
import {
  END_DELAY_REQUEUE,
  END_DONE,
  END_REQUEUE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
} from '../../bindings/target/target.ts';
import { check } from './core-data.ts';
import type { CoreDriver } from './core-driver.ts';
import type { Decision, Hooks } from './core-io.ts';

export interface ChooserOptions {
  readonly policy?: 'round-robin' | 'service-time';
  /** What an error is answered with. `fail-path` takes the path out and tries another one. */
  readonly onError?: 'done' | 'requeue' | 'delay' | 'fail-path';
  /** Without a path I/O waits instead of failing. */
  readonly isQueueing?: boolean;
  /** Attempts after which an error is told all the same. */
  readonly attemptsMax?: number;
}

interface Charge {
  readonly path: number;
  readonly sector: number;
  readonly sectors: number;
}

export class Chooser implements Hooks {
  readonly paths: readonly number[];
  readonly inFlight: number[];
  readonly isActive: boolean[];
  isQueueing: boolean;
  /** Devices in the order in which they were chosen. */
  readonly choices: number[] = [];
  releases = 0;
  private readonly policy: 'round-robin' | 'service-time';
  onError: 'done' | 'requeue' | 'delay' | 'fail-path';
  private readonly attemptsMax: number;
  private readonly charges: Map<number, Charge> = new Map();
  private readonly attempts: Map<number, number> = new Map();
  /** Given back by `remap`: nothing is counted for those. */
  private readonly given: Set<number> = new Set();
  private turn = 0;

  constructor(paths: readonly number[], options: ChooserOptions = {}) {
    this.paths = paths;
    this.inFlight = paths.map(() => 0);
    this.isActive = paths.map(() => true);
    this.policy = options.policy ?? 'round-robin';
    this.onError = options.onError ?? 'requeue';
    this.isQueueing = options.isQueueing ?? false;
    this.attemptsMax = options.attemptsMax ?? 4;
  }

  prepMap(io: Decision): number {
    this.given.delete(io.id);
    const path = this.choose();
    if (path < 0) return this.isQueueing ? MAP_DELAY_REQUEUE : MAP_KILL;
    check(!this.charges.has(io.id), () => `I/O ${io.id} is asked about twice`);
    this.charges.set(io.id, { path, sector: io.sector, sectors: io.sectors });
    this.inFlight[path] += io.sectors;
    this.choices.push(this.paths[path]);
    io.device = this.paths[path];
    io.context = path;
    return MAP_REMAPPED;
  }

  release(io: Decision): void {
    this.releases++;
    this.choices.splice(this.choices.lastIndexOf(this.paths[io.context]), 1);
    this.takeBack(io);
  }

  endIo(io: Decision): number {
    if (!this.given.delete(io.id)) this.takeBack(io);
    if (io.status === STATUS_OK) return this.end(io);
    const attempts = (this.attempts.get(io.id) ?? 0) + 1;
    this.attempts.set(io.id, attempts);
    if (this.onError === 'done' || attempts >= this.attemptsMax) return this.end(io);
    if (this.onError === 'fail-path') this.isActive[io.context] = false;
    return this.onError === 'delay' ? END_DELAY_REQUEUE : END_REQUEUE;
  }

  private end(io: Decision): number {
    this.attempts.delete(io.id);
    return END_DONE;
  }

  /** Counts no more for an I/O that the target keeps for itself. */
  forget(io: Decision): void {
    if (!this.given.delete(io.id)) this.takeBack(io);
    this.attempts.delete(io.id);
  }

  /** A kept I/O goes to some path by `remap`; returns its device. */
  give(id: number): number {
    this.given.add(id);
    return this.paths[Math.max(this.choose(), 0)];
  }

  /** Fails or reinstates a path, and tells the core. */
  setActive(driver: CoreDriver, device: number, path: number, isActive: boolean): void {
    this.isActive[path] = isActive;
    this.publish(driver, device);
  }

  publish(driver: CoreDriver, device: number): void {
    driver.setPaths(
      device,
      this.paths.filter((_, path) => this.isActive[path]),
    );
    driver.kick(device);
  }

  assertBalanced(): void {
    check(this.charges.size === 0, () => `${this.charges.size} I/Os are still counted for`);
    check(
      this.inFlight.every((sectors) => sectors === 0),
      () => `in flight at the end: ${this.inFlight}`,
    );
  }

  private takeBack(io: Decision): void {
    const charge = this.charges.get(io.id);
    if (charge === undefined) throw new Error(`I/O ${io.id} was never chosen for`);
    check(charge.path === io.context, () => `I/O ${io.id} was for path ${charge.path}, its context says ${io.context}`);
    check(charge.sectors === io.sectors, () => `I/O ${io.id} was counted with ${charge.sectors} sectors, not ${io.sectors}`);
    check(charge.sector === io.sector, () => `I/O ${io.id} began at ${charge.sector}, not at ${io.sector}`);
    check(io.operation === OPERATION_FLUSH || io.sectors > 0, () => `I/O ${io.id} has no sectors`);
    this.charges.delete(io.id);
    this.inFlight[charge.path] -= charge.sectors;
  }

  private choose(): number {
    let best = -1;
    for (let i = 0; i < this.paths.length; i++) {
      const path = (this.turn + i) % this.paths.length;
      if (!this.isActive[path]) continue;
      if (best < 0 || (this.policy === 'service-time' && this.inFlight[path] < this.inFlight[best])) best = path;
    }
    if (best >= 0) this.turn = (best + 1) % this.paths.length;
    return best;
  }
}
