import {
  COUNTER_DISK_BUSY_NS,
  COUNTER_DISK_DISCARD,
  COUNTER_DISK_FLUSH,
  COUNTER_DISK_READ,
  COUNTER_DISK_WRITE,
  DISK_COUNTERS,
  DISK_IOS,
  DISK_MERGES,
  DISK_NS,
  DISK_SECTORS,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_WRITE,
} from '../abi';
import { count, countersOf, Device } from '../record/device';
import { root } from '../record/root';

// Disk statistics (spec-core 12). The time in flight of all I/Os is the sum of their times, so it is not kept apart; the
// time with any in flight goes on with each end, so that it can be read of a device that is never idle.

/** Reads and writes, by far the most, without a look at what else there is. */
function groupOf(operation: u32): u32 {
  if (operation <= <u32>OPERATION_WRITE) return <u32>COUNTER_DISK_READ + operation * DISK_COUNTERS;
  if (operation == OPERATION_DISCARD) return COUNTER_DISK_DISCARD;
  return operation == OPERATION_FLUSH ? COUNTER_DISK_FLUSH : COUNTER_DISK_WRITE;
}

/** A bio of a bio-based device. A flush counts as a write of nothing, or not at all where nothing is held back. */
export function diskEndsBio(device: Device, operation: u32, sectors: u32, beganAt: f64): void {
  if (operation != OPERATION_FLUSH) diskEnds(device, operation, sectors, beganAt);
  else if (device.hasCache) diskEnds(device, OPERATION_WRITE, 0, beganAt);
  else diskLeaves(device);
}

/** A request that asked for a flush is a write of nothing, beside the flush itself, which may be that of several. */
export function diskFlushed(device: Device, beganAt: f64): void {
  count(device, COUNTER_DISK_WRITE + DISK_IOS, 1);
  count(device, COUNTER_DISK_WRITE + DISK_NS, root().now - beganAt);
}

export function diskBegins(device: Device): void {
  if (device.diskInFlight++ == 0) device.diskBusySince = root().now;
}

/** It will not be counted: two have become one, or it begins anew. */
export function diskLeaves(device: Device): void {
  assert(device.diskInFlight > 0);
  device.diskInFlight--;
  const now = root().now;
  // most of a batch end at the same time
  if (now == device.diskBusySince) return;
  count(device, COUNTER_DISK_BUSY_NS, now - device.diskBusySince);
  device.diskBusySince = now;
}

export function diskEnds(device: Device, operation: u32, sectors: u32, beganAt: f64): void {
  diskLeaves(device);
  const at = countersOf(device) + ((<usize>groupOf(operation)) << 3);
  store<f64>(at, load<f64>(at, DISK_IOS * 8) + 1, DISK_IOS * 8);
  store<f64>(at, load<f64>(at, DISK_SECTORS * 8) + <f64>sectors, DISK_SECTORS * 8);
  store<f64>(at, load<f64>(at, DISK_NS * 8) + (root().now - beganAt), DISK_NS * 8);
}

/** Some of an I/O is done, though not all. */
export function diskAdvances(device: Device, operation: u32, sectors: u32): void {
  count(device, groupOf(operation) + DISK_SECTORS, <f64>sectors);
}

export function diskMerges(device: Device, operation: u32): void {
  count(device, groupOf(operation) + DISK_MERGES, 1);
}
