// When the pump runs: at the end of each turn's microtasks, so that what a turn has submitted is one plug.
//
// Where answers come at once, an endless `await device.read()` would never leave the microtasks. So after some plugs the
// event loop goes round, and timers, sockets and signals have their turn.

import type { Turn } from './time.ts';

/** Plugs that may follow each other before the event loop goes round. */
const PLUGS_A_TURN = 64;

export class PlugTurn implements Turn {
  readonly #run: () => void;
  #isScheduled = false;
  #plugs = 0;

  constructor(run: () => void) {
    this.#run = run;
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // from a microtask, nextTick comes after the microtask queue has drained
    if (this.#plugs < PLUGS_A_TURN) queueMicrotask(this.#afterMicrotasks);
    else setImmediate(this.#end);
  }

  /** A batch has ended while it was submitted. True: let the event loop go round before its caller goes on. */
  isDue(): boolean {
    if (this.#plugs++ === 0) setImmediate(this.#begin).unref();
    return this.#plugs > PLUGS_A_TURN;
  }

  readonly #afterMicrotasks = (): void => process.nextTick(this.#end);

  readonly #end = (): void => {
    this.#isScheduled = false;
    if (this.#plugs++ === 0) setImmediate(this.#begin).unref();
    this.#run();
  };

  readonly #begin = (): void => {
    this.#plugs = 0;
  };
}
