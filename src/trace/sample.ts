// The beginning of a trace, from which its format is found.

import type { Sample } from './format/format.ts';

/** How much of the beginning is looked at. */
export const SAMPLE_BYTES = 65536;
const LINES_MAX = 400;
/** Longer lines are cut before patterns look at them. */
const LINE_BYTES_MAX = 1024;
/** A text may hold a few odd bytes, as process names do. */
const ODD_SHARE_MAX = 0.02;

export function sampleOf(bytes: Buffer, isWhole: boolean): Sample {
  return { bytes, isWhole, lines: isText(bytes) ? linesOf(bytes, isWhole) : [] };
}

function isText(bytes: Buffer): boolean {
  let odd = 0;
  for (const byte of bytes) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) odd++;
  return bytes.length > 0 && odd <= bytes.length * ODD_SHARE_MAX && !bytes.subarray(0, 64).includes(0);
}

function linesOf(bytes: Buffer, isWhole: boolean): string[] {
  const lines = bytes.toString('latin1').split('\n');
  // the last one may go on after the sample
  if (!isWhole && lines.length > 1) lines.pop();
  return lines
    .map((line) => line.slice(0, LINE_BYTES_MAX).replace(/\r$/, ''))
    .filter((line) => line.trim() !== '')
    .slice(0, LINES_MAX);
}

/** The share of lines that a pattern matches, from line `first` on; those that `beside` matches do not count. */
export function share(lines: readonly string[], pattern: RegExp, first = 0, beside?: RegExp): number {
  let all = 0;
  let matching = 0;
  for (let i = first; i < lines.length; i++) {
    const line = lines[i] as string;
    if (beside?.test(line)) continue;
    all++;
    if (pattern.test(line)) matching++;
  }
  return all === 0 ? 0 : matching / all;
}
