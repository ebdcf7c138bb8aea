// The house rules, as functions from sources to complaints. test/tidy.test.ts applies them to the tree and shows of
// each that it can fail. A complaint names the file, what is wrong and what was expected.

import { posix } from 'node:path';

export interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly name: string;
  readonly text: string;
}

export type Rule = (sources: readonly Source[]) => string[];

export interface Import {
  /** As written, or for a relative one the file it names: `bindings/core/load.ts`. In assembly/ the ending is added. */
  readonly target: string;
  readonly isOurs: boolean;
  /** Leaves no trace in the compiled file. */
  readonly isTypeOnly: boolean;
  /** Written `import('…')` where it runs. */
  readonly isLazy: boolean;
}

const LINES_MAX = 500;

/** Takes comment lines away, so that an example in a manual is not taken for an import. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*(?:\/\/|\*).*$/gm, '');
}

/** The imports of a source, by its text alone: statements start in the first column, as the formatter writes them. */
export function importsOf(source: Source): Import[] {
  const text = withoutComments(source.text);
  const found: Import[] = [];
  const add = (written: string, isTypeOnly: boolean, isLazy: boolean): void => {
    const isOurs = written.startsWith('.');
    let target = isOurs ? posix.join(posix.dirname(source.name), written) : written;
    if (isOurs && source.name.startsWith('assembly/') && !target.endsWith('.ts')) target += '.ts';
    found.push({ target, isOurs, isTypeOnly, isLazy });
  };
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/gm)) {
    add(match[2] ?? '', match[1] !== undefined, false);
  }
  for (const match of text.matchAll(/^import\s*['"]([^'"]+)['"]/gm)) add(match[1] ?? '', false, false);
  for (const match of text.matchAll(/(await\s+|return\s+|=>\s*|=\s*)?(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    // `typeof import('x')` and `import('x').Name` in a type are erased; what runs is awaited, returned or kept.
    const isType = match[2] !== undefined || match[1] === undefined;
    add(match[3] ?? '', isType, !isType);
  }
  return found;
}

// ---- layers ------------------------------------------------------------------------------------------------------

interface Layer {
  /** Files this is about: a folder with a slash at its end, or one file. */
  readonly of: string;
  /** What they may not import: folders or files. */
  readonly never: readonly string[];
  /** What they may import all the same. */
  readonly except?: readonly string[];
}

const ABI = 'assembly/abi.ts';

const LAYERS: readonly Layer[] = [
  // src -> bindings -> build/rqdm.wasm
  { of: 'src/', never: ['assembly/', 'test/', 'bindings/core/'], except: [ABI] },
  { of: 'bindings/', never: ['src/', 'test/', 'assembly/'], except: [ABI] },
  { of: 'assembly/', never: ['bindings/', 'src/', 'test/'] },
  // bindings: only device/ and index.ts know all
  { of: 'bindings/core/', never: ['bindings/'], except: ['bindings/core/', 'bindings/errors.ts'] },
  {
    of: 'bindings/target/',
    never: ['bindings/core/', 'bindings/path/', 'bindings/device/'],
    except: ['bindings/path/reference.ts'],
  },
  { of: 'bindings/path/', never: ['bindings/target/', 'bindings/core/', 'bindings/device/'] },
  {
    of: 'bindings/table/',
    never: ['bindings/core/', 'bindings/path/', 'bindings/device/'],
    except: ['bindings/path/reference.ts'],
  },
  { of: 'bindings/multipathd/', never: ['bindings/core/', 'bindings/path/', 'bindings/target/'] },
  { of: 'bindings/adapt/', never: ['bindings/core/', 'bindings/path/', 'bindings/target/'] },
  { of: 'bindings/errors.ts', never: ['bindings/core/', 'bindings/path/', 'bindings/target/', 'bindings/device/'] },
  // assembly: memory <- record <- { down, elevator, up }
  {
    of: 'assembly/memory/',
    never: ['assembly/record/', 'assembly/down/', 'assembly/elevator/', 'assembly/up/', 'assembly/run.ts'],
  },
  { of: 'assembly/record/', never: ['assembly/down/', 'assembly/elevator/', 'assembly/up/', 'assembly/run.ts'] },
  { of: 'assembly/down/', never: ['assembly/up/', 'assembly/run.ts'] },
  { of: 'assembly/up/', never: ['assembly/down/', 'assembly/run.ts'] },
];

const isIn = (name: string, places: readonly string[]): boolean =>
  places.some((place) => (place.endsWith('/') ? name.startsWith(place) : name === place));

export const layers: Rule = (sources) => {
  const complaints: string[] = [];
  for (const source of sources) {
    for (const layer of LAYERS.filter((one) => isIn(source.name, [one.of]))) {
      for (const { target, isOurs } of importsOf(source)) {
        if (isOurs && isIn(target, layer.never) && !isIn(target, layer.except ?? [])) {
          complaints.push(`${source.name} imports ${target}: ${layer.of} must not know ${layer.never.join(', ')}`);
        }
      }
    }
  }
  return complaints;
};

/** bindings/ has two dependencies: the loader, in one file, and piscina, when the first ring is dispatched. */
export const dependencies: Rule = (sources) => {
  const complaints: string[] = [];
  for (const source of sources.filter((one) => one.name.startsWith('bindings/'))) {
    for (const { target, isOurs, isLazy, isTypeOnly } of importsOf(source)) {
      if (isOurs || target.startsWith('node:')) continue;
      if (target === '@assemblyscript/loader' || target.startsWith('@assemblyscript/loader/')) {
        if (source.name === 'bindings/core/load.ts') continue;
        complaints.push(`${source.name} imports ${target}: only bindings/core/load.ts may`);
      } else if (target === 'piscina') {
        if (isLazy || isTypeOnly) continue;
        complaints.push(`${source.name} imports piscina at its start: expected \`await import('piscina')\` where it is used`);
      } else {
        complaints.push(`${source.name} imports ${target}: bindings/ imports the loader, piscina and node: modules only`);
      }
    }
  }
  return complaints;
};

/** What src/ imports must be something that package.json brings, or an optional peer that is imported lazily. */
export function declared(sources: readonly Source[], manifest: Manifest): string[] {
  const complaints: string[] = [];
  for (const source of sources.filter((one) => one.name.startsWith('src/'))) {
    for (const { target, isOurs, isLazy, isTypeOnly } of importsOf(source)) {
      if (isOurs || target.startsWith('node:') || isTypeOnly) continue;
      const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/');
      if (name === manifest.name || manifest.dependencies?.[name] !== undefined) continue;
      if (manifest.peerDependencies?.[name] !== undefined && isLazy) continue;
      complaints.push(`${source.name} imports ${name}: expected in "dependencies", or an optional peer by \`await import()\``);
    }
  }
  return complaints;
}

// ---- what simulations compute with -----------------------------------------------------------------------------------

const SAME_EVERYWHERE: readonly string[] = ['src/simulate/', 'bindings/path/model/'];
/** Of these an engine may give the last bits as it likes; a power of two that is written out is not meant. */
const APPROXIMATE =
  /\b(Math\.(?:log\w*|exp\w*|pow|cbrt|hypot|a?(?:sin|cos|tan)h?\w*))\(|((?<!\/)\*\* ?[^\s\d]|(?<!\/|\b2 )\*\* ?\d)/;

export const sameEverywhere: Rule = (sources) =>
  linesWith(
    sources.filter(({ name }) => SAME_EVERYWHERE.some((folder) => name.startsWith(folder))),
    APPROXIMATE,
    (found) =>
      `computes with ${found}: expected functions of bindings/path/model/same-math.ts, so that results are the same everywhere`,
  );

// ---- names, headers, lengths -------------------------------------------------------------------------------------

const isStage = (name: string): boolean => /^assembly\/(down|up)\//.test(name);

/** A stage file says first which stage it is. */
export const stageHeaders: Rule = (sources) =>
  sources
    .filter((source) => isStage(source.name))
    .filter((source) => {
      const number = Number(/^(?:\/\/|\/\*\*?\s*(?:\n \*)?) ?Stage (\d+) of 11: \S/.exec(source.text)?.[1] ?? 0);
      return number < 1 || number > 11;
    })
    .map((source) => `${source.name} does not begin with a comment "Stage N of 11: name. From …; to …."`);

export const lengths: Rule = (sources) =>
  sources
    .map((source) => ({ name: source.name, lines: source.text.replace(/\n$/, '').split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ name, lines }) => `${name} has ${lines} lines: ${LINES_MAX} at most`);

const VAGUE = ['utils', 'util', 'helpers', 'helper', 'common', 'misc'];

export const names: Rule = (sources) => {
  const complaints: string[] = [];
  for (const { name } of sources) {
    for (const part of name.split('/')) {
      const stem = part.replace(/^\./, '').replace(/(\.d|\.test)?\.(ts|mjs|js)$/, '');
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) complaints.push(`${name}: "${part}" is not kebab-case`);
      if (VAGUE.includes(stem)) complaints.push(`${name}: "${part}" says nothing; expected the name of one concept`);
    }
  }
  return complaints;
};

// ---- tests -------------------------------------------------------------------------------------------------------

const isTest = (name: string): boolean => name.startsWith('test/') && name.endsWith('.test.ts');

/** uvu passes a suite that is never run, and one of which only a part is. */
export const testsRun: Rule = (sources) => {
  const complaints: string[] = [];
  for (const source of sources.filter((one) => isTest(one.name))) {
    const text = withoutComments(source.text);
    const suites = [...text.matchAll(/^\s*const (\w+) = suite\b/gm)].map((match) => match[1] ?? '');
    if (/^import \{[^}]*\btest\b[^}]*\} from 'uvu'/m.test(text)) suites.push('test');
    for (const suite of suites) {
      if (!new RegExp(`\\b${suite}\\.run\\(\\)`).test(text)) complaints.push(`${source.name} does not call ${suite}.run()`);
    }
    // A file that hands a factory to a contract is run by the contract.
    const isContract = importsOf(source).some((one) => one.target.startsWith('test/contract/'));
    if (suites.length === 0 && !isContract && !/\.run\(\)/.test(text)) complaints.push(`${source.name} does not call .run()`);
    for (const match of text.matchAll(/^\s*(\w+)\.only\(/gm)) {
      complaints.push(`${source.name} runs only a part of its tests: ${match[1]}.only`);
    }
  }
  return complaints;
};

