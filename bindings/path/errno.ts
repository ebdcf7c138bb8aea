// What a failed system call means: errno to status. One table, so that every backend classes errors alike.
//
// The class decides what a multipath target does: TARGET, NOSPC, MEDIUM, PROTECTION, RESV_CONFLICT and NOTSUPP would be
// the same on every path, so they end the I/O; all others speak against the path, so another one is tried. Names follow
// the kernel's own table where it has an entry.

import {
  STATUS_INVAL,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_OFFLINE,
  STATUS_PROTECTION,
  STATUS_READ_ONLY,
  STATUS_RESOURCE,
  STATUS_RESV_CONFLICT,
  STATUS_TARGET,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';

const STATUS_OF_ERRNO: ReadonlyMap<string, number> = new Map([
  // Nothing left to write to: true on every path.
  ['ENOSPC', STATUS_NOSPC],
  ['EDQUOT', STATUS_NOSPC],
  ['EFBIG', STATUS_NOSPC],
  // The device itself, reached well, says no.
  ['EREMOTEIO', STATUS_TARGET],
  ['ENODATA', STATUS_MEDIUM],
  ['EILSEQ', STATUS_PROTECTION],
  ['EBADE', STATUS_RESV_CONFLICT],
  ['EOPNOTSUPP', STATUS_NOTSUPP],
  ['ENOTSUP', STATUS_NOTSUPP],
  ['ENOSYS', STATUS_NOTSUPP],
  ['EINVAL', STATUS_INVAL],
  ['EROFS', STATUS_READ_ONLY],
  // The device is gone. EBADF: somebody closed our descriptor.
  ['ENODEV', STATUS_OFFLINE],
  ['ENXIO', STATUS_OFFLINE],
  ['ESTALE', STATUS_OFFLINE],
  ['ESHUTDOWN', STATUS_OFFLINE],
  ['ENOENT', STATUS_OFFLINE],
  ['EBADF', STATUS_OFFLINE],
  // The way to it is broken.
  ['ENOLINK', STATUS_TRANSPORT],
  ['ECONNRESET', STATUS_TRANSPORT],
  ['ECONNREFUSED', STATUS_TRANSPORT],
  ['ECONNABORTED', STATUS_TRANSPORT],
  ['ENOTCONN', STATUS_TRANSPORT],
  ['EPIPE', STATUS_TRANSPORT],
  ['EHOSTDOWN', STATUS_TRANSPORT],
  ['EHOSTUNREACH', STATUS_TRANSPORT],
  ['ENETDOWN', STATUS_TRANSPORT],
  ['ENETUNREACH', STATUS_TRANSPORT],
  ['ETIMEDOUT', STATUS_TIMEOUT],
  ['ETIME', STATUS_TIMEOUT],
  // Try again, a little later.
  ['EAGAIN', STATUS_RESOURCE],
  ['EINTR', STATUS_RESOURCE],
  ['ENOMEM', STATUS_RESOURCE],
  ['ENOBUFS', STATUS_RESOURCE],
  ['EBUSY', STATUS_RESOURCE],
  // EPERM, EACCES and whatever is not listed: an error of the path.
  ['EIO', STATUS_IOERR],
]);

/** The status of what a `node:fs` call threw. Anything without a known code is STATUS_IOERR. */
export function statusOfError(error: unknown): number {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return (typeof code === 'string' ? STATUS_OF_ERRNO.get(code) : undefined) ?? STATUS_IOERR;
}

/** Names that users write for statuses, in error rules and switches. */
const STATUS_OF_NAME: ReadonlyMap<string, number> = new Map([
  ['io', STATUS_IOERR],
  ['medium', STATUS_MEDIUM],
  ['nospc', STATUS_NOSPC],
  ['transport', STATUS_TRANSPORT],
  ['target', STATUS_TARGET],
  ['timeout', STATUS_TIMEOUT],
  ['offline', STATUS_OFFLINE],
  ['protection', STATUS_PROTECTION],
  ['reservation', STATUS_RESV_CONFLICT],
  ['notsupp', STATUS_NOTSUPP],
  ['resource', STATUS_RESOURCE],
]);

export const STATUS_NAMES: readonly string[] = [...STATUS_OF_NAME.keys()];

/** `STATUS_*` of a name such as `medium`; undefined if there is none. */
export function statusOfName(name: string): number | undefined {
  return STATUS_OF_NAME.get(name);
}

/** A number with which an I/O can fail: the core has 8 bits for it, and 0 is success. */
export function isErrorStatus(status: number | undefined): status is number {
  return Number.isInteger(status) && (status as number) > 0 && (status as number) <= 0xff;
}
