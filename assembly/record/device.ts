import {
  COUNTER_DISPATCHED,
  COUNTER_FLUSHES,
  COUNTER_READ_SECTORS,
  COUNTER_REQUEST_SECTORS,
  COUNTER_WRITE_SECTORS,
  COUNTERS,
  HISTOGRAM_BUCKETS,
  OPERATION_FLUSH,
  OPERATION_WRITE,
} from '../abi';
import { HASH_BUCKETS, PATH_SLOTS } from '../limits';
import { Bio } from './bio';
import { Extent } from './extent';
import { Region } from './region';
import { Request } from './request';

// A device and its queue. Backing devices and request-based ones own an elevator; a bio-based one
// has only lists of bios.
//
// The first words are the figures of abi.ts (FIGURE_*): the host reads them in place. Behind the
// record lie, at fixed distance: counters, histograms, two merge indexes, path slots:
//
//   | Device (640) | elevator (352) | counters f64 | histograms u32 | end index | start index | path slots |
//
// What the elevator keeps is its own (elevator/*.ts); all zero when it begins.
//
// A path slot is this device's place in the line of those who wait for a credit of `device`:
//   0        4       8      12
//   | device | owner | next | state |   16 bytes

export const SLOT_IDLE: u32 = 0;
export const SLOT_WAITING: u32 = 1; // in line
export const SLOT_PROMISED: u32 = 2; // its turn has come: one credit is kept for it

@unmanaged
export class PathSlot {
  device: Device = changetype<Device>(0);
  owner: Device = changetype<Device>(0);
  next: PathSlot = changetype<PathSlot>(0);
  state: u32 = 0;
}

