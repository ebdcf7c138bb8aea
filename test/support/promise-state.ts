// What a promise has come to, without waiting for it longer than need be.

import { setImmediate as nextTurn } from 'node:timers/promises';

/** Lets the event loop go round so many times: enough for everything that needs no clock and no thread. */
export async function turns(count: number = 5): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

/** The error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error(`resolved with ${String(value)}, but a rejection was expected`);
}

/** The error that a call throws. */
export function thrown(call: () => unknown): Error & Record<string, unknown> {
  try {
    call();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('returned, but an error was expected');
}

/** Whether a promise is still open after some turns of the event loop. */
export async function isPending(promise: Promise<unknown>, turnCount: number = 5): Promise<boolean> {
  let isOpen = true;
  const close = (): void => {
    isOpen = false;
  };
  promise.then(close, close);
  await turns(turnCount);
  return isOpen;
}

/** Goes round until `holds`; the runner's time-out ends a wait that is in vain. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn();
}
