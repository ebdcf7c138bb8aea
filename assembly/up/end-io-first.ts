// Stage 9 of 11: end_io_first. From a path's answer; to end_io.
//
// Promises: on error, and only then, the target may replace the status before anybody is told; what
// was done before the error is told upward at once, whole bios from the head. Never: frees anything.
import {
  COUNTER_ANSWERED,
  COUNTER_PATH_ERRORS,
  FLAG_CLEAR,
  HISTOGRAM_DISPATCH_TO_COMPLETE,
  HOOK_END_IO_FIRST,
  OPERATION_FLUSH,
  OPERATION_READ,
  STATUS_AGAIN,
  STATUS_DEV_RESOURCE,
  STATUS_DM_REQUEUE,
  STATUS_OK,
  STATUS_RESOURCE,
  TRACE_COMPLETE,
} from '../abi';
import { BIO_END_FIRST, Bio } from '../record/bio';
import { returnCredit } from '../record/credit';
import { askBio, asked, askRequest, decision, hasRoom, RING_END_IO_FIRST } from '../record/decision';
import { count } from '../record/device';
import { endRequest } from '../record/ended';
import { fill } from '../record/fill';
import { bioOf, requestOf } from '../record/pool';
import { REQUEST_END_FIRST, Request, topOf } from '../record/request';
import { root, setHeader } from '../record/root';
import { diskEnds } from '../stats/disk';
import { requestFailed } from '../stats/failures';
import { observe } from '../stats/histogram';
import { trace, tracedOf } from '../stats/trace';
import { advance } from './complete';
import { endIo, endIoBio } from './end-io';

/** A path has answered. */
export function answered(request: Request, status: u32, goodSectors: u32): void {
  const device = request.device;
  device.pathInFlight--;
  count(device, COUNTER_ANSWERED, 1);
  if (status) {
    count(device, COUNTER_PATH_ERRORS, 1);
    if (!isRefusal(status) && request.operation != OPERATION_FLUSH && !device.isUnplugged) {
      requestFailed(device, request, goodSectors, status);
    }
  }
  observe(device, HISTOGRAM_DISPATCH_TO_COMPLETE, root().now - request.issuedAt);
  trace(TRACE_COMPLETE, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, status);
  if (request.original) diskEnds(device, request.operation, request.sectors, request.fifoTime);
  const top = topOf(request);
  top.lastPath = <u16>device.id;
  top.attempts++;
  returnCredit(device);
  endRequest(request, status, status ? min(goodSectors, request.sectors) : request.sectors);
}

/** Not a failure: the I/O is to come again. */
function isRefusal(status: u32): bool {
  return status == STATUS_RESOURCE || status == STATUS_DEV_RESOURCE || status == STATUS_AGAIN || status == STATUS_DM_REQUEUE;
}

/** A clone has ended. False: the ring is full, ask again later. */
export function endIoFirst(clone: Request): bool {
  const original = clone.original;
  if (clone.status != STATUS_OK && original.extent.hooks & HOOK_END_IO_FIRST) {
    if (!hasRoom(RING_END_IO_FIRST)) return false;
    clone.state = REQUEST_END_FIRST;
    askRequest(RING_END_IO_FIRST, original, clone.issuedAt, clone.status);
    return true;
  }
  return told(original, clone);
}

/** The status stands: progress goes up, then end_io decides. False: end_io's ring is full. */
function told(original: Request, clone: Request): bool {
  if (clone.status != STATUS_OK) {
    if (clone.goodSectors) {
      advance(original, clone.goodSectors);
      clone.goodSectors = 0;
    }
    if (!original.firstStatus) original.firstStatus = clone.status;
    const top = topOf(original);
    if (!top.firstStatus) top.firstStatus = clone.status;
  }
  return endIo(original, clone);
}

/** The piece of a bio has ended below. False: a ring is full. */
export function endIoFirstBio(bio: Bio, status: u32): bool {
  if (status != STATUS_OK && bio.extent.hooks & HOOK_END_IO_FIRST) {
    if (!hasRoom(RING_END_IO_FIRST)) return false;
    bio.state = BIO_END_FIRST;
    askBio(RING_END_IO_FIRST, bio, status);
    return true;
  }
  return endIoBio(bio, status);
}

/** Takes the statuses of end_io_first. The end_io ring is empty then, so that each finds room. */
export function takeEndIoFirstVerdicts(): void {
  const total = asked(RING_END_IO_FIRST);
  setHeader(RING_END_IO_FIRST + 1, 0);
  for (let i: u32 = 0; i < total; i++) {
    const record = decision(RING_END_IO_FIRST, i);
    const original = requestOf(record.id);
    if (original) {
      const clone = original.clone;
      assert(clone && clone.state == REQUEST_END_FIRST);
      clone.status = <u8>record.status;
      if (record.status == STATUS_OK) clone.goodSectors = clone.sectors;
      assert(told(original, clone));
    } else {
      const bio = bioOf(record.id);
      assert(bio && bio.state == BIO_END_FIRST);
      assert(endIoBio(bio, record.status));
    }
  }
}

/** An instant device answers at the end of the batch. */
export function answerInstant(request: Request): void {
  if (request.device.isFilling && request.operation == OPERATION_READ) {
    for (let bio = topOf(request).bioHead; bio; bio = bio.next) {
      if (bio.flags & <u16>FLAG_CLEAR) fill(bio.address, bio.sectors << 9);
    }
  }
  answered(request, STATUS_OK, request.sectors);
}
