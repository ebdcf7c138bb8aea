// BIOTracer on a Nexus 5: eight columns, `sector sectors bytes flags generated dispatched sent finished`, times in seconds. Bit 0 of the
// flags is 1 for a write. The sectors may count something that the driver added: the bytes tell the length. The clock of such
// a phone jumps when it is set, and lines are not sorted; after a jump of years a double keeps a quarter of a microsecond.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { lengthProblem, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const LINE = /^\s*\d+\s+\d+\s+\d+\s+\d\s+\d+\.\d+\s+\d+\.\d+\s+\d+\.\d+\s+\d+\.\d+\s*$/;
const NUMBERS = ['sector', 'sectors', 'bytes', 'flags'] as const;

export const nexus: TraceFormat = {
  name: 'nexus5',
  summary: 'Nexus 5 BIOTracer, eight columns: s, sectors, size in bytes',
  detect: ({ lines }) => share(lines, LINE),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const device = sink.device('0');
  const numbers = new Float64Array(NUMBERS.length);
  return lineReader(context, (line) => {
    line.blanks();
    for (let i = 0; i < NUMBERS.length; i++) {
      const value = line.whole();
      if (value < 0 || !line.blanks()) return `${NUMBERS[i]}: expected a whole number`;
      numbers[i] = value;
    }
    if (!line.time(0) || !line.blanks()) return 'generated: expected seconds';
    const { seconds, nanos } = line;
    if (!line.time(0) || !line.blanks()) return 'dispatched: expected seconds';
    if (!line.time(0) || !line.blanks()) return 'sent: expected seconds';
    if (!line.time(0)) return 'finished: expected seconds';
    const responseNs = (line.seconds - seconds) * 1e9 + (line.nanos - nanos);
    line.blanks();
    if (!line.isEnd) return 'expected eight columns';
    const sectors = Math.ceil((numbers[2] as number) / SECTOR_BYTES);
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const operation = ((numbers[3] as number) & 1) === 1 ? OPERATION_WRITE : OPERATION_READ;
    const took = responseNs >= 0 ? responseNs : Number.NaN;
    sink.add(clock.since(seconds, nanos), numbers[0] as number, sectors, operation, 0, device, 0, took);
    return undefined;
  });
}
