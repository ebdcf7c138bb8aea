// The queue of a device as its owner sees and sets it at run time, by the names that the kernel gives these settings in
// /sys/block/…/queue and queue/iosched. What the kernel clamps is clamped, what it refuses is refused.
import * as abi from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import type { QueueLimits } from './stacked-limits.ts';

export type QueueValue = string | number;

/** Settings of a queue, by the kernel's names. Units are the kernel's. */
export interface DeviceQueue {
  /** A number, or a word (`scheduler`, `write_cache`). Throws ERR_RQDM_QUEUE for a name that is none. */
  get(name: string): QueueValue;
  /** As the kernel's file shows it: `[mq-deadline] kyber scan none`. */
  show(name: string): string;
  /** All, those of the present scheduler included. */
  entries(): [string, QueueValue][];
  /** While I/O runs or is suspended. Throws ERR_RQDM_QUEUE (errno EINVAL, EACCES, ENOENT) for what the kernel refuses. */
  set(name: string, value: QueueValue): void;
}

/** In the order in which the kernel would list them. */
export const ELEVATORS: ReadonlyMap<string, number> = new Map([
  ['mq-deadline', abi.ELEVATOR_MQ_DEADLINE],
  ['kyber', abi.ELEVATOR_KYBER],
  ['scan', abi.ELEVATOR_SCAN],
  ['none', abi.ELEVATOR_NONE],
]);

/** Throws ERR_RQDM_ELEVATOR for a name that is none. */
export function checkElevator(name = 'mq-deadline'): string {
  if (ELEVATORS.has(name)) return name;
  throw new RqdmError('ERR_RQDM_ELEVATOR', `elevator "${name}": expected ${[...ELEVATORS.keys()].join(', ')}`, {
    errno: 'EINVAL',
  });
}

const INT_MAX = 0x7fff_ffff;
const REQUESTS_DEFAULT = 256;
const REQUESTS_WITHOUT_QUEUE = 128;
const REQUESTS_MIN = 4;
const REQUESTS_MAX = 2048;
/** The core takes no longer request and no more pieces, whatever the devices could. */
const CORE_SECTORS_MAX: number = 2 ** 22;
const CORE_SEGMENTS_MAX = 1024;
const MAX_KB_LEAST = 4;

/** A setting of an elevator: the core's number, the default, what is accepted, and how many of its units are one of the core's. */
interface Tunable {
  readonly setting: number;
  readonly start: number;
  readonly least: number;
  readonly most: number;
  readonly divisor?: number;
}

const TUNABLES: Readonly<Record<string, Readonly<Record<string, Tunable>>>> = {
  'mq-deadline': {
    async_depth: { setting: abi.SETTING_ASYNC_DEPTH, start: 0, least: 1, most: INT_MAX },
    fifo_batch: { setting: abi.SETTING_FIFO_BATCH, start: 16, least: 0, most: INT_MAX },
    front_merges: { setting: abi.SETTING_FRONT_MERGES, start: 1, least: 0, most: 1 },
    prio_aging_expire: { setting: abi.SETTING_PRIORITY_AGING_EXPIRE, start: 10_000, least: 0, most: INT_MAX },
    read_expire: { setting: abi.SETTING_READ_EXPIRE, start: 500, least: 0, most: INT_MAX },
    write_expire: { setting: abi.SETTING_WRITE_EXPIRE, start: 5000, least: 0, most: INT_MAX },
    writes_starved: { setting: abi.SETTING_WRITES_STARVED, start: 2, least: -INT_MAX - 1, most: INT_MAX },
  },
  kyber: {
    read_lat_nsec: {
      setting: abi.SETTING_KYBER_READ_LATENCY,
      start: 2_000_000,
      least: 1000,
      most: Number.MAX_SAFE_INTEGER,
      divisor: 1000,
    },
    write_lat_nsec: {
      setting: abi.SETTING_KYBER_WRITE_LATENCY,
      start: 10_000_000,
      least: 1000,
      most: Number.MAX_SAFE_INTEGER,
      divisor: 1000,
    },
  },
};

