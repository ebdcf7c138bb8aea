// What client and server say to each other: one JSON object a line, both ways.
//
//   → {"v":1,"id":7,"op":"info","device":{"name":"vol1"}}
//   ← {"v":1,"id":7,"ok":true,"result":{…}}
//   ← {"v":1,"id":7,"ok":false,"error":{"errno":"ENXIO","message":"…"}}
//
// Requests are begun in the order of their lines and may be in flight together; a reply names its request by `id` and
// comes when it is ready, in any order. Whoever needs the outcome of one request for the next waits for its reply.
// A line that is no request is answered with an error (`id` null if it had none), and the connection goes on; a line longer
// than LINE_BYTES_MAX is answered and ends the connection, since nobody can tell where the next one begins. A client that
// shuts down its sending side still gets the replies to what it asked, but waits are given up (EINTR).

export const PROTOCOL_VERSION = 1;

/** Longest line in either direction, its end included. */
export const LINE_BYTES_MAX: number = 2 ** 20;

/** A device as a request names it: one of the three. */
export interface DeviceKey {
  readonly name?: string;
  readonly uuid?: string;
  /** `MAJOR:MINOR`. */
  readonly number?: string;
}

/** What is known of a device; the reply to `info` and part of others. */
export interface DeviceInformation {
  readonly name: string;
  /** Empty if it has none. */
  readonly uuid: string;
  readonly major: number;
  readonly minor: number;
  readonly isSuspended: boolean;
  readonly isReadOnly: boolean;
  readonly isDeferredRemove: boolean;
  readonly hasLiveTable: boolean;
  readonly hasInactiveTable: boolean;
  readonly openCount: number;
  readonly eventNumber: number;
  /** Targets of the live table, or with `inactive` of the inactive one. */
  readonly targetCount: number;
  readonly readAheadSectors: number;
  readonly sizeSectors: number;
}

/** A line of a table or of a status. Start and length are decimal texts of 512-byte sectors. */
export interface TargetLine {
  readonly start: string;
  readonly length: string;
  readonly type: string;
  readonly text: string;
}

/** The reply to `table`, `status` and `wait`. */
export interface TableReply {
  readonly info: DeviceInformation;
  readonly targets: readonly TargetLine[];
}

/** A device that a table uses. */
export interface Dependency {
  readonly major: number;
  readonly minor: number;
  /** `dm-0`, or the last part of an attached node's name; else the word as it stands in the table. */
  readonly blockName: string;
  /** Of a mapped device its name; of another one the same as `blockName`. */
  readonly deviceName: string;
}

export interface DependenciesReply {
  readonly info: DeviceInformation;
  readonly dependencies: readonly Dependency[];
}

export interface TargetVersion {
  readonly name: string;
  /** `1.14.0`. */
  readonly version: string;
}

export interface KernelLogReply {
  readonly lines: readonly string[];
  /** The cursor to ask with next. */
  readonly next: number;
  /** Lines that had left the ring before they were asked for. */
  readonly lost: number;
}

export interface AttachedNode {
  readonly node: string;
  readonly word: string;
  readonly number: string;
}

/** What went wrong with a request. `errno` is the name that the kernel's ioctl would have returned. */
export interface ReplyError {
  readonly errno: string;
  readonly message: string;
  readonly code?: string;
}

export interface Reply {
  readonly v: number;
  readonly id: number | string | null;
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: ReplyError;
}

/** A request that failed, on either side of the socket. */
export class ControlError extends Error {
  override readonly name: string = 'ControlError';
  readonly errno: string;
  readonly code: string | undefined;
  constructor(errno: string, message: string, code?: string) {
    super(message);
    this.errno = errno;
    this.code = code;
  }
}

/** A path in an explanation. */
export interface ExplainedPathReply {
  /** The word of the table. */
  readonly path: string;
  readonly group: number;
  readonly why: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** The reply to `explain`; the oldest decision first. */
export interface ExplainReply {
  /** Decisions are kept. */
  readonly isOn: boolean;
  readonly decisions: readonly {
    readonly timeNs: number;
    readonly operation: string;
    readonly sector: number;
    readonly bytes: number;
    readonly outcome: string;
    readonly chosen: string | null;
    readonly group: number | null;
    readonly paths: readonly ExplainedPathReply[];
  }[];
  /** As they are now. */
  readonly paths: readonly ExplainedPathReply[];
}

/** A device in the reply to `topology`. */
export interface TopologyReply {
  readonly name: string;
  /** The tree, as `multipath -ll` draws it. */
  readonly text: string;
  /** What its checker knows of each path; null: nobody checks. */
  readonly checked:
    | readonly {
        readonly word: string;
        readonly number: string;
        readonly isUp?: boolean | undefined;
        readonly isMarginal: boolean;
      }[]
    | null;
}

/** The reply to `block_attributes`. */
export interface BlockAttributesReply {
  readonly devices: readonly {
    /** As in `/sys/block`. */
    readonly blockName: string;
    readonly number: string;
    /** The name of a mapped device. */
    readonly mappedName?: string;
    /** Files below its folder, without the line's end. A name that ends in `/` is an empty folder. */
    readonly attributes: Readonly<Record<string, string>>;
  }[];
}

/** An I/O of the reply to `io`. */
export interface IoResult {
  readonly operation: 'read' | 'write' | 'flush' | 'discard' | 'zeroes';
  readonly sector: number;
  readonly sectors: number;
  /** `ok`, `short BYTES`, or the name of an errno. */
  readonly status: string;
  /** Of what was read. */
  readonly data: string | null;
  /** Its place among those that ended, from 1. */
  readonly ended: number;
  /** When it ended, since the script began. */
  readonly milliseconds: number;
}

/** The reply to `io`: in the order in which they were asked for. */
export interface IoReply {
  readonly results: readonly IoResult[];
}

/** A device in a trace. */
export interface TraceDevice {
  /** Of a mapped device its name, of a node the last part of it. */
  readonly name: string;
  /** It has no requests. */
  readonly isBioBased: boolean;
}

/**
 * An event: time (ns), device, action (a letter of blktrace), operation (`OPERATION_`), flags (`FLAG_`), sector, sectors,
 * detail (of an end a negative errno, or 0); of a remap the device it came from, its sector there, and its bios (0: it is one itself).
 */
export type TracedEvent = readonly [
  timeNs: number,
  device: string,
  action: string,
  operation: number,
  flags: number,
  sector: number,
  sectors: number,
  detail: number,
  source: string,
  sourceSector: number,
  bios: number,
];

/** The reply to `trace-read`. */
export interface TraceReply {
  readonly events: readonly TracedEvent[];
  /** Events that there was no room for, since the last reply. */
  readonly lost: number;
  /** The trace has been stopped, and these are its last events. */
  readonly isOver: boolean;
  /** By `MAJOR:MINOR`, all that have been seen. */
  readonly devices: Readonly<Record<string, TraceDevice>>;
}
