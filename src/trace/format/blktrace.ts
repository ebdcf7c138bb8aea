// blktrace, binary: what `blktrace -o` writes for each CPU and what `blkparse -d` merges.
//
// A run of records without a file header, each of fixed fields and `pdu_len` bytes of payload, without padding between them, in the byte
// order of the machine that recorded. The first word holds a magic and the version. Offsets in bytes:
//
//   version   magic sequence time sector bytes action pid device cpu error pdu_len  length
//   7         0     4        8    16     24    28     32  36     40  44    46       48
//   8         0     4        8    16     24    32/64  28  40     44  48    50       64
//
// Time is in nanoseconds, sectors are of 512 bytes, the length is in bytes. The action's low 16 bits say what happened, the rest (in
// version 8 the high 32 bits) to what kind of I/O. Notify records are told by their category first: their numbers clash with actions and
// their times are of another clock.

import { EVENT_COMPLETED, EVENT_ISSUED, EVENT_QUEUED } from '../event-recorder.ts';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
} from '../records.ts';
import type { ReadContext, Reader, Sample, TraceFormat } from './format.ts';

export const BLKTRACE_MAGIC = 0x65617400;
const VERSION_7 = 7;
const VERSION_8 = 8;
const HEADER_7 = 48;
const HEADER_8 = 64;

/** Letters by the action's number, as blkparse prints them. */
export const ACTION_LETTERS: readonly string[] = [
  '?', 'Q', 'M', 'F', 'G', 'S', 'R', 'D', 'C', 'P', 'U', 'UT', 'I', 'X', 'B', 'A', 'abort', 'driver',
]; // biome-ignore format: a list by number

export const CATEGORY_READ = 0x1;
export const CATEGORY_WRITE = 0x2;
export const CATEGORY_FLUSH = 0x4;
export const CATEGORY_SYNC = 0x8;
const CATEGORY_PASSTHROUGH = 0x200;
const CATEGORY_NOTIFY = 0x400;
export const CATEGORY_AHEAD = 0x800;
export const CATEGORY_META = 0x1000;
export const CATEGORY_DISCARD = 0x2000;
export const CATEGORY_FUA = 0x8000;

const ACTION_QUEUE = 1;
const ACTION_ISSUE = 7;
const ACTION_COMPLETE = 8;
/** Set where a control group's number leads the payload. */
const ACTION_CGROUP = 0x100;
const SECTOR_BYTES = 512;

export const blktrace: TraceFormat = {
  name: 'blktrace',
  summary: 'blktrace binary, one file or the files of all CPUs: ns, sectors, bytes; events',
  hasEvents: true,
  detect: ({ bytes }: Sample) => (magicAt(bytes, 0) === 0 ? 0 : 1),
  read: (context) => new BlktraceReader(context),
};

/** 1 where a magic of the machine's own byte order stands (little-endian), 2 where it is turned around, else 0. */
function magicAt(bytes: Uint8Array, at: number): number {
  if (bytes[at + 1] === 0x74 && bytes[at + 2] === 0x61 && bytes[at + 3] === 0x65) return 1;
  if (bytes[at] === 0x65 && bytes[at + 1] === 0x61 && bytes[at + 2] === 0x74) return 2;
  return 0;
}

/** Decoded events in columns, without notifications. */
export class BlktraceEvents {
  static readonly CAPACITY = 4096;
  count = 0;
  readonly timeNs: Float64Array = new Float64Array(BlktraceEvents.CAPACITY);
  readonly sector: Float64Array = new Float64Array(BlktraceEvents.CAPACITY);
  readonly sequence: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
  readonly bytes: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
  readonly action: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
  readonly category: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
  readonly pid: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
  readonly device: Uint32Array = new Uint32Array(BlktraceEvents.CAPACITY);
}

/** The stamp that all files of a set are decoded from: the first one that was met, which need not be the earliest. */
export class BlktraceOrigin {
  #high = -1;
  #low = 0;

  since(high: number, low: number): number {
    if (this.#high < 0) {
      this.#high = high;
      this.#low = low;
    }
    return (high - this.#high) * 4294967296 + (low - this.#low);
  }
}

/** From bytes to events. */
export class BlktraceDecoder {
  seen = 0;
  notifications = 0;
  readonly #context: ReadContext;
  readonly #origin: BlktraceOrigin;
  readonly #where: string;

  /** `where` names the file in places of what is skipped, for sets. */
  constructor(context: ReadContext, origin: BlktraceOrigin, where = '') {
    this.#context = context;
    this.#origin = origin;
    this.#where = where;
  }

