// Reads whose range of the arena a stuck thread may still write: they are retried through a range of
// their own, and copied when the answer has come (rule 7).
//
// Writes need none of this: a stuck thread that reads their payload does no harm.
import { OPERATION_READ, STATUS_OK } from '../../assembly/abi.ts';
import type { Path } from '../path/path.ts';
import type { Arena } from './arena.ts';

interface Bounced {
  readonly path: Path;
  readonly id: number;
  /** With its flags. */
  readonly operation: number;
  readonly position: number;
  readonly bytes: number;
  /** Where the data belongs: address, bytes, address, bytes … */
  readonly pieces: readonly number[];
  /** The range in between; -1 while there is no room for one. */
  address: number;
}

const NO_SEGMENTS = new Uint32Array(2);

export class Bounce {
  readonly #arena: Arena;
  readonly #out: Map<number, Bounced> = new Map();
  readonly #waiting: Bounced[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Some read is on its way through another range, or waits for one. */
  get isActive(): boolean {
    return this.#out.size > 0 || this.#waiting.length > 0;
  }

  /** Takes the I/O over if it needs another range. False: issue it as it is. */
  take(
    path: Path,
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): boolean {
    if ((operation & 0xff) !== OPERATION_READ) return false;
    const pieces: number[] = segments === 1 ? [address, bytes] : Array.from(table.subarray(2 * index, 2 * (index + segments)));
    let isTouched = false;
    for (let i = 0; i < pieces.length; i += 2) {
      isTouched ||= this.#arena.isQuarantined(pieces[i] as number, pieces[i + 1] as number);
    }
    if (!isTouched) return false;
    const bounced: Bounced = { path, id, operation, position, bytes, pieces, address: -1 };
    if (!this.#issue(bounced)) this.#waiting.push(bounced);
    return true;
  }

  #issue(bounced: Bounced): boolean {
    const address = this.#arena.allocate(bounced.bytes);
    if (address < 0) return false;
    bounced.address = address;
    this.#out.set(bounced.id, bounced);
    bounced.path.issue(bounced.id, bounced.operation, bounced.position, bounced.bytes, address, 1, NO_SEGMENTS, 0);
    return true;
  }

  /** Room may have come. Returns the paths that were given something. */
  retry(): Path[] {
    const given: Path[] = [];
    while (this.#waiting.length > 0 && this.#issue(this.#waiting[0] as Bounced))
      given.push((this.#waiting.shift() as Bounced).path);
    return given;
  }

  /** An answer has come: what was read goes where it belongs, up to an error too. */
  answered(id: number, status: number, goodSectors: number): void {
    const bounced = this.#out.get(id);
    if (!bounced) return;
    this.#out.delete(id);
    const { bytes } = this.#arena;
    let left = status === STATUS_OK ? bounced.bytes : Math.min(bounced.bytes, goodSectors * 512);
    let from = bounced.address;
    for (let i = 0; i < bounced.pieces.length && left > 0; i += 2) {
      const length = Math.min(left, bounced.pieces[i + 1] as number);
      bytes.copyWithin(bounced.pieces[i] as number, from, from + length);
      from += length;
      left -= length;
    }
    this.#arena.free(bounced.address, bounced.bytes);
  }
}
