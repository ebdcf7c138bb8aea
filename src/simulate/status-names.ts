// Classes of errors by the names that scripts and results have for them.
import {
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_OFFLINE,
  STATUS_PROTECTION,
  STATUS_TARGET,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';

export const STATUS_BY_NAME: Readonly<Record<string, number>> = {
  medium: STATUS_MEDIUM,
  transport: STATUS_TRANSPORT,
  target: STATUS_TARGET,
  timeout: STATUS_TIMEOUT,
  ioerr: STATUS_IOERR,
  nospc: STATUS_NOSPC,
  protection: STATUS_PROTECTION,
  offline: STATUS_OFFLINE,
};

export function statusName(status: number): string {
  return Object.entries(STATUS_BY_NAME).find(([, number]) => number === status)?.[0] ?? `status-${status}`;
}
