// Which errors are a path's, so that another path may do better, and which are the storage's or the caller's.

import {
  STATUS_AGAIN,
  STATUS_BEYOND_END,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_PROTECTION,
  STATUS_READ_ONLY,
  STATUS_RESV_CONFLICT,
  STATUS_TARGET,
  STATUS_UNKNOWN_FATE,
} from '../../../assembly/abi.ts';

/** Another path would answer the same, or the answer is the caller's to judge. */
export function isRetryable(status: number): boolean {
  switch (status) {
    case STATUS_NOTSUPP:
    case STATUS_NOSPC:
    case STATUS_TARGET:
    case STATUS_RESV_CONFLICT:
    case STATUS_MEDIUM:
    case STATUS_PROTECTION:
    case STATUS_BEYOND_END:
    case STATUS_READ_ONLY:
    // A write that may still land must not be sent a second time.
    case STATUS_UNKNOWN_FATE:
      return false;
    default:
      return true;
  }
}

/** The path is no good any more. Everything that another path may do better, and a path that doesn't answer. */
export function failsPath(status: number): boolean {
  return status === STATUS_UNKNOWN_FATE || (status !== STATUS_AGAIN && isRetryable(status));
}

/** A path that has asked for so long to be asked again later has failed after all, milliseconds. */
export const AGAIN_MS_MAX = 60_000;
/** What comes after so long a silence is another story, milliseconds; a retry takes 100. */
const AGAIN_PAUSE_MS = 5000;
const NS_PER_MS = 1e6;

/** What a path has answered with STATUS_AGAIN: its state changes, or it had something to tell first. */
export class Patience {
  private sinceNs: number = Number.NEGATIVE_INFINITY;
  private lastNs: number = Number.NEGATIVE_INFINITY;

  /** STATUS_AGAIN once more. False: it has been said for too long. */
  lasts(nowNs: number): boolean {
    if (nowNs - this.lastNs > AGAIN_PAUSE_MS * NS_PER_MS) this.sinceNs = nowNs;
    this.lastNs = nowNs;
    return nowNs - this.sinceNs < AGAIN_MS_MAX * NS_PER_MS;
  }
}
