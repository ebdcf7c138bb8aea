// Who is told when a caller's AbortSignal goes off. One listener for each signal, however much waits under it, and none
// while nothing does: a signal may live as long as the program and see millions of reads.

/** Something that a signal may end before its time. */
export interface Abortable {
  /** Called once, after which it need not be removed any more. It may not call user code. */
  abort(reason: unknown): void;
}

interface Watched {
  readonly waiting: Set<Abortable>;
  readonly listener: () => void;
}

export class Signals {
  readonly #watched: Map<AbortSignal, Watched> = new Map();
  readonly #swept: () => void;

  /** `swept` is called after all that waited under one signal has been told. */
  constructor(swept: () => void) {
    this.#swept = swept;
  }

  add(signal: AbortSignal, abortable: Abortable): void {
    let watched = this.#watched.get(signal);
    if (!watched) {
      watched = { waiting: new Set(), listener: () => this.#abort(signal) };
      this.#watched.set(signal, watched);
      signal.addEventListener('abort', watched.listener);
    }
    watched.waiting.add(abortable);
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    const watched = this.#watched.get(signal);
    if (!watched?.waiting.delete(abortable) || watched.waiting.size > 0) return;
    this.#forget(signal, watched);
  }

  #abort(signal: AbortSignal): void {
    const watched = this.#watched.get(signal) as Watched;
    this.#forget(signal, watched);
    for (const abortable of watched.waiting) abortable.abort(signal.reason);
    this.#swept();
  }

  #forget(signal: AbortSignal, watched: Watched): void {
    this.#watched.delete(signal);
    signal.removeEventListener('abort', watched.listener);
  }
}
