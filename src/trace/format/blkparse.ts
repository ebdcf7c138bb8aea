// blkparse's default text, a line an event:
// `major,minor cpu sequence seconds.nanoseconds pid action letters` and then, for what became records here, `sector + sectors [process]`.
// A length of zero leaves the sector out or the length. With -t the time that went by stands in parentheses before the bracket; other
// parentheses hold the command of a passthrough. The listing ends with a summary, which is passed over.

import { Clock } from '../clock.ts';
import { EVENT_COMPLETED, EVENT_ISSUED, EVENT_QUEUED } from '../event-recorder.ts';
import type { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, SECTORS_MAX } from '../records.ts';
import { share } from '../sample.ts';
import { COMMA, lettersOf, NamedDevices } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const LINE = /^\s*\d+,\d+\s+\d+\s+\d+\s+\d+\.\d+\s+\d+\s+[A-Za-z]{1,2}\s+[A-Z]+/;
const SUMMARY =
  /^(\s*(Reads?|Writes?|Read depth|IO unplugs|Timer unplugs|Allocation|PC |Discards?|Merges?|Dispatch|Requeue|Complete)|CPU ?\d|Total|Throughput|Events|Skips|Input file)/;
const PLUS = 43;
const LEFT_PARENTHESIS = 40;
const RIGHT_PARENTHESIS = 41;
const LEFT_BRACKET = 91;
const LETTER_Q = 81;
const LETTER_D = 68;
const LETTER_C = 67;
const LETTER_M = 109;

export const blkparse: TraceFormat = {
  name: 'blkparse',
  summary: 'blkparse text: s with 9 decimals, sectors; events',
  hasEvents: true,
  detect: ({ lines }) => share(lines, LINE, 0, SUMMARY),
  read: (context) => new BlkparseLines(context).reader(),
};

class BlkparseLines {
  readonly #context: ReadContext;
  readonly #clock: Clock = new Clock();
  readonly #devices: NamedDevices;
  /** By one or two letters, packed. */
  readonly #counts: Uint32Array = new Uint32Array(65536);

  constructor(context: ReadContext) {
    this.#context = context;
    this.#devices = new NamedDevices(context.sink);
  }

  reader(): Reader {
    return lineReader(
      this.#context,
      (line) => this.#line(line),
      () => this.#end(),
    );
  }

  #line(line: LineCursor): string | undefined {
    const start = line.at;
    line.blanks();
    const name = line.at;
    if (line.whole() < 0 || !line.take(COMMA) || line.whole() < 0) {
      line.at = start;
      if (!SUMMARY.test(line.text(start, line.end))) return 'expected major,minor at the beginning of a line';
      this.#context.count('summary');
      return undefined;
    }
    const nameEnd = line.at;
    if (!line.blanks() || line.whole() < 0 || !line.blanks()) return 'cpu: expected a whole number';
    if (line.whole() < 0 || !line.blanks()) return 'sequence: expected a whole number';
    if (!line.time(0) || !line.blanks()) return 'time: expected seconds';
    const pid = line.whole();
    if (pid < 0 || !line.blanks()) return 'pid: expected a whole number';
    const action = line.at;
    if (!line.word()) return 'action: expected a letter';
    const length = line.at - action;
    const first = line.bytes[action] as number;
    const second = length > 1 ? (line.bytes[action + 1] as number) : 0;
    if (length > 2) {
      line.at = action;
      return 'action: expected one or two letters';
    }
    const kind =
      length > 1
        ? -1
        : first === LETTER_Q
          ? EVENT_QUEUED
          : first === LETTER_D
            ? EVENT_ISSUED
            : first === LETTER_C
              ? EVENT_COMPLETED
              : -1;
    if (kind < 0) {
      if (!isLetter(first) || (second !== 0 && !isLetter(second))) {
        line.at = action;
        return 'action: expected a letter';
      }
      this.#counts[(first << 8) | second]++;
      return undefined;
    }
    return this.#io(line, kind, this.#devices.find(line, name, nameEnd), pid, (first << 8) | second);
  }

  #io(line: LineCursor, kind: number, device: number, pid: number, counter: number): string | undefined {
    line.blanks();
    const letters = line.at;
    if (!line.word()) return 'expected the letters of an I/O';
    const what = lettersOf(line.bytes, letters, line.at);
    line.blanks();
    let sector = 0;
    let sectors = 0;
    const next = line.at;
    if (line.peek() !== LEFT_BRACKET && line.peek() !== LEFT_PARENTHESIS) {
      sector = line.whole();
      // the sector of a flush is told as 2^64-1
      const isBeyond = sector < 0 && line.digits();
      if (sector < 0 && !isBeyond) return 'sector: expected a whole number';
      line.blanks();
      if (line.take(PLUS)) {
        line.blanks();
        sectors = line.whole();
        if (sectors < 0 || sectors > SECTORS_MAX) return 'length: expected a whole number of sectors';
        line.blanks();
      }
      if (isBeyond && sectors > 0) {
        line.at = next;
        return 'sector: beyond 2^53';
      }
    }
    if (line.peek() === LEFT_PARENTHESIS) passElapsed(line);
    if (line.peek() === LEFT_PARENTHESIS || (what < 0 && sectors === 0)) {
      this.#counts[counter]++;
      this.#context.count('passthrough');
      return undefined;
    }
    if (line.peek() !== LEFT_BRACKET) return 'expected a process or an error in brackets';
    if (what < 0) {
      line.at = letters;
      return 'neither a read, write, discard nor flush';
    }
    this.#counts[counter]++;
    const timeNs = this.#clock.since(line.seconds, line.nanos);
    const written = what & 0xff;
    // a write of nothing, or a read of it, is the flush that its letters ask for
    const operation = sectors === 0 && (written === OPERATION_WRITE || written === OPERATION_READ) ? OPERATION_FLUSH : written;
    const at = operation === OPERATION_FLUSH ? 0 : sector;
    this.#context.recorder.take(kind, timeNs, at, sectors, operation, what >> 8, device, pid, Number.NaN);
    return undefined;
  }

  #end(): void {
    this.#counts.forEach((count, packed) => {
      if (count === 0) return;
      const letters = String.fromCharCode(packed >> 8) + (packed & 0xff ? String.fromCharCode(packed & 0xff) : '');
      this.#context.count(letters === String.fromCharCode(LETTER_M) ? 'message' : letters, count);
    });
  }
}

/** Past `(number)` and blanks, if it is that and not a command, which has several numbers. */
function passElapsed(line: LineCursor): void {
  const start = line.at++;
  line.blanks();
  if (line.digits() && line.take(RIGHT_PARENTHESIS)) line.blanks();
  else line.at = start;
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 122;
}
