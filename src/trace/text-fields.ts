// What the readers of text share: names of devices without a string for each line, ranges of bytes as sectors, letters of operations.

import type { LineCursor } from './line-cursor.ts';
import type { RecordSink } from './record-sink.ts';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  SECTORS_MAX,
} from './records.ts';

export const SECTOR_BYTES = 512;
export const COMMA = 44;

/** Why a record of that length cannot be kept, or undefined. */
export function lengthProblem(sectors: number): string | undefined {
  if (sectors === 0) return 'a read or write of no length';
  return sectors > SECTORS_MAX ? `a length of more than ${SECTORS_MAX} sectors` : undefined;
}

/** The first sector of a range of bytes. */
export function firstSector(offset: number): number {
  return Math.floor(offset / SECTOR_BYTES);
}

/** How many sectors a range of bytes touches. */
export function sectorsOf(offset: number, bytes: number): number {
  return bytes === 0 ? 0 : Math.ceil((offset + bytes) / SECTOR_BYTES) - Math.floor(offset / SECTOR_BYTES);
}

/** Devices whose names stand in the lines: mostly it is the one of the line before. */
export class NamedDevices {
  readonly #sink: RecordSink;
  readonly #numbers: Map<string, number> = new Map();
  #last: Buffer = Buffer.alloc(0);
  #lastNumber = -1;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** The number of the device whose name stands between two places. */
  find(cursor: LineCursor, from: number, to: number): number {
    const last = this.#last;
    if (last.length === to - from && this.#lastNumber >= 0) {
      let i = 0;
      while (i < last.length && cursor.bytes[from + i] === last[i]) i++;
      if (i === last.length) return this.#lastNumber;
    }
    const name = cursor.text(from, to);
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#sink.device(name);
      this.#numbers.set(name, number);
    }
    this.#last = Buffer.from(name, 'latin1');
    this.#lastNumber = number;
    return number;
  }
}

/** Devices that are numbers in the lines. */
export class NumberedDevices {
  readonly #sink: RecordSink;
  readonly #numbers: Map<number, number> = new Map();
  #last = -1;
  #lastNumber = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  find(id: number): number {
    if (id === this.#last) return this.#lastNumber;
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.#sink.device(String(id));
      this.#numbers.set(id, number);
    }
    this.#last = id;
    this.#lastNumber = number;
    return number;
  }
}

const LETTER_F = 70;
const LETTER_U = 85;

/**
 * The kernel's letters of an I/O (`R`, `WS`, `FWFS`, `DS`, …) between two places: the operation and, from bit 8 on, the flags. -1 for
 * what is neither a read, write, discard nor flush, such as passthrough (`N`) and zone operations. A flush has no data, so `FF`, as newer
 * kernels say it, has nothing that FUA could be about.
 */
export function lettersOf(bytes: Uint8Array, from: number, to: number): number {
  let operation = -1;
  let flags = 0;
  for (let i = from; i < to; i++) {
    const letter = bytes[i] as number;
    // the first F, before the direction, is a flush in front; a later one is FUA
    if (letter === LETTER_F) flags |= operation < 0 && (flags & FLAG_PREFLUSH) === 0 ? FLAG_PREFLUSH : FLAG_FUA;
    else if (letter === 82) operation = OPERATION_READ;
    else if (letter === 87) operation = OPERATION_WRITE;
    else if (letter === 68 || letter === 69) operation = OPERATION_DISCARD;
    else if (letter === 83) flags |= FLAG_SYNC;
    else if (letter === 77) flags |= FLAG_META;
    else if (letter === 65) flags |= FLAG_AHEAD;
    else if (letter !== 78 && letter !== LETTER_U) return -1;
  }
  if (operation < 0) return (flags & FLAG_PREFLUSH) === 0 ? -1 : OPERATION_FLUSH | ((flags & ~(FLAG_PREFLUSH | FLAG_FUA)) << 8);
  return operation | (flags << 8);
}
