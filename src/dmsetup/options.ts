// The switches of a command line, read as getopt_long reads them: anywhere between the words, long ones shortened to what
// is unmistakable, short ones in one bunch, `--` before words that look like switches.

/** The long switches, in the order in which getopt_long names candidates; `=` marks one that takes a value. */
const LONG_SWITCHES: readonly string[] = [
  'readonly', 'alias=', 'alldevices', 'allprograms', 'allregions', 'area', 'areas=', 'areasize=', 'bounds=', 'checks',
  'clear', 'columns', 'concise', 'count=', 'deferred', 'exec=', 'filemap', 'follow=', 'force', 'foreground', 'gid=',
  'group', 'groupid=', 'help', 'histogram', 'inactive', 'interval=', 'length=', 'manglename=', 'major=', 'minor=',
  'mode=', 'nameprefixes', 'nogroup', 'noflush', 'noheadings', 'nolockfs', 'noopencount', 'nosuffix', 'notable',
  'notimesuffix', 'nomonitor', 'udevcookie=', 'noudevrules', 'noudevsync', 'options=', 'precise', 'programid=', 'raw',
  'readahead=', 'region', 'regions=', 'regionid=', 'relative', 'retry', 'rows', 'select=', 'segments', 'separator=',
  'setuuid', 'showkeys', 'sort=', 'start=', 'table=', 'target=', 'tree', 'uid=', 'units=', 'uuid=', 'unbuffered',
  'unquoted', 'userdata=', 'verbose', 'verifyudev', 'version', 'yes', 'addnodeonresume', 'addnodeoncreate',
]; // biome-ignore format: one word a line would hide the order

const SHORT_SWITCHES: Readonly<Record<string, string>> = {
  c: 'columns',
  C: 'columns',
  f: 'force',
  G: 'gid=',
  h: 'help',
  j: 'major=',
  m: 'minor=',
  M: 'mode=',
  n: 'notable',
  o: 'options=',
  O: 'sort=',
  r: 'readonly',
  S: 'select=',
  u: 'uuid=',
  U: 'uid=',
  v: 'verbose',
  y: 'yes',
};

/** Switches that were given: the value of the last one, an empty text for those without. */
export class Switches {
  readonly #values: Map<string, string> = new Map();
  readonly #counts: Map<string, number> = new Map();

  set(name: string, value: string): void {
    this.#values.set(name, value);
    this.#counts.set(name, this.count(name) + 1);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  value(name: string): string | undefined {
    return this.#values.get(name);
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** A command line that getopt_long would refuse; the message is getopt's. */
export class SwitchError extends Error {
  override readonly name: string = 'SwitchError';
}

export interface CommandLine {
  readonly switches: Switches;
  /** The words that are no switches. */
  readonly words: readonly string[];
}

/** Throws SwitchError. `program` is the name that messages begin with. */
export function parseCommandLine(words: readonly string[], program: string): CommandLine {
  const switches = new Switches();
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word === '--') {
      rest.push(...words.slice(index + 1));
      break;
    }
    const next = (): string | undefined => {
      index += 1;
      return words[index];
    };
    if (word.startsWith('--')) readLong(word.slice(2), next, switches, program);
    else if (word.startsWith('-') && word.length > 1) readShort(word.slice(1), next, switches, program);
    else rest.push(word);
  }
  return { switches, words: rest };
}

function readLong(text: string, next: () => string | undefined, switches: Switches, program: string): void {
  const [, asked, given] = /^([^=]*)(?:=([\s\S]*))?$/.exec(text) as unknown as [string, string, string | undefined];
  const name = findLong(asked, program);
  const bare = name.replace('=', '');
  if (!name.endsWith('=')) {
    if (given !== undefined) throw new SwitchError(`${program}: option '--${bare}' doesn't allow an argument`);
    switches.set(bare, '');
    return;
  }
  const value = given ?? next();
  if (value === undefined) throw new SwitchError(`${program}: option '--${bare}' requires an argument`);
  switches.set(bare, value);
}

function findLong(asked: string, program: string): string {
  const exact = LONG_SWITCHES.find((name) => name.replace('=', '') === asked);
  if (exact) return exact;
  const candidates = LONG_SWITCHES.filter((name) => name.startsWith(asked));
  if (candidates.length === 1) return candidates[0] as string;
  if (candidates.length === 0) throw new SwitchError(`${program}: unrecognized option '--${asked}'`);
  const names = candidates.map((name) => `'--${name.replace('=', '')}'`).join(' ');
  throw new SwitchError(`${program}: option '--${asked}' is ambiguous; possibilities: ${names}`);
}

function readShort(bunch: string, next: () => string | undefined, switches: Switches, program: string): void {
  for (let index = 0; index < bunch.length; index++) {
    const letter = bunch[index] as string;
    const name = SHORT_SWITCHES[letter];
    if (name === undefined) throw new SwitchError(`${program}: invalid option -- '${letter}'`);
    if (!name.endsWith('=')) {
      switches.set(name, '');
      continue;
    }
    const value = index + 1 < bunch.length ? bunch.slice(index + 1) : next();
    if (value === undefined) throw new SwitchError(`${program}: option requires an argument -- '${letter}'`);
    switches.set(name.replace('=', ''), value);
    return;
  }
}
