// Where a mapper takes its time from. The core has no clock: whoever drives it says what time it is and comes back when a
// timer is due. So the same library runs on the machine's clock (real-time.ts) and on a virtual one (virtual-time.ts).
//
// Nanoseconds throughout, as whole numbers above 0 (exact to 2^53: 104 days).

/** Runs something once at the end of the present turn, however often it is asked for in the turn. */
export interface Turn {
  /** What this turn submits until then is one plug. */
  schedule(): void;
  /** A batch has ended while it was submitted. True: let others have their turn before its caller goes on. */
  isDue(): boolean;
}

export interface TimerOptions {
  /** To some 50 us; otherwise a timer may be late by a millisecond and more. */
  readonly isPrecise?: boolean;
  /** Nobody's I/O waits for it: it does not keep the process alive. */
  readonly isIdle?: boolean;
}

/** One alarm that is set again and again: on virtual time nothing is allocated for that. */
export interface Timer {
  /** Instead of what it was set to before. It runs once, from a turn of its own. */
  set(atNs: number, isIdle?: boolean): void;
  clear(): void;
}

export interface Time {
  /** Monotonic. */
  now(): number;
  /** Calls `run` once, from a turn of its own, when `now()` has reached `atNs`. Returns what cancels it. */
  at(atNs: number, run: () => void, options?: TimerOptions): () => void;
  /** An alarm that is not set yet. */
  timer(run: () => void, options?: Pick<TimerOptions, 'isPrecise'>): Timer;
  /** `run` at the ends of turns. */
  turn(run: () => void): Turn;
}
