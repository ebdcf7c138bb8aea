// SYSTOR '17 (SNIA LUN traces): header `Timestamp,Response,IOType,LUN,Offset,Size`. Stamp in seconds since 1970 and response in seconds, both with
// decimals, the response may be empty; `R` or `W`, empty for others; offset and size in bytes.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, firstSector, lengthProblem, NumberedDevices, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^Timestamp,Response,IOType,LUN,Offset,Size/i;
const LINE = /^\d+(\.\d+)?,(\d+(\.\d+)?)?,[RW]?,\d*,\d*,\d*$/;
const LETTER_R = 82;
const LETTER_W = 87;

export const systor: TraceFormat = {
  name: 'systor17',
  summary: "SYSTOR '17 csv: s since 1970, bytes",
  detect: ({ lines }) => share(lines, LINE, 0, HEADER),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NumberedDevices(sink);
  return lineReader(context, (line, isFirst) => {
    const start = line.at;
    if (!line.time(0) || !line.take(COMMA)) {
      return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'Timestamp: expected seconds';
    }
    const { seconds, nanos } = line;
    let responseNs = Number.NaN;
    if (line.peek() !== COMMA) {
      if (!line.time(0)) return 'Response: expected seconds or nothing';
      responseNs = line.seconds * 1e9 + line.nanos;
    }
    if (!line.take(COMMA)) return 'Response: expected seconds or nothing';
    const letter = line.peek();
    if (letter === COMMA) return 'IOType: neither a read nor a write';
    if (letter !== LETTER_R && letter !== LETTER_W) return 'IOType: expected R or W';
    line.at++;
    if (!line.take(COMMA)) return 'IOType: expected R or W and a comma';
    const unit = line.whole();
    if (unit < 0 || !line.take(COMMA)) return 'LUN: expected a whole number';
    const offset = line.whole();
    if (offset < 0 || !line.take(COMMA)) return 'Offset: expected a whole number';
    const size = line.whole();
    if (size < 0) return 'Size: expected a whole number';
    if (!line.isEnd) return 'expected six fields';
    const sectors = sectorsOf(offset, size);
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    if (!clock.isSet) context.began(seconds + nanos / 1e9);
    const operation = letter === LETTER_R ? OPERATION_READ : OPERATION_WRITE;
    sink.add(clock.since(seconds, nanos), firstSector(offset), sectors, operation, 0, devices.find(unit), 0, responseNs);
    return undefined;
  });
}
