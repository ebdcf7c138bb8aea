// A folder that is gone when the program ends, however it ends: by itself, by an error, by Ctrl-C. Only SIGKILL and a
// power cut leave it.

import { mkdtempSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class TemporaryFolder {
  readonly path: string;
  readonly #remove: () => void;
  readonly #interrupt: (signal: NodeJS.Signals) => void;

  /** Makes `prefix` + six characters in `parent`. `interrupted` is called before a signal ends the process. */
  constructor(parent: string, prefix: string, interrupted: (signal: NodeJS.Signals) => void) {
    let made: string | undefined;
    this.#remove = () => {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
    };
    this.#interrupt = (signal) => {
      this.#remove();
      interrupted(signal);
      process.exit(128 + constants.signals[signal]);
    };
    // before there is anything to remove, so that no moment is left between
    process.on('exit', this.#remove);
    for (const signal of SIGNALS) process.on(signal, this.#interrupt);
    try {
      made = mkdtempSync(join(parent, prefix));
    } catch (error) {
      this.remove();
      throw error;
    }
    this.path = made;
  }

  remove(): void {
    this.#remove();
    process.off('exit', this.#remove);
    for (const signal of SIGNALS) process.off(signal, this.#interrupt);
  }
}
