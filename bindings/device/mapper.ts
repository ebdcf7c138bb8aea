// A mapper owns everything: names and numbers, registries, the core with its pump, the arena, the paths
// and their threads. Several mappers in one process know nothing of each other.
import { DEVICE_BIO } from '../../assembly/abi.ts';
import { Core, type TraceEvent } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import { createPathRegistries, type PathRegistries } from '../path/open.ts';
import { PathPool } from '../path/pool.ts';
import { isBackingWord } from '../path/word.ts';
import { multipath } from '../table/builders.ts';
import { quoteWord } from '../table/print.ts';
import type { ArrayModel } from '../target/multipath/hardware-handler/array-model.ts';
import type { HandlerType } from '../target/multipath/hardware-handler/handler.ts';
import { HardwareHandlerRegistry } from '../target/multipath/hardware-handler/registry.ts';
import { MultipathParameters } from '../target/multipath/parameters.ts';
import { SelectorRegistry } from '../target/multipath/selector/registry.ts';
import type { SelectorType } from '../target/multipath/selector/selector.ts';
import { builtInTargets, TargetRegistry } from '../target/registry.ts';
import type { TargetType } from '../target/target.ts';
import { RealTime } from '../time/real-time.ts';
import type { Time } from '../time/time.ts';
import { Alarms } from './alarms.ts';
import { Arena, type Lease } from './arena.ts';
import { type AttachOptions, BackingDevices } from './backing-devices.ts';
import { Batches } from './batch.ts';
import { MappedDevice } from './device.ts';
import { ExtentPool } from './extents.ts';
import { completeLimits, coreCapacities, type MapperLimits } from './limits.ts';
import { mappedReference } from './mapped-reference.ts';
import type { CreateOptions, MapperOptions, OpenOptions } from './mapper-options.ts';
import { MAPPED_MAJOR, Names } from './names.ts';
import { BackingDevice, type BackingView, type OpenedDevice } from './opened.ts';
import { PlainDevice } from './plain.ts';
import { Pump } from './pump.ts';
import { checkElevator, QueueSettings } from './queue-settings.ts';
import { DeviceRegions, RegionMemory } from './regions.ts';
import { checkLoop, devicesAbove, restackAbove } from './stack.ts';
import type { LoadedTable, TableHost } from './table.ts';
import type { TraceBatch } from './tracer.ts';
import { Transfers } from './transfers.ts';

/** What a device may ask of its mapper. */
export interface MapperServices {
  readonly pump: Pump;
  readonly transfers: Transfers;
  readonly batches: Batches;
  readonly names: Names<MappedDevice>;
  removeDevice(device: MappedDevice): Promise<void>;
  /** Devices whose live table names this one. */
  devicesAbove(device: MappedDevice): MappedDevice[];
  /** Throws if the table reaches the device itself. */
  checkLoop(device: MappedDevice, table: LoadedTable): void;
  /** Limits of the device with this id are others now: what stands on it stacks them again, up to the top. */
  limitsChanged(id: number): void;
  log(line: string): void;
}

