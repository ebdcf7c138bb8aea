// bcc's biosnoop: a header, then `TIME(s) COMM PID DISK T SECTOR BYTES [PATTERN] [QUE(ms)] LAT(ms)`. TIME is when it completed, so it
// arrived QUE and LAT before that; records stand in the order of completion. COMM may hold blanks and DISK may lack: lines are
// matched from the right. What stands around such tables is prose and counted as such. bpftrace's biosnoop.bt has neither sector
// nor size and is refused.

import { Clock } from '../clock.ts';
import { TraceError } from '../errors.ts';
import { IS_BLANK, patternReader } from '../lines.ts';
import { OPERATION_FLUSH } from '../records.ts';
import { lengthProblem, lettersOf, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^TIME\(s\)\s+COMM\s+PID\s+DISK\s+T\s+SECTOR\s+BYTES\b/;
const BPFTRACE = /^TIME\(ms\)\s+DISK\s+COMM\s+PID\s+LAT\(ms\)/;
const LINE =
  /^(\d+)\.(\d+)\s+(\S.*?)\s+(\d+)\s+(?:(\S+)\s+)?([A-Z]{1,5})\s+(\d+)\s+(\d+)\s+(?:([RS?])\s+)?(?:(\d+\.\d+)\s+)?(\d+\.\d+)\s*$/;
const LIKE_DATA = /^\d+\.\d+\s/;
const NS_PER_MS = 1e6;

export const biosnoop: TraceFormat = {
  name: 'biosnoop',
  summary: 'bcc biosnoop text: s (completion), ms latency, sectors, size in bytes',
  detect: ({ lines }) => (lines.some((line) => HEADER.test(line) || BPFTRACE.test(line)) ? 1 : 0),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  return patternReader(context, (line) => {
    const text = line.text(line.at, line.end);
    const match = LINE.exec(text);
    if (!match) {
      if (BPFTRACE.test(text))
        throw new TraceError('biosnoop.bt of bpftrace says neither sector nor size: there is no trace in it');
      if (LIKE_DATA.test(text)) return 'expected TIME COMM PID DISK T SECTOR BYTES … LAT';
      context.count(HEADER.test(text) ? 'header' : 'prose');
      return IS_BLANK;
    }
    const [, seconds, fraction, , pid, disk, letters, sector, bytes, , queued, latency] = match as unknown as string[];
    const what = lettersOf(Buffer.from(letters as string, 'latin1'), 0, (letters as string).length);
    if (what < 0) return 'T: neither a read, write, discard nor flush';
    const at = Number(sector);
    const isFlush = (what & 0xff) === OPERATION_FLUSH;
    const sectors = isFlush ? 0 : sectorsOf(0, Number(bytes));
    const problem = isFlush ? undefined : at > Number.MAX_SAFE_INTEGER ? 'SECTOR: beyond 2^53' : lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const nanos = Number((fraction as string).slice(0, 9).padEnd(9, '0'));
    const responseNs = Math.round((Number(latency) + Number(queued ?? 0)) * NS_PER_MS);
    const timeNs = clock.since(Number(seconds), nanos - responseNs);
    const device = sink.device(disk ?? '<unknown>');
    sink.add(timeNs, isFlush ? 0 : at, sectors, what & 0xff, what >> 8, device, Number(pid), responseNs);
    return undefined;
  });
}
