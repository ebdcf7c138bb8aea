// blkreplay's `.load`: prose (a licence, mostly) around a header line that begins with `start ;`, then
// `seconds.nanoseconds ; sector ; sectors ; R|W ; replay_delay ; replay_duration`. The direction may have more of the kernel's letters,
// as in `RA`. Sectors are of 512 bytes. The last two are filled, in seconds,
// in the results of a replay; the duration is the response time then.

import { Clock } from '../clock.ts';
import type { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_FLUSH } from '../records.ts';
import { share } from '../sample.ts';
import { lengthProblem, lettersOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^\s*start\s*;\s*sector\s*;/;
const LINE = /^\s*\d+\.\d+\s*;\s*\d+\s*;\s*\d+\s*;\s*[RWDFSMA]{1,6}\s*;/;
const SEMICOLON = 59;
const LIKE_DATA = /^\s*\d+\.\d+\s*;/;
const LETTER_A = 65;
const LETTER_Z = 90;

export const blkreplay: TraceFormat = {
  name: 'blkreplay',
  summary: 'blkreplay .load: s with 9 decimals, sectors',
  detect: ({ lines }) => {
    const header = lines.findIndex((line) => HEADER.test(line));
    return share(lines, LINE, header + 1);
  },
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const device = sink.device('0');
  let isData = false;
  return lineReader(context, (line) => {
    if (!isData) {
      const text = line.text(line.at, line.end);
      isData = LIKE_DATA.test(text);
      if (!isData) {
        context.count('preamble');
        return undefined;
      }
    }
    line.blanks();
    if (!line.time(0)) return 'start: expected seconds';
    const { seconds, nanos } = line;
    if (!next(line)) return 'start: expected seconds and a semicolon';
    const sector = line.whole();
    if (sector < 0 || !next(line)) return 'sector: expected a whole number';
    const sectors = line.whole();
    if (sectors < 0 || !next(line)) return 'length: expected a whole number';
    const letters = line.at;
    while (line.peek() >= LETTER_A && line.peek() <= LETTER_Z) line.at++;
    const what = lettersOf(line.bytes, letters, line.at);
    const operation = what & 0xff;
    if (what < 0 || operation === OPERATION_FLUSH || !next(line)) {
      line.at = letters;
      return 'op: expected R, W or D with the letters of the kernel, and a semicolon';
    }
    if (!line.time(0) || !next(line)) return 'replay_delay: expected seconds';
    if (!line.time(0)) return 'replay_duration: expected seconds';
    const durationNs = line.seconds * 1e9 + line.nanos;
    line.blanks();
    if (!line.isEnd) return 'expected six fields';
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    sink.add(
      clock.since(seconds, nanos),
      sector,
      sectors,
      operation,
      what >> 8,
      device,
      0,
      durationNs > 0 ? durationNs : Number.NaN,
    );
    return undefined;
  });
}

/** Past a semicolon and the blanks around it. */
function next(line: LineCursor): boolean {
  line.blanks();
  const isThere = line.take(SEMICOLON);
  line.blanks();
  return isThere;
}
