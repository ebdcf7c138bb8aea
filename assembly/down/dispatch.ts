// Stage 4 of 11: dispatch. From insert; to prep_map (request-based), issue (backing), or, on a
// bio-based device, from submit straight to prep_map.
//
// Promises: pulls only what can go (DESIGN rule 3), oldest refusals first, each waiter in turn.
// Never: pulls from a device that is suspended or busy.
import {
  COUNTER_DISPATCHED,
  COUNTER_FLUSHES,
  COUNTER_READ_SECTORS,
  COUNTER_REQUEST_SECTORS,
  COUNTER_WRITE_SECTORS,
  DEVICE_BACKING,
  DEVICE_BIO,
  DEVICE_REQUEST,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  EXTENT_DEVICE,
  HISTOGRAM_QUEUE_TO_DISPATCH,
  HOOK_MAP,
  HOOK_PREP_MAP,
  OPERATION_FLUSH,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_OK,
  TRACE_ISSUE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { PATH_SLOTS } from '../limits';
import { Bio } from '../record/bio';
import { RING_MAP, RING_PREP_MAP, hasRoom } from '../record/decision';
import { Device, count, extentAt, pathSlot } from '../record/device';
import { creditsOf, ownSlot, returnCredit, waitForCredit } from '../record/credit';
import { endBio, endRequest } from '../record/ended';
import { Extent } from '../record/extent';
import { isFillHigh } from '../record/fill';
import { dispatchOf, mapQueueOf, parkedOf, prependBio, prependRequest, requeueOf, takeBio, takeRequest } from '../record/list';
import { allocateBio } from '../record/pool';
import { REQUEST_DISPATCH, Request } from '../record/request';
import { ready, root } from '../record/root';
import { observe } from '../stats/histogram';
import { trace } from '../stats/trace';
import { issue } from './issue';
import { isFannedOut, prepMap, prepMapBio, redriveParked } from './prep-map';
import { cut, redriveWaiting } from './submit';

/** Runs one device until it has nothing to do, or must wait. */
export function run(device: Device): void {
  const parked = parkedOf(device);
  for (let left = device.parkedHead ? countParked(device) : 0; left; left--) redriveParked(takeBio(parked));
  if (device.kind == DEVICE_BIO) {
    runBios(device);
    return;
  }
  comeBack(device);
  if (device.waitingHead) redriveWaiting(device);
  if (device.kind == DEVICE_BACKING) runBacking(device);
  else if (device.kind == DEVICE_REQUEST) runMapped(device);
}

/** Each parked bio is tried once: those that find no record park again, behind. */
function countParked(device: Device): u32 {
  let total: u32 = 0;
  for (let bio = device.parkedHead; bio; bio = bio.next) total++;
  return total;
}

/** Requests that were requeued go to the elevator's head, refused ones before the dispatch list; both keep their order. */
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
      elevator.insertAtHead(device, reversed);
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
  if (device.dispatchHead) {
    device.queued--;
    return takeRequest(dispatchOf(device));
  }
  return elevator.dispatch(device);
}

function start(device: Device, request: Request): void {
  count(device, COUNTER_DISPATCHED, 1);
  count(device, COUNTER_REQUEST_SECTORS, <f64>request.sectors);
  if (request.operation == OPERATION_FLUSH) count(device, COUNTER_FLUSHES, 1);
  else count(device, request.operation & OPERATION_WRITE ? COUNTER_WRITE_SECTORS : COUNTER_READ_SECTORS, <f64>request.sectors);
}

// ---- a backing device: its own credits ---------------------------------------------------------------

function runBacking(device: Device): void {
  let isFirst = true;
  while (device.queued) {
    if (creditsOf(device) == 0 || (!isFirst && device.waiterHead)) {
      if (device.isPullingEarly && !device.dispatchHead) pullEarly(device);
      waitForCredit(ownSlot(device));
      // with a credit left it is somebody else's turn
      returnCredit(device);
      return;
    }
    const request = next(device);
    if (!request) return;
    isFirst = false;
    start(device, request);
    issue(request);
  }
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
  if (device.state != DEVICE_RUNNING || device.isBusy) return;
  if (device.rerunAt > root().now) return;
  device.rerunAt = 0;
  let isFirst = true;
  while (device.queued && !device.refusedHead) {
    const extent = device.extentsCount ? extentAt(device, 0) : changetype<Extent>(0);
    if (extent && extent.hooks & (HOOK_PREP_MAP | HOOK_MAP) && !(hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP))) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    const needsCredit = !!extent && (extent.hooks & HOOK_PREP_MAP || extent.kind == EXTENT_DEVICE);
    if (needsCredit && !mayPull(device, isFirst)) return;
    const request = next(device);
    if (!request) return;
    isFirst = false;
    begin(device, request, extent);
  }
}

