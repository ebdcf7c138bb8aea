// A regular file or a block device, by blocking calls.
//
// The end of a file. A device has whole sectors, so a file whose length is no multiple of 512 is shown rounded up:
//   1. Reads beyond the exact end, within that last sector, give zeros.
//   2. A write that would change a byte beyond the exact end ends with STATUS_NOSPC: nothing grows, and no other path to
//      the same file could do better (NOSPC is no path error). Whole sectors before the last are written and counted as
//      good, because bios merged in front must not fail for it. Zeros change nothing there: what lies before them is
//      written, so that the last bytes of the file can be.
//   3. A file that turns out to be shorter than at open ends a read with STATUS_IOERR and what was read as good.
//
// O_DIRECT has rules of alignment; what breaks them takes another way, slower but right:
//   payload not aligned in memory        → one copy through an aligned buffer
//   position or length not aligned       → the same file's buffered descriptor (the kernel keeps both coherent)
// Neither happens to sectors in leases of the arena on a device of 512-byte blocks.
//
// What Node has no call for (fallocate, BLKDISCARD) is done by what it has:
//   WRITE_ZEROES  zeros are written, from one fixed buffer, piece by piece. Space is not given back
//   DISCARD       the same where `discard=zeros` asked for it; otherwise there is none
//   FUA           the write, then fdatasync, in one call; only asked for where the word says `fua=1`

import { fdatasyncSync, readSync, readvSync, writeSync, writevSync } from 'node:fs';
import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_IOERR,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_OK,
  STATUS_READ_ONLY,
} from '../../../assembly/abi.ts';
import { statusOfError } from '../errno.ts';
import { hasRanges, isAble, isFua, OPERATION_MASK, rangeSector, rangeSectors } from '../operation.ts';
import { createSharedMemory } from '../shared-memory.ts';
import type { Backend } from './backend.ts';
import { fillZeros, writtenZeros } from './zeros.ts';

const SECTOR_BYTES = 512;

export interface FileDescription {
  readonly kind: 'file';
  /** Open for as long as any thread has this description. */
  readonly fd: number;
  /** The same file without O_DIRECT; equal to `fd` where that is not direct. */
  readonly bufferedFd: number;
  /** Exact length in bytes at open. */
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** What memory, position and length must be multiples of on `fd`; 1 without O_DIRECT. */
  readonly alignment: number;
  /** `ABILITY_*` bits. */
  readonly abilities: number;
}

export class FileBackend implements Backend {
  goodBytes = 0;
  readonly #fd: number;
  readonly #bufferedFd: number;
  readonly #sizeBytes: number;
  readonly #isReadOnly: boolean;
  readonly #alignment: number;
  readonly #abilities: number;
  #bounce: Uint8Array | undefined;

  constructor(description: FileDescription) {
    this.#fd = description.fd;
    this.#bufferedFd = description.bufferedFd;
    this.#sizeBytes = description.sizeBytes;
    this.#isReadOnly = description.isReadOnly;
    this.#alignment = description.alignment;
    this.#abilities = description.abilities;
  }

