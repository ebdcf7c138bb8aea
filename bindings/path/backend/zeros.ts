// Zeros into the arena. `fill` on shared memory goes byte by byte (2 µs a page); copying a page of zeros takes a fifth.

import { createSharedMemory } from '../shared-memory.ts';

const ZERO_PAGE = new Uint8Array(4096);

export function fillZeros(arena: Uint8Array, address: number, bytes: number): void {
  const end = address + bytes;
  let at = address;
  for (; end - at >= 4096; at += 4096) arena.set(ZERO_PAGE, at);
  if (at < end) arena.fill(0, at, end);
}

/** One call writes at most so many zeros: larger pieces are no faster. */
const ZEROS_BYTES = 256 * 1024;

let written: Uint8Array | undefined;

/** Zeros to write from, page-aligned for O_DIRECT; the same for all files of a thread. */
export function writtenZeros(): Uint8Array {
  written ??= new Uint8Array(createSharedMemory(ZEROS_BYTES).buffer, 0, ZEROS_BYTES);
  return written;
}
