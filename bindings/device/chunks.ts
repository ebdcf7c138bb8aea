// Reading on in order: the next reads are under way while the caller works on what has come, and never more than asked for.
import { RqdmError } from '../errors.ts';
import { checkSignal, type ReadOptions } from './io-options.ts';

/** A place in bytes. */
export interface IoRange {
  readonly position: number;
  readonly length: number;
}

export interface RangesOptions extends ReadOptions {
  /** Reads under way beyond the one that is waited for, 0 … 1024. Default 4. */
  readonly ahead?: number | undefined;
}

export interface ChunkOptions extends RangesOptions {
  /** Bytes. Default 0, and to the end of the device. */
  readonly position?: number | undefined;
  readonly length?: number | undefined;
  /** Bytes of each chunk but the last, from 1 on. Default 1 MiB. */
  readonly chunkBytes?: number | undefined;
}

const AHEAD_DEFAULT = 4;
const AHEAD_MAX = 1024;
const CHUNK_BYTES_DEFAULT = 1024 * 1024;

type Reader = (position: number, length: number, options: ReadOptions) => Promise<Buffer>;

/** `length` bytes from `position` on, in chunks. `check` refuses the range as a whole, before its first chunk. */
export async function* readChunks(
  read: Reader,
  check: () => void,
  position: number,
  length: number,
  options: ChunkOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { chunkBytes = CHUNK_BYTES_DEFAULT } = options;
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
    throw new RqdmError('ERR_RQDM_OPTION', `chunkBytes is ${chunkBytes}: expected a whole number from 1 on`);
  }
  check();
  yield* readRanges(read, cut(position, length, chunkBytes), options);
}

function* cut(position: number, length: number, chunkBytes: number): Generator<IoRange, void, undefined> {
  for (let from = 0; from < length; from += chunkBytes) {
    yield { position: position + from, length: Math.min(chunkBytes, length - from) };
  }
}

/** Each range's bytes, in order. Whoever stops early drops what was read ahead. */
export async function* readRanges(
  read: Reader,
  ranges: Iterable<IoRange>,
  options: RangesOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { ahead = AHEAD_DEFAULT, signal, ...others } = options;
  if (!Number.isInteger(ahead) || ahead < 0 || ahead > AHEAD_MAX) {
    throw new RqdmError('ERR_RQDM_OPTION', `ahead is ${ahead}: expected a whole number from 0 to ${AHEAD_MAX}`);
  }
  checkSignal(signal);
  const leaving = new AbortController();
  const abort = (): void => leaving.abort(signal?.reason);
  signal?.addEventListener('abort', abort);
  const readOptions: ReadOptions = { ...others, signal: leaving.signal };
  const source = ranges[Symbol.iterator]();
  const underWay: Promise<Buffer>[] = [];
  let isOver = false;
  try {
    while (true) {
      while (!isOver && underWay.length <= ahead) {
        const { done, value } = source.next();
        if (done) {
          isOver = true;
          break;
        }
        const reading = read(value.position, value.length, readOptions);
        reading.catch(() => {}); // told when its turn comes, or to nobody
        underWay.push(reading);
      }
      const next = underWay.shift();
      if (!next) return;
      const bytes = await next;
      signal?.throwIfAborted();
      yield bytes;
      signal?.throwIfAborted();
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    leaving.abort();
    if (!isOver) source.return?.();
  }
}
