// I/Os of a trace: at its own times (open loop, as they came, whatever the devices do), or so many at a time (closed loop).

import {
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_RAHEAD,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
} from '../../../bindings/index.ts';
import * as records from '../../trace/records.ts';
import type { Feeder, Intake } from './feeder.ts';
import { Resting } from './resting.ts';

export type BatchSource = () => AsyncIterable<records.RecordBatch>;

export interface TraceFeederOptions {
  readonly name: string;
  /** Gives the batches of the trace from its beginning on; asked once for each turn. */
  readonly source: BatchSource;
  readonly loop: 'open' | 'closed';
  readonly scale: number;
  readonly depth: number;
  /** Of a closed loop: submitted at once, 1 up to the depth. */
  readonly batch: number;
  readonly repeat: number;
  readonly limit: number;
  readonly plugWindowNs: number;
  readonly plugIos: number;
  readonly deviceBytes: number;
  readonly blockBytes: number;
  /** Longer reads and writes are cut. */
  readonly payloadBytesMax: number;
  readonly beginNs: number;
}

/** By the trace's number of an operation. What does not say is taken for a read. */
const OPERATIONS: readonly number[] = [
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE_ZEROES,
];
const SECTOR_BYTES = 512;
const REGION_BYTES = 2 ** 20;
/** The golden ratio: devices of a trace begin far from each other however many there are. */
const SPREAD = 0.6180339887498949;

export class TraceFeeder implements Feeder {
  readonly name: string;
  atNs: number = Number.POSITIVE_INFINITY;
  isOver = false;
  isEmpty = true;
  wrapped = 0;
  readonly #options: TraceFeederOptions;
  #iterator: AsyncIterator<records.RecordBatch> | undefined;
  #batch: records.RecordBatch | undefined;
  #row = 0;
  #turn = 0;
  #taken = 0;
  /** With those whose callers rest. */
  #inFlight = 0;
  readonly #resting: Resting = new Resting();
  /** Of the next plug: the row behind it, and when its first came. */
  #plugEnd = 0;
  #firstNs = 0;
  /** When the present turn began, and the last arrival. */
  #originNs: number;
  #lastNs: number;
  /** Where each device of the trace begins. */
  readonly #starts: number[] = [];
  readonly #flags: Uint32Array = new Uint32Array(256);

