// Disk statistics: the columns of /sys/block/X/stat (spec-core 12).
//
// A mapped device's I/Os count from their begin to their end, retries included; a path's from issue to answer.
import * as abi from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';

/** Reads, writes or discards that have ended. */
export interface DiskColumns {
  readonly ios: number;
  /** Of bios and requests into other ones. */
  readonly merges: number;
  /** Of 512 bytes. */
  readonly sectors: number;
  /** In flight, summed over all of them, milliseconds. */
  readonly ms: number;
}

export interface DiskStats {
  readonly reads: DiskColumns;
  readonly writes: DiskColumns;
  readonly discards: DiskColumns;
  readonly flushes: { readonly ios: number; readonly ms: number };
  /** I/Os begun and not ended. */
  readonly inFlight: number;
  /** Time with any I/O in flight, milliseconds, up to when one last ended. */
  readonly busyMs: number;
  /** Sum of all times in flight, milliseconds. */
  readonly weightedMs: number;
  /** The 17 numbers of `/sys/block/X/stat`, in its order and whole. */
  readonly columns: readonly number[];
}

export function readDiskStats(core: Core, device: number): DiskStats {
  const counters = core.counters(device);
  const group = (first: number): DiskColumns => ({
    ios: counters[first + abi.DISK_IOS] as number,
    merges: counters[first + abi.DISK_MERGES] as number,
    sectors: counters[first + abi.DISK_SECTORS] as number,
    ms: (counters[first + abi.DISK_NS] as number) / 1e6,
  });
  const reads = group(abi.COUNTER_DISK_READ);
  const writes = group(abi.COUNTER_DISK_WRITE);
  const discards = group(abi.COUNTER_DISK_DISCARD);
  const flushes = group(abi.COUNTER_DISK_FLUSH);
  const inFlight = core.figures(device)[abi.FIGURE_DISK_IN_FLIGHT] as number;
  const busyMs = (counters[abi.COUNTER_DISK_BUSY_NS] as number) / 1e6;
  const weightedMs = reads.ms + writes.ms + discards.ms + flushes.ms;
  const four = ({ ios, merges, sectors, ms }: DiskColumns): number[] => [ios, merges, sectors, Math.floor(ms)];
  const times = [inFlight, Math.floor(busyMs), Math.floor(weightedMs)];
  const columns = [...four(reads), ...four(writes), ...times, ...four(discards), flushes.ios, Math.floor(flushes.ms)];
  return { reads, writes, discards, flushes: { ios: flushes.ios, ms: flushes.ms }, inFlight, busyMs, weightedMs, columns };
}