@unmanaged
export class Device {
  // figures, in the order of FIGURE_*
  state: u32 = 0;
  isBusy: u32 = 0;
  inFlight: u32 = 0;
  pathInFlight: u32 = 0;
  bios: u32 = 0;
  requests: u32 = 0;
  queued: u32 = 0;
  waiting: u32 = 0;
  delayed: u32 = 0;
  hasAlarm: u32 = 0;
  maxDiscardSectors: u32 = 0;
  maxWriteZeroesSectors: u32 = 0;
  diskInFlight: u32 = 0; // of the disk statistics
  id: u32 = 0;
  kind: u32 = 0;
  elevator: u32 = 0;
  isSorting: u32 = 0; // it has an order by sector, in which requests can be looked up; else a bio looks at the newest ones
  level: u32 = 0; // 0 backing; a mapped device stands above all devices of its table
  sizeSectors: u64 = 0;
  // limits
  maxSectors: u32 = 0;
  maxSegments: u32 = 0;
  chunkSectors: u32 = 0;
  logicalBlockSectors: u32 = 0;
  physicalBlockSectors: u32 = 0;
  discardGranularity: u32 = 0; // sectors, as the alignment
  discardAlignment: u32 = 0;
  maxDiscardSegments: u32 = 0;
  isLowered: u32 = 0; // a limit has gone down: what is queued may be over it
  depth: u32 = 0;
  requestsMax: u32 = 0;
  biosMax: u32 = 0;
  nomerges: u32 = 0;
  isReadOnly: u32 = 0;
  hasCache: u32 = 0;
  hasFua: u32 = 0;
  isInstant: u32 = 0;
  isFilling: u32 = 0;
  isKernelPlugOrder: u32 = 0;
  isUnplugged: u32 = 0;
  isPullingEarly: u32 = 0;
  isInTurn: u32 = 0;
  // table
  extents: u32 = 0;
  extentsCount: u32 = 0;
  pathCount: u32 = 0;
  refusals: u32 = 0; // in a row
  asked: u32 = 0; // requests the host decides about
  refusedBy: Device = changetype<Device>(0); // wait for a credit of this one before anything is asked again
  lacksClone: u32 = 0; // waits until one of its own clones is freed
  isNoflush: u32 = 0; // host writes: the suspend under way keeps what cannot be mapped
  biosShared: u32 = 0; // records held beyond the reserve
  requestsShared: u32 = 0;
  clones: u32 = 0; // clones that devices above have put on this one
  clonesMade: u32 = 0; // clones that this one has put below: they count as its records
  inMap: u32 = 0; // clones on this one that `map` decides about: each will take a credit
  promised: u32 = 0; // credits of this one that wait for the turn of somebody who stood in line
  promises: u32 = 0; // credits that others have promised to this one
  // lists
  readyNext: Device = changetype<Device>(0);
  isReady: u32 = 0;
  waiterHead: PathSlot = changetype<PathSlot>(0);
  waiterTail: PathSlot = changetype<PathSlot>(0);
  lastMerge: Request = changetype<Request>(0);
  lastPlugged: Request = changetype<Request>(0);
  dispatchHead: Request = changetype<Request>(0);
  dispatchTail: Request = changetype<Request>(0);
  headList: Request = changetype<Request>(0); // at-head inserts; `later` links
  headTail: Request = changetype<Request>(0);
  refusedHead: Request = changetype<Request>(0); // go back before the dispatch list, in order
  refusedTail: Request = changetype<Request>(0);
  requeueHead: Request = changetype<Request>(0); // come back from end_io: to the elevator's head
  requeueTail: Request = changetype<Request>(0);
  delayedHead: Request = changetype<Request>(0);
  delayedTail: Request = changetype<Request>(0);
  waitingHead: Bio = changetype<Bio>(0); // bios that wait for a request, or for a bio to split
  waitingTail: Bio = changetype<Bio>(0);
  overDepthHead: Bio = changetype<Bio>(0); // bios that wait because of async_depth: those of reads go past them
  overDepthTail: Bio = changetype<Bio>(0);
  parkedHead: Bio = changetype<Bio>(0); // bios of devices above that wait for a bio of this one
  parkedTail: Bio = changetype<Bio>(0);
  mapHead: Bio = changetype<Bio>(0); // bio-based: wait to be mapped
  mapTail: Bio = changetype<Bio>(0);
  deferredHead: Bio = changetype<Bio>(0); // bio-based: arrived while suspended
  deferredTail: Bio = changetype<Bio>(0);
  delayedBioHead: Bio = changetype<Bio>(0);
  delayedBioTail: Bio = changetype<Bio>(0);
  delayedAt: f64 = 0; // 0: no timer
  rerunAt: f64 = 0; // 0: no timer
  alarmAt: f64 = 0; // 0: none; the host's
  // the flush machine (down/flush.ts)
  flushPendingHead: Request = changetype<Request>(0);
  flushPendingTail: Request = changetype<Request>(0);
  flushRunningHead: Request = changetype<Request>(0);
  flushRunningTail: Request = changetype<Request>(0);
  flushStepHead: Request = changetype<Request>(0); // a step has ended well, the next is to be taken
  flushStepTail: Request = changetype<Request>(0);
  flushCarrier: Request = changetype<Request>(0); // made with the device
  flushData: u32 = 0; // data steps under way
  isFlushing: u32 = 0; // the carrier is under way
  flushPendingSince: f64 = 0;
  flushAt: f64 = 0; // 0: no timer
  // disk statistics
  diskBusySince: f64 = 0;
  regions: Region = changetype<Region>(0); // of dm statistics
  // tunables of elevators; they outlast a switch
  writesStarved: i32 = 0;
  fifoBatch: u32 = 0;
  hasFrontMerges: u32 = 0;
  asyncDepth: u32 = 0; // 0: the elevator's default
  readExpireNs: f64 = 0;
  writeExpireNs: f64 = 0;
  priorityAgingNs: f64 = 0;
  kyberReadNs: f64 = 0;
  kyberWriteNs: f64 = 0;
  // requests that are limited by async_depth: how many there may be, how many there are
  asyncMax: u32 = 0;
  asyncHeld: u32 = 0;
  ordinals: u32 = 0; // inserts so far: the age of requests
}

const DEVICE_RECORD: usize = 640;
/** What an elevator may keep. */
export const ELEVATOR_BYTES: usize = 352;
const COUNTERS_AT: usize = DEVICE_RECORD + ELEVATOR_BYTES;
const HISTOGRAMS_AT: usize = COUNTERS_AT + COUNTERS * 8;
const END_INDEX_AT: usize = HISTOGRAMS_AT + 3 * HISTOGRAM_BUCKETS * 4;
const START_INDEX_AT: usize = END_INDEX_AT + HASH_BUCKETS * 4;
const PATH_SLOTS_AT: usize = START_INDEX_AT + HASH_BUCKETS * 4;
/** A multiple of a cache line: the pools lie behind the devices, and no record of theirs is to straddle one. */
export const DEVICE_BYTES: usize = (PATH_SLOTS_AT + PATH_SLOTS * 16 + 63) & ~63;