export class DeviceMapper implements AsyncDisposable {
  readonly limits: MapperLimits;
  readonly time: Time;
  readonly #core: Core;
  readonly #pump: Pump;
  readonly #arena: Arena;
  readonly #pool: PathPool;
  readonly #registries: PathRegistries = createPathRegistries();
  readonly #selectors: SelectorRegistry = new SelectorRegistry();
  readonly #handlers: HardwareHandlerRegistry = new HardwareHandlerRegistry();
  /** What holds for all its multipath maps and stands in no table. */
  readonly multipath: MultipathParameters = new MultipathParameters();
  readonly #targets: TargetRegistry;
  readonly #extents: ExtentPool;
  readonly #regionMemory: RegionMemory;
  readonly #options: MapperOptions;
  readonly #services: MapperServices;
  readonly #names: Names<MappedDevice> = new Names();
  /** All that are alive, also those whose name is free again. */
  readonly #mapped: Set<MappedDevice> = new Set();
  readonly #backing: BackingDevices;
  readonly #plain: Set<PlainDevice> = new Set();
  readonly #byId: (OpenedDevice | undefined)[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: MapperOptions = {}) {
    this.#options = options;
    this.limits = completeLimits(options.limits);
    this.#core = new Core(coreCapacities(this.limits));
    this.#arena = new Arena(this.limits.arenaBytes);
    this.time = options.time ?? new RealTime();
    this.#pump = new Pump(this.#core, this.#arena, this.time);
    this.#pump.tracer.attach(this, (id) => this.#byId[id]?.number ?? '?');
    this.#pump.failures.attach(options.log, (id) => this.#byId[id]);
    this.multipath.queueIfNoPathTimeoutSecs = options.queueIfNoPathTimeoutSecs ?? 0;
    this.#targets = new TargetRegistry(builtInTargets(this.#selectors, this.#handlers, this.multipath));
    this.#extents = new ExtentPool(this.limits.extents);
    this.#regionMemory = new RegionMemory(this.#pump, this.limits.regionBytes);
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
      devicesAbove: (device) => devicesAbove(this.#mapped, device.id),
      names: this.#names,
      checkLoop: (device, table) => checkLoop(this.#mapped, device, table),
      limitsChanged: (id) => restackAbove(this.#mapped, id),
      log,
    };
    this.#backing = new BackingDevices({
      core: this.#core,
      pump: this.#pump,
      path: {
        arenaMemory: () => this.#arena.memory,
        sink: this.#pump,
        pool: this.#pool,
        registries: this.#registries,
        mode: options.mode ?? 'worker',
        time: this.time,
        allow: (asked) => this.#isAllowed(asked),
      },
      freeId: () => this.#freeId(),
      take: (id, device) => {
        this.#byId[id] = device;
      },
      limitsChanged: (id) => restackAbove(this.#mapped, id),
      log,
    });
  }

  // ---- devices ------------------------------------------------------------------------------------------

