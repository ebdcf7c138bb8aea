// From a file to scenarios: YAML or JSON (which is YAML too), checked by the schema; what is wrong is told with its line, its
// field and what was expected.
//
// A file is one scenario, and perhaps `variants`: changes of it, each with a name. A change is merged field by field; null
// takes a field away.

import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { RqdmError } from '../../bindings/index.ts';
import type { Scenario } from './scenario.ts';
import { scenarioSchema } from './scenario-schema.ts';

export interface NamedScenario {
  /** Empty: the scenario itself. */
  readonly variant: string;
  readonly scenario: Scenario;
}

type Path = readonly (string | number)[];

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
  const check = (value: unknown, prefixes: readonly Path[]): Scenario | undefined => {
    const read = scenarioSchema.safeParse(value);
    if (read.success) return read.data;
    for (const issue of read.error.issues) lines.push(`${file}:${describe(issue, root, prefixes, lineOf)}`);
    return undefined;
  };
  const scenarios: NamedScenario[] = [];
  if (!Array.isArray(variants) || variants.length === 0) {
    const scenario = check(base, [[]]);
    if (scenario !== undefined) scenarios.push({ variant: '', scenario });
    if (!Array.isArray(variants)) lines.push(`${file}:${lineOf(offsetOf(root, ['variants']))}: variants: expected a list`);
  } else {
    for (const [index, change] of variants.entries()) {
      const at: Path = ['variants', index];
      const name: unknown = isRecord(change) ? change['name'] : undefined;
      if (!isRecord(change) || typeof name !== 'string' || !/^[\w.-]+$/.test(name)) {
        lines.push(
          `${file}:${lineOf(offsetOf(root, at))}: ${fieldName(at)}: expected fields, and a name of letters, digits, _ . -`,
        );
        continue;
      }
      if (scenarios.some(({ variant }) => variant === name)) {
        lines.push(`${file}:${lineOf(offsetOf(root, at))}: ${fieldName(at)}: the name "${name}" is there twice`);
      }
      const { name: _, ...changes } = change;
      const scenario = check(merge(base, changes), [at, []]);
      if (scenario !== undefined) scenarios.push({ variant: name, scenario });
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
  root: Node,
  prefixes: readonly Path[],
  lineOf: (offset: number | undefined) => number,
): string {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  const exact: Path = issue.code === 'unrecognized_keys' ? [...path, issue.keys[0] as string] : path;
  // in the variant if it says so itself, else in what it is a variant of
  const offset = prefixes
    .map((prefix) => offsetOf(root, [...prefix, ...exact], prefix.length + 1))
    .find((at) => at !== undefined);
  const field = fieldName(path);
  return `${lineOf(offset ?? offsetOf(root, prefixes[0] as Path))}: ${field === '' ? '' : `${field}: `}${wording(issue)}`;
}

function wording(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const got = /received (\w+)/.exec(issue.message)?.[1] ?? 'something else';
    return got === 'undefined'
      ? `is missing: expected ${article(issue.expected)}`
      : `expected ${article(issue.expected)}, got ${article(got)}`;
  }
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `expected at least ${issue.minimum}${issue.origin === 'array' ? ' entries' : ''}`;
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}`;
  const forwarded = /^Invalid input: expected (\w+), received (\w+)$/.exec(issue.message);
  if (forwarded !== null) return `expected ${article(forwarded[1] as string)}, got ${article(forwarded[2] as string)}`;
  return issue.message
    .replace(/^Invalid (input|option): /, '')
    .replace(/"[^"]+"(\|"[^"]+")+/, (words) => words.replaceAll('"', '').replaceAll('|', ', '));
}

function article(kind: string): string {
  const named =
    { int: 'whole number', record: 'group of fields', object: 'group of fields', string: 'text', array: 'list' }[kind] ?? kind;
  return `${/^[aeiou]/.test(named) ? 'an' : 'a'} ${named}`;
}

function fieldName(path: Path): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step + 1}]` : index === 0 ? step : `.${step}`)).join('');
}

/** Of the deepest node that there is, if at least `least` steps of the path are. */
function offsetOf(root: Node, path: Path, least = 0): number | undefined {
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
