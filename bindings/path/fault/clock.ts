// The clock of delays: milliseconds, and a timer that is precise to some 50 µs. setTimeout alone is late by a
// millisecond and more, so the last two milliseconds are spent in turns of the event loop. Tests put another in place.

export interface PathClock {
  /** Milliseconds, monotonic, with microseconds behind the point. */
  now(): number;
  /** Calls `run` once when `now()` has reached `atMs`; returns a function that cancels it. */
  at(atMs: number, run: () => void): () => void;
}

const SPIN_MS = 2;

export const realClock: PathClock = {
  now: () => performance.now(),
  at(atMs, run) {
    let timeout: NodeJS.Timeout | undefined;
    let turn: NodeJS.Immediate | undefined;
    const look = (): void => {
      const left = atMs - performance.now();
      if (left <= 0) run();
      else if (left <= SPIN_MS) turn = setImmediate(look);
      else timeout = setTimeout(look, Math.floor(left - SPIN_MS + 0.5));
    };
    // Not at once even when the time has come: whoever asks is in the middle of something.
    if (atMs - performance.now() <= SPIN_MS) turn = setImmediate(look);
    else look();
    return () => {
      clearTimeout(timeout);
      clearImmediate(turn);
    };
  },
};
