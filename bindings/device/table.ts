// A table as a device has it: constructed targets, the devices they hold, the stretches the core maps by.
//
//   text ─parse─▶ lines ─construct, check─▶ LoadedTable (inactive) ─goLive─▶ extents and usable sets in the core
import {
  EXTENT_DEVICE,
  EXTENT_ERROR,
  EXTENT_ZERO,
  FIGURE_BUSY,
  HOOK_END_IO,
  HOOK_END_IO_FIRST,
  HOOK_MAP,
  HOOK_PREP_MAP,
  SETTING_HAS_CACHE,
  SETTING_READ_ONLY,
} from '../../assembly/abi.ts';
import { RqdmError, RqdmTableError } from '../errors.ts';
import type { DeviceReference, PathLimits } from '../path/reference.ts';
import {
  type ConstructedLine,
  checkAlignment,
  checkDeviceArea,
  checkLine,
  type DeviceType,
  decideType,
} from '../table/check.ts';
import { parseTable, type TableLine } from '../table/parse.ts';
import { printTable } from '../table/print.ts';
import type { TargetRegistry } from '../target/registry.ts';
import type { Target, TargetContext, TargetEvent, TargetExtent } from '../target/target.ts';
import { applyLimits, type OpenedDevice } from './opened.ts';
import type { Pump } from './pump.ts';

/** What a table needs of the mapper and of the device that loads it. */
export interface TableHost {
  readonly pump: Pump;
  readonly targets: TargetRegistry;
  readonly deviceName: string;
  readonly deviceNumber: string;
  readonly deviceId: number;
  readonly isReadOnly: boolean;
  readonly requestedType: DeviceType | undefined;
  /** The device of a word, held once more. Throws RqdmError. */
  hold(word: string): OpenedDevice;
  letGo(device: OpenedDevice): void;
  /** Size of what a word names, without holding it; undefined if it names nothing. */
  sizeOf(word: string): number | undefined;
  allocateExtents(count: number): number;
  freeExtents(first: number, count: number): void;
  isNoflushSuspending(): boolean;
  event(event: TargetEvent): void;
  log(line: string): void;
  misbehaved(error: RqdmError): void;
}

/** Stacking defaults: a table without devices limits nothing but the size of a request. */
const LIMITS_WITHOUT_DEVICES: PathLimits = {
  maxSectors: 2560,
  maxSegments: 1024,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
};

/** How many of a usable set the core watches (PATH_SLOTS of assembly/limits.ts, less the spare slot). */
const PATHS_WATCHED = 127;

class LoadedLine implements ConstructedLine {
  readonly line: TableLine;
  readonly type: ConstructedLine['type'];
  readonly target: Target;
  readonly slot: number;
  published: readonly DeviceReference[] | undefined;

  constructor(checked: Pick<ConstructedLine, 'line' | 'type'>, target: Target, slot: number) {
    this.line = checked.line;
    this.type = checked.type;
    this.target = target;
    this.slot = slot;
  }
}

export class LoadedTable {
  readonly lines: readonly LoadedLine[];
  readonly type: DeviceType;
  readonly sizeSectors: number;
  /** Exact size in bytes: less than `sizeSectors` * 512 where every device has the same odd end. */
  readonly sizeBytes: number;
  readonly level: number;
  readonly hasCache: boolean;
  /** Undefined for a table without devices: the device keeps the limits it has. */
  readonly limits: PathLimits | undefined;
  readonly #host: TableHost;
  readonly #devices: readonly OpenedDevice[];
  #firstExtent = -1;
  #extentCount = 0;
  #isLive = false;
  #isDestroyed = false;
  #hasNewPaths = false;
  readonly #timers: Set<NodeJS.Timeout>;
  #stopAsking: (() => void) | undefined;

