// Stamps of whole seconds: what has one of them is laid evenly over its second, if that is wanted.

import type { RecordSink } from './record-sink.ts';
import { BATCH_RECORDS, RecordBatch } from './records.ts';

const SECOND_NS = 1e9;

export class SecondSpreader {
  readonly #sink: RecordSink;
  readonly #isSpreading: boolean;
  #held: RecordBatch = new RecordBatch(BATCH_RECORDS);
  #timeNs = Number.NaN;

  constructor(sink: RecordSink, isSpreading: boolean) {
    this.#sink = sink;
    this.#isSpreading = isSpreading;
  }

  add(timeNs: number, sector: number, sectors: number, operation: number, device: number): void {
    if (!this.#isSpreading) {
      this.#sink.add(timeNs, sector, sectors, operation, 0, device, 0, Number.NaN);
      return;
    }
    if (timeNs !== this.#timeNs) this.end();
    this.#timeNs = timeNs;
    if (this.#held.count === this.#held.capacity) this.#grow();
    const held = this.#held;
    const row = held.count++;
    held.sector[row] = sector;
    held.sectors[row] = sectors;
    held.operation[row] = operation;
    held.device[row] = device;
  }

  #grow(): void {
    const larger = new RecordBatch(this.#held.capacity * 2);
    for (let row = 0; row < this.#held.count; row++) larger.append(this.#held, row);
    this.#held = larger;
  }

  /** Gives what is held. */
  end(): void {
    const { count, sector, sectors, operation, device } = this.#held;
    for (let row = 0; row < count; row++) {
      const timeNs = this.#timeNs + Math.floor((row * SECOND_NS) / count);
      const what = operation[row] as number;
      this.#sink.add(timeNs, sector[row] as number, sectors[row] as number, what, 0, device[row] as number, 0, Number.NaN);
    }
    this.#held.count = 0;
  }
}
