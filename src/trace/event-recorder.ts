// Events of a recording (queued, issued, completed) become records: those of one kind do, and completions say how long each took.
// A completion covers sectors; everything that waits inside that range, merged or split as it may be, ends with it. Flushes have no sectors: issued
// ones end in their order on their device. (A queued one may be part of a write, so it is not known which completion is its own.)

import { TraceError } from './errors.ts';
import { PendingTable } from './pending-table.ts';
import type { RecordSink } from './record-sink.ts';
import { BATCH_RECORDS, type EventKind, OPERATION_FLUSH, type RecordBatch } from './records.ts';

export const EVENT_QUEUED = 0;
export const EVENT_ISSUED = 1;
export const EVENT_COMPLETED = 2;

/** More on one device were lost, or never completed in the trace. */
const FLUSHES_MAX = 64;

const KINDS: readonly EventKind[] = ['Q', 'D', 'C'];

/** What the chosen kind is called in messages. */
export const KIND_NAMES: Readonly<Record<EventKind, string>> = { Q: 'queue events', D: 'issues', C: 'completions' };

export class EventRecorder {
  /** How many of each kind have been taken. */
  readonly counts: [number, number, number] = [0, 0, 0];
  readonly #sink: RecordSink;
  readonly #chosen: number;
  readonly #isFinal: boolean;
  #pending: PendingTable | undefined;
  /** From the first completion on, records wait for theirs: a trace without any pays nothing. */
  #isTracking = false;
  /** From completions: the times of what was issued. */
  #issuedAt: Float64Array = new Float64Array(0);
  #issued = 0;
  /** By device, what was issued of flushes and has not ended: numbers of records, or times where completions are the records. */
  readonly #flushes: Map<number, number[]> = new Map();

  /**
   * `from` undefined only counts. A choice that is not `isFinal` was made from the beginning of a trace: an event of a better
   * kind that turns up afterwards is an error.
   */
  constructor(sink: RecordSink, from: EventKind | undefined, isFinal: boolean) {
    this.#sink = sink;
    this.#chosen = from === undefined ? -1 : KINDS.indexOf(from);
    this.#isFinal = isFinal;
  }

  /** The kind to take where nobody has chosen one, by what has been counted. */
  get best(): EventKind {
    const index = this.counts.findIndex((count) => count > 0);
    return KINDS[Math.max(0, index)] as EventKind;
  }

  take(
    kind: number,
    timeNs: number,
    sector: number,
    sectors: number,
    operation: number,
    flags: number,
    device: number,
    stream: number,
    responseNs: number,
  ): void {
    this.counts[kind as 0 | 1 | 2]++;
    if (this.#chosen < 0) return;
    if (kind < this.#chosen && !this.#isFinal) this.#late(kind);
    if (kind === EVENT_COMPLETED) {
      const isFlush = operation === OPERATION_FLUSH && sectors === 0;
      const took = isFlush ? this.#completeFlush(device, timeNs) : this.#complete(device, sector, sectors, timeNs);
      if (this.#chosen === EVENT_COMPLETED) {
        this.#sink.add(timeNs, sector, sectors, operation, flags, device, stream, Number.isNaN(took) ? responseNs : took);
      }
      return;
    }
    if (kind === this.#chosen) {
      const number = this.#sink.total;
      this.#sink.add(timeNs, sector, sectors, operation, flags, device, stream, responseNs);
      if (kind === EVENT_ISSUED && sectors === 0 && operation === OPERATION_FLUSH) this.#issueFlush(device, number);
      if (this.#isTracking && sectors > 0 && Number.isNaN(responseNs)) this.#table.set(device, sector, number);
    } else if (kind === EVENT_ISSUED && this.#chosen === EVENT_COMPLETED) {
      if (sectors > 0) this.#issue(device, sector, timeNs);
      else if (operation === OPERATION_FLUSH) this.#issueFlush(device, timeNs);
    }
  }

  #issueFlush(device: number, value: number): void {
    const waiting = this.#flushes.get(device);
    if (waiting === undefined) this.#flushes.set(device, [value]);
    else if (waiting.push(value) > FLUSHES_MAX) waiting.shift();
  }

  /** Ends the oldest flush of a device. For completions as records: how long it took, or NaN. */
  #completeFlush(device: number, timeNs: number): number {
    const value = this.#flushes.get(device)?.shift();
    if (value === undefined) return Number.NaN;
    if (this.#chosen === EVENT_COMPLETED) return timeNs - value;
    const batch = this.#sink.batchOf(value);
    const row = value % BATCH_RECORDS;
    if (batch !== undefined) batch.responseNs[row] = timeNs - (batch.timeNs[row] as number);
    return Number.NaN;
  }

  get #table(): PendingTable {
    this.#pending ??= new PendingTable();
    return this.#pending;
  }

  /** At the first completion: what came before it and is still here may wait for this or later ones. */
  #track(): void {
    this.#isTracking = true;
    for (let number = this.#sink.firstHeld; number < this.#sink.total; number++) {
      const batch = this.#sink.batchOf(number) as RecordBatch;
      const row = number % BATCH_RECORDS;
      if (batch.sectors[row] === 0 || !Number.isNaN(batch.responseNs[row])) continue;
      this.#table.set(batch.device[row] as number, batch.sector[row] as number, number);
    }
  }

  #issue(device: number, sector: number, timeNs: number): void {
    if (this.#issuedAt.length === 0) this.#issuedAt = new Float64Array(BATCH_RECORDS * 8);
    const slot = this.#issued++ % this.#issuedAt.length;
    this.#issuedAt[slot] = timeNs;
    this.#table.set(device, sector, slot);
  }

  /** Ends what waits in a range. For completions as records: how long the request took, or NaN. */
  #complete(device: number, sector: number, sectors: number, timeNs: number): number {
    const table = this.#table;
    if (this.#chosen === EVENT_COMPLETED) {
      const slot = table.take(device, sector);
      return slot < 0 ? Number.NaN : timeNs - (this.#issuedAt[slot] as number);
    }
    if (!this.#isTracking) this.#track();
    const end = sector + sectors;
    let at = sector;
    while (at < end) {
      const number = table.take(device, at);
      if (number < 0) break;
      const batch = this.#sink.batchOf(number);
      if (batch === undefined) break;
      const row = number % BATCH_RECORDS;
      const recordEnd = (batch.sector[row] as number) + (batch.sectors[row] as number);
      if (recordEnd <= end) batch.responseNs[row] = timeNs - (batch.timeNs[row] as number);
      else table.set(device, end, number);
      at = recordEnd;
    }
    return Number.NaN;
  }

  #late(kind: number): never {
    const better = KINDS[kind] as EventKind;
    const taken = KINDS[this.#chosen] as EventKind;
    throw new TraceError(
      `${KIND_NAMES[better]} begin after a beginning that has only ${KIND_NAMES[taken]}: ` +
        `choose with --from ${better} or --from ${taken}, or read from a file, which is looked through first`,
    );
  }
}
