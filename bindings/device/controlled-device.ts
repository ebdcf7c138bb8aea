// A mapped device as those see it who control it, as dmsetup does: names, tables, suspend and resume, events, users, the
// end. Its I/O: device.ts.
import { EventEmitter } from 'node:events';
import { publishPath, publishTableEvent } from '../channels.ts';
import { RqdmError } from '../errors.ts';
import type { DeviceType } from '../table/check.ts';
import type { Explanation, TargetEvent } from '../target/target.ts';
import type { MappedDevice } from './device.ts';
import { EventCounter, type WaitOptions } from './event-counter.ts';
import { DeviceLife, type SuspendOptions, type TableLoadOptions } from './life.ts';
import type { MapperServices } from './mapper.ts';
import { sendMessage } from './messages.ts';
import { MAPPED_MAJOR } from './names.ts';
import type { DeviceQueue } from './queue-settings.ts';
import type { QueueLimits } from './stacked-limits.ts';
import { type DeviceStats, readStats } from './stats.ts';
import type { LoadedTable, TableHost } from './table.ts';

export interface DeviceEvents {
  'path-failed': [{ path: string; number: string; validPaths: number }];
  'path-reinstated': [{ path: string; number: string; validPaths: number }];
  'table-event': [{ reason: string; eventNumber: number }];
  /** What the kernel would tell udev of a path: `DM_ACTION`, `DM_PATH`, `DM_NR_VALID_PATHS` and so on, by name. */
  uevent: [Readonly<Record<string, string>>];
}

/** Which of a device's two tables. */
export type TableSlot = 'live' | 'inactive';

export interface PrintOptions {
  /** Default: the live table. A device without the table asked for prints nothing. */
  readonly slot?: TableSlot;
  /** Devices as `MAJOR:MINOR` (default), or as the words that named them. */
  readonly names?: 'number' | 'word';
}

export interface RemoveOptions {
  /** In use: the device goes when the last user has gone, instead of ERR_RQDM_BUSY. */
  readonly deferred?: boolean;
  /** First an error table takes the place of the live one, so that held I/O fails. */
  readonly force?: boolean;
}

/** A device held open: it counts in `openCount` and cannot be removed meanwhile. */
export interface DeviceHandle extends Disposable {
  readonly device: MappedDevice;
  /** A second call does nothing. */
  close(): void;
}

/** What `dmsetup info` shows. */
export interface DeviceInfo {
  readonly name: string;
  /** Empty: none. */
  readonly uuid: string;
  readonly number: string;
  readonly major: number;
  readonly minor: number;
  readonly state: 'ACTIVE' | 'SUSPENDED';
  /** Tables that use it and handles of `open`. */
  readonly openCount: number;
  readonly eventNumber: number;
  readonly isReadOnly: boolean;
  readonly hasLiveTable: boolean;
  readonly hasInactiveTable: boolean;
  /** Of the live table. */
  readonly targetCount: number;
  /** It goes when its last user has gone. */
  readonly isDeferredRemove: boolean;
  /** Undefined before the first table. */
  readonly type: DeviceType | undefined;
}

/** What a device is from its beginning. */
export interface DeviceIdentity {
  readonly name: string;
  readonly uuid: string;
  readonly minor: number;
  /** The core's record. */
  readonly id: number;
  readonly isReadOnly: boolean;
}

