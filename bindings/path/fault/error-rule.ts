// `error=RULE[,RULE…]`: which calls fail, and how.
//
//   RULE      = [OPERATION:]STATUS[/N][@SECTOR[+SECTORS]]
//   OPERATION = read | write | flush | discard | zeroes            without it: all
//   STATUS    = io medium nospc transport target timeout offline protection reservation notsupp resource
//   /N        = every Nth call that the rule fits (the Nth, 2Nth, …)
//   @S+L      = only calls that touch sectors S … S+L-1 of the path (L is 1 where not said); what lies before S is done
//
//   error=io                    everything fails
//   error=read:medium@8+8       reads of sectors 8 … 15 fail, like a bad spot of a disk
//   error=write:nospc@131072+1000000000
//   error=transport/1000        every 1000th call finds the cable broken
//
// The first rule that fits decides.

import {
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
} from '../../../assembly/abi.ts';
import { STATUS_NAMES, statusOfName } from '../errno.ts';

export interface ErrorRule {
  /** `OPERATION_*`, or undefined for all. */
  readonly operation: number | undefined;
  readonly status: number;
  /** 1: every call. */
  readonly every: number;
  readonly startSector: number;
  /** Infinity where no place was given. */
  readonly endSector: number;
}

const RULE = /^(?:(read|write|flush|discard|zeroes):)?([a-z]+)(?:\/(\d+))?(?:@(\d+)(?:\+(\d+))?)?$/;
const OPERATIONS: Readonly<Record<string, number>> = {
  read: OPERATION_READ,
  write: OPERATION_WRITE,
  flush: OPERATION_FLUSH,
  discard: OPERATION_DISCARD,
  zeroes: OPERATION_WRITE_ZEROES,
};

export const ERROR_EXPECTED: string = `[read:|write:|flush:|discard:|zeroes:]STATUS[/N][@SECTOR[+SECTORS]] with STATUS one of ${STATUS_NAMES.join(', ')}`;

/** undefined when the text is no list of error rules. */
export function parseErrorRules(text: string): ErrorRule[] | undefined {
  const rules: ErrorRule[] = [];
  for (const part of text.split(',')) {
    const match = RULE.exec(part);
    if (match === null) return undefined;
    const [, operation, name, every, start, length] = match;
    const status = statusOfName(name);
    if (status === undefined || every === '0' || length === '0') return undefined;
    const startSector = start === undefined ? 0 : Number(start);
    rules.push({
      operation: operation === undefined ? undefined : OPERATIONS[operation],
      status,
      every: every === undefined ? 1 : Number(every),
      startSector,
      endSector: start === undefined ? Number.POSITIVE_INFINITY : startSector + Number(length ?? 1),
    });
  }
  return rules;
}
