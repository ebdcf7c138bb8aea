// All formats that can be read. Detection asks each how sure it is; the surest has it, and of equals the first.

import { TraceError } from '../errors.ts';
import { alibaba } from './alibaba.ts';
import { biosnoop } from './biosnoop.ts';
import { blkparse } from './blkparse.ts';
import { blkreplay } from './blkreplay.ts';
import { blktrace } from './blktrace.ts';
import { btrecord } from './btrecord.ts';
import { disksim } from './disksim.ts';
import { disksimValidate } from './disksim-validate.ts';
import { fioV2, fioV3 } from './fio.ts';
import { fiu } from './fiu.ts';
import type { Sample, TraceFormat } from './format.ts';
import { ftrace } from './ftrace.ts';
import { iosnoop } from './iosnoop.ts';
import { libcachesimCsv } from './libcachesim-csv.ts';
import { mqsim } from './mqsim.ts';
import { msr } from './msr.ts';
import { netapp } from './netapp.ts';
import { nexus } from './nexus.ts';
import { oracleGeneral, oracleGeneralOperations } from './oracle-general.ts';
import { pixel } from './pixel.ts';
import { rqdm } from './rqdm.ts';
import { spc } from './spc.ts';
import { systor } from './systor.ts';
import { tencent } from './tencent.ts';
import { ucare } from './ucare.ts';
import { vscsi } from './vscsi.ts';

export const FORMATS: readonly TraceFormat[] = [
  rqdm,
  blktrace,
  btrecord,
  blkparse,
  ftrace,
  biosnoop,
  iosnoop,
  fioV2,
  fioV3,
  msr,
  spc,
  alibaba,
  tencent,
  systor,
  libcachesimCsv,
  pixel,
  nexus,
  netapp,
  fiu,
  blkreplay,
  disksim,
  disksimValidate,
  ucare,
  mqsim,
  vscsi,
  oracleGeneral,
  oracleGeneralOperations,
];

const SURE_ENOUGH = 0.5;

/** The format of that name. Throws TraceError with the names there are. */
export function findFormat(name: string): TraceFormat {
  const found = FORMATS.find((format) => format.name === name);
  if (found) return found;
  throw new TraceError(
    `format ${JSON.stringify(name)} is not known: expected ${FORMATS.map((format) => format.name).join(', ')}`,
  );
}

/** The format of a trace by its beginning. Throws TraceError. */
export function detectFormat(sample: Sample, name: string): TraceFormat {
  if (sample.bytes.length === 0) throw new TraceError(`${name}: the file is empty`);
  let best: TraceFormat | undefined;
  let bestScore = SURE_ENOUGH;
  for (const format of FORMATS) {
    const score = format.detect(sample);
    if (score > bestScore) {
      best = format;
      bestScore = score;
    }
  }
  if (best) return best;
  const start = sample.lines[0] ?? `bytes ${sample.bytes.subarray(0, 16).toString('hex')}`;
  throw new TraceError(
    `${name}: no known trace format: it begins with ${JSON.stringify(start.slice(0, 80))} (rqdm trace formats; --format names one)`,
  );
}
