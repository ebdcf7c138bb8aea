// Ctrl-C: the first one asks politely, so that temporary files are removed and devices closed; the second one ends.

export const INTERRUPTED_STATUS = 130;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs `work` with a signal that Ctrl-C aborts; rejects with the signal's reason when it did. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED_STATUS);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
  }
}

/** Ctrl-C ends the process at once, but as an end and not as a death: what is to be removed at an exit is removed. */
export function exitOnSignals(): Disposable {
  const exit = (): never => process.exit(INTERRUPTED_STATUS);
  for (const name of SIGNALS) process.on(name, exit);
  return {
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, exit);
    },
  };
}

export function isInterruption(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