  /** Puts what `bytes[from..to)` holds behind the events, until they are full; returns where it stopped. */
  decode(bytes: Buffer, from: number, to: number, isLast: boolean, offset: number, events: BlktraceEvents): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = from;
    while (events.count < BlktraceEvents.CAPACITY) {
      if (to - at < HEADER_7) break;
      const order = magicAt(bytes, at);
      const version = order === 1 ? (bytes[at] as number) : order === 2 ? (bytes[at + 3] as number) : 0;
      if (version !== VERSION_7 && version !== VERSION_8) {
        const next = this.#lost(bytes, at, to, isLast, offset + at - from, order === 0 ? 0 : version);
        if (next === at) return at;
        at = next;
        continue;
      }
      const isLittle = order === 1;
      const header = version === VERSION_7 ? HEADER_7 : HEADER_8;
      if (to - at < header) break;
      const length = header + view.getUint16(at + (version === VERSION_7 ? 46 : 50), isLittle);
      if (to - at < length) break;
      this.seen++;
      this.#event(view, at, version, isLittle, events);
      at += length;
    }
    if (isLast && at < to && events.count < BlktraceEvents.CAPACITY) {
      this.seen++;
      this.#context.skips.skip(this.#place(offset + at - from), 'the record is cut off', `${to - at} bytes`);
      return to;
    }
    return at;
  }

  #event(view: DataView, at: number, version: number, isLittle: boolean, events: BlktraceEvents): void {
    const isWide = version === VERSION_8;
    const word = view.getUint32(at + (isWide ? (isLittle ? 32 : 36) : 28), isLittle);
    const category = isWide ? view.getUint32(at + (isLittle ? 36 : 32), isLittle) : word >>> 16;
    if ((category & CATEGORY_NOTIFY) !== 0) {
      this.notifications++;
      return;
    }
    const first = view.getUint32(at + 8, isLittle);
    const second = view.getUint32(at + 12, isLittle);
    const row = events.count++;
    events.timeNs[row] = isLittle ? this.#origin.since(second, first) : this.#origin.since(first, second);
    const low = view.getUint32(at + 16, isLittle);
    const high = view.getUint32(at + 20, isLittle);
    events.sector[row] = isLittle ? high * 4294967296 + low : low * 4294967296 + high;
    events.sequence[row] = view.getUint32(at + 4, isLittle);
    events.bytes[row] = view.getUint32(at + 24, isLittle);
    events.action[row] = word & 0xffff & ~ACTION_CGROUP;
    events.category[row] = category;
    events.pid[row] = view.getUint32(at + (isWide ? 28 : 32), isLittle);
    events.device[row] = view.getUint32(at + (isWide ? 40 : 36), isLittle);
  }

  /** Goes on at the next magic. Returns `at` itself if that cannot be told yet. */
  #lost(bytes: Buffer, at: number, to: number, isLast: boolean, offset: number, version: number): number {
    let next = at + 1;
    while (next + 4 <= to && !this.#isRecord(bytes, next)) next++;
    if (next + 4 > to) {
      if (!isLast && to - at < HEADER_8 * 2) return at;
      next = isLast ? to : to - 3;
    }
    this.seen++;
    const reason = version > 0 ? `version ${version} of the record is not known` : 'expected the magic of a record';
    this.#context.skips.skip(this.#place(offset), reason, `${next - at} bytes of something else`);
    return next;
  }

  #isRecord(bytes: Buffer, at: number): boolean {
    const order = magicAt(bytes, at);
    const version = order === 1 ? bytes[at] : order === 2 ? bytes[at + 3] : 0;
    return version === VERSION_7 || version === VERSION_8;
  }

  #place(offset: number): string {
    return `${this.#where}byte ${offset}`;
  }
}

/** From events to records. */
export class BlktraceInterpreter {
  readonly #context: ReadContext;
  readonly #counts: Uint32Array = new Uint32Array(ACTION_LETTERS.length);
  readonly #devices: Map<number, number> = new Map();
  #lastDevice = -1;
  #lastNumber = 0;
  #events = 0;
  #sequenceMax = 0;
  /** When the first event was, in the order in which they are taken: of a set the earliest. */
  #beganNs = Number.NaN;

  constructor(context: ReadContext) {
    this.#context = context;
  }

