// What a format is: a file of this folder with an object of this type, listed in registry.ts. `detect` looks at the beginning
// of the bytes and never at a name; `read` makes a reader, which is handed the bytes in pieces of any size.

import type { Skips } from '../errors.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { RecordSink } from '../record-sink.ts';
import type { EventKind } from '../records.ts';

/** Names of time units, as options take them. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

export const UNIT_NS: Readonly<Record<TimeUnit, number>> = { s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** What a user may say about a trace. */
export interface TraceOptions {
  /** The format's name; found from the content without it. */
  readonly format?: string;
  /** For recordings of events: which ones become records. Without it the queued ones, else the issued, else the completed. */
  readonly from?: EventKind;
  /** Ends at the first thing that would be left out. */
  readonly strict?: boolean;
  /** The share of lines or records that may be left out before the reading fails at its end. Default 0.1. */
  readonly skippedShareMax?: number;
  /** For formats without a direction. */
  readonly operation?: 'read' | 'write';
  /** The unit of time stamps, where a format is used with several. */
  readonly timeUnit?: TimeUnit;
  /** The bytes of an address unit (512 or 4096, say), where a format is used with several. */
  readonly addressBytes?: number;
  /** Stamps of whole seconds: spreads what came in one second evenly over it. */
  readonly spread?: boolean;
  /** fio iolog version 2: what the number of a `wait` is. Default: as fio's code takes it, `ms-since-start`. */
  readonly wait?: 'ms-since-start' | 'us-relative';
  /** Of a per-CPU set, reads only the file that was named. */
  readonly single?: boolean;
}

/** Options that only some formats look at, by how the command line calls them. */
export const SPECIAL_OPTIONS = {
  from: '--from',
  operation: '--op',
  timeUnit: '--time-unit',
  addressBytes: '--address-bytes',
  spread: '--spread',
  wait: '--wait',
} as const;

/** The beginning of a trace, decompressed. */
export interface Sample {
  readonly bytes: Buffer;
  /** The trace has no more bytes than these. */
  readonly isWhole: boolean;
  /** The complete lines in it that are not blank, without their ends; none when it is not text. */
  readonly lines: readonly string[];
}

/** What a reader is given. */
export interface ReadContext {
  readonly options: TraceOptions;
  readonly sample: Sample;
  readonly sink: RecordSink;
  readonly skips: Skips;
  /** For formats with `hasEvents`: takes events and makes records of those that were chosen. */
  readonly recorder: EventRecorder;
  /** Adds a remark that the user must see. Said once however often it is given. */
  note(text: string): void;
  /** The trace began at this second since 1970. */
  began(secondsSince1970: number): void;
  /** There are times in the trace after all. */
  timed(): void;
  /** There are no times in the trace. */
  untimed(): void;
  /** Counts something that is neither a record nor left out. */
  count(event: string, times?: number): void;
}

export interface Reader {
  /**
   * Reads whole records from `bytes[from..to)` and returns where the first byte lies that it could not use yet. When `isLast`,
   * nothing comes after these: what is left is cut off, and is to be skipped with a reason. `offset` is where `from`
   * lies in the trace.
   */
  read(bytes: Buffer, from: number, to: number, isLast: boolean, offset: number): number;
  /** Called once after the last read. */
  end?(): void;
  /** Lines or records seen so far, used or not: what a share of skipped ones is a share of. */
  readonly seen: number;
}

export interface TraceFormat {
  /** As `--format` takes it. */
  readonly name: string;
  /** One line for a list: what it is, with its units. */
  readonly summary: string;
  /** A recording of events, of which some become records. */
  readonly hasEvents?: boolean;
  /** Which of the special options it looks at; `from` goes with `hasEvents`. */
  readonly options?: readonly (keyof typeof SPECIAL_OPTIONS)[];
  /** Full batches to hold back, for completions that come later. */
  readonly heldBatches?: number;
  /** How sure the beginning is of this format: 0 not at all, 1 entirely. */
  detect(sample: Sample): number;
  read(context: ReadContext): Reader;
}