/** Whose queue it is. */
export interface QueueOwner {
  readonly core: Core;
  readonly id: number;
  /** For errors. */
  readonly name: string;
  /** It makes requests of bios, and sorts them; otherwise bios pass as they are. */
  readonly hasRequests: boolean;
  /** Its limits, or what it can, have been set to something else: written to the core already. */
  changed(): void;
  /** The core is to look again at what waits. */
  wake(): void;
}

export class QueueSettings implements DeviceQueue {
  readonly #owner: QueueOwner;
  #elevator: string;
  #requests: number = REQUESTS_DEFAULT;
  #nomerges = 0;
  readonly #tunables: Map<string, number> = new Map();
  readonly #switches: Map<string, number> = new Map();
  // what the device has by itself, or by its table
  #limits: QueueLimits | undefined;
  #hasCache = false;
  #hasFua = false;
  // what the owner of the queue says instead
  #maxSectors: number | undefined;
  #maxDiscardSectors: number | undefined;
  #isCached: boolean | undefined;
  #isRotational: boolean | undefined;
  /** As written to the core. */
  #effective: QueueLimits | undefined;

  constructor(owner: QueueOwner, elevator: string) {
    this.#owner = owner;
    this.#elevator = elevator;
  }

  // ---- what the device tells --------------------------------------------------------------------------------------

