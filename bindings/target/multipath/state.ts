// What multipath knows about its groups and paths. Records only; what happens to them is in machine.ts.

import type { DeviceReference } from '../target.ts';
import type { CacheRecord } from './cache.ts';
import type { HardwareHandler } from './hardware-handler/handler.ts';
import { Patience } from './path-error.ts';
import type { PathSelector, SelectorType } from './selector/selector.ts';

/** One path of one group. The same device may be named twice: then there are two of these, with states of their own. */
export class MultipathPath {
  /** Number among all paths of the map: what `io.context` carries. */
  readonly index: number;
  readonly device: DeviceReference;
  readonly deviceId: number;
  readonly group: PriorityGroup;
  /** Number within the group: what the selector calls it. */
  readonly number: number;
  /** The write cache behind it. A path without a cache has a record too, which nobody reads. */
  readonly cache: CacheRecord;
  /** Who prepares the device for I/O; undefined: nobody need. */
  readonly handler: HardwareHandler | undefined;
  readonly patience: Patience = new Patience();
  isActive: boolean = true;
  failCount: number = 0;

  constructor(index: number, device: DeviceReference, group: PriorityGroup, cache: CacheRecord, handler?: HardwareHandler) {
    this.index = index;
    this.device = device;
    this.deviceId = device.id;
    this.group = group;
    this.number = group.paths.length;
    this.cache = cache;
    this.handler = handler;
  }
}

/** A priority group: paths of the same rank and the selector that chooses among them. */
export class PriorityGroup {
  /** From 1, in the order of the table. */
  readonly number: number;
  readonly type: SelectorType;
  readonly selector: PathSelector;
  readonly paths: MultipathPath[] = [];
  activePaths: number = 0;
  /** True after `disable_group`: used only when no other group has a path. */
  isBypassed: boolean = false;

  constructor(number: number, type: SelectorType, selector: PathSelector) {
    this.number = number;
    this.type = type;
    this.selector = selector;
  }
}

/** Who submitted the I/O that a path is chosen for. */
export interface Submitter {
  cpu: number;
}

/** What the words of the table said. */
export interface MultipathConfiguration {
  readonly queueMode: 'bio' | 'request';
  readonly queueIfNoPath: boolean;
  readonly retainsHandler: boolean;
  /** 0: not given. */
  readonly pgInitRetries: number;
  readonly pgInitDelayMs: number | undefined;
  /** Name of the hardware handler; one that a device had before may have taken the place of the table's. */
  readonly handler: string | undefined;
  readonly groups: readonly PriorityGroup[];
  readonly paths: readonly MultipathPath[];
  readonly initialGroup: PriorityGroup | undefined;
  /** The distinct write caches behind the paths, and those behind tables before that may hold acknowledged writes. */
  readonly caches: readonly CacheRecord[];
}
