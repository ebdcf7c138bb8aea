// Alibaba's block traces of 2020: `device_id,opcode,offset,length,timestamp`, with or without that header. Offset and length in bytes,
// opcode `R` or `W`, stamp in microseconds since 1970.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, firstSector, lengthProblem, NumberedDevices, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^device_id,opcode,offset,length,timestamp/i;
const LINE = /^\d+,[RW],\d+,\d+,\d{10,}$/;
const LETTER_R = 82;
const LETTER_W = 87;

export const alibaba: TraceFormat = {
  name: 'alibaba',
  summary: 'Alibaba block traces csv: us since 1970, bytes',
  detect: ({ lines }) => share(lines, LINE, 0, HEADER),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NumberedDevices(sink);
  return lineReader(context, (line, isFirst) => {
    const start = line.at;
    const id = line.whole();
    if (id < 0 || !line.take(COMMA)) {
      return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'device_id: expected a whole number';
    }
    const letter = line.peek();
    if (letter !== LETTER_R && letter !== LETTER_W) return 'opcode: expected R or W';
    line.at++;
    if (!line.take(COMMA)) return 'opcode: expected R or W and a comma';
    const offset = line.whole();
    if (offset < 0 || !line.take(COMMA)) return 'offset: expected a whole number';
    const length = line.whole();
    if (length < 0 || !line.take(COMMA)) return 'length: expected a whole number';
    if (!line.time(6)) return 'timestamp: expected a whole number';
    if (!line.isEnd) return 'expected five fields';
    const sectors = sectorsOf(offset, length);
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    if (!clock.isSet) context.began(line.seconds + line.nanos / 1e9);
    const operation = letter === LETTER_R ? OPERATION_READ : OPERATION_WRITE;
    sink.add(
      clock.since(line.seconds, line.nanos),
      firstSector(offset),
      sectors,
      operation,
      0,
      devices.find(id),
      0,
      Number.NaN,
    );
    return undefined;
  });
}
