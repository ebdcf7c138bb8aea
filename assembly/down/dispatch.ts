// Stage 4 of 11: dispatch. From insert; to prep_map (request-based) or issue (backing); a bio-based device has no requests:
// see dispatch-bio.ts.
//
// Promises: pulls only what can go (DESIGN rule 3), oldest refusals first, each waiter in turn.
// Never: pulls from a device that is suspended or busy.
import {
  DEVICE_BACKING,
  DEVICE_BIO,
  DEVICE_REQUEST,
  DEVICE_RUNNING,
  EXTENT_DEVICE,
  HEADER_ISSUE_COUNT,
  HOOK_MAP,
  HOOK_PREP_MAP,
  OPERATION_FLUSH,
  STATUS_IOERR,
  TRACE_INSERT,
  TRACE_ISSUE,
} from '../abi';
import * as elevator from '../elevator/elevator';
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
import { endRequest } from '../record/ended';
import { Extent } from '../record/extent';
import { dispatchOf, parkedOf, prependBio, prependRequest, requeueOf, takeBio, takeRequest, waitingOf } from '../record/list';
import { canClone, canTakeBio, freeRequest } from '../record/pool';
import { REQUEST_DISPATCH, Request } from '../record/request';
import { header, ready, root } from '../record/root';
import { diskLeaves } from '../stats/disk';
import { regionsLeave } from '../stats/regions';
import { trace, tracedOf } from '../stats/trace';
import { runBios } from './dispatch-bio';
import { runFlushes } from './flush';
import { issue, maxSegmentsOf } from './issue';
import { redriveParked } from './map';
import { maxSectorsAt } from './merge';
import { prepMap } from './prep-map';
import { redriveWaiting } from './submit';

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
        trace(TRACE_INSERT, device, tracedOf(reversed.operation, reversed.flags), reversed.sector, reversed.sectors, 0);
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

/** A clone of a device above is refused by its limits instead (spec-core 8.5). A flush has no length. */
function canSplit(request: Request): bool {
  return !!request.bioHead && !request.original;
}

function isOverLimits(device: Device, request: Request): bool {
  const most = maxSectorsAt(device, request.operation, request.sector);
  // an operation that is no longer taken is told so below
  return most != 0 && (request.sectors > most || <u32>request.segments > maxSegmentsOf(device, request));
}

/**
 * A limit went down after it was made: its bios begin anew, before all that wait. Data of the flush machine too: what
 * flushes before it or after it does so for each part.
 */
function splitAgain(device: Device, request: Request): void {
  if (request.step) device.flushData--;
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
  regionsLeave(device, request.operation, request.sector, request.sectors);
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
    if (device.isInTurn) {
      endTurn(device);
      break;
    }
  }
  returnCredit(device);
}

/** What has been begun goes first; then it is the device's turn again. */
function endTurn(device: Device): void {
  root().isTurnOver = 1;
  if (device.queued) ready(device);
}

/** Issues all that it can now, whatever else waits: a full plug of a device in turn. */
export function runAtOnce(device: Device): void {
  const isTurnOver = root().isTurnOver;
  for (let before: u32 = 0; device.queued && device.queued != before; ) {
    before = device.queued;
    run(device);
  }
  root().isTurnOver = isTurnOver;
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
    if (device.isInTurn && (header(HEADER_ISSUE_COUNT) != 0 || !!root().instantHead)) {
      endTurn(device);
      return;
    }
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
    if (device.isInTurn) {
      endTurn(device);
      return;
    }
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
  if (device.asked < least && !(device.isInTurn && device.asked)) return true;
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
