// A table as a device has it: constructed targets, the devices they hold, the stretches the core maps by.
//
//   text ─parse─▶ lines ─construct, check─▶ LoadedTable (inactive) ─goLive─▶ extents and usable sets in the core
import { FIGURE_BUSY, SETTING_READ_ONLY, STATUS_IOERR } from '../../assembly/abi.ts';
import type { CoreExports } from '../core/load.ts';
import { type RqdmError, RqdmTableError } from '../errors.ts';
import type { DeviceReference } from '../path/reference.ts';
import { type ConstructedLine, checkLine, type DeviceType, decideType } from '../table/check.ts';
import { kernelLogLines } from '../table/kernel-log.ts';
import { exactRange, parseTable, type TableLine } from '../table/parse.ts';
import { printTable, quoteWord } from '../table/print.ts';
import type { TargetRegistry } from '../target/registry.ts';
import type { Target, TargetEvent } from '../target/target.ts';
import type { Alarms } from './alarms.ts';
import {
  construct,
  destroyTarget,
  expectNothing,
  expectText,
  freeSlot,
  guarded,
  makeContext,
  withLength,
} from './construct.ts';
import { TargetSlot } from './decisions.ts';
import { type CoreExtent, checkMaps, devicesOfExtents, extentsOf, NO_DEVICE } from './extent-records.ts';
import type { OpenedDevice } from './opened.ts';
import type { Pump } from './pump.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { DeviceRegions } from './regions.ts';
import { checkLevel, exactSize, type QueueLimits, type Stacked, stackTable, type WarningSink } from './stacked-limits.ts';

/** What a table needs of the mapper and of the device that loads it. */
export interface TableHost {
  readonly pump: Pump;
  readonly targets: TargetRegistry;
  readonly alarms: Alarms;
  readonly queue: QueueSettings;
  readonly regions: DeviceRegions;
  readonly deviceName: string;
  readonly deviceNumber: string;
  readonly deviceId: number;
  readonly requestedType: DeviceType | undefined;
  /** The device of a word, held once more. Throws RqdmError. */
  hold(word: string, isReadOnly: boolean): OpenedDevice;
  letGo(device: OpenedDevice): void;
  /** Size of what a word names, without holding it; undefined if it names nothing. */
  sizeOf(word: string, isReadOnly: boolean): number | undefined;
  /** Closes what `sizeOf` has opened and no table holds. */
  letGoUnheld(): void;
  allocateExtents(count: number): number;
  freeExtents(first: number, count: number): void;
  isNoflushSuspending(): boolean;
  event(event: TargetEvent): void;
  log(line: string): void;
  /** A line of the kernel's log, without `device-mapper: `. */
  kernelLog(line: string): void;
  misbehaved(error: RqdmError): void;
}

/** How a table is loaded. */
export interface LoadOptions {
  readonly isReadOnly: boolean;
  /** What the device is since its first table. */
  readonly type: DeviceType | undefined;
  /** May a table of these lines and this type come after what the device has? Throws RqdmTableError. */
  check(lines: readonly LoadedLine[], type: DeviceType): void;
}

/** How many of a usable set the core watches (PATH_SLOTS of assembly/limits.ts, less the spare slot). */
const PATHS_WATCHED = 127;

/** A line with its target. */
export class LoadedLine implements ConstructedLine {
  readonly line: TableLine;
  readonly type: ConstructedLine['type'];
  readonly target: Target;
  readonly slot: number;
  /** What of which device the target uses: asked once, so that a hook which misbehaves can do so only here. */
  readonly stretches: readonly Stretch[];
  published: readonly DeviceReference[] | undefined;

  constructor(checked: Pick<ConstructedLine, 'line' | 'type'>, target: Target, slot: number) {
    this.line = checked.line;
    this.type = checked.type;
    this.target = target;
    this.slot = slot;
    const stretches: Stretch[] = [];
    target.iterateDevices?.((device, start, length) => stretches.push({ device: device as OpenedDevice, start, length }));
    this.stretches = stretches;
  }
}

/** A stretch of a device below, in sectors of it. */
export interface Stretch {
  readonly device: OpenedDevice;
  readonly start: number;
  readonly length: number;
}

