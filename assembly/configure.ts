// Devices come, change and go. None of this is on the way of an I/O.
import {
  DEVICE_BACKING,
  DEVICE_BIO,
  DEVICE_RUNNING,
  ELEVATOR_KYBER,
  ELEVATOR_MQ_DEADLINE,
  SETTING_ASYNC_DEPTH,
  SETTING_BIOS,
  SETTING_CHUNK_SECTORS,
  SETTING_DEPTH,
  SETTING_DISCARD_ALIGNMENT,
  SETTING_DISCARD_GRANULARITY,
  SETTING_ELEVATOR,
  SETTING_FIFO_BATCH,
  SETTING_FILLS,
  SETTING_FRONT_MERGES,
  SETTING_HAS_CACHE,
  SETTING_HAS_FUA,
  SETTING_IN_TURN,
  SETTING_INSTANT,
  SETTING_KERNEL_PLUG_ORDER,
  SETTING_KYBER_READ_LATENCY,
  SETTING_KYBER_WRITE_LATENCY,
  SETTING_LOGICAL_BLOCK_SECTORS,
  SETTING_MAX_DISCARD_SECTORS,
  SETTING_MAX_DISCARD_SEGMENTS,
  SETTING_MAX_SECTORS,
  SETTING_MAX_SEGMENTS,
  SETTING_MAX_WRITE_ZEROES_SECTORS,
  SETTING_NO_PLUG,
  SETTING_NOMERGES,
  SETTING_PHYSICAL_BLOCK_SECTORS,
  SETTING_PRIORITY_AGING_EXPIRE,
  SETTING_PULL_EARLY,
  SETTING_READ_EXPIRE,
  SETTING_READ_ONLY,
  SETTING_REQUESTS,
  SETTING_WRITE_EXPIRE,
  SETTING_WRITES_STARVED,
} from './abi';
import { start, switchTo } from './elevator/elevator';
import { EXTENT_BYTES, PATH_SLOTS, STACK_LEVELS } from './limits';
import { Bio } from './record/bio';
import { leaveLine, ownSlot, returnCredit } from './record/credit';
import { DEVICE_BYTES, Device, extentAt, pathSlot } from './record/device';
import { deviceAt } from './record/devices';
import { Extent } from './record/extent';
import { appendBio, deferredOf, mapQueueOf, takeBio } from './record/list';
import { freeCarrier, takeCarrier } from './record/pool';
import { ready, root, unready } from './record/root';

/** A new device at a free id, with the kernel's defaults. */
export function createDevice(id: u32, kind: u32, sizeSectors: f64): void {
  const device = deviceAt(id);
  assert(device.kind == 0);
  memory.fill(changetype<usize>(device), 0, DEVICE_BYTES);
  device.id = id;
  device.kind = kind;
  device.sizeSectors = <u64>sizeSectors;
  device.maxSectors = 2560;
  device.maxSegments = 128;
  device.logicalBlockSectors = 1;
  device.physicalBlockSectors = 1;
  device.discardGranularity = 1;
  device.maxDiscardSegments = 1;
  device.depth = 64;
  device.requestsMax = 256;
  device.biosMax = <u32>-1;
  device.hasFrontMerges = 1;
  device.fifoBatch = 16;
  device.writesStarved = 2;
  device.readExpireNs = 500000000;
  device.writeExpireNs = 5000000000;
  device.priorityAgingNs = 10000000000;
  device.kyberReadNs = 2000000;
  device.kyberWriteNs = 10000000;
  start(device);
  limitAsync(device);
  device.flushCarrier = takeCarrier(device);
  if (kind == DEVICE_BACKING) {
    ownSlot(device).device = device;
    ownSlot(device).owner = device;
    device.pathCount = 1;
  }
}

/** The device is gone. It holds nothing and nobody waits for it; false otherwise. */
export function destroyDevice(id: u32): bool {
  const device = deviceAt(id);
  if (device.bios || device.requests || device.clones || device.waiterHead || device.parkedHead) return false;
  leaveLines(device, 0);
  if (device.isReady) unready(device);
  freeCarrier(device.flushCarrier);
  device.kind = 0;
  return true;
}

