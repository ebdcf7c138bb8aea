// The kernel's block events as ftrace, trace-cmd and `perf script` print them.
//
//   ftrace   `comm-pid [cpu] flags seconds: event: details`, a `(tgid)` after the pid and the flags as it may be
//   perf     `comm pid [cpu] seconds: block:event: details`
//
// Details are `major,minor letters bytes (command) sector + sectors … [process or error]`, of which bytes and command may lack. A process
// name may hold blanks, dashes and brackets, so lines are matched from what cannot be in one.

import { Clock } from '../clock.ts';
import { EVENT_COMPLETED, EVENT_ISSUED, EVENT_QUEUED } from '../event-recorder.ts';
import { LineCursor } from '../line-cursor.ts';
import { IS_BLANK, patternReader } from '../lines.ts';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, SECTORS_MAX } from '../records.ts';
import { lettersOf } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const FTRACE = /^\s*\S.*-(\d+)\s+(?:\(\s*[\d-]+\)\s+)?\[\d+\]\s+(?:\S{4,5}\s+)?(\d+\.\d+):\s+(\w+):\s*(.*)$/;
const PERF = /^\s*\S.*\s(\d+)(?:\/\d+)?\s+\[\d+\]\s+(\d+\.\d+):\s+(?:\d+\s+)?(\w+):(\w+):\s*(.*)$/;
const DETAILS = /^(\d+,\d+)\s+([A-Z]+)\s+(?:\d+\s+)?(?:\(([^)]*)\)\s+)?(\d+)\s*\+\s*(\d+)\b/;
/** No direction; with a flush in front it is that flush. */
const PASSTHROUGH = /^\d+,\d+\s+(?!F)[A-Z]*N[A-Z]*\s/;
const LOST = /^CPU:\d+ \[LOST (\d+) EVENTS\]/;
const COMMENT = 35;

/** Kinds by event. A completion of a bio counts only where requests are not traced. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ['block_bio_queue', EVENT_QUEUED],
  ['block_rq_issue', EVENT_ISSUED],
  ['block_rq_complete', EVENT_COMPLETED],
]);
const BIO_COMPLETE = 'block_bio_complete';

export const ftrace: TraceFormat = {
  name: 'ftrace',
  summary: 'ftrace, trace-cmd or perf script text of block events: s, sectors; events',
  hasEvents: true,
  detect: ({ lines }) => {
    const events = lines.filter((line) => !line.startsWith('#') && !LOST.test(line));
    const block = events.filter((line) => /\bblock_(rq|bio)_\w+: |\bblock_(getrq|split|plug|unplug): /.test(line));
    const parsed = events.filter((line) => FTRACE.test(line) || PERF.test(line));
    return block.length === 0 || parsed.length === 0 ? 0 : parsed.length / events.length;
  },
  read,
};

function read(context: ReadContext): Reader {
  const clock = new Clock();
  const time = new LineCursor();
  let hasRequests = false;
  let lost = 0;
  return patternReader(
    context,
    (line) => {
      if (line.peek() === COMMENT) return IS_BLANK;
      const text = line.text(line.at, line.end);
      const dropped = LOST.exec(text);
      if (dropped) {
        lost += Number(dropped[1]);
        return IS_BLANK;
      }
      const perf = PERF.exec(text);
      const match = perf ?? FTRACE.exec(text);
      if (!match) return 'expected an event of ftrace or perf';
      const [, pid, stamp] = match;
      const event = (perf ? match[4] : match[3]) as string;
      const details = (perf ? match[5] : match[4]) as string;
      hasRequests ||= event === 'block_rq_issue' || event === 'block_rq_complete';
      const kind = event === BIO_COMPLETE && !hasRequests ? EVENT_COMPLETED : (KINDS.get(event) ?? -1);
      if (kind < 0) {
        context.count(event);
        return undefined;
      }
      if (PASSTHROUGH.test(details)) {
        context.count('passthrough');
        return undefined;
      }
      const io = DETAILS.exec(details);
      if (!io) return `${event}: expected major,minor, letters, sector + sectors`;
      const bytes = Buffer.from(io[2] as string, 'latin1');
      const what = lettersOf(bytes, 0, bytes.length);
      if (what < 0) return `${event}: neither a read, write, discard nor flush`;
      const sectors = Number(io[5]);
      const sector = Number(io[4]);
      const written = what & 0xff;
      const isFlush =
        written === OPERATION_FLUSH || (sectors === 0 && (written === OPERATION_READ || written === OPERATION_WRITE));
      if (sectors > SECTORS_MAX || (sector > Number.MAX_SAFE_INTEGER && !isFlush)) return `${event}: a sector beyond 2^53`;
      setText(time, stamp as string);
      if (!time.time(0)) return `${event}: expected seconds`;
      context.count(event);
      const timeNs = clock.since(time.seconds, time.nanos);
      const device = context.sink.device(io[1] as string);
      const operation = isFlush ? OPERATION_FLUSH : written;
      const at = isFlush ? 0 : sector;
      context.recorder.take(kind, timeNs, at, isFlush ? 0 : sectors, operation, what >> 8, device, Number(pid), Number.NaN);
      return undefined;
    },
    () => {
      if (lost > 0) context.note(`${lost} events were lost while recording`);
    },
  );
}

function setText(cursor: LineCursor, text: string): void {
  cursor.bytes = Buffer.from(text, 'latin1');
  cursor.at = 0;
  cursor.end = text.length;
}
