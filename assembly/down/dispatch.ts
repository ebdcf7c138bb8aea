// Stage 4 of 11: dispatch. From insert; to prep_map (request-based), issue (backing), or, on a
// bio-based device, from submit straight to prep_map.
//
// Promises: pulls only what can go (DESIGN rule 3), oldest refusals first, each waiter in turn.
// Never: pulls from a device that is suspended or busy.
import {
  ABILITY_DISCARD,
  ABILITY_WRITE_ZEROES,
  DEVICE_BACKING,
  DEVICE_BIO,
  DEVICE_REQUEST,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  EXTENT_DEVICE,
  EXTENT_STRIPED,
  FLAG_PREFLUSH,
  HOOK_MAP,
  HOOK_PREP_MAP,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  STATUS_IOERR,
  STATUS_NOTSUPP,
  STATUS_OK,
  TRACE_ISSUE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { PARTS_MAX } from '../limits';
import { BIO_AFTER_FLUSH, BIO_MAP_QUEUE, Bio } from '../record/bio';
import {
  creditsFor,
  creditsOf,
  keepPromise,
  leaveLine,
  mayTake,
  ownSlot,
  passOnPromises,
  returnCredit,
  straySlot,
  waitForCredit,
} from '../record/credit';
import { hasRoom, RING_MAP, RING_PREP_MAP } from '../record/decision';
import { countStarted, Device, extentAt, pathSlot, SLOT_IDLE } from '../record/device';
import { endBio, endRequest } from '../record/ended';
import { Extent } from '../record/extent';
import { isFillHigh } from '../record/fill';
import {
  dispatchOf,
  mapQueueOf,
  parkedOf,
  prependBio,
  prependRequest,
  requeueOf,
  takeBio,
  takeRequest,
  waitingOf,
} from '../record/list';
import { isAbnormal } from '../record/operation';
import { holdBack, isPart } from '../record/part';
import { allocateBio, canClone, canTakeBio, freeRequest } from '../record/pool';
import { REQUEST_DISPATCH, Request } from '../record/request';
import { ready, root } from '../record/root';
import { stripeAt, stripeEdge, stripesOf } from '../record/stripe';
import { diskLeaves } from '../stats/disk';
import { trace, tracedOf } from '../stats/trace';
import { runFlushes } from './flush';
import { issue, maxSegmentsOf } from './issue';
import { redriveParked } from './map';
import { maxSectorsAt } from './merge';
import { isFannedOut, prepMap, prepMapBio } from './prep-map';
import { cut, redriveWaiting, splitAt } from './submit';

/** Runs one device until it has nothing to do, or must wait. */
export function run(device: Device): void {
  while (device.parkedHead && canTakeBio(device)) {
    if (!hasRoom(RING_MAP)) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    redriveParked(takeBio(parkedOf(device)));
  }
  if (device.kind == DEVICE_BIO) {
    runBios(device);
    return;
  }
  comeBack(device);
  if (device.waitingHead || device.overDepthHead) redriveWaiting(device);
  if (device.flushPendingHead || device.flushStepHead) runFlushes(device);
  if (device.kind == DEVICE_BACKING) runBacking(device);
  else if (device.kind == DEVICE_REQUEST) runMapped(device);
}

/**
 * Requests that were requeued go to the elevator's head; clones of devices above and flushes, which are never in an
 * elevator, and refused ones before the dispatch list. All keep their order.
 */
function comeBack(device: Device): void {
  if (device.requeueHead) {
    const list = requeueOf(device);
    let reversed = changetype<Request>(0);
    for (let request = takeRequest(list); request; request = takeRequest(list)) {
      request.next = reversed;
      reversed = request;
    }
    while (reversed) {
      const next = reversed.next;
      reversed.next = changetype<Request>(0);
      if (reversed.original || reversed.operation == OPERATION_FLUSH || reversed.step) {
        device.queued++;
        prependRequest(dispatchOf(device), reversed);
      } else {
        elevator.insertAtHead(device, reversed);
      }
      reversed = next;
    }
  }
  if (device.refusedHead) {
    device.refusedTail.next = device.dispatchHead;
    if (!device.dispatchHead) device.dispatchTail = device.refusedTail;
    device.dispatchHead = device.refusedHead;
    device.refusedHead = changetype<Request>(0);
    device.refusedTail = changetype<Request>(0);
  }
}

function next(device: Device): Request {
  let request = take(device);
  if (device.isLowered) {
    while (request && canSplit(request) && isOverLimits(device, request)) {
      splitAgain(device, request);
      request = take(device);
    }
  }
  return request;
}

function take(device: Device): Request {
  if (device.dispatchHead) {
    device.queued--;
    return takeRequest(dispatchOf(device));
  }
  return elevator.dispatch(device);
}

/** A clone of a device above is refused by its limits instead, and so is a step of the flush machine (spec-core 8.5). */
function canSplit(request: Request): bool {
  return !!request.bioHead && !request.original && !request.step;
}

function isOverLimits(device: Device, request: Request): bool {
  const most = maxSectorsAt(device, request.operation, request.sector);
  // an operation that is no longer taken is told so below
  return most != 0 && (request.sectors > most || <u32>request.segments > maxSegmentsOf(device, request));
}

/** A limit went down after it was made: its bios begin anew, before all that wait. */
function splitAgain(device: Device, request: Request): void {
  let reversed = changetype<Bio>(0);
  for (let bio = request.bioHead; bio; ) {
    const following = bio.next;
    bio.next = reversed;
    reversed = bio;
    bio = following;
  }
  while (reversed) {
    const before = reversed.next;
    if (!reversed.firstStatus) reversed.firstStatus = request.firstStatus;
    device.waiting++;
    prependBio(waitingOf(device), reversed);
    reversed = before;
  }
  request.bioHead = changetype<Bio>(0);
  request.bioTail = changetype<Bio>(0);
  diskLeaves(device);
  elevator.forget(device, request);
  freeRequest(request); // makes the device ready: bios wait
}

// ---- a backing device: its own credits ---------------------------------------------------------------

function runBacking(device: Device): void {
  // what was promised is taken here and now, or not at all
  keepPromise(device, device);
  while (device.queued) {
    if (creditsOf(device) <= device.promised) {
      if (device.isPullingEarly && !device.dispatchHead) pullEarly(device);
      waitForCredit(ownSlot(device));
      return;
    }
    const request = next(device);
    if (!request) break;
    countStarted(device, request, 1);
    issue(request);
  }
  returnCredit(device);
}

/** One request leaves the elevator although it cannot go: from then on it merges no more (Linux does so). */
function pullEarly(device: Device): void {
  const request = elevator.dispatch(device);
  if (!request) return;
  request.state = REQUEST_DISPATCH;
  device.queued++;
  prependRequest(dispatchOf(device), request);
}

// ---- a request-based device: the credits of its usable paths ------------------------------------------

function runMapped(device: Device): void {
  if (device.state == DEVICE_RUNNING && !device.isBusy && device.rerunAt <= root().now) {
    device.rerunAt = 0;
    pullMapped(device);
  }
  // while the host decides, the turn lasts
  if (device.promises && !device.asked) passOnPromises(device);
}

function pullMapped(device: Device): void {
  while (device.queued && !device.refusedHead) {
    const extent = device.extentsCount ? extentAt(device, 0) : changetype<Extent>(0);
    if (extent && extent.hooks & (HOOK_PREP_MAP | HOOK_MAP) && !(hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP))) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    const needsCredit = !!extent && (extent.hooks & HOOK_PREP_MAP || extent.kind == EXTENT_DEVICE);
    if (needsCredit && !mayPull(device)) return;
    const request = next(device);
    if (!request) return;
    begin(device, request, extent);
  }
}

