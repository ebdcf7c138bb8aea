// NetApp's controller csv (hfplayer, TraceRAR): the first line begins with `#` and names the columns, `NAME.TYPE`; which there are differs.
// Used by name: ELAPSED_USECS, CMD (`RD_IN`, `WR_IN` arrivals, `RD_OUT`, `WR_OUT` completions), LBA and NBLKS (sectors of 512
// bytes), LUN_SSID, HOST_ID, LATENCY_USECS, SEQID. Where completions have lines of their own, SEQID says whose they are.

import { Clock } from '../clock.ts';
import { TraceError } from '../errors.ts';
import { LineCursor } from '../line-cursor.ts';
import { lineReader } from '../lines.ts';
import { BATCH_RECORDS, OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { COMMA, lengthProblem, NumberedDevices } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER = /^#(?:[A-Z_\d]+\.[A-Z],?)+$/i;
const NEEDED = ['ELAPSED_USECS', 'CMD', 'LBA', 'NBLKS'] as const;
const WAITING_MAX = 65536;
const NS_PER_US = 1000;

export const netapp: TraceFormat = {
  name: 'netapp',
  summary: 'NetApp controller csv (hfplayer): us, sectors, columns by name',
  heldBatches: 8,
  detect: ({ lines }) => (HEADER.test(lines[0] ?? '') && NEEDED.every((name) => lines[0]?.includes(`${name}.`)) ? 1 : 0),
  read: (context) => new ControllerLines(context).reader(),
};

class ControllerLines {
  readonly #context: ReadContext;
  readonly #columns: ReadonlyMap<string, number>;
  readonly #clock: Clock = new Clock();
  readonly #devices: NumberedDevices;
  /** Arrivals without a completion: the record's number by SEQID. */
  readonly #waiting: Map<number, number> = new Map();
  readonly #starts: number[] = [];
  readonly #field: LineCursor = new LineCursor();
  #unpaired = 0;

  constructor(context: ReadContext) {
    this.#context = context;
    this.#devices = new NumberedDevices(context.sink);
    const header = context.sample.lines[0] ?? '';
    const names = header.slice(1).split(',');
    this.#columns = new Map(names.map((name, i) => [name.trim().replace(/\.\w$/, ''), i]));
    for (const name of NEEDED) {
      if (!this.#columns.has(name))
        throw new TraceError(`netapp: column ${name} is not in the first line: ${header.slice(0, 200)}`);
    }
  }

  reader(): Reader {
    return lineReader(
      this.#context,
      (line, isFirst) => (isFirst ? undefined : this.#line(line)),
      () => this.#end(),
    );
  }

  #line(line: LineCursor): string | undefined {
    const starts = this.#starts;
    starts.length = 0;
    starts.push(line.at);
    while (line.upTo(COMMA)) starts.push(++line.at);
    starts.push(line.end + 1);
    line.at = starts[0] as number;
    if (starts.length - 1 < this.#columns.size) return `expected ${this.#columns.size} fields`;
    const command = this.#text(line, 'CMD');
    if (command === 'RD_OUT' || command === 'WR_OUT') {
      this.#context.count(command);
      this.#complete(line);
      return undefined;
    }
    if (command !== 'RD_IN' && command !== 'WR_IN') return 'CMD: expected RD_IN, WR_IN, RD_OUT or WR_OUT';
    const time = this.#cursor(line, 'ELAPSED_USECS');
    if (!time?.time(6) || !time.isEnd) return 'ELAPSED_USECS: expected microseconds';
    const { seconds, nanos } = time;
    const sector = this.#whole(line, 'LBA');
    if (sector < 0) return 'LBA: expected a whole number';
    const sectors = this.#whole(line, 'NBLKS');
    if (sectors < 0) return 'NBLKS: expected a whole number';
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    this.#context.count(command);
    const { sink } = this.#context;
    const device = this.#devices.find(Math.max(0, this.#whole(line, 'LUN_SSID')));
    const host = Math.max(0, this.#whole(line, 'HOST_ID'));
    const latency = this.#latencyNs(line);
    const sequence = this.#whole(line, 'SEQID');
    if (Number.isNaN(latency) && sequence >= 0 && this.#waiting.size < WAITING_MAX) this.#waiting.set(sequence, sink.total);
    const operation = command === 'RD_IN' ? OPERATION_READ : OPERATION_WRITE;
    sink.add(this.#clock.since(seconds, nanos), sector, sectors, operation, 0, device, host, latency);
    return undefined;
  }

  #complete(line: LineCursor): void {
    const sequence = this.#whole(line, 'SEQID');
    const number = this.#waiting.get(sequence);
    const batch = number === undefined ? undefined : this.#context.sink.batchOf(number);
    this.#waiting.delete(sequence);
    if (number === undefined || batch === undefined) {
      this.#unpaired++;
      return;
    }
    batch.responseNs[number % BATCH_RECORDS] = this.#latencyNs(line);
  }

  #latencyNs(line: LineCursor): number {
    const latency = Number(this.#text(line, 'LATENCY_USECS') || 0) * NS_PER_US;
    return latency > 0 ? Math.round(latency) : Number.NaN;
  }

  #cursor(line: LineCursor, name: string): LineCursor | undefined {
    const column = this.#columns.get(name);
    if (column === undefined) return undefined;
    const field = this.#field;
    field.bytes = line.bytes;
    field.at = this.#starts[column] as number;
    field.end = (this.#starts[column + 1] as number) - 1;
    return field;
  }

  #whole(line: LineCursor, name: string): number {
    const field = this.#cursor(line, name);
    if (field === undefined) return -1;
    const value = field.whole();
    return field.isEnd ? value : -1;
  }

  #text(line: LineCursor, name: string): string {
    const field = this.#cursor(line, name);
    return field === undefined ? '' : field.text(field.at, field.end);
  }

  #end(): void {
    if (this.#unpaired > 0) this.#context.note(`${this.#unpaired} completions belong to no arrival in the trace`);
  }
}
