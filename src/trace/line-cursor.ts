// A line of a text trace, read field by field from its bytes: no strings on the way. A field that is not as expected leaves
// the place where it is and says so in the result (-1 or false).

const DIGIT_ZERO = 48;
const DOT = 46;
const SPACE = 32;
const TAB = 9;
/** Decimal places of a second down to a nanosecond. */
const NANO_PLACES = 9;

const POWERS: readonly number[] = Array.from({ length: 16 }, (_, i) => 10 ** i);

export class LineCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** The time that `time` has read: whole seconds, and nanoseconds on top of them. */
  seconds = 0;
  nanos = 0;

  get isEnd(): boolean {
    return this.at >= this.end;
  }

  /** A whole number of decimal digits, at most 2^53-1, or -1. */
  whole(): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = 0;
    while (at < end) {
      const digit = (bytes[at] as number) - DIGIT_ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    if (at === this.at || value > Number.MAX_SAFE_INTEGER) return -1;
    this.at = at;
    return value;
  }

  /** Goes past digits, as many as there are; false if there was none. */
  digits(): boolean {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    while (at < end && (bytes[at] as number) >= DIGIT_ZERO && (bytes[at] as number) < DIGIT_ZERO + 10) at++;
    this.at = at;
    return at > start;
  }

  /** A whole number of hexadecimal digits without a prefix, at most 2^32-1, or -1. */
  hexadecimal(): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = 0;
    while (at < end) {
      const byte = (bytes[at] as number) | 0x20;
      const digit = byte >= 97 && byte <= 102 ? byte - 87 : byte >= 48 && byte <= 57 ? byte - 48 : -1;
      if (digit < 0) break;
      value = value * 16 + digit;
      at++;
    }
    if (at === this.at || value > 0xffff_ffff) return -1;
    this.at = at;
    return value;
  }

  /**
   * A time in units of 10^-places seconds (0 seconds, 3 ms, 6 us, 7 ticks of 100 ns, 9 ns), with or without a fraction, into
   * `seconds` and `nanos`; exact to the nanosecond whatever its size. Finer digits are dropped.
   */
  time(places: number): boolean {
    const { bytes, end } = this;
    let stop = this.at;
    while (stop < end) {
      const digit = (bytes[stop] as number) - DIGIT_ZERO;
      if (digit < 0 || digit > 9) break;
      stop++;
    }
    if (stop === this.at) return false;
    const split = stop - places;
    let at = this.at;
    let seconds = 0;
    for (; at < split; at++) seconds = seconds * 10 + (bytes[at] as number) - DIGIT_ZERO;
    let nanos = 0;
    for (; at < stop; at++) nanos = nanos * 10 + (bytes[at] as number) - DIGIT_ZERO;
    let missing = NANO_PLACES - places;
    if (stop < end && bytes[stop] === DOT) {
      stop++;
      for (; stop < end; stop++) {
        const digit = (bytes[stop] as number) - DIGIT_ZERO;
        if (digit < 0 || digit > 9) break;
        if (missing > 0) {
          nanos = nanos * 10 + digit;
          missing--;
        }
      }
    }
    if (seconds > Number.MAX_SAFE_INTEGER) return false;
    this.seconds = seconds;
    this.nanos = nanos * (POWERS[missing] as number);
    this.at = stop;
    return true;
  }

  /** The byte here if it is `byte`: goes past it. */
  take(byte: number): boolean {
    if (this.at < this.end && this.bytes[this.at] === byte) {
      this.at++;
      return true;
    }
    return false;
  }

  /** The byte here, or -1 at the end. */
  peek(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : -1;
  }

  /** Goes past blanks; false if there was none. */
  blanks(): boolean {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
    this.at = at;
    return at > start;
  }

  /** Goes past everything up to a blank or the end; false if there is nothing. */
  word(): boolean {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    while (at < end && bytes[at] !== SPACE && bytes[at] !== TAB) at++;
    this.at = at;
    return at > start;
  }

  /** Goes up to the next `byte`, or to the end; false at the end. */
  upTo(byte: number): boolean {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end && bytes[at] !== byte) at++;
    this.at = at;
    return at < end;
  }

  /** The text between two places. */
  text(from: number, to: number): string {
    const { bytes } = this;
    return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
  }

  /** Whether the bytes between two places are those of `word`, which is ASCII. */
  isWord(from: number, to: number, word: string): boolean {
    if (to - from !== word.length) return false;
    for (let i = 0; i < word.length; i++) if (this.bytes[from + i] !== word.charCodeAt(i)) return false;
    return true;
  }
}
