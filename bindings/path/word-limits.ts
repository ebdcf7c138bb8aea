// The limits of a path that a word opens: what its kind brings, and what the word's options say.
//
// How much at a time, where the word does not say:
//   DISCARD        as much as a request may be at all; in memory 64 MiB, which take some milliseconds to clear
//   WRITE_ZEROES   likewise; to a file 4 MiB. Its zeros are really written, and all that time the call holds its thread, and
//                  whoever shares it: milliseconds into a page cache, some tens of them on a slow disk. Larger ones would
//                  gain nothing, as they are written in pieces anyway. A DISCARD by zeros is the same work
//
// Sizes must be whole logical blocks. What they say of each other (io_opt and physical, say) is judged where limits are
// stacked: there it is told and nothing fails, as in the kernel.

import { RqdmError } from '../errors.ts';
import { DISCARD_SECTORS_MAX, SECTORS_MAX } from './limits.ts';
import type { PathLimits } from './reference.ts';
import { type BackingWord, discardOf } from './word.ts';

const MAX_SECTORS_DEFAULT = 2560;
const MAX_SEGMENTS_DEFAULT = 128;
const WRITTEN_ZEROS_SECTORS = 8192;
const MEMORY_ZEROS_SECTORS = 131_072;

const ZEROS_SECTORS: Readonly<Record<BackingWord['kind'], number>> = {
  file: WRITTEN_ZEROS_SECTORS,
  memory: MEMORY_ZEROS_SECTORS,
  simulated: MEMORY_ZEROS_SECTORS,
  null: SECTORS_MAX,
};

/** What is known of the storage itself. */
export interface StorageBlocks {
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  readonly isRotational: boolean;
}

/** Throws `ERR_RQDM_WORD` that names the option and what was expected. */
export function limitsOf(word: BackingWord, storage: StorageBlocks): PathLimits {
  const block = storage.logicalBlockBytes;
  checkSizes(word, block);
  const isDiscarding = (word.discard ?? discardOf(word.kind)) !== 'none';
  const isZeroing = word.writeZeroes !== 'none';
  const zerosSectors = ZEROS_SECTORS[word.kind];
  return {
    maxSectors: word.maxSectors ?? MAX_SECTORS_DEFAULT,
    maxSegments: word.maxSegments ?? MAX_SEGMENTS_DEFAULT,
    chunkSectors: (word.chunkBytes ?? 0) / 512,
    logicalBlockSectors: block / 512,
    physicalBlockSectors: Math.max(block, word.physicalBytes ?? storage.physicalBlockBytes) / 512,
    maxDiscardSectors: isDiscarding ? sectorsOf(word.maxDiscardBytes, zerosSectors, DISCARD_SECTORS_MAX) : 0,
    discardGranularitySectors: sectorsOf(word.discardGranularityBytes, block / 512),
    discardAlignmentSectors: sectorsOf(word.discardAlignmentBytes, 0),
    maxDiscardSegments: word.discardSegments ?? 1,
    maxWriteZeroesSectors: isZeroing ? sectorsOf(word.maxWriteZeroesBytes, zerosSectors, SECTORS_MAX) : 0,
    ioMinSectors: sectorsOf(word.ioMinBytes, block / 512),
    ioOptSectors: sectorsOf(word.ioOptBytes, 0),
    isRotational: word.isRotational ?? storage.isRotational,
  };
}

function sectorsOf(bytes: number | undefined, otherwise: number, most: number = Number.MAX_SAFE_INTEGER): number {
  return bytes === undefined ? otherwise : Math.min(bytes / 512, most);
}

function checkSizes(word: BackingWord, block: number): void {
  const refuse = (name: string, bytes: number, expected: string): never => {
    throw new RqdmError('ERR_RQDM_WORD', `${word.word}: option '${name}' is ${bytes} bytes: expected ${expected}`);
  };
  const sizes = {
    physical: word.physicalBytes,
    chunk: word.chunkBytes,
    io_min: word.ioMinBytes,
    io_opt: word.ioOptBytes,
    max_discard: word.maxDiscardBytes,
    discard_granularity: word.discardGranularityBytes,
    discard_alignment: word.discardAlignmentBytes,
    max_write_zeroes: word.maxWriteZeroesBytes,
  };
  for (const [name, bytes] of Object.entries(sizes)) {
    if (bytes === undefined) continue;
    if (bytes % block !== 0) refuse(name, bytes, `a multiple of the logical block, ${block} bytes`);
    if (bytes / 512 > SECTORS_MAX && name !== 'max_discard') refuse(name, bytes, `at most ${SECTORS_MAX * 512}`);
  }
  const { physicalBytes, discardAlignmentBytes: alignment, discardGranularityBytes: granularity, maxSectors } = word;
  if (physicalBytes !== undefined && !Number.isInteger(Math.log2(physicalBytes))) {
    refuse('physical', physicalBytes, 'a power of two');
  }
  if (alignment !== undefined && alignment >= (granularity ?? block)) {
    refuse('discard_alignment', alignment, `less than the granularity, ${granularity ?? block} bytes`);
  }
  if (maxSectors !== undefined && maxSectors * 512 < block) {
    refuse('max_sectors', maxSectors * 512, `at least the logical block, ${block} bytes`);
  }
}
