// MSR Cambridge: `Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime` without a header. Stamp and response time in ticks of 100 ns,
// the stamp since 1601; offset and size in bytes; the type is `Read` or `Write`. Host and disk number are the device.

import { Clock } from '../clock.ts';
import type { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, firstSector, lengthProblem, NamedDevices, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

/** Seconds from 1601 to 1970. */
export const FILETIME_EPOCH_SECONDS = 11_644_473_600;
const TICK_NS = 100;
const LINE = /^\d{15,},[^,]*,\d+,(Read|Write),\d+,\d+,\d*$/i;
const READ = Buffer.from('read');
const WRITE = Buffer.from('write');
/** Makes a letter small. */
const SMALL = 0x20;

export const msr: TraceFormat = {
  name: 'msr',
  summary: 'MSR Cambridge csv: ticks of 100 ns since 1601, bytes',
  detect: ({ lines }) => share(lines, LINE, 0, HEADER),
  read,
};

const HEADER = /^Timestamp,Hostname,/i;

function read(context: ReadContext): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NamedDevices(sink);
  return lineReader(context, (line, isFirst) => {
    const start = line.at;
    if (!line.time(7) || !line.take(COMMA)) {
      return isFirst && HEADER.test(line.text(start, line.end)) ? undefined : 'Timestamp: expected a whole number';
    }
    const { seconds, nanos } = line;
    const host = line.at;
    if (!line.upTo(COMMA)) return 'Hostname: expected a name';
    line.at++;
    if (line.whole() < 0) return 'DiskNumber: expected a whole number';
    const device = devices.find(line, host, line.at);
    if (!line.take(COMMA)) return 'DiskNumber: expected a whole number';
    const isRead = takeWord(line, READ);
    if (!isRead && !takeWord(line, WRITE)) return 'Type: expected Read or Write';
    const offset = line.whole();
    if (offset < 0 || !line.take(COMMA)) return 'Offset: expected a whole number';
    const size = line.whole();
    if (size < 0) return 'Size: expected a whole number';
    let responseNs = Number.NaN;
    if (line.take(COMMA) && !line.isEnd) {
      const ticks = line.whole();
      if (ticks < 0) return 'ResponseTime: expected a whole number';
      if (ticks > 0) responseNs = ticks * TICK_NS;
    }
    if (!line.isEnd) return 'expected seven fields';
    const sectors = sectorsOf(offset, size);
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    if (!clock.isSet) context.began(seconds - FILETIME_EPOCH_SECONDS);
    const operation = isRead ? OPERATION_READ : OPERATION_WRITE;
    sink.add(clock.since(seconds, nanos), firstSector(offset), sectors, operation, 0, device, 0, responseNs);
    return undefined;
  });
}

/** Past a word, in letters of either size, and a comma; false where something else stands. */
function takeWord(line: LineCursor, word: Buffer): boolean {
  const { at, bytes } = line;
  if (line.end - at < word.length) return false;
  for (let i = 0; i < word.length; i++) if (((bytes[at + i] as number) | SMALL) !== word[i]) return false;
  line.at += word.length;
  if (line.take(COMMA)) return true;
  line.at = at;
  return false;
}
