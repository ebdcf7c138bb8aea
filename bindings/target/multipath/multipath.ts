// Target `multipath`: several paths to the same storage, in groups by priority.
//
//   multipath <features> <hardware handler> <groups> <initial group> { <selector> … <paths> }…      (grammar: parse.ts)
//
// Each request (or bio, with `queue_mode bio`) is given to the path that the current group's selector chooses. An error
// that is the path's fails the path and sends the request to another one; what was done before the error isn't done
// again in request mode. Every other error goes to the caller at once.
//
// With no path left I/O fails, or waits if `queue_if_no_path` is on. Flushes cover every write cache (flush.ts).
// Hardware handlers initialise a group before it is used (group-initialisation.ts).

import {
  FLAG_NOWAIT,
  OPERATION_FLUSH,
  OPERATION_WRITE,
  STATUS_AGAIN,
  STATUS_OK,
  STATUS_RESOURCE,
} from '../../../assembly/abi.ts';
import type { DeviceReference, Explanation, Target, TargetContext, TargetIo, TargetType } from '../target.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE, MAP_DELAY_REQUEUE, MAP_KILL, MAP_REMAPPED } from '../target.ts';
import { CacheLedgers } from './cache.ts';
import { ExplainDesk, OUTCOME_GROUP_NOT_READY, OUTCOME_NO_PATH, OUTCOME_PATH_NOT_READY, OUTCOME_SENT } from './explain.ts';
import { FlushDriver } from './flush.ts';
import { HardwareHandlerRegistry } from './hardware-handler/registry.ts';
import { MultipathMachine } from './machine.ts';
import { handleMessage, pathsOf } from './messages.ts';
import { MultipathParameters } from './parameters.ts';
import { type MultipathFamily, parseMultipath } from './parse.ts';
import { failsPath, isRetryable } from './path-error.ts';
import type { SelectorRegistry } from './selector/registry.ts';
import type { MultipathPath, Submitter } from './state.ts';
import { infoLine, tableLine } from './status.ts';

class Multipath implements Target {
  readonly type: 'request' | 'bio';
  readonly isEndIoTold = true;
  /** Only where there is something to be busy with: it is asked after every batch. */
  readonly busy?: () => boolean;
  private readonly machine: MultipathMachine;
  private readonly flushDriver: FlushDriver;
  private readonly paths: readonly MultipathPath[];
  private readonly lengthSectors: number;
  private readonly parameters: MultipathParameters;
  private readonly submitter: Submitter;
  /** Some selector asks who submitted an I/O. */
  private readonly usesCpu: boolean;
  /** Nothing but a choice stands between an I/O and its path. */
  private isPlain: boolean;
  private readonly desk: ExplainDesk;
  private readonly onDestroy: () => void;
  private isSuspended = false;

  constructor(
    machine: MultipathMachine,
    mapNumber: number,
    parameters: MultipathParameters,
    submitter: Submitter,
    onDestroy: () => void,
  ) {
    const { configuration } = machine;
    this.machine = machine;
    this.type = configuration.queueMode;
    this.paths = configuration.paths;
    this.lengthSectors = machine.context.lengthSectors;
    this.parameters = parameters;
    this.submitter = submitter;
    this.usesCpu = configuration.groups.some((group) => group.type.usesCpu === true);
    this.desk = new ExplainDesk(machine);
    this.flushDriver = new FlushDriver(machine, this.desk, mapNumber);
    this.isPlain = !this.usesCpu && configuration.handler === undefined;
    this.onDestroy = onDestroy;
    if (configuration.handler !== undefined) this.busy = () => machine.initialisation.isRunning;
  }

  // ---- for each I/O: nothing is allocated here ---------------------------------------------

  prepMap(io: TargetIo): number {
    if (!this.isPlain) return this.prepMapWithCare(io);
    if (io.operation === OPERATION_FLUSH) return this.flushDriver.prepMap(io);
    const { machine } = this;
    const path = machine.choose(io.bytes, io.nowNs);
    if (path === undefined) return machine.isHoldingIo() ? MAP_DELAY_REQUEUE : MAP_KILL;
    io.device = path.deviceId;
    io.context = path.index;
    machine.start(path, io.bytes, io.nowNs);
    return MAP_REMAPPED;
  }

  /** With hardware handlers, a selector that asks who submits, or kept decisions. */
  private prepMapWithCare(io: TargetIo): number {
    if (this.usesCpu) this.submitter.cpu = this.parameters.cpuOf === undefined ? 0 : this.parameters.cpuOf(io);
    if (io.operation === OPERATION_FLUSH) return this.flushDriver.prepMap(io);
    const { machine } = this;
    const path = machine.chooseOnce(io.bytes, io.nowNs);
    if (path === undefined) return this.withoutPath(io);
    if (!machine.isGroupReady()) return this.wait(io, path, OUTCOME_GROUP_NOT_READY);
    return path.handler === undefined ? this.send(io, path) : this.sendPrepared(io, path);
  }

