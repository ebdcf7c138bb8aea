// Target `multipath`: several paths to the same storage, in groups by priority.
//
//   multipath <features> <hardware handler> <groups> <initial group> { <selector> … <paths> }…      (grammar: parse.ts)
//
// Each request (or bio, with `queue_mode bio`) is given to the path that the current group's selector chooses. An error
// that is the path's fails the path and sends the request to another one; what was done before the error isn't done
// again in request mode. Every other error goes to the caller at once.
//
// With no path left I/O fails, or waits if `queue_if_no_path` is on. Flushes cover every write cache (flush.ts).

import { OPERATION_FLUSH, OPERATION_WRITE, STATUS_OK, STATUS_RESOURCE } from '../../../assembly/abi.ts';
import type { DeviceReference, Target, TargetContext, TargetIo, TargetType } from '../target.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE, MAP_DELAY_REQUEUE, MAP_KILL, MAP_REMAPPED } from '../target.ts';
import { CacheLedgers } from './cache.ts';
import { FlushDriver } from './flush.ts';
import { MultipathMachine } from './machine.ts';
import { handleMessage } from './messages.ts';
import { parseMultipath } from './parse.ts';
import { failsPath, isRetryable } from './path-error.ts';
import type { SelectorRegistry } from './selector/registry.ts';
import type { MultipathPath } from './state.ts';
import { infoLine, tableLine } from './status.ts';

class Multipath implements Target {
  readonly type: 'request' | 'bio';
  private readonly machine: MultipathMachine;
  private readonly flushDriver: FlushDriver;
  private readonly paths: readonly MultipathPath[];
  private readonly lengthSectors: number;
  private readonly onDestroy: () => void;
  private isSuspended = false;

  constructor(machine: MultipathMachine, mapNumber: number, onDestroy: () => void) {
    this.machine = machine;
    this.flushDriver = new FlushDriver(machine, mapNumber);
    this.type = machine.configuration.queueMode;
    this.paths = machine.configuration.paths;
    this.lengthSectors = machine.context.lengthSectors;
    this.onDestroy = onDestroy;
  }

  // ---- for each I/O: nothing is allocated here ---------------------------------------------

  prepMap(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return this.flushDriver.prepMap(io);
    const { machine } = this;
    const path = machine.choose(io.bytes, io.nowNs);
    if (path === undefined) return machine.isHoldingIo() ? MAP_DELAY_REQUEUE : MAP_KILL;
    io.device = path.deviceId;
    io.context = path.index;
    machine.start(path, io.bytes, io.nowNs);
    return MAP_REMAPPED;
  }

  endIo(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return this.flushDriver.endIo(io);
    const path = this.paths[io.context];
    // Also when it failed: parts of it may have been acknowledged.
    if (io.operation === OPERATION_WRITE) path.cache.dirty += 1;
    const verdict = io.status === STATUS_OK ? END_DONE : this.judge(io.status, path);
    this.machine.end(path, io.bytes, io.issuedAtNs, io.nowNs);
    return verdict;
  }

  release(io: TargetIo): void {
    if (io.operation === OPERATION_FLUSH) this.flushDriver.release(io);
    else this.machine.takeBack(this.paths[io.context], io.bytes);
  }

  /** An error: does it fail the path, and may another path try? */
  private judge(status: number, path: MultipathPath): number {
    const { machine } = this;
    if (failsPath(status)) machine.failPath(path);
    if (!isRetryable(status)) return END_DONE;
    // The last path: the caller gets the error that it ended with, not a made-up one.
    if (machine.validPaths === 0 && !machine.isHoldingIo()) return END_DONE;
    return status === STATUS_RESOURCE ? END_DELAY_REQUEUE : END_REQUEUE;
  }

  // ---- suspend and resume --------------------------------------------------------------------

  /** A flush suspend waits for everything in flight, so nothing may wait for a path. Bios can't be kept for the next table. */
  presuspend(isNoflush: boolean): void {
    if (this.type === 'bio' || !isNoflush) this.machine.saveQueueIfNoPath();
  }

  presuspendUndo(): void {
    this.machine.restoreQueueIfNoPath();
  }

  postsuspend(): void {
    this.isSuspended = true;
  }

  resume(): void {
    this.isSuspended = false;
    this.machine.restoreQueueIfNoPath();
  }

  // ---- what users see ----------------------------------------------------------------------------

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    return kind === 'info' ? infoLine(this.machine, name) : tableLine(this.machine, name);
  }

  message(words: readonly string[]): string | undefined {
    handleMessage(this.machine, words, this.isSuspended);
    return undefined;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    for (const path of this.paths) visit(path.device, 0, this.lengthSectors);
  }

  destroy(): void {
    this.onDestroy();
  }
}

/** The target type `multipath`, which finds its path selectors in `selectors`. */
export function multipathTarget(selectors: SelectorRegistry): TargetType {
  const ledgers = new CacheLedgers();
  let maps = 0;
  return {
    name: 'multipath',
    version: [1, 14, 0],
    mapping: 'hybrid',
    isSingleton: true,
    isImmutable: true,
    construct(words: readonly string[], context: TargetContext): Target {
      const { deviceNumber } = context;
      const giveBack = (): void => ledgers.giveBack(deviceNumber);
      const ledger = ledgers.take(deviceNumber);
      try {
        const machine = new MultipathMachine(parseMultipath(words, context, selectors, ledger), context);
        maps += 1;
        return new Multipath(machine, maps, giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}
