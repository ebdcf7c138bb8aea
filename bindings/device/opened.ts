// Devices that tables name: backing ones by their words, mapped ones by name or number. Each is
// opened by the first table that names it and closed by the last one that lets go.
import {
  DEVICE_BACKING,
  ELEVATOR_KYBER,
  ELEVATOR_MQ_DEADLINE,
  ELEVATOR_NONE,
  ELEVATOR_SCAN,
  SETTING_BIOS,
  SETTING_CHUNK_SECTORS,
  SETTING_DEPTH,
  SETTING_ELEVATOR,
  SETTING_FILLS,
  SETTING_HAS_CACHE,
  SETTING_INSTANT,
  SETTING_LOGICAL_BLOCK_SECTORS,
  SETTING_MAX_SECTORS,
  SETTING_MAX_SEGMENTS,
  SETTING_NO_PLUG,
  SETTING_NOMERGES,
  SETTING_READ_ONLY,
} from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import type { Path } from '../path/path.ts';
import type { DeviceReference, PathLimits } from '../path/reference.ts';

/** A device that can stand in a table. */
export interface OpenedDevice extends DeviceReference {
  /** 0 for a backing device, one more than the highest below for a mapped one. */
  readonly level: number;
  /** Exact size in bytes; `sizeSectors` is rounded up. */
  readonly sizeBytes: number;
  /** Tables that use it. */
  holders: number;
}

/** Writes limits to the core's queue of a device. */
export function applyLimits(core: Core, id: number, limits: PathLimits): void {
  core.exports.configureDevice(id, SETTING_MAX_SECTORS, limits.maxSectors);
  core.exports.configureDevice(id, SETTING_MAX_SEGMENTS, limits.maxSegments);
  core.exports.configureDevice(id, SETTING_CHUNK_SECTORS, limits.chunkSectors);
  core.exports.configureDevice(id, SETTING_LOGICAL_BLOCK_SECTORS, limits.logicalBlockSectors);
}

/** Bio records that one device may hold: half of all, so that a held device leaves the others room. */
export function quotaOf(core: Core): number {
  return Math.max(4, core.capacities.bios >>> 1);
}

export const ELEVATORS: ReadonlyMap<string, number> = new Map([
  ['none', ELEVATOR_NONE],
  ['mq-deadline', ELEVATOR_MQ_DEADLINE],
  ['scan', ELEVATOR_SCAN],
  ['kyber', ELEVATOR_KYBER],
]);

export class BackingDevice implements OpenedDevice {
  readonly id: number;
  readonly number: string;
  readonly word: string;
  readonly sizeSectors: number;
  readonly sizeBytes: number;
  readonly cacheDomain: number;
  readonly hasCache: boolean;
  readonly limits: PathLimits;
  readonly isRequestStackable: boolean;
  readonly level = 0;
  readonly path: Path;
  holders = 0;

  /** At a free `id`. Throws ERR_RQDM_LIMIT while the pools have no reserve for one more. */
  constructor(core: Core, id: number, number: string, cacheDomain: number, path: Path, elevator: string) {
    this.id = id;
    this.number = number;
    this.word = path.word;
    this.path = path;
    this.sizeBytes = path.sizeBytes;
    this.sizeSectors = Math.ceil(path.sizeBytes / 512);
    this.cacheDomain = cacheDomain;
    this.hasCache = path.hasCache;
    this.limits = path.limits;
    const queue = (path as Path & { queue?: 'request' | 'bio' }).queue;
    this.isRequestStackable = queue !== 'bio';
    const set = core.exports.configureDevice;
    core.exports.createDevice(id, DEVICE_BACKING, this.sizeSectors);
    applyLimits(core, id, path.limits);
    set(id, SETTING_BIOS, quotaOf(core));
    set(id, SETTING_DEPTH, path.depth);
    set(id, SETTING_READ_ONLY, path.isReadOnly ? 1 : 0);
    set(id, SETTING_HAS_CACHE, path.hasCache ? 1 : 0);
    set(id, SETTING_INSTANT, path.isInstant ? 1 : 0);
    set(id, SETTING_FILLS, path.isInstant ? 1 : 0);
    if (this.isRequestStackable) {
      set(id, SETTING_ELEVATOR, ELEVATORS.get(elevator) ?? ELEVATOR_MQ_DEADLINE);
    } else {
      set(id, SETTING_NOMERGES, 2);
      set(id, SETTING_NO_PLUG, 1);
    }
  }
}