  private send(io: TargetIo, path: MultipathPath): number {
    this.desk.explainer?.note(io, path, OUTCOME_SENT);
    io.device = path.deviceId;
    io.context = path.index;
    this.machine.start(path, io.bytes, io.nowNs);
    return MAP_REMAPPED;
  }

  private wait(io: TargetIo, path: MultipathPath, outcome: number): number {
    this.desk.explainer?.note(io, path, outcome);
    return MAP_DELAY_REQUEUE;
  }

  private withoutPath(io: TargetIo): number {
    this.desk.explainer?.note(io, undefined, OUTCOME_NO_PATH);
    return this.machine.isHoldingIo() ? MAP_DELAY_REQUEUE : MAP_KILL;
  }

  /** A hardware handler may know better than to try: the first path that it lets pass, or none. */
  private sendPrepared(io: TargetIo, first: MultipathPath): number {
    const { machine } = this;
    let path: MultipathPath | undefined = first;
    while (path !== undefined) {
      // An activation that answered at once may have failed it.
      const { handler } = path;
      const status = !path.isActive ? STATUS_AGAIN : handler?.prepare === undefined ? STATUS_OK : handler.prepare(io.operation);
      if (status === STATUS_OK) return this.send(io, path);
      if (status === STATUS_AGAIN) return this.wait(io, path, OUTCOME_PATH_NOT_READY);
      machine.failPath(path);
      path = machine.chooseOnce(io.bytes, io.nowNs);
      if (path !== undefined && !machine.isGroupReady()) return this.wait(io, path, OUTCOME_GROUP_NOT_READY);
    }
    return this.withoutPath(io);
  }

  endIo(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return this.flushDriver.endIo(io);
    const path = this.paths[io.context];
    // Also when it failed: parts of it may have been acknowledged.
    if (io.operation === OPERATION_WRITE) path.cache.dirty += 1;
    const verdict = io.status === STATUS_OK ? END_DONE : this.judge(io, path);
    this.machine.end(path, io.bytes, io.issuedAtNs, io.nowNs);
    return verdict;
  }

  release(io: TargetIo): void {
    if (io.operation === OPERATION_FLUSH) this.flushDriver.release(io);
    else this.machine.takeBack(this.paths[io.context], io.bytes);
  }

  /** An error: does it fail the path, and may another path try? */
  private judge(io: TargetIo, path: MultipathPath): number {
    const { machine } = this;
    const { status } = io;
    if (status === STATUS_AGAIN) {
      if ((io.flags & FLAG_NOWAIT) !== 0) return END_DONE;
      if (path.patience.lasts(io.nowNs)) return END_DELAY_REQUEUE;
      machine.failPath(path);
    } else if (failsPath(status)) machine.failPath(path);
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
    this.machine.initialisation.stop();
  }

  resume(): void {
    this.isSuspended = false;
    this.machine.initialisation.restart();
    this.machine.restoreQueueIfNoPath();
  }

  // ---- what users see ----------------------------------------------------------------------------

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    return kind === 'info' ? infoLine(this.machine, name) : tableLine(this.machine, name);
  }

  message(words: readonly string[]): string | undefined {
    const [first = '', ...rest] = words;
    if (first.toLowerCase() === 'explain') return this.handleExplain(rest);
    handleMessage(this.machine, words, this.isSuspended);
    return undefined;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    for (const path of this.paths) visit(path.device, 0, this.lengthSectors);
  }

  private handleExplain(words: readonly string[]): string | undefined {
    const answer = this.desk.message(words, (word) => pathsOf(this.machine, word));
    const isKeeping = this.desk.explainer !== undefined;
    this.isPlain = !isKeeping && !this.usesCpu && this.machine.configuration.handler === undefined;
    return answer;
  }

  explain(): Explanation {
    return this.desk.explain();
  }

  destroy(): void {
    this.machine.stop();
    this.onDestroy();
  }
}

/**
 * The target type `multipath`, which finds its path selectors in `selectors`. What a mapper has besides for all its maps:
 * hardware handlers and parameters; without them the library's own handlers, and the parameters' defaults.
 */
export function multipathTarget(
  selectors: SelectorRegistry,
  handlers: HardwareHandlerRegistry = new HardwareHandlerRegistry(),
  parameters: MultipathParameters = new MultipathParameters(),
): TargetType {
  const family: MultipathFamily = { selectors, handlers, parameters };
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
        const submitter: Submitter = { cpu: 0 };
        const configuration = parseMultipath(words, context, family, ledger, submitter);
        maps += 1;
        return new Multipath(new MultipathMachine(configuration, context, parameters), maps, parameters, submitter, giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}
