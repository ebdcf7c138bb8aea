// A backing device by itself: I/O goes straight to its own queue, without a map above it. To compare with (benches), and
// for whoever wants the merging of one queue and nothing else.
import { FIGURE_BIOS, OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { RqdmError, RqdmIoError } from '../errors.ts';
import type { IoBatch } from './batch.ts';
import type { MapperServices } from './mapper.ts';
import type { BackingDevice } from './opened.ts';
import { checkRange } from './range.ts';
import { type DeviceStats, readStats } from './stats.ts';
import { meaningOf } from './status.ts';
import { type Failure, Lane, Transfer, type TransferOwner } from './transfers.ts';

const OPERATIONS = ['read', 'write', 'flush'] as const;

export class PlainDevice implements TransferOwner, AsyncDisposable {
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
  readonly lane: Lane = new Lane();
  readonly #services: MapperServices;
  readonly #backing: BackingDevice;
  readonly #letGo: () => Promise<void>;
  #outstanding = 0;
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
  }

  /** Counters and latencies. A copy of now. */
  stats(): DeviceStats {
    const { id, number, name: word } = this;
    return readStats(this.#services.pump.core, { id, number }, [{ id, number, word }]);
  }

  /** Fills `view` from `position` on; returns its length. */
  readInto(view: Uint8Array, position: number): Promise<number> {
    return this.#transfer(OPERATION_READ, position, view);
  }

  /** Writes `view`, whole blocks of it. The view must not change before the promise has settled. */
  write(view: Uint8Array, position: number): Promise<number> {
    return this.#transfer(OPERATION_WRITE, position, view);
  }

  /** Resolves when every write acknowledged before the call is on stable storage. */
  async flush(): Promise<void> {
    await this.#transfer(OPERATION_FLUSH, 0, undefined);
  }

  /** Many I/Os over the arena, as one plug; resolves with how many failed. */
  batch(batch: IoBatch): Promise<number> {
    try {
      checkRange(this, 'batch', 0, 0);
      return this.#services.batches.run(this, batch);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #transfer(operation: number, position: number, data: Uint8Array | undefined): Promise<number> {
    const length = data?.byteLength ?? 0;
    return new Promise((resolve, reject) => {
      checkRange(this, OPERATIONS[operation] as string, position, length);
      if (operation === OPERATION_WRITE) this.#checkBlocks(position, length);
      if (length === 0 && operation !== OPERATION_FLUSH) {
        resolve(0);
        return;
      }
      this.#outstanding++;
      this.#services.transfers.start(new Transfer(this, operation, position, length, data, resolve, reject));
    });
  }

  #checkBlocks(position: number, length: number): void {
    const block = this.blockBytes;
    if (position % block === 0 && (length % block === 0 || position + length === this.size)) return;
    throw new RqdmError(
      'ERR_RQDM_ALIGNMENT',
      `write of ${length} bytes at position ${position} on ${this.name}: expected multiples of ${block}`,
    );
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
    return new RqdmIoError(code, reason, {
      operation: OPERATIONS[transfer.operation] as (typeof OPERATIONS)[number],
      position: transfer.position,
      length: transfer.length,
      device: this.name,
      path: this.name,
      attempts: failure.attempts,
    });
  }

  /** Waits for what is in flight, then lets go of the device. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { pump } = this.#services;
    const isDrained = (): boolean => this.#outstanding === 0 && (this.#backing.holders > 1 || !this.#holdsBios());
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

  /** Throws ERR_RQDM_CLOSED once `close` was called. */
  assertOpen(what: string): void {
    if (this.#closing) throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.name} is closed`);
    this.#services.pump.assertAlive();
  }
}
