// The options behind the `?` of a backing word: name, what is expected, how it is read. SIZE is bytes, a multiple of 512,
// with K, M, G or T behind it (powers of 1024).
//
//   what it is     size=SIZE (mem, sim)  block=512|4096  physical=SIZE  rotational=1  ro=1  direct=1 (files)
//   how it works   mode=worker|inline|auto  depth=1…1024  queue=request|bio
//   its limits     max_sectors=N (of 512 bytes)  max_segments=N  chunk=SIZE: no I/O crosses a multiple of it
//                  io_min=SIZE  io_opt=SIZE: told upward, not enforced
//   its cache      cache=NAME: one write cache with all who say NAME; cache=none   fua=1: takes FUA writes itself
//   discards       discard=zeros|none  max_discard=SIZE  discard_granularity=SIZE  discard_alignment=SIZE
//                  discard_segments=N: ranges in one
//   zeros          write_zeroes=zeros|none  max_write_zeroes=SIZE
//   faults         delay=… serial=NAME  error=… switch=NAME  flaky=…  tear=…  hang=NAME: see fault/
//   sim: only      service=200us+2us/KiB  servers=N  seed=N  data=0: nothing is kept
//                  model=NAME  link=NAME  controller=N: a model of storage (model/); keeps nothing
//
// Without them: 512-byte blocks, depth 128, max_sectors 2560 and max_segments 128 as disks have in Linux, no chunk; a file has
// a cache, memory has none. mem:, null: and sim: take DISCARD; a file does not, as Node has no call for it, unless
// `discard=zeros` asks for zeros to be written. All take WRITE_ZEROES; what a file does for it is in word-limits.ts.

import { RqdmError } from '../errors.ts';
import { DELAY_EXPECTED, type DelayRule, parseDelayRule } from './fault/delay-rule.ts';
import { ERROR_EXPECTED, type ErrorRule, parseErrorRules } from './fault/error-rule.ts';
import { FLAKY_EXPECTED, type FlakyRule, parseFlakyRule } from './fault/flaky-rule.ts';
import { parseSeed, SEED_EXPECTED } from './fault/random.ts';
import { parseTearRule, TEAR_EXPECTED, type TearRule } from './fault/tear-rule.ts';
import { DISCARD_SEGMENTS_MAX } from './limits.ts';
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
  /** `physical=`: a power of two, at least the logical block. */
  physicalBytes?: number;
  /** `chunk=`. */
  chunkBytes?: number;
  /** `io_min=` and `io_opt=`. */
  ioMinBytes?: number;
  ioOptBytes?: number;
  /** `rotational=1`. */
  isRotational?: boolean;
  /** `discard=`: whether DISCARD is taken, as zeros; missing: as the kind of path has it. */
  discard?: 'zeros' | 'none';
  /** `max_discard=`, `discard_granularity=`, `discard_alignment=`. */
  maxDiscardBytes?: number;
  discardGranularityBytes?: number;
  discardAlignmentBytes?: number;
  /** `discard_segments=`: 1 … 256. */
  discardSegments?: number;
  /** `write_zeroes=`; missing: taken. */
  writeZeroes?: 'zeros' | 'none';
  /** `max_write_zeroes=`. */
  maxWriteZeroesBytes?: number;
  /** `fua=1`. */
  hasFua?: boolean;
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
  /** `flaky=`. */
  flaky?: FlakyRule;
  /** `tear=`. */
  tear?: TearRule;
  /** `hang=`: name of the switch by which code holds the path's calls and lets them go. */
  hangName?: string;
  /** `service=`, `servers=`, `seed=`, `data=`: of a simulated path. */
  service?: DelayRule;
  servers?: number;
  seed?: number;
  keepsData?: boolean;
  /** `model=`, `link=`, `controller=`: of a simulated path with a model behind it. */
  model?: string;
  link?: string;
  controller?: number;
}

const DEPTH_DEFAULT = 128;

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

function readSize(set: (into: WordOptions, bytes: number) => void): OptionReader {
  return readParsed(SIZE_EXPECTED, parseSize, set);
}

const READERS: ReadonlyMap<string, OptionReader> = new Map<string, OptionReader>([
  ['size', readSize((into, bytes) => (into.sizeBytes = bytes))],
  ['direct', readSwitch((into, isOn) => (into.isDirect = isOn))],
  ['queue', readChoice(['request', 'bio'], (into, value) => (into.queue = value))],
  ['depth', readNumber(1, 1024, (into, value) => (into.depth = value))],
  ['ro', readSwitch((into, isOn) => (into.isReadOnly = isOn))],
  ['max_sectors', readNumber(1, 2 ** 22, (into, value) => (into.maxSectors = value))],
  ['max_segments', readNumber(1, 1024, (into, value) => (into.maxSegments = value))],
  ['block', readChoice(['512', '4096'], (into, value) => (into.blockBytes = value === '512' ? 512 : 4096))],
  ['physical', readSize((into, bytes) => (into.physicalBytes = bytes))],
  ['chunk', readSize((into, bytes) => (into.chunkBytes = bytes))],
  ['io_min', readSize((into, bytes) => (into.ioMinBytes = bytes))],
  ['io_opt', readSize((into, bytes) => (into.ioOptBytes = bytes))],
  ['rotational', readSwitch((into, isOn) => (into.isRotational = isOn))],
  ['discard', readChoice(['zeros', 'none'], (into, value) => (into.discard = value))],
  ['max_discard', readSize((into, bytes) => (into.maxDiscardBytes = bytes))],
  ['discard_granularity', readSize((into, bytes) => (into.discardGranularityBytes = bytes))],
  ['discard_alignment', readSize((into, bytes) => (into.discardAlignmentBytes = bytes))],
  ['discard_segments', readNumber(1, DISCARD_SEGMENTS_MAX, (into, value) => (into.discardSegments = value))],
  ['write_zeroes', readChoice(['zeros', 'none'], (into, value) => (into.writeZeroes = value))],
  ['max_write_zeroes', readSize((into, bytes) => (into.maxWriteZeroesBytes = bytes))],
  ['fua', readSwitch((into, isOn) => (into.hasFua = isOn))],
  ['mode', readChoice<PathMode>(['worker', 'inline', 'auto'], (into, value) => (into.mode = value))],
  ['cache', readName((into, value) => (into.cache = value))],
  ['delay', readParsed(DELAY_EXPECTED, parseDelayRule, (into, value) => (into.delay = value))],
  ['serial', readName((into, value) => (into.serial = value))],
  ['error', readParsed(ERROR_EXPECTED, parseErrorRules, (into, value) => (into.errors = value))],
  ['switch', readName((into, value) => (into.switchName = value))],
  ['flaky', readParsed(FLAKY_EXPECTED, parseFlakyRule, (into, value) => (into.flaky = value))],
  ['tear', readParsed(TEAR_EXPECTED, parseTearRule, (into, value) => (into.tear = value))],
  ['hang', readName((into, value) => (into.hangName = value))],
  ['service', readParsed(DELAY_EXPECTED, parseDelayRule, (into, value) => (into.service = value))],
  ['servers', readNumber(1, 1024, (into, value) => (into.servers = value))],
  ['seed', readParsed(SEED_EXPECTED, parseSeed, (into, value) => (into.seed = value))],
  ['data', readSwitch((into, isOn) => (into.keepsData = isOn))],
  ['model', readName((into, value) => (into.model = value))],
  ['link', readName((into, value) => (into.link = value))],
  ['controller', readNumber(0, 255, (into, value) => (into.controller = value))],
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