  private constructor(
    host: TableHost,
    lines: readonly LoadedLine[],
    devices: readonly OpenedDevice[],
    type: DeviceType,
    timers: Set<NodeJS.Timeout>,
  ) {
    this.#host = host;
    this.lines = lines;
    this.#devices = devices;
    this.#timers = timers;
    this.type = type;
    const last = (lines.at(-1) as LoadedLine).line;
    this.sizeSectors = last.startSector + last.lengthSectors;
    this.sizeBytes = exactSize(lines, devices, this.sizeSectors);
    this.level = devices.reduce((most, device) => Math.max(most, device.level), -1) + 1 || 1;
    this.hasCache = devices.some((device) => device.hasCache);
    this.limits = stackLimits(lines);
  }

  /**
   * Reads and constructs a table; nothing of it is in use yet. `liveType` is what the device is now. Throws
   * RqdmTableError; whatever was opened for the table is let go of again.
   */
  static load(host: TableHost, text: string | readonly string[], liveType: DeviceType | undefined): LoadedTable {
    const devices: OpenedDevice[] = [];
    const lines: LoadedLine[] = [];
    const timers = new Set<NodeJS.Timeout>();
    let table: LoadedTable | undefined;
    const current = (): LoadedTable | undefined => table;
    try {
      for (const parsed of parseTable(text)) {
        const line = parsed.isWholeDevice ? withLength(host, parsed) : parsed;
        const type = checkLine(lines, line, host.targets.get(line.target), host.isReadOnly);
        const slot = freeSlot(host.pump);
        const early: { published: readonly DeviceReference[] | undefined } = { published: undefined };
        const context = makeContext(host, line, devices, timers, early, current, lines.length);
        const target = type.construct(line.words, context);
        const loaded = new LoadedLine({ line, type }, target, slot);
        loaded.published = early.published;
        lines.push(loaded);
        host.pump.targets[slot] = {
          target,
          name: type.name,
          deviceName: host.deviceName,
          misbehaved: (error) => host.misbehaved(error),
        };
      }
      const decided = decideType(lines, { liveType, requestedType: host.requestedType });
      for (const { target } of lines) {
        target.iterateDevices?.((device, start, length) => checkDeviceArea(device, device.word, start, length));
      }
      checkAlignment(lines.map((loaded) => ({ line: loaded.line, blockSectors: blockOf(loaded.target) })));
      checkMaps(lines);
      table = new LoadedTable(host, lines, devices, decided, timers);
      return table;
    } catch (error) {
      for (const loaded of lines) {
        loaded.target.destroy?.();
        host.pump.targets[loaded.slot] = undefined;
      }
      for (const device of devices) host.letGo(device);
      throw error;
    }
  }

