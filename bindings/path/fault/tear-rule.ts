// What stands behind `tear=`: the grammar is in tear.ts.

import { parseSeed } from './random.ts';

export interface TearRule {
  readonly seed: number;
  /** 1: every write. */
  readonly every: number;
}

export const TEAR_EXPECTED = 'SEED[/N] such as 7/100, N at least 1';

/** undefined when the text is no rule. */
export function parseTearRule(text: string): TearRule | undefined {
  const match = /^(\d+)(?:\/(\d+))?$/.exec(text);
  const seed = match === null ? undefined : parseSeed(match[1]);
  if (match === null || seed === undefined) return undefined;
  const every = Number(match[2] ?? 1);
  return every >= 1 && Number.isSafeInteger(every) ? { seed, every } : undefined;
}
