// Stage 3 of 11: insert, of what flushes: the flush machine (spec-core 2.1). From submit; to dispatch.
//
// A request that flushes, or must be on stable storage when it ends, goes in up to three steps:
//
//   PREFLUSH ──▶ DATA ──▶ POSTFLUSH        1. an empty flush has PREFLUSH only
//                                          2. FUA where the device takes it itself: DATA keeps the flag, no POSTFLUSH
// Flush steps wait in the pending list. One carrier, an empty flush that each device owns, is sent for all of them when
// none is under way and no data step is, or the oldest has waited 5 s; meanwhile the next ones gather.
//
// Promises: a flush step ends after a flush that was sent after it began. Never: allocates; merges; sorts.
import { FLAG_FUA, FLAG_PREFLUSH, OPERATION_FLUSH } from '../abi';
import { FLUSH_AGE_NS, NO_DEVICE } from '../limits';
import { Device } from '../record/device';
import { appendRequest, dispatchOf, flushPendingOf, flushStepsOf, takeRequest } from '../record/list';
import {
  REQUEST_DISPATCH,
  REQUEST_FLUSH,
  Request,
  STEP_DATA,
  STEP_MASK,
  STEP_POSTFLUSH,
  STEP_PREFLUSH,
  STEP_THEN_FLUSH,
} from '../record/request';
import { armTimers, ready, root } from '../record/root';
import { diskBegins } from '../stats/disk';

/** A request with PREFLUSH or FUA, or an empty flush, on a device with a cache. It has not been plugged. */
export function insertFlush(device: Device, request: Request): void {
  const isFirst = request.operation == OPERATION_FLUSH || !!(request.flags & FLAG_PREFLUSH);
  const isLast = request.flags & FLAG_FUA && !device.hasFua;
  request.flags &= ~(<u16>FLAG_PREFLUSH);
  if (isLast) request.flags &= ~(<u16>FLAG_FUA);
  if (!isFirst && !isLast) {
    toDispatch(device, request);
    return;
  }
  if (isLast) request.step = STEP_THEN_FLUSH;
  if (isFirst) flushFor(device, request, STEP_PREFLUSH);
  else sendData(device, request);
}

function flushFor(device: Device, request: Request, step: u8): void {
  setStep(request, step);
  request.state = REQUEST_FLUSH;
  if (!device.flushPendingHead) device.flushPendingSince = root().now;
  appendRequest(flushPendingOf(device), request);
  ready(device);
}

function sendData(device: Device, request: Request): void {
  setStep(request, STEP_DATA);
  device.flushData++;
  toDispatch(device, request);
}

function setStep(request: Request, step: u8): void {
  request.step = (request.step & ~STEP_MASK) | step;
}

/** Past the elevator: behind what waits for the device already. */
function toDispatch(device: Device, request: Request): void {
  request.state = REQUEST_DISPATCH;
  device.queued++;
  appendRequest(dispatchOf(device), request);
  ready(device);
}

/** Goes on with what the way up has left: steps that have ended; then sends the carrier if its time has come. */
export function runFlushes(device: Device): void {
  const ended = flushStepsOf(device);
  for (let request = takeRequest(ended); request; request = takeRequest(ended)) nextStep(device, request);
  if (device.isFlushing || !device.flushPendingHead) return;
  const now = root().now;
  if (device.flushData && now < device.flushPendingSince + FLUSH_AGE_NS) {
    device.flushAt = device.flushPendingSince + FLUSH_AGE_NS;
    armTimers();
    return;
  }
  device.flushAt = 0;
  const carrier = device.flushCarrier;
  carrier.queuedAt = now;
  carrier.attempts = 0;
  carrier.context = 0;
  carrier.status = 0;
  carrier.firstStatus = 0;
  carrier.chosen = NO_DEVICE;
  carrier.lastPath = NO_DEVICE;
  // the oldest speaks for all: its flags go down with the flush
  carrier.flags = device.flushPendingHead.flags & ~(<u16>FLAG_FUA);
  device.flushRunningHead = device.flushPendingHead;
  device.flushRunningTail = device.flushPendingTail;
  device.flushPendingHead = changetype<Request>(0);
  device.flushPendingTail = changetype<Request>(0);
  device.isFlushing = 1;
  diskBegins(device);
  toDispatch(device, carrier);
}

/** Of a step that ended well: PREFLUSH of a write goes on to its data, data to POSTFLUSH. */
function nextStep(device: Device, request: Request): void {
  if ((request.step & STEP_MASK) == STEP_DATA) flushFor(device, request, STEP_POSTFLUSH);
  else sendData(device, request);
}
