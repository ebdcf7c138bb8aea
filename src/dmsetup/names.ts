// Names of devices between user and kernel. The kernel takes nearly every byte, udev few: so dmsetup stores each other byte
// as \xHH and shows names without that again.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { KernelToolError } from './failure.ts';

export type Mangling = 'none' | 'auto' | 'hex';

export const MANGLINGS: ReadonlySet<string> = new Set(['none', 'auto', 'hex']);

const NAME_BYTES_MAX = 127;
const UUID_BYTES_MAX = 128;
const PLAIN = /[0-9A-Za-z#+\-.:=@_]/;
const MANGLED = /\\x[0-9a-fA-F]{2}/;
const DEVICE_FOLDER = '/dev/mapper/';

/** The name as the kernel gets it. Throws with dmsetup's text if it cannot be one. */
export function mangleName(name: string, mangling: Mangling): string {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new KernelToolError(`Name "${name}" too long.`);
  return mangle(name, 'name', NAME_BYTES_MAX, mangling);
}

/** The uuid as the kernel gets it. */
export function mangleUuid(uuid: string, mangling: Mangling): string {
  return mangle(uuid, 'uuid', UUID_BYTES_MAX, mangling);
}

function mangle(text: string, kind: 'name' | 'uuid', bytesMax: number, mangling: Mangling): string {
  if (mangling === 'none') return text;
  const isPlain = (part: string): boolean =>
    [...part].every((character) => PLAIN.test(character) || isAllowed(character, kind));
  let mangled: string;
  if (mangling === 'auto' && MANGLED.test(text)) {
    if (!isPlain(text.replaceAll(new RegExp(MANGLED, 'g'), ''))) {
      throw new KernelToolError(
        `The ${kind} "${text}" contains mixed mangled and unmangled characters or it's already mangled improperly.`,
        `Failed to mangle device ${kind} "${text}".`,
      );
    }
    mangled = text;
  } else {
    mangled = [...Buffer.from(text)]
      .map((byte) => {
        const character = String.fromCharCode(byte);
        return isPlain(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
      })
      .join('');
  }
  if (Buffer.byteLength(mangled) > bytesMax) {
    const title = kind === 'uuid' ? 'UUID' : 'name';
    throw new KernelToolError(
      `Mangled form of the ${title} too long for "${text}".`,
      `Failed to mangle device ${kind} "${text}".`,
    );
  }
  return mangled;
}

function isAllowed(character: string, kind: 'name' | 'uuid'): boolean {
  return kind === 'uuid' && character === '/';
}

/** The name as users see it. Throws if the kernel's name holds bytes that had to be mangled. */
export function unmangle(text: string, mangling: Mangling, kind: 'name' | 'UUID' = 'name'): string {
  if (mangling === 'none') return text;
  const rest = text.replaceAll(new RegExp(MANGLED, 'g'), '');
  if (![...rest].every((character) => PLAIN.test(character) || (kind === 'UUID' && character === '/'))) {
    throw new KernelToolError(`The ${kind} "${text}" should be mangled but it contains blacklisted characters.`);
  }
  return unquote(text);
}

/** Each \xHH as the byte it stands for. */
export function unquote(text: string): string {
  if (!text.includes('\\x')) return text;
  const bytes = text.replaceAll(new RegExp(MANGLED, 'g'), (hex) => String.fromCharCode(Number.parseInt(hex.slice(2), 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** As the kernel is asked for it. `path` is the word it was named by, if that was one. */
export type NamedDevice =
  | { readonly name: string; readonly path?: string }
  | { readonly number: string; readonly path: string };

/** The device that a word of the command line names: a name, or a node under /dev. */
export function deviceOfWord(word: string, mangling: Mangling): NamedDevice {
  const node = /^\/dev\/dm-(\d+)$/.exec(word);
  if (node) return { number: `253:${node[1]}`, path: word };
  if (!word.includes('/')) return { name: mangleName(word, mangling) };
  const name = word.startsWith(DEVICE_FOLDER) ? word.slice(DEVICE_FOLDER.length) : '/';
  if (name.includes('/')) throw new KernelToolError(`Device ${existsSync(word) ? basename(word) : word} not found`);
  return { name: mangleName(name, mangling), path: word };
}

/** The name of a device to be made. */
export function newName(word: string, mangling: Mangling): string {
  if (word.includes('/')) throw new KernelToolError(`Name "${word}" invalid. It contains "/".`);
  return mangleName(word, mangling);
}
