// Stage 10 of 11: end_io, of what flushes. From end_io; to complete, or to the next step of the flush machine.
//
// Promises: what the flush of the carrier was sent for ends with it, or goes on; the first error ends a request there and
// then. Never: sends anything; `down/flush.ts` does, at the device's next turn.
import { OPERATION_FLUSH, STATUS_OK } from '../abi';
import { Device } from '../record/device';
import { endRequest } from '../record/ended';
import { appendRequest, flushStepsOf } from '../record/list';
import { REQUEST_CARRIER, REQUEST_FLUSH, Request, STEP_DATA, STEP_MASK, STEP_NONE, STEP_THEN_FLUSH } from '../record/request';
import { ready } from '../record/root';
import { diskEnds } from '../stats/disk';

/** A device's own request has ended. True: it was the carrier, or a step of a request that goes on. */
export function endStep(request: Request): bool {
  const device = request.device;
  if (request == device.flushCarrier) {
    endCarrier(device, request);
    return true;
  }
  if ((request.step & STEP_MASK) != STEP_DATA) return false;
  device.flushData--;
  ready(device);
  if (request.status != STATUS_OK || !(request.step & STEP_THEN_FLUSH)) {
    // what was done before an error is not on stable storage: no flush follows
    if (request.step & STEP_THEN_FLUSH) request.goodSectors = 0;
    request.step = STEP_NONE;
    return false;
  }
  goOn(device, request);
  return true;
}

// 1. an error: all that waited for this flush end with it
// 2. a write after its PREFLUSH: its data is next
// 3. an empty flush, a write after its POSTFLUSH: done
function endCarrier(device: Device, carrier: Request): void {
  let request = device.flushRunningHead;
  device.flushRunningHead = changetype<Request>(0);
  device.flushRunningTail = changetype<Request>(0);
  device.isFlushing = 0;
  diskEnds(device, OPERATION_FLUSH, 0, carrier.queuedAt);
  carrier.generation++;
  carrier.state = REQUEST_CARRIER;
  while (request) {
    const next = request.next;
    request.attempts += carrier.attempts;
    request.lastPath = carrier.lastPath;
    if (!request.firstStatus) request.firstStatus = carrier.firstStatus;
    if (carrier.status != STATUS_OK) {
      finish(request, carrier.status);
    } else if (request.sectors && (request.step & STEP_MASK) < STEP_DATA) {
      goOn(device, request);
    } else {
      finish(request, STATUS_OK);
    }
    request = next;
  }
  ready(device);
}

function finish(request: Request, status: u32): void {
  request.step = STEP_NONE;
  endRequest(request, status, status ? 0 : request.sectors);
}

/** The next step is taken when the device runs. */
function goOn(device: Device, request: Request): void {
  request.state = REQUEST_FLUSH;
  appendRequest(flushStepsOf(device), request);
  ready(device);
}