export class LoadedTable {
  readonly lines: readonly LoadedLine[];
  readonly type: DeviceType;
  readonly sizeSectors: number;
  /** The same, exactly where it is beyond 2^53. */
  readonly exactSectors: bigint;
  /** Exact size in bytes: less than `sizeSectors` * 512 where every device has the same odd end. */
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  #stacked: Stacked;
  readonly #host: TableHost;
  readonly #devices: readonly OpenedDevice[];
  readonly #extents: readonly CoreExtent[];
  #firstExtent: number;
  #isLive = false;
  #isDestroyed = false;
  #hasNewPaths = false;
  #isBusyBlamed = false;
  readonly #timers: Set<() => void>;
  #stopAsking: (() => void) | undefined;

  private constructor(
    host: TableHost,
    lines: readonly LoadedLine[],
    devices: readonly OpenedDevice[],
    type: DeviceType,
    stacked: Stacked,
    timers: Set<() => void>,
    isReadOnly: boolean,
  ) {
    this.#host = host;
    this.lines = lines;
    this.#devices = devices;
    this.#timers = timers;
    this.#stacked = stacked;
    this.type = type;
    this.isReadOnly = isReadOnly;
    const last = (lines.at(-1) as LoadedLine).line;
    this.sizeSectors = last.startSector + last.lengthSectors;
    const [start, length] = exactRange(last);
    this.exactSectors = start + length;
    this.sizeBytes = exactSize(lines, this.sizeSectors);
    this.#extents = lines.flatMap((loaded) => extentsOf(loaded));
    // taken here, so that a table which has been loaded can also go live
    this.#firstExtent = host.allocateExtents(recordsOf(this.#extents));
  }

  /** One more than the highest device below: those may have been given other tables since this one was loaded. */
  get level(): number {
    return this.#devices.reduce((most, device) => Math.max(most, device.level), 0) + 1;
  }

  get hasCache(): boolean {
    return this.#stacked.hasCache;
  }
  get limits(): QueueLimits {
    return this.#stacked.limits;
  }

  /**
   * Reads and constructs a table; nothing of it is in use yet. Throws RqdmTableError, and logs what the kernel would;
   * whatever was opened for the table is let go of again.
   */
  static load(host: TableHost, text: string | readonly string[], options: LoadOptions): LoadedTable {
    const { isReadOnly } = options;
    const devices: OpenedDevice[] = [];
    const lines: LoadedLine[] = [];
    const timers = new Set<() => void>();
    let names: readonly TableLine[] = [];
    let table: LoadedTable | undefined;
    const current = (): LoadedTable | undefined => table;
    try {
      names = parseTable(text);
      for (const parsed of names) {
        const line = parsed.isWholeDevice ? withLength(host, parsed, isReadOnly) : parsed;
        const type = checkLine(lines, line, host.targets.get(line.target), isReadOnly);
        const slot = freeSlot(host.pump);
        const early: { published: readonly DeviceReference[] | undefined } = { published: undefined };
        const context = makeContext(host, line, isReadOnly, devices, timers, early, current, lines.length);
        const target = construct(type, line, context, host.deviceName);
        const loaded = guarded(host, type.name, 'iterateDevices', () => new LoadedLine({ line, type }, target, slot));
        loaded.published = early.published;
        lines.push(loaded);
        const below = new Uint8Array(devices.reduce((most, device) => Math.max(most, device.id + 1), 0));
        host.pump.targets[slot] = new TargetSlot(target, type.name, below, host);
      }
      for (const { slot } of lines) for (const { id } of devices) (host.pump.targets[slot] as TargetSlot).below[id] = 1;
      const before = { liveType: options.type, requestedType: host.requestedType };
      const decided = guarded(host, lines[0]?.type.name ?? '', 'iterateDevices', () => decideType(lines, before));
      options.check(lines, decided);
      // limits are told of at the first load and at each swap, as the kernel does
      const warn: WarningSink = options.type === undefined ? (line) => host.kernelLog(line) : () => {};
      const stacked = stackTable(lines, host, warn);
      checkMaps(lines, devices, decided);
      checkLevel(devices);
      table = new LoadedTable(host, lines, devices, decided, stacked, timers, isReadOnly);
      return table;
    } catch (error) {
      if (error instanceof RqdmTableError) tellKernelLog(host, error, names);
      for (const cancel of timers) cancel();
      for (const loaded of lines) {
        destroyTarget(host, loaded);
        host.pump.targets[loaded.slot] = undefined;
      }
      for (const device of devices) host.letGo(device);
      throw error;
    } finally {
      host.letGoUnheld();
    }
  }

