// A mapped device: the face of the library (DESIGN 3). Bytes outside, sectors inside.
import { FIGURE_IN_FLIGHT, OPERATION_DISCARD, OPERATION_WRITE_ZEROES } from '../../assembly/abi.ts';
import type { EventColumns } from '../core/event-columns.ts';
import type { RqdmError } from '../errors.ts';
import type { BatchOptions, IoBatch } from './batch.ts';
import type { ChunkOptions, IoRange, RangesOptions } from './chunks.ts';
import { ControlledDevice, type DeviceIdentity } from './controlled-device.ts';
import { type DiskStats, readDiskStats } from './disk-stats.ts';
import { DeviceIo } from './io.ts';
import type { IoOptions, ReadOptions, WriteOptions, WriteZeroesOptions } from './io-options.ts';
import type { MapperServices } from './mapper.ts';
import { Submitter } from './submitter.ts';
import type { TableHost } from './table.ts';

export type {
  DeviceEvents,
  DeviceHandle,
  DeviceIdentity,
  DeviceInfo,
  PrintOptions,
  RemoveOptions,
  TableSlot,
} from './controlled-device.ts';
export type { SuspendOptions, TableLoadOptions } from './life.ts';

export class MappedDevice extends ControlledDevice {
  readonly #services: MapperServices;
  readonly #io: DeviceIo;
  #hookError: RqdmError | undefined;

  /** Use `mapper.createDevice`. The core's record exists. */
  constructor(services: MapperServices, host: TableHost, identity: DeviceIdentity) {
    super(services, host, identity);
    this.#services = services;
    this.#io = new DeviceIo(this, services, () => this.#hookError);
  }

  protected override get outstanding(): number {
    return this.#io.outstanding;
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

  /** The columns of `/sys/block/X/stat`. A copy of now; those of paths are in `stats()`. */
  diskStats(): DiskStats {
    return readDiskStats(this.#services.pump.core, this.id);
  }

  /** I/Os that are under way below: those that wait for a path, a resume or their turn are not. */
  get inFlight(): number {
    return this.#services.pump.core.figures(this.id)[FIGURE_IN_FLIGHT] as number;
  }

  /** Those of them that write. Counted when asked for. */
  get writesInFlight(): number {
    return this.#services.pump.core.exports.writesInFlight(this.id);
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

  /** I/O without promises, at most `capacity` at a time: see `Submitter`. */
  openSubmitter(capacity: number): Submitter {
    this.assertOpen('openSubmitter');
    return new Submitter(this.#services.pump, this.#io, capacity);
  }

  // ---- trace ------------------------------------------------------------------------------------------------

  /**
   * Gives `listen` this device's own events with these letters of blktrace (`QXGPUMFmIDARC`), in batches, when the core has been
   * left, until what is returned is called or the device is gone. The columns hold them until `listen` returns. Costs nothing while
   * nobody listens. Throws ERR_RQDM_ARGUMENT for another letter, ERR_RQDM_LIMIT where `limits.traceRecords` is 0.
   */
  traceColumns(letters: string, listen: (events: EventColumns) => void): () => void {
    this.assertOpen('traceColumns');
    return this.#services.pump.tracer.listenColumns(this.id, letters, listen);
  }

  // ---- hooks that misbehave --------------------------------------------------------------------------------

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
