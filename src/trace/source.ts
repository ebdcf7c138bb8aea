// The bytes of a trace: a file or a stream, decompressed when it begins with gzip's two bytes, in pieces into the caller's buffer.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { TraceError } from './errors.ts';

const CHUNK_BYTES = 1 << 20;
/** UTF-8's byte-order mark, and how far is looked whether a text follows. */
const MARK: readonly number[] = [0xef, 0xbb, 0xbf];
const LOOK_BYTES = 64;
const EMPTY: Buffer = Buffer.alloc(0);

/** Archives that are not read here, by their first bytes, with what unpacks them. */
const FOREIGN: readonly (readonly [string, readonly number[], string])[] = [
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'zstd -dc'],
  ['xz', [0xfd, 0x37, 0x7a, 0x58], 'xz -dc'],
  ['bzip2', [0x42, 0x5a, 0x68], 'bzip2 -dc'],
  ['zip', [0x50, 0x4b, 0x03, 0x04], 'unzip -p'],
];

export class ByteSource {
  readonly name: string;
  readonly #streams: Readable[];
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = EMPTY;
  #isEnd = false;

  private constructor(name: string, streams: Readable[], chunks: AsyncIterator<Buffer>) {
    this.name = name;
    this.#streams = streams;
    this.#chunks = chunks;
  }

  /** Opens a file by its name, or takes a stream. Rejects with TraceError for what cannot be read. */
  static async open(input: string | Readable, name: string): Promise<ByteSource> {
    const raw = typeof input === 'string' ? await openFile(input) : input;
    const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = await firstChunk(chunks, name);
    const [kind, , unpacker] = FOREIGN.find(([, magic]) => magic.every((byte, i) => first[i] === byte)) ?? [];
    if (kind !== undefined) {
      raw.destroy();
      throw new TraceError(`${name}: packed with ${kind}: give it unpacked (${unpacker} FILE | rqdm trace … -)`);
    }
    if (first[0] !== 0x1f || first[1] !== 0x8b) {
      const source = new ByteSource(name, [raw], chunks);
      source.#chunk = first;
      source.#isEnd = first.length === 0;
      await source.#skipMark();
      return source;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    void feed(gunzip, first, chunks);
    const source = new ByteSource(name, [raw, gunzip], gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
    await source.#skipMark();
    return source;
  }

  /** A text may begin with a byte-order mark, which is no part of its first line. Bytes of binary formats are not text. */
  async #skipMark(): Promise<void> {
    let first = this.#chunk;
    while (!this.#isEnd && first.length < LOOK_BYTES) {
      await this.#next();
      if (!this.#isEnd) first = Buffer.concat([first, this.#chunk]);
    }
    const isMarked = MARK.every((byte, i) => first[i] === byte) && !first.subarray(0, LOOK_BYTES).includes(0);
    this.#chunk = isMarked ? first.subarray(MARK.length) : first;
  }

  /** Puts the next bytes at `from` and after it; how many, 0 at the end only. */
  async fill(buffer: Buffer, from: number): Promise<number> {
    while (this.#chunk.length === 0) {
      if (this.#isEnd) return 0;
      await this.#next();
    }
    const count = Math.min(this.#chunk.length, buffer.length - from);
    this.#chunk.copy(buffer, from, 0, count);
    this.#chunk = this.#chunk.subarray(count);
    return count;
  }

  async #next(): Promise<void> {
    let result: IteratorResult<Buffer>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      throw unreadable(this.name, error);
    }
    this.#isEnd = result.done === true;
    this.#chunk = result.done ? EMPTY : asBuffer(result.value);
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}

async function openFile(file: string): Promise<Readable> {
  try {
    if ((await stat(file)).isDirectory()) throw new TraceError(`${file} is a folder and not a trace`);
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw unreadable(file, error);
  }
  return createReadStream(file, { highWaterMark: CHUNK_BYTES });
}

async function firstChunk(chunks: AsyncIterator<Buffer>, name: string): Promise<Buffer> {
  let first: Buffer = Buffer.alloc(0);
  try {
    // a pipe may give its first bytes one by one
    while (first.length < 4) {
      const { done, value } = await chunks.next();
      if (done) break;
      first = first.length === 0 ? asBuffer(value) : Buffer.concat([first, asBuffer(value)]);
    }
  } catch (error) {
    throw unreadable(name, error);
  }
  return first;
}

function asBuffer(chunk: unknown): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
}

/** Hands packed bytes to the unpacker as it takes them. */
async function feed(gunzip: ReturnType<typeof createGunzip>, first: Buffer, chunks: AsyncIterator<Buffer>): Promise<void> {
  try {
    let chunk: Buffer | undefined = first;
    while (chunk !== undefined && !gunzip.destroyed) {
      if (!gunzip.write(chunk)) await drained(gunzip);
      const next: IteratorResult<Buffer> = await chunks.next();
      chunk = next.done ? undefined : asBuffer(next.value);
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error as Error);
  }
}

function drained(gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      gunzip.off('drain', done);
      gunzip.off('close', done);
      resolve();
    };
    gunzip.on('drain', done);
    gunzip.on('close', done);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  Z_BUF_ERROR: 'the gzip file is cut off',
  Z_DATA_ERROR: 'the gzip file is damaged',
};

function unreadable(name: string, error: unknown): TraceError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new TraceError(`${name}: ${REASONS[code ?? ''] ?? message}`, { cause: error });
}
