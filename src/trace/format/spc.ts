// SPC-1, as the UMass repository has it: `ASU,LBA,Size,Opcode,Timestamp[,…]` without a header. LBA in sectors of 512 bytes inside the
// ASU, which is the device; size in bytes, rounded up to sectors; opcode `R` or `W` in either case; stamp in seconds with decimals. More fields
// may follow and mean nothing here.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, lengthProblem, NumberedDevices, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const LINE = /^\s*\d+,\s*\d+,\s*\d+,\s*[rRwW],\s*\d+(\.\d*)?\s*(,.*)?$/;
const LETTER_R = 114;
const LETTER_W = 119;

export const spc: TraceFormat = {
  name: 'spc',
  summary: 'SPC-1 / UMass csv: s, sectors, size in bytes',
  detect: ({ lines }) => share(lines, LINE),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NumberedDevices(sink);
  return lineReader(context, (line) => {
    line.blanks();
    const unit = line.whole();
    if (unit < 0 || !line.take(COMMA)) return 'ASU: expected a whole number';
    line.blanks();
    const sector = line.whole();
    if (sector < 0 || !line.take(COMMA)) return 'LBA: expected a whole number';
    line.blanks();
    const size = line.whole();
    if (size < 0 || !line.take(COMMA)) return 'Size: expected a whole number';
    line.blanks();
    const letter = line.peek() | 0x20;
    if (letter !== LETTER_R && letter !== LETTER_W) return 'Opcode: expected R or W';
    line.at++;
    if (!line.take(COMMA)) return 'Opcode: expected R or W and a comma';
    line.blanks();
    if (!line.time(0)) return 'Timestamp: expected seconds';
    line.blanks();
    if (!line.isEnd && line.peek() !== COMMA) return 'Timestamp: expected seconds';
    const sectors = Math.ceil(size / SECTOR_BYTES);
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const operation = letter === LETTER_R ? OPERATION_READ : OPERATION_WRITE;
    sink.add(clock.since(line.seconds, line.nanos), sector, sectors, operation, 0, devices.find(unit), 0, Number.NaN);
    return undefined;
  });
}
