// What a device must hold: a plain buffer, and which sectors nobody knows any more because a write to them has failed.

import * as assert from 'uvu/assert';

const SECTOR = 512;

export class SoakModel {
  readonly bytes: Buffer;
  /** By sector: 1 after a write that failed, until one that succeeds. */
  readonly #unknown: Uint8Array;
  verified = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.alloc(sizeBytes);
    this.#unknown = new Uint8Array(sizeBytes / SECTOR);
  }

  /** A write has succeeded. */
  wrote(bytes: Uint8Array, position: number): void {
    this.bytes.set(bytes, position);
    this.#know(position, bytes.length, 0);
  }

  /** Zeros have been written, or the range was discarded on storage that gives zeros then. */
  zeroed(position: number, length: number): void {
    this.bytes.fill(0, position, position + length);
    this.#know(position, length, 0);
  }

  /** A write has failed: it may have landed, in part or not at all. */
  forget(position: number, length: number): void {
    this.#know(position, length, 1);
  }

  /** Whether all of a range is known: a write of less than whole sectors would mix it with what is not. */
  isKnown(position: number, length: number): boolean {
    const end = Math.ceil((position + length) / SECTOR);
    return this.#unknown.subarray(Math.floor(position / SECTOR), end).indexOf(1) < 0;
  }

  #know(position: number, length: number, value: 0 | 1): void {
    // a sector that is written in part stays as unknown as it was
    const first = value === 1 ? Math.floor(position / SECTOR) : Math.ceil(position / SECTOR);
    const end = value === 1 ? Math.ceil((position + length) / SECTOR) : Math.floor((position + length) / SECTOR);
    this.#unknown.fill(value, first, Math.max(first, end));
  }

  verify(bytes: Uint8Array, position: number, who: string): void {
    const end = position + bytes.length;
    for (let from = position; from < end; ) {
      const next = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
      // in one piece where all of it is known
      const to = from === position && this.isKnown(position, bytes.length) ? end : next;
      if (to === end || this.isKnown(from, to - from)) this.#compare(bytes.subarray(from - position, to - position), from, who);
      from = to;
    }
    this.verified += bytes.length;
  }

  #compare(bytes: Uint8Array, position: number, who: string): void {
    if (!this.isKnown(position, bytes.length)) return;
    const expected = this.bytes.subarray(position, position + bytes.length);
    if (Buffer.compare(bytes, expected) === 0) return;
    const at = bytes.findIndex((byte, index) => byte !== expected[index]);
    assert.unreachable(`wrong byte at ${position + at} (${who}): got ${bytes[at]}, expected ${expected[at]}`);
  }
}
