// From a file to scenarios: YAML or JSON (which is YAML too), checked by the schema; what is wrong is told with its line, its
// field and what was expected.
//
// A file is one scenario, and perhaps `variants`: changes of it, each with a name. A change is merged field by field; null
// takes a field away.

import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { RqdmError } from '../../bindings/index.ts';
import type { Field } from './field-error.ts';
import type { Scenario } from './scenario.ts';
import { scenarioSchema } from './scenario-schema.ts';

export interface NamedScenario {
  /** Empty: the scenario itself. */
  readonly variant: string;
  readonly scenario: Scenario;
  /** `FILE:LINE: FIELD: `, for who finds something wrong later. */
  placeOf(field: Field): string;
}

/** All that is wrong with a scenario, a line for each. */
export class ScenarioError extends RqdmError {
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super('ERR_RQDM_SCENARIO', lines.join('\n'));
    this.lines = lines;
  }
}

/** Throws ScenarioError. */
export function readScenarios(file: string): NamedScenario[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ScenarioError([`${file}: cannot be read: ${(cause as Error).message}`]);
  }
  return parseScenarios(text, file);
}

export function parseScenarios(text: string, file: string): NamedScenario[] {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const lineOf = (offset: number | undefined): number => counter.linePos(offset ?? 0).line;
  if (document.errors.length > 0) {
    throw new ScenarioError(
      document.errors.map(
        ({ message, pos }) => `${file}:${lineOf(pos[0])}: ${(message.split('\n')[0] as string).replace(/ at line .*$/, '')}`,
      ),
    );
  }
  const whole: unknown = document.toJS();
  if (!isRecord(whole)) throw new ScenarioError([`${file}:1: expected a scenario: fields such as name, load, storage, paths`]);
  const { variants = [], ...base } = whole;
  const lines: string[] = [];
  const root = document.contents as Node;
  const check = (variant: string, value: unknown, prefixes: readonly Field[]): void => {
    const placeOf = (field: Field): string => `${file}:${placeIn(root, prefixes, field, field, lineOf)}`;
    const read = scenarioSchema.safeParse(value);
    if (read.success) scenarios.push({ variant, scenario: read.data, placeOf });
    else for (const issue of read.error.issues) lines.push(`${file}:${describe(issue, value, root, prefixes, lineOf)}`);
  };
  const scenarios: NamedScenario[] = [];
  const names = new Set<string>();
  if (!Array.isArray(variants) || variants.length === 0) {
    check('', base, [[]]);
    if (!Array.isArray(variants)) lines.push(`${file}:${lineOf(offsetOf(root, ['variants']))}: variants: expected a list`);
  } else {
    for (const [index, change] of variants.entries()) {
      const at: Field = ['variants', index];
      const name: unknown = isRecord(change) ? change['name'] : undefined;
      if (!isRecord(change) || typeof name !== 'string' || !/^[\w.-]+$/.test(name)) {
        lines.push(
          `${file}:${lineOf(offsetOf(root, at))}: ${fieldName(at)}: expected fields, and a name of letters, digits, _ . -`,
        );
        continue;
      }
      if (names.has(name)) {
        lines.push(`${file}:${lineOf(offsetOf(root, at))}: ${fieldName(at)}: the name "${name}" is there twice`);
      }
      names.add(name);
      const { name: _, ...changes } = change;
      check(name, merge(base, changes), [at, []]);
    }
  }
  if (lines.length > 0) throw new ScenarioError([...new Set(lines)]);
  return scenarios;
}

function merge(base: Readonly<Record<string, unknown>>, changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const had = merged[name];
    if (value === null) delete merged[name];
    else if (isRecord(value) && isRecord(had)) merged[name] = merge(had, value);
    else merged[name] = value;
  }
  return merged;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// ---- where something is wrong -----------------------------------------------------------------------------------------

function describe(
  issue: z.core.$ZodIssue,
  value: unknown,
  root: Node,
  prefixes: readonly Field[],
  lineOf: (offset: number | undefined) => number,
): string {
  const field = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  const exact: Field = issue.code === 'unrecognized_keys' ? [...field, issue.keys[0] as string] : field;
  return `${placeIn(root, prefixes, field, exact, lineOf)}${wording(issue, valueAt(value, field))}`;
}

/** `LINE: FIELD: `; the line is that of `exact`, or of the nearest thing around it. */
function placeIn(
  root: Node,
  prefixes: readonly Field[],
  field: Field,
  exact: Field,
  lineOf: (offset: number | undefined) => number,
): string {
  // in the variant if it says so itself, else in what it is a variant of
  const offset = prefixes
    .map((prefix) => offsetOf(root, [...prefix, ...exact], prefix.length + 1))
    .find((at) => at !== undefined);
  const name = fieldName(field);
  return `${lineOf(offset ?? offsetOf(root, prefixes[0] as Field))}: ${name === '' ? '' : `${name}: `}`;
}

function valueAt(value: unknown, field: Field): unknown {
  let at = value;
  for (const [depth, step] of field.entries()) {
    if (isRecord(at) && Object.hasOwn(at, step)) at = at[step];
    else if (Array.isArray(at)) at = at[Number(step)];
    // a single load may stand where a list may
    else if (depth === 0 || field[depth - 1] !== 'load') return undefined;
  }
  return at;
}

function wording(issue: z.core.$ZodIssue, got: unknown): string {
  // a schema's own words
  if (issue.code !== 'custom' && issue.message.startsWith('expected')) return `${issue.message}${found(got)}`;
  switch (issue.code) {
    case 'invalid_type':
      return got === undefined
        ? `is missing: expected ${KINDS[issue.expected] ?? issue.expected}`
        : `expected ${KINDS[issue.expected] ?? issue.expected}, got ${kindOf(got)}`;
    case 'invalid_value':
      return `${got === undefined ? 'is missing: ' : ''}expected one of ${issue.values.map(String).join(', ')}${found(got)}`;
    case 'too_small':
      return issue.origin === 'string'
        ? `expected a text that is not empty`
        : `expected at least ${issue.minimum}${issue.origin === 'array' ? ' entries' : ''}${found(got)}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${found(got)}`;
    default:
      return issue.message;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  record: 'a group of fields',
  object: 'a group of fields',
  string: 'a text',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : String(value);
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? 'a text' : 'a group of fields';
}

/** Only what can be said in a few words. */
function found(value: unknown): string {
  const isSimple = ['string', 'number', 'boolean'].includes(typeof value);
  return isSimple && String(value).length < 60 ? `, got ${JSON.stringify(value)}` : '';
}

function fieldName(path: Field): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step + 1}]` : index === 0 ? step : `.${step}`)).join('');
}

/** Of the deepest node that there is, if at least `least` steps of the path are. */
function offsetOf(root: Node, path: Field, least = 0): number | undefined {
  let node: unknown = root;
  let offset = root.range?.[0];
  for (const [depth, step] of path.entries()) {
    const next = childOf(node, step);
    if (next === undefined) {
      // a single load may stand where a list may
      if (step === 0 && isMap(node)) continue;
      return depth >= least ? offset : undefined;
    }
    node = next.value;
    offset = next.offset ?? offset;
  }
  return offset;
}

function childOf(node: unknown, step: string | number): { value: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
    if (pair !== undefined) return { value: pair.value, offset: (pair.key as Node).range?.[0] };
  } else if (isSeq(node)) {
    const item = node.items[Number(step)] as Node | undefined;
    if (item !== undefined) return { value: item, offset: item.range?.[0] };
  }
  return undefined;
}
