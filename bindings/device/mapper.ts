// A mapper owns everything: names and numbers, registries, the core with its pump, the arena, the paths
// and their threads. Several mappers in one process know nothing of each other.
import { DEVICE_BIO, DEVICE_REQUEST, SETTING_BIOS, SETTING_ELEVATOR } from '../../assembly/abi.ts';
import { Core, type TraceEvent } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import { createPathRegistries, openPath, type PathRegistries } from '../path/open.ts';
import type { Path, PathMode } from '../path/path.ts';
import { PathPool } from '../path/pool.ts';
import { isBackingWord, relativeFileHint } from '../path/word.ts';
import { multipath } from '../table/builders.ts';
import type { DeviceType } from '../table/check.ts';
import { quoteWord } from '../table/print.ts';
import { SelectorRegistry } from '../target/multipath/selector/registry.ts';
import type { SelectorType } from '../target/multipath/selector/selector.ts';
import { builtInTargets, TargetRegistry } from '../target/registry.ts';
import type { TargetType } from '../target/target.ts';
import { RealTime } from '../time/real-time.ts';
import type { Time } from '../time/time.ts';
import { Arena, type Lease } from './arena.ts';
import { Batches } from './batch.ts';
import { MappedDevice } from './device.ts';
import { ExtentPool } from './extents.ts';
import { completeLimits, coreCapacities, type MapperLimits } from './limits.ts';
import { mappedReference } from './mapped-reference.ts';
import { BackingDevice, ELEVATORS, type OpenedDevice, quotaOf } from './opened.ts';
import { PlainDevice } from './plain.ts';
import { Pump } from './pump.ts';
import { LoadedTable, type TableHost } from './table.ts';
import { Transfers } from './transfers.ts';

export interface MapperOptions {
  /** Which backing words may be opened: strings that a word must begin with, or expressions it must match. Default: all. */
  readonly allow?: readonly (string | RegExp)[];
  readonly limits?: Partial<MapperLimits>;
  /** Where file I/O runs, unless a word says `mode=`: on worker threads (default), on this thread, or as measured. */
  readonly mode?: PathMode;
  /** Threads that healthy paths share. Default 2. */
  readonly threads?: number;
  /** Lines of the kind that the kernel logs. Default: none. */
  readonly log?: (line: string) => void;
  /** A path without an answer for so long counts as hanging, milliseconds. Default 30 000. */
  readonly hangMs?: number;
  /** A write that hangs is given up after so long, milliseconds. Default 60 000. */
  readonly unknownFateMs?: number;
  /** Default: the machine's clock. A `VirtualTime` makes the mapper a simulation of itself. */
  readonly time?: Time;
}

export interface CreateOptions {
  readonly name: string;
  /** A table, as dmsetup takes it. Sectors of 512 bytes. */
  readonly table: string | readonly string[];
  /** Where the table leaves it open: bio-based or request-based. */
  readonly type?: DeviceType;
  readonly readOnly?: boolean;
  /** `mq-deadline` (default) or `none`; of a request-based device. */
  readonly elevator?: string;
}

export interface OpenOptions extends Omit<CreateOptions, 'name' | 'table'> {
  readonly name?: string;
  /** Of several paths. Default `service-time`. */
  readonly selector?: string;
  /** Hold I/O while there is no path, instead of failing it. */
  readonly queueIfNoPath?: boolean;
}

/** What a device may ask of its mapper. */
export interface MapperServices {
  readonly pump: Pump;
  readonly transfers: Transfers;
  readonly batches: Batches;
  removeDevice(device: MappedDevice): Promise<void>;
  /** Devices whose live table names this one. */
  devicesAbove(device: MappedDevice): MappedDevice[];
  /** Throws if the table reaches the device itself. */
  checkLoop(device: MappedDevice, table: LoadedTable): void;
  log(line: string): void;
}

const MAPPED_MAJOR = 253;
const BACKING_MAJOR = 240;
const MAPPER_FOLDER = '/dev/mapper/';

