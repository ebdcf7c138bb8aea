// Many devices in one text: `name,uuid,minor,flags,line[,line…][;…]`. A backslash quotes the character after it.

import { KernelToolError } from './failure.ts';

export interface ConciseEntry {
  readonly name: string;
  readonly uuid: string;
  readonly minor: number | undefined;
  readonly isReadOnly: boolean;
  /** Lines of the table, separated by line ends. */
  readonly table: string;
}

export interface ConciseDevice {
  readonly name: string;
  readonly uuid: string;
  readonly minor: number;
  readonly isReadOnly: boolean;
  /** Each `start length type text`. */
  readonly lines: readonly { readonly start: string; readonly length: string; readonly type: string; readonly text: string }[];
}

const FIELDS = ['name', 'uuid', 'minor', 'flags', 'table'] as const;
const TABLE_FIELD = 4;

/** The entries of `text`, one by one. Throws with dmsetup's text when the turn comes to one that is wrong. */
export function* parseConcise(text: string): Generator<ConciseEntry> {
  let position = 0;
  while (position < text.length) {
    const fields: string[] = [''];
    let isQuoted = false;
    let isEnded = false;
    while (position < text.length && !isEnded) {
      const character = text[position] as string;
      position += 1;
      if (isQuoted) {
        fields.push((fields.pop() as string) + character);
        isQuoted = false;
      } else if (character === '\\') {
        isQuoted = true;
      } else if (character === ';') {
        isEnded = true;
      } else if (character === ',' && fields.length <= TABLE_FIELD) {
        fields.push('');
        position = skipBlanks(text, position);
      } else {
        // past the fields a comma separates lines of the table
        fields.push((fields.pop() as string) + (character === ',' ? '\n' : character));
      }
    }
    if (isQuoted) throw new KernelToolError('Backslash must be followed by another character at end of string.');
    if (isEnded) position = skipBlanks(text, position);
    else if (fields.length === 1 && (fields[0] as string).trim() === '') return;
    yield readEntry(fields, isEnded);
  }
}

function skipBlanks(text: string, from: number): number {
  let position = from;
  while (/\s/.test(text[position] ?? '')) position += 1;
  return position;
}

function readEntry(fields: readonly string[], isEnded: boolean): ConciseEntry {
  if (fields.length <= TABLE_FIELD) {
    const parsed = FIELDS.map((name, index) => `${name}: ${fields[index] ?? '(null)'}`).join(' ');
    const reason = 'ive comma-separated fields are required for each device';
    throw new KernelToolError(
      isEnded || fields.length < TABLE_FIELD ? `F${reason}` : `Incomplete entry: f${reason}`,
      `Parsed ${fields.length} fields: ${parsed}`,
    );
  }
  const [name, uuid, minor, flags, table] = fields as [string, string, string, string, string];
  if (!['', 'ro', 'rw'].includes(flags)) {
    throw new KernelToolError(`Invalid flags parameter '${flags}' must be 'ro' or 'rw' or empty.`);
  }
  const isNumbered = minor !== '';
  return {
    name: name.trimStart(),
    uuid,
    minor: isNumbered ? Math.max(0, Number.parseInt(minor, 10) || 0) : undefined,
    isReadOnly: flags === 'ro',
    table,
  };
}

/** The text that `create --concise` makes the same devices of. */
export function printConcise(devices: readonly ConciseDevice[]): string {
  return devices
    .map(({ name, uuid, minor, isReadOnly, lines }) => {
      const table = lines.map(({ start, length, type, text }) => `${start} ${length} ${type} ${quote(text)}`);
      return [quote(name), quote(uuid), minor, isReadOnly ? 'ro' : 'rw', ...table].join(',');
    })
    .join(';');
}

function quote(text: string): string {
  return text.replace(/[,;\\]/g, '\\$&');
}
