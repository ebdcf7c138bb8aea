// `delay=A`, `delay=B/KiB`, `delay=A+B/KiB`: how long a call takes. A and B are numbers with ns, us, ms or s; B may also
// be said for each MiB. Examples: `200us`, `200us+2us/KiB`, `4ms+10us/KiB`, `1ms/MiB`.

/** The service time of one call: `fixedMs + bytes * byteMs`. */
export interface DelayRule {
  readonly fixedMs: number;
  readonly byteMs: number;
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000 };
const BYTES_OF_UNIT: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 };
const TERM = /^(\d+(?:\.\d+)?)(ns|us|ms|s)(?:\/(KiB|MiB))?$/;

export const DELAY_EXPECTED = 'a time such as 200us, 2us/KiB or 200us+2us/KiB (ns, us, ms, s; /KiB, /MiB)';

/** undefined when the text is no delay rule. */
export function parseDelayRule(text: string): DelayRule | undefined {
  let fixedMs = 0;
  let byteMs = 0;
  for (const term of text.split('+')) {
    const match = TERM.exec(term);
    if (match === null) return undefined;
    const ms = Number(match[1]) * MS_OF_UNIT[match[2]];
    if (match[3] === undefined) fixedMs += ms;
    else byteMs += ms / BYTES_OF_UNIT[match[3]];
  }
  return { fixedMs, byteMs };
}
