// A mapped device: the face of the library (DESIGN 3). Bytes outside, sectors inside.
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_IOERR } from '../../assembly/abi.ts';
import { RqdmError, RqdmIoError } from '../errors.ts';
import type { IoBatch } from './batch.ts';
import { ControlledDevice, type DeviceIdentity } from './controlled-device.ts';
import type { MapperServices } from './mapper.ts';
import { bytesOf, checkRange, UnalignedWrites } from './range.ts';
import { meaningOf } from './status.ts';
import type { TableHost } from './table.ts';
import { type Failure, Lane, Transfer, type TransferOwner } from './transfers.ts';

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

export interface WriteOptions {
  /** Let the write begin and end anywhere: the first and last block are read, changed and written, one at a time each. */
  readonly unaligned?: boolean;
}

const OPERATIONS = ['read', 'write', 'flush'] as const;

export class MappedDevice extends ControlledDevice implements TransferOwner {
  readonly #services: MapperServices;
  #outstanding = 0;
  #hookError: RqdmError | undefined;
  readonly #unalignedWrites: UnalignedWrites = new UnalignedWrites();
  /** TransferOwner. */
  readonly lane: Lane = new Lane();

  /** Use `mapper.createDevice`. The core's record exists. */
  constructor(services: MapperServices, host: TableHost, identity: DeviceIdentity) {
    super(services, host, identity);
    this.#services = services;
  }

  protected override get outstanding(): number {
    return this.#outstanding;
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