export abstract class ControlledDevice extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  /** `MAJOR:MINOR`. */
  readonly number: string;
  readonly minor: number;
  /** The core's number of the device. */
  readonly id: number;
  /** Its queue's settings by the kernel's names. */
  readonly queue: DeviceQueue;
  /** I/O that callers wait for. */
  protected abstract readonly outstanding: number;
  readonly #isReadOnly: boolean;
  readonly #events: EventCounter = new EventCounter();
  readonly #services: MapperServices;
  readonly #host: TableHost;
  readonly #life: DeviceLife;
  #name: string;
  #uuid: string;
  #uevents = 0;
  #holders = 0;
  #handles = 0;
  #isDeferredRemove = false;
  #closed: Promise<void> | undefined;

  /** The core's record exists. */
  constructor(services: MapperServices, host: TableHost, identity: DeviceIdentity) {
    super();
    this.#services = services;
    this.#host = host;
    this.#name = identity.name;
    this.#uuid = identity.uuid;
    this.minor = identity.minor;
    this.number = `${MAPPED_MAJOR}:${identity.minor}`;
    this.id = identity.id;
    this.#isReadOnly = identity.isReadOnly;
    this.queue = host.queue;
    const owner = { countOutstanding: () => this.outstanding, isReadOnlyByDefault: identity.isReadOnly };
    this.#life = new DeviceLife(this.#self, owner, services, host);
  }

  /** Every device is a `MappedDevice`: this is its lower half. */
  get #self(): MappedDevice {
    return this as unknown as MappedDevice;
  }

  // ---- figures ------------------------------------------------------------------------------------------

  get name(): string {
    return this.#name;
  }
  /** Empty: none. */
  get uuid(): string {
    return this.#uuid;
  }
  /** Exact size in bytes; 0 without a table. */
  get size(): number {
    return this.#life.live?.sizeBytes ?? 0;
  }
  /** Size in sectors of 512 bytes, exactly however long its table is; 0 without a table. */
  get exactSectors(): bigint {
    return this.#life.live?.exactSectors ?? 0n;
  }
  /** Positions and lengths of writes are multiples of it; 512 or the largest logical block below. */
  get blockBytes(): number {
    return (this.#life.live?.limits.logicalBlockSectors ?? 1) * 512;
  }
  /** Bio-based or request-based; before the first table: bio. */
  get type(): DeviceType {
    return this.#life.type ?? 'bio';
  }
  /** As its tables have it; undefined before the first. */
  get tableType(): DeviceType | undefined {
    return this.#life.type;
  }
  get level(): number {
    return this.#life.live?.level ?? 0;
  }
  /** The mode of the live table; before that, as created. */
  get isReadOnly(): boolean {
    return this.#life.live?.isReadOnly ?? this.#isReadOnly;
  }
  get hasCache(): boolean {
    return this.#host.queue.hasCache;
  }
  get hasFua(): boolean {
    return this.#host.queue.hasFua;
  }
  /** As they are now; undefined before the first table. */
  get limits(): QueueLimits | undefined {
    return this.#host.queue.limits;
  }
  /** The best I/O for its storage, 512-byte sectors; 0: none is. */
  get ioOptSectors(): number {
    return this.limits?.ioOptSectors ?? 0;
  }
  get liveTable(): LoadedTable | undefined {
    return this.#life.live;
  }
  /** The live table and the one that `load` has put beside it. */
  get tables(): readonly LoadedTable[] {
    return this.#life.tables;
  }
  get hasLiveTable(): boolean {
    return this.#life.live !== undefined;
  }
  get hasInactiveTable(): boolean {
    return this.#life.inactive !== undefined;
  }
  get isSuspended(): boolean {
    return this.#life.isSuspended;
  }
  get isNoflushSuspending(): boolean {
    return this.#life.isNoflushSuspending;
  }

  /** What `dmsetup info` shows, as it is now. */
  info(): DeviceInfo {
    const { name, uuid, number, minor, openCount, eventNumber, isReadOnly, hasLiveTable, hasInactiveTable } = this;
    return {
      name,
      uuid,
      number,
      major: MAPPED_MAJOR,
      minor,
      state: this.isSuspended ? 'SUSPENDED' : 'ACTIVE',
      openCount,
      eventNumber,
      isReadOnly: hasLiveTable && isReadOnly,
      hasLiveTable,
      hasInactiveTable,
      targetCount: this.#life.live?.lines.length ?? 0,
      isDeferredRemove: this.#isDeferredRemove,
      type: this.#life.type,
    };
  }

  /** Counters, latencies, figures of each path. A copy of now. */
  stats(): DeviceStats {
    return readStats(this.#services.pump.core, this, this.#life.live?.devices ?? []);
  }

  // ---- table ------------------------------------------------------------------------------------------------

  /** A table, loadable again; devices as `MAJOR:MINOR`, or with `names: 'word'` as they were given. */
  table(options: PrintOptions = {}): string {
    return this.#slot(options.slot)?.print('table', options.names ?? 'number') ?? '';
  }

  /** What the targets say of themselves, in the kernel's form. */
  status(options: PrintOptions = {}): string {
    return this.#slot(options.slot)?.print('info', options.names ?? 'number') ?? '';
  }

  /** The devices that a table names, in the order in which dmsetup lists them: the last named first. */
  dependencies(options: { readonly slot?: TableSlot } = {}): { readonly number: string; readonly word: string }[] {
    return (this.#slot(options.slot)?.dependencies ?? []).map(({ number, word }) => ({ number, word }));
  }

  #slot(slot: TableSlot = 'live'): LoadedTable | undefined {
    return slot === 'live' ? this.#life.live : this.#life.inactive;
  }

  /** Sends words to the target at `sector` (default 0), as dmsetup's message. Returns its answer, if it has one. */
  message(text: string | readonly string[], options: { sector?: number } = {}): string | undefined {
    this.#life.assertNotClosed('message');
    const receiver = {
      name: this.name,
      live: this.#life.live,
      regions: this.#host.regions,
      sizeSectors: Math.ceil(this.size / 512),
      cancelDeferredRemove: () => this.cancelDeferredRemove(),
      kernelLog: (line: string) => this.#host.kernelLog(line),
    };
    const answer = sendMessage(receiver, text, options.sector ?? 0);
    this.#services.pump.drive();
    return answer;
  }

  /** Reads a table into the inactive slot; the live one goes on. `resume` swaps. A refused table changes nothing. */
  load(text: string | readonly string[], options: TableLoadOptions = {}): void {
    this.#life.load(text, options);
  }

  /** Why I/O went where it went, and why paths are not used; undefined: no target of the live table explains itself. */
  explain(): Explanation | undefined {
    const found = this.#life.live?.lines.find(({ target }) => target.explain !== undefined);
    return found?.target.explain?.();
  }

  /** Drops the inactive table. */
  clear(): void {
    this.#life.clear();
  }

  /** For `mapper.createDevice`: the first table goes live at once. */
  start(text: string | readonly string[]): void {
    this.#life.start(text);
  }

  /** For `mapper.createDevice`, when `start` has thrown: lets go of what it had. */
  abandon(): void {
    this.#life.letGo();
  }

  /**
   * Lets nothing new through and waits for what is in flight; what comes meanwhile waits for `resume`. With `noflush`,
   * what has no path waits too, instead of failing. Rejects with ERR_RQDM_INTERRUPTED when `signal` says so; the device
   * then runs on as before.
   */
  suspend(options: SuspendOptions = {}): Promise<void> {
    return this.#life.suspend(options);
  }

  /**
   * Swaps in the inactive table, if there is one (suspending first if need be, with these options), and lets I/O through
   * again. Rejects with errno EINVAL for a suspended device without any table; where a suspend or swap fails, the inactive
   * table stays.
   */
  resume(options: SuspendOptions = {}): Promise<void> {
    return this.#life.resume(options);
  }

  /** Load, suspend, resume: another table under load, without losing an I/O. */
  reload(text: string | readonly string[], options: SuspendOptions & TableLoadOptions = {}): Promise<void> {
    return this.#life.reload(text, options);
  }

  /** Limits of devices below are others now. */
  restack(): void {
    this.#life.restack();
  }

  // ---- names --------------------------------------------------------------------------------------------------

  /** Raises an event where there is a live table. Throws ERR_RQDM_NAME (EINVAL), ERR_RQDM_EXISTS (EBUSY). */
  rename(newName: string): void {
    this.#change(() => {
      this.#services.names.checkRename(this.#self, newName);
      this.#services.names.remove(this.#self);
      this.#name = newName;
    });
  }

  /** Once only, for a device that has none. Throws ERR_RQDM_NAME (EINVAL), ERR_RQDM_EXISTS (EBUSY, EINVAL). */
  setUuid(uuid: string): void {
    this.#change(() => {
      this.#services.names.checkSetUuid(this.#self, uuid);
      this.#services.names.remove(this.#self);
      this.#uuid = uuid;
    });
  }

  #change(change: () => void): void {
    this.#assertNotClosing('rename');
    try {
      change();
    } catch (error) {
      if (error instanceof RqdmError) this.#host.kernelLog(`ioctl: ${error.message}`);
      throw error;
    }
    this.#services.names.add(this.#self);
    if (this.hasLiveTable) this.#events.raise();
  }

  // ---- events -------------------------------------------------------------------------------------------------

  /** Counts table events: failed and reinstated paths, group switches, renames, the removal. */
  get eventNumber(): number {
    return this.#events.number;
  }

  /** Resolves with the event number when it differs from `number`, at once if it does. Interrupted by `signal`. */
  waitForEvent(number: number, options: WaitOptions = {}): Promise<number> {
    return this.#events.wait(number, options);
  }

  // ---- users --------------------------------------------------------------------------------------------------

  /** Tables that use the device and handles of `open`. */
  get openCount(): number {
    return this.#holders + this.#handles;
  }
  /** Tables of other devices that use this one. */
  get holders(): number {
    return this.#holders;
  }
  set holders(value: number) {
    this.#holders = value;
    this.#released();
  }

  /** Its name may be another's already, from the call of `remove` on. */
  #assertNotClosing(what: string): void {
    if (this.isClosing) throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.name} is closed`, { errno: 'ENXIO' });
    this.#life.assertNotClosed(what);
  }

  /** Holds the device open. */
  open(): DeviceHandle {
    if (this.isClosing) throw new RqdmError('ERR_RQDM_CLOSED', `open: ${this.name} is closed`, { errno: 'ENXIO' });
    this.#handles++;
    let isOpen = true;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#handles--;
      this.#released();
    };
    return { device: this.#self, close, [Symbol.dispose]: close };
  }

  /**
   * Closes the device if nobody uses it; its name is free at once. Rejects with ERR_RQDM_BUSY (EBUSY) where it is in use,
   * but `deferred` marks it, and it goes with its last user.
   */
  async remove(options: RemoveOptions = {}): Promise<void> {
    this.#assertNotClosing('remove');
    if (options.force && this.hasLiveTable && this.size > 0) {
      await this.reload(`0 ${this.exactSectors} error`, { noflush: true });
    }
    if (this.openCount > 0) {
      if (!options.deferred) throw new RqdmError('ERR_RQDM_BUSY', `remove: ${this.name} is in use`, { errno: 'EBUSY' });
      this.#isDeferredRemove = true;
      return;
    }
    this.#services.names.remove(this.#self);
    await this.close();
  }

  /** What `remove` with `deferred` had marked stays. */
  cancelDeferredRemove(): void {
    if (this.isClosing) throw new RqdmError('ERR_RQDM_BUSY', `${this.name} is being removed`, { errno: 'EBUSY' });
    this.#isDeferredRemove = false;
  }

  #released(): void {
    if (!this.#isDeferredRemove || this.openCount > 0 || this.isClosing) return;
    this.remove().catch((error: unknown) => this.#services.log(String(error)));
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  /**
   * Waits for what is in flight, then lets go of the devices. I/O that waits for a path fails. A second call returns
   * the same promise.
   */
  close(): Promise<void> {
    if (this.#closed) return this.#closed;
    const closed = this.#life.close().then(() => void this.removeAllListeners());
    if (!this.#life.isClosing) return closed;
    this.#closed = closed;
    // the last one: who waits for events need wait no more
    this.#events.raise();
    return closed;
  }

  get isClosing(): boolean {
    return this.#life.isClosing;
  }

  /** What waits for a path or for a resume fails: nobody is left who would bring either. */
  giveUpWaiting(): void {
    this.#life.giveUpWaiting();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Throws ERR_RQDM_CLOSED once `close` was called. */
  assertOpen(what: string): void {
    this.#life.assertOpen(what);
  }

  // ---- what targets raise -----------------------------------------------------------------------------------------

  /** A target's event; listeners run when the pump is out of the core. */
  raise(event: TargetEvent): void {
    this.#events.raise();
    const { eventNumber } = this;
    const { pump } = this.#services;
    if (event.kind !== 'table-event') {
      const { path, validPaths } = event;
      const detail = { path: path.word, number: path.number, validPaths };
      pump.afterwards(() => {
        publishPath(event.kind, this, detail);
        this.emit(event.kind, detail);
        this.emit('uevent', this.#ueventOf(event.kind, path.number, validPaths));
      });
    }
    const reason = event.kind === 'table-event' ? event.reason : event.kind;
    pump.afterwards(() => {
      publishTableEvent(this, reason, eventNumber);
      this.emit('table-event', { reason, eventNumber });
    });
  }

  #ueventOf(kind: 'path-failed' | 'path-reinstated', path: string, validPaths: number): Readonly<Record<string, string>> {
    return {
      DM_TARGET: 'multipath',
      DM_ACTION: kind === 'path-failed' ? 'PATH_FAILED' : 'PATH_REINSTATED',
      DM_SEQNUM: String(++this.#uevents),
      DM_PATH: path,
      DM_NR_VALID_PATHS: String(validPaths),
      DM_NAME: this.name,
      ...(this.uuid === '' ? {} : { DM_UUID: this.uuid }),
    };
  }
}