  /** Writes the table to the core. Nothing of an older table is in flight on the device. */
  goLive(): void {
    const { pump, deviceId } = this.#host;
    const extents = this.lines.flatMap((loaded) => extentsOf(loaded));
    this.#extentCount = extents.length;
    this.#firstExtent = this.#host.allocateExtents(extents.length);
    const { exports } = pump.core;
    extents.forEach((extent, index) => {
      exports.setExtent(
        this.#firstExtent + index,
        extent.start,
        extent.length,
        extent.kind,
        extent.hooks,
        extent.lower,
        extent.offset,
        extent.target,
        extent.flushes,
        extent.ioSectorsMax,
      );
    });
    exports.setExtents(deviceId, this.#firstExtent, extents.length, this.sizeSectors, this.level);
    if (this.limits) applyLimits(pump.core, deviceId, this.limits);
    exports.configureDevice(deviceId, SETTING_HAS_CACHE, this.hasCache ? 1 : 0);
    exports.configureDevice(deviceId, SETTING_READ_ONLY, this.#host.isReadOnly ? 1 : 0);
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
    const devices = loaded.published ?? devicesOfExtents(loaded.target);
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
    const isBusy = loaded.target.busy() ? 1 : 0;
    if (figures[FIGURE_BUSY] === isBusy) return;
    figures[FIGURE_BUSY] = isBusy;
    if (!isBusy) pump.afterwards(() => pump.core.exports.kick(pump.clock(), deviceId));
  }

  /** Lets go of everything. The table is not live, or its device holds no I/O. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isLive = false;
    this.#stopAsking?.();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const loaded of this.lines) {
      loaded.target.destroy?.();
      this.#host.pump.targets[loaded.slot] = undefined;
    }
    if (this.#firstExtent >= 0) this.#host.freeExtents(this.#firstExtent, this.#extentCount);
    for (const device of this.#devices) this.#host.letGo(device);
  }

  get devices(): readonly OpenedDevice[] {
    return [...new Set(this.#devices)];
  }

  /** The lines as dmsetup prints them; devices as `MAJOR:MINOR`, or as the words that named them. */
  print(kind: 'info' | 'table', names: 'number' | 'word'): string {
    const name = (device: DeviceReference): string => (names === 'number' ? device.number : device.word);
    return printTable(
      this.lines.map(({ line, target, type }) => ({
        startSector: line.startSector,
        lengthSectors: line.lengthSectors,
        target: type.name,
        text: target.status(kind, name),
      })),
    );
  }
}

// ---- construction ----------------------------------------------------------------------------------------

function freeSlot(pump: Pump): number {
  const free = pump.targets.indexOf(undefined);
  return free < 0 ? pump.targets.length : free;
}

function makeContext(
  host: TableHost,
  line: TableLine,
  devices: OpenedDevice[],
  timers: Set<NodeJS.Timeout>,
  early: { published: readonly DeviceReference[] | undefined },
  table: () => LoadedTable | undefined,
  index: number,
): TargetContext {
  const { pump } = host;
  return {
    beginSector: line.startSector,
    lengthSectors: line.lengthSectors,
    deviceNumber: host.deviceNumber,
    deviceName: host.deviceName,
    requestedType: host.requestedType,
    isReadOnly: host.isReadOnly,
    line: line.line,
    getDevice: (word, wordIndex, kernelText) => {
      try {
        const device = host.hold(word);
        devices.push(device);
        return device;
      } catch (cause) {
        if (!(cause instanceof RqdmError)) throw cause;
        const errno = cause.code === 'ERR_RQDM_LIMIT' ? 'ENOMEM' : 'ENODEV';
        throw new RqdmTableError(kernelText, {
          errno,
          detail: cause.message,
          place: { line: line.line, word: wordIndex + 3 },
          cause,
        });
      }
    },
    publishDevices: (published) => {
      const loaded = table();
      if (loaded) loaded.publish(index, published);
      else early.published = published;
    },
    kick: () => pump.afterwards(() => pump.core.exports.kick(pump.clock(), host.deviceId)),
    finish: (id, status) => pump.afterwards(() => void pump.core.exports.finish(pump.clock(), id, status)),
    event: (event) => host.event(event),
    log: (text) => host.log(text),
    isNoflushSuspending: () => host.isNoflushSuspending(),
    setTimer: (delayMs, run) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
        pump.drive();
      }, delayMs);
      timer.unref();
      timers.add(timer);
      return () => {
        clearTimeout(timer);
        timers.delete(timer);
      };
    },
  };
}

/** `*`: as long as the smallest device of the line has sectors behind the line's own offset. */
function withLength(host: TableHost, line: TableLine): TableLine {
  const sizes: number[] = [];
  for (const word of line.words) {
    const size = host.sizeOf(word);
    if (size !== undefined) sizes.push(size);
  }
  const offset = line.target === 'multipath' ? 0 : Number(line.words[1] ?? 0);
  const least = Math.min(...sizes) - (Number.isFinite(offset) ? offset : 0);
  // a bad word is told by the constructor, in the kernel's words; until then any length will do
  return { ...line, lengthSectors: sizes.length > 0 && least > 0 ? least : 1 };
}

// ---- figures ------------------------------------------------------------------------------------------------

function blockOf(target: Target): number {
  let block = 1;
  target.iterateDevices?.((device) => {
    block = Math.max(block, device.limits.logicalBlockSectors);
  });
  return block;
}

function exactSize(lines: readonly LoadedLine[], devices: readonly OpenedDevice[], sizeSectors: number): number {
  const whole = sizeSectors * 512;
  const exact = devices[0]?.sizeBytes;
  if (lines.length !== 1 || exact === undefined || Math.ceil(exact / 512) !== sizeSectors) return whole;
  return devices.every((device) => device.sizeBytes === exact) ? exact : whole;
}

