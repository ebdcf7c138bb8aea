// The core with its views: the only files that touch WASM memory are in this folder. Rings are
// exposed as typed arrays, so that the pump's loops read and write plain numbers.
import {
  ANSWER_BYTES,
  COUNTERS,
  FIGURE_BIOS,
  HEADER_ADDRESS,
  HEADER_ANSWER,
  HEADER_ANSWER_CAPACITY,
  HEADER_ANSWER_COUNT,
  HEADER_BYTES_USED,
  HEADER_NOW,
  HEADER_SUBMIT,
  HEADER_SUBMIT_CAPACITY,
  HEADER_TRACE,
  HEADER_TRACE_ACTIONS,
  HEADER_TRACE_CAPACITY,
  HEADER_TRACE_HEAD,
  HEADER_WORDS,
  HISTOGRAM_BUCKETS,
  SUBMIT_BYTES,
  TRACE_BIOS_SHIFT,
  TRACE_BYTES,
  TRACE_FLAGS_SHIFT,
  TRACE_REMAP,
} from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';
import { ALL_ACTIONS, type EventColumns } from './event-columns.ts';
import { type CoreExports, loadCore } from './load.ts';

const DEVICE_MASK: number = (1 << TRACE_BIOS_SHIFT) - 1;
const OPERATION_MASK: number = (1 << TRACE_FLAGS_SHIFT) - 1;

/** Capacities of a core. */
export interface CoreCapacities {
  /** Devices, backing ones included. */
  readonly devices: number;
  readonly bios: number;
  readonly requests: number;
  readonly extents: number;
  /** Bios a submit call may carry. */
  readonly submits: number;
  /** A power of two, or 0: no trace. */
  readonly traceRecords: number;
  /** For regions of statistics, a multiple of 8. Default 0. */
  readonly regionBytes?: number;
}

/** One event of the trace ring; `action` is a letter of blktrace. */
export interface TraceEvent {
  readonly timeNs: number;
  readonly sector: number;
  readonly sectors: number;
  readonly device: number;
  readonly action: string;
  readonly operation: number;
  /** FLAG_ bits, without the priority. */
  readonly flags: number;
  /** What the action says of it (assembly/abi.ts); of a remap (A) the core's number of the device it came from. */
  readonly detail: number;
  /** Of a remap: where it was on that device, and how many bios it has; 0 bios: it is a bio itself. Else 0. */
  readonly sourceSector: number;
  readonly bios: number;
}

export class Core {
  readonly exports: CoreExports;
  readonly capacities: CoreCapacities;
  /** All of memory as 32-bit words and as doubles. */
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly header: Uint32Array;
  /** One element: the time of the next `submit` or `run`, nanoseconds. */
  readonly clock: Float64Array;
  /** Submit ring in words and doubles, and its capacity in bios. */
  readonly submitWords: Uint32Array;
  readonly submitDoubles: Float64Array;
  readonly submitCapacity: number;
  readonly answerWords: Uint32Array;
  readonly answerCapacity: number;
  readonly bytesUsed: number;
  /** Index of the first device's FIGURE_BIOS in `words`, and words from one device to the next. */
  readonly #bioFigures: number;
  readonly #deviceWords: number;
  #isTraced = false;
  #published = 0;

  constructor(capacities: CoreCapacities) {
    this.capacities = capacities;
    this.exports = loadCore();
    const { devices, bios, requests, extents, submits, traceRecords, regionBytes = 0 } = capacities;
    if (!this.exports.initialise(devices, bios, requests, extents, submits, traceRecords, regionBytes)) {
      throw new RqdmError('ERR_RQDM_MEMORY', 'the core cannot have its memory: expected smaller limits');
    }
    const buffer = this.exports.memory.buffer;
    this.words = new Uint32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.header = new Uint32Array(buffer, HEADER_ADDRESS, HEADER_WORDS);
    this.clock = new Float64Array(buffer, HEADER_ADDRESS + HEADER_NOW * 4, 1);
    this.submitCapacity = this.header[HEADER_SUBMIT_CAPACITY] as number;
    const submitAt = this.header[HEADER_SUBMIT] as number;
    this.submitWords = new Uint32Array(buffer, submitAt, (this.submitCapacity * SUBMIT_BYTES) / 4);
    this.submitDoubles = new Float64Array(buffer, submitAt, (this.submitCapacity * SUBMIT_BYTES) / 8);
    this.answerCapacity = this.header[HEADER_ANSWER_CAPACITY] as number;
    this.answerWords = new Uint32Array(buffer, this.header[HEADER_ANSWER], (this.answerCapacity * ANSWER_BYTES) / 4);
    this.bytesUsed = this.header[HEADER_BYTES_USED] as number;
    this.#bioFigures = this.exports.figuresAddress(0) / 4 + FIGURE_BIOS;
    this.#deviceWords = this.exports.bytesOf(2) / 4;
  }

  /** Words from a ring's address (a HEADER_ word) on. */
  ringWords(addressWord: number, records: number, recordBytes: number): Uint32Array {
    return new Uint32Array(this.words.buffer, this.header[addressWord], (records * recordBytes) / 4);
  }

  ringDoubles(addressWord: number, records: number, recordBytes: number): Float64Array {
    return new Float64Array(this.words.buffer, this.header[addressWord], (records * recordBytes) / 8);
  }

