// Random bios, as plain data.

import fc from 'fast-check';
import {
  FLAG_FAILFAST,
  FLAG_FUA,
  FLAG_NOMERGE,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  FLAG_PRIORITY_SHIFT,
  FLAG_RAHEAD,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
} from '../../assembly/abi.ts';

export const SECTORS = 512;

/** `[operation, sector, sectors, is adjacent in memory, is NOMERGE, which top device, other flags]` */
export type BioWords = readonly [number, number, number, boolean, boolean, number, number?];

export const flagsOf = ([, , , , isNomerge, , flags = 0]: BioWords): number => flags | (isNomerge ? FLAG_NOMERGE : 0);

const COMMON = [OPERATION_READ, OPERATION_READ, OPERATION_WRITE, OPERATION_WRITE, OPERATION_WRITE, OPERATION_FLUSH];
const ALL = [...COMMON, ...COMMON, OPERATION_DISCARD, OPERATION_DISCARD, OPERATION_WRITE_ZEROES];
/** Most have none. */
const FLAGS = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0],
  FLAG_FUA,
  FLAG_PREFLUSH,
  FLAG_FUA | FLAG_PREFLUSH,
  FLAG_NOWAIT,
  FLAG_RAHEAD,
  FLAG_FAILFAST,
  ...[1, 2, 3].map((priority) => priority << FLAG_PRIORITY_SHIFT),
];

/** FUA and PREFLUSH are of writes, RAHEAD of reads. */
function fitting(operation: number, flags: number): number {
  if (operation === OPERATION_FLUSH) return 0;
  if (operation !== OPERATION_WRITE)
    return flags & ~(FLAG_FUA | FLAG_PREFLUSH | (operation === OPERATION_READ ? 0 : FLAG_RAHEAD));
  return flags & ~FLAG_RAHEAD;
}

const bioOf = (operations: readonly number[], flags: readonly number[]): fc.Arbitrary<BioWords> =>
  fc
    .tuple(
      fc.constantFrom(...operations),
      fc.nat(60).map((place) => place * 8),
      fc.constantFrom(8, 8, 8, 8, 16, 4, 24, 64, 128, 0),
      fc.boolean(),
      fc.nat(9).map((n) => n === 0),
      fc.nat(2),
      fc.constantFrom(...flags),
    )
    .map(([operation, sector, sectors, isAdjacent, isNomerge, which, some]) => [
      operation,
      sector,
      sectors,
      isAdjacent,
      isNomerge,
      which,
      fitting(operation, some),
    ]);

/** Bios of one submit call: runs of neighbours among others, up, down and mixed, so that all kinds of merges come about. */
export function batchesOf(which: 'plain' | 'all'): fc.Arbitrary<readonly BioWords[]> {
  const bio = which === 'all' ? bioOf(ALL, FLAGS) : bioOf(COMMON, [0]);
  return fc.oneof(
    fc.array(bio, { minLength: 1, maxLength: 10 }),
    fc
      .tuple(
        bio,
        fc.integer({ min: 2, max: 12 }).chain((length) => {
          const up = Array.from({ length }, (_, i) => i);
          const mixed = fc.shuffledSubarray(up, { minLength: length });
          return fc.oneof(fc.constant(up), fc.constant(up.toReversed()), mixed);
        }),
      )
      .map(([[operation, sector, , isAdjacent, , of, flags = 0], places]) =>
        places.map((i): BioWords => [operation, (sector + i * 8) % (SECTORS - 8), 8, isAdjacent, false, of, flags]),
      ),
  );
}
