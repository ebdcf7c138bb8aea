// What the driven core is described by: devices and their settings, bios, the I/Os at paths and their answers, hooks.

import * as abi from '../../assembly/abi.ts';
import type { TraceEvent } from '../../bindings/core/core.ts';
import type { Medium, Space, Write } from './core-data.ts';

export const SETTINGS = {
  elevator: abi.SETTING_ELEVATOR,
  maxSectors: abi.SETTING_MAX_SECTORS,
  maxSegments: abi.SETTING_MAX_SEGMENTS,
  chunkSectors: abi.SETTING_CHUNK_SECTORS,
  logicalBlockSectors: abi.SETTING_LOGICAL_BLOCK_SECTORS,
  depth: abi.SETTING_DEPTH,
  requests: abi.SETTING_REQUESTS,
  bios: abi.SETTING_BIOS,
  nomerges: abi.SETTING_NOMERGES,
  isReadOnly: abi.SETTING_READ_ONLY,
  hasCache: abi.SETTING_HAS_CACHE,
  isInstant: abi.SETTING_INSTANT,
  isFilling: abi.SETTING_FILLS,
  isKernelPlugOrder: abi.SETTING_KERNEL_PLUG_ORDER,
  readExpireMs: abi.SETTING_READ_EXPIRE,
  writeExpireMs: abi.SETTING_WRITE_EXPIRE,
  writesStarved: abi.SETTING_WRITES_STARVED,
  fifoBatch: abi.SETTING_FIFO_BATCH,
  hasFrontMerges: abi.SETTING_FRONT_MERGES,
  isUnplugged: abi.SETTING_NO_PLUG,
  isPullingEarly: abi.SETTING_PULL_EARLY,
  maxDiscardSectors: abi.SETTING_MAX_DISCARD_SECTORS,
  discardGranularity: abi.SETTING_DISCARD_GRANULARITY,
  discardAlignment: abi.SETTING_DISCARD_ALIGNMENT,
  maxDiscardSegments: abi.SETTING_MAX_DISCARD_SEGMENTS,
  maxWriteZeroesSectors: abi.SETTING_MAX_WRITE_ZEROES_SECTORS,
  hasFua: abi.SETTING_HAS_FUA,
  physicalBlockSectors: abi.SETTING_PHYSICAL_BLOCK_SECTORS,
  asyncDepth: abi.SETTING_ASYNC_DEPTH,
  priorityAgingMs: abi.SETTING_PRIORITY_AGING_EXPIRE,
  kyberReadLatencyUs: abi.SETTING_KYBER_READ_LATENCY,
  kyberWriteLatencyUs: abi.SETTING_KYBER_WRITE_LATENCY,
} as const;

/** Settings of a device by name; what is missing keeps the core's default. */
export type Settings = { readonly [name in keyof typeof SETTINGS]?: number | undefined };

/** An I/O at a path. */
export interface PathIo {
  readonly id: number;
  readonly device: number;
  readonly sector: number;
  readonly sectors: number;
  readonly operation: number;
  readonly flags: number;
  /** What it covers: one range, but for a discard of several. */
  readonly ranges: readonly (readonly [sector: number, sectors: number])[];
  /** Memory: index of the first arena sector, and sectors. */
  readonly pieces: readonly (readonly [at: number, sectors: number])[];
  /** Tags of the bios whose memory it is, in order. */
  readonly tags: readonly number[];
  /** The how-manyth I/O of its device, from 0. */
  readonly ordinal: number;
  /** Changes of its medium when it was sent. */
  readonly changes: number;
  readonly issuedAtNs: number;
}

/** How a path answers; missing: OK, after the device's service time. */
export interface PathAnswer {
  readonly status?: number | undefined;
  readonly goodSectors?: number | undefined;
  readonly afterNs?: number | undefined;
  /** Not at all, until `answer` is called. */
  readonly isHeld?: boolean;
}

export interface BackingOptions extends Settings {
  readonly sizeSectors?: number;
  readonly serviceNs?: (io: PathIo) => number;
  readonly script?: (io: PathIo) => PathAnswer | undefined;
  /** Shared with other paths to the same storage; else its own. */
  readonly medium?: Medium;
}

/** What a hook sees: target.ts's TargetIo, in place in the ring. */
export interface Decision {
  readonly id: number;
  readonly operation: number;
  readonly flags: number;
  readonly bytes: number;
  sector: number;
  readonly sectors: number;
  readonly status: number;
  device: number;
  context: number;
  readonly issuedAtNs: number;
  readonly nowNs: number;
  readonly isBio: boolean;
}

