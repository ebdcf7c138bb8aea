// A mapped device: the face of the library (DESIGN 3). Bytes outside, sectors inside.
import { EventEmitter } from 'node:events';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_IOERR } from '../../assembly/abi.ts';
import { RqdmError, RqdmIoError } from '../errors.ts';
import type { DeviceType } from '../table/check.ts';
import { splitWords } from '../table/parse.ts';
import type { TargetEvent } from '../target/target.ts';
import type { IoBatch } from './batch.ts';
import { DeviceLife, type SuspendOptions } from './life.ts';
import type { MapperServices } from './mapper.ts';
import { bytesOf, checkRange, UnalignedWrites } from './range.ts';
import { type DeviceStats, readStats } from './stats.ts';
import { meaningOf } from './status.ts';
import type { LoadedTable, TableHost } from './table.ts';
import { type Failure, Lane, Transfer, type TransferOwner } from './transfers.ts';

export type { SuspendOptions } from './life.ts';

export interface WriteOptions {
  /** Let the write begin and end anywhere: the first and last block are read, changed and written, one at a time each. */
  readonly unaligned?: boolean;
}

export interface DeviceEvents {
  'path-failed': [{ path: string; number: string; validPaths: number }];
  'path-reinstated': [{ path: string; number: string; validPaths: number }];
  'table-event': [{ reason: string; eventNumber: number }];
}

const OPERATIONS = ['read', 'write', 'flush'] as const;

export class MappedDevice extends EventEmitter<DeviceEvents> implements TransferOwner, AsyncDisposable {
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
  #outstanding = 0;
  #hookError: RqdmError | undefined;
  #closed: Promise<void> | undefined;
  readonly #unalignedWrites: UnalignedWrites = new UnalignedWrites();
  /** TransferOwner. */
  readonly lane: Lane = new Lane();

  /** Use `mapper.createDevice`. The core's record `id` exists; `live` has not gone live yet. */
  constructor(services: MapperServices, host: TableHost, isReadOnly: boolean, live: LoadedTable) {
    super();
    this.#services = services;
    this.name = host.deviceName;
    this.number = host.deviceNumber;
    this.id = host.deviceId;
    this.isReadOnly = isReadOnly;
    const outstanding = (): number => this.#outstanding;
    const owner = {
      get outstanding() {
        return outstanding();
      },
    };
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

  /** Counters, latencies, figures of each path. A copy of now. */
  stats(): DeviceStats {
    return readStats(this.#services.pump.core, this, this.#life.live.devices);
  }

  // ---- I/O --------------------------------------------------------------------------------------------------

  /** `length` bytes from `position` on; any range inside the device. What this turn of the event loop submits is merged. */
  async read(position: number, length: number): Promise<Buffer> {
    checkRange(this, 'read', position, length);
    const buffer = Buffer.allocUnsafeSlow(length);
    await this.#transfer(OPERATION_READ, position, length, buffer);
    return buffer;
  }

  /** Fills `view` from `position` on; returns its length. */
  readInto(view: Uint8Array, position: number): Promise<number> {
    let bytes: Uint8Array;
    try {
      bytes = bytesOf(this, 'read', view);
      checkRange(this, 'read', position, bytes.length);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#transfer(OPERATION_READ, position, bytes.length, bytes);
  }

  /**
   * Writes `view` at `position`; returns its length. Position and length are multiples of `blockBytes` unless
   * `unaligned` is set. The view must not change before the promise has settled.
   */
  write(view: Uint8Array, position: number, options: WriteOptions = {}): Promise<number> {
    let bytes: Uint8Array;
    try {
      bytes = bytesOf(this, 'write', view);
      checkRange(this, 'write', position, bytes.length);
      const block = this.blockBytes;
      const isAtOddEnd = position + bytes.length === this.size;
      if (bytes.length > 0 && (position % block !== 0 || (bytes.length % block !== 0 && !isAtOddEnd))) {
        if (options.unaligned) return this.#writeUnaligned(bytes, position);
        throw new RqdmError(
          'ERR_RQDM_ALIGNMENT',
          `write of ${bytes.length} bytes at position ${position} on ${this.name}: expected multiples of ${block}, or the option unaligned`,
        );
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#transfer(OPERATION_WRITE, position, bytes.length, bytes);
  }

  async #writeUnaligned(bytes: Uint8Array, position: number): Promise<number> {
    this.#outstanding++;
    try {
      return await this.#unalignedWrites.write(
        {
          size: this.size,
          blockBytes: this.blockBytes,
          readRaw: (at, view) => this.#transfer(OPERATION_READ, at, view.length, view),
          writeRaw: (at, view) => this.#transfer(OPERATION_WRITE, at, view.length, view),
        },
        bytes,
        position,
      );
    } finally {
      this.ended();
      // between two drives: whoever waits for the end of all I/O must look again
      this.#services.pump.schedule();
    }
  }

  /** Resolves when every write acknowledged before the call is on stable storage, on whatever paths it went. */
  async flush(): Promise<void> {
    checkRange(this, 'flush', 0, 0);
    await this.#transfer(OPERATION_FLUSH, 0, 0, undefined);
  }

  /** Many I/Os over the arena, as one plug; resolves with how many failed (`batch.statuses` says which). */
  batch(batch: IoBatch): Promise<number> {
    try {
      checkRange(this, 'batch', 0, 0);
      return this.#services.batches.run(this, batch);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #transfer(operation: number, position: number, length: number, data: Uint8Array | undefined): Promise<number> {
    if (length === 0 && operation !== OPERATION_FLUSH) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#outstanding++;
      this.#services.transfers.start(new Transfer(this, operation, position, length, data, resolve, reject));
    });
  }

  /** BatchOwner. */
  began(): void {
    this.#outstanding++;
  }

  /** TransferOwner, BatchOwner. */
  ended(): void {
    this.#outstanding--;
  }

  /** TransferOwner: the error of a transfer. */
  failed(transfer: Transfer, failure: Failure): Error {
    const { code, reason } = meaningOf(failure.status);
    const path = failure.path === 0xffff ? undefined : this.#services.pump.paths[failure.path]?.word;
    const operation = OPERATIONS[transfer.operation] as (typeof OPERATIONS)[number];
    const details = {
      operation,
      position: transfer.position,
      length: transfer.length,
      device: this.name,
      path,
      attempts: failure.attempts,
    };
    const first = meaningOf(failure.firstStatus);
    const isOther = failure.firstStatus !== 0 && failure.firstStatus !== failure.status;
    // a hook that misbehaves kills with IOERR; what failed otherwise meanwhile is none of its doing
    const hookError = failure.status === STATUS_IOERR ? this.#hookError : undefined;
    const cause = hookError ?? (isOther ? new RqdmError(first.code, `first error: ${first.reason}`) : undefined);
    return new RqdmIoError(code, hookError ? hookError.message : reason, details, cause);
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
    this.#services.pump.afterwards(() => {
      if (event.kind === 'table-event') {
        this.emit('table-event', { reason: event.reason, eventNumber });
        return;
      }
      const { path, validPaths } = event;
      this.emit(event.kind, { path: path.word, number: path.number, validPaths });
      this.emit('table-event', { reason: event.kind, eventNumber });
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
