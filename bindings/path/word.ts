// The words of a table that name a backing path (not another device of the mapper):
//
//   /some/file   ./file   ../file   file:/some/file?direct=1      a regular file or block device
//   mem:NAME?size=64M                                             memory, shared by all who name it
//   null:64M                                                      answers at once and holds nothing
//   sim:NAME?size=64M&service=200us+2us/KiB&servers=1             memory that takes its time by the mapper's clock, for
//                                                                 simulations and tests (simulated-path.ts)
//   sim:NAME?size=64G&model=nvme-970pro&link=fc-16g&controller=0  a modelled disk, SSD or array that keeps nothing (model/)
//
// with options behind `?`, separated by `&` (word-options.ts), and a `#label` at the very end that tells two paths to
// the same storage apart. What a file's own name may contain is settled by looking:
//   1. `#label` is a label only if no file of that full name exists.
//   2. `?…` belongs to the file's name if a file of that name exists, or if no known option follows. After `file:` the
//      word is an address: there `?name=` always begins options unless such a file exists.

import { existsSync } from 'node:fs';
import { RqdmError } from '../errors.ts';
import {
  isName,
  isOptionName,
  OPTION_NAMES,
  parseSize,
  parseWordOptions,
  SIZE_EXPECTED,
  type WordOptions,
} from './word-options.ts';

export type { WordOptions } from './word-options.ts';

export interface BackingWord extends Readonly<WordOptions> {
  /** As given. */
  readonly word: string;
  readonly kind: 'file' | 'memory' | 'null' | 'simulated';
  /** The file's path, the memory's name, or nothing. */
  readonly name: string;
  readonly label: string | undefined;
}

/** Answers whether a file of that name exists; replaced in tests. */
export type FileExists = (name: string) => boolean;

const LABEL = /#([A-Za-z0-9_.-]+)$/;
const WRAPPER_HINT = 'expected /some/file, ./file, file:/some/file, mem:NAME?size=64M or null:64M';

/** Whether a word of a table names a backing path. `/dev/mapper/NAME` and all other words name devices of the mapper. */
export function isBackingWord(word: string): boolean {
  if (word.startsWith('/dev/mapper/')) return false;
  return /^(\/|\.\/|\.\.\/|file:|mem:|null:|sim:)/.test(word);
}

/** For an unknown word that is also a file on disk: `did you mean ./disk.img?`; otherwise undefined. */
export function relativeFileHint(word: string, exists: FileExists = existsSync): string | undefined {
  if (word === '' || isBackingWord(word) || /^[a-z+]+:/.test(word) || word.startsWith('/')) return undefined;
  const name = word.replace(LABEL, '').replace(/\?.*$/, '');
  return exists(word) || (name !== '' && exists(name)) ? `did you mean ./${word}?` : undefined;
}

/** Reads a word. Throws `ERR_RQDM_WORD` that names the word, the option and what was expected. Opens nothing. */
export function parseBackingWord(word: string, exists: FileExists = existsSync): BackingWord {
  if (!isBackingWord(word)) {
    const hint = relativeFileHint(word, exists);
    throw new RqdmError('ERR_RQDM_WORD', `${word}: not a backing path: ${hint ?? WRAPPER_HINT}`);
  }
  if (word.startsWith('mem:')) return parseMemoryWord(word, 'mem:', 'memory');
  if (word.startsWith('sim:')) return parseMemoryWord(word, 'sim:', 'simulated');
  if (word.startsWith('null:')) return parseNullWord(word);
  return parseFileWord(word, exists);
}

function parseFileWord(word: string, exists: FileExists): BackingWord {
  const isAddress = word.startsWith('file:');
  // file:///x and file:/x are the same file; file:./x is relative.
  const whole = isAddress ? word.slice('file:'.length).replace(/^\/\/(?=\/)/, '') : word;
  if (whole === '') throw new RqdmError('ERR_RQDM_WORD', `${word}: no name of a file: expected file:/some/file`);
  if (whole.startsWith('//') && isAddress) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: a file has no host: expected file:/some/file`);
  }
  if (exists(whole)) return finish(word, 'file', whole, undefined, '');
  const { rest, label } = splitLabel(whole);
  if (label !== undefined && exists(rest)) return finish(word, 'file', rest, label, '');
  // The first `?` behind which options stand; none, and all of it is a name.
  for (let at = rest.indexOf('?'); at >= 0; at = rest.indexOf('?', at + 1)) {
    const text = rest.slice(at + 1);
    const optionName = /^([^=&?/]+)=/.exec(text)?.[1];
    if (at > 0 && optionName !== undefined && (isOptionName(optionName) || isAddress)) {
      return finish(word, 'file', rest.slice(0, at), label, text);
    }
  }
  return finish(word, 'file', rest, label, '');
}

function parseMemoryWord(word: string, scheme: string, kind: 'memory' | 'simulated'): BackingWord {
  const { rest, label } = splitLabel(word.slice(scheme.length));
  const { name, text } = splitOptions(rest);
  if (!isName(name)) {
    throw new RqdmError(
      'ERR_RQDM_WORD',
      `${word}: '${name}' cannot name a memory: expected letters, digits, _ . -, as in ${scheme}NAME?size=64M`,
    );
  }
  return finish(word, kind, name, label, text);
}

function parseNullWord(word: string): BackingWord {
  const { rest, label } = splitLabel(word.slice('null:'.length));
  const { name, text } = splitOptions(rest);
  const sizeBytes = parseSize(name);
  if (sizeBytes === undefined) throw new RqdmError('ERR_RQDM_WORD', `${word}: size '${name}': expected ${SIZE_EXPECTED}`);
  const parsed = finish(word, 'null', '', label, text);
  if (parsed.sizeBytes !== undefined) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'size': expected only the size behind null:`);
  }
  return { ...parsed, sizeBytes };
}

