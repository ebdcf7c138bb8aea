// From the text of a table to its lines. The grammar is the kernel's and dmsetup's:
//
//   <start sector> <length in sectors> <target> [argument…]
//
// Words are split on white space; in the arguments a backslash quotes the next character. Blank lines and lines that
// begin with `#` are skipped, but counted.
//
// One word is ours: `*` as the length stands for "all that the devices of this line have". The typed builders write it
// when they are given no length. Whoever loads the table puts the figure in before the table is checked.

import { RqdmTableError } from '../errors.ts';
import { WORDS_BEFORE_ARGUMENTS } from './arguments.ts';

/** One line of a table. Sectors of 512 bytes. */
export interface TableLine {
  readonly startSector: number;
  /** 0 while `isWholeDevice` and nobody has put the devices' length in. */
  readonly lengthSectors: number;
  /** True if the length was given as `*`. */
  readonly isWholeDevice: boolean;
  /** The target's name. */
  readonly target: string;
  /** The words after the target's name, unquoted. */
  readonly words: readonly string[];
  /** Number of the line in the text, from 1. */
  readonly line: number;
  /** Start and length in decimal digits, where one of them is no exact number: beyond 2^53. */
  readonly exact?: readonly [start: string, length: string];
}

/** Start and length, exactly. */
export function exactRange({ startSector, lengthSectors, exact }: TableLine): readonly [start: bigint, length: bigint] {
  const [start, length] = exact ?? [startSector, lengthSectors];
  return [BigInt(start), BigInt(length)];
}

/** The length word that stands for "all that the devices have". */
export const WHOLE_DEVICE = '*';

const NUMBER = /^[+-]?[0-9]+/;
const WHITE_SPACE = /\s/;

/**
 * The lines of a table, in the order of the text. Throws RqdmTableError for a line that has no start, length and
 * target. What the numbers and words mean is checked later, against the targets.
 */
export function parseTable(table: string | readonly string[]): TableLine[] {
  const text = typeof table === 'string' ? table : table.join('\n');
  const lines: TableLine[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    lines.push(parseLine(line, index + 1));
  }
  return lines;
}

/**
 * Splits on white space. A backslash quotes the next character, white space included; one at the very end stands for
 * itself.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let isInWord = false;
  for (let position = 0; position < text.length; position++) {
    const character = text[position] as string;
    if (character === '\\' && position + 1 < text.length) {
      position += 1;
      word += text[position];
      isInWord = true;
    } else if (!WHITE_SPACE.test(character)) {
      word += character;
      isInWord = true;
    } else if (isInWord) {
      words.push(word);
      word = '';
      isInWord = false;
    }
  }
  if (isInWord) words.push(word);
  return words;
}

function parseLine(text: string, line: number): TableLine {
  // The first three words are never quoted: dmsetup reads them before the kernel sees the rest.
  const head = /^\s*(\S+)(?:\s+(\S+))?(?:\s+(\S+))?/.exec(text) as RegExpExecArray;
  const [whole, start, length, target] = head as unknown as [string, string, string | undefined, string | undefined];
  const startSector = readNumber(start, line, 0);
  if (length === undefined) throw formatError(line, 1, 'a length in sectors', undefined);
  const isWholeDevice = length === WHOLE_DEVICE;
  const lengthSectors = isWholeDevice ? 0 : readNumber(length, line, 1);
  if (target === undefined) throw formatError(line, WORDS_BEFORE_ARGUMENTS - 1, 'the name of a target', undefined);
  const isExact = Number.isSafeInteger(startSector) && Number.isSafeInteger(lengthSectors);
  const words = splitWords(text.slice(whole.length));
  const parsed = { startSector, lengthSectors, isWholeDevice, target, words, line };
  return isExact ? parsed : { ...parsed, exact: [digitsOf(start), isWholeDevice ? '0' : digitsOf(length)] };
}

function digitsOf(word: string): string {
  return BigInt(word.replace('+', '')).toString();
}

/**
 * A sector count. dmsetup's scanner takes a sign (a negative number wraps to a huge one, which no table accepts), and
 * takes a number's tail for the next word. Both are mistakes here too, with the text that the kernel gives for them.
 */
function readNumber(word: string, line: number, place: number): number {
  const expected = place === 0 ? 'a start sector (a whole number)' : 'a length in sectors (a whole number)';
  const digits = NUMBER.exec(word)?.[0];
  if (digits === undefined) throw formatError(line, place, expected, word);
  if (digits.length !== word.length) {
    if (place === 0) throw formatError(line, place, expected, word);
    throw new RqdmTableError(`${word.slice(digits.length)}: unknown target type`, {
      detail: `expected ${expected}, got "${word}"`,
      place: { line, word: place },
    });
  }
  const value = Number(digits);
  if (value < 0) {
    throw new RqdmTableError('too large device', {
      detail: `expected ${expected}, got "${word}"`,
      place: { line, word: place },
    });
  }
  return value;
}

function formatError(line: number, word: number, expected: string, got: string | undefined): RqdmTableError {
  return new RqdmTableError(`Invalid format on line ${line} of table`, {
    detail: `expected ${expected}, ${got === undefined ? 'found the end of the line' : `got "${got}"`}`,
    place: { line, word },
  });
}
