// Typed builders of table lines. The table is the truth underneath: a builder returns the text of one line, which can
// be printed, stored, and loaded by everything that takes a table.
//
//   multipath({ groups: [{ selector: 'service-time', paths: [{ device: '/data/disk.img#a', args: [1, 2] }] }] })
//     → 0 * multipath 0 0 1 1 service-time 0 1 2 /data/disk.img#a 1 2
//
// Without a length the line says `*`: all that the devices have.

import { RqdmError } from '../errors.ts';
import { WHOLE_DEVICE } from './parse.ts';
import { quoteWord } from './print.ts';

/** Where a line lies on the mapped device, in sectors of 512 bytes. */
export interface LinePlace {
  /** First sector; default 0. */
  readonly start?: number;
  /** Default: all that the devices have. */
  readonly length?: number;
}

export interface LinearOptions extends LinePlace {
  /** A device word. */
  readonly device: string;
  /** First sector on the device; default 0. */
  readonly offset?: number;
}

export interface StripedOptions extends LinePlace {
  /** Sectors that lie on one device before the next one's turn. */
  readonly chunk: number;
  /** Device words, or with the first sector on each; default 0. */
  readonly stripes: readonly (string | { readonly device: string; readonly offset?: number })[];
}

export interface MultipathPath {
  /** A device word. */
  readonly device: string;
  /** The selector's words for this path; all paths of a group have the same number of them. Default: none. */
  readonly args?: readonly (string | number)[];
}

export interface MultipathGroup {
  /** Name of the path selector; default `service-time`. */
  readonly selector?: string;
  readonly selectorArgs?: readonly (string | number)[];
  readonly paths: readonly (MultipathPath | string)[];
}

export interface MultipathFeatures {
  /** Hold I/O while there is no path, instead of failing it. */
  readonly queueIfNoPath?: boolean;
  /** `rq` (requests, the default) or `bio`. */
  readonly queueMode?: 'rq' | 'bio';
  /** 1 … 50. */
  readonly pgInitRetries?: number;
  /** 0 … 60000 ms. */
  readonly pgInitDelayMs?: number;
  readonly retainAttachedHwHandler?: boolean;
}

export interface MultipathOptions extends LinePlace {
  readonly features?: MultipathFeatures;
  /** Hardware handler: its name, then its own words. Default: none. */
  readonly handler?: readonly (string | number)[];
  /** In order of priority, the most wanted first. */
  readonly groups: readonly MultipathGroup[];
  /** The group to begin with, from 1; default 1. */
  readonly initialGroup?: number;
}

/** A line of target `linear`: a stretch of one device. */
export function linear(options: LinearOptions): string {
  return line(options, 'linear', [options.device, options.offset ?? 0]);
}

/** A line of target `passthrough`: as linear, with every hook of a target. */
export function passthrough(options: LinearOptions): string {
  return line(options, 'passthrough', [options.device, options.offset ?? 0]);
}

/** A line of target `striped`: chunks of several devices in turn. */
export function striped(options: StripedOptions): string {
  const stripes = options.stripes.map((stripe) => (typeof stripe === 'string' ? { device: stripe } : stripe));
  const words = stripes.flatMap(({ device, offset }) => [device, offset ?? 0]);
  return line(options, 'striped', [stripes.length, options.chunk, ...words]);
}

/** A line of target `zero`: reads are zeros, writes vanish. It has no devices, so its length must be given. */
export function zero(options: { readonly start?: number; readonly length: number }): string {
  return line(options, 'zero', []);
}

/** A line of target `error`: all I/O fails. It has no devices, so its length must be given. */
export function error(options: { readonly start?: number; readonly length: number }): string {
  return line(options, 'error', []);
}

/** A line of target `multipath`. */
export function multipath(options: MultipathOptions): string {
  const features = featureWords(options.features ?? {});
  const initialGroup = options.groups.length === 0 ? 0 : (options.initialGroup ?? 1);
  const handler = options.handler ?? [];
  const words: (string | number)[] = [features.length, ...features, handler.length, ...handler];
  words.push(options.groups.length, initialGroup);
  for (const group of options.groups) words.push(...groupWords(group));
  return line(options, 'multipath', words);
}

function featureWords(features: MultipathFeatures): (string | number)[] {
  const words: (string | number)[] = [];
  if (features.queueIfNoPath) words.push('queue_if_no_path');
  if (features.pgInitRetries !== undefined) words.push('pg_init_retries', features.pgInitRetries);
  if (features.pgInitDelayMs !== undefined) words.push('pg_init_delay_msecs', features.pgInitDelayMs);
  if (features.retainAttachedHwHandler) words.push('retain_attached_hw_handler');
  if (features.queueMode !== undefined) words.push('queue_mode', features.queueMode);
  return words;
}