  /** Notes a path's answer. False: the ring is full, run the core first. */
  answer(id: number, status: number, goodSectors: number): boolean {
    const count = this.header[HEADER_ANSWER_COUNT] as number;
    if (count >= this.answerCapacity) return false;
    const at = count << 2;
    this.answerWords[at] = id;
    this.answerWords[at + 1] = status;
    this.answerWords[at + 2] = goodSectors;
    this.header[HEADER_ANSWER_COUNT] = count + 1;
    return true;
  }

  /** FIGURE_ words of a device, in place. */
  figures(device: number): Uint32Array {
    return new Uint32Array(this.words.buffer, this.exports.figuresAddress(device), 16);
  }

  /** Some device holds a bio: I/O is under way, or waits. */
  holdsBios(): boolean {
    const { devices } = this.capacities;
    const stride = this.#deviceWords;
    let at = this.#bioFigures;
    for (let id = 0; id < devices; id++, at += stride) if (this.words[at] !== 0) return true;
    return false;
  }

  /** COUNTER_ values of a device, in place. */
  counters(device: number): Float64Array {
    return new Float64Array(this.words.buffer, this.exports.countersAddress(device), COUNTERS);
  }

  /** One of the three latency histograms of a device, in place (HISTOGRAM_). */
  histogram(device: number, which: number): Uint32Array {
    const at = this.exports.histogramsAddress(device) + which * HISTOGRAM_BUCKETS * 4;
    return new Uint32Array(this.words.buffer, at, HISTOGRAM_BUCKETS);
  }

  // ---- trace ------------------------------------------------------------------------------------------

  setTracing(isOn: boolean): void {
    if (isOn && !this.header[HEADER_TRACE_CAPACITY]) {
      throw new RqdmError('ERR_RQDM_LIMIT', 'there is no room for a trace: expected limits.traceRecords above 0');
    }
    this.#isTraced = isOn;
    this.#setActions();
  }

  /** As `setTracing`, for somebody else, who wants only some events (`actionBits`): the ring has what either wants. */
  setPublishing(actions: number): void {
    this.#published = actions;
    this.#setActions();
  }

  #setActions(): void {
    this.header[HEADER_TRACE_ACTIONS] = this.#isTraced ? ALL_ACTIONS : this.#published;
  }

  /** Events written so far: where `readTrace` would go on. */
  get traceHead(): number {
    return this.header[HEADER_TRACE_HEAD] as number;
  }

  /** Events since `from` (0 at first); the oldest may have been overwritten. Returns them and the next `from`. */
  readTrace(from: number): { events: TraceEvent[]; next: number; lost: number } {
    const head = this.header[HEADER_TRACE_HEAD] as number;
    const capacity = this.header[HEADER_TRACE_CAPACITY] as number;
    const first = Math.max(from, head - capacity);
    const base = this.header[HEADER_TRACE] as number;
    const view = new DataView(this.words.buffer);
    const events: TraceEvent[] = [];
    for (let i = first; i < head; i++) {
      const at = base + (i % capacity) * TRACE_BYTES;
      const action = view.getUint16(at + 24, true);
      const detail = view.getUint32(at + 28, true);
      const isRemap = action === TRACE_REMAP;
      events.push({
        timeNs: view.getFloat64(at, true),
        sector: view.getFloat64(at + 8, true),
        sectors: view.getUint32(at + 16, true),
        device: view.getUint32(at + 20, true),
        action: String.fromCharCode(action),
        operation: view.getUint16(at + 26, true) & OPERATION_MASK,
        flags: view.getUint16(at + 26, true) >>> TRACE_FLAGS_SHIFT,
        detail: isRemap ? detail & DEVICE_MASK : detail,
        sourceSector: view.getFloat64(at + 32, true),
        bios: isRemap ? detail >>> TRACE_BIOS_SHIFT : 0,
      });
    }
    return { events, next: head, lost: first - from };
  }

  /** The same as columns: puts events since `from` of a device, of the letters whose code is 1 in `wanted`, behind those that are in them. */
  readTraceColumns(from: number, device: number, wanted: Uint8Array, columns: EventColumns): void {
    const head = this.header[HEADER_TRACE_HEAD] as number;
    const capacity = this.header[HEADER_TRACE_CAPACITY] as number;
    const first = Math.max(from, head - capacity);
    columns.lost += first - from;
    columns.reserve(head - first);
    const { words, doubles } = this;
    const base = (this.header[HEADER_TRACE] as number) >>> 3;
    const mask = capacity - 1;
    for (let i = first; i < head; i++) {
      const at = base + (i & mask) * TRACE_DOUBLES;
      const word = at * 2;
      if (words[word + TRACE_DEVICE] !== device) continue;
      const kind = words[word + TRACE_KIND] as number;
      if (wanted[kind & 0xff] !== 1) continue;
      columns.add(
        doubles[at] as number,
        doubles[at + 1] as number,
        words[word + TRACE_SECTORS] as number,
        kind & 0xff,
        (kind >>> 16) & OPERATION_MASK,
        kind >>> (16 + TRACE_FLAGS_SHIFT),
      );
    }
  }
}

/** A record of the ring in doubles; places in it, in words. */
const TRACE_DOUBLES: number = TRACE_BYTES / 8;
const TRACE_SECTORS = 4;
const TRACE_DEVICE = 5;
const TRACE_KIND = 6;

const QUARTERS = 4;

/** Lower and upper bound of a histogram bucket, nanoseconds. */
export function bucketBounds(bucket: number): [number, number] {
  if (bucket < 4) return [bucket, bucket + 1];
  const power = Math.floor(bucket / QUARTERS) + 1;
  const step = 2 ** power / QUARTERS;
  const low = 2 ** power + (bucket % QUARTERS) * step;
  return [low, low + step];
}
