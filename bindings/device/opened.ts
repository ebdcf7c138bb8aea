// Devices that tables name: backing ones by their words, mapped ones by name or number.
import {
  DEVICE_BACKING,
  FIGURE_PATH_IN_FLIGHT,
  SETTING_BIOS,
  SETTING_DEPTH,
  SETTING_FILLS,
  SETTING_INSTANT,
  SETTING_NO_PLUG,
  SETTING_NOMERGES,
  SETTING_READ_ONLY,
} from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import type { Path } from '../path/path.ts';
import type { DeviceReference, PathLimits } from '../path/reference.ts';
import { type DiskStats, readDiskStats } from './disk-stats.ts';
import { type DeviceQueue, type QueueOwner, QueueSettings } from './queue-settings.ts';
import { checkedLimits, completed } from './stacked-limits.ts';

/** A device that can stand in a table. */
export interface OpenedDevice extends DeviceReference {
  /** 0 for a backing device, one more than the highest below for a mapped one. */
  readonly level: number;
  /** Exact size in bytes; `sizeSectors` is rounded up. */
  readonly sizeBytes: number;
  /** How the kernel's log calls it: `sda`, `dm-3`, or the word. */
  readonly blockName: string;
  /** Tables that use it, and whoever holds it otherwise. */
  holders: number;
}

/** A backing device as users see it. */
export interface BackingView {
  /** The word or node that opened it. */
  readonly word: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** It takes requests; one that takes bios only has no queue of its own. */
  readonly isRequestStackable: boolean;
  /** Tables that use it, and one more while it is attached. */
  readonly holders: number;
  /** As they are now. */
  readonly limits: PathLimits;
  readonly queue: DeviceQueue;
  /** How the kernel would call it: `sda`, or the word. */
  readonly blockName: string;
  /** I/Os that it has been given and has not answered. */
  readonly inFlight: number;
  /** Those of them that write. Counted when asked for. */
  readonly writesInFlight: number;
  /** The columns of `/sys/block/X/stat`. A copy of now. */
  diskStats(): DiskStats;
}

/** Bio records that one device may hold: half of all, so that a held device leaves the others room. */
export function quotaOf(core: Core): number {
  return Math.max(4, core.capacities.bios >>> 1);
}

const ELEVATOR_DEFAULT = 'mq-deadline';
const NODE_FOLDER = '/dev/';

export interface BackingOptions {
  /** Free. */
  readonly id: number;
  readonly number: string;
  readonly word: string;
  readonly cacheDomain: number;
  /** In place of the path's own. */
  readonly limits?: Partial<PathLimits>;
  limitsChanged(): void;
  /** The core is to look again at what waits. */
  wake(): void;
  /** `change` calls into the core: now, or as soon as no hook and no path runs. */
  enter(change: () => void): void;
}

export class BackingDevice implements OpenedDevice, BackingView {
  readonly id: number;
  readonly number: string;
  readonly word: string;
  readonly blockName: string;
  readonly sizeSectors: number;
  readonly sizeBytes: number;
  readonly cacheDomain: number;
  readonly isRequestStackable: boolean;
  readonly level = 0;
  readonly path: Path;
  readonly queue: QueueSettings;
  holders = 0;
  readonly #ownLimits: Partial<PathLimits>;
  readonly #core: Core;

  /** Throws ERR_RQDM_LIMIT while the pools have no reserve for one more. */
  constructor(core: Core, path: Path, options: BackingOptions) {
    const { id, word } = options;
    this.#core = core;
    this.id = id;
    this.number = options.number;
    this.word = word;
    this.blockName = word.startsWith(NODE_FOLDER) ? word.slice(NODE_FOLDER.length) : word;
    this.path = path;
    this.sizeBytes = path.sizeBytes;
    this.sizeSectors = Math.ceil(path.sizeBytes / 512);
    this.cacheDomain = options.cacheDomain;
    this.#ownLimits = options.limits ?? {};
    checkedLimits({ ...path.limits, ...this.#ownLimits });
    this.isRequestStackable = path.queue !== 'bio';
    const owner: QueueOwner = {
      core,
      id,
      name: word,
      hasRequests: this.isRequestStackable,
      changed: () => options.limitsChanged(),
      wake: () => options.wake(),
    };
    this.queue = new QueueSettings(owner, ELEVATOR_DEFAULT);
    const set = core.exports.configureDevice;
    core.exports.createDevice(id, DEVICE_BACKING, this.sizeSectors);
    set(id, SETTING_BIOS, quotaOf(core));
    set(id, SETTING_DEPTH, path.depth);
    set(id, SETTING_READ_ONLY, path.isReadOnly ? 1 : 0);
    set(id, SETTING_INSTANT, path.isInstant ? 1 : 0);
    set(id, SETTING_FILLS, path.isInstant ? 1 : 0);
    this.queue.renew();
    this.#applyLimits();
    if (!this.isRequestStackable) {
      set(id, SETTING_NOMERGES, 2);
      set(id, SETTING_NO_PLUG, 1);
    }
    path.onLimits = () => {
      options.enter(() => {
        this.#applyLimits();
        options.limitsChanged();
        options.wake();
      });
    };
  }

  #applyLimits(): void {
    const { path } = this;
    this.queue.apply(completed({ ...path.limits, ...this.#ownLimits }), path.hasCache, path.hasFua === true);
  }

  get limits(): PathLimits {
    return this.queue.limits as PathLimits;
  }
  get hasCache(): boolean {
    return this.queue.hasCache;
  }
  get hasFua(): boolean {
    return this.queue.hasFua;
  }
  get isReadOnly(): boolean {
    return this.path.isReadOnly;
  }
  get inFlight(): number {
    return this.#core.figures(this.id)[FIGURE_PATH_IN_FLIGHT] as number;
  }

  get writesInFlight(): number {
    return this.#core.exports.writesInFlight(this.id);
  }

  diskStats(): DiskStats {
    return readDiskStats(this.#core, this.id);
  }
}