function begin(device: Device, request: Request, extent: Extent): void {
  device.inFlight++;
  countStarted(device, request, 1);
  trace(TRACE_ISSUE, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, 0);
  request.issuedAt = root().now;
  if (extent) {
    prepMap(device, request, extent);
  } else {
    device.inFlight--;
    endRequest(request, STATUS_IOERR, 0);
  }
}

// 1. no record for a clone: one of its own will come back
// 2. a device that has just refused everything it was asked: wait for it alone
// 3. no usable path: prep_map decides (queue or kill)
// 4. fewer asked than the smallest credit: pull
// 5. nothing asked and some path free: pull one
// 6. wait in line at every path
function mayPull(device: Device): bool {
  const paths = device.pathCount;
  if (!canClone(device)) {
    device.lacksClone = 1;
    return false;
  }
  const refusing = device.refusedBy;
  if (refusing) {
    if (device.refusals >= (paths ? paths : 1) && !mayTake(device, refusing)) {
      waitAt(device, refusing);
      return false;
    }
    device.refusedBy = changetype<Device>(0);
  }
  if (paths == 0) return true;
  let least = <u32>-1;
  let most: u32 = 0;
  for (let i: u32 = 0; i < paths; i++) {
    const credits = creditsFor(pathSlot(device, i));
    least = min(least, credits);
    most = max(most, credits);
  }
  if (device.asked < least) return true;
  if (device.asked) return false; // the verdicts come first; they make the device ready again
  if (most) return true;
  for (let i: u32 = 0; i < paths; i++) waitForCredit(pathSlot(device, i));
  return false;
}

