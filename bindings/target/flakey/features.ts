// The features of a flakey line: what goes wrong while the device is down.
//
//   <number of words> [<feature> [<parameter>…]]…
//
// Read and refused as the kernel does, with its texts.

import type { ArgumentReader } from '../../table/arguments.ts';

/** One byte of a bio that is overwritten. */
export interface ByteCorruption {
  /** Place of the byte, from 1. */
  readonly byte: number;
  readonly direction: 'r' | 'w';
  readonly value: number;
  /** Only bios that have all of these flags (`FLAG_*`); 0: every one. */
  readonly flags: number;
}

export interface FlakeyFeatures {
  errorReads: boolean;
  dropWrites: boolean;
  errorWrites: boolean;
  corruptByte: ByteCorruption | undefined;
  /** Chance that a read, a write gets a wrong byte, in parts of 10^9; undefined: not asked for. */
  randomReadCorrupt: number | undefined;
  randomWriteCorrupt: number | undefined;
}

const NAMES = [
  'error_reads',
  'drop_writes',
  'error_writes',
  'corrupt_bio_byte',
  'random_read_corrupt',
  'random_write_corrupt',
] as const;
const WORDS_MAX = 11;
const BYTE_WORDS = 4;
const PARTS = 1_000_000_000;
const WORDS_COUNT_TEXT = 'Invalid number of feature args';

/** Reads the feature words, if there are any. Throws RqdmTableError. */
export function readFeatures(reader: ArgumentReader): FlakeyFeatures {
  const features: FlakeyFeatures = {
    errorReads: false,
    dropWrites: false,
    errorWrites: false,
    corruptByte: undefined,
    randomReadCorrupt: undefined,
    randomWriteCorrupt: undefined,
  };
  if (reader.left === 0) return features;
  const words = reader.group(WORDS_COUNT_TEXT, WORDS_MAX);
  while (words.left > 0) readFeature(words, features);
  refuseContradictions(words, features);
  return features;
}

function readFeature(words: ArgumentReader, features: FlakeyFeatures): void {
  const word = words.next(WORDS_COUNT_TEXT);
  const feature = word.toLowerCase();
  const once = (isThere: boolean): void => {
    if (isThere) words.fail(`Feature ${feature} duplicated`);
  };
  switch (feature) {
    case 'error_reads':
      once(features.errorReads);
      features.errorReads = true;
      return;
    case 'drop_writes':
      once(features.dropWrites);
      if (features.errorWrites) words.fail('Feature drop_writes conflicts with feature error_writes');
      features.dropWrites = true;
      return;
    case 'error_writes':
      once(features.errorWrites);
      if (features.dropWrites) words.fail('Feature error_writes conflicts with feature drop_writes');
      features.errorWrites = true;
      return;
    case 'corrupt_bio_byte':
      once(features.corruptByte !== undefined);
      features.corruptByte = readByte(words);
      return;
    case 'random_read_corrupt':
      once(features.randomReadCorrupt !== undefined);
      features.randomReadCorrupt = words.uint('Invalid random corrupt argument', 0, PARTS);
      return;
    case 'random_write_corrupt':
      once(features.randomWriteCorrupt !== undefined);
      features.randomWriteCorrupt = words.uint('Invalid random corrupt argument', 0, PARTS);
      return;
    default:
      words.fail('Unrecognised flakey feature requested', {
        detail: `expected ${NAMES.join(', ')}, got "${word}"`,
      });
  }
}

function readByte(words: ArgumentReader): ByteCorruption {
  if (words.left < BYTE_WORDS) {
    words.fail('Feature corrupt_bio_byte requires parameters', {
      detail: `expected byte, direction, value and flags, ${words.left} words follow`,
    });
  }
  const byte = words.uint('Invalid corrupt bio byte', 1);
  const direction = words.next('Invalid corrupt bio direction (r or w)').toLowerCase();
  if (direction !== 'r' && direction !== 'w') words.fail('Invalid corrupt bio direction (r or w)');
  const value = words.uint('Invalid corrupt value to write into bio byte (0-255)', 0, 255);
  const flags = words.uint('Invalid corrupt bio flags mask');
  return { byte, direction: direction as 'r' | 'w', value, flags };
}

/** What cannot go wrong in two ways at once. */
function refuseContradictions(words: ArgumentReader, features: FlakeyFeatures): void {
  const { errorReads, dropWrites, errorWrites, corruptByte, randomReadCorrupt, randomWriteCorrupt } = features;
  const name = dropWrites ? 'drop_writes' : 'error_writes';
  if (dropWrites || errorWrites) {
    if (corruptByte?.direction === 'w') words.fail(`${name} is incompatible with corrupt_bio_byte with the WRITE flag set`);
    if (randomWriteCorrupt !== undefined) words.fail(`${name} is incompatible with random_write_corrupt`);
  }
  if (!errorReads) return;
  if (corruptByte?.direction === 'r') words.fail('error_reads is incompatible with corrupt_bio_byte with the READ flag set');
  if (randomReadCorrupt !== undefined) words.fail('error_reads is incompatible with random_read_corrupt');
}

/** The words again, in the kernel's order. */
export function featureWords(features: FlakeyFeatures): string[] {
  const words: string[] = [];
  if (features.errorReads) words.push('error_reads');
  if (features.dropWrites) words.push('drop_writes');
  if (features.errorWrites) words.push('error_writes');
  const { corruptByte } = features;
  if (corruptByte !== undefined) {
    const { byte, direction, value, flags } = corruptByte;
    words.push('corrupt_bio_byte', `${byte}`, direction, `${value}`, `${flags}`);
  }
  if (features.randomReadCorrupt !== undefined) words.push('random_read_corrupt', `${features.randomReadCorrupt}`);
  if (features.randomWriteCorrupt !== undefined) words.push('random_write_corrupt', `${features.randomWriteCorrupt}`);
  return words;
}
