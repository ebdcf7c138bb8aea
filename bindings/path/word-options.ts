// The options behind the `?` of a backing word: name, what is expected, how it is read.

import { RqdmError } from '../errors.ts';
import { DELAY_EXPECTED, type DelayRule, parseDelayRule } from './fault/delay-rule.ts';
import { ERROR_EXPECTED, type ErrorRule, parseErrorRules } from './fault/error-rule.ts';
import type { PathMode } from './path.ts';

export interface WordOptions {
  /** `size=`: bytes, a multiple of 512. */
  sizeBytes?: number;
  /** `direct=1`: O_DIRECT. */
  isDirect: boolean;
  /** `queue=`: whether the device owns a queue of requests, or takes bios as they come. */
  queue: 'request' | 'bio';
  /** `depth=`: I/Os at a time, 1 … 1024. */
  depth: number;
  /** `ro=1`. */
  isReadOnly: boolean;
  /** `max_sectors=`: 1 … 2^22. */
  maxSectors?: number;
  /** `max_segments=`: 1 … 1024. */
  maxSegments?: number;
  /** `block=`: logical block. */
  blockBytes?: 512 | 4096;
  /** `mode=`: wins over the mode that the mapper was given. */
  mode?: PathMode;
  /** `cache=NAME`: paths with the same NAME share one write cache; `cache=none`: there is none. */
  cache?: string;
  /** `delay=`. */
  delay?: DelayRule;
  /** `serial=`: paths with the same NAME are served by one server, one call at a time. */
  serial?: string;
  /** `error=`. */
  errors?: readonly ErrorRule[];
  /** `switch=`: name of the switch by which code lets the path fail and mends it. */
  switchName?: string;
}

export const DEPTH_DEFAULT = 128;

const NAME = /^[A-Za-z0-9_.-]+$/;
const NAME_EXPECTED = 'a name of letters, digits, _ . -';
const SIZE = /^(\d+)([KMGT]?)$/;
const SIZE_SHIFTS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

export const SIZE_EXPECTED = 'bytes, a multiple of 512, such as 64M (K, M, G, T are powers of 1024)';

interface OptionReader {
  readonly expected: string;
  /** False when the text is not what is expected. */
  read(text: string, into: WordOptions): boolean;
}

function readSwitch(set: (into: WordOptions, isOn: boolean) => void): OptionReader {
  return {
    expected: '0 or 1',
    read(text, into) {
      if (text !== '0' && text !== '1') return false;
      set(into, text === '1');
      return true;
    },
  };
}

function readNumber(min: number, max: number, set: (into: WordOptions, value: number) => void): OptionReader {
  return {
    expected: `a number ${min} … ${max}`,
    read(text, into) {
      const value = Number(text);
      if (!/^\d+$/.test(text) || value < min || value > max) return false;
      set(into, value);
      return true;
    },
  };
}

function readChoice<T extends string>(choices: readonly T[], set: (into: WordOptions, value: T) => void): OptionReader {
  return {
    expected: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    read(text, into) {
      const choice = choices.find((one) => one === text);
      if (choice === undefined) return false;
      set(into, choice);
      return true;
    },
  };
}

function readName(set: (into: WordOptions, value: string) => void): OptionReader {
  return {
    expected: NAME_EXPECTED,
    read(text, into) {
      if (!NAME.test(text)) return false;
      set(into, text);
      return true;
    },
  };
}

function readParsed<T>(
  expected: string,
  parse: (text: string) => T | undefined,
  set: (into: WordOptions, value: T) => void,
): OptionReader {
  return {
    expected,
    read(text, into) {
      const value = parse(text);
      if (value === undefined) return false;
      set(into, value);
      return true;
    },
  };
}

const READERS: ReadonlyMap<string, OptionReader> = new Map<string, OptionReader>([
  ['size', readParsed(SIZE_EXPECTED, parseSize, (into, value) => (into.sizeBytes = value))],
  ['direct', readSwitch((into, isOn) => (into.isDirect = isOn))],
  ['queue', readChoice(['request', 'bio'], (into, value) => (into.queue = value))],
  ['depth', readNumber(1, 1024, (into, value) => (into.depth = value))],
  ['ro', readSwitch((into, isOn) => (into.isReadOnly = isOn))],
  ['max_sectors', readNumber(1, 2 ** 22, (into, value) => (into.maxSectors = value))],
  ['max_segments', readNumber(1, 1024, (into, value) => (into.maxSegments = value))],
  ['block', readChoice(['512', '4096'], (into, value) => (into.blockBytes = value === '512' ? 512 : 4096))],
  ['mode', readChoice<PathMode>(['worker', 'inline', 'auto'], (into, value) => (into.mode = value))],
  ['cache', readName((into, value) => (into.cache = value))],
  ['delay', readParsed(DELAY_EXPECTED, parseDelayRule, (into, value) => (into.delay = value))],
  ['serial', readName((into, value) => (into.serial = value))],
  ['error', readParsed(ERROR_EXPECTED, parseErrorRules, (into, value) => (into.errors = value))],
  ['switch', readName((into, value) => (into.switchName = value))],
]);

export const OPTION_NAMES: readonly string[] = [...READERS.keys()];

export function isOptionName(name: string): boolean {
  return READERS.has(name);
}

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** `64M` in bytes; undefined when it is no size of whole sectors, or too large for exact arithmetic. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * SIZE_SHIFTS[match[2]];
  return bytes > 0 && bytes % 512 === 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads `a=1&b=2`. Throws `ERR_RQDM_WORD`, naming the word, the option and what was expected. */
export function parseWordOptions(word: string, text: string): WordOptions {
  const options: WordOptions = { isDirect: false, queue: 'request', depth: DEPTH_DEFAULT, isReadOnly: false };
  const seen = new Set<string>();
  if (text === '') return options;
  for (const part of text.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const reader = READERS.get(name);
    if (reader === undefined) {
      throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${name}' is unknown: expected one of ${OPTION_NAMES.join(', ')}`);
    }
    if (seen.has(name)) throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${name}' stands there twice: expected once`);
    seen.add(name);
    const value = equals < 0 ? '' : part.slice(equals + 1);
    if (!reader.read(value, options)) {
      throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${name}=${value}': expected ${reader.expected}`);
    }
  }
  return options;
}
