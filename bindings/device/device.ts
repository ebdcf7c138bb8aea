// A mapped device: the face of the library (DESIGN 3). Bytes outside, sectors inside.
import { EventEmitter } from 'node:events';
import { OPERATION_DISCARD, OPERATION_WRITE_ZEROES } from '../../assembly/abi.ts';
import { publishPath, publishTableEvent } from '../channels.ts';
import { RqdmError } from '../errors.ts';
import type { DeviceType } from '../table/check.ts';
import { splitWords } from '../table/parse.ts';
import type { TargetEvent } from '../target/target.ts';
import type { BatchOptions, IoBatch } from './batch.ts';
import type { ChunkOptions, IoRange, RangesOptions } from './chunks.ts';
import { type DiskStats, readDiskStats } from './disk-stats.ts';
import { DeviceIo } from './io.ts';
import type { IoOptions, ReadOptions, WriteOptions, WriteZeroesOptions } from './io-options.ts';
import { DeviceLife, type SuspendOptions } from './life.ts';
import type { MapperServices } from './mapper.ts';
import { type DeviceStats, readStats } from './stats.ts';
import type { LoadedTable, TableHost } from './table.ts';

export type { SuspendOptions } from './life.ts';

export interface DeviceEvents {
  'path-failed': [{ path: string; number: string; validPaths: number }];
  'path-reinstated': [{ path: string; number: string; validPaths: number }];
  'table-event': [{ reason: string; eventNumber: number }];
}