function begin(device: Device, request: Request, extent: Extent): void {
  device.inFlight++;
  start(device, request);
  observe(device, HISTOGRAM_QUEUE_TO_DISPATCH, root().now - request.queuedAt);
  trace(TRACE_ISSUE, device, request.operation, request.sector, request.sectors, 0);
  request.issuedAt = root().now;
  if (extent) {
    prepMap(device, request, extent);
  } else {
    device.inFlight--;
    endRequest(request, STATUS_IOERR, 0);
  }
}

// 1. a device that has just refused everything it was asked: wait for it alone
// 2. no usable path: prep_map decides (queue or kill)
// 3. fewer asked than the smallest credit: pull
// 4. nothing asked and some path free: pull one
// 5. wait in line at every path without a credit
function mayPull(device: Device, isFirst: bool): bool {
  const paths = device.pathCount;
  const refusing = device.refusedBy;
  if (refusing) {
    if (device.refusals >= (paths ? paths : 1) && creditsOf(refusing) == 0) {
      waitAt(device, refusing);
      return false;
    }
    device.refusedBy = changetype<Device>(0);
  }
  if (paths == 0) return true;
  let least = <u32>-1;
  let most: u32 = 0;
  let isContended = false;
  for (let i: u32 = 0; i < paths; i++) {
    const path = pathSlot(device, i).device;
    const credits = creditsOf(path);
    if (path.waiterHead && !isFirst) isContended = true;
    least = min(least, credits);
    most = max(most, credits);
  }
  if (!isContended) {
    if (device.asked < least) return true;
    if (device.asked == 0 && most) return true;
    if (device.asked) return false; // the verdicts come first; they make the device ready again
  }
  for (let i: u32 = 0; i < paths; i++) {
    const slot = pathSlot(device, i);
    if (isContended || creditsOf(slot.device) == 0) waitForCredit(slot);
  }
  if (isContended) for (let i: u32 = 0; i < paths; i++) returnCredit(pathSlot(device, i).device);
  return false;
}

/** Stands in line at one device, through its slot or, if it is not in the usable set, through the last slot. */
function waitAt(device: Device, lower: Device): void {
  for (let i: u32 = 0; i < device.pathCount; i++) {
    if (pathSlot(device, i).device == lower) {
      waitForCredit(pathSlot(device, i));
      return;
    }
  }
  const stray = pathSlot(device, PATH_SLOTS - 1);
  if (stray.isWaiting) return;
  stray.device = lower;
  stray.owner = device;
  waitForCredit(stray);
}

// ---- a bio-based device ---------------------------------------------------------------------------------

// 1. a flush: one for each target that wants it
// 2. no extent: an error
// 3. longer than its extent, or than the target's longest I/O: the front goes first
function runBios(device: Device): void {
  if (device.state == DEVICE_SUSPENDED) return;
  const list = mapQueueOf(device);
  while (device.mapHead) {
    if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP) || isFillHigh()) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    const bio = takeBio(list);
    device.waiting--;
    if (bio.operation == OPERATION_FLUSH && !isFannedOut(bio)) {
      if (!fanOut(device, bio)) return;
      continue;
    }
    const extent = bio.operation == OPERATION_FLUSH ? bio.extent : findExtent(device, bio.sector);
    if (!extent) {
      endBio(bio, STATUS_IOERR);
      continue;
    }
    const most = bio.operation == OPERATION_FLUSH ? 0 : reach(extent, bio.sector);
    if (<u64>bio.sectors > most && bio.operation != OPERATION_FLUSH) {
      const flags = bio.flags;
      const front = cut(device, bio, <u32>most);
      device.waiting++;
      prependBio(list, bio);
      if (!front) return; // a freed bio makes the device ready again
      front.flags = flags;
      prepMapBio(front, extent);
      continue;
    }
    prepMapBio(bio, extent);
  }
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

/** Sends the flush to every extent that wants it; `context` counts those done. False: no record is free. */
function fanOut(device: Device, bio: Bio): bool {
  while (bio.context < device.extentsCount) {
    const extent = extentAt(device, bio.context);
    if (extent.flushes) {
      const part = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part) {
        device.waiting++;
        prependBio(mapQueueOf(device), bio);
        if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP)) {
          root().isRingFull = 1;
          ready(device);
        }
        return false;
      }
      part.sector = 0;
      part.sectors = 0;
      part.address = 0;
      part.operation = <u8>OPERATION_FLUSH;
      part.flags = bio.flags;
      part.parent = bio;
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context++;
  }
  endBio(bio, STATUS_OK);
  return true;
}
