// The I/O of a device, mapped or plain: what a caller asks in bytes is checked here and becomes transfers and batches.
import {
  FIGURE_MAX_DISCARD_SECTORS,
  FIGURE_MAX_WRITE_ZEROES_SECTORS,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_IOERR,
  STATUS_NOTSUPP,
} from '../../assembly/abi.ts';
import { RqdmError, RqdmIoError } from '../errors.ts';
import type { BatchOptions, BatchOwner, IoBatch } from './batch.ts';
import { type ChunkOptions, type IoRange, type RangesOptions, readChunks, readRanges } from './chunks.ts';
import {
  checkSignal,
  flagsOf,
  type IoOptions,
  type ReadOptions,
  type WriteOptions,
  type WriteZeroesOptions,
} from './io-options.ts';
import type { MapperServices } from './mapper.ts';
import { bytesOf, checkBlocks, checkRange, UnalignedWrites } from './range.ts';
import { meaningOf, operationName } from './status.ts';
import { type Failure, Lane, Transfer, type TransferOwner } from './transfers.ts';

/** The device that the I/O is for. */
export interface IoFace {
  readonly name: string;
  readonly id: number;
  readonly size: number;
  readonly blockBytes: number;
  readonly isReadOnly: boolean;
  readonly isClosing: boolean;
  /** Throws ERR_RQDM_CLOSED once `close` was called. */
  assertOpen(what: string): void;
}

export class DeviceIo implements TransferOwner, BatchOwner {
  readonly id: number;
  /** TransferOwner. */
  readonly lane: Lane = new Lane();
  /** I/O that callers wait for, and what goes on after its signal went off. */
  outstanding = 0;
  readonly #face: IoFace;
  readonly #services: MapperServices;
  readonly #unalignedWrites: UnalignedWrites = new UnalignedWrites();
  readonly #hookError: () => RqdmError | undefined;

  /** `hookError` is what a hook that misbehaved in this batch has said: what it killed says so too. */
  constructor(face: IoFace, services: MapperServices, hookError: () => RqdmError | undefined = () => undefined) {
    this.#face = face;
    this.#hookError = hookError;
    this.id = face.id;
    this.#services = services;
  }

  get blockBytes(): number {
    return this.#face.blockBytes;
  }