  /** Looks again at the devices: they may have changed since the table was loaded. Throws RqdmTableError. */
  restack(warn: WarningSink = () => {}): void {
    this.#stacked = stackTable(this.lines, this.#host, warn);
  }

  /** Writes limits and caches to the core. `hadCache`: an older table had one, and may have lost something. */
  applyLimits(hadCache: boolean): void {
    const { limits, hasCache, hasFua } = this.#stacked;
    this.#host.queue.apply(limits, hasCache || hadCache, hasFua);
  }

  /** Devices may have been given other abilities. */
  rewriteExtents(): void {
    this.#writeExtents(this.lines.flatMap((loaded) => extentsOf(loaded)));
  }

  #writeExtents(extents: readonly CoreExtent[]): void {
    const { exports } = this.#host.pump.core;
    let next = this.#firstExtent + extents.length;
    for (const [index, extent] of extents.entries()) {
      const { stripes } = extent;
      const offset = stripes.length > 0 ? next + stripes.length * 2 ** 32 : extent.offset;
      writeExtent(exports, this.#firstExtent + index, { ...extent, offset });
      for (const stripe of stripes) writeExtent(exports, next++, stripe);
    }
  }

  /**
   * Writes the table to the core. Nothing of an older table is in flight on the device. `before` is that table: one
   * without devices keeps its limits, by which the requests were made that are queued.
   */
  goLive(before?: LoadedTable, hadCache = false): void {
    const { pump, deviceId } = this.#host;
    const { exports } = pump.core;
    if (before && this.#stacked.hasNoDevices) this.#stacked = { ...this.#stacked, limits: before.limits };
    this.#writeExtents(this.#extents);
    exports.setExtents(deviceId, this.#firstExtent, this.#extents.length, this.sizeSectors, this.level);
    this.applyLimits(hadCache);
    exports.configureDevice(deviceId, SETTING_READ_ONLY, this.isReadOnly ? 1 : 0);
    pump.core.figures(deviceId)[FIGURE_BUSY] = 0;
    this.#isLive = true;
    this.#applyPaths();
    this.#applyBusy();
    this.#stopAsking = pump.onHooks(() => this.#afterHooks());
  }

  /** A target has published another usable set: told to the core when it is out of the hooks. */
  publish(index: number, devices: readonly DeviceReference[]): void {
    (this.lines[index] as LoadedLine).published = devices;
    this.#hasNewPaths = true;
    if (this.#isLive) this.#host.pump.afterwards(() => this.#afterHooks());
  }

  #afterHooks(): void {
    if (!this.#isLive) return;
    if (this.#hasNewPaths) this.#applyPaths();
    this.#applyBusy();
  }

  #applyPaths(): void {
    this.#hasNewPaths = false;
    if (this.type !== 'request') return;
    const { exports } = this.#host.pump.core;
    const { deviceId } = this.#host;
    const loaded = this.lines[0] as LoadedLine;
    const devices = loaded.published ?? devicesOfExtents(loaded);
    const seen = new Set<number>();
    for (const device of devices) {
      if (seen.size === PATHS_WATCHED) break;
      if (seen.has(device.id)) continue;
      exports.setPath(deviceId, seen.size, device.id);
      seen.add(device.id);
    }
    exports.setPaths(deviceId, seen.size);
  }

  #applyBusy(): void {
    const loaded = this.lines[0] as LoadedLine;
    if (this.type !== 'request' || !loaded.target.busy) return;
    const { pump, deviceId } = this.#host;
    const figures = pump.core.figures(deviceId);
    const isBusy = this.#askBusy(loaded) ? 1 : 0;
    if (figures[FIGURE_BUSY] === isBusy) return;
    figures[FIGURE_BUSY] = isBusy;
    if (!isBusy) this.kick();
  }

  #askBusy(loaded: LoadedLine): boolean {
    let said: unknown;
    try {
      said = loaded.target.busy?.();
    } catch (error) {
      said = error;
    }
    if (typeof said === 'boolean') return said;
    if (!this.#isBusyBlamed) {
      this.#isBusyBlamed = true; // it is asked after every batch: told once
      const text = said instanceof Error ? `threw: ${said.message}` : `returned ${String(said)}: expected true or false`;
      this.#host.log(`target ${loaded.type.name} of ${this.#host.deviceName}: hook busy ${text}`);
      void Promise.resolve(said).catch(() => {});
    }
    return false;
  }

  /** Asks again about what waits. */
  kick(): void {
    const { pump, deviceId } = this.#host;
    pump.enter(() => {
      if (!this.#isLive) return;
      this.#afterHooks();
      pump.core.exports.kick(pump.time.now(), deviceId);
    });
  }

  /** Ends an I/O that a hook of this table has kept. */
  finish(id: number, status: number): void {
    const { pump } = this.#host;
    const isStatus = Number.isInteger(status) && status >= 0 && status <= 255;
    pump.enter(() => void pump.core.exports.finish(pump.time.now(), id, isStatus ? status : STATUS_IOERR));
  }

  /** What a hook kept goes to `device` after all. */
  remap(id: number, device: DeviceReference, sector: number): void {
    const { pump } = this.#host;
    const isSector = Number.isSafeInteger(sector) && sector >= 0;
    const lower = isSector && this.#devices.some((own) => own.id === device.id) ? device.id : NO_DEVICE;
    pump.enter(() => void pump.core.exports.remap(pump.time.now(), id, lower, isSector ? sector : 0));
  }

  /** A life-cycle hook of each target. One that throws is told, and keeps no other from its own. */
  each(hook: string, run: (target: Target) => unknown): void {
    for (const { target, type } of this.lines) {
      try {
        guarded(this.#host, type.name, hook, () => expectNothing(run(target)));
      } catch (error) {
        this.#host.log((error as Error).message);
      }
    }
  }

  /** Asks each target whether the device may run again. Throws what the first one that refuses says. */
  preresume(): void {
    for (const { target, type } of this.lines) {
      guarded(this.#host, type.name, 'preresume', () => expectNothing(target.preresume?.()));
    }
  }

  /** Lets go of everything. The table is not live, or its device holds no I/O. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isLive = false;
    this.#stopAsking?.();
    for (const cancel of this.#timers) cancel();
    for (const loaded of this.lines) {
      destroyTarget(this.#host, loaded);
      this.#host.pump.targets[loaded.slot] = undefined;
    }
    this.#host.freeExtents(this.#firstExtent, recordsOf(this.#extents));
    for (const device of this.#devices) this.#host.letGo(device);
  }

  get devices(): readonly OpenedDevice[] {
    return [...new Set(this.#devices)];
  }

  /** The devices in the order in which dmsetup lists them: the last named first. */
  get dependencies(): readonly OpenedDevice[] {
    return [...this.devices].reverse();
  }

  /** The lines as dmsetup prints them; devices as `MAJOR:MINOR`, or as the words that named them. */
  print(kind: 'info' | 'table', names: 'number' | 'word'): string {
    const name = (device: DeviceReference): string =>
      names === 'number' ? device.number : (quoteWord(device.word) ?? device.word);
    return printTable(
      this.lines.map(({ line, target, type }) => ({
        startSector: exactRange(line)[0],
        lengthSectors: exactRange(line)[1],
        target: type.name,
        text: guarded(this.#host, type.name, 'status', () => expectText(target.status(kind, name))),
      })),
    );
  }
}

function tellKernelLog(host: TableHost, error: RqdmTableError, lines: readonly TableLine[]): void {
  const target = lines.find(({ line }) => line === error.place?.line)?.target ?? '';
  for (const line of kernelLogLines(error, host.deviceNumber, target)) host.kernelLog(line);
}

function recordsOf(extents: readonly CoreExtent[]): number {
  return extents.reduce((total, { stripes }) => total + 1 + stripes.length, 0);
}

function writeExtent(exports: CoreExports, index: number, extent: CoreExtent): void {
  const { start, length, kind, hooks, lower, offset, target, flushes, ioSectorsMax, abilities } = extent;
  exports.setExtent(index, start, length, kind, hooks, lower, offset, target, flushes, ioSectorsMax, abilities);
}