  take(events: BlktraceEvents, row: number): void {
    if (this.#events === 0) this.#beganNs = events.timeNs[row] as number;
    const action = events.action[row] as number;
    this.#counts[action < ACTION_LETTERS.length ? action : 0]++;
    this.#events++;
    if ((events.sequence[row] as number) > this.#sequenceMax) this.#sequenceMax = events.sequence[row] as number;
    const kind =
      action === ACTION_QUEUE
        ? EVENT_QUEUED
        : action === ACTION_ISSUE
          ? EVENT_ISSUED
          : action === ACTION_COMPLETE
            ? EVENT_COMPLETED
            : -1;
    if (kind < 0) return;
    const category = events.category[row] as number;
    const sector = events.sector[row] as number;
    if ((category & CATEGORY_PASSTHROUGH) !== 0) {
      this.#context.count('passthrough');
      return;
    }
    const bytes = events.bytes[row] as number;
    const operation = operationOf(category, bytes);
    if (sector > Number.MAX_SAFE_INTEGER && operation !== OPERATION_FLUSH) {
      this.#context.skips.skip(`event ${events.sequence[row]}`, 'the sector is beyond 2^53', String(sector));
      return;
    }
    const at = operation === OPERATION_FLUSH ? 0 : sector;
    const sectors = Math.ceil(bytes / SECTOR_BYTES);
    const device = this.#device(events.device[row] as number);
    const timeNs = (events.timeNs[row] as number) - this.#beganNs;
    const pid = events.pid[row] as number;
    this.#context.recorder.take(kind, timeNs, at, sectors, operation, flagsOf(category, operation), device, pid, Number.NaN);
  }

  #device(device: number): number {
    if (device === this.#lastDevice) return this.#lastNumber;
    let number = this.#devices.get(device);
    if (number === undefined) {
      number = this.#context.sink.device(`${device >>> 20},${device & 0xfffff}`);
      this.#devices.set(device, number);
    }
    this.#lastDevice = device;
    this.#lastNumber = number;
    return number;
  }

  /** Tells what was counted. */
  end(notifications: number): void {
    ACTION_LETTERS.forEach((letter, action) => {
      this.#context.count(letter, this.#counts[action]);
    });
    this.#context.count('notify', notifications);
    // one counter a device, over all CPUs
    if (this.#devices.size === 1 && this.#sequenceMax > this.#events + notifications) {
      const missing = this.#sequenceMax - this.#events - notifications;
      this.#context.note(
        `${missing} events are missing by their sequence numbers: lost while recording, or in the file of a CPU that is not here`,
      );
    }
  }
}

function operationOf(category: number, bytes: number): number {
  if ((category & CATEGORY_DISCARD) !== 0) return OPERATION_DISCARD;
  if (bytes === 0) return OPERATION_FLUSH;
  return (category & CATEGORY_WRITE) !== 0 ? OPERATION_WRITE : OPERATION_READ;
}

function flagsOf(category: number, operation: number): number {
  let flags = 0;
  if ((category & CATEGORY_SYNC) !== 0) flags |= FLAG_SYNC;
  if ((category & CATEGORY_FUA) !== 0) flags |= FLAG_FUA;
  if ((category & CATEGORY_META) !== 0) flags |= FLAG_META;
  if ((category & CATEGORY_AHEAD) !== 0) flags |= FLAG_AHEAD;
  if ((category & CATEGORY_FLUSH) !== 0 && operation !== OPERATION_FLUSH) flags |= FLAG_PREFLUSH;
  return flags;
}

class BlktraceReader implements Reader {
  readonly #decoder: BlktraceDecoder;
  readonly #interpreter: BlktraceInterpreter;
  readonly #events: BlktraceEvents = new BlktraceEvents();

  constructor(context: ReadContext) {
    this.#decoder = new BlktraceDecoder(context, new BlktraceOrigin());
    this.#interpreter = new BlktraceInterpreter(context);
  }

  get seen(): number {
    return this.#decoder.seen;
  }

  read(bytes: Buffer, from: number, to: number, isLast: boolean, offset: number): number {
    const events = this.#events;
    let at = from;
    for (;;) {
      events.count = 0;
      const next = this.#decoder.decode(bytes, at, to, isLast, offset + at - from, events);
      for (let row = 0; row < events.count; row++) this.#interpreter.take(events, row);
      if (next === at || next === to) return next;
      if (events.count < BlktraceEvents.CAPACITY) return next;
      at = next;
    }
  }

  end(): void {
    this.#interpreter.end(this.#decoder.notifications);
  }
}
