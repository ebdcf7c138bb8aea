// The machine's clock, from 1 ns at its making on.
import { PlugTurn } from './plug-turn.ts';
import type { Time, Timer, TimerOptions, Turn } from './time.ts';

const NS_PER_MS = 1e6;
/** A precise timer spends its last milliseconds in turns of the event loop: setTimeout is late by one and more. */
const SPIN_MS = 2;
/** Longer ones end at once in Node. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export class RealTime implements Time {
  readonly #startMs: number = performance.now();

  now(): number {
    return Math.round((performance.now() - this.#startMs) * NS_PER_MS) + 1;
  }

  at(atNs: number, run: () => void, options: TimerOptions = {}): () => void {
    return options.isPrecise ? this.#precisely(atNs, run) : this.#roughly(atNs, run, options.isIdle === true);
  }

  timer(run: () => void, { isPrecise = false }: Pick<TimerOptions, 'isPrecise'> = {}): Timer {
    let cancel = (): void => {};
    return {
      set: (atNs, isIdle = false) => {
        cancel();
        cancel = this.at(atNs, run, { isPrecise, isIdle });
      },
      clear: () => cancel(),
    };
  }

  turn(run: () => void): Turn {
    return new PlugTurn(run);
  }

  #roughly(atNs: number, run: () => void, isIdle: boolean): () => void {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      // not before its time, as setTimeout may be by a fraction of a millisecond
      const leftMs = Math.max(1, Math.ceil((atNs - this.now()) / NS_PER_MS));
      timer = leftMs > TIMEOUT_MS_MAX ? setTimeout(wait, TIMEOUT_MS_MAX) : setTimeout(run, leftMs);
      if (isIdle) timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  }

  #precisely(atNs: number, run: () => void): () => void {
    let timeout: NodeJS.Timeout | undefined;
    let turn: NodeJS.Immediate | undefined;
    const look = (): void => {
      const leftMs = (atNs - this.now()) / NS_PER_MS;
      if (leftMs <= 0) run();
      else if (leftMs <= SPIN_MS) turn = setImmediate(look);
      else timeout = setTimeout(look, Math.floor(leftMs - SPIN_MS + 0.5));
    };
    // Not at once even when the time has come: whoever asks is in the middle of something.
    if ((atNs - this.now()) / NS_PER_MS <= SPIN_MS) turn = setImmediate(look);
    else look();
    return () => {
      clearTimeout(timeout);
      clearImmediate(turn);
    };
  }
}
