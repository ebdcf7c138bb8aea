// What applies to all multipath maps of a mapper and stands in no table: the parameters that the kernel has for its
// module. They may change at any time.

import type { TargetIo } from '../target.ts';
import { CPUS_DEFAULT } from './selector/selector.ts';

export class MultipathParameters {
  /**
   * So long I/O is held by queue_if_no_path once the last path has failed; then the feature is switched off and what is
   * held fails. Seconds; 0: for ever. Counts from the next time that a map is left without a path.
   */
  queueIfNoPathTimeoutSecs: number = 0;
  /** The same for single maps, by the name of the device. */
  readonly queueIfNoPathTimeoutSecsOf: Map<string, number> = new Map();
  /** Who submits an I/O, a number from 0 to `cpus` - 1: for the selector io-affinity. Runs for each I/O, as hooks do. */
  cpuOf: ((io: TargetIo) => number) | undefined = undefined;
  /** How many CPUs a mask of io-affinity may name, 1 … 1024. For tables constructed from now on. */
  cpus: number = CPUS_DEFAULT;

  /** Milliseconds; 0: for ever. */
  noPathTimeoutMs(deviceName: string): number {
    return (this.queueIfNoPathTimeoutSecsOf.get(deviceName) ?? this.queueIfNoPathTimeoutSecs) * 1000;
  }
}
