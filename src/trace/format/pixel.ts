// The Pixel 6a traces: header `proces,device,rw_flag,sector,size,timestamp`; sector and size in sectors of 512 bytes, stamp in seconds. A
// process is `name-pid`, and its name may hold commas and dashes: lines are read from the right.

import { Clock } from '../clock.ts';
import type { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, lengthProblem, NumberedDevices } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^process?,device,rw_flag,sector,size,timestamp$/i;
const LINE = /^.*-\d+,\d+,[RW],\d+,\d+,\d+(\.\d+)?$/;
const FIELDS_AFTER_PROCESS = 5;
const DASH = 45;
const LETTER_R = 82;
const LETTER_W = 87;

export const pixel: TraceFormat = {
  name: 'pixel',
  summary: 'Pixel 6a csv: s, sectors',
  detect: ({ lines }) => share(lines, LINE, 0, HEADER),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NumberedDevices(sink);
  return lineReader(context, (line, isFirst) => {
    const start = line.at;
    const comma = commaFromRight(line, FIELDS_AFTER_PROCESS);
    if (comma < 0) return 'expected six fields';
    const pid = pidBefore(line, start, comma);
    line.at = comma + 1;
    const id = line.whole();
    if (id < 0 || !line.take(COMMA)) {
      return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'device: expected a whole number';
    }
    const letter = line.peek();
    if (letter !== LETTER_R && letter !== LETTER_W) return 'rw_flag: expected R or W';
    line.at++;
    if (!line.take(COMMA)) return 'rw_flag: expected R or W and a comma';
    const sector = line.whole();
    if (sector < 0 || !line.take(COMMA)) return 'sector: expected a whole number';
    const sectors = line.whole();
    if (sectors < 0 || !line.take(COMMA)) return 'size: expected a whole number';
    if (!line.time(0) || !line.isEnd) return 'timestamp: expected seconds';
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const operation = letter === LETTER_R ? OPERATION_READ : OPERATION_WRITE;
    sink.add(clock.since(line.seconds, line.nanos), sector, sectors, operation, 0, devices.find(id), pid, Number.NaN);
    return undefined;
  });
}

/** Where the nth comma from the right stands, or -1. */
function commaFromRight(line: LineCursor, nth: number): number {
  let left = nth;
  for (let at = line.end - 1; at >= line.at; at--) if (line.bytes[at] === COMMA && --left === 0) return at;
  return -1;
}

function pidBefore(line: LineCursor, start: number, end: number): number {
  let dash = end - 1;
  while (dash >= start && line.bytes[dash] !== DASH) dash--;
  line.at = dash + 1;
  const pid = dash < start ? -1 : line.whole();
  return line.at === end && pid >= 0 && pid <= 0xffff_ffff ? pid : 0;
}
