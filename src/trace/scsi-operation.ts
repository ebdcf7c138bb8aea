// SCSI operation codes as operations of a trace.

import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from './records.ts';

const OPERATIONS: ReadonlyMap<number, number> = new Map([
  [0x08, OPERATION_READ],
  [0x28, OPERATION_READ],
  [0x88, OPERATION_READ],
  [0xa8, OPERATION_READ],
  [0x0a, OPERATION_WRITE],
  [0x2a, OPERATION_WRITE],
  [0x8a, OPERATION_WRITE],
  [0xaa, OPERATION_WRITE],
  [0x35, OPERATION_FLUSH],
  [0x91, OPERATION_FLUSH],
  [0x42, OPERATION_DISCARD],
]);

/** The operation of a code, or -1 for one that moves no data. */
export function scsiOperation(code: number): number {
  return OPERATIONS.get(code) ?? -1;
}
