// fio's iolog, versions 2 and 3. The first line says which: `fio version N iolog`.
//
//   version 2   `file add|open|close`, or `file read|write|trim|sync|datasync offset length`, or `file wait N 0`
//   version 3   the same with a stamp in microseconds in front, and without `wait`
//
// Offsets and lengths are in bytes; a file is a device; names have no blanks. Version 2 has no times but those of `wait`. fio's manual
// calls N microseconds after the last wait, fio's code takes it as milliseconds since the start; this does as the code, unless the option
// `wait` says otherwise.

import { Clock } from '../clock.ts';
import { TraceError } from '../errors.ts';
import type { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { firstSector, lengthProblem, NamedDevices, sectorsOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const FIRST_LINE = /^fio version (\d+) iolog\s*$/;

const ACTIONS: readonly (readonly [string, number])[] = [
  ['read', OPERATION_READ],
  ['write', OPERATION_WRITE],
  ['trim', OPERATION_DISCARD],
  ['sync', OPERATION_FLUSH],
  ['datasync', OPERATION_FLUSH],
];
const FILE_ACTIONS: readonly string[] = ['add', 'open', 'close'];

export const fioV2: TraceFormat = {
  name: 'fio-v2',
  summary: 'fio iolog version 2: bytes, no times but waits',
  options: ['wait'],
  detect: ({ lines }) => (FIRST_LINE.exec(lines[0] ?? '')?.[1] === '2' ? 1 : 0),
  read: (context) => read(context, 2),
};

export const fioV3: TraceFormat = {
  name: 'fio-v3',
  summary: 'fio iolog version 3: us, bytes',
  // other versions come here too, to be refused by their number
  detect: ({ lines }) => {
    const version = FIRST_LINE.exec(lines[0] ?? '')?.[1];
    return version === undefined || version === '2' ? 0 : 1;
  },
  read: (context) => read(context, 3),
};

function read(context: ReadContext, version: 2 | 3): Reader {
  const { sink, options } = context;
  const found = FIRST_LINE.exec(context.sample.lines[0] ?? '')?.[1];
  if (found !== String(version)) {
    throw new TraceError(
      `fio iolog: expected "fio version ${version} iolog" in the first line, found version ${found ?? 'none'}`,
    );
  }
  const clock = new Clock();
  const devices = new NamedDevices(sink);
  const isRelative = options.wait === 'us-relative';
  let timeNs = 0;
  let hasWaits = false;
  if (version === 2) context.untimed();
  return lineReader(context, (line, isFirst) => {
    if (isFirst) return undefined;
    if (version === 3) {
      if (!line.time(6)) return 'time: expected microseconds';
      if (!line.blanks()) return 'time: expected microseconds and a blank';
      timeNs = clock.since(line.seconds, line.nanos);
    }
    const name = line.at;
    if (!line.word()) return 'expected the name of a file';
    const nameEnd = line.at;
    line.blanks();
    const action = line.at;
    if (!line.word()) return 'expected an action';
    const actionEnd = line.at;
    if (FILE_ACTIONS.some((word) => line.isWord(action, actionEnd, word))) {
      line.blanks();
      return line.isEnd ? undefined : 'expected nothing after the action';
    }
    const [, operation] = ACTIONS.find(([word]) => line.isWord(action, actionEnd, word)) ?? [];
    if (operation === undefined) {
      if (version === 2 && line.isWord(action, actionEnd, 'wait')) {
        const wait = numbers(line);
        if (wait === undefined) return 'wait: expected two whole numbers';
        timeNs = isRelative ? timeNs + wait[0] * 1000 : wait[0] * 1e6;
        if (!hasWaits) context.note(waitText(isRelative));
        hasWaits = true;
        context.timed();
        return undefined;
      }
      line.at = action;
      return `action: expected add, open, close, read, write, trim, sync, datasync${version === 2 ? ' or wait' : ''}`;
    }
    const range = numbers(line);
    if (range === undefined) return 'expected an offset and a length in bytes';
    const isFlush = operation === OPERATION_FLUSH;
    const sectors = isFlush ? 0 : sectorsOf(range[0], range[1]);
    const problem = isFlush ? undefined : lengthProblem(sectors);
    if (problem !== undefined) return problem;
    const sector = isFlush ? 0 : firstSector(range[0]);
    sink.add(timeNs, sector, sectors, operation, 0, devices.find(line, name, nameEnd), 0, Number.NaN);
    return undefined;
  });
}

function waitText(isRelative: boolean): string {
  return isRelative
    ? 'waits are taken for microseconds after the last one'
    : "waits are taken for milliseconds since the start, as fio's code does";
}

/** The last two fields of a line. */
function numbers(line: LineCursor): readonly [number, number] | undefined {
  line.blanks();
  const first = line.whole();
  if (first < 0 || !line.blanks()) return undefined;
  const second = line.whole();
  if (second < 0) return undefined;
  line.blanks();
  return line.isEnd ? [first, second] : undefined;
}
