// What a caller may say of an I/O beside its place, and the flags that the core knows it by.
import {
  FLAG_BACKGROUND,
  FLAG_FAILFAST,
  FLAG_FUA,
  FLAG_META,
  FLAG_NOMERGE,
  FLAG_NOUNMAP,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  FLAG_PRIORITY_SHIFT,
  FLAG_RAHEAD,
  FLAG_SYNC,
  PRIORITY_BEST_EFFORT,
  PRIORITY_IDLE,
  PRIORITY_REALTIME,
} from '../../assembly/abi.ts';
import { RqdmError } from '../errors.ts';

/** Classes of ioprio_set(2). mq-deadline serves realtime before best-effort before idle. */
export type PriorityClass = 'realtime' | 'best-effort' | 'idle';

/** A class and a level in it, 0 (first) … 7; only I/Os of one priority are merged. Without one: best effort. */
export interface IoPriority {
  readonly class: PriorityClass;
  /** Default 0. */
  readonly level?: number;
}

export interface IoOptions {
  /** Aborting it rejects the promise at once with the signal's reason; the caller's buffer is not touched after that. */
  readonly signal?: AbortSignal | undefined;
  readonly priority?: PriorityClass | IoPriority | undefined;
  /** Told to targets and paths: they should not try again by themselves what has failed. */
  readonly failfast?: boolean | undefined;
  /** Somebody waits for it: told to elevators and paths. */
  readonly sync?: boolean | undefined;
  /** It is about the structure of what is stored, not its content: told to paths and shown in traces. */
  readonly meta?: boolean | undefined;
  /** Nobody waits for it. */
  readonly background?: boolean | undefined;
  /** Fails with EAGAIN rather than wait for memory of the arena or a record, or be split. */
  readonly noWait?: boolean | undefined;
  /** It stays a request of its own. */
  readonly noMerge?: boolean | undefined;
}

export interface ReadOptions extends IoOptions {
  /** A read before anybody asks for it: it fails with EIO while the device is suspended, rather than wait. */
  readonly readAhead?: boolean | undefined;
}

export interface WriteOptions extends IoOptions {
  /** Let the write begin and end anywhere: the first and last block are read, changed and written, one at a time each. */
  readonly unaligned?: boolean | undefined;
  /** Resolve when the bytes are on stable storage. */
  readonly fua?: boolean | undefined;
  /** What was acknowledged before is on stable storage before these bytes are written. */
  readonly preflush?: boolean | undefined;
}

export interface WriteZeroesOptions extends IoOptions {
  /** False: keep the space. True (default): the storage may give it back, as long as it reads zeros. */
  readonly unmap?: boolean | undefined;
  readonly fua?: boolean | undefined;
}

const CLASSES: Readonly<Record<PriorityClass, number>> = {
  realtime: PRIORITY_REALTIME,
  'best-effort': PRIORITY_BEST_EFFORT,
  idle: PRIORITY_IDLE,
};

/** The bits of a priority in `IoBatch.flags`. Throws ERR_RQDM_OPTION. */
export function priorityFlags(priority: PriorityClass | IoPriority): number {
  const name = typeof priority === 'string' ? priority : priority?.class;
  const level = typeof priority === 'string' ? 0 : (priority?.level ?? 0);
  if (!Object.hasOwn(CLASSES, name)) {
    throw new RqdmError('ERR_RQDM_OPTION', `priority class is ${String(name)}: expected realtime, best-effort or idle`);
  }
  if (!Number.isInteger(level) || level < 0 || level > 7) {
    throw new RqdmError('ERR_RQDM_OPTION', `priority level is ${String(level)}: expected a whole number from 0 to 7`);
  }
  return (CLASSES[name] | (level << 2)) << FLAG_PRIORITY_SHIFT;
}

type AnyOptions = IoOptions & Pick<ReadOptions, 'readAhead'> & Pick<WriteOptions, 'fua' | 'preflush'> & WriteZeroesOptions;

/** FLAG_ bits of these options. What an operation has no use for means nothing to it. */
export function flagsOf(options: AnyOptions): number {
  let flags = options.priority === undefined ? 0 : priorityFlags(options.priority);
  if (options.failfast) flags |= FLAG_FAILFAST;
  if (options.sync) flags |= FLAG_SYNC;
  if (options.meta) flags |= FLAG_META;
  if (options.background) flags |= FLAG_BACKGROUND;
  if (options.noWait) flags |= FLAG_NOWAIT;
  if (options.noMerge) flags |= FLAG_NOMERGE;
  if (options.readAhead) flags |= FLAG_RAHEAD;
  if (options.fua) flags |= FLAG_FUA;
  if (options.preflush) flags |= FLAG_PREFLUSH;
  if (options.unmap === false) flags |= FLAG_NOUNMAP;
  return flags;
}

/** Throws the signal's reason if it was aborted already, ERR_RQDM_OPTION if it is none. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw new RqdmError('ERR_RQDM_OPTION', 'signal: expected an AbortSignal');
  }
  if (signal.aborted) throw signal.reason;
}