  async read(position: number, length: number, options: ReadOptions | undefined): Promise<Buffer> {
    checkRange(this.#face, 'read', position, length);
    const buffer = Buffer.allocUnsafeSlow(length);
    await this.#transfer(OPERATION_READ, position, length, buffer, options);
    return buffer;
  }

  readInto(view: Uint8Array, position: number, options: ReadOptions | undefined): Promise<number> {
    try {
      const bytes = bytesOf(this.#face, 'read', view);
      checkRange(this.#face, 'read', position, bytes.length);
      return this.#transfer(OPERATION_READ, position, bytes.length, bytes, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  write(view: Uint8Array, position: number, options: WriteOptions | undefined): Promise<number> {
    try {
      const bytes = bytesOf(this.#face, 'write', view);
      checkRange(this.#face, 'write', position, bytes.length);
      if (bytes.length > 0) {
        if (options?.unaligned) return this.#writeUnaligned(bytes, position, options);
        checkBlocks(this.#face, 'write', position, bytes.length, ', or the option unaligned');
      } else if (options?.preflush) {
        return this.#transfer(OPERATION_FLUSH, 0, 0, undefined, options);
      }
      return this.#transfer(OPERATION_WRITE, position, bytes.length, bytes, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #writeUnaligned(bytes: Uint8Array, position: number, options: WriteOptions): Promise<number> {
    const { signal, ...others } = options;
    checkSignal(signal);
    const raw: IoOptions | undefined = flagsOf(others) === 0 ? undefined : others;
    this.outstanding++;
    const written = this.#unalignedWrites.write(
      {
        size: this.#face.size,
        blockBytes: this.blockBytes,
        readRaw: (at, view) => this.#transfer(OPERATION_READ, at, view.length, view, raw),
        writeRaw: (at, view) => this.#transfer(OPERATION_WRITE, at, view.length, view, raw),
      },
      bytes,
      position,
      signal,
    );
    const ended = (): void => {
      this.ended();
      // between two drives: whoever waits for the end of all I/O must look again
      this.#services.pump.schedule();
    };
    written.then(ended, ended);
    return signal === undefined ? written : this.#unless(signal, written);
  }

  /** The promise, unless the signal goes off before. */
  #unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
    const { signals } = this.#services.transfers;
    return new Promise((resolve, reject) => {
      const waiting = { abort: reject };
      signals.add(signal, waiting);
      const settle = (): void => {
        signals.remove(signal, waiting);
        promise.then(resolve, reject);
      };
      promise.then(settle, settle);
    });
  }

  /** Zeros or a discard: a range without bytes. */
  async erase(operation: number, position: number, length: number, options: WriteZeroesOptions | undefined): Promise<void> {
    const what = operationName(operation);
    checkRange(this.#face, what, position, length);
    checkBlocks(this.#face, what, position, length);
    await this.#transfer(operation, position, length, undefined, options);
  }

  async flush(options: IoOptions | undefined): Promise<void> {
    checkRange(this.#face, 'flush', 0, 0);
    await this.#transfer(OPERATION_FLUSH, 0, 0, undefined, options);
  }

  batch(batch: IoBatch, options: BatchOptions | undefined): Promise<number> {
    try {
      checkRange(this.#face, 'batch', 0, 0);
      return this.#services.batches.run(this, batch, options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  chunks(options: ChunkOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    const face = this.#face;
    const { position = 0, length = Math.max(0, face.size - position) } = options;
    return readChunks(this.#reader, () => checkRange(face, 'read', position, length), position, length, options);
  }

  readRanges(ranges: Iterable<IoRange>, options: RangesOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    return readRanges(this.#reader, ranges, options);
  }

  readonly #reader = (position: number, length: number, options: ReadOptions): Promise<Buffer> =>
    this.read(position, length, options);

  get canDiscard(): boolean {
    return this.#figure(FIGURE_MAX_DISCARD_SECTORS) > 0;
  }

  get canWriteZeroes(): boolean {
    return this.#figure(FIGURE_MAX_WRITE_ZEROES_SECTORS) > 0;
  }

  /** In place, since an answer of the device below may turn an operation off. 0 once the device is being closed. */
  #figure(figure: number): number {
    if (this.#face.isClosing || this.#face.isReadOnly) return 0;
    return this.#services.pump.core.figures(this.id)[figure] as number;
  }

  #transfer(
    operation: number,
    position: number,
    length: number,
    data: Uint8Array | undefined,
    options: IoOptions | undefined,
  ): Promise<number> {
    let word = operation;
    let signal: AbortSignal | undefined;
    if (options !== undefined) {
      word |= flagsOf(options) << 8;
      signal = options.signal;
      checkSignal(signal);
    }
    if (length === 0 && operation !== OPERATION_FLUSH) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.outstanding++;
      this.#services.transfers.start(new Transfer(this, word, position, length, data, resolve, reject, signal));
    });
  }

  /** BatchOwner. */
  began(): void {
    this.outstanding++;
  }

  /** TransferOwner, BatchOwner. */
  ended(): void {
    this.outstanding--;
  }

  /** TransferOwner: the error of a transfer. */
  failed(transfer: Transfer, failure: Failure): Error {
    const { code, reason } = meaningOf(failure.status);
    const path = failure.path === 0xffff ? undefined : this.#services.pump.paths[failure.path]?.word;
    const operation = operationName(transfer.operation);
    const { position, length } = transfer;
    const details = { operation, position, length, device: this.#face.name, path, attempts: failure.attempts };
    const first = meaningOf(failure.firstStatus);
    const isOther = failure.firstStatus !== 0 && failure.firstStatus !== failure.status;
    // a hook that misbehaves kills with IOERR; what failed otherwise meanwhile is none of its doing
    const hookError = failure.status === STATUS_IOERR ? this.#hookError() : undefined;
    const cause = hookError ?? (isOther ? new RqdmError(first.code, `first error: ${first.reason}`) : undefined);
    return new RqdmIoError(code, hookError?.message ?? unsupported(transfer, failure) ?? reason, details, cause);
  }
}

/** What to look at before asking again. */
function unsupported({ operation }: Transfer, { status }: Failure): string | undefined {
  if (status !== STATUS_NOTSUPP) return undefined;
  if (operation === OPERATION_DISCARD) return 'operation not supported by the storage; canDiscard tells';
  if (operation === OPERATION_WRITE_ZEROES) return 'operation not supported by the storage; canWriteZeroes tells';
  return undefined;
}
