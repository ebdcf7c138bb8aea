// What a mapper and its devices are made with.
import type { PathMode } from '../path/path.ts';
import type { DeviceType } from '../table/check.ts';
import type { Time } from '../time/time.ts';
import type { MapperLimits } from './limits.ts';
import type { QueueValue } from './queue-settings.ts';

export interface MapperOptions {
  /** Which backing words may be opened: strings that a word must begin with, or expressions it must match. Default: all. */
  readonly allow?: readonly (string | RegExp)[];
  readonly limits?: Partial<MapperLimits>;
  /** Where file I/O runs, unless a word says `mode=`: on worker threads (default), on this thread, or as measured. */
  readonly mode?: PathMode;
  /** Threads that healthy paths share. Default 2. */
  readonly threads?: number;
  /** Lines of the kind that the kernel logs. Default: none. */
  readonly log?: (line: string) => void;
  /** A path without an answer for so long counts as hanging, milliseconds. Default 30 000. */
  readonly hangMs?: number;
  /** A write that hangs is given up after so long, milliseconds. Default 60 000. */
  readonly unknownFateMs?: number;
  /** How long queue_if_no_path holds I/O without a path, seconds; default 0: for ever. Changes later in `multipath`. */
  readonly queueIfNoPathTimeoutSecs?: number;
  /** Default: the machine's clock. A `VirtualTime` makes the mapper a simulation of itself. */
  readonly time?: Time;
}

export interface CreateOptions {
  /** 1 to 127 bytes, no `/`. */
  readonly name: string;
  /** At most 128 bytes. Default: none. */
  readonly uuid?: string;
  /** 0 … 2^20 - 1. Default: the lowest that is free. */
  readonly minor?: number;
  /** A table, as dmsetup takes it. Sectors of 512 bytes. Default: none yet, the device has no size. */
  readonly table?: string | readonly string[];
  /** Where the table leaves it open: bio-based or request-based. */
  readonly type?: DeviceType;
  /** Mode of its tables, where `load` says nothing else. */
  readonly readOnly?: boolean;
  /** `mq-deadline` (default), `kyber`, `scan` or `none`; of a request-based device. */
  readonly elevator?: string;
  /** Settings of its queue, by the kernel's names. */
  readonly queue?: Readonly<Record<string, QueueValue>>;
}

export interface OpenOptions extends Omit<CreateOptions, 'name' | 'table'> {
  readonly name?: string;
  /** Of several paths. Default `service-time`. */
  readonly selector?: string;
  /** Hold I/O while there is no path, instead of failing it. */
  readonly queueIfNoPath?: boolean;
}
