// What node:fs does with the same work: `fs.read` and `fs.write` with callbacks, and FileHandle with promises, at the
// same depth, with buffers that are used again, on the default thread pool.

import { read, write } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** Gives the byte place of the next I/O. */
export type NextPlace = () => number;

export interface FileLoad {
  readonly isWrite: boolean;
  /** I/Os in flight. */
  readonly depth: number;
  readonly blockBytes: number;
  /** How long to measure. */
  readonly durationMs: number;
  readonly nextPlace: NextPlace;
}

function createBuffers(load: FileLoad): Buffer[] {
  return Array.from({ length: load.depth }, () => Buffer.alloc(load.blockBytes, 1));
}

/** I/Os a second by callbacks: each that ends starts the next. */
export function measureCallbacks(fd: number, load: FileLoad): Promise<number> {
  const { isWrite, blockBytes, durationMs, nextPlace } = load;
  const start = performance.now();
  const end = start + durationMs;
  let done = 0;
  let out = load.depth;
  return new Promise((resolve, reject) => {
    for (const buffer of createBuffers(load)) {
      const go = (): void => {
        if (isWrite) write(fd, buffer, 0, blockBytes, nextPlace(), ended);
        else read(fd, buffer, 0, blockBytes, nextPlace(), ended);
      };
      const ended = (error: Error | null, bytes: number): void => {
        if (error !== null || bytes !== blockBytes) {
          reject(error ?? new Error(`node:fs moved ${bytes} of ${blockBytes} bytes`));
          return;
        }
        done++;
        if (performance.now() < end) go();
        else if (--out === 0) resolve((done * 1000) / (performance.now() - start));
      };
      go();
    }
  });
}

/** I/Os a second by promises. */
export async function measurePromises(handle: FileHandle, load: FileLoad): Promise<number> {
  const { isWrite, blockBytes, durationMs, nextPlace } = load;
  const start = performance.now();
  const end = start + durationMs;
  let done = 0;
  const run = async (buffer: Buffer): Promise<void> => {
    while (performance.now() < end) {
      if (isWrite) await handle.write(buffer, 0, blockBytes, nextPlace());
      else await handle.read(buffer, 0, blockBytes, nextPlace());
      done++;
    }
  };
  await Promise.all(createBuffers(load).map(run));
  return (done * 1000) / (performance.now() - start);
}