/** Stands in line at one device, through its slot or, if it is not in the usable set, through the stray one. */
function waitAt(device: Device, lower: Device): void {
  for (let i: u32 = 0; i < device.pathCount; i++) {
    if (pathSlot(device, i).device == lower) {
      waitForCredit(pathSlot(device, i));
      return;
    }
  }
  const stray = straySlot(device);
  if (stray.state != SLOT_IDLE && stray.device != lower) leaveLine(stray);
  stray.device = lower;
  stray.owner = device;
  waitForCredit(stray);
}

const EXTENT_BITS: u32 = 20;
const EXTENT_MASK: u32 = (1 << EXTENT_BITS) - 1;

// ---- a bio-based device ---------------------------------------------------------------------------------

// 1. a flush: one for each target that wants it
// 2. no extent: an error
// 3. longer than its extent, or than the target's longest I/O: the front goes first
function runBios(device: Device): void {
  // a suspend lets what has come go first; one that keeps what cannot be mapped keeps that too
  if (device.state == DEVICE_SUSPENDED || (device.state != DEVICE_RUNNING && device.isNoflush)) return;
  if (device.rerunAt > root().now) return;
  device.rerunAt = 0;
  const list = mapQueueOf(device);
  while (device.mapHead) {
    if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP) || isFillHigh()) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    const bio = takeBio(list);
    device.waiting--;
    if (bio.flags & FLAG_PREFLUSH && bio.operation != OPERATION_FLUSH) {
      if (!flushBefore(device, bio)) return;
    } else if (isFannedOut(bio)) {
      prepMapBio(bio, bio.extent);
    } else if (bio.operation == OPERATION_FLUSH) {
      if (!fanOut(device, bio)) return;
    } else if (!mapRange(device, bio)) {
      return;
    }
  }
}

/** Maps a bio with a range, as far as its extent reaches. False: no record is free. */
function mapRange(device: Device, bio: Bio): bool {
  const extent = findExtent(device, bio.sector);
  if (!extent) {
    endBio(bio, STATUS_IOERR);
    return true;
  }
  const isOdd = isAbnormal(bio.operation);
  if (isOdd && !takes(extent, bio.operation)) {
    endBio(bio, STATUS_NOTSUPP);
    return true;
  }
  const most = isOdd ? reachOfAbnormal(device, extent, bio) : reach(extent, bio.sector);
  if (<u64>bio.sectors <= most) return mapPart(device, bio, extent);
  const flags = bio.flags;
  const front = cut(device, bio, <u32>most);
  if (!front && isPart(bio)) {
    holdBack(bio, <u32>most);
    return mapPart(device, bio, extent);
  }
  device.waiting++;
  prependBio(mapQueueOf(device), bio);
  if (!front) return false; // a freed bio makes the device ready again
  front.flags = flags;
  return mapPart(device, front, extent);
}

/** Within one extent. What has a range and no memory goes to each stripe of a striped one. */
function mapPart(device: Device, bio: Bio, extent: Extent): bool {
  if (extent.kind == EXTENT_STRIPED && isAbnormal(bio.operation)) return fanOutRange(device, bio, extent);
  prepMapBio(bio, extent);
  return true;
}

function takes(extent: Extent, operation: u32): bool {
  return (extent.abilities & (operation == OPERATION_DISCARD ? ABILITY_DISCARD : ABILITY_WRITE_ZEROES)) != 0;
}

/** To the end of the extent, and within the device's limits; longest I/Os are meant for memory. */
function reachOfAbnormal(device: Device, extent: Extent, bio: Bio): u64 {
  const left = extent.start + extent.length - bio.sector;
  const first = splitAt(device, bio);
  return first ? min(left, <u64>first) : left;
}

/** A write that flushes first: a flush of its own, as a part; the write goes on when that has ended. False: no record. */
function flushBefore(device: Device, bio: Bio): bool {
  const flush = allocateBio(device, true);
  if (!flush) {
    device.waiting++;
    prependBio(mapQueueOf(device), bio);
    return false;
  }
  bio.remaining++;
  bio.state = BIO_AFTER_FLUSH;
  asPart(flush, bio, OPERATION_FLUSH, 0, 0);
  device.waiting++;
  flush.state = BIO_MAP_QUEUE;
  prependBio(mapQueueOf(device), flush);
  return true;
}