// ---- words -------------------------------------------------------------------------------------------------------

// Written in two halves, so that this file does not accuse itself.
const STALE = new RegExp(`\\b(${['to' + 'do', 'fix' + 'me', 'x' + 'xx'].join('|')})\\b`, 'i');
const MACHINE = new RegExp(`(?:^|[\\s'"\`(=:])(/(?:${'work|home|root|Users'})/[\\w.-]+|[A-Z]:\\\\\\\\?Users\\b)`);

function linesWith(sources: readonly Source[], pattern: RegExp, complaint: (found: string) => string): string[] {
  return sources.flatMap((source) =>
    source.text.split('\n').flatMap((line, index) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${source.name}:${index + 1} ${complaint((found[1] ?? found[0]).trim())}`];
    }),
  );
}

export const staleWords: Rule = (sources) =>
  linesWith(sources, STALE, (word) => `says "${word}": finish it, or name it as a limit where users read of it`);

export const machinePaths: Rule = (sources) =>
  linesWith(sources, MACHINE, (path) => `holds the path ${path} of one machine: expected a path relative to the file`);

// ---- package.json ------------------------------------------------------------------------------------------------

export interface Manifest {
  readonly name?: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Every file that package.json promises is there. */
export function promisedFiles(manifest: Manifest, isThere: (file: string) => boolean): string[] {
  const complaints: string[] = [];
  const visit = (where: string, value: unknown): void => {
    if (typeof value === 'string') {
      if (!isThere(value)) complaints.push(`package.json: ${where} names ${value}, which the build does not make`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) visit(`${where}["${key}"]`, inner);
    }
  };
  visit('exports', manifest.exports ?? {});
  visit('bin', manifest.bin ?? {});
  return complaints;
}
