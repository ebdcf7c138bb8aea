// All formats that can be read. Detection asks each how sure it is; the surest has it, and of equals the first.

import { TraceError } from '../errors.ts';
import { blktrace } from './blktrace.ts';
import type { Sample, TraceFormat } from './format.ts';

export const FORMATS: readonly TraceFormat[] = [
  blktrace,
];

const SURE_ENOUGH = 0.5;

/** The format of that name. Throws TraceError with the names there are. */
export function findFormat(name: string): TraceFormat {
  const found = FORMATS.find((format) => format.name === name);
  if (found) return found;
  throw new TraceError(`format ${JSON.stringify(name)} is not known: expected ${FORMATS.map((format) => format.name).join(', ')}`);
}

/** The format of a trace by its beginning. Throws TraceError. */
export function detectFormat(sample: Sample, name: string): TraceFormat {
  if (sample.bytes.length === 0) throw new TraceError(`${name}: the file is empty`);
  let best: TraceFormat | undefined;
  let bestScore = SURE_ENOUGH;
  for (const format of FORMATS) {
    const score = format.detect(sample);
    if (score > bestScore) {
      best = format;
      bestScore = score;
    }
  }
  if (best) return best;
  const start = sample.lines[0] ?? `bytes ${sample.bytes.subarray(0, 16).toString('hex')}`;
  throw new TraceError(`${name}: no known trace format: it begins with ${JSON.stringify(start.slice(0, 80))} (rqdm trace formats; --format names one)`);
}