/** Spec-core 10.6, as far as the core has these limits. */
function stackLimits(lines: readonly LoadedLine[]): PathLimits | undefined {
  let stacked: PathLimits | undefined;
  for (const { target } of lines) {
    let own: PathLimits | undefined;
    target.iterateDevices?.((device) => {
      own = stack(own, device.limits);
    });
    if (own && target.limits) own = target.limits(own);
    if (own) stacked = stack(stacked, own);
  }
  return stacked ?? (lines.some((loaded) => loaded.type.isWildcard) ? undefined : LIMITS_WITHOUT_DEVICES);
}

function stack(top: PathLimits | undefined, below: PathLimits): PathLimits {
  if (!top) return below;
  return {
    maxSectors: Math.min(top.maxSectors, below.maxSectors),
    maxSegments: Math.min(top.maxSegments, below.maxSegments),
    chunkSectors: below.chunkSectors ? greatestCommonDivisor(top.chunkSectors, below.chunkSectors) : top.chunkSectors,
    logicalBlockSectors: Math.max(top.logicalBlockSectors, below.logicalBlockSectors),
    physicalBlockSectors: Math.max(top.physicalBlockSectors, below.physicalBlockSectors),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

// ---- extents ---------------------------------------------------------------------------------------------------

interface CoreExtent {
  readonly start: number;
  readonly length: number;
  readonly kind: number;
  readonly hooks: number;
  readonly lower: number;
  readonly offset: number;
  readonly target: number;
  readonly flushes: number;
  readonly ioSectorsMax: number;
}

const NO_DEVICE = 0xffffffff;
const KINDS = { device: EXTENT_DEVICE, error: EXTENT_ERROR, zero: EXTENT_ZERO } as const;

function hooksOf(target: Target): number {
  return (
    (target.prepMap ? HOOK_PREP_MAP : 0) |
    (target.map ? HOOK_MAP : 0) |
    (target.endIoFirst ? HOOK_END_IO_FIRST : 0) |
    (target.endIo ? HOOK_END_IO : 0)
  );
}

function extentsOf({ line, target, slot }: LoadedLine): CoreExtent[] {
  const hooks = hooksOf(target);
  const stretches: readonly TargetExtent[] =
    target.prepMap || !target.extents ? [{ start: 0, length: line.lengthSectors, kind: 'device' }] : target.extents;
  const flushed = new Set<number>();
  return stretches.map((stretch) => {
    const lower = stretch.device?.id ?? NO_DEVICE;
    // one flush for each device of the target, however many stretches lie on it
    const flushes = stretch.kind === 'device' && (target.flushes ?? 1) > 0 && !flushed.has(lower) ? 1 : 0;
    flushed.add(lower);
    return {
      start: line.startSector + stretch.start,
      length: stretch.length,
      kind: KINDS[stretch.kind],
      hooks: stretch.kind === 'device' ? hooks : 0,
      lower,
      offset: stretch.offset ?? 0,
      target: slot,
      flushes,
      ioSectorsMax: target.ioSectorsMax ?? 0,
    };
  });
}

/** The devices that requests can go to where the target does not say so: those of its stretches. */
function devicesOfExtents(target: Target): DeviceReference[] {
  const devices: DeviceReference[] = [];
  if (target.prepMap) target.iterateDevices?.((device) => devices.push(device));
  else for (const extent of target.extents ?? []) if (extent.device) devices.push(extent.device);
  return devices;
}

/** A target must say where I/O goes, by stretches or by a hook. */
function checkMaps(lines: readonly LoadedLine[]): void {
  for (const { line, target, type } of lines) {
    if (target.prepMap || (target.extents && target.extents.length > 0)) continue;
    throw new RqdmTableError(`target type ${type.name} maps nothing`, {
      detail: 'expected extents or a prepMap hook',
      place: { line: line.line, word: 2 },
    });
  }
}