/** What stands for a bio, or for a share of it, on the same device. `address` is the stripe. */
function asPart(part: Bio, bio: Bio, operation: u32, sectors: u32, stripe: u32): void {
  part.sector = operation == OPERATION_FLUSH ? 0 : bio.sector;
  part.sectors = sectors;
  part.address = stripe;
  part.operation = <u8>operation;
  part.flags = bio.flags & ~(<u16>FLAG_PREFLUSH);
  part.tag = 0;
  part.parent = bio;
  part.context = 0;
  part.extent = changetype<Extent>(0);
}

/** Sends a range without memory to each stripe that has some of it; `context` counts those sent. False: no record is free. */
function fanOutRange(device: Device, bio: Bio, extent: Extent): bool {
  const stripes = stripesOf(extent);
  while (bio.context < stripes) {
    const stripe = bio.context;
    const begin = stripeEdge(extent, bio.sector, stripe);
    if (stripeEdge(extent, bio.sector + bio.sectors, stripe) > begin) {
      const mayAsk = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) && bio.remaining < PARTS_MAX;
      const part = mayAsk ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part && mayAsk && isPart(bio) && bio.remaining == 1) return mapChunk(bio, extent);
      if (!part) return putOff(device, bio);
      asPart(part, bio, bio.operation, bio.sectors, stripe);
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context++;
  }
  bio.context = 0;
  endBio(bio, STATUS_OK);
  return true;
}

/** A part for which no record is free goes on in its own, chunk by chunk: a chunk lies on one stripe. */
function mapChunk(bio: Bio, extent: Extent): bool {
  const chunk = extent.ioSectorsMax;
  const inside = bio.sector - extent.start;
  const left = chunk - <u32>(inside % chunk);
  if (bio.sectors > left) holdBack(bio, left);
  bio.context = 0;
  bio.address = <u32>((inside / chunk) % stripesOf(extent));
  prepMapBio(bio, extent);
  return true;
}

/** The bio waits until a record is free, or until the host has answered. */
function putOff(device: Device, bio: Bio): bool {
  device.waiting++;
  prependBio(mapQueueOf(device), bio);
  if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP)) {
    root().isRingFull = 1;
    ready(device);
  }
  return false;
}

/** Sectors from `sector` to the end of the extent, or to the next multiple of its longest I/O. */
function reach(extent: Extent, sector: u64): u64 {
  const left = extent.start + extent.length - sector;
  if (!extent.ioSectorsMax) return left;
  return min(left, <u64>extent.ioSectorsMax - ((sector - extent.start) % extent.ioSectorsMax));
}

function findExtent(device: Device, sector: u64): Extent {
  let low: u32 = 0;
  let high = device.extentsCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    const extent = extentAt(device, middle);
    if (sector < extent.start) high = middle;
    else if (sector >= extent.start + extent.length) low = middle + 1;
    else return extent;
  }
  return changetype<Extent>(0);
}

// `context` counts those done: the extent in its low 20 bits (RECORDS_MAX), the stripe above. Returns false where no record is free.
/** Sends the flush to every extent that wants it, and to every stripe of a striped one. */
function fanOut(device: Device, bio: Bio): bool {
  while ((bio.context & EXTENT_MASK) < device.extentsCount) {
    const extent = extentAt(device, bio.context & EXTENT_MASK);
    const stripe = bio.context >> EXTENT_BITS;
    const isStriped = extent.kind == EXTENT_STRIPED;
    const wants = isStriped ? extent.flushes && stripeAt(extent, stripe).flushes : extent.flushes;
    const next =
      isStriped && stripe + 1 < stripesOf(extent) ? bio.context + (1 << EXTENT_BITS) : (bio.context & EXTENT_MASK) + 1;
    if (wants) {
      const mayAsk = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) && bio.remaining < PARTS_MAX;
      const part = mayAsk ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part && mayAsk && isPart(bio)) {
        bio.tag = next;
        bio.context = 0;
        bio.address = stripe;
        prepMapBio(bio, extent);
        return true;
      }
      if (!part) return putOff(device, bio);
      asPart(part, bio, OPERATION_FLUSH, 0, stripe);
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context = next;
  }
  endBio(bio, STATUS_OK);
  return true;
}
