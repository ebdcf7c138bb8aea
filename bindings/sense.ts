// What a storage device's sense data means for who may try again: the one table from sense to STATUS_*.
//
// A device that fails a command says why in three numbers: the sense key (the kind), and an additional code with its
// qualifier (asc, ascq). A path that has them translates them here and answers with the status. Which statuses
// fail a path, and which may be tried on another, is said in target/multipath/path-error.ts and nowhere else.
//
//   key                    asc/ascq      status        who may do better
//   0 no sense, 1 recovered              OK            nobody need
//   2 not ready            04/0a         AGAIN         the same path, when the change of its state is over
//                          04/0b 0c 12   OFFLINE       another path: this port is standby, unavailable, offline
//                          any other     IOERR         another path
//   3 medium error                       MEDIUM        nobody: all paths lead to the same spot
//   4 hardware error                     TARGET        nobody
//   5 illegal request      10/any        PROTECTION    nobody
//                          any other     TARGET        nobody
//   6 unit attention                     AGAIN         the same path: something has changed, and is told once
//   7 data protect         27/07         NOSPC         nobody: the pool behind a thin device is full
//                          27/any        READ_ONLY     nobody
//                          any other     TARGET        nobody
//   b aborted command      10/any        PROTECTION    nobody
//                          any other     TRANSPORT     another path
//   8 a d e, others                      TARGET        nobody: blank, copy aborted, overflow, miscompare
//   9 vendor                             IOERR         another path

import {
  STATUS_AGAIN,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_PROTECTION,
  STATUS_READ_ONLY,
  STATUS_TARGET,
  STATUS_TRANSPORT,
} from '../assembly/abi.ts';

/** Sense data, as SCSI has it. */
export interface Sense {
  /** 0 … 15. */
  readonly key: number;
  /** Additional sense code and its qualifier, 0 … 255. */
  readonly asc: number;
  readonly ascq: number;
}

export const SENSE_NOT_READY = 2;

type Row = readonly [key: number, asc: number | undefined, ascq: number | undefined, status: number];

/** The first row that fits decides; undefined fits all. */
const ROWS: readonly Row[] = [
  [0x0, undefined, undefined, STATUS_OK],
  [0x1, undefined, undefined, STATUS_OK],
  [0x2, 0x04, 0x0a, STATUS_AGAIN],
  [0x2, 0x04, 0x0b, STATUS_OFFLINE],
  [0x2, 0x04, 0x0c, STATUS_OFFLINE],
  [0x2, 0x04, 0x12, STATUS_OFFLINE],
  [0x2, undefined, undefined, STATUS_IOERR],
  [0x3, undefined, undefined, STATUS_MEDIUM],
  [0x5, 0x10, undefined, STATUS_PROTECTION],
  [0x6, undefined, undefined, STATUS_AGAIN],
  [0x7, 0x27, 0x07, STATUS_NOSPC],
  [0x7, 0x27, undefined, STATUS_READ_ONLY],
  [0x9, undefined, undefined, STATUS_IOERR],
  [0xb, 0x10, undefined, STATUS_PROTECTION],
  [0xb, undefined, undefined, STATUS_TRANSPORT],
];

/** The status that an I/O with this sense ends with. */
export function statusOfSense(sense: Sense): number {
  for (const [key, asc, ascq, status] of ROWS) {
    if (sense.key === key && (asc ?? sense.asc) === sense.asc && (ascq ?? sense.ascq) === sense.ascq) return status;
  }
  return STATUS_TARGET;
}
