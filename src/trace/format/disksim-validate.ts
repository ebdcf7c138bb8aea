// DiskSim's validation traces of measured disks: `R|W Hit|Miss|Doub|Trip sector sectors service interarrival`. Times in microseconds:
// how long it took, and the gap to the arrival of the next. Each was issued when the one before had completed.

import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { lengthProblem } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const LINE = /^\s*[RW]\s+(Hit|Miss|Doub|Trip)\s+\d+\s+\d+\s+\d+(\.\d+)?\s+\d+(\.\d+)?\s*$/;
const CASES: readonly string[] = ['Hit', 'Miss', 'Doub', 'Trip'];
const LETTER_R = 82;
const LETTER_W = 87;

export const disksimValidate: TraceFormat = {
  name: 'disksim-validate',
  summary: 'DiskSim validation trace of a measured disk: us, sectors, service times',
  detect: ({ lines }) => share(lines, LINE),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const device = sink.device('0');
  let timeNs = 0;
  return lineReader(context, (line) => {
    line.blanks();
    const letter = line.peek();
    if (letter !== LETTER_R && letter !== LETTER_W) return 'expected R or W';
    line.at++;
    if (!line.blanks()) return 'expected R or W and a blank';
    const word = line.at;
    line.word();
    if (!CASES.some((name) => line.isWord(word, line.at, name)) || !line.blanks()) {
      line.at = word;
      return `expected ${CASES.join(', ')}`;
    }
    const sector = line.whole();
    if (sector < 0 || !line.blanks()) return 'sector: expected a whole number';
    const sectors = line.whole();
    if (sectors < 0 || !line.blanks()) return 'sectors: expected a whole number';
    if (!line.time(6) || !line.blanks()) return 'service: expected microseconds';
    const responseNs = line.seconds * 1e9 + line.nanos;
    if (!line.time(6)) return 'interarrival: expected microseconds';
    const gapNs = line.seconds * 1e9 + line.nanos;
    line.blanks();
    if (!line.isEnd) return 'expected six columns';
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    sink.add(timeNs, sector, sectors, letter === LETTER_R ? OPERATION_READ : OPERATION_WRITE, 0, device, 0, responseNs);
    timeNs += gapNs;
    return undefined;
  });
}
