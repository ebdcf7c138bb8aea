// Which errors are a path's, so that another path may do better, and which are the storage's or the caller's.

import {
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
  return status === STATUS_UNKNOWN_FATE || isRetryable(status);
}
