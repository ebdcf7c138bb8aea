// The words that say how `rqdm serve` looks after the paths of multipath devices, in `--checker` and in the configuration:
//
//   checker read interval=5 failback=immediate no_path_retry=12 marginal=60
//
//   read              a block of each path is read (the only kind)
//   interval=S        seconds between two checks of a path; max_interval=S: at most, while it is well
//   timeout=S         a check without an answer for so long has failed
//   failback=…        manual, immediate, or after so many seconds
//   no_path_retry=…   fail, queue, or so many intervals until I/O without a path fails
//   marginal=S        two failures within S seconds, and a path is held back until it has proved itself

import type { PathCheckerOptions } from '../../bindings/index.ts';
import { ControlError } from './protocol.ts';

type Words = Omit<{ -readonly [Key in keyof PathCheckerOptions]: PathCheckerOptions[Key] }, 'priority' | 'log'>;

const SECONDS = /^\d+(\.\d+)?$/;

/** Throws ControlError (EINVAL) that names the word. */
export function parseChecker(words: readonly string[]): PathCheckerOptions {
  const options: Words = { checker: 'read' };
  for (const word of words) {
    if (word === 'read') continue;
    const [name = '', value = ''] = word.split('=', 2);
    if (name === 'failback') options.failback = oneOf(word, value, ['manual', 'immediate'] as const);
    else if (name === 'no_path_retry') options.noPathRetry = oneOf(word, value, ['fail', 'queue'] as const);
    else if (name === 'interval') options.intervalMs = milliseconds(word, value);
    else if (name === 'max_interval') options.intervalMsMax = milliseconds(word, value);
    else if (name === 'timeout') options.timeoutMs = milliseconds(word, value);
    else if (name === 'marginal') options.marginal = { doubleFailedMs: milliseconds(word, value) };
    else {
      const expected = 'read, interval=, max_interval=, timeout=, failback=, no_path_retry= or marginal=';
      throw new ControlError('EINVAL', `checker: expected ${expected}, got "${word}"`);
    }
  }
  return options;
}

function milliseconds(word: string, value: string): number {
  const ms = SECONDS.test(value) ? Number(value) * 1000 : 0;
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new ControlError('EINVAL', `checker: expected seconds above 0, got "${word}"`);
}

function oneOf<T extends string>(word: string, value: string, names: readonly T[]): T | number {
  const name = names.find((one) => one === value);
  if (name !== undefined) return name;
  if (/^\d{1,6}$/.test(value)) return Number(value);
  throw new ControlError('EINVAL', `checker: expected ${names.join(', ')} or a whole number, got "${word}"`);
}
