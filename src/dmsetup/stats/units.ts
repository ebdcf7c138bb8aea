// Sizes with units: of switches, and in reports.

import type { Call } from '../call.ts';
import { ReportError } from '../failure.ts';

const LETTERS = 'bkmgtpe';
const SECTOR_BYTES = 512;

/** A size of a switch in sectors: a number with one of `b s k m g t p e`, sectors without; undefined if it is none. */
export function parseSectors(text: string): number | undefined {
  const found = /^(\d+)([bskmgtpe]?)$/i.exec(text);
  if (!found) return undefined;
  const [, digits, unit] = found as unknown as [string, string, string];
  const letter = unit.toLowerCase();
  if (letter === '' || letter === 's') return Number(digits);
  return (Number(digits) * 1024 ** LETTERS.indexOf(letter)) / SECTOR_BYTES;
}

export function checkUnits(call: Call): void {
  const units = call.switches.value('units');
  if (units !== undefined && !/^[hbskmgtpe]$/i.test(units)) throw new ReportError('Invalid --units argument.');
}

/** Sectors in the unit that `--units` asks for; by default the largest that leaves a number from 1 on. */
export function sizeText(call: Call, sectors: number): string {
  const unit = (call.switches.value('units') ?? 'h').toLowerCase();
  const suffix = (letter: string): string => (call.has('nosuffix') ? '' : letter);
  if (sectors === 0 && unit === 'h') return '0';
  if (unit === 's') return `${Math.round(sectors)}${suffix('s')}`;
  const bytes = sectors * SECTOR_BYTES;
  const fitting = Math.max(0, Math.min(LETTERS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const power = unit === 'h' ? fitting : LETTERS.indexOf(unit);
  const letter = LETTERS[power] as string;
  return `${power === 0 ? Math.round(bytes) : (bytes / 1024 ** power).toFixed(2)}${suffix(letter)}`;
}
