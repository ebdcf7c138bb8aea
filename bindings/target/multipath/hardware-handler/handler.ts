// The interface of a hardware handler, and its manual.
//
// Some arrays serve a volume well through one controller only, and want to be told before I/O moves to another. A
// *hardware handler* knows how to tell one kind of array. Multipath names it in the table:
//
//   multipath 0 1 alua 2 1 round-robin … round-robin …      one word: the name
//   multipath 0 2 alua 1 2 1 …                              more words: the handler's own parameters
//
// A *handler type* is registered by name. `attach` makes a *handler* for one device. A device has at most one, and keeps
// it until it is closed, whatever tables come and go: a table that asks for another, or for none with
// `retain_attached_hw_handler`, gets the one that is there.
//
// When multipath turns to another priority group, I/O waits while each active path of that group is activated:
//
//   activate(timers, done)   prepare the way through this device; call `done(result)` exactly once, now or later
//
//   ACTIVATION_OK              the path can be used
//   ACTIVATION_NO_HANDLER      the handler is gone: the path fails
//   ACTIVATION_BUSY            not now: the group is bypassed, its paths stay
//   ACTIVATION_RETRY           again, after pg_init_delay_msecs (2 s if not given); the path fails when that was tried
//                              more often than pg_init_retries
//   ACTIVATION_RETRY_AT_ONCE   the same, without the delay
//   ACTIVATION_OFFLINE, ACTIVATION_FAILED   the path fails
//
// Multipath may lose interest (a suspend, another group); `done` is then heard by nobody. `timers` belong to the table that
// asks and may be cancelled with it: keep nothing of them after `done`.
//
// For each I/O multipath asks `prepare`, if there is one, before it goes to the path; and whoever has sense data from a
// device asks `checkSense` before the general table (bindings/sense.ts) decides. Both return at once.
//
// A new handler is tested by handing a factory to test/contract/hardware-handler.ts.

import type { Sense } from '../../../sense.ts';
import type { DeviceReference } from '../../target.ts';
import type { ArrayModel } from './array-model.ts';

export const ACTIVATION_OK = 0;
export const ACTIVATION_NO_HANDLER = 1;
export const ACTIVATION_BUSY = 2;
export const ACTIVATION_RETRY = 3;
export const ACTIVATION_RETRY_AT_ONCE = 4;
export const ACTIVATION_OFFLINE = 5;
export const ACTIVATION_FAILED = 6;

/** Calls `run` once after `delayMs`; returns what cancels it. `TargetContext` has it. */
export interface HandlerTimers {
  setTimer(delayMs: number, run: () => void): () => void;
}

/** The handler of one device. */
export interface HardwareHandler {
  /** The words behind the name in the table; asked only if there are any. Missing: the kernel's EBUSY. Throws HandlerError. */
  setParameters?(words: readonly string[]): void;
  activate(timers: HandlerTimers, done: (result: number) => void): void;
  /** STATUS_OK: send it. STATUS_AGAIN: not now, ask again later. Any other: the path is no good. Missing: always OK. */
  prepare?(operation: number): number;
  /** The status for this sense; undefined: what the general table says. */
  checkSense?(sense: Sense): number | undefined;
  /** The device is closed. */
  detach?(): void;
}

/** What `attach` may use. */
export interface HandlerContext {
  /** The modelled array behind the device, and the device's port there; undefined: none is known. */
  readonly array: ArrayModel | undefined;
  /** A line for the log. */
  log(line: string): void;
}

export interface HandlerType {
  readonly name: string;
  /** Throws HandlerError if the device is not of its kind. */
  attach(device: DeviceReference, context: HandlerContext): HardwareHandler;
}

/** Why a handler cannot be attached, or refuses its parameters. `errno` is what the kernel answers (ENODEV, EINVAL …). */
export class HandlerError extends Error {
  override readonly name: string = 'HandlerError';
  readonly errno: string;

  constructor(errno: string, message: string) {
    super(message);
    this.errno = errno;
  }
}