function groupWords(group: MultipathGroup): (string | number)[] {
  const paths = group.paths.map((path) =>
    typeof path === 'string' ? { device: path, args: [] } : { device: path.device, args: path.args ?? [] },
  );
  const argsPerPath = paths[0]?.args.length ?? 0;
  const odd = paths.find((path) => path.args.length !== argsPerPath);
  if (odd !== undefined) {
    throw new RqdmError(
      'ERR_RQDM_TABLE',
      `path ${odd.device} has ${odd.args.length} selector arguments, the first path of its group has ${argsPerPath}: a group has one number for all its paths`,
    );
  }
  const selectorArgs = group.selectorArgs ?? [];
  const head = [group.selector ?? 'service-time', selectorArgs.length, ...selectorArgs, paths.length, argsPerPath];
  return [...head, ...paths.flatMap((path) => [path.device, ...path.args])];
}

function line(place: LinePlace, target: string, words: readonly (string | number)[]): string {
  return [place.start ?? 0, place.length ?? WHOLE_DEVICE, target, ...words.map(quoted)].join(' ');
}

function quoted(word: string | number): string {
  const text = quoteWord(String(word));
  if (text === undefined)
    throw new RqdmError(
      'ERR_RQDM_TABLE',
      `${JSON.stringify(word)} cannot stand in a table: a word has at least one character and no line end`,
    );
  return text;
}

// ---- targets that delay, fail or choose ---------------------------------------------------------------------------

/** Where one kind of I/O goes, and how much later. */
export interface DelayedPlace {
  /** A device word. */
  readonly device: string;
  /** First sector on the device; default 0. */
  readonly offset?: number;
  /** 0 … 2^32-1 ms. */
  readonly delayMs: number;
}

export interface DelayOptions extends LinePlace {
  readonly read: DelayedPlace;
  /** Default: as reads. */
  readonly write?: DelayedPlace;
  /** Default: as writes. */
  readonly flush?: DelayedPlace;
}

export interface FlakeyOptions extends LinePlace {
  /** A device word. */
  readonly device: string;
  /** First sector on the device; default 0. */
  readonly offset?: number;
  /** Whole seconds, at least 1 together. */
  readonly upSeconds: number;
  readonly downSeconds: number;
  /** What goes wrong while it is down, e.g. `['drop_writes']`; default: everything fails. */
  readonly features?: readonly (string | number)[];
}

export interface DustOptions extends LinePlace {
  /** A device word. */
  readonly device: string;
  /** First sector on the device; default 0. */
  readonly offset?: number;
  /** A power of two from 512 on. */
  readonly blockBytes: number;
}

/** Its length is a multiple of the chunk. */
export interface UnstripedOptions extends LinePlace {
  readonly stripes: number;
  readonly chunkSectors: number;
  /** From 0. */
  readonly stripe: number;
  /** A device word. */
  readonly device: string;
  readonly offset?: number;
}

export interface SwitchOptions extends LinePlace {
  readonly regionSectors: number;
  readonly paths: readonly ({ readonly device: string; readonly offset?: number } | string)[];
}

/** A line of target `delay`: I/O reaches its device later. */
export function delay(options: DelayOptions): string {
  const { read, write, flush } = options;
  const places = flush ? [read, write ?? read, flush] : write ? [read, write] : [read];
  return line(
    options,
    'delay',
    places.flatMap(({ device, offset, delayMs }) => [device, offset ?? 0, delayMs]),
  );
}

/** A line of target `flakey`: a device that works for a while and fails for a while. */
export function flakey(options: FlakeyOptions): string {
  const { device, offset, upSeconds, downSeconds, features } = options;
  const words = features === undefined ? [] : [features.length, ...features];
  return line(options, 'flakey', [device, offset ?? 0, upSeconds, downSeconds, ...words]);
}

/** A line of target `dust`: a disk whose bad blocks come and go by messages. */
export function dust(options: DustOptions): string {
  return line(options, 'dust', [options.device, options.offset ?? 0, options.blockBytes]);
}

/** A line of target `unstriped`: one stripe of a striped device. */
export function unstriped(options: UnstripedOptions): string {
  const { stripes, chunkSectors, stripe, device, offset } = options;
  return line(options, 'unstriped', [stripes, chunkSectors, stripe, device, offset ?? 0]);
}

/** A line of target `switch`: regions, each on the path that a message chooses. */
export function switchRegions(options: SwitchOptions): string {
  const paths = options.paths.flatMap((path) => (typeof path === 'string' ? [path, 0] : [path.device, path.offset ?? 0]));
  return line(options, 'switch', [options.paths.length, options.regionSectors, 0, ...paths]);
}