  /**
   * A device, with a table that goes live at once, or without any. Resolves when it takes I/O. Rejects with RqdmTableError,
   * or RqdmError for a bad or taken name, uuid or minor (errno EINVAL, EBUSY).
   */
  async createDevice(options: CreateOptions): Promise<MappedDevice> {
    this.#assertOpen();
    const { name, uuid = '' } = options;
    if (name === '') this.#kernelLog('ioctl: name not supplied when creating device');
    this.#names.checkFree(name, uuid);
    const id = this.#freeId();
    const minor = this.#names.takeMinor(options.minor);
    let device: MappedDevice | undefined;
    let isCreated = false;
    try {
      this.#core.exports.createDevice(id, DEVICE_BIO, 0);
      isCreated = true;
      const holder: { device: MappedDevice | undefined } = { device: undefined };
      const host = this.#host(id, minor, options, holder);
      device = new MappedDevice(this.#services, host, { name, uuid, minor, id, isReadOnly: options.readOnly === true });
      holder.device = device;
      this.#byId[id] = mappedReference(device);
      if (options.table !== undefined) device.start(options.table);
      host.queue.setAll(options.queue ?? {});
      this.#names.add(device);
      this.#mapped.add(device);
      return device;
    } catch (error) {
      device?.abandon();
      if (isCreated) this.#core.exports.destroyDevice(id);
      await this.#backing.closed(id);
      this.#byId[id] = undefined;
      this.#names.freeMinor(minor);
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
    const name = options.name ?? this.#names.freeName();
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
    const elevator = checkElevator(options.elevator);
    const found = this.#find(word, false) ?? this.#backing.open(word, false);
    if (!(found instanceof BackingDevice)) {
      throw new RqdmError('ERR_RQDM_WORD', `"${word}" names a mapped device: expected a backing word`);
    }
    found.holders++;
    const plain = new PlainDevice(this.#services, found, async () => {
      this.#plain.delete(plain);
      this.#letGo(found);
      await this.#backing.closed();
    });
    if (options.elevator !== undefined && found.isRequestStackable) found.queue.set('scheduler', elevator);
    this.#plain.add(plain);
    return plain;
  }

  /** A mapped device by its name, uuid, `MAJOR:MINOR`, `/dev/mapper/NAME` or `/dev/dm-MINOR`. */
  getDevice(word: string): MappedDevice | undefined {
    return this.#names.find(word);
  }

  /** All mapped devices, in byte order of their names. */
  get devices(): readonly MappedDevice[] {
    return this.#names.list();
  }

  /** The target types that tables may name, in the order in which they were registered. */
  get targets(): readonly { readonly name: string; readonly version: readonly [number, number, number] }[] {
    return this.#targets.list().map(({ name, version }) => ({ name, version }));
  }

  /**
   * Opens a backing word under the name of a node, such as `/dev/sda`: tables may name it by that or by its number, and
   * print the number. It stays open until `detach`. Throws RqdmError (errno EBUSY for a node or number that is taken).
   */
  attach(node: string, word: string, options: AttachOptions = {}): BackingView {
    this.#assertOpen();
    return this.#backing.attach(node, word, options);
  }

  /** Lets go of an attached node; resolves when its path is closed. Rejects with ERR_RQDM_BUSY (EBUSY) while tables use it. */
  async detach(node: string): Promise<void> {
    await this.#backing.detach(node);
  }

  /** A backing device that is open, by node, word or `MAJOR:MINOR`. */
  backing(word: string): BackingView | undefined {
    return this.#backing.find(word, true);
  }

  /** All backing devices that are open. */
  get backings(): readonly BackingView[] {
    return this.#backing.list();
  }

  registerTarget(type: TargetType): void {
    this.#targets.registerTarget(type);
  }

  registerSelector(type: SelectorType): void {
    this.#selectors.registerSelector(type);
  }

  registerHardwareHandler(type: HandlerType): void {
    this.#handlers.registerHandler(type);
  }

  /** Hardware handlers find this array behind the words that it names as its ports. */
  addArray(array: ArrayModel): void {
    this.#handlers.addArray(array);
  }

  /** The hardware handler that is attached to a backing device; undefined: none. */
  hardwareHandlerOf(device: BackingView): string | undefined {
    return device instanceof BackingDevice ? this.#handlers.attachedTo(device)?.name : undefined;
  }

  /** Makes the paths of words with `switch=NAME` fail, or mends them. */
  get faultSwitches(): PathRegistries['faultSwitches'] {
    return this.#registries.faultSwitches;
  }

  /** Holds the calls of paths of words with `hang=NAME`, and lets them go. */
  get hangs(): PathRegistries['hangs'] {
    return this.#registries.hangs;
  }

  /** Models of storage and links that words of `sim:` name, and the devices behind those that are open. */
  get models(): PathRegistries['models'] {
    return this.#registries.models;
  }

  // ---- plugs ------------------------------------------------------------------------------------------------

  /** What `submit` asks of devices is one plug, which ends with it, not with the turn of the event loop. */
  plug<T>(submit: () => T): T {
    this.#pump.drive();
    try {
      return submit();
    } finally {
      this.#pump.drive();
    }
  }

  /** What `submit` asks of devices goes at once and without a plug: each bio on its own. */
  unplugged<T>(submit: () => T): T {
    this.#pump.drive();
    try {
      return submit();
    } finally {
      this.#pump.driveUnplugged();
    }
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

  /**
   * Every event of all devices from now on, in batches, when the core has been left. Costs nothing while nobody listens.
   * Returns what ends it. What `listen` throws goes to the process.
   */
  traceEvents(listen: (batch: TraceBatch) => void): () => void {
    return this.#pump.tracer.listen(listen);
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
    const inOrder = [...this.#mapped].sort((a, b) => b.level - a.level);
    // what a lower device holds back would keep the ones above it waiting
    if (!this.#pump.poisoned) for (const device of inOrder) device.giveUpWaiting();
    // tables that wait to go live hold devices too, in any order
    for (const device of inOrder) device.clear();
    for (const device of inOrder) await device.close();
    await Promise.all([...this.#plain].map((device) => device.close()));
    this.#backing.detachAll();
    await this.#backing.closed();
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

  #host(id: number, minor: number, options: CreateOptions, holder: { device: MappedDevice | undefined }): TableHost {
    const queue = new QueueSettings(
      {
        core: this.#core,
        id,
        get name() {
          return holder.device?.name ?? options.name;
        },
        get hasRequests() {
          return (holder.device?.tableType ?? options.type ?? 'request') === 'request';
        },
        changed: () => restackAbove(this.#mapped, id),
        wake: () => this.#pump.schedule(),
      },
      checkElevator(options.elevator),
    );
    return {
      pump: this.#pump,
      targets: this.#targets,
      alarms: new Alarms(this.#pump, id),
      regions: new DeviceRegions(this.#pump, this.#regionMemory, id),
      queue,
      get deviceName() {
        return holder.device?.name ?? options.name;
      },
      deviceNumber: `${MAPPED_MAJOR}:${minor}`,
      deviceId: id,
      requestedType: options.type,
      hold: (word, isReadOnly) => this.#hold(word, isReadOnly),
      letGo: (device) => this.#letGo(device, id),
      sizeOf: (word, isReadOnly) => this.#sizeOf(word, isReadOnly),
      letGoUnheld: () => this.#backing.letGoUnheld(id),
      allocateExtents: (count) => this.#extents.allocate(count),
      freeExtents: (first, count) => this.#extents.free(first, count),
      isNoflushSuspending: () => holder.device?.isNoflushSuspending ?? false,
      event: (event) => holder.device?.raise(event),
      log: (line) => this.#services.log(line),
      kernelLog: (line) => this.#kernelLog(line),
      misbehaved: (error) => holder.device?.misbehaved(error),
    };
  }

  #kernelLog(line: string): void {
    this.#services.log(`device-mapper: ${line}`);
  }

  #freeId(): number {
    for (let id = 0; id < this.limits.devices; id++) if (!this.#byId[id]) return id;
    throw new RqdmError(
      'ERR_RQDM_LIMIT',
      `no room for one more device: this mapper holds ${this.limits.devices} (limits.devices)`,
    );
  }

  #hold(word: string, isReadOnly: boolean): OpenedDevice {
    const device = this.#find(word, isReadOnly) ?? this.#backing.open(word, isReadOnly);
    if (!(device instanceof BackingDevice) && this.#mappedAt(device.id)?.isClosing) {
      throw new RqdmError('ERR_RQDM_CLOSED', `${device.word} is being closed`);
    }
    device.holders++;
    return device;
  }

  #mappedAt(id: number): MappedDevice | undefined {
    return [...this.#mapped].find((device) => device.id === id);
  }

  /** A device that is there already: a mapped one, an attached one, a backing one by number or by the same word. */
  #find(word: string, isReadOnly: boolean): OpenedDevice | undefined {
    const mapped = this.#names.find(word);
    return mapped ? this.#byId[mapped.id] : this.#backing.find(word, isReadOnly);
  }

  #isAllowed(word: string): boolean {
    const { allow } = this.#options;
    if (!allow) return true;
    return allow.some((rule) => (typeof rule === 'string' ? word.startsWith(rule) : rule.test(word)));
  }

  /** `holder` is the mapped device whose end waits for the path's. */
  #letGo(device: OpenedDevice, holder?: number): void {
    if (device instanceof BackingDevice) void this.#backing.letGo(device, holder);
    else device.holders--;
  }

  #sizeOf(word: string, isReadOnly: boolean): number | undefined {
    const found = this.#find(word, isReadOnly);
    if (found) return found.sizeSectors;
    if (!isBackingWord(word)) return undefined;
    try {
      // opened now and held by nobody: the constructor that follows finds it under the same word, or `letGoUnheld`
      return this.#backing.open(word, isReadOnly).sizeSectors;
    } catch {
      return undefined; // the constructor tells it, with the word's place
    }
  }

  async #removeDevice(device: MappedDevice): Promise<void> {
    this.#names.remove(device);
    this.#mapped.delete(device);
    if (!this.#pump.poisoned) this.#core.exports.destroyDevice(device.id);
    this.#pump.tracer.forget(device.id);
    await this.#backing.closed(device.id);
    this.#byId[device.id] = undefined;
    this.#names.freeMinor(device.minor);
  }
}