export class DeviceMapper implements AsyncDisposable {
  readonly limits: MapperLimits;
  readonly time: Time;
  readonly #core: Core;
  readonly #pump: Pump;
  readonly #arena: Arena;
  readonly #pool: PathPool;
  readonly #registries: PathRegistries = createPathRegistries();
  readonly #selectors: SelectorRegistry = new SelectorRegistry();
  readonly #targets: TargetRegistry;
  readonly #extents: ExtentPool;
  readonly #options: MapperOptions;
  readonly #services: MapperServices;
  readonly #mapped: Map<string, MappedDevice> = new Map();
  readonly #backing: Map<string, BackingDevice> = new Map();
  readonly #plain: Set<PlainDevice> = new Set();
  readonly #byId: (OpenedDevice | undefined)[] = [];
  readonly #cacheDomains: Map<string, number> = new Map();
  /** Paths being closed, with the mapped device that let go of each. */
  readonly #closings: Map<Promise<void>, number | undefined> = new Map();
  #names = 0;
  #closing: Promise<void> | undefined;

  constructor(options: MapperOptions = {}) {
    this.#options = options;
    this.limits = completeLimits(options.limits);
    this.#core = new Core(coreCapacities(this.limits));
    this.#arena = new Arena(this.limits.arenaBytes);
    this.time = options.time ?? new RealTime();
    this.#pump = new Pump(this.#core, this.#arena, this.time);
    this.#targets = new TargetRegistry(builtInTargets(this.#selectors));
    this.#extents = new ExtentPool(this.limits.extents);
    const log = options.log ?? (() => {});
    this.#pool = new PathPool({
      arenaMemory: () => this.#arena.memory,
      quarantine: (address, length, until) => this.#arena.quarantine(address, length, until),
      ...(options.threads === undefined ? {} : { sharedThreads: options.threads }),
      ...(options.hangMs === undefined ? {} : { hangMs: options.hangMs }),
      ...(options.unknownFateMs === undefined ? {} : { unknownFateMs: options.unknownFateMs }),
      report: log,
    });
    this.#services = {
      pump: this.#pump,
      transfers: new Transfers(this.#pump),
      batches: new Batches(this.#pump),
      removeDevice: (device) => this.#removeDevice(device),
      devicesAbove: (device) => this.#devicesAbove(device),
      checkLoop: (device, table) => this.#checkLoop(device, table),
      log,
    };
  }

  // ---- devices ------------------------------------------------------------------------------------------

  /** A device by a table. Resolves when it takes I/O. Throws RqdmTableError, or RqdmError for a bad name. */
  async createDevice(options: CreateOptions): Promise<MappedDevice> {
    this.#assertOpen();
    const { name } = options;
    checkName(name);
    if (this.#mapped.has(name)) throw new RqdmError('ERR_RQDM_EXISTS', `a device named "${name}" exists already`);
    const elevator = elevatorNumber(options.elevator);
    const id = this.#freeId();
    const placeholder = {} as OpenedDevice;
    this.#byId[id] = placeholder;
    const holder: { device: MappedDevice | undefined } = { device: undefined };
    const host = this.#host(id, name, options, holder);
    let table: LoadedTable | undefined;
    let isCreated = false;
    try {
      table = LoadedTable.load(host, options.table, undefined);
      const kind = table.type === 'request' ? DEVICE_REQUEST : DEVICE_BIO;
      this.#core.exports.createDevice(id, kind, table.sizeSectors);
      isCreated = true;
      this.#core.exports.configureDevice(id, SETTING_ELEVATOR, elevator);
      this.#core.exports.configureDevice(id, SETTING_BIOS, quotaOf(this.#core));
      const device = new MappedDevice(this.#services, host, options.readOnly === true, table);
      holder.device = device;
      this.#mapped.set(name, device);
      this.#byId[id] = mappedReference(device);
      return device;
    } catch (error) {
      table?.destroy();
      if (isCreated) this.#core.exports.destroyDevice(id);
      await this.#closed(id);
      this.#byId[id] = undefined;
      throw error;
    }
  }

  /**
   * A device over one path, or over several paths to the same storage: prints a table (passthrough or multipath) and
   * obeys it. Words as in tables; `#label` tells two paths to one file apart.
   */
  async openDevice(paths: string | readonly string[], options: OpenOptions = {}): Promise<MappedDevice> {
    const words = typeof paths === 'string' ? [paths] : [...paths];
    if (words.length === 0) throw new RqdmError('ERR_RQDM_TABLE', 'openDevice: expected at least one path');
    const name = options.name ?? this.#freeName();
    const isSingle = typeof paths === 'string';
    const type = isSingle && this.#find(paths, options.readOnly === true)?.isRequestStackable === false ? 'bio' : 'request';
    const table = isSingle
      ? `0 * passthrough ${quoteWord(paths) ?? paths} 0`
      : multipath({
          features: {
            queueIfNoPath: options.queueIfNoPath === true,
            ...(options.type === undefined ? {} : { queueMode: options.type === 'bio' ? 'bio' : 'rq' }),
          },
          groups: [{ selector: options.selector ?? 'service-time', paths: words }],
        });
    return this.createDevice({ ...options, ...(isSingle ? { type: options.type ?? type } : {}), name, table });
  }

  /** A backing word by itself: I/O goes straight to that device's own queue, without a map above it. */
  async openPlain(word: string, options: { readonly elevator?: string } = {}): Promise<PlainDevice> {
    this.#assertOpen();
    const elevator = elevatorNumber(options.elevator);
    const found = this.#find(word, false) ?? this.#openBacking(word, false);
    if (!(found instanceof BackingDevice)) {
      throw new RqdmError('ERR_RQDM_WORD', `"${word}" names a mapped device: expected a backing word`);
    }
    found.holders++;
    const plain = new PlainDevice(this.#services, found, async () => {
      this.#plain.delete(plain);
      this.#letGo(found);
      await Promise.all(this.#closings.keys());
    });
    plain.setElevator(elevator);
    this.#plain.add(plain);
    return plain;
  }

  /** A device by its name, its `MAJOR:MINOR` or `/dev/mapper/NAME`. */
  getDevice(word: string): MappedDevice | undefined {
    const name = word.startsWith(MAPPER_FOLDER) ? word.slice(MAPPER_FOLDER.length) : word;
    return this.#mapped.get(name) ?? [...this.#mapped.values()].find((device) => device.number === word);
  }

  /** All mapped devices, by name. */
  get devices(): readonly MappedDevice[] {
    return [...this.#mapped.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  registerTarget(type: TargetType): void {
    this.#targets.registerTarget(type);
  }

  registerSelector(type: SelectorType): void {
    this.#selectors.registerSelector(type);
  }

  /** Makes the paths of words with `switch=NAME` fail, or mends them. */
  get faultSwitches(): PathRegistries['faultSwitches'] {
    return this.#registries.faultSwitches;
  }

  /** Holds the calls of paths of words with `hang=NAME`, and lets them go. */
  get hangs(): PathRegistries['hangs'] {
    return this.#registries.hangs;
  }

  // ---- arena ----------------------------------------------------------------------------------------------

  /** A range of the arena for batch calls; undefined while there is no room. */
  lease(bytes: number): Lease | undefined {
    const lease = this.#arena.lease(bytes);
    return lease;
  }

  /** All of the arena: what a lease's address counts in. */
  get arenaBytes(): Uint8Array {
    return this.#arena.bytes;
  }

  // ---- trace ------------------------------------------------------------------------------------------------

  /** Switches the trace ring on or off. */
  setTracing(isOn: boolean): void {
    this.#core.setTracing(isOn);
  }

  /** Events since `from`; devices by `MAJOR:MINOR`. */
  readTrace(from = 0): { events: (Omit<TraceEvent, 'device'> & { device: string })[]; next: number; lost: number } {
    const { events, next, lost } = this.#core.readTrace(from);
    const named = events.map((event) => ({ ...event, device: this.#byId[event.device]?.number ?? '?' }));
    return { events: named, next, lost };
  }

  /** Bytes of the core's memory in use, and of one bio, one request (or clone), one device. */
  get memory(): { core: number; bio: number; request: number; device: number } {
    const { bytesOf } = this.#core.exports;
    return { core: this.#core.exports.memory.buffer.byteLength, bio: bytesOf(0), request: bytesOf(1), device: bytesOf(2) };
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  /** Closes every device, from the top of each stack down, and ends the threads. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const inOrder = [...this.#mapped.values()].sort((a, b) => b.level - a.level);
    // what a lower device holds back would keep the ones above it waiting
    if (!this.#pump.poisoned) for (const device of inOrder) device.giveUpWaiting();
    for (const device of inOrder) await device.close();
    await Promise.all([...this.#plain].map((device) => device.close()));
    await Promise.all(this.#closings.keys());
    await this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertOpen(): void {
    if (this.#closing) throw new RqdmError('ERR_RQDM_CLOSED', 'the mapper is closed');
    this.#pump.assertAlive();
  }

  // ---- inside ----------------------------------------------------------------------------------------------------

  #host(id: number, name: string, options: CreateOptions, holder: { device: MappedDevice | undefined }): TableHost {
    return {
      pump: this.#pump,
      targets: this.#targets,
      deviceName: name,
      deviceNumber: `${MAPPED_MAJOR}:${id}`,
      deviceId: id,
      isReadOnly: options.readOnly === true,
      requestedType: options.type,
      hold: (word) => this.#hold(word, options.readOnly === true),
      letGo: (device) => this.#letGo(device, id),
      sizeOf: (word) => this.#sizeOf(word, options.readOnly === true),
      letGoUnheld: () => this.#letGoUnheld(id),
      allocateExtents: (count) => this.#extents.allocate(count),
      freeExtents: (first, count) => this.#extents.free(first, count),
      isNoflushSuspending: () => holder.device?.isNoflushSuspending ?? false,
      event: (event) => holder.device?.raise(event),
      log: (line) => this.#services.log(line),
      misbehaved: (error) => holder.device?.misbehaved(error),
    };
  }

  #freeId(): number {
    for (let id = 0; id < this.limits.devices; id++) if (!this.#byId[id]) return id;
    throw new RqdmError(
      'ERR_RQDM_LIMIT',
      `no room for one more device: this mapper holds ${this.limits.devices} (limits.devices)`,
    );
  }

  #freeName(): string {
    while (this.#mapped.has(`rqdm${this.#names}`)) this.#names++;
    return `rqdm${this.#names++}`;
  }

  #hold(word: string, isReadOnly: boolean): OpenedDevice {
    const device = this.#find(word, isReadOnly) ?? this.#openBacking(word, isReadOnly);
    if (this.#mapped.get(device.word)?.isClosing && !(device instanceof BackingDevice)) {
      throw new RqdmError('ERR_RQDM_CLOSED', `${device.word} is being closed`);
    }
    device.holders++;
    return device;
  }

  /** A device that is there already: a mapped one by name or number, a backing one by number or by the same word. */
  #find(word: string, isReadOnly: boolean): OpenedDevice | undefined {
    const mapped = this.getDevice(word);
    if (mapped) return this.#byId[mapped.id];
    const backing = this.#backing.get(writableKey(word)) ?? (isReadOnly ? this.#backing.get(word) : undefined);
    return backing ?? this.#byId.find((device) => device?.number === word);
  }

  #openBacking(word: string, isReadOnly: boolean): BackingDevice {
    if (!isBackingWord(word)) {
      const hint = relativeFileHint(word);
      throw new RqdmError(
        'ERR_RQDM_WORD',
        hint ?? `"${word}" names no device: expected a file (/… or ./…), mem:, null:, MAJOR:MINOR, or the name of a device`,
      );
    }
    const id = this.#freeId();
    const path: Path = openPath(word, {
      arenaMemory: () => this.#arena.memory,
      sink: this.#pump,
      pool: this.#pool,
      registries: this.#registries,
      mode: this.#options.mode ?? 'worker',
      isReadOnly,
      time: this.time,
      allow: (asked) => this.#isAllowed(asked),
    });
    const domain = this.#cacheDomains.get(path.cacheKey) ?? this.#cacheDomains.size + 1;
    this.#cacheDomains.set(path.cacheKey, domain);
    let device: BackingDevice;
    try {
      device = new BackingDevice(this.#core, id, `${BACKING_MAJOR}:${id}`, domain, path, 'mq-deadline');
    } catch (error) {
      void path.close();
      throw error;
    }
    this.#byId[id] = device;
    this.#backing.set(isReadOnly ? word : writableKey(word), device);
    this.#pump.paths[id] = path;
    return device;
  }

  #isAllowed(word: string): boolean {
    const { allow } = this.#options;
    if (!allow) return true;
    return allow.some((rule) => (typeof rule === 'string' ? word.startsWith(rule) : rule.test(word)));
  }

  /** `holder` is the mapped device whose end waits for the path's. */
  #letGo(device: OpenedDevice, holder?: number): void {
    device.holders--;
    if (device.holders > 0 || !(device instanceof BackingDevice)) return;
    for (const [key, held] of this.#backing) if (held === device) this.#backing.delete(key);
    const close = device.path.close().catch((error: unknown) => this.#services.log(`${device.word}: ${String(error)}`));
    const closing = close.then(() => {
      this.#pump.paths[device.id] = undefined;
      this.#byId[device.id] = undefined;
      if (!this.#pump.poisoned) this.#core.exports.destroyDevice(device.id);
      this.#closings.delete(closing);
    });
    this.#closings.set(closing, holder);
  }

  /** Resolves when the paths that this device let go of are closed. */
  async #closed(holder: number): Promise<void> {
    await Promise.all([...this.#closings].filter(([, of]) => of === holder).map(([closing]) => closing));
  }

  #sizeOf(word: string, isReadOnly: boolean): number | undefined {
    const found = this.#find(word, isReadOnly);
    if (found) return found.sizeSectors;
    if (!isBackingWord(word)) return undefined;
    try {
      // opened now and held by nobody: the constructor that follows finds it under the same word, or `letGoUnheld`
      return this.#openBacking(word, isReadOnly).sizeSectors;
    } catch {
      return undefined; // the constructor tells it, with the word's place
    }
  }

  #letGoUnheld(holder: number): void {
    for (const device of [...this.#backing.values()]) {
      if (device.holders > 0) continue;
      device.holders++;
      this.#letGo(device, holder);
    }
  }

  #devicesAbove(device: MappedDevice): MappedDevice[] {
    return [...this.#mapped.values()].filter((above) => above.liveTable.devices.some(({ id }) => id === device.id));
  }

  #checkLoop(device: MappedDevice, table: LoadedTable): void {
    const tooLow = this.#devicesAbove(device).find((above) => above.level <= table.level);
    if (tooLow) {
      throw new RqdmError(
        'ERR_RQDM_TABLE',
        `the table of ${device.name} would lie ${table.level} devices deep, under ${tooLow.name} of level ${tooLow.level}: reload ${tooLow.name} later, or take a table that is not deeper`,
      );
    }
    const reaches = (other: OpenedDevice): boolean => {
      if (other.id === device.id) return true;
      const mapped = [...this.#mapped.values()].find((candidate) => candidate.id === other.id);
      return mapped?.tables.some((other) => other.devices.some(reaches)) ?? false;
    };
    if (table.devices.some(reaches)) {
      throw new RqdmError(
        'ERR_RQDM_TABLE',
        `the table of ${device.name} reaches ${device.name} itself: a device cannot stand on itself`,
      );
    }
  }

  async #removeDevice(device: MappedDevice): Promise<void> {
    this.#mapped.delete(device.name);
    if (!this.#pump.poisoned) this.#core.exports.destroyDevice(device.id);
    await this.#closed(device.id);
    this.#byId[device.id] = undefined;
  }
}

function elevatorNumber(name = 'mq-deadline'): number {
  const elevator = ELEVATORS.get(name);
  if (elevator !== undefined) return elevator;
  throw new RqdmError('ERR_RQDM_ELEVATOR', `elevator "${name}": expected ${[...ELEVATORS.keys()].join(' or ')}`);
}

/** A word opened for writing; under the word itself stands what a read-only table has opened. */
function writableKey(word: string): string {
  return `rw ${word}`;
}

function checkName(name: string): void {
  const isBad =
    name === '' || Buffer.byteLength(name) > 127 || name.includes('/') || name === '.' || name === '..' || name === 'control';
  if (!isBad) return;
  throw new RqdmError(
    'ERR_RQDM_NAME',
    `${JSON.stringify(name)} cannot name a device: expected 1 to 127 bytes without "/", and not ".", ".." or "control"`,
  );
}
