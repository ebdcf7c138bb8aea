// Where readers put their records: batches that fill one after the other. The newest ones may be held back, so that a
// completion that comes later can still tell how long a record took.

import { TraceError } from './errors.ts';
import { BATCH_RECORDS, DEVICES_MAX, RecordBatch } from './records.ts';

export class RecordSink {
  /** Records so far; the number of the next one. */
  total = 0;
  readonly devices: string[] = [];
  readonly #numbers: Map<string, number> = new Map();
  readonly #heldBatches: number;
  #current: RecordBatch = new RecordBatch(BATCH_RECORDS);
  #full: RecordBatch[] = [];
  /** The number of the first record that is still here. */
  #first = 0;

  /** Keeps the last `heldBatches` full batches back until more come or the trace ends. */
  constructor(heldBatches = 0) {
    this.#heldBatches = heldBatches;
  }

  /** The number of a device by its name, a new one if it has none. */
  device(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.devices.length;
    if (number === DEVICES_MAX) throw new TraceError(`more than ${DEVICES_MAX} devices: split the trace by device first`);
    this.devices.push(name);
    this.#numbers.set(name, number);
    return number;
  }

  add(
    timeNs: number,
    sector: number,
    sectors: number,
    operation: number,
    flags: number,
    device: number,
    stream: number,
    responseNs: number,
  ): void {
    const batch = this.#current;
    const row = batch.count;
    batch.timeNs[row] = timeNs;
    batch.sector[row] = sector;
    batch.responseNs[row] = responseNs;
    batch.sectors[row] = sectors;
    batch.stream[row] = stream;
    batch.device[row] = device;
    batch.operation[row] = operation;
    batch.flags[row] = flags;
    batch.count = row + 1;
    this.total++;
    if (row + 1 === BATCH_RECORDS) {
      this.#full.push(batch);
      this.#current = new RecordBatch(BATCH_RECORDS);
    }
  }

  /** The number of the first record that has not been given away. */
  get firstHeld(): number {
    return this.#first;
  }

  /** The batch that record `number` lies in, or undefined once it has been given away; its row is `number % BATCH_RECORDS`. */
  batchOf(number: number): RecordBatch | undefined {
    const index = (number - this.#first) / BATCH_RECORDS;
    if (index < 0) return undefined;
    const whole = Math.floor(index);
    return whole < this.#full.length ? this.#full[whole] : this.#current;
  }

  /** The batches that are ready; at the end of the trace all. */
  take(isEnd: boolean): RecordBatch[] {
    if (isEnd) {
      const all = this.#current.count > 0 ? [...this.#full, this.#current] : this.#full;
      this.#full = [];
      this.#current = new RecordBatch(0);
      this.#first = this.total;
      return all;
    }
    const count = this.#full.length - this.#heldBatches;
    if (count <= 0) return [];
    this.#first += count * BATCH_RECORDS;
    return this.#full.splice(0, count);
  }
}
