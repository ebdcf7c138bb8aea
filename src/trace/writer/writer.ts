// What a format that can be written is, and what gets lost on the way into it: a target says what it carries, and what a trace has
// beyond that is counted and told.

import { TraceError } from '../errors.ts';
import {
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_NAMES,
  OPERATION_READ,
  OPERATION_UNKNOWN,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  type RecordBatch,
} from '../records.ts';
import { PLAIN_NUMBER } from './device-number.ts';

/** What a target may be unable to carry. */
export type Detail = 'flags' | 'stream' | 'response' | 'began' | 'device names';

const DETAIL_TEXTS: Readonly<Record<Detail, string>> = {
  flags: 'flags (sync, FUA, …)',
  stream: 'processes',
  response: 'response times',
  began: 'when it began',
  'device names': 'names of devices',
};

export interface TraceAbout {
  readonly isTimed: boolean;
  readonly beganSeconds: number | undefined;
}

export interface TargetFormat {
  /** As `--to` takes it; the reader of the same name reads it. */
  readonly name: string;
  readonly summary: string;
  readonly carries: readonly Detail[];
  /** Operations beside read and write. */
  readonly operations: readonly number[];
  /** The finest step of its times, in nanoseconds; Infinity for none. */
  readonly stepNs: number;
  open(about: TraceAbout): TraceWriter;
}

export interface TraceWriter {
  /** The bytes before all records. */
  begin(): Buffer;
  /** `rows` are the rows of the batch to be written; times are not negative. */
  write(batch: RecordBatch, rows: Uint32Array, devices: readonly string[]): Buffer[];
  end(skipped: number): Buffer[];
}

/** Writes through a target, and counts what it cannot carry. */
export class CheckedWriter {
  readonly #target: TargetFormat;
  readonly #writer: TraceWriter;
  readonly #about: TraceAbout;
  readonly #name: string;
  readonly #isStrict: boolean;
  readonly #leftOut: number[] = OPERATION_NAMES.map(() => 0);
  readonly #has: Set<Detail> = new Set();
  #coarse = 0;
  #early = 0;
  #devices: readonly string[] = [];
  #records = 0;

  /** Strict: a record that the target has no way to say ends the writing. */
  constructor(target: TargetFormat, about: TraceAbout, name: string, isStrict: boolean) {
    this.#target = target;
    this.#about = about;
    this.#writer = target.open(about);
    this.#name = name;
    this.#isStrict = isStrict;
    if (about.beganSeconds !== undefined) this.#has.add('began');
  }

  begin(): Buffer {
    return this.#writer.begin();
  }

  /** The bytes of these records. Throws TraceError for those without a direction. */
  write(batch: RecordBatch, devices: readonly string[]): Buffer[] {
    this.#devices = devices;
    const rows = new Uint32Array(batch.count);
    let kept = 0;
    for (let row = 0; row < batch.count; row++) if (this.#isKept(batch, row)) rows[kept++] = row;
    return this.#writer.write(batch, rows.subarray(0, kept), devices);
  }

  #isKept(batch: RecordBatch, row: number): boolean {
    const operation = batch.operation[row] as number;
    const isOwn = this.#target.name === 'rqdm';
    if (operation === OPERATION_UNKNOWN && !isOwn) {
      throw new TraceError(
        `${this.#name} has no direction, which ${this.#target.name} needs: give one with --op read or --op write`,
      );
    }
    const isPlain = operation === OPERATION_READ || operation === OPERATION_WRITE;
    if (!isOwn && !isPlain && !this.#target.operations.includes(operation)) {
      if (this.#isStrict) throw new TraceError(`${this.#target.name} has no way to say ${OPERATION_NAMES[operation]}`);
      this.#leftOut[operation]++;
      return false;
    }
    this.#records++;
    if (batch.flags[row] !== 0) this.#has.add('flags');
    if (batch.stream[row] !== 0) this.#has.add('stream');
    if (!Number.isNaN(batch.responseNs[row])) this.#has.add('response');
    if (isOwn) return true;
    const timeNs = batch.timeNs[row] as number;
    if (timeNs < 0) {
      this.#early++;
      batch.timeNs[row] = 0;
    } else if (this.#target.stepNs !== Number.POSITIVE_INFINITY && timeNs % this.#target.stepNs !== 0) this.#coarse++;
    return true;
  }

  end(skipped: number): Buffer[] {
    return this.#writer.end(skipped);
  }

  get records(): number {
    return this.#records;
  }

  /** What got lost, a sentence for each thing. */
  get losses(): string[] {
    const { name, carries, stepNs } = this.#target;
    const texts: string[] = [];
    for (const operation of [OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_WRITE_ZEROES]) {
      const count = this.#leftOut[operation] as number;
      if (count > 0) texts.push(`${count} records are left out: ${name} has no way to say ${OPERATION_NAMES[operation]}`);
    }
    if (this.#hasNames()) this.#has.add('device names');
    const lost = [...this.#has].filter((detail) => !carries.includes(detail)).map((detail) => DETAIL_TEXTS[detail]);
    if (lost.length > 0) texts.push(`${name} cannot carry ${lost.join(', ')}`);
    if (this.#about.isTimed && stepNs === Number.POSITIVE_INFINITY) texts.push(`${name} cannot carry times`);
    if (this.#coarse > 0) texts.push(`${this.#coarse} times are cut to steps of ${stepNs} ns`);
    if (this.#early > 0)
      texts.push(`${this.#early} times before that of the first record are written as 0 (--sort puts them in order)`);
    return texts;
  }

  #hasNames(): boolean {
    return this.#devices.some((name) => !PLAIN_NUMBER.test(name));
  }
}