export class MappedDevice extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  readonly name: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  /** The core's number of the device. */
  readonly id: number;
  readonly isReadOnly: boolean;
  /** Counts table events: failed and reinstated paths, group switches. */
  eventNumber = 0;
  /** Tables of other devices that use this one. */
  holders = 0;
  readonly #services: MapperServices;
  readonly #life: DeviceLife;
  readonly #io: DeviceIo;
  #hookError: RqdmError | undefined;
  #closed: Promise<void> | undefined;

  /** Use `mapper.createDevice`. The core's record `id` exists; `live` has not gone live yet. */
  constructor(services: MapperServices, host: TableHost, isReadOnly: boolean, live: LoadedTable) {
    super();
    this.#services = services;
    this.name = host.deviceName;
    this.number = host.deviceNumber;
    this.id = host.deviceId;
    this.isReadOnly = isReadOnly;
    this.#io = new DeviceIo(this, services, () => this.#hookError);
    const owner = this.#io;
    this.#life = new DeviceLife(this, owner, services, host, live);
  }

  // ---- figures ------------------------------------------------------------------------------------------

  /** Exact size in bytes. */
  get size(): number {
    return this.#life.live.sizeBytes;
  }
  /** Positions and lengths of writes are multiples of it; 512 or the largest logical block below. */
  get blockBytes(): number {
    return (this.#life.live.limits?.logicalBlockSectors ?? 1) * 512;
  }
  get type(): DeviceType {
    return this.#life.live.type;
  }
  get level(): number {
    return this.#life.live.level;
  }
  get hasCache(): boolean {
    return this.#life.live.hasCache;
  }
  get liveTable(): LoadedTable {
    return this.#life.live;
  }
  /** The live table and the one that `load` has put beside it. */
  get tables(): readonly LoadedTable[] {
    return this.#life.tables;
  }
  get isSuspended(): boolean {
    return this.#life.isSuspended;
  }
  get isNoflushSuspending(): boolean {
    return this.#life.isNoflushSuspending;
  }

  /** Flushes reach something that holds writes back; where nothing does they succeed all the same. */
  get canFlush(): boolean {
    return this.hasCache;
  }
  /** `discard` is supported. An answer of the storage may turn this off. */
  get canDiscard(): boolean {
    return this.#io.canDiscard;
  }
  /** `writeZeroes` is supported. An answer of the storage may turn this off. */
  get canWriteZeroes(): boolean {
    return this.#io.canWriteZeroes;
  }

  /** Counters, latencies, figures of each path. A copy of now. */
  stats(): DeviceStats {
    return readStats(this.#services.pump.core, this, this.#life.live.devices);
  }

  /** The columns of `/sys/block/X/stat`. A copy of now; those of paths are in `stats()`. */
  diskStats(): DiskStats {
    return readDiskStats(this.#services.pump.core, this.id);
  }

  // ---- I/O --------------------------------------------------------------------------------------------------

  /** `length` bytes from `position` on; any range inside the device. What this turn of the event loop submits is merged. */
  read(position: number, length: number, options?: ReadOptions): Promise<Buffer> {
    return this.#io.read(position, length, options);
  }

  /** Fills `view` from `position` on; returns its length. */
  readInto(view: Uint8Array, position: number, options?: ReadOptions): Promise<number> {
    return this.#io.readInto(view, position, options);
  }

  /**
   * Writes `view` at `position`; returns its length. Position and length are multiples of `blockBytes` unless
   * `unaligned` is set. The view must not change before the promise has settled.
   */
  write(view: Uint8Array, position: number, options?: WriteOptions): Promise<number> {
    return this.#io.write(view, position, options);
  }

  /**
   * Tells the storage that nobody needs these bytes any more; what they read afterwards is its choice. Multiples of
   * `blockBytes`; the storage may leave alone what is less than its own granularity. Fails with EOPNOTSUPP where
   * `canDiscard` is false.
   */
  discard(position: number, length: number, options?: IoOptions): Promise<void> {
    return this.#io.erase(OPERATION_DISCARD, position, length, options);
  }

  /** Zeros without sending them; multiples of `blockBytes`. Fails with EOPNOTSUPP where `canWriteZeroes` is false. */
  writeZeroes(position: number, length: number, options?: WriteZeroesOptions): Promise<void> {
    return this.#io.erase(OPERATION_WRITE_ZEROES, position, length, options);
  }

  /** Resolves when every write acknowledged before the call is on stable storage, on whatever paths it went. */
  flush(options?: IoOptions): Promise<void> {
    return this.#io.flush(options);
  }

  /**
   * `for await (const chunk of device.chunks({ chunkBytes }))`: the bytes in order, a few chunks read ahead. An error
   * comes at its chunk. Whoever leaves the loop drops what was read ahead.
   */
  chunks(options?: ChunkOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#io.chunks(options);
  }

  /** The bytes of each range, in the order of the ranges, a few read ahead. They are taken from the iterable as needed. */
  readRanges(ranges: Iterable<IoRange>, options?: RangesOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#io.readRanges(ranges, options);
  }

  /** Many I/Os over the arena, as one plug; resolves with how many failed (`batch.statuses` says which). */
  batch(batch: IoBatch, options?: BatchOptions): Promise<number> {
    return this.#io.batch(batch, options);
  }

  // ---- table ------------------------------------------------------------------------------------------------

  /** The live table, loadable again; devices as `MAJOR:MINOR`, or with `names: 'word'` as they were given. */
  table(options: { names?: 'number' | 'word' } = {}): string {
    return this.#life.live.print('table', options.names ?? 'number');
  }

  /** What the targets say of themselves, in the kernel's form. */
  status(options: { names?: 'number' | 'word' } = {}): string {
    return this.#life.live.print('info', options.names ?? 'number');
  }

  /** Sends words to the target at `sector` (default 0), as dmsetup's message. Returns its answer, if it has one. */
  message(text: string | readonly string[], options: { sector?: number } = {}): string | undefined {
    this.#life.assertNotClosed('message');
    const words = typeof text === 'string' ? splitWords(text) : [...text];
    if (words.length === 0) throw new RqdmError('ERR_RQDM_MESSAGE', 'Empty message received.');
    const sector = options.sector ?? 0;
    const loaded = this.#life.live.lines.find(
      ({ line }) => sector >= line.startSector && sector < line.startSector + line.lengthSectors,
    );
    if (!loaded) throw new RqdmError('ERR_RQDM_MESSAGE', `Target message sector outside device: ${sector}`);
    if (!loaded.target.message) {
      throw new RqdmError('ERR_RQDM_MESSAGE', `Target type does not support messages: ${loaded.type.name}`);
    }
    const answer = loaded.target.message(words);
    this.#services.pump.drive();
    return answer;
  }

  /** Reads a table into the inactive slot; the live one goes on. `resume` swaps. A refused table changes nothing. */
  load(text: string | readonly string[]): void {
    this.#life.load(text);
  }

  /** Drops the inactive table. */
  clear(): void {
    this.#life.clear();
  }

  /**
   * Lets nothing new through and waits for what is in flight; what comes meanwhile waits for `resume`. With `noflush`,
   * what has no path waits too, instead of failing.
   */
  suspend(options: SuspendOptions = {}): Promise<void> {
    return this.#life.suspend(options);
  }

  /** Swaps in the inactive table, if there is one (suspending first if need be), and lets I/O through again. */
  resume(): Promise<void> {
    return this.#life.resume();
  }

  /** Load, suspend, resume: another table under load, without losing an I/O. */
  reload(text: string | readonly string[], options: SuspendOptions = {}): Promise<void> {
    return this.#life.reload(text, options);
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  /**
   * Waits for what is in flight, then lets go of the devices. I/O that waits for a path fails. A second call returns
   * the same promise.
   */
  close(): Promise<void> {
    if (this.#closed) return this.#closed;
    const closed = this.#life.close().then(() => void this.removeAllListeners());
    if (this.#life.isClosing) this.#closed = closed;
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
    this.eventNumber++;
    const { eventNumber } = this;
    const { pump } = this.#services;
    if (event.kind !== 'table-event') {
      const { path, validPaths } = event;
      const detail = { path: path.word, number: path.number, validPaths };
      pump.afterwards(() => {
        publishPath(event.kind, this, detail);
        this.emit(event.kind, detail);
      });
    }
    const reason = event.kind === 'table-event' ? event.reason : event.kind;
    pump.afterwards(() => {
      publishTableEvent(this, reason, eventNumber);
      this.emit('table-event', { reason, eventNumber });
    });
  }

  /** A hook misbehaved: the I/Os that it killed say so. */
  misbehaved(error: RqdmError): void {
    this.#services.log(error.message);
    this.#blame(error);
  }

  /** I/O that comes from the devices above fails there too, for the same reason. */
  #blame(error: RqdmError): void {
    this.#hookError = error;
    this.#services.pump.afterwards(() => {
      this.#hookError = undefined;
    });
    for (const above of this.#services.devicesAbove(this)) above.#blame(error);
  }
}
