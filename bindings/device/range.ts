// Places in bytes: what may be asked of a device, and writes that begin or end inside a block.
import { RqdmError } from '../errors.ts';

interface Ranged {
  readonly name: string;
  readonly size: number;
  readonly isReadOnly: boolean;
  assertOpen(what: string): void;
}

/** Throws ERR_RQDM_RANGE, ERR_RQDM_CLOSED or EROFS, naming the figures. */
export function checkRange(device: Ranged, what: string, position: number, length: number): void {
  device.assertOpen(what);
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RqdmError(
      'ERR_RQDM_RANGE',
      `${what} on ${device.name}: position is ${position}: expected a whole number from 0 on`,
    );
  }
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RqdmError('ERR_RQDM_RANGE', `${what} on ${device.name}: length is ${length}: expected a whole number from 0 on`);
  }
  if (position + length > device.size) {
    throw new RqdmError(
      'ERR_RQDM_RANGE',
      `${what} of ${length} bytes at position ${position} on ${device.name}: expected an end of at most ${device.size}, the device's size`,
    );
  }
  if (WRITES.has(what) && device.isReadOnly) throw new RqdmError('EROFS', `${what} on ${device.name}: the device is read-only`);
}

const WRITES: ReadonlySet<string> = new Set(['write', 'discard', 'writeZeroes']);

interface Blocked {
  readonly name: string;
  readonly size: number;
  readonly blockBytes: number;
}

/** Whole blocks; the last one of a device with an odd end is as long as it is. */
export function isWhole({ blockBytes, size }: Omit<Blocked, 'name'>, position: number, length: number): boolean {
  return position % blockBytes === 0 && (length % blockBytes === 0 || position + length === size);
}

/** Throws ERR_RQDM_ALIGNMENT. `otherwise` says what else would do. */
export function checkBlocks(device: Blocked, what: string, position: number, length: number, otherwise = ''): void {
  if (isWhole(device, position, length)) return;
  throw new RqdmError(
    'ERR_RQDM_ALIGNMENT',
    `${what} of ${length} bytes at position ${position} on ${device.name}: expected multiples of ${device.blockBytes}${otherwise}`,
  );
}

/** The bytes of a caller's buffer: any view will do. Throws ERR_RQDM_BUFFER. */
export function bytesOf(device: { readonly name: string }, what: string, view: Uint8Array): Uint8Array {
  if (view instanceof Uint8Array) return view;
  const given: unknown = view;
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const kind = given === null ? 'null' : typeof given === 'object' ? given.constructor?.name : typeof given;
  throw new RqdmError('ERR_RQDM_BUFFER', `${what} on ${device.name}: got ${kind}: expected a Buffer, typed array or DataView`);
}

interface ReadWrite {
  readonly size: number;
  readonly blockBytes: number;
  /** Without a look at whether the device is still open: what has begun goes on to its end. */
  readRaw(position: number, view: Uint8Array): Promise<number>;
  writeRaw(position: number, view: Uint8Array): Promise<number>;
}

interface WorkedOn {
  readonly first: number;
  readonly last: number;
  readonly end: Promise<unknown>;
}

/**
 * Writes that may begin or end inside a block: the first and last block are read, changed and written with the rest. Two
 * of them never work on one block at a time; they have their turns in the order of the calls. So have those among them
 * that happen to be whole blocks.
 */
export class UnalignedWrites {
  readonly #workedOn: Set<WorkedOn> = new Set();

  /** A write whose signal has gone off before its last step writes nothing. */
  write(device: ReadWrite, view: Uint8Array, position: number, signal: AbortSignal | undefined): Promise<number> {
    const block = device.blockBytes;
    const first = Math.floor(position / block);
    const last = Math.floor((position + view.byteLength - 1) / block);
    const before: Promise<unknown>[] = [];
    for (const other of this.#workedOn) if (other.first <= last && first <= other.last) before.push(other.end);
    const length = view.byteLength;
    const run = (): Promise<number> => {
      signal?.throwIfAborted();
      if (isWhole(device, position, length)) return device.writeRaw(position, checkLength(view, length));
      return readChangeWrite(device, view, length, position, first * block, (last + 1) * block, signal);
    };
    const result = before.length === 0 ? startNow(run) : Promise.all(before).then(run);
    const own: WorkedOn = { first, last, end: result.catch(() => {}) };
    this.#workedOn.add(own);
    void own.end.then(() => this.#workedOn.delete(own));
    return result;
  }
}

/** With nobody to wait for, its I/O belongs to the plug of this turn. */
async function startNow(run: () => Promise<number>): Promise<number> {
  return await run();
}

function checkLength(view: Uint8Array, length: number): Uint8Array {
  if (view.byteLength === length) return view;
  throw new RqdmError('ERR_RQDM_BUFFER', `the buffer of ${length} bytes was detached or shrunk before its I/O had ended`);
}

async function readChangeWrite(
  device: ReadWrite,
  view: Uint8Array,
  length: number,
  position: number,
  start: number,
  wholeEnd: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const block = device.blockBytes;
  const end = Math.min(device.size, wholeEnd);
  const whole = Buffer.allocUnsafeSlow(end - start);
  const lastBlock = wholeEnd - block;
  const reads = [device.readRaw(start, whole.subarray(0, Math.min(block, whole.length)))];
  if (lastBlock > start) reads.push(device.readRaw(lastBlock, whole.subarray(lastBlock - start)));
  for (const read of await Promise.allSettled(reads)) if (read.status === 'rejected') throw read.reason;
  signal?.throwIfAborted();
  whole.set(checkLength(view, length), position - start);
  await device.writeRaw(start, whole);
  return length;
}
