// Stage 8 of 11: path I/O. The contract of a backing path, for both loops.
//
// A path is given I/Os that the core has merged, sorted and mapped. It answers each exactly once through its sink,
// in any order. Two loops stand behind this one contract:
//   blocking  files, block devices, memory: the call is made at once on this thread (`inline`), or on a worker that is
//             parked in Atomics.wait between batches (`worker`); `auto` measures and chooses.
//   evented   sockets and timers: the answer comes from the event loop.
//
// `issue` never throws and never waits. It may answer at once, from inside `issue` or `kick`; the sink only notes the answer.
// After the last `issue` of a batch the device calls `kick` once: the place to wake a worker.

import type { PathLimits } from './reference.ts';

/** Where answers go. One for all paths of a mapper. */
export interface PathSink {
  /**
   * `status` is a `STATUS_*`. `goodSectors` counts from the front what was done before an error (all of it when OK).
   * An answer for an id that is not waited for any more is counted and ignored.
   */
  answer(id: number, status: number, goodSectors: number): void;
  /** Answers were added outside of `issue` and `kick`: come and take them soon. */
  wake(): void;
}

export type PathMode = 'worker' | 'inline' | 'auto';

export interface Path {
  /** The word of the table that opened it. */
  readonly word: string;
  /** Exact size in bytes; the device shows it rounded up to a sector. */
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** False: a flush needs no I/O. */
  readonly hasCache: boolean;
  /** True: takes FUA writes itself. Missing: false, the queue sends a flush after them. */
  readonly hasFua?: boolean;
  /** Paths with the same key share one write cache (same file, same memory). */
  readonly cacheKey: string;
  /** I/Os it takes at a time, 1 … 1024. */
  readonly depth: number;
  /** As they are now: see `setLimits`. */
  readonly limits: PathLimits;
  /** `?queue=`: whether the device owns a queue of requests or takes bios as they come. Missing: request. */
  readonly queue?: 'request' | 'bio';
  /** True: the core answers for it inside, at the end of the batch (`null:` without wrappers). */
  readonly isInstant?: boolean;
  /** What the path does now: for status and tests. */
  readonly loop: 'inline' | 'worker' | 'evented' | 'instant';

  /**
   * One I/O. `operation` is `OPERATION_*`, and `FLAG_*` bits shifted left by 8 (FLAG_FUA where `hasFua`, FLAG_NOUNMAP …);
   * DISCARD and WRITE_ZEROES have no payload: `address` means nothing. A DISCARD of more than one range has `segments`
   * ranges in `segmentTable`, from pair `segmentIndex` on, two pairs each: the sector (a float64), then (sectors, 0);
   * only where `limits.maxDiscardSegments` is above 1. `position` and `bytes` are in bytes of the path. The payload lies in the arena:
   * `segments` is 1 and `address` its place, or `segments` pairs of (address, bytes) stand in `segmentTable` from pair
   * `segmentIndex` on (valid during this call only).
   */
  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void;
  /** The batch is over. A path may have waited for this to look at it as a whole. */
  kick(): void;
  /**
   * Changes limits of an open path, as a device does that has learnt what it can take; `onLimits` is told. Throws
   * `ERR_RQDM_ARGUMENT` that names the limit and its range, and changes nothing then.
   */
  setLimits(changes: Partial<PathLimits>): void;
  /** Told after `limits` have changed. One listener: the device that owns the path. */
  onLimits: (() => void) | undefined;
  /** I/Os issued and not yet answered. */
  readonly inFlight: number;
  /** Waits for what is in flight (at most `graceMs`), then lets go of everything. A second call returns the same promise. */
  close(graceMs?: number): Promise<void>;
}
