// What can be wrong with a trace, and the count of what was left out of one.

import { RqdmError } from '../../bindings/index.ts';
import type { TraceSkips } from './records.ts';

/** A trace that cannot be read or written. `code` is `ERR_RQDM_TRACE`. */
export class TraceError extends RqdmError {
  override readonly name: string = 'TraceError';
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RQDM_TRACE', message, options);
  }
}

const FIRST_MAX = 10;
/** A reason that quotes the trace would be new each time: those after so many different ones are counted together. */
const REASONS_MAX = 50;
const OTHER_REASONS = 'other reasons';

/** Counts what is left out, with its reasons, and remembers where the first ones were. */
export class Skips implements TraceSkips {
  count = 0;
  readonly reasons: Map<string, number> = new Map();
  readonly first: string[] = [];
  readonly #isStrict: boolean;
  readonly #name: string;

  /** When strict, the first thing to be left out ends the reading. `name` is the trace's, for the error. */
  constructor(name: string, isStrict: boolean) {
    this.#name = name;
    this.#isStrict = isStrict;
  }

  /** Leaves out what is at `place` (`line 17`, `byte 4096`). `count` of them. */
  skip(place: string, reason: string, found = '', count = 1): void {
    const text = `${place}: ${reason}${found === '' ? '' : `, found ${found}`}`;
    if (this.#isStrict) throw new TraceError(`${this.#name}: ${text}`);
    this.count += count;
    if (this.first.length < FIRST_MAX) this.first.push(text);
    const key = this.reasons.has(reason) || this.reasons.size < REASONS_MAX ? reason : OTHER_REASONS;
    this.reasons.set(key, (this.reasons.get(key) ?? 0) + count);
  }
}

/** Bytes of a trace as a quoted word for a message, cut where it is long. */
export function quoted(bytes: Uint8Array, from: number, to: number): string {
  const cut = Math.min(to, from + 60);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, cut - from).toString('latin1');
  return JSON.stringify(cut < to ? `${text}…` : text);
}
