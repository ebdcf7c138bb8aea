// The interface of a target, and its manual.
//
// A *target type* knows how to read the words of a table line and makes *targets*, one for each line. A target decides
// where each I/O goes. It never does I/O itself and never touches payload.
//
// On the way down, for each request (or, on a bio-based device, each bio):
//   prepMap(io)     choose a device: set `io.device`, maybe `io.context`, and return MAP_REMAPPED.
//                   What you count for the choice (a selector's in-flight bytes) you count here, at once.
//   map(io)         translate: set `io.sector` to the place on that device and return MAP_REMAPPED. The device may not
//                   change any more. Without `map` the sector stays as it is.
// On the way up:
//   endIoFirst(io)  only on error, before anybody is told: return the status to go on with, `io.status` to keep it.
//   endIo(io)       return END_DONE, END_REQUEUE (ask prepMap again), END_DELAY_REQUEUE (after 100 ms) or END_INCOMPLETE
//                   (you keep it, and give it back later with `context.finish`).
//   release(io)     the choice of prepMap could not be carried out: take back what was counted for it. prepMap will be
//                   asked again.
//
// `io` is one object that is used again for the next I/O: read what you need, keep nothing of it but `io.id`.
// A hook returns at once: no promise, nothing thrown. A hook that throws or answers outside its set kills that I/O with
// an error that names the target. While a hook runs nobody enters the core.
//
// What a hook keeps must be given back, at the latest when `presuspend` is called: suspend and close wait for it.
//
// A target that needs no decision for each I/O gives `extents` and no hooks: the core then maps by itself.

import type { DeviceReference, PathLimits } from '../path/reference.ts';

export {
  END_DELAY_REQUEUE,
  END_DONE,
  END_INCOMPLETE,
  END_REQUEUE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
} from '../../assembly/abi.ts';
export type { DeviceReference, PathLimits } from '../path/reference.ts';

/** The I/O that a hook decides about. One object, used again for the next; sectors are 512 bytes. */
export interface TargetIo {
  /** Names this I/O to `context.finish`. */
  readonly id: number;
  /** 0 read, 1 write, 2 flush, 3 discard, 9 write zeroes (`OPERATION_*`). */
  readonly operation: number;
  /** `FLAG_*` bits. */
  readonly flags: number;
  /** First sector, of the mapped device in prepMap and endIo; `map` writes the sector of the chosen device. */
  sector: number;
  /** Length in sectors; 0 for a flush. */
  readonly sectors: number;
  /** Length in bytes. */
  readonly bytes: number;
  /** The status: in endIoFirst and endIo how the path ended, in prepMap the first error of an earlier attempt (0: none). */
  readonly status: number;
  /** Id of the chosen device (`DeviceReference.id`). prepMap writes it, later hooks read it. */
  device: number;
  /** A 32-bit word of the target's own, from prepMap to endIo or release. */
  context: number;
  /** When the path was given this I/O, nanoseconds on the device's clock. */
  readonly issuedAtNs: number;
  /** Now, nanoseconds on the same clock. */
  readonly nowNs: number;
  /** True on a bio-based device, where the whole bio is redriven after a path error. */
  readonly isBio: boolean;
}

/** One stretch of a target that the core maps without asking. Sectors, relative to the target's begin. */
export interface TargetExtent {
  readonly start: number;
  readonly length: number;
  readonly kind: 'device' | 'error' | 'zero' | 'striped';
  /** For kind `device`: where the stretch lies. */
  readonly device?: DeviceReference;
  readonly offset?: number;
  /** For kind `striped`: chunk `i` lies on stripe `i % n`, at its offset plus `floor(i / n)` chunks. */
  readonly stripes?: readonly { readonly device: DeviceReference; readonly offset: number }[];
  readonly chunkSectors?: number;
}

/** What a constructor is given. */
export interface TargetContext {
  /** First sector of the line on the mapped device, and its length. */
  readonly beginSector: number;
  readonly lengthSectors: number;
  /** `MAJOR:MINOR` and name of the mapped device. */
  readonly deviceNumber: string;
  readonly deviceName: string;
  /** `request`, `bio`, or undefined where the table decides (multipath's `queue_mode`). */
  readonly requestedType: 'request' | 'bio' | undefined;
  readonly isReadOnly: boolean;
  /** Line of the table, from 1, for errors. Missing: 1. */
  readonly line?: number;
  /**
   * The device that a word of the table names; opened if it is the first to name it. `wordIndex` is the word's place in
   * `words`, for the error. Throws RqdmTableError with errno ENODEV (and others) and the kernel text given.
   */
  getDevice(word: string, wordIndex: number, kernelText: string): DeviceReference;
  /** Publish the devices that prepMap may choose from now on (the current group's active paths). */
  publishDevices(devices: readonly DeviceReference[]): void;
  /** Ask again for `busy()` and wake requests that wait for a delayed requeue. */
  kick(): void;
  /** End an I/O that a hook kept (MAP_SUBMITTED or END_INCOMPLETE) with a `STATUS_*`. Unknown ids are ignored. */
  finish(id: number, status: number): void;
  /**
   * Send an I/O that a hook kept to `device` after all, to `sector` there, as if prepMap and map had said so now. Where
   * that device takes nothing just now, `prepMap` is called again without a `release`. Where all of the I/O was
   * told while it was kept, it ends at once and no hook hears of it. So charge nothing for an I/O that remap gives back.
   * Unknown ids are ignored; a device that the table does not name is a kill.
   */
  remap(id: number, device: DeviceReference, sector: number): void;
  /** Raise a table event (dmsetup's event number goes up by one). */
  event(detail: TargetEvent): void;
  /** A line for the log, without the `device-mapper: ` prefix. */
  log(line: string): void;
  /** True between presuspend and postsuspend of a noflush suspend. */
  isNoflushSuspending(): boolean;
  /** Call `run` once after `delayMs` (0 … 2^31-1), on the device's clock (virtual in tests). Returns a function that cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
  /** Now, nanoseconds on the device's clock: for constructors, timers and messages, which have no `io.nowNs`. */
  nowNs(): number;
  /**
   * Spoil one byte of payload: byte `at` (from 0) of I/O `id` becomes `value` (0 … 255). For targets that are faults; the
   * device layer does it, targets never see payload. False where there is no such byte: no payload, too short, or a
   * request (these three are for bio-based devices).
   *
   * `corruptRead` belongs into `endIo` of a read: what the caller gets has the byte. `corruptWrite` belongs into `map` of a
   * write: what is sent has the byte. The memory may be the caller's own, so `endIo` calls `restoreWrite`, which puts
   * all bytes of that write back before the caller is told.
   */
  corruptRead(id: number, at: number, value: number): boolean;
  corruptWrite(id: number, at: number, value: number): boolean;
  restoreWrite(id: number): void;
}

