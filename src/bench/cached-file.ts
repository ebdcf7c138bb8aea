// A file in the page cache, in a folder of its own that goes away whatever happens.

import { closeSync, fsyncSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

// The cache keeps a file in the pieces in which it was written. In large ones every small write into the middle walks over
// all of its piece (1 MiB: 30 µs on ext4, for whoever writes); in single pages long reads take twice as long.
const CHUNK_BYTES = 16 * 1024;

export class CachedFile implements Disposable {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #folder: string;
  readonly #remove: () => void;

  /** Throws what node:fs throws: there may be no room. */
  constructor(directory: string, sizeBytes: number, blockBytes: number) {
    this.#folder = mkdtempSync(join(directory, 'rqdm-bench-'));
    this.#remove = () => rmSync(this.#folder, { recursive: true, force: true });
    process.once('exit', this.#remove);
    this.name = join(this.#folder, 'bench.img');
    this.sizeBytes = sizeBytes;
    try {
      this.#write(blockBytes);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Every block begins with its own number, and all of it is read once. */
  #write(blockBytes: number): void {
    const fd = openSync(this.name, 'wx+');
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES, 0xa5);
      for (let position = 0; position < this.sizeBytes; position += CHUNK_BYTES) {
        for (let at = 0; at < CHUNK_BYTES; at += blockBytes) chunk.writeUInt32LE((position + at) / blockBytes, at);
        writeSync(fd, chunk, 0, CHUNK_BYTES, position);
      }
      // its blocks are found a place now, not while somebody measures
      fsyncSync(fd);
      for (let position = 0; position < this.sizeBytes; position += CHUNK_BYTES) readSync(fd, chunk, 0, CHUNK_BYTES, position);
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}