/** Leaves the lines at the devices of slot `first` and behind. */
function leaveLines(device: Device, first: u32): void {
  for (let i = first; i < PATH_SLOTS; i++) leaveLine(pathSlot(device, i));
}

/** How many requests may be limited ones (spec-core 5.1, 6): of mq-deadline and kyber three quarters, or what is set. */
function limitAsync(device: Device): void {
  const requests = device.requestsMax;
  const quarters = requests - requests / 4 - (requests % 4 ? 1 : 0);
  const isLimiting = device.elevator == ELEVATOR_MQ_DEADLINE || device.elevator == ELEVATOR_KYBER;
  device.asyncMax = !isLimiting ? <u32>-1 : device.asyncDepth ? device.asyncDepth : max<u32>(quarters, 1);
  ready(device);
}

/** A limit goes down: what is queued may be over it. Where nothing is there is nothing to look for. */
function lower(device: Device): void {
  if (device.requests) device.isLowered = 1;
}

/** One SETTING_; false for a number that is none, and for an elevator that is none. */
export function configureDevice(id: u32, setting: u32, value: u32): bool {
  const device = deviceAt(id);
  switch (setting) {
    case SETTING_ELEVATOR:
      if (!switchTo(device, value)) return false;
      limitAsync(device);
      break;
    case SETTING_MAX_SECTORS:
      assert(value > 0);
      if (value < device.maxSectors) lower(device);
      device.maxSectors = value;
      break;
    case SETTING_MAX_SEGMENTS:
      assert(value > 0 && value <= 0xffff);
      if (value < device.maxSegments) lower(device);
      device.maxSegments = value;
      break;
    case SETTING_CHUNK_SECTORS:
      if (value != device.chunkSectors) lower(device);
      device.chunkSectors = value;
      break;
    case SETTING_LOGICAL_BLOCK_SECTORS:
      assert(value > 0);
      device.logicalBlockSectors = value;
      break;
    case SETTING_DEPTH:
      device.depth = value;
      returnCredit(device);
      break;
    case SETTING_REQUESTS:
      assert(value > 0);
      device.requestsMax = value;
      returnCredit(device);
      limitAsync(device);
      break;
    case SETTING_BIOS:
      device.biosMax = value;
      ready(device);
      break;
    case SETTING_NOMERGES:
      device.nomerges = value;
      break;
    case SETTING_READ_ONLY:
      device.isReadOnly = value;
      break;
    case SETTING_HAS_CACHE:
      device.hasCache = value;
      break;
    case SETTING_INSTANT:
      device.isInstant = value;
      break;
    case SETTING_FILLS:
      device.isFilling = value;
      break;
    case SETTING_KERNEL_PLUG_ORDER:
      device.isKernelPlugOrder = value;
      break;
    case SETTING_READ_EXPIRE:
      device.readExpireNs = <f64>value * 1000000;
      break;
    case SETTING_WRITE_EXPIRE:
      device.writeExpireNs = <f64>value * 1000000;
      break;
    case SETTING_WRITES_STARVED:
      device.writesStarved = <i32>value;
      break;
    case SETTING_FIFO_BATCH:
      device.fifoBatch = value;
      break;
    case SETTING_PRIORITY_AGING_EXPIRE:
      device.priorityAgingNs = <f64>value * 1000000;
      break;
    case SETTING_ASYNC_DEPTH:
      device.asyncDepth = value;
      limitAsync(device);
      break;
    case SETTING_KYBER_READ_LATENCY:
      device.kyberReadNs = <f64>max<u32>(value, 1) * 1000;
      break;
    case SETTING_KYBER_WRITE_LATENCY:
      device.kyberWriteNs = <f64>max<u32>(value, 1) * 1000;
      break;
    case SETTING_FRONT_MERGES:
      device.hasFrontMerges = value;
      break;
    case SETTING_NO_PLUG:
      device.isUnplugged = value;
      break;
    case SETTING_IN_TURN:
      device.isInTurn = value;
      break;
    case SETTING_PULL_EARLY:
      device.isPullingEarly = value;
      break;
    case SETTING_MAX_DISCARD_SECTORS:
      if (value < device.maxDiscardSectors) lower(device);
      device.maxDiscardSectors = value;
      break;
    case SETTING_DISCARD_GRANULARITY:
      device.discardGranularity = max<u32>(value, 1);
      break;
    case SETTING_DISCARD_ALIGNMENT:
      device.discardAlignment = value;
      break;
    case SETTING_MAX_DISCARD_SEGMENTS:
      assert(value <= 0xffff);
      if (value < device.maxDiscardSegments) lower(device);
      device.maxDiscardSegments = max<u32>(value, 1);
      break;
    case SETTING_MAX_WRITE_ZEROES_SECTORS:
      if (value < device.maxWriteZeroesSectors) lower(device);
      device.maxWriteZeroesSectors = value;
      break;
    case SETTING_HAS_FUA:
      device.hasFua = value;
      break;
    case SETTING_PHYSICAL_BLOCK_SECTORS:
      assert(value > 0);
      device.physicalBlockSectors = value;
      break;
    default:
      return false;
  }
  return true;
}

