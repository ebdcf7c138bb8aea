// How results are told: as JSON for programs, as a table for people.

import type { Result } from './bench.ts';

export const SCHEMA = 1;

export function toJson(bench: string, results: readonly Result[]): string {
  const bare = results.map(({ name, value, unit }) => ({ name, value, unit }));
  return `${JSON.stringify({ schema: SCHEMA, bench, results: bare }, undefined, 2)}\n`;
}

/** `hasColor`: a figure that misses its reach stands out. */
export function toTable(results: readonly Result[], hasColor: boolean): string {
  const rows = results.map((result) => ({ ...result, text: formatValue(result) }));
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const textWidth = Math.max(...rows.map(({ text }) => text.length));
  return rows
    .map((row) => {
      const line = `${row.name.padEnd(nameWidth)}  ${row.text.padStart(textWidth)}  ${judgement(row)}`.trimEnd();
      return hasColor && isMissed(row) ? `\x1b[31m${line}\x1b[39m\n` : `${line}\n`;
    })
    .join('');
}

function formatValue({ value, unit }: Result): string {
  if (unit === 'ratio') return `${value.toFixed(2)} ×`;
  const text = Number.isInteger(value) || value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
  return `${text} ${unit}`;
}

function isMissed({ value, reach }: Result): boolean {
  if (reach === undefined) return false;
  return 'atLeast' in reach ? value < reach.atLeast : value > reach.atMost;
}

function judgement(result: Result): string {
  const { reach, unit } = result;
  if (reach === undefined) return '';
  const bound = 'atLeast' in reach ? `at least ${reach.atLeast}` : `at most ${reach.atMost}`;
  return `${isMissed(result) ? 'missed' : 'reached'}: ${bound.replace(/\d{4,}/, (digits) => Number(digits).toLocaleString('en'))}${unit === 'ratio' ? ' ×' : ''}`;
}
