// A profile with some figures changed (`set` of a storage): those that it has, of the kind and in the range in which the model
// comes to an end and to a number.

import { COMMAND_QUEUE_MAX } from '../../bindings/path/model/disk-queue.ts';
import { STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import type { StorageDescription } from '../../bindings/path/model/registry.ts';

interface Range {
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

const TIME: Range = { least: 0, most: 1e9 };
const RATE: Range = { least: 0.001, most: 1e9 };
/** Where 0 says that a byte takes no time. */
const RATE_OR_NONE: Range = { least: 0, most: 1e9 };

function whole(least: number, most: number): Range {
  return { least, most, isWhole: true };
}

/** By the name of a figure, wherever it stands; the others are times. */
const RANGES: Readonly<Record<string, Range>> = {
  rpm: { least: 1, most: 1e6 },
  surfaces: whole(1, 1000),
  cylinders: whole(2, 2 ** 20),
  sectorsPerTrack: whole(1, 2 ** 20),
  busMBps: RATE,
  segments: whole(0, 65_536),
  segmentSectors: whole(1, 2 ** 31),
  writeBufferBytes: whole(0, 2 ** 40),
  commandQueue: whole(1, COMMAND_QUEUE_MAX),
  patience: { least: 1, most: 1e6 },
  channels: whole(1, 1024),
  diesPerChannel: whole(1, 1024),
  pageBytes: whole(512, 2 ** 30),
  channelMBps: RATE_OR_NONE,
  linkMBps: RATE,
  pagesMovedPerWrite: { least: 0, most: 1000 },
  pagesPerBlock: whole(1, 2 ** 20),
  MBps: RATE_OR_NONE,
  servers: whole(1, 65_536),
};

/** Pages that an SSD's write buffer may have. */
const BUFFER_PAGES_MAX = 2 ** 24;
/** Figures that a profile may lack. */
const OPTIONAL: Readonly<Record<string, unknown>> = {
  collection: { pagesMovedPerWrite: 0, pagesPerBlock: 256 },
  forwardsWhole: false,
};
const KIND_OF_OPTIONAL: Readonly<Record<string, string>> = { collection: 'ssd', forwardsWhole: 'disk' };

/** What is wrong with a figure, and where in `set`. */
export type Complain = (path: readonly (string | number)[], message: string) => void;

/** The profile of this name with these figures in place of its own; undefined when something was complained of. */
export function storageOf(
  model: string,
  set: Readonly<Record<string, unknown>>,
  complain: Complain,
): StorageDescription | undefined {
  const profile = STORAGE_PROFILES.get(model);
  if (profile === undefined) return undefined;
  const { description } = profile;
  let isRight = true;
  const say: Complain = (path, message) => {
    isRight = false;
    complain(path, message);
  };
  const known: Record<string, unknown> = { ...description };
  for (const [name, value] of Object.entries(OPTIONAL)) {
    if (KIND_OF_OPTIONAL[name] === description.kind) known[name] ??= value;
  }
  delete known['kind'];
  check(known, set, [], say);
  if (!isRight) return undefined;
  const merged = merge(description as unknown as Readonly<Record<string, unknown>>, set) as unknown as StorageDescription;
  if (merged.kind === 'ssd' && merged.writeBufferBytes / merged.pageBytes > BUFFER_PAGES_MAX) {
    say(['writeBufferBytes'], `expected at most ${BUFFER_PAGES_MAX} pages of ${merged.pageBytes} bytes`);
    return undefined;
  }
  return merged;
}

function check(
  known: Readonly<Record<string, unknown>>,
  set: Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
  say: Complain,
): void {
  for (const [name, value] of Object.entries(set)) {
    const here = [...path, name];
    if (name === 'zones') checkZones(value, here, say);
    else if (name === 'seek') checkSeek(value, here, say);
    else if (!Object.hasOwn(known, name)) {
      say(here, `no such figure: expected one of ${Object.keys(known).join(', ')}`);
    } else if (isRecord(known[name])) {
      if (isRecord(value)) check(known[name], value, here, say);
      else say(here, `expected fields such as ${Object.keys(known[name]).join(', ')}, got ${JSON.stringify(value)}`);
    } else if (typeof known[name] === 'boolean') {
      if (typeof value !== 'boolean') say(here, `expected true or false, got ${JSON.stringify(value)}`);
    } else checkNumber(name, value, here, say);
  }
}

function checkNumber(name: string, value: unknown, path: readonly (string | number)[], say: Complain): void {
  const { least, most, isWhole = false } = RANGES[name] ?? TIME;
  const isRight = typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value));
  if (isRight) return;
  say(path, `expected a ${isWhole ? 'whole ' : ''}number, ${least} to ${most}, got ${JSON.stringify(value)}`);
}

function checkZones(zones: unknown, path: readonly (string | number)[], say: Complain): void {
  if (!Array.isArray(zones) || zones.length === 0) {
    say(path, 'expected a list of zones, from the outside in: { cylinders, sectorsPerTrack }');
    return;
  }
  for (const [index, zone] of zones.entries()) {
    if (!isRecord(zone)) say([...path, index], 'expected cylinders and sectorsPerTrack');
    else for (const name of ['cylinders', 'sectorsPerTrack']) checkNumber(name, zone[name], [...path, index, name], say);
  }
}

/** A measured table, or the three figures of a data sheet. */
function checkSeek(seek: unknown, path: readonly (string | number)[], say: Complain): void {
  const points: unknown = isRecord(seek) ? seek['points'] : undefined;
  const isPoint = (point: unknown): point is [number, number] =>
    Array.isArray(point) && point.length === 2 && point.every((one) => typeof one === 'number' && one >= 0 && one < 1e9);
  const isRising = (list: readonly [number, number][]): boolean =>
    list.every(([cylinders], i) => i === 0 || cylinders > (list[i - 1] as [number, number])[0]);
  if (Array.isArray(points) && points.length > 0 && points.every(isPoint) && isRising(points)) return;
  const sheet = ['singleMs', 'averageMs', 'fullMs'].map((name) => (isRecord(seek) ? seek[name] : undefined));
  const isSheet = sheet.every((one, i) => typeof one === 'number' && one >= ((sheet[i - 1] as number) ?? 0) && one < 1e9);
  if (points === undefined && isSheet) return;
  say(
    path,
    'expected points, [cylinders, ms] in rising order, or singleMs, averageMs and fullMs, each as long as the one before',
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Groups of figures are merged figure by figure; a seek curve is another one, or none. */
function merge(figures: Readonly<Record<string, unknown>>, set: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...figures };
  for (const [name, value] of Object.entries(set)) {
    const had = figures[name] ?? OPTIONAL[name];
    merged[name] = name !== 'seek' && isRecord(had) && isRecord(value) ? { ...had, ...value } : value;
  }
  return merged;
}
