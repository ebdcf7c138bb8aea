// Does what a case printed agree with its transcript?

import { deviceOf, grouped, normalised } from './normalisation.ts';

export interface Verdict {
  readonly isGood: boolean;
  /** Lines of the transcript that are there, in their order, and all. */
  readonly equal: number;
  readonly lines: number;
  /** Lines with `-` (only in the transcript), `+` (only printed) or a blank before them; empty where all are equal. */
  readonly difference: readonly string[];
}

/** Of a trace so many of its lines must be equal, for each device and in its order. */
const TRACE_SHARE = 0.9;
const CONTEXT_LINES = 2;

export function judge(name: string, transcript: string, printed: string): Verdict {
  const [should, did] = [normalised(transcript), normalised(printed)];
  if (!name.startsWith('trace-')) {
    const steps = compare(grouped(should), grouped(did));
    return { isGood: steps.every(({ mark }) => mark === ' '), ...counted(steps, should), difference: excerpt(steps) };
  }
  const steps = byDevice(should, did).flatMap(([one, other]) => compare(one, other));
  const { equal, lines } = counted(steps, should);
  const most = Math.max(should.length, did.length);
  return { isGood: equal >= TRACE_SHARE * most, equal, lines: most === lines ? lines : most, difference: excerpt(steps) };
}

/** The lines of each device, and those of none, as pairs: of the transcript and of what was printed. */
function byDevice(should: readonly string[], did: readonly string[]): [string[], string[]][] {
  const keys = [...new Set([...should, ...did].map(deviceOf))];
  const of = (lines: readonly string[], key: string): string[] => lines.filter((line) => deviceOf(line) === key);
  return keys.map((key) => [of(should, key), of(did, key)]);
}

interface Step {
  readonly mark: ' ' | '-' | '+';
  readonly line: string;
}

function counted(steps: readonly Step[], should: readonly string[]): { equal: number; lines: number } {
  return { equal: steps.filter(({ mark }) => mark === ' ').length, lines: should.length };
}

/** The longest common subsequence, as steps from one to the other. */
function compare(should: readonly string[], did: readonly string[]): Step[] {
  const [rows, columns] = [should.length, did.length];
  const lengths = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const [row, next] = [lengths[i] as Uint32Array, lengths[i + 1] as Uint32Array];
      row[j] = should[i] === did[j] ? (next[j + 1] as number) + 1 : Math.max(next[j] as number, row[j + 1] as number);
    }
  }
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < rows || j < columns) {
    if (i < rows && j < columns && should[i] === did[j]) {
      steps.push({ mark: ' ', line: should[i++] as string });
      j++;
    } else if (j >= columns || (i < rows && (lengths[i + 1]?.[j] as number) >= (lengths[i]?.[j + 1] as number))) {
      steps.push({ mark: '-', line: should[i++] as string });
    } else {
      steps.push({ mark: '+', line: did[j++] as string });
    }
  }
  return steps;
}

/** The steps that differ, with some lines around them. */
function excerpt(steps: readonly Step[]): string[] {
  const isNear = steps.map((_, at) =>
    steps.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some(({ mark }) => mark !== ' '),
  );
  return steps.flatMap(({ mark, line }, at) => {
    if (!isNear[at]) return [];
    const isBreak = at > 0 && !isNear[at - 1];
    return [...(isBreak ? ['  …'] : []), `${mark} ${line}`];
  });
}
