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

/**
 * Sectors in the unit that `--units` asks for, capital letters for powers of 1000; by default in the largest unit that
 * leaves a number from 1 on, which is the only one that is named.
 */
export function sizeText(call: Call, sectors: number): string {
  const unit = call.switches.value('units') ?? 'h';
  const letter = unit.toLowerCase();
  if (sectors === 0 && letter !== 'b') return '0';
  if (letter === 's') return `${Math.round(sectors)}`;
  const bytes = sectors * SECTOR_BYTES;
  const base = unit === letter ? 1024 : 1000;
  if (letter === 'h') {
    const power = Math.max(0, Math.min(LETTERS.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(base) + 1e-9)));
    const name = LETTERS[power] as string;
    return `${power === 0 ? Math.round(bytes) : (bytes / base ** power).toFixed(2)}${base === 1000 ? name.toUpperCase() : name}`;
  }
  const power = LETTERS.indexOf(letter);
  return power === 0 ? `${Math.round(bytes)}` : (bytes / base ** power).toFixed(2);
}

/** Zero where the original works it out instead of knowing it. */
export function zeroText(call: Call): string {
  const letter = (call.switches.value('units') ?? 'h').toLowerCase();
  if (letter === 'h') return '0b';
  return letter === 'b' || letter === 's' ? '0' : '0.00';
}