export function assertDeviceLayout(): void {
  assert(offsetof<Device>() <= DEVICE_RECORD);
  assert(offsetof<PathSlot>() <= 16);
}

export function elevatorOf(device: Device): usize {
  return changetype<usize>(device) + DEVICE_RECORD;
}

export function countersOf(device: Device): usize {
  return changetype<usize>(device) + COUNTERS_AT;
}

export function histogramsOf(device: Device): usize {
  return changetype<usize>(device) + HISTOGRAMS_AT;
}

export function pathSlot(device: Device, index: u32): PathSlot {
  return changetype<PathSlot>(changetype<usize>(device) + PATH_SLOTS_AT + index * 16);
}

export function count(device: Device, counter: u32, amount: f64): void {
  const at = countersOf(device) + ((<usize>counter) << 3);
  store<f64>(at, load<f64>(at) + amount);
}

/** Counts a request that has been started; -1 takes that back. */
export function countStarted(device: Device, request: Request, sign: f64): void {
  count(device, COUNTER_DISPATCHED, sign);
  const sectors = sign * <f64>request.sectors;
  count(device, COUNTER_REQUEST_SECTORS, sectors);
  if (request.operation == OPERATION_FLUSH) count(device, COUNTER_FLUSHES, sign);
  else count(device, request.operation & OPERATION_WRITE ? COUNTER_WRITE_SECTORS : COUNTER_READ_SECTORS, sectors);
}

// ---- merge indexes: requests by the sector behind their end, and by their start ------------------

function bucketOf(sector: u64): usize {
  // sectors of neighbours differ in the low bits; multiplying spreads aligned starts over all buckets
  return (<usize>(<u32>((sector * 0x9e3779b97f4a7c15) >> 40) & (HASH_BUCKETS - 1))) << 2;
}

export function endBucket(device: Device, sector: u64): usize {
  return changetype<usize>(device) + END_INDEX_AT + bucketOf(sector);
}

export function startBucket(device: Device, sector: u64): usize {
  return changetype<usize>(device) + START_INDEX_AT + bucketOf(sector);
}

export function hashEnd(device: Device, request: Request): void {
  const bucket = endBucket(device, request.sector + request.sectors);
  request.endNext = changetype<Request>(<usize>load<u32>(bucket));
  store<u32>(bucket, <u32>changetype<usize>(request));
}

export function unhashEnd(device: Device, request: Request): void {
  const bucket = endBucket(device, request.sector + request.sectors);
  let other = changetype<Request>(<usize>load<u32>(bucket));
  if (other == request) {
    store<u32>(bucket, <u32>changetype<usize>(request.endNext));
    return;
  }
  while (other.endNext != request) {
    other = other.endNext;
    assert(other);
  }
  other.endNext = request.endNext;
}

export function hashStart(device: Device, request: Request): void {
  const bucket = startBucket(device, request.sector);
  request.startNext = changetype<Request>(<usize>load<u32>(bucket));
  store<u32>(bucket, <u32>changetype<usize>(request));
}

export function unhashStart(device: Device, request: Request): void {
  const bucket = startBucket(device, request.sector);
  let other = changetype<Request>(<usize>load<u32>(bucket));
  if (other == request) {
    store<u32>(bucket, <u32>changetype<usize>(request.startNext));
    return;
  }
  while (other.startNext != request) {
    other = other.startNext;
    assert(other);
  }
  other.startNext = request.startNext;
}

export function hash(device: Device, request: Request): void {
  assert(!request.isHashed);
  request.isHashed = 1;
  hashEnd(device, request);
  hashStart(device, request);
}

export function unhash(device: Device, request: Request): void {
  if (!request.isHashed) return;
  request.isHashed = 0;
  unhashEnd(device, request);
  unhashStart(device, request);
}

export function extentAt(device: Device, index: u32): Extent {
  return changetype<Extent>(<usize>(device.extents + index * 48));
}
