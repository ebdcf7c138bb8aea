// Tencent CBS: `Timestamp,Offset,Size,IOType,VolumeID` without a header. Stamps of whole seconds since 1970, offset and size in sectors of 512
// bytes; 0 is a read and 1 a write, the other way round than in simulators' columns.
//
// All I/O of a second has one stamp. Unless `spread` is asked for it is given as it stands, as a burst at the beginning of the
// second; spread, what came in one second is laid evenly over it, which needs the records of one second in memory.

import { Clock } from '../clock.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { SecondSpreader } from '../second-spreader.ts';
import { COMMA, lengthProblem, NumberedDevices } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^Timestamp,Offset,Size,IOType,VolumeID/i;
const LINE = /^\d{9,11},\d+,\d+,[01],\d+$/;

export const tencent: TraceFormat = {
  name: 'tencent',
  summary: 'Tencent CBS csv: whole s since 1970 (--spread), sectors, 0 reads',
  options: ['spread'],
  detect: ({ lines }) => share(lines, LINE, 0, HEADER),
  read,
};

function read(context: ReadContext): Reader {
  const spreader = new SecondSpreader(context.sink, context.options.spread === true);
  const clock = new Clock();
  const devices = new NumberedDevices(context.sink);
  context.note(
    context.options.spread === true
      ? 'stamps are whole seconds: what came in one is spread evenly over it'
      : 'stamps are whole seconds: what came in one comes as a burst (--spread lays it over the second)',
  );
  return lineReader(
    context,
    (line, isFirst) => {
      const start = line.at;
      if (!line.time(0) || !line.take(COMMA)) {
        return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'Timestamp: expected whole seconds';
      }
      const offset = line.whole();
      if (offset < 0 || !line.take(COMMA)) return 'Offset: expected a whole number';
      const size = line.whole();
      if (size < 0 || !line.take(COMMA)) return 'Size: expected a whole number';
      const type = line.whole();
      if ((type !== 0 && type !== 1) || !line.take(COMMA)) return 'IOType: expected 0 or 1';
      const volume = line.whole();
      if (volume < 0) return 'VolumeID: expected a whole number';
      if (!line.isEnd) return 'expected five fields';
      const problem = lengthProblem(size);
      if (problem !== undefined) return problem;
      if (!clock.isSet) context.began(line.seconds);
      const operation = type === 0 ? OPERATION_READ : OPERATION_WRITE;
      spreader.add(clock.since(line.seconds, line.nanos), offset, size, operation, devices.find(volume));
      return undefined;
    },
    () => spreader.end(),
  );
}
