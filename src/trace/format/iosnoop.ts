// perf-tools' iosnoop: `[STARTs] [ENDs] COMM PID TYPE DEV BLOCK BYTES LATms`, the times only when they were asked for. The header of each
// table says which it has; without either there is no arrival time. Tables stand in prose, which is counted as such. Blocks are sectors of
// 512 bytes.

import { Clock } from '../clock.ts';
import { IS_BLANK, patternReader } from '../lines.ts';
import { OPERATION_FLUSH } from '../records.ts';
import { lengthProblem, lettersOf, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^(STARTs\s+)?(ENDs\s+)?COMM\s+PID\s+TYPE\s+DEV\s+BLOCK\s+BYTES\s+LATms\s*$/;
const LINE =
  /^(?:(\d+\.\d+)\s+)?(?:(\d+\.\d+)\s+)?(\S.*?)\s+(\d+)\s+([A-Z]{1,6})\s+(\d+,\d+)\s+(\d+)\s+(\d+)\s+(\d+(?:\.\d+)?)\s*$/;
const LIKE_DATA = /\s\d+,\d+\s+\d+\s+\d+/;
const NS_PER_MS = 1e6;

export const iosnoop: TraceFormat = {
  name: 'iosnoop',
  summary: 'perf-tools iosnoop text: s where there are times, ms latency, sectors, size in bytes',
  detect: ({ lines }) => (lines.some((line) => HEADER.test(line)) ? 1 : 0),
  read,
};

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  let timed = 0;
  let untimed = 0;
  let isStart = false;
  return patternReader(
    context,
    (line) => {
      const text = line.text(line.at, line.end);
      const match = LINE.exec(text);
      if (!match) {
        const header = HEADER.exec(text);
        if (header) isStart = header[1] !== undefined;
        else if (LIKE_DATA.test(text)) return 'expected COMM PID TYPE DEV BLOCK BYTES LATms';
        context.count(header ? 'header' : 'prose');
        return IS_BLANK;
      }
      const [, first, , , pid, letters, name, block, bytes, latency] = match as unknown as (string | undefined)[];
      const word = letters as string;
      const what = lettersOf(Buffer.from(word, 'latin1'), 0, word.length);
      if (what < 0) return 'TYPE: neither a read, write, discard nor flush';
      const isFlush = (what & 0xff) === OPERATION_FLUSH;
      const sector = isFlush ? 0 : Number(block);
      const sectors = isFlush ? 0 : sectorsOf(0, Number(bytes));
      const problem = isFlush ? undefined : sector > Number.MAX_SAFE_INTEGER ? 'BLOCK: beyond 2^53' : lengthProblem(sectors);
      if (problem !== undefined) return problem;
      const responseNs = Math.round(Number(latency) * NS_PER_MS);
      let timeNs = 0;
      if (first === undefined) untimed++;
      else {
        timed++;
        const [seconds, fraction] = first.split('.') as [string, string];
        const nanos = Number(fraction.slice(0, 9).padEnd(9, '0'));
        timeNs = clock.since(Number(seconds), isStart ? nanos : nanos - responseNs);
      }
      sink.add(timeNs, sector, sectors, what & 0xff, what >> 8, sink.device(name as string), Number(pid), responseNs);
      return undefined;
    },
    () => {
      if (timed === 0) context.untimed();
      else if (untimed > 0) context.note(`${untimed} records have no time and stand at 0`);
    },
  );
}