export type TargetEvent =
  | { readonly kind: 'path-failed' | 'path-reinstated'; readonly path: DeviceReference; readonly validPaths: number }
  | { readonly kind: 'table-event'; readonly reason: string };

/** A path in an explanation: why it was taken or not, and what its selector knew of it. */
export interface ExplainedPath {
  readonly device: DeviceReference;
  readonly group: number;
  readonly why: string;
  readonly figures: Readonly<Record<string, number>>;
}

export interface ExplainedDecision {
  readonly timeNs: number;
  readonly operation: string;
  readonly sector: number;
  readonly bytes: number;
  readonly chosen: DeviceReference | undefined;
  readonly group: number | undefined;
  readonly outcome: string;
  readonly paths: readonly ExplainedPath[];
}

/** What a target says of its last decisions (if it keeps them), and of its paths as they are now. */
export interface Explanation {
  readonly isOn: boolean;
  readonly decisions: readonly ExplainedDecision[];
  readonly paths: readonly ExplainedPath[];
}

/** Figures of a target's type that the table needs. */
export interface TargetType {
  readonly name: string;
  readonly version: readonly [number, number, number];
  /** `bio` has only bio mapping, `request` only request mapping, `hybrid` both. */
  readonly mapping: 'bio' | 'request' | 'hybrid';
  /** Must be alone in its table. */
  readonly isSingleton?: boolean;
  /** Cannot be replaced by another type, but by a wildcard. */
  readonly isImmutable?: boolean;
  /** May replace an immutable target (`error`). */
  readonly isWildcard?: boolean;
  /** May not stand in a read-only table. */
  readonly isAlwaysWritable?: boolean;
  /**
   * Read the words after the target's name. Throws RqdmTableError with the kernel's text. Nothing may be left behind
   * when it throws.
   */
  construct(words: readonly string[], context: TargetContext): Target;
  /**
   * What `*` as a line's length means for these words, in sectors; they have not been checked yet. Missing: what the
   * smallest device has behind the number in the second word.
   */
  wholeLength?(words: readonly string[], sizeOf: (word: string) => number | undefined): number | undefined;
}

/** One line of a table, alive. All hooks are optional; a missing hook costs nothing. */
export interface Target {
  /** Where the target itself says it (multipath's queue_mode). */
  readonly type?: 'request' | 'bio';
  /** Stretches that the core maps without a hook; they must cover the whole target when there is no prepMap. */
  readonly extents?: readonly TargetExtent[];
  /** How many flushes a flush becomes (one each device); 0: none is sent. Default 1. */
  readonly flushes?: number;
  /** Whether a DISCARD, a WRITE_ZEROES is sent (one each device); missing: where the devices support it. */
  readonly discards?: boolean;
  readonly writeZeroes?: boolean;
  /** Longest I/O, in sectors of target-relative offset; 0 or missing: no limit. Bio-based only. */
  readonly ioSectorsMax?: number;

  /**
   * Of what ended well, a flush left out, endIo is only told: it returns END_DONE, and nobody waits for that, nor may it keep `io.id`. Its
   * caller may hear of it first. Saves a round through the core for each I/O.
   */
  readonly isEndIoTold?: boolean;

  prepMap?(io: TargetIo): number;
  map?(io: TargetIo): number;
  endIoFirst?(io: TargetIo): number;
  endIo?(io: TargetIo): number;
  release?(io: TargetIo): void;

  /** Asked after every batch of hooks and after messages: while true the core pulls no request. Request-based only. */
  busy?(): boolean;

  presuspend?(isNoflush: boolean): void;
  /** The suspend was given up: undo presuspend. */
  presuspendUndo?(): void;
  postsuspend?(): void;
  /** May throw to refuse the resume. */
  preresume?(): void;
  resume?(): void;

  /** The line that `status` (info) or `table` shows after the target's name, to the kernel's letter. */
  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string;
  /** A message's words. Returns text for the sender, or nothing. Throws RqdmError for what it cannot do. */
  message?(words: readonly string[]): string | undefined;
  /** Why I/O went where it went. */
  explain?(): Explanation;
  /** Adjust the limits stacked from the devices. */
  limits?(limits: PathLimits): PathLimits;
  /** Each device with the stretch of it that is used, in sectors. */
  iterateDevices?(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void;
  /** The table is gone: let go of everything. */
  destroy?(): void;
}
