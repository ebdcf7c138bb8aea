// The event number of a device, and who waits for it to change.
import { RqdmError } from '../errors.ts';

export interface WaitOptions {
  /** Ends the wait with ERR_RQDM_INTERRUPTED (errno EINTR). */
  readonly signal?: AbortSignal;
}

export class EventCounter {
  #number = 0;
  readonly #waiters: Set<() => void> = new Set();

  get number(): number {
    return this.#number;
  }

  /** One more event: everybody who waits goes on, from a microtask. */
  raise(): void {
    this.#number = (this.#number + 1) >>> 0;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves with the event number as soon as it differs from `number`: at once if it does now. */
  async wait(number: number, options: WaitOptions = {}): Promise<number> {
    const { signal } = options;
    if (this.#number !== number) return this.#number;
    if (signal?.aborted) throw interrupted('waitForEvent', signal);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.delete(wake);
        signal?.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        stop();
        resolve(this.#number);
      };
      const abort = (): void => {
        stop();
        reject(interrupted('waitForEvent', signal as AbortSignal));
      };
      this.#waiters.add(wake);
      signal?.addEventListener('abort', abort);
    });
  }
}

/** What a call says that its caller has interrupted. */
export function interrupted(what: string, signal: AbortSignal): RqdmError {
  return new RqdmError('ERR_RQDM_INTERRUPTED', `${what} was interrupted`, { cause: signal.reason, errno: 'EINTR' });
}
