// What a status of the core becomes at the edge: a POSIX name and words for people (spec-core 1.2).
import * as abi from '../../assembly/abi.ts';
import type { IoOperation } from '../errors.ts';

export interface StatusMeaning {
  readonly code: string;
  readonly reason: string;
}

const MEANINGS: ReadonlyMap<number, StatusMeaning> = new Map([
  [abi.STATUS_NOTSUPP, { code: 'EOPNOTSUPP', reason: 'operation not supported' }],
  [abi.STATUS_TIMEOUT, { code: 'ETIMEDOUT', reason: 'no answer in time' }],
  [abi.STATUS_NOSPC, { code: 'ENOSPC', reason: 'no space left' }],
  [abi.STATUS_TRANSPORT, { code: 'ENOLINK', reason: 'the way to the storage failed' }],
  [abi.STATUS_TARGET, { code: 'EREMOTEIO', reason: 'the storage refused' }],
  [abi.STATUS_RESV_CONFLICT, { code: 'EBADE', reason: 'reservation conflict' }],
  [abi.STATUS_MEDIUM, { code: 'ENODATA', reason: 'medium error' }],
  [abi.STATUS_PROTECTION, { code: 'EILSEQ', reason: 'protection information does not match' }],
  [abi.STATUS_RESOURCE, { code: 'ENOMEM', reason: 'out of resources' }],
  [abi.STATUS_IOERR, { code: 'EIO', reason: 'I/O error' }],
  [abi.STATUS_DM_REQUEUE, { code: 'EREMCHG', reason: 'requeued by the device below' }],
  [abi.STATUS_AGAIN, { code: 'EAGAIN', reason: 'would have to wait' }],
  [abi.STATUS_DEV_RESOURCE, { code: 'EBUSY', reason: 'device busy' }],
  [abi.STATUS_OFFLINE, { code: 'ENODEV', reason: 'device offline' }],
  [abi.STATUS_INVAL, { code: 'EINVAL', reason: 'not a multiple of the logical block size' }],
  [
    abi.STATUS_UNKNOWN_FATE,
    { code: 'ERR_RQDM_UNKNOWN_FATE', reason: 'the write was neither answered nor fenced in time; it may still happen' },
  ],
  [abi.STATUS_BEYOND_END, { code: 'EIO', reason: 'beyond the end of the device' }],
  [abi.STATUS_READ_ONLY, { code: 'EROFS', reason: 'the device is read-only' }],
]);

export function meaningOf(status: number): StatusMeaning {
  return MEANINGS.get(status) ?? { code: 'EIO', reason: `unknown status ${status}` };
}

/** The POSIX name of a `STATUS_` in `IoBatch.statuses`, such as `EIO`; `ok` for STATUS_OK. */
export function statusName(status: number): string {
  return status === abi.STATUS_OK ? 'ok' : meaningOf(status).code;
}

const NAMES: ReadonlyMap<number, IoOperation> = new Map([
  [abi.OPERATION_READ, 'read'],
  [abi.OPERATION_WRITE, 'write'],
  [abi.OPERATION_FLUSH, 'flush'],
  [abi.OPERATION_DISCARD, 'discard'],
  [abi.OPERATION_WRITE_ZEROES, 'writeZeroes'],
]);

/** An operation as errors name it. */
export function operationName(operation: number): IoOperation {
  return NAMES.get(operation) as IoOperation;
}
