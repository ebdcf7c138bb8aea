// Text in pieces of any size, line by line. Lines end by \n or \r\n; the last one may lack its end; lines of nothing or of blanks are passed over.

import { quoted } from './errors.ts';
import type { ReadContext, Reader } from './format/format.ts';
import { LineCursor } from './line-cursor.ts';

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const TAB = 9;
/** A line that is longer is no line of a trace. */
const LINE_BYTES_MAX = 65536;
/** For takers that use patterns, whose time may grow with the square of the length. */
export const PATTERN_LINE_BYTES_MAX = 1024;

/**
 * Takes one line, which is not blank. Returns undefined when the line was used or has rightly nothing to give, else the reason why
 * it is left out; the cursor stands where the reason is. `isFirst` is the first of them, which may be a header.
 */
export type LineTaker = (line: LineCursor, isFirst: boolean) => string | undefined;

/** A reader that hands each line to `take`. */
export function lineReader(context: ReadContext, take: LineTaker, end?: () => void): Reader {
  return new LineReader(context, take, end);
}

/** The same for a taker that uses patterns: lines that are too long for one are left out. */
export function patternReader(context: ReadContext, take: LineTaker, end?: () => void): Reader {
  const checked: LineTaker = (line, isFirst) =>
    line.end - line.at > PATTERN_LINE_BYTES_MAX ? `a line of more than ${PATTERN_LINE_BYTES_MAX} bytes` : take(line, isFirst);
  return new LineReader(context, checked, end);
}

class LineReader implements Reader {
  seen = 0;
  readonly #context: ReadContext;
  readonly #take: LineTaker;
  readonly #end: (() => void) | undefined;
  readonly #cursor: LineCursor = new LineCursor();
  #number = 0;
  #isBegun = false;
  /** Inside a line that is too long, of which the beginning is gone. */
  #isOverlong = false;

  constructor(context: ReadContext, take: LineTaker, end: (() => void) | undefined) {
    this.#context = context;
    this.#take = take;
    this.#end = end;
  }

  read(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    const cursor = this.#cursor;
    const take = this.#take;
    cursor.bytes = bytes;
    let start = from;
    for (;;) {
      let end = start;
      while (end < to && bytes[end] !== NEWLINE) end++;
      if (end === to) {
        if (isLast) {
          if (start < to && !this.#isOverlong) this.#line(bytes, start, to, take);
          return to;
        }
        return to - start > LINE_BYTES_MAX ? this.#overlong(to) : start;
      }
      if (this.#isOverlong) this.#isOverlong = false;
      else this.#line(bytes, start, end, take);
      start = end + 1;
    }
  }

  #line(bytes: Buffer, start: number, end: number, take: LineTaker): void {
    this.#number++;
    let stop = end;
    if (stop > start && bytes[stop - 1] === RETURN) stop--;
    if (stop === start) return;
    const cursor = this.#cursor;
    cursor.at = start;
    cursor.end = stop;
    const isFirst = !this.#isBegun;
    if (isFirst && isBlank(bytes, start, stop)) return;
    this.#isBegun = true;
    const reason = take(cursor, isFirst);
    if (reason === undefined) {
      this.seen++;
      return;
    }
    // looked at where something is wrong only, since most lines are as expected
    if (reason === IS_BLANK || isBlank(bytes, start, stop)) return;
    this.seen++;
    const column = cursor.at - start + 1;
    const found = cursor.at >= stop ? 'the end of the line' : quoted(bytes, cursor.at, stop);
    this.#context.skips.skip(`line ${this.#number}, column ${column}`, reason, found);
  }

  #overlong(to: number): number {
    if (!this.#isOverlong) {
      this.#number++;
      this.seen++;
      this.#isOverlong = true;
      this.#context.skips.skip(`line ${this.#number}`, `a line of more than ${LINE_BYTES_MAX} bytes`);
    }
    return to;
  }

  end(): void {
    this.#end?.();
  }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at === to;
}

/** What a taker returns for a line that does not count at all, such as a comment. */
export const IS_BLANK = '';
