// Stage 8 of 11: path I/O. From map, or from dispatch of a backing device; the answer goes to the way up.
//
// Promises: the I/O is within the limits of the device below and charged to its credits; a device
// that is itself mapped starts it as a request of its own. Never: passes the elevator of the device
// below; never waits.
import {
  COUNTER_ISSUED,
  COUNTER_ISSUED_SECTORS,
  DEVICE_REQUEST,
  HEADER_ISSUE,
  HEADER_ISSUE_COUNT,
  HEADER_SEGMENT,
  HEADER_SEGMENT_COUNT,
  HISTOGRAM_QUEUE_TO_DISPATCH,
  ISSUE_BYTES,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  SEGMENT_BYTES,
  STATUS_IOERR,
  STATUS_NOTSUPP,
  STATUS_OK,
  TRACE_ISSUE,
} from '../abi';
import { count, Device } from '../record/device';
import { endRequest } from '../record/ended';
import { appendRequest, dispatchOf } from '../record/list';
import { hasPayload } from '../record/operation';
import { requestId } from '../record/pool';
import { REQUEST_DISPATCH, REQUEST_ISSUED, Request, STEP_BEGUN, STEP_COUNTED, topOf } from '../record/request';
import { header, ready, root, setHeader } from '../record/root';
import { diskBegins, diskEnds } from '../stats/disk';
import { observe } from '../stats/histogram';
import { regionsBegin } from '../stats/regions';
import { trace, tracedOf } from '../stats/trace';
import { maxSectorsAt } from './merge';

export function issue(request: Request): void {
  const device = request.device;
  if (request.original) {
    const refusal = request.operation == OPERATION_FLUSH ? <u32>STATUS_OK : checkLimits(device, request);
    if (refusal) {
      request.step = STEP_COUNTED;
      endRequest(request, refusal, 0);
      return;
    }
    request.fifoTime = root().now;
    diskBegins(device);
  }
  if (device.kind == DEVICE_REQUEST) {
    request.step = STEP_BEGUN;
    regionsBegin(device, request.operation, request.sector, request.sectors);
    request.state = REQUEST_DISPATCH;
    device.queued++;
    appendRequest(dispatchOf(device), request);
    ready(device);
    return;
  }
  if (request.operation == OPERATION_FLUSH && !device.hasCache) {
    endHere(device, request);
    return;
  }
  const all = root();
  request.state = REQUEST_ISSUED;
  request.issuedAt = all.now;
  device.pathInFlight++;
  count(device, COUNTER_ISSUED, 1);
  count(device, COUNTER_ISSUED_SECTORS, <f64>request.sectors);
  observe(device, HISTOGRAM_QUEUE_TO_DISPATCH, all.now - request.queuedAt);
  trace(TRACE_ISSUE, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, 0);
  if (device.isInstant) {
    request.next = changetype<Request>(0);
    if (all.instantTail) all.instantTail.next = request;
    else all.instantHead = request;
    all.instantTail = request;
    return;
  }
  give(device, request);
}

/** A flush of a device that holds nothing back. */
function endHere(device: Device, request: Request): void {
  if (request.original) diskEnds(device, request.operation, 0, root().now);
  endRequest(request, STATUS_OK, 0);
}

/** A clone that the device below cannot take as it is: limits were lowered after the table was made (spec-core 8.5). */
function checkLimits(device: Device, request: Request): u32 {
  const most = maxSectorsAt(device, request.operation, request.sector);
  if (most == 0) return STATUS_NOTSUPP;
  const isBeyond = request.sector > device.sizeSectors || <u64>request.sectors > device.sizeSectors - request.sector;
  if (request.sectors > most || <u32>request.segments > maxSegmentsOf(device, request)) return STATUS_IOERR;
  return isBeyond && !hasRanges(request) ? STATUS_IOERR : STATUS_OK;
}

/** Pieces of memory, or ranges of a discard. */
export function maxSegmentsOf(device: Device, request: Request): u32 {
  return request.operation == OPERATION_DISCARD ? device.maxDiscardSegments : device.maxSegments;
}

function hasRanges(request: Request): bool {
  return request.operation == OPERATION_DISCARD && request.segments > 1;
}

function give(device: Device, request: Request): void {
  const index = header(HEADER_ISSUE_COUNT);
  const at = <usize>header(HEADER_ISSUE) + <usize>index * ISSUE_BYTES;
  setHeader(HEADER_ISSUE_COUNT, index + 1);
  store<f64>(at, <f64>request.sector);
  store<u32>(at, requestId(request), 8);
  store<u32>(at, device.id, 12);
  store<u32>(at, request.sectors, 16);
  store<u32>(at, <u32>request.operation | ((<u32>request.flags) << 8), 24);
  store<u32>(at, request.segments, 28);
  const bio = topOf(request).bioHead;
  store<u32>(at, bio && hasPayload(request.operation) ? bio.address : 0, 20);
  if (request.segments > 1) store<u32>(at, hasRanges(request) ? listRanges(request) : listSegments(request), 32);
}

/** Writes the ranges of a discard to the segment ring, two pairs each; returns the index of the first. */
function listRanges(request: Request): u32 {
  const first = header(HEADER_SEGMENT_COUNT);
  const top = topOf(request);
  let at = <usize>header(HEADER_SEGMENT) + <usize>first * SEGMENT_BYTES;
  let ranges: u32 = 0;
  for (let bio = top.bioHead; bio; bio = bio.next) {
    // as far from its place above as the first range is
    store<f64>(at, <f64>(bio.sector + request.sector - top.sector));
    store<u32>(at, bio.sectors, 8);
    store<u32>(at, 0, 12);
    at += 2 * SEGMENT_BYTES;
    ranges++;
  }
  assert(ranges == request.segments);
  setHeader(HEADER_SEGMENT_COUNT, first + 2 * ranges);
  return first;
}

/** Writes the pieces of memory, neighbours joined, to the segment ring; returns the index of the first. */
function listSegments(request: Request): u32 {
  const first = header(HEADER_SEGMENT_COUNT);
  const base = <usize>header(HEADER_SEGMENT);
  let at = base + <usize>first * SEGMENT_BYTES;
  let bio = topOf(request).bioHead;
  let address = bio.address;
  let bytes = bio.sectors << 9;
  let segments: u32 = 1;
  for (bio = bio.next; bio; bio = bio.next) {
    if (address + bytes == bio.address) {
      bytes += bio.sectors << 9;
      continue;
    }
    store<u32>(at, address);
    store<u32>(at, bytes, 4);
    at += SEGMENT_BYTES;
    segments++;
    address = bio.address;
    bytes = bio.sectors << 9;
  }
  store<u32>(at, address);
  store<u32>(at, bytes, 4);
  assert(segments == request.segments);
  setHeader(HEADER_SEGMENT_COUNT, first + segments);
  return first;
}