/** A target's hooks; they return verdicts, endIoFirst a status. */
export interface Hooks {
  /** endIo is only told of what ended well. */
  readonly isEndIoTold?: boolean;
  prepMap?(io: Decision): number;
  map?(io: Decision): number;
  endIoFirst?(io: Decision): number;
  endIo?(io: Decision): number;
  release?(io: Decision): void;
}

export interface ExtentOptions {
  readonly length?: number;
  readonly kind?: 'device' | 'error' | 'zero' | 'striped';
  readonly device?: number;
  /** Of a striped one, whose chunk is `ioSectorsMax`. */
  readonly stripes?: readonly (readonly [device: number, offset: number])[];
  readonly offset?: number;
  readonly hooks?: Hooks;
  readonly flushes?: number;
  readonly ioSectorsMax?: number;
}

export interface MappedOptions extends Settings {
  readonly sizeSectors?: number;
  readonly extents: readonly ExtentOptions[];
  /** The usable set. */
  readonly paths?: readonly number[];
}

export interface BioOptions {
  readonly device: number;
  readonly operation?: number;
  readonly sector?: number;
  readonly sectors?: number;
  readonly flags?: number;
  /** Its memory follows that of the bio before. */
  readonly isAdjacent?: boolean;
  /** What its data is checked against; missing: the device's own. */
  readonly space?: Space;
}

export interface DrivenBio {
  readonly tag: number;
  readonly device: number;
  readonly operation: number;
  readonly sector: number;
  readonly sectors: number;
  readonly flags: number;
  /** Index of its first arena sector. */
  readonly at: number;
  readonly space: Space;
  readonly beganAt: number;
  readonly write: Write | undefined;
  /** Undefined until it has ended. */
  status: number | undefined;
  attempts: number;
  firstStatus: number;
  lastPath: number;
  endedAtNs: number;
}

/** One record of a decision ring; `at` is its index. */
export class DecisionView implements Decision {
  private readonly words: Uint32Array;
  private readonly doubles: Float64Array;
  private readonly driver: { readonly nowNs: number };
  at = 0;

  constructor(words: Uint32Array, doubles: Float64Array, driver: { readonly nowNs: number }) {
    this.words = words;
    this.doubles = doubles;
    this.driver = driver;
  }

  word(index: number): number {
    return this.words[this.at * 12 + index];
  }
  setWord(index: number, value: number): void {
    this.words[this.at * 12 + index] = value;
  }
  get id(): number {
    return this.word(abi.DECISION_ID);
  }
  get operation(): number {
    return this.word(abi.DECISION_OPERATION) & 0xff;
  }
  get flags(): number {
    return this.word(abi.DECISION_OPERATION) >>> 8;
  }
  get bytes(): number {
    return this.sectors * 512;
  }
  get sector(): number {
    return this.doubles[this.at * 6 + abi.DECISION_SECTOR];
  }
  set sector(value: number) {
    this.doubles[this.at * 6 + abi.DECISION_SECTOR] = value;
  }
  get sectors(): number {
    return this.word(abi.DECISION_SECTORS);
  }
  get status(): number {
    return this.word(abi.DECISION_STATUS);
  }
  get device(): number {
    return this.word(abi.DECISION_DEVICE);
  }
  set device(value: number) {
    this.setWord(abi.DECISION_DEVICE, value);
  }
  get context(): number {
    return this.word(abi.DECISION_CONTEXT);
  }
  set context(value: number) {
    this.setWord(abi.DECISION_CONTEXT, value);
  }
  get issuedAtNs(): number {
    return this.doubles[this.at * 6 + abi.DECISION_ISSUED_AT];
  }
  get nowNs(): number {
    return this.driver.nowNs;
  }
  get isBio(): boolean {
    return (this.id & abi.ID_BIO) !== 0;
  }
}

const LETTERS: readonly string[] = ['R', 'W', 'F', 'D', '', '', '', '', '', 'Z'];

/** `D R 0+8`, `U 4`, `P`. */
export function printEvent({ action, operation, sector, sectors, detail }: TraceEvent): string {
  if (action === 'P') return action;
  if (action === 'U') return `U ${detail}`;
  return `${action} ${LETTERS[operation]} ${sector}+${sectors}`;
}

/** Writes the verdict; undefined leaves one that the core does not know. */
export function say(io: DecisionView, verdict: number | undefined): void {
  io.setWord(abi.DECISION_VERDICT, verdict ?? 0xffffffff);
}