  constructor(options: TraceFeederOptions) {
    this.name = options.name;
    this.#options = options;
    this.#originNs = options.beginNs;
    this.#lastNs = options.beginNs;
    for (let bits = 0; bits < this.#flags.length; bits++) this.#flags[bits] = flagsOf(bits) << 8;
  }

  async refill(): Promise<void> {
    while (!this.isOver) {
      if (this.#iterator === undefined) {
        if (this.#turn === this.#options.repeat) {
          this.#finish();
          return;
        }
        this.#beginTurn();
      }
      const next = await (this.#iterator as AsyncIterator<records.RecordBatch>).next();
      if (next.done === true || this.#taken >= this.#options.limit) {
        if (next.done !== true) await this.#iterator?.return?.();
        this.#iterator = undefined;
        if (this.#taken === 0) this.#turn = this.#options.repeat; // nothing in it: once is enough
        continue;
      }
      if (next.value.count === 0) continue;
      this.#batch = next.value;
      this.#row = 0;
      this.isEmpty = false;
      this.#look();
      return;
    }
  }

  #beginTurn(): void {
    const meanGapNs = this.#taken > 1 ? (this.#lastNs - this.#originNs) / (this.#taken - 1) : 0;
    if (this.#turn > 0) this.#originNs = this.#lastNs + Math.max(1, Math.round(meanGapNs));
    this.#turn++;
    this.#taken = 0;
    this.#iterator = this.#options.source()[Symbol.asyncIterator]();
  }

  #finish(): void {
    this.isOver = true;
    this.isEmpty = false;
    this.atNs = Number.POSITIVE_INFINITY;
  }

  #arrivalOf(row: number): number {
    const { scale } = this.#options;
    const at = this.#originNs + Math.round((this.#batch as records.RecordBatch).timeNs[row] as number) / scale;
    return Math.max(this.#lastNs, Math.round(at));
  }

  /** When the next plug is complete. */
  #look(): void {
    if (this.#options.loop === 'open') this.#findPlug();
    else this.atNs = this.#hasRoom() ? 0 : this.#resting.nextNs;
  }

  #hasRoom(): boolean {
    return this.#inFlight + this.#options.batch <= this.#options.depth;
  }

  /** Finds the row behind the plug that begins at `#row`, and when the last of it came. */
  #findPlug(): void {
    const { plugIos, plugWindowNs, limit } = this.#options;
    const batch = this.#batch as records.RecordBatch;
    const last = Math.min(batch.count, this.#row + plugIos, this.#row + (limit - this.#taken));
    const stream = batch.stream[this.#row];
    let atNs = this.#arrivalOf(this.#row);
    this.#firstNs = atNs;
    let end = this.#row + 1;
    for (; end < last && batch.stream[end] === stream; end++) {
      const nextNs = this.#arrivalOf(end);
      if (nextNs - atNs > plugWindowNs) break;
      atNs = Math.max(atNs, nextNs);
    }
    this.#plugEnd = end;
    this.atNs = atNs;
  }

  feed(nowNs: number, intake: Intake): void {
    if (this.#options.loop === 'closed') this.#feedClosed(nowNs, intake);
    else this.#feedOpen(intake);
    if (this.#row >= (this.#batch as records.RecordBatch).count || this.#taken >= this.#options.limit) {
      this.isEmpty = true;
      this.atNs = Number.POSITIVE_INFINITY;
    } else this.#look();
  }

  #feedOpen(intake: Intake): void {
    const last = Math.min(this.#plugEnd, this.#row + intake.room);
    this.#take(this.#firstNs, intake);
    while (++this.#row < last) this.#take(this.#arrivalOf(this.#row), intake);
  }

  #feedClosed(nowNs: number, intake: Intake): void {
    this.#inFlight -= this.#resting.release(nowNs);
    if (!this.#hasRoom()) return;
    const { limit } = this.#options;
    const batch = this.#batch as records.RecordBatch;
    const count = Math.min(this.#options.batch, intake.room, limit - this.#taken, batch.count - this.#row);
    for (const last = this.#row + count; this.#row < last; this.#row++) this.#take(nowNs, intake);
  }

  #take(arrivedNs: number, intake: Intake): void {
    const { deviceBytes, blockBytes, payloadBytesMax } = this.#options;
    const batch = this.#batch as records.RecordBatch;
    const row = this.#row;
    this.#lastNs = arrivedNs;
    this.#taken++;
    this.#inFlight++;
    const operation = OPERATIONS[batch.operation[row] as number] as number;
    const word = operation | (this.#flags[batch.flags[row] as number] as number);
    let length = (batch.sectors[row] as number) * SECTOR_BYTES;
    if (operation === OPERATION_FLUSH || length === 0) {
      intake.take(
        operation === OPERATION_WRITE ? OPERATION_FLUSH : operation === OPERATION_FLUSH ? word : operation,
        0,
        0,
        arrivedNs,
      );
      return;
    }
    let position = (batch.sector[row] as number) * SECTOR_BYTES + this.#startOf(batch.device[row] as number);
    if (blockBytes > SECTOR_BYTES) {
      const end = Math.ceil((position + length) / blockBytes) * blockBytes;
      position = Math.floor(position / blockBytes) * blockBytes;
      length = end - position;
    }
    if (operation < OPERATION_FLUSH && length > payloadBytesMax) length = payloadBytesMax;
    if (length > deviceBytes) length = deviceBytes;
    if (position + length > deviceBytes) {
      position %= deviceBytes;
      if (position + length > deviceBytes) position = deviceBytes - length;
      this.wrapped++;
    }
    intake.take(word, position, length, arrivedNs);
  }

  #startOf(device: number): number {
    let start = this.#starts[device];
    if (start === undefined) {
      const share = (device * SPREAD) % 1;
      start = Math.floor((share * this.#options.deviceBytes) / REGION_BYTES) * REGION_BYTES;
      this.#starts[device] = start;
    }
    return start;
  }

  ended(nowNs: number, pauseNs: number): void {
    const isClosed = this.#options.loop === 'closed';
    if (isClosed && pauseNs > 0) this.#resting.add(nowNs, pauseNs);
    else this.#inFlight--;
    if (isClosed && !this.isEmpty && !this.isOver) this.#look();
  }

  async close(): Promise<void> {
    await this.#iterator?.return?.();
    this.#iterator = undefined;
  }
}

function flagsOf(bits: number): number {
  let flags = 0;
  if (bits & records.FLAG_SYNC) flags |= FLAG_SYNC;
  if (bits & records.FLAG_FUA) flags |= FLAG_FUA;
  if (bits & records.FLAG_META) flags |= FLAG_META;
  if (bits & records.FLAG_AHEAD) flags |= FLAG_RAHEAD;
  if (bits & records.FLAG_PREFLUSH) flags |= FLAG_PREFLUSH;
  return flags;
}