  perform(
    arena: Uint8Array,
    word: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    const operation = word & OPERATION_MASK;
    this.goodBytes = 0;
    try {
      // The common case first: a read well before the end, into one piece.
      if (operation === OPERATION_READ && segments === 1 && this.#alignment === 1 && position + bytes <= this.#sizeBytes) {
        const got = readSync(this.#fd, arena, address, bytes, position);
        if (got === bytes) return STATUS_OK;
        this.goodBytes = got;
        return this.#moveOne(this.#fd, arena, OPERATION_READ, position + got, bytes - got, address + got);
      }
      if (operation === OPERATION_FLUSH) {
        fdatasyncSync(this.#fd);
        return STATUS_OK;
      }
      if (operation !== OPERATION_READ) {
        if (operation !== OPERATION_WRITE && !isAble(this.#abilities, operation)) return STATUS_NOTSUPP;
        if (this.#isReadOnly) return STATUS_READ_ONLY;
        if (operation !== OPERATION_WRITE) return this.#zeroAll(word, position, bytes, segments, table, index);
      }
      const status =
        position + bytes > this.#sizeBytes
          ? this.#performAtEnd(arena, operation, position, bytes, address, segments, table, index)
          : this.#move(arena, operation, position, bytes, address, segments, table, index);
      return status === STATUS_OK && isFua(word) ? this.#sync() : status;
    } catch (error) {
      return statusOfError(error);
    }
  }

  /** Until it is on stable storage nothing of a FUA write is done. */
  #sync(): number {
    this.goodBytes = 0;
    fdatasyncSync(this.#fd);
    return STATUS_OK;
  }

  /** WRITE_ZEROES, and DISCARD by zeros. */
  #zeroAll(word: number, position: number, bytes: number, segments: number, table: Uint32Array, index: number): number {
    if (!hasRanges(word, segments)) {
      const status = this.#zero(position, bytes);
      return status === STATUS_OK && isFua(word) ? this.#sync() : status;
    }
    for (let i = 0; i < segments; i++) {
      const pair = index + 2 * i;
      const status = this.#zero(rangeSector(table, pair) * SECTOR_BYTES, rangeSectors(table, pair) * SECTOR_BYTES);
      if (status !== STATUS_OK) return status;
    }
    return STATUS_OK;
  }

  /** What lies beyond the exact end, within the last sector, is zeros anyway. Adds to goodBytes. */
  #zero(position: number, bytes: number): number {
    const shownSize = Math.ceil(this.#sizeBytes / SECTOR_BYTES) * SECTOR_BYTES;
    if (position + bytes > shownSize) return STATUS_BEYOND_END;
    const end = Math.min(position + bytes, this.#sizeBytes);
    const zeros = writtenZeros();
    const isAligned = position % this.#alignment === 0 && end % this.#alignment === 0;
    let fd = isAligned ? this.#fd : this.#bufferedFd;
    for (let at = position; at < end; ) {
      const count = writeSync(fd, zeros, 0, Math.min(zeros.length, end - at), at);
      if (count === 0) return STATUS_IOERR;
      at += count;
      this.goodBytes += count;
      if (count % this.#alignment !== 0) fd = this.#bufferedFd;
    }
    return STATUS_OK;
  }

  /** Cases 1 and 2 of the end of a file. */
  #performAtEnd(
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    const size = this.#sizeBytes;
    const shownSize = Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
    if (position + bytes > shownSize) return STATUS_BEYOND_END;
    if (operation !== OPERATION_READ) {
      const inside = size - position;
      if (inside > 0 && isZero(arena, address, segments, table, index, inside, bytes)) {
        return this.#move(arena, operation, position, inside, address, segments, table, index);
      }
      const wholeSectors = Math.max(0, shownSize - SECTOR_BYTES - position);
      if (wholeSectors > 0) {
        const status = this.#move(arena, operation, position, wholeSectors, address, segments, table, index);
        if (status !== STATUS_OK) return status;
      }
      this.goodBytes = wholeSectors;
      return STATUS_NOSPC;
    }
    const real = Math.max(0, size - position);
    if (real > 0) {
      const status = this.#move(arena, operation, position, real, address, segments, table, index);
      if (status !== STATUS_OK) return status;
    }
    if (segments === 1) {
      fillZeros(arena, address + real, bytes - real);
      return STATUS_OK;
    }
    let at = 0;
    for (let i = index; i < index + segments && at < bytes; i++) {
      const piece = Math.min(bytes - at, table[2 * i + 1]);
      const kept = Math.min(piece, Math.max(0, real - at));
      if (kept < piece) fillZeros(arena, table[2 * i] + kept, piece - kept);
      at += piece;
    }
    return STATUS_OK;
  }

  /** All bytes are inside the exact length here. */
  #move(
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    const alignment = this.#alignment;
    let fd = this.#fd;
    if (alignment > 1) {
      if (position % alignment !== 0 || bytes % alignment !== 0) fd = this.#bufferedFd;
      else if (!isAligned(alignment, address, segments, table, index)) {
        return this.#moveThroughBounce(arena, operation, position, bytes, address, segments, table, index);
      }
    }
    if (segments === 1) return this.#moveOne(fd, arena, operation, position, bytes, address);
    return this.#moveScattered(fd, arena, operation, position, bytes, segments, table, index);
  }

  /** One piece, in as many calls as the kernel wants. Adds to goodBytes. */
  #moveOne(fd: number, arena: Uint8Array, operation: number, position: number, bytes: number, address: number): number {
    let done = 0;
    while (done < bytes) {
      const count =
        operation === OPERATION_READ
          ? readSync(fd, arena, address + done, bytes - done, position + done)
          : writeSync(fd, arena, address + done, bytes - done, position + done);
      if (count === 0) return STATUS_IOERR; // case 3, or a device that takes nothing
      done += count;
      this.goodBytes += count;
      // A direct transfer that stopped between blocks (a file cut short meanwhile) cannot go on there.
      if (done < bytes && fd === this.#fd && this.#alignment > 1 && count % this.#alignment !== 0) fd = this.#bufferedFd;
    }
    return STATUS_OK;
  }

  #moveScattered(
    fd: number,
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    const views: Uint8Array[] = [];
    let left = bytes;
    for (let i = index; i < index + segments && left > 0; ) {
      // Neighbours in the arena become one view: a view costs more than the bytes in it.
      const start = table[2 * i];
      let length = 0;
      do {
        const piece = Math.min(left, table[2 * i + 1]);
        length += piece;
        left -= piece;
        i++;
      } while (i < index + segments && left > 0 && table[2 * i] === start + length);
      views.push(arena.subarray(start, start + length));
    }
    if (views.length === 1) return this.#moveOne(fd, arena, operation, position, bytes, views[0].byteOffset - arena.byteOffset);
    const count = operation === OPERATION_READ ? readvSync(fd, views, position) : writevSync(fd, views, position);
    this.goodBytes = count;
    if (count === bytes) return STATUS_OK;
    if (count === 0) return STATUS_IOERR;
    // A short call: go on piece by piece from where it stopped.
    let at = 0;
    for (const view of views) {
      const skipped = Math.min(view.length, Math.max(0, count - at));
      if (skipped < view.length) {
        const status = this.#moveOne(
          fd,
          arena,
          operation,
          position + at + skipped,
          view.length - skipped,
          view.byteOffset - arena.byteOffset + skipped,
        );
        if (status !== STATUS_OK) return status;
      }
      at += view.length;
    }
    return STATUS_OK;
  }

  #moveThroughBounce(
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    if (this.#bounce === undefined || this.#bounce.length < bytes) {
      this.#bounce = new Uint8Array(createSharedMemory(bytes).buffer);
    }
    const bounce = this.#bounce;
    const pieces = segments === 1 ? new Uint32Array([address, bytes]) : table;
    const first = segments === 1 ? 0 : index;
    if (operation !== OPERATION_READ) copyPieces(arena, bounce, pieces, first, segments, bytes, true);
    const status = this.#moveOne(this.#fd, bounce, operation, position, bytes, 0);
    if (operation === OPERATION_READ) copyPieces(arena, bounce, pieces, first, segments, this.goodBytes, false);
    return status;
  }
}

function isAligned(alignment: number, address: number, segments: number, table: Uint32Array, index: number): boolean {
  if (segments === 1) return address % alignment === 0;
  for (let i = index; i < index + segments; i++) {
    if (table[2 * i] % alignment !== 0 || table[2 * i + 1] % alignment !== 0) return false;
  }
  return true;
}

function copyPieces(
  arena: Uint8Array,
  bounce: Uint8Array,
  table: Uint32Array,
  index: number,
  segments: number,
  bytes: number,
  isGather: boolean,
): void {
  let at = 0;
  for (let i = index; i < index + segments && at < bytes; i++) {
    const piece = Math.min(bytes - at, table[2 * i + 1]);
    if (isGather) bounce.set(arena.subarray(table[2 * i], table[2 * i] + piece), at);
    else arena.set(bounce.subarray(at, at + piece), table[2 * i]);
    at += piece;
  }
}

/** Whether the payload is zeros from byte `from` to byte `to`. */
function isZero(
  arena: Uint8Array,
  address: number,
  segments: number,
  table: Uint32Array,
  index: number,
  from: number,
  to: number,
): boolean {
  let at = 0;
  for (let i = 0; i < segments && at < to; i++) {
    const place = segments === 1 ? address : table[2 * (index + i)];
    const piece = segments === 1 ? to : table[2 * (index + i) + 1];
    for (let byte = Math.max(from, at); byte < Math.min(to, at + piece); byte++) {
      if (arena[place + byte - at] !== 0) return false;
    }
    at += piece;
  }
  return true;
}
