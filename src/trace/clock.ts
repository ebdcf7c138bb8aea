// Stamps of a trace, as nanoseconds since its first one. Seconds and nanoseconds are subtracted apart, so that stamps since 1601
// or 1970 lose nothing in a double.

export class Clock {
  #seconds = Number.NaN;
  #nanos = 0;

  /** Nanoseconds from the first stamp that was asked for to this one. */
  since(seconds: number, nanos: number): number {
    if (Number.isNaN(this.#seconds)) {
      this.#seconds = seconds;
      this.#nanos = nanos;
      return 0;
    }
    return (seconds - this.#seconds) * 1e9 + (nanos - this.#nanos);
  }

  get isSet(): boolean {
    return !Number.isNaN(this.#seconds);
  }
}
