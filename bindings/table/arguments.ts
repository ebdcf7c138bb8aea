// Reads the words of a table line one after another, as every target's constructor does.
//
// All targets share this reader, so that a mistake is always reported in the same way: the kernel's text for it, the
// word itself, its place in the table and what was expected there.

import { RqdmTableError } from '../errors.ts';
import type { DeviceReference, TargetContext } from '../target/target.ts';

/** Words that stand before a target's arguments in a line: start, length and the target's name. */
export const WORDS_BEFORE_ARGUMENTS = 3;

const DIGITS = /^[0-9]+$/;
const SECTOR_BITS = 64;

/**
 * The value of a word made of decimal digits only; undefined for any other word (signs, blanks, fractions and hex are
 * not taken, as in the kernel). Inexact above 2^53.
 */
export function readUnsigned(word: string): number | undefined {
  return DIGITS.test(word) ? Number(word) : undefined;
}

/** Where a mistake lies when it isn't the word read last, and more about it. */
export interface FailOptions {
  readonly errno?: string;
  /** What was expected, and what stands there. */
  readonly detail?: string;
  readonly cause?: unknown;
  /** Index of the word in the words given to the reader. Default: the word read last. */
  readonly index?: number;
}

/** A cursor over words. Readers made by `take` share nothing but the words' places. */
export class ArgumentReader {
  private readonly words: readonly string[];
  private readonly line: number;
  private readonly firstIndex: number;
  private position = 0;

  /** `line` counts from 1. `firstIndex` is the index of `words[0]` among the arguments of the line. */
  constructor(words: readonly string[], line: number = 1, firstIndex: number = 0) {
    this.words = words;
    this.line = line;
    this.firstIndex = firstIndex;
  }

  /** How many words have not been read. */
  get left(): number {
    return this.words.length - this.position;
  }

  /** Index, among the arguments of the line, of the word that is read next. */
  get nextIndex(): number {
    return this.firstIndex + this.position;
  }

  /** The next word. None left: fails with `kernelText`. */
  next(kernelText: string, expected: string = 'a word'): string {
    if (this.left === 0)
      this.fail(kernelText, { index: this.nextIndex, detail: `expected ${expected}, found the end of the line` });
    return this.words[this.position++] as string;
  }

  /** The next word, or undefined. */
  nextIfAny(): string | undefined {
    return this.left === 0 ? undefined : this.words[this.position++];
  }

  /** The next word as an unsigned number from `min` to `max`. */
  uint(kernelText: string, min: number = 0, max: number = 0xffff_ffff): number {
    const expected = max === Infinity ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`;
    const word = this.next(kernelText, expected);
    const value = readUnsigned(word);
    if (value === undefined || value < min || value > max)
      this.fail(kernelText, { detail: `expected ${expected}, got "${word}"` });
    return value as number;
  }

  /**
   * The next word as a sector number. It wraps at 2^64, as the kernel's own scanner does; what is left above 2^53 is
   * inexact, but lies beyond every device and is refused when the device's size is looked at.
   */
  sector(kernelText: string): number {
    const expected = 'a sector number (decimal digits only)';
    const word = this.next(kernelText, expected);
    if (!DIGITS.test(word)) this.fail(kernelText, { detail: `expected ${expected}, got "${word}"` });
    const value = Number(word);
    return Number.isSafeInteger(value) ? value : Number(BigInt.asUintN(SECTOR_BITS, BigInt(word)));
  }

  /** An argument group: a count from `min` to `max` and that many words, which come as a reader of their own. */
  group(kernelText: string, max: number, min: number = 0): ArgumentReader {
    const count = this.uint(kernelText, min, max);
    if (count > this.left) {
      this.fail(kernelText, { detail: `${count} words announced, but ${this.left} follow` });
    }
    return this.take(count);
  }

  /** The next `count` words as a reader of their own. The caller has made sure that they are there. */
  take(count: number): ArgumentReader {
    const reader = new ArgumentReader(this.words.slice(this.position, this.position + count), this.line, this.nextIndex);
    this.position += count;
    return reader;
  }

  /** All words that have not been read; they count as read. */
  rest(): readonly string[] {
    const words = this.words.slice(this.position);
    this.position = this.words.length;
    return words;
  }

  /** The next word as a device, opened by `context`. */
  device(context: TargetContext, kernelText: string): DeviceReference {
    const index = this.nextIndex;
    const word = this.next(kernelText, 'a device');
    return context.getDevice(word, index, kernelText);
  }

  /** Throws the error for the word read last (or the one at `options.index`). */
  fail(kernelText: string, options: FailOptions = {}): never {
    const index = options.index ?? Math.max(this.nextIndex - 1, 0);
    throw new RqdmTableError(kernelText, {
      errno: options.errno ?? 'EINVAL',
      ...(options.detail === undefined ? {} : { detail: options.detail }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
      place: { line: this.line, word: index + WORDS_BEFORE_ARGUMENTS },
    });
  }
}