  /** The core's record of the device is new: everything that was set is set there. */
  renew(): void {
    this.#configure(abi.SETTING_NOMERGES, this.#nomerges);
    for (const [name, value] of this.#switches) this.#configure(SWITCHES[name] as number, value);
    if (!this.#owner.hasRequests) return;
    this.#configure(abi.SETTING_ELEVATOR, ELEVATORS.get(this.#elevator) as number);
    this.#configure(abi.SETTING_REQUESTS, this.#requests);
    for (const [name, value] of this.#tunables) this.#writeTunable(name, value);
  }

  /** What the device has by itself or by its table; what was set stays, as far as it fits. */
  apply(limits: QueueLimits, hasCache: boolean, hasFua: boolean): void {
    this.#limits = limits;
    this.#hasCache = hasCache;
    this.#hasFua = hasFua;
    const maxSectors = Math.min(limits.maxSectors, this.#maxSectors ?? limits.maxSectors);
    const maxDiscardSectors = Math.min(limits.maxDiscardSectors, this.#maxDiscardSectors ?? limits.maxDiscardSectors);
    const isRotational = this.#isRotational ?? limits.isRotational;
    this.#effective = { ...limits, maxSectors, maxDiscardSectors, isRotational };
    this.#write(this.#effective);
  }

  #write(limits: QueueLimits): void {
    this.#configure(abi.SETTING_MAX_SECTORS, Math.min(limits.maxSectors, CORE_SECTORS_MAX));
    this.#configure(abi.SETTING_MAX_SEGMENTS, Math.min(limits.maxSegments, CORE_SEGMENTS_MAX));
    this.#configure(abi.SETTING_CHUNK_SECTORS, limits.chunkSectors);
    this.#configure(abi.SETTING_LOGICAL_BLOCK_SECTORS, limits.logicalBlockSectors);
    this.#configure(abi.SETTING_PHYSICAL_BLOCK_SECTORS, limits.physicalBlockSectors);
    this.#configure(abi.SETTING_MAX_DISCARD_SECTORS, limits.maxDiscardSectors);
    this.#configure(abi.SETTING_DISCARD_GRANULARITY, limits.discardGranularitySectors);
    this.#configure(abi.SETTING_DISCARD_ALIGNMENT, limits.discardAlignmentSectors);
    this.#configure(abi.SETTING_MAX_DISCARD_SEGMENTS, limits.maxDiscardSegments);
    this.#configure(abi.SETTING_MAX_WRITE_ZEROES_SECTORS, limits.maxWriteZeroesSectors);
    this.#configure(abi.SETTING_HAS_CACHE, this.hasCache ? 1 : 0);
    this.#configure(abi.SETTING_HAS_FUA, this.hasFua ? 1 : 0);
  }

  /** As the core has them now: an answer from below may have turned DISCARD or WRITE_ZEROES off. */
  get limits(): QueueLimits | undefined {
    if (!this.#effective) return undefined;
    const figures = this.#owner.core.figures(this.#owner.id);
    const maxDiscardSectors = figures[abi.FIGURE_MAX_DISCARD_SECTORS] as number;
    const maxWriteZeroesSectors = figures[abi.FIGURE_MAX_WRITE_ZEROES_SECTORS] as number;
    return { ...this.#effective, maxDiscardSectors, maxWriteZeroesSectors };
  }
  get hasCache(): boolean {
    return this.#isCached ?? this.#hasCache;
  }
  get hasFua(): boolean {
    return this.hasCache && this.#hasFua;
  }

  // ---- what users see ---------------------------------------------------------------------------------------------

  /** The value of a setting: a number in the kernel's unit, or a word. Throws ERR_RQDM_QUEUE for a name that is none. */
  get(name: string): QueueValue {
    const attribute = ATTRIBUTES[name];
    if (attribute) return attribute.get(this);
    const value = this.#tunables.get(name);
    if (value !== undefined) return value;
    const tunable = this.#tunableOf(name);
    if (tunable) return name === 'async_depth' ? Math.max(1, Math.floor((3 * this.#requests) / 4)) : tunable.start;
    throw this.#unknown(name);
  }

  /** As the kernel's file shows it: `[mq-deadline] kyber none`. */
  show(name: string): string {
    if (name !== 'scheduler' || !this.#owner.hasRequests) return String(this.get(name));
    return [...ELEVATORS.keys()].map((elevator) => (elevator === this.#elevator ? `[${elevator}]` : elevator)).join(' ');
  }

  /** All settings with their values, those of the present elevator included. */
  entries(): [string, QueueValue][] {
    const names = [...Object.keys(ATTRIBUTES), ...Object.keys(this.#ownTunables())];
    return names.map((name) => [name, this.get(name)]);
  }

  /**
   * Sets `name`, while I/O runs or is suspended. Numbers may come as text. Throws ERR_RQDM_QUEUE (errno EINVAL) for what the
   * kernel refuses.
   */
  set(name: string, value: QueueValue): void {
    const attribute = ATTRIBUTES[name];
    if (attribute) {
      if (!attribute.set) throw this.#refused(name, value, 'it can only be read', 'EACCES');
      attribute.set(this, value);
      this.#owner.wake();
      return;
    }
    const tunable = this.#tunableOf(name);
    if (!tunable) throw this.#unknown(name);
    const clamped = Math.min(tunable.most, Math.max(tunable.least, this.number(name, value)));
    this.#writeTunable(name, clamped);
    this.#tunables.set(name, clamped);
    this.#owner.wake();
  }

  setAll(values: Readonly<Record<string, QueueValue>>): void {
    // the elevator first: the others may be its own
    if (values['scheduler'] !== undefined) this.set('scheduler', values['scheduler']);
    for (const [name, value] of Object.entries(values)) if (name !== 'scheduler') this.set(name, value);
  }

  // ---- inside: the attributes -----------------------------------------------------------------------------------------

  get scheduler(): string {
    return this.#owner.hasRequests ? this.#elevator : 'none';
  }

  /** Requests that are queued move from one order to the other. */
  setScheduler(value: QueueValue): void {
    const elevator = ELEVATORS.get(String(value));
    if (elevator === undefined) {
      throw this.#refused('scheduler', value, `expected ${[...ELEVATORS.keys()].join(', ')}`);
    }
    if (!this.#owner.hasRequests) {
      if (value === 'none') return;
      throw this.#refused('scheduler', value, 'a device that takes bios has none');
    }
    if (value === this.#elevator) return;
    if (!this.#configure(abi.SETTING_ELEVATOR, elevator)) {
      throw new RqdmError('ERR_RQDM_BUSY', `${this.#owner.name}: the scheduler cannot change while requests are queued in it`, {
        errno: 'EBUSY',
      });
    }
    this.#elevator = String(value);
    // another elevator begins with its own defaults
    this.#tunables.clear();
    for (const [name, { start }] of Object.entries(this.#ownTunables())) this.#writeTunable(name, start);
  }

  get requests(): number {
    return this.#owner.hasRequests ? this.#requests : REQUESTS_WITHOUT_QUEUE;
  }

  setRequests(value: QueueValue): void {
    const requests = this.number('nr_requests', value, 0);
    if (!this.#owner.hasRequests) throw this.#refused('nr_requests', value, 'a device that takes bios has none');
    if (requests > REQUESTS_MAX) throw this.#refused('nr_requests', value, `expected at most ${REQUESTS_MAX}`);
    this.#requests = Math.max(REQUESTS_MIN, requests);
    this.#configure(abi.SETTING_REQUESTS, this.#requests);
  }

  get nomerges(): number {
    return this.#nomerges;
  }

  setNomerges(value: QueueValue): void {
    const nomerges = this.number('nomerges', value, 0);
    this.#nomerges = nomerges === 2 ? 2 : nomerges === 0 ? 0 : 1;
    this.#configure(abi.SETTING_NOMERGES, this.#nomerges);
  }

  /** The largest that may be set. */
  get hardwareSectors(): number {
    return this.#limits?.maxSectors ?? 0;
  }

  setMaxKilobytes(value: QueueValue): void {
    const kilobytes = this.number('max_sectors_kb', value, 0);
    const most = Math.floor(this.hardwareSectors / 2);
    // before the first table nothing is known yet: it is held against the limits when they come
    if (kilobytes < Math.min(MAX_KB_LEAST, most) || kilobytes === 0 || (this.#limits && kilobytes > most)) {
      throw this.#refused('max_sectors_kb', value, `expected ${MAX_KB_LEAST} to ${most}`);
    }
    this.#maxSectors = kilobytes * 2;
    this.#reapply();
  }

  setDiscardBytes(value: QueueValue): void {
    const bytes = this.number('discard_max_bytes', value, 0);
    this.#maxDiscardSectors = Math.floor(bytes / 512);
    this.#reapply();
  }

  setWriteCache(value: QueueValue): void {
    if (value !== 'write back' && value !== 'write through') {
      throw this.#refused('write_cache', value, 'expected "write back" or "write through"');
    }
    this.#isCached = value === 'write back';
    this.#reapply();
  }

  get isRotational(): boolean {
    return this.#effective?.isRotational ?? this.#isRotational ?? false;
  }

  setRotational(value: QueueValue): void {
    this.#isRotational = this.number('rotational', value, 0) !== 0;
    this.#reapply();
  }

  /** Ours: see "Choices of Linux that are options here" in ARCHITECTURE.md. */
  getSwitch(name: string): number {
    return this.#switches.get(name) ?? 0;
  }

  setSwitch(name: string, value: QueueValue): void {
    const isOn = this.number(name, value, 0) === 0 ? 0 : 1;
    this.#switches.set(name, isOn);
    this.#configure(SWITCHES[name] as number, isOn);
  }

  #reapply(): void {
    if (!this.#limits) return;
    this.apply(this.#limits, this.#hasCache, this.#hasFua);
    this.#owner.changed();
  }

  #configure(setting: number, value: number): boolean {
    return Boolean(this.#owner.core.exports.configureDevice(this.#owner.id, setting, value));
  }

  #ownTunables(): Readonly<Record<string, Tunable>> {
    return TUNABLES[this.scheduler] ?? {};
  }

  #tunableOf(name: string): Tunable | undefined {
    return this.#ownTunables()[name];
  }

  #writeTunable(name: string, value: number): void {
    const { setting, divisor } = this.#tunableOf(name) as Tunable;
    this.#configure(setting, Math.min(0xffff_ffff, Math.floor(value / (divisor ?? 1))) >>> 0);
  }

  /** A whole number, also as text. */
  number(name: string, value: QueueValue, least: number = Number.MIN_SAFE_INTEGER): number {
    const text = String(value).trim();
    const number = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least) return number;
    throw this.#refused(name, value, least === 0 ? 'expected a whole number from 0 on' : 'expected a whole number');
  }

  #refused(name: string, value: QueueValue, why: string, errno = 'EINVAL'): RqdmError {
    return new RqdmError('ERR_RQDM_QUEUE', `${this.#owner.name}: ${name} cannot be ${JSON.stringify(value)}: ${why}`, {
      errno,
    });
  }

  #unknown(name: string): RqdmError {
    const names = [...Object.keys(ATTRIBUTES), ...Object.keys(this.#ownTunables())].join(', ');
    return new RqdmError(
      'ERR_RQDM_QUEUE',
      `${this.#owner.name}: no setting is called "${name}" with the scheduler ${this.scheduler}: expected one of ${names}`,
      { errno: 'ENOENT' },
    );
  }
}

const SWITCHES: Readonly<Record<string, number>> = {
  kernel_plug_order: abi.SETTING_KERNEL_PLUG_ORDER,
  pull_early: abi.SETTING_PULL_EARLY,
  issue_in_turn: abi.SETTING_IN_TURN,
};

interface Attribute {
  get(queue: QueueSettings): QueueValue;
  set?(queue: QueueSettings, value: QueueValue): void;
}

function limit(read: (limits: QueueLimits) => number): Attribute {
  return { get: ({ limits }) => (limits ? read(limits) : 0) };
}

const BYTES = 512;

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  scheduler: { get: (queue) => queue.scheduler, set: (queue, value) => queue.setScheduler(value) },
  nr_requests: { get: (queue) => queue.requests, set: (queue, value) => queue.setRequests(value) },
  nomerges: { get: (queue) => queue.nomerges, set: (queue, value) => queue.setNomerges(value) },
  max_sectors_kb: {
    get: ({ limits }) => Math.floor((limits?.maxSectors ?? 0) / 2),
    set: (queue, value) => queue.setMaxKilobytes(value),
  },
  max_hw_sectors_kb: { get: (queue) => Math.floor(queue.hardwareSectors / 2) },
  max_segments: limit(({ maxSegments }) => maxSegments),
  max_segment_size: limit(({ maxSegmentBytes }) => maxSegmentBytes),
  chunk_sectors: limit(({ chunkSectors }) => chunkSectors),
  logical_block_size: limit(({ logicalBlockSectors }) => logicalBlockSectors * BYTES),
  physical_block_size: limit(({ physicalBlockSectors }) => physicalBlockSectors * BYTES),
  minimum_io_size: limit(({ ioMinSectors }) => ioMinSectors * BYTES),
  optimal_io_size: limit(({ ioOptSectors }) => ioOptSectors * BYTES),
  discard_granularity: limit(({ discardGranularitySectors }) => discardGranularitySectors * BYTES),
  discard_max_bytes: {
    get: ({ limits }) => (limits?.maxDiscardSectors ?? 0) * BYTES,
    set: (queue, value) => queue.setDiscardBytes(value),
  },
  max_discard_segments: limit(({ maxDiscardSegments }) => maxDiscardSegments),
  write_zeroes_max_bytes: limit(({ maxWriteZeroesSectors }) => maxWriteZeroesSectors * BYTES),
  write_cache: {
    get: ({ hasCache }) => (hasCache ? 'write back' : 'write through'),
    set: (queue, value) => queue.setWriteCache(value),
  },
  fua: { get: ({ hasFua }) => (hasFua ? 1 : 0) },
  rotational: { get: ({ isRotational }) => (isRotational ? 1 : 0), set: (queue, value) => queue.setRotational(value) },
  kernel_plug_order: {
    get: (queue) => queue.getSwitch('kernel_plug_order'),
    set: (queue, value) => queue.setSwitch('kernel_plug_order', value),
  },
  pull_early: { get: (queue) => queue.getSwitch('pull_early'), set: (queue, value) => queue.setSwitch('pull_early', value) },
  issue_in_turn: {
    get: (queue) => queue.getSwitch('issue_in_turn'),
    set: (queue, value) => queue.setSwitch('issue_in_turn', value),
  },
};
