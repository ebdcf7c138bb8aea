// What `rqdm trace info` says: counts, span and the figures that show a wrong unit at a glance.

import { OPERATION_NAMES, OPERATION_READ, OPERATION_WRITE, type RecordBatch, type Trace } from './records.ts';

const SECTOR_BYTES = 512;

export interface TraceSummary {
  readonly format: string;
  /** For recordings of events, which became records; else null. */
  readonly from: string | null;
  readonly records: number;
  readonly reads: number;
  readonly writes: number;
  readonly discards: number;
  readonly flushes: number;
  readonly writeZeroes: number;
  /** Records whose direction the format does not tell. */
  readonly unknown: number;
  /** Bytes that were read and written, in sectors of 512. */
  readonly bytes: number;
  /** From the earliest to the latest arrival. */
  readonly spanSeconds: number;
  readonly iops: number | null;
  readonly meanBytes: number;
  /** Share of I/Os that begin where the one before on the same device ended. */
  readonly sequentialShare: number;
  readonly firstSector: number;
  readonly lastSector: number;
  readonly devices: readonly string[];
  /** Records that are earlier than one before them. */
  readonly outOfOrder: number;
  readonly withResponse: number;
  readonly meanResponseSeconds: number | null;
  readonly isTimed: boolean;
  readonly began: string | null;
  readonly skipped: number;
  readonly skipReasons: Readonly<Record<string, number>>;
  readonly firstSkips: readonly string[];
  readonly events: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

/** Adds up batches as they pass. */
export class Summarizer {
  readonly #operations: number[] = OPERATION_NAMES.map(() => 0);
  readonly #ends: Map<number, number> = new Map();
  #records = 0;
  #transfers = 0;
  #sectors = 0;
  #allSectors = 0;
  #earliest = Number.POSITIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  #low = Number.POSITIVE_INFINITY;
  #high = 0;
  #sequential = 0;
  #outOfOrder = 0;
  #responses = 0;
  #responseNs = 0;

  add(batch: RecordBatch): void {
    for (let row = 0; row < batch.count; row++) {
      const timeNs = batch.timeNs[row] as number;
      const operation = batch.operation[row] as number;
      const sectors = batch.sectors[row] as number;
      this.#records++;
      this.#operations[operation]++;
      if (timeNs < this.#latest) this.#outOfOrder++;
      if (timeNs < this.#earliest) this.#earliest = timeNs;
      if (timeNs > this.#latest) this.#latest = timeNs;
      const response = batch.responseNs[row] as number;
      if (response >= 0) {
        this.#responses++;
        this.#responseNs += response;
      }
      if (sectors === 0) continue;
      this.#transfer(batch.device[row] as number, batch.sector[row] as number, sectors);
      this.#allSectors += sectors;
      if (operation === OPERATION_READ || operation === OPERATION_WRITE) this.#sectors += sectors;
    }
  }

  #transfer(device: number, sector: number, sectors: number): void {
    this.#transfers++;
    if (this.#ends.get(device) === sector) this.#sequential++;
    this.#ends.set(device, sector + sectors);
    if (sector < this.#low) this.#low = sector;
    if (sector + sectors - 1 > this.#high) this.#high = sector + sectors - 1;
  }

  /** The whole, once the trace has been read. */
  summary(trace: Trace): TraceSummary {
    const [reads = 0, writes = 0, discards = 0, flushes = 0, unknown = 0, writeZeroes = 0] = this.#operations;
    const spanSeconds = this.#records === 0 ? 0 : (this.#latest - this.#earliest) / 1e9;
    return {
      format: trace.format,
      from: trace.from ?? null,
      records: this.#records,
      reads,
      writes,
      discards,
      flushes,
      writeZeroes,
      unknown,
      bytes: this.#sectors * SECTOR_BYTES,
      spanSeconds,
      iops: spanSeconds > 0 ? this.#records / spanSeconds : null,
      meanBytes: this.#transfers > 0 ? (this.#allSectors * SECTOR_BYTES) / this.#transfers : 0,
      sequentialShare: this.#transfers > 0 ? this.#sequential / this.#transfers : 0,
      firstSector: this.#transfers > 0 ? this.#low : 0,
      lastSector: this.#high,
      devices: [...trace.devices],
      outOfOrder: this.#outOfOrder,
      withResponse: this.#responses,
      meanResponseSeconds: this.#responses > 0 ? this.#responseNs / this.#responses / 1e9 : null,
      isTimed: trace.isTimed,
      began: beganText(trace.beganSeconds),
      skipped: trace.skips.count,
      skipReasons: Object.fromEntries(trace.skips.reasons),
      firstSkips: trace.skips.first,
      events: Object.fromEntries(trace.events),
      notes: trace.notes,
    };
  }
}

function beganText(seconds: number | undefined): string | null {
  const date = new Date((seconds ?? Number.NaN) * 1000);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** The summary for people. */
export function summaryText(summary: TraceSummary): string {
  const counts = [summary.reads, summary.writes, summary.discards, summary.flushes, summary.unknown, summary.writeZeroes]
    .map((count, operation) => (count > 0 ? `${count} ${OPERATION_NAMES[operation]}` : ''))
    .filter((text) => text !== '');
  const lines = [
    `format     ${summary.format}${summary.from === null ? '' : `, events ${summary.from}`}`,
    `records    ${summary.records}: ${counts.join(', ')}`,
    `bytes      ${summary.bytes} read and written, ${Math.round(summary.meanBytes)} each, ${percent(summary.sequentialShare)} sequential`,
    summary.isTimed
      ? `time       ${summary.spanSeconds} s, ${summary.iops === null ? 'no' : summary.iops.toFixed(1)} IOPS${summary.began === null ? '' : `, from ${summary.began}`}`
      : 'time       none in this format',
    `addresses  sector ${summary.firstSector} to ${summary.lastSector} (${((summary.lastSector * SECTOR_BYTES) / 2 ** 30).toFixed(1)} GiB)`,
    `devices    ${summary.devices.length}: ${summary.devices.slice(0, 8).join(' ')}${summary.devices.length > 8 ? ' …' : ''}`,
  ];
  const events = Object.entries(summary.events).map(([event, count]) => `${event} ${count}`);
  if (events.length > 0) lines.push(`events     ${events.join(', ')}`);
  if (summary.meanResponseSeconds !== null) {
    lines.push(`response   ${(summary.meanResponseSeconds * 1e3).toFixed(3)} ms in the mean of ${summary.withResponse}`);
  }
  if (summary.outOfOrder > 0) lines.push(`order      ${summary.outOfOrder} records are earlier than one before them`);
  if (summary.skipped > 0) {
    lines.push(`SKIPPED    ${summary.skipped} records`);
    for (const [reason, count] of Object.entries(summary.skipReasons)) lines.push(`           ${count}: ${reason}`);
    for (const first of summary.firstSkips) lines.push(`           ${first}`);
  }
  for (const note of summary.notes) lines.push(`note       ${note}`);
  return `${lines.join('\n')}\n`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
