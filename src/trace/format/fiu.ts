// FIU (homes, mail, webvm): `ns pid process lba size W|R major minor md5`. Stamp in nanoseconds, lba and size in sectors of 512 bytes. A process
// name may hold blanks, so it is what is left between both ends.

import { Clock } from '../clock.ts';
import { LineCursor } from '../line-cursor.ts';
import { patternReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { lengthProblem } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const LINE = /^\s*(\d+)\s+(\d+)\s+(.*?)\s*\b(\d+)\s+(\d+)\s+([RW])\s+(\d+)\s+(\d+)\s+([\da-f]{32})\s*$/i;

export const fiu: TraceFormat = {
  name: 'fiu',
  summary: 'FIU text (homes, mail, webvm): ns, sectors',
  detect: ({ lines }) => share(lines, LINE),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const time = new LineCursor();
  return patternReader(context, (line) => {
    const match = LINE.exec(line.text(line.at, line.end));
    if (!match) return 'expected ns, pid, process, lba, size, W or R, major, minor, md5';
    const sector = Number(match[4]);
    const sectors = Number(match[5]);
    const pid = Number(match[2]);
    if (sector > Number.MAX_SAFE_INTEGER) return 'lba: beyond 2^53';
    if (pid > 0xffff_ffff) return 'pid: beyond 2^32';
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    time.bytes = Buffer.from(match[1] as string, 'latin1');
    time.at = 0;
    time.end = time.bytes.length;
    if (!time.time(9)) return 'time: expected nanoseconds';
    const operation = (match[6] as string).toUpperCase() === 'R' ? OPERATION_READ : OPERATION_WRITE;
    const device = sink.device(`${match[7]},${match[8]}`);
    sink.add(clock.since(time.seconds, time.nanos), sector, sectors, operation, 0, device, pid, Number.NaN);
    return undefined;
  });
}
