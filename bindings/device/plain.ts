// A backing device by itself: I/O goes straight to its own queue, without a map above it. To compare with (benches), and
// for whoever wants the merging of one queue and nothing else.
import { FIGURE_BIOS, OPERATION_DISCARD, OPERATION_WRITE_ZEROES } from '../../assembly/abi.ts';
import type { EventColumns } from '../core/event-columns.ts';
import { RqdmError } from '../errors.ts';
import type { BatchOptions, IoBatch } from './batch.ts';
import type { ChunkOptions, IoRange, RangesOptions } from './chunks.ts';
import { type DiskStats, readDiskStats } from './disk-stats.ts';
import { DeviceIo } from './io.ts';
import type { IoOptions, ReadOptions, WriteOptions, WriteZeroesOptions } from './io-options.ts';
import type { MapperServices } from './mapper.ts';
import type { BackingDevice } from './opened.ts';
import { type DeviceStats, readStats } from './stats.ts';

export class PlainDevice implements AsyncDisposable {
  /** The word that opened it. */
  readonly name: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  readonly id: number;
  /** Exact size in bytes. */
  readonly size: number;
  /** Positions and lengths of writes are multiples of it. */
  readonly blockBytes: number;
  readonly isReadOnly: boolean;
  readonly hasCache: boolean;
  readonly #services: MapperServices;
  readonly #backing: BackingDevice;
  readonly #letGo: () => Promise<void>;
  readonly #io: DeviceIo;
  #closing: Promise<void> | undefined;

  /** Use `mapper.openPlain`. `letGo` gives the held backing device back. */
  constructor(services: MapperServices, backing: BackingDevice, letGo: () => Promise<void>) {
    this.#services = services;
    this.#backing = backing;
    this.#letGo = letGo;
    this.name = backing.word;
    this.number = backing.number;
    this.id = backing.id;
    this.size = backing.sizeBytes;
    this.blockBytes = backing.limits.logicalBlockSectors * 512;
    this.isReadOnly = backing.path.isReadOnly;
    this.hasCache = backing.hasCache;
    this.#io = new DeviceIo(this, services);
  }

  /** Counters and latencies. A copy of now. */
  stats(): DeviceStats {
    const { id, number, name: word } = this;
    return readStats(this.#services.pump.core, { id, number }, [{ id, number, word }]);
  }

  /** The columns of `/sys/block/X/stat`. A copy of now. */
  diskStats(): DiskStats {
    return readDiskStats(this.#services.pump.core, this.id);
  }

  // ---- I/O: as of a mapped device --------------------------------------------------------------------------

  get canFlush(): boolean {
    return this.hasCache;
  }
  get canDiscard(): boolean {
    return this.#io.canDiscard;
  }
  get canWriteZeroes(): boolean {
    return this.#io.canWriteZeroes;
  }

  read(position: number, length: number, options?: ReadOptions): Promise<Buffer> {
    return this.#io.read(position, length, options);
  }

  readInto(view: Uint8Array, position: number, options?: ReadOptions): Promise<number> {
    return this.#io.readInto(view, position, options);
  }

  write(view: Uint8Array, position: number, options?: WriteOptions): Promise<number> {
    return this.#io.write(view, position, options);
  }

  discard(position: number, length: number, options?: IoOptions): Promise<void> {
    return this.#io.erase(OPERATION_DISCARD, position, length, options);
  }

  writeZeroes(position: number, length: number, options?: WriteZeroesOptions): Promise<void> {
    return this.#io.erase(OPERATION_WRITE_ZEROES, position, length, options);
  }

  flush(options?: IoOptions): Promise<void> {
    return this.#io.flush(options);
  }

  chunks(options?: ChunkOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#io.chunks(options);
  }

  readRanges(ranges: Iterable<IoRange>, options?: RangesOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#io.readRanges(ranges, options);
  }

  batch(batch: IoBatch, options?: BatchOptions): Promise<number> {
    return this.#io.batch(batch, options);
  }

  /** As of a mapped device. */
  traceColumns(letters: string, listen: (events: EventColumns) => void): () => void {
    this.assertOpen('traceColumns');
    return this.#services.pump.tracer.listenColumns(this.id, letters, listen);
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  /** Waits for what is in flight, then lets go of the device. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { pump } = this.#services;
    const isDrained = (): boolean => this.#io.outstanding === 0 && (this.#backing.holders > 1 || !this.#holdsBios());
    pump.drive();
    if (!pump.poisoned && !isDrained()) {
      await new Promise<void>((resolve) => {
        const stop = pump.watch(() => {
          if (!pump.poisoned && !isDrained()) return;
          stop();
          resolve();
        });
      });
    }
    await this.#letGo();
  }

  #holdsBios(): boolean {
    return this.#services.pump.core.figures(this.id)[FIGURE_BIOS] !== 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Throws ERR_RQDM_CLOSED once `close` was called. */
  assertOpen(what: string): void {
    if (this.#closing) throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.name} is closed`);
    this.#services.pump.assertAlive();
  }
}