function splitLabel(text: string): { rest: string; label: string | undefined } {
  const match = LABEL.exec(text);
  return match === null ? { rest: text, label: undefined } : { rest: text.slice(0, match.index), label: match[1] };
}

function splitOptions(text: string): { name: string; text: string } {
  const at = text.indexOf('?');
  return at < 0 ? { name: text, text: '' } : { name: text.slice(0, at), text: text.slice(at + 1) };
}

function finish(word: string, kind: BackingWord['kind'], name: string, label: string | undefined, text: string): BackingWord {
  const options = parseWordOptions(word, text);
  if (kind === 'file' && options.sizeBytes !== undefined) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'size' is for mem: a file has the size it has`);
  }
  if (kind !== 'file' && options.isDirect) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'direct' is for files and block devices`);
  }
  if (options.serial !== undefined && options.delay === undefined) {
    throw new RqdmError(
      'ERR_RQDM_WORD',
      `${word}: option 'serial' names a server, but 'delay' is missing: expected delay=…&serial=${options.serial}`,
    );
  }
  checkSimulated(word, kind, options);
  checkAbilities(word, kind, options);
  return { word, kind, name, label, ...options };
}

function checkSimulated(word: string, kind: BackingWord['kind'], options: WordOptions): void {
  const { service, servers, seed, keepsData, model, link, controller } = options;
  const all = { service, servers, seed, data: keepsData, model, link, controller };
  const given = Object.entries(all).find(([, value]) => value !== undefined);
  if (kind !== 'simulated' && given !== undefined) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${given[0]}' is for sim:`);
  }
  const modelled = Object.entries({ link, controller }).find(([, value]) => value !== undefined);
  if (model === undefined && modelled !== undefined) {
    throw new RqdmError(
      'ERR_RQDM_WORD',
      `${word}: option '${modelled[0]}', but 'model' is missing: expected model=…&${modelled[0]}=…`,
    );
  }
  const served = Object.entries({ service, servers }).find(([, value]) => value !== undefined);
  if (model !== undefined && (served !== undefined || keepsData === true)) {
    const option = served === undefined ? 'data' : served[0];
    throw new RqdmError('ERR_RQDM_WORD', `${word}: options 'model' and '${option}': expected one of them`);
  }
  if ((keepsData === false || model !== undefined) && options.sizeBytes === undefined) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'size' is missing: expected one, as nothing is kept that has a size`);
  }
  if (kind === 'simulated' && options.mode !== undefined) {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'mode' is for calls that may wait: sim: has no thread and no mode`);
  }
}

/** How discards and zeros are taken may be said only where they are. */
function checkAbilities(word: string, kind: BackingWord['kind'], options: WordOptions): void {
  const { maxDiscardBytes, discardGranularityBytes, discardAlignmentBytes, discardSegments, maxWriteZeroesBytes } = options;
  const how = {
    max_discard: maxDiscardBytes,
    discard_granularity: discardGranularityBytes,
    discard_alignment: discardAlignmentBytes,
    discard_segments: discardSegments,
  };
  const given = Object.entries(how).find(([, value]) => value !== undefined);
  if (given !== undefined && (options.discard ?? discardOf(kind)) === 'none') {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${given[0]}', but there is no DISCARD here: expected discard=zeros`);
  }
  if (maxWriteZeroesBytes !== undefined && options.writeZeroes === 'none') {
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'max_write_zeroes', but 'write_zeroes=none': expected one of them`);
  }
}

/** What DISCARD does where the word says nothing. */
export function discardOf(kind: BackingWord['kind']): 'zeros' | 'none' {
  return kind === 'file' ? 'none' : 'zeros';
}

/** Why a file with a `?` in its name was not found, when options may have been meant; otherwise undefined. */
export function misreadOptionsHint(name: string): string | undefined {
  const meant = /\?([^=&?/]+)=/.exec(name)?.[1];
  return meant === undefined ? undefined : `if '?${meant}=' was meant as an option: known ones are ${OPTION_NAMES.join(', ')}`;
}
