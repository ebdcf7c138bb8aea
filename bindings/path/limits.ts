// Which limits a path may have, and how they change while it is open.

import { RqdmError } from '../errors.ts';
import type { PathLimits } from './reference.ts';

export const SECTORS_MAX: number = 2 ** 22;
/** Sectors whose bytes still are a 32-bit number, as in Linux. */
export const DISCARD_SECTORS_MAX: number = 2 ** 23 - 1;
export const DISCARD_SEGMENTS_MAX = 256;

type NumericLimit = Exclude<keyof PathLimits, 'isRotational' | 'isMisaligned'>;

const RANGES: Readonly<Record<NumericLimit, readonly [min: number, max: number]>> = {
  maxSectors: [1, SECTORS_MAX],
  maxSegments: [1, 1024],
  chunkSectors: [0, 2 ** 32 - 1],
  logicalBlockSectors: [1, 128],
  physicalBlockSectors: [1, 2 ** 22],
  maxDiscardSectors: [0, DISCARD_SECTORS_MAX],
  discardGranularitySectors: [1, DISCARD_SECTORS_MAX],
  discardAlignmentSectors: [0, DISCARD_SECTORS_MAX],
  maxDiscardSegments: [1, DISCARD_SEGMENTS_MAX],
  maxWriteZeroesSectors: [0, SECTORS_MAX],
  ioMinSectors: [1, 2 ** 22],
  ioOptSectors: [0, 2 ** 22],
  alignmentOffsetSectors: [0, 2 ** 22],
  maxSegmentBytes: [0, 2 ** 32 - 1],
  segmentBoundaryMask: [0, 2 ** 32 - 1],
  virtualBoundaryMask: [0, 2 ** 32 - 1],
};

/** `limits` with `changes` in it. Throws `ERR_RQDM_ARGUMENT` that names the limit and its range. */
export function changedLimits(limits: PathLimits, changes: Partial<PathLimits>): PathLimits {
  for (const [name, value] of Object.entries(changes)) {
    const range = RANGES[name as NumericLimit];
    if (range === undefined) {
      if (name !== 'isRotational' && name !== 'isMisaligned') throw refused(name, value, 'the name of a limit');
      if (typeof value !== 'boolean') throw refused(name, value, 'true or false');
    } else if (!isWithin(value, range)) {
      throw refused(name, value, `a whole number ${range[0]} … ${range[1]}`);
    }
  }
  const changed = { ...limits, ...changes };
  const { logicalBlockSectors: block, maxSectors } = changed;
  if ((block & (block - 1)) !== 0) throw refused('logicalBlockSectors', block, 'a power of two');
  if (maxSectors < block) throw refused('maxSectors', maxSectors, `at least a logical block of ${block} sectors`);
  return changed;
}

function isWithin(value: unknown, [min, max]: readonly [number, number]): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function refused(name: string, value: unknown, expected: string): RqdmError {
  return new RqdmError('ERR_RQDM_ARGUMENT', `limit ${name} = ${String(value)}: expected ${expected}`);
}
