// How a path reads the operation word of `issue`: `OPERATION_*` in its low 8 bits, `FLAG_*` above them; and the ranges
// of a DISCARD, which stand in the segment table as two pairs each:
//
//   0                8         12
//   | sector (f64)   | sectors | 0 |

import {
  ABILITY_DISCARD,
  ABILITY_WRITE_ZEROES,
  FLAG_FUA,
  OPERATION_DISCARD,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
} from '../../assembly/abi.ts';

export const OPERATION_MASK = 0xff;
const FUA: number = FLAG_FUA << 8;

/** Changes what is stored: its fate matters when a thread hangs. Odd operations write, as in the kernel. */
export function isWriting(word: number): boolean {
  return (word & 1) !== 0;
}

/** Moves bytes of the arena: only reads and writes do. */
export function hasPayload(word: number): boolean {
  const operation = word & OPERATION_MASK;
  return operation === OPERATION_READ || operation === OPERATION_WRITE;
}

/** A write that is on stable storage when it is answered. */
export function isFua(word: number): boolean {
  return (word & FUA) !== 0;
}

/** Whether `abilities` (`ABILITY_*` bits) cover an operation that moves no bytes of the arena. */
export function isAble(abilities: number, word: number): boolean {
  const operation = word & OPERATION_MASK;
  if (operation === OPERATION_DISCARD) return (abilities & ABILITY_DISCARD) !== 0;
  return operation === OPERATION_WRITE_ZEROES && (abilities & ABILITY_WRITE_ZEROES) !== 0;
}

/** A DISCARD whose ranges stand in the segment table. */
export function hasRanges(word: number, segments: number): boolean {
  return segments > 1 && (word & OPERATION_MASK) === OPERATION_DISCARD;
}

/** Pairs that an I/O has in the segment table; 0: it is contiguous. */
export function pairsOf(word: number, segments: number): number {
  if (segments <= 1) return 0;
  return hasRanges(word, segments) ? 2 * segments : segments;
}

// A segment table may begin anywhere and is not ours, so doubles are put together from their words here.
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** First sector of the range at `pair` of the table. */
export function rangeSector(table: Uint32Array, pair: number): number {
  halves[0] = table[2 * pair];
  halves[1] = table[2 * pair + 1];
  return double[0];
}

export function rangeSectors(table: Uint32Array, pair: number): number {
  return table[2 * pair + 2];
}

/** Writes a range to the table, at `pair` and the one behind it. */
export function writeRange(table: Uint32Array, pair: number, sector: number, sectors: number): void {
  double[0] = sector;
  table[2 * pair] = halves[0];
  table[2 * pair + 1] = halves[1];
  table[2 * pair + 2] = sectors;
  table[2 * pair + 3] = 0;
}
