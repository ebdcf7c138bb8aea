// Stage 4 of 11: dispatch. From insert; to prep_map (request-based), issue (backing), or, on a
// bio-based device, from submit straight to prep_map.
//
// Promises: pulls only what can go (DESIGN rule 3), oldest refusals first, each waiter in turn.
// Never: pulls from a device that is suspended or busy.
import {
  DEVICE_BACKING,
  DEVICE_BIO,
  DEVICE_REQUEST,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  EXTENT_DEVICE,
  HOOK_MAP,
  HOOK_PREP_MAP,
  OPERATION_FLUSH,
  STATUS_IOERR,
  STATUS_OK,
  TRACE_ISSUE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { PARTS_MAX } from '../limits';
import { Bio } from '../record/bio';
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
import { dispatchOf, mapQueueOf, parkedOf, prependBio, prependRequest, requeueOf, takeBio, takeRequest } from '../record/list';
import { holdBack, isPart } from '../record/part';
import { allocateBio, canClone, canTakeBio } from '../record/pool';
import { REQUEST_DISPATCH, Request } from '../record/request';
import { ready, root } from '../record/root';
import { trace } from '../stats/trace';
import { issue } from './issue';
import { redriveParked } from './map';
import { isFannedOut, prepMap, prepMapBio } from './prep-map';
import { cut, redriveWaiting } from './submit';

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
  if (device.waitingHead) redriveWaiting(device);
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
      if (reversed.original || reversed.operation == OPERATION_FLUSH) {
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
  if (device.dispatchHead) {
    device.queued--;
    return takeRequest(dispatchOf(device));
  }
  return elevator.dispatch(device);
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
  trace(TRACE_ISSUE, device, request.operation, request.sector, request.sectors, 0);
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
      if (!front && isPart(bio)) {
        holdBack(bio, <u32>most);
        prepMapBio(bio, extent);
        continue;
      }
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
      const mayAsk = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) && bio.remaining < PARTS_MAX;
      const part = mayAsk ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part && mayAsk && isPart(bio)) {
        bio.tag = bio.context + 1;
        bio.context = 0;
        prepMapBio(bio, extent);
        return true;
      }
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
      part.tag = 0;
      part.parent = bio;
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context++;
  }
  endBio(bio, STATUS_OK);
  return true;
}