// ---- tables -----------------------------------------------------------------------------------------------

/** Writes record `index` of the extent pool. Nobody uses it yet. */
export function setExtent(
  index: u32,
  start: f64,
  length: f64,
  kind: u32,
  hooks: u32,
  lower: u32,
  offset: f64,
  target: u32,
  flushes: u32,
  ioSectorsMax: u32,
  abilities: u32,
): void {
  assert(index < root().extentsMax);
  const extent = changetype<Extent>(root().extents + <usize>index * EXTENT_BYTES);
  extent.start = <u64>start;
  extent.length = <u64>length;
  extent.kind = <u8>kind;
  extent.hooks = <u8>hooks;
  extent.flushes = <u8>flushes;
  extent.abilities = <u8>abilities;
  extent.device = lower == 0xffffffff ? changetype<Device>(0) : deviceAt(lower);
  extent.offset = <u64>offset;
  extent.target = target;
  extent.ioSectorsMax = ioSectorsMax;
}

/** The device's table is `total` extents from `first` on, `sizeSectors` long. Nothing of the old one is in flight. */
export function setExtents(id: u32, first: u32, total: u32, sizeSectors: f64, level: u32): void {
  const device = deviceAt(id);
  assert(device.inFlight == 0 && level <= STACK_LEVELS && first + total <= root().extentsMax);
  device.extents = <u32>(root().extents + <usize>first * EXTENT_BYTES);
  device.extentsCount = total;
  device.sizeSectors = <u64>sizeSectors;
  device.level = level;
  assert(total == 0 || extentAt(device, 0).start == 0);
  forgetExtents(device.mapHead);
  forgetExtents(device.delayedBioHead);
}

/** Flushes that wait for the new table, and parts of one that were fanned out to the old one, go to all of the new. */
function forgetExtents(first: Bio): void {
  for (let bio = first; bio; bio = bio.next) {
    bio.extent = changetype<Extent>(0);
    bio.context = 0;
  }
}

/** The usable set shrinks or grows to `total` paths; write them with `setPath` before, then call this. */
export function setPaths(id: u32, total: u32): void {
  const device = deviceAt(id);
  assert(total < PATH_SLOTS);
  leaveLines(device, total);
  device.pathCount = total;
  device.refusals = 0;
  device.refusedBy = changetype<Device>(0);
  ready(device);
}

/** Path `index` of the usable set is device `lower`. Whoever stood in line there leaves it. */
export function setPath(id: u32, index: u32, lower: u32): void {
  const slot = pathSlot(deviceAt(id), index);
  leaveLine(slot);
  slot.device = deviceAt(lower);
  slot.owner = deviceAt(id);
}

/** DEVICE_RUNNING, _SUSPENDING or _SUSPENDED. Running again brings back what was held. Follow it with `run`. */
export function setState(now: f64, id: u32, state: u32, isNoflush: u32): void {
  const device = deviceAt(id);
  root().now = now;
  device.state = state;
  device.isNoflush = isNoflush;
  if (state == DEVICE_RUNNING) {
    if (device.kind == DEVICE_BIO) {
      const deferred = deferredOf(device);
      const mapQueue = mapQueueOf(device);
      for (let bio = takeBio(deferred); bio; bio = takeBio(deferred)) appendBio(mapQueue, bio);
    }
    returnCredit(device);
  }
  ready(device);
}
