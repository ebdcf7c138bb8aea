// What a trace is here: batches of records in columns, and no object for a record. All readers give these, the simulator
// takes them, and rqdm's own trace is these columns in a file (format/rqdm.ts).
//
//   column      type  meaning
//   timeNs      f64   nanoseconds since the first record (of a source whose records are not sorted, also before it: < 0)
//   sector      f64   first sector, of 512 bytes
//   responseNs  f64   how long it took where it was recorded; NaN where nobody knows
//   sectors     u32   length in sectors of 512 bytes; 0 for a flush alone
//   stream      u32   process id (or another number of who asked); 0 where nobody knows
//   device      u16   index into Trace.devices, the names of the devices
//   operation   u8    OPERATION_…
//   flags       u8    FLAG_… together
//
// That is 36 bytes a record.

/** Bytes of one record in memory and in rqdm's own trace. */
export const RECORD_BYTES = 36;

/** Records in a full batch: a power of two, so that record i of a trace is found by shifting. */
export const BATCH_RECORDS = 8192;

export const OPERATION_READ = 0;
export const OPERATION_WRITE = 1;
export const OPERATION_DISCARD = 2;
export const OPERATION_FLUSH = 3;
/** The source does not say (oracleGeneral has no direction). The option `operation` says it for all of these. */
export const OPERATION_UNKNOWN = 4;
/** Zeros that were not sent. Only recordings of rqdm's own devices tell it from a write. */
export const OPERATION_WRITE_ZEROES = 5;

/** Names of the operations by number. */
export const OPERATION_NAMES: readonly string[] = ['read', 'write', 'discard', 'flush', 'unknown', 'write zeroes'];

/** Somebody waits for it. */
export const FLAG_SYNC = 1;
/** Durable when it completes. */
export const FLAG_FUA = 2;
/** Of a file system's own data. */
export const FLAG_META = 4;
/** Read ahead of need. */
export const FLAG_AHEAD = 8;
/** A flush goes before the data. */
export const FLAG_PREFLUSH = 16;

/** Devices are told apart by 16 bits. */
export const DEVICES_MAX = 65536;

/** Lengths are 32 bits wide. */
export const SECTORS_MAX = 0xffff_ffff;

/** Records in columns. The first `count` rows hold something. A batch that an iterator gave is the taker's to keep. */
export class RecordBatch {
  count = 0;
  readonly timeNs: Float64Array;
  readonly sector: Float64Array;
  readonly responseNs: Float64Array;
  readonly sectors: Uint32Array;
  readonly stream: Uint32Array;
  readonly device: Uint16Array;
  readonly operation: Uint8Array;
  readonly flags: Uint8Array;

  /**
   * Columns for `capacity` records, in one piece of `capacity * RECORD_BYTES` bytes: new memory, or memory of the
   * caller's from byte `offset` on, which must be a multiple of 8.
   */
  constructor(capacity: number, memory: ArrayBufferLike = new ArrayBuffer(capacity * RECORD_BYTES), offset = 0) {
    let at = offset;
    const take = (width: number): number => {
      const start = at;
      at += width * capacity;
      return start;
    };
    this.timeNs = new Float64Array(memory, take(8), capacity);
    this.sector = new Float64Array(memory, take(8), capacity);
    this.responseNs = new Float64Array(memory, take(8), capacity);
    this.sectors = new Uint32Array(memory, take(4), capacity);
    this.stream = new Uint32Array(memory, take(4), capacity);
    this.device = new Uint16Array(memory, take(2), capacity);
    this.operation = new Uint8Array(memory, take(1), capacity);
    this.flags = new Uint8Array(memory, take(1), capacity);
  }

  get capacity(): number {
    return this.timeNs.length;
  }

  /** Puts row `from` of another batch at the end of this one, which must have room. Returns its row here. */
  append(other: RecordBatch, from: number): number {
    const row = this.count++;
    this.timeNs[row] = other.timeNs[from] as number;
    this.sector[row] = other.sector[from] as number;
    this.responseNs[row] = other.responseNs[from] as number;
    this.sectors[row] = other.sectors[from] as number;
    this.stream[row] = other.stream[from] as number;
    this.device[row] = other.device[from] as number;
    this.operation[row] = other.operation[from] as number;
    this.flags[row] = other.flags[from] as number;
    return row;
  }
}

/** Which events of a recording become its records: what was queued, issued or completed. */
export type EventKind = 'Q' | 'D' | 'C';

/** A trace being read: iterate once. Everything else here is complete when the iteration has ended. */
export interface Trace extends AsyncIterable<RecordBatch> {
  /** The name of its format (`rqdm trace formats` lists them). */
  readonly format: string;
  /** Names of the devices, by the number in `device`. Grows while reading; a number is in it before its batch is given. */
  readonly devices: readonly string[];
  /** For recordings of events: which ones became records. */
  readonly from: EventKind | undefined;
  /** False where the source has no times at all: every `timeNs` is 0. */
  readonly isTimed: boolean;
  /** When the trace began, seconds since 1970 as far as the source says. */
  readonly beganSeconds: number | undefined;
  /** What was in the way: lines or records left out, with places and reasons. */
  readonly skips: TraceSkips;
  /** Remarks that a reader of the result must know, such as units that were assumed. */
  readonly notes: readonly string[];
  /** Events by their letter, for recordings of events: all of them, records or not. */
  readonly events: ReadonlyMap<string, number>;
  /** Ends the reading early. */
  close(): Promise<void>;
}

/** What was left out. */
export interface TraceSkips {
  readonly count: number;
  /** How many for each reason. */
  readonly reasons: ReadonlyMap<string, number>;
  /** The first few, in words: `line 17: size: expected a whole number, found "x"`. */
  readonly first: readonly string[];
}
