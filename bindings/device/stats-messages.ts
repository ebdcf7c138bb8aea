// The `@stats_…` messages of a device (spec-core 11.6):
//
//   @stats_create RANGE STEP [COUNT OPTION…] [PROGRAM [AUX]]    answers the region's id
//     RANGE   START+LENGTH in sectors, or - for the whole device
//     STEP    sectors of an area, or /N for N areas
//     OPTION  precise_timestamps: nanoseconds instead of milliseconds; histogram:N1,N2,…: bounds in that unit
//   @stats_list [PROGRAM]                      id: start+length step program aux [options], a line each
//   @stats_print ID [FIRST LINES]              start+length and 13 counters (and the histogram), a line an area
//   @stats_print_clear ID [FIRST LINES]        the same, and those counters begin anew
//   @stats_clear ID, @stats_delete ID, @stats_set_aux ID AUX
import { RqdmError } from '../errors.ts';
import { readUnsigned } from '../table/arguments.ts';
import type { DeviceRegions, Region, RegionPlan } from './regions.ts';

/** Whose regions they are. */
export interface StatsReceiver {
  readonly regions: DeviceRegions;
  /** Of the whole device. */
  readonly sizeSectors: number;
}

type Verb = (receiver: StatsReceiver, words: readonly string[]) => string | undefined;

const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ['@stats_create', create],
  ['@stats_delete', remove],
  ['@stats_clear', clear],
  ['@stats_list', list],
  ['@stats_print', (receiver, words) => print(receiver, words, false)],
  ['@stats_print_clear', (receiver, words) => print(receiver, words, true)],
  ['@stats_set_aux', setUserData],
]);

/** Whether the word, in any case, is one of these messages. */
export function isStatsMessage(word: string): boolean {
  return VERBS.has(word.toLowerCase());
}

/** Throws RqdmError: ERR_RQDM_MESSAGE (EINVAL; ENOENT for a region that is not there), ERR_RQDM_LIMIT (ENOMEM). */
export function statsMessage(receiver: StatsReceiver, words: readonly string[]): string | undefined {
  const [verb = '', ...rest] = words;
  return VERBS.get(verb.toLowerCase())?.(receiver, rest);
}

function refuse(expected: string, errno: 'EINVAL' | 'ENOENT' = 'EINVAL'): never {
  throw new RqdmError('ERR_RQDM_MESSAGE', `statistics: ${expected}`, { errno });
}

function wholeNumber(word: string | undefined, what: string): number {
  const value = word === undefined ? undefined : readUnsigned(word);
  if (value !== undefined && Number.isSafeInteger(value)) return value;
  return refuse(`expected ${what}, got ${word === undefined ? 'nothing' : `"${word}"`}`);
}

// ---- create -------------------------------------------------------------------------------------------------

function create(receiver: StatsReceiver, words: readonly string[]): string {
  const [range, step, ...rest] = words;
  const { start, length } = readRange(range, receiver.sizeSectors);
  const options = { isPrecise: false, bounds: [] as number[] };
  const named = readOptions(rest, options);
  if (named.length > 2) refuse(`expected at most a program's name and its data, got "${named.join(' ')}"`);
  const [program = '-', userData = '-'] = named;
  const plan: RegionPlan = { start, length, step: readStep(step, length), ...options, program, userData };
  return String(receiver.regions.add(plan));
}

function readRange(word: string | undefined, sizeSectors: number): { start: number; length: number } {
  const found = /^(\d+)\+(\d+)$/.exec(word ?? '');
  if (!found && word !== '-') return refuse(`expected START+LENGTH or -, got ${word === undefined ? 'nothing' : `"${word}"`}`);
  const start = found ? wholeNumber(found[1], 'a sector') : 0;
  const length = found ? wholeNumber(found[2], 'a length in sectors') : sizeSectors;
  if (length === 0) refuse('expected a range that is not empty');
  if (!Number.isSafeInteger(start + length)) refuse(`expected a range that ends below 2^53, got "${word}"`);
  return { start, length };
}

