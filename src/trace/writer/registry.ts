// All formats that can be written.

import { TraceError } from '../errors.ts';
import { OwnWriter } from '../own-writer.ts';
import { OPERATION_DISCARD, OPERATION_FLUSH, RecordBatch } from '../records.ts';
import { blktraceTarget } from './blktrace.ts';
import {
  blkparseTarget,
  blkreplayTarget,
  disksimTarget,
  fioV2Target,
  fioV3Target,
  mqsimTarget,
  msrTarget,
  spcTarget,
} from './text.ts';
import type { TargetFormat } from './writer.ts';

export const rqdmTarget: TargetFormat = {
  name: 'rqdm',
  summary: "rqdm's own trace: all that a record can say",
  carries: ['flags', 'stream', 'response', 'began', 'device names'],
  operations: [OPERATION_DISCARD, OPERATION_FLUSH],
  stepNs: 1,
  open: (about) => {
    const writer = new OwnWriter();
    return {
      begin: () => writer.begin(about.isTimed, about.beganSeconds),
      write(batch, rows, devices) {
        if (rows.length === batch.count) return writer.write(batch, devices);
        const some = new RecordBatch(rows.length);
        for (const row of rows) some.append(batch, row);
        return writer.write(some, devices);
      },
      end: (skipped) => writer.end(skipped),
    };
  },
};

export const TARGETS: readonly TargetFormat[] = [
  rqdmTarget,
  blktraceTarget,
  blkparseTarget,
  fioV2Target,
  fioV3Target,
  msrTarget,
  spcTarget,
  disksimTarget,
  mqsimTarget,
  blkreplayTarget,
];

/** The target of that name. Throws TraceError with the names there are. */
export function findTarget(name: string): TargetFormat {
  const found = TARGETS.find((target) => target.name === name);
  if (found) return found;
  throw new TraceError(`cannot write ${JSON.stringify(name)}: expected ${TARGETS.map((target) => target.name).join(', ')}`);
}
