// libCacheSim's csv: header `version,time,op,size,lbn`; op is a SCSI operation code in hexadecimal, size in bytes, lbn in sectors of 512.
//
// The same header is used with stamps of whole seconds and of microseconds. --time-unit says which; else the steps between the first
// lines tell: most stand still or go by less than a thousand when they are seconds.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { share } from '../sample.ts';
import { scsiOperation } from '../scsi-operation.ts';
import { SecondSpreader } from '../second-spreader.ts';
import { COMMA, lengthProblem, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^version,time,op,size,lbn/i;
const LINE = /^\d+,\d+,[\da-f]{1,2},\d+,\d+$/i;
const PLACES = { s: 0, ms: 3, us: 6, ns: 9 } as const;
const SECONDS_STEP_MAX = 1000;

export const libcachesimCsv: TraceFormat = {
  name: 'libcachesim-csv',
  summary: 'libCacheSim csv: s or us (--time-unit), sectors, size in bytes, SCSI operations',
  options: ['timeUnit', 'spread'],
  detect: ({ lines }) => (HEADER.test(lines[0] ?? '') ? share(lines, LINE, 1) : 0),
  read,
};

function unitOf(lines: readonly string[]): 's' | 'us' {
  const times = lines.slice(1).map((line) => Number(line.split(',')[1]));
  let small = 0;
  for (let i = 1; i < times.length; i++)
    if (Math.abs((times[i] as number) - (times[i - 1] as number)) < SECONDS_STEP_MAX) small++;
  return small * 2 >= times.length - 1 ? 's' : 'us';
}

function read(context: ReadContext): Reader {
  const { options } = context;
  const unit = options.timeUnit ?? unitOf(context.sample.lines);
  if (options.timeUnit === undefined) context.note(`stamps are taken for ${unit} by the steps between them (--time-unit)`);
  const places = PLACES[unit];
  const spreader = new SecondSpreader(context.sink, options.spread === true && unit === 's');
  const clock = new Clock();
  const device = context.sink.device('0');
  return lineReader(
    context,
    (line, isFirst) => {
      const start = line.at;
      if (line.whole() < 0 || !line.take(COMMA)) {
        return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'version: expected a whole number';
      }
      if (!line.time(places) || !line.take(COMMA)) return 'time: expected a whole number';
      const word = line.at;
      const operation = scsiOperation(line.hexadecimal());
      if (operation < 0 || !line.take(COMMA)) {
        line.at = word;
        return 'op: neither a read, write, discard nor flush of SCSI';
      }
      const size = line.whole();
      if (size < 0 || !line.take(COMMA)) return 'size: expected a whole number';
      const sector = line.whole();
      if (sector < 0) return 'lbn: expected a whole number';
      if (!line.isEnd) return 'expected five fields';
      const sectors = Math.ceil(size / SECTOR_BYTES);
      const problem = lengthProblem(sectors);
      if (problem !== undefined) return problem;
      spreader.add(clock.since(line.seconds, line.nanos), sector, sectors, operation, device);
      return undefined;
    },
    () => spreader.end(),
  );
}