function readStep(word: string | undefined, length: number): number {
  const isCount = word?.startsWith('/') === true;
  const value = wholeNumber(isCount ? word.slice(1) : word, 'sectors of an area, or / and a number of areas');
  if (value === 0) refuse(`expected a step above 0, got "${word}"`);
  return isCount ? Math.ceil(length / value) : value;
}

/** Takes the options, if a count stands there; returns what is behind them. */
function readOptions(words: readonly string[], options: { isPrecise: boolean; bounds: number[] }): readonly string[] {
  const count = readUnsigned(words[0] ?? '');
  if (count === undefined) return words;
  const given = words.slice(1, 1 + count);
  if (given.length < count) refuse(`expected ${count} options, got ${given.length}`);
  for (const option of given) {
    if (option === 'precise_timestamps') options.isPrecise = true;
    else if (option.startsWith('histogram:')) options.bounds = readBounds(option.slice('histogram:'.length));
    else refuse(`expected precise_timestamps or histogram:N1,N2,…, got "${option}"`);
  }
  return words.slice(1 + count);
}

function readBounds(text: string): number[] {
  const bounds = text.split(',').map((word) => wholeNumber(word, 'a bound of the histogram'));
  if (bounds.some((bound, index) => bound <= (bounds[index - 1] ?? 0))) {
    refuse(`expected bounds above 0 that ascend, got "${text}"`);
  }
  return bounds;
}

// ---- the others -----------------------------------------------------------------------------------------------

function find(receiver: StatsReceiver, word: string | undefined): Region {
  const id = wholeNumber(word, 'the id of a region');
  return receiver.regions.get(id) ?? refuse(`there is no region ${id}`, 'ENOENT');
}

function expectWords(words: readonly string[], ...counts: readonly number[]): void {
  if (!counts.includes(words.length)) refuse(`expected ${counts.join(' or ')} words behind the message's, got ${words.length}`);
}

function remove(receiver: StatsReceiver, words: readonly string[]): undefined {
  expectWords(words, 1);
  find(receiver, words[0]);
  receiver.regions.remove(Number(words[0]));
}

function clear(receiver: StatsReceiver, words: readonly string[]): undefined {
  expectWords(words, 1);
  const region = find(receiver, words[0]);
  region.clear(0, region.areas);
}

function setUserData(receiver: StatsReceiver, words: readonly string[]): undefined {
  expectWords(words, 2);
  find(receiver, words[0]).userData = words[1] as string;
}

function list(receiver: StatsReceiver, words: readonly string[]): string {
  expectWords(words, 0, 1);
  const lines = receiver.regions.list().flatMap(([id, { plan, userData }]) => {
    if (words.length === 1 && words[0] !== plan.program) return [];
    const precise = plan.isPrecise ? ' precise_timestamps' : '';
    const histogram = plan.bounds.length === 0 ? '' : ` histogram:${plan.bounds.join(',')}`;
    return `${id}: ${plan.start}+${plan.length} ${plan.step} ${plan.program} ${userData}${precise}${histogram}\n`;
  });
  return lines.join('');
}

function print(receiver: StatsReceiver, words: readonly string[], isCleared: boolean): string {
  expectWords(words, 1, 3);
  const region = find(receiver, words[0]);
  const first = words.length === 1 ? 0 : Math.min(region.areas, wholeNumber(words[1], 'the first line'));
  const lines = words.length === 1 ? region.areas : wholeNumber(words[2], 'a number of lines');
  const last = Math.min(region.areas, first + lines);
  let text = '';
  for (let index = first; index < last; index++) {
    const { start, length, counters, histogram } = region.area(index);
    text += `${start}+${length} ${counters.join(' ')}${histogram.length === 0 ? '' : ` ${histogram.join(':')}`}\n`;
  }
  if (isCleared) region.clear(first, last);
  return text;
}
