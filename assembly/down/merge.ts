// Stage 2 of 11: merge. From submit; to insert.
//
// Promises: bytes keep their place, a request never exceeds its queue's limits, what must not merge
// (NOMERGE, flushes) does not. Never: allocates, asks the host, or touches a started request.
import {
  COUNTER_BACK_MERGES,
  COUNTER_FRONT_MERGES,
  COUNTER_REQUEST_MERGES,
  ELEVATOR_NONE,
  FLAG_NOMERGE,
  OPERATION_FLUSH,
  TRACE_BACK_MERGE,
  TRACE_FRONT_MERGE,
  TRACE_REQUEST_MERGE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { NONE_LOOKBACK } from '../limits';
import { Bio } from '../record/bio';
import { count, Device, endBucket, hashEnd, hashStart, startBucket, unhashEnd, unhashStart } from '../record/device';
import { readFifo } from '../record/fifo';
import { freeRequest } from '../record/pool';
import { endOf, REQUEST_AT_HEAD, Request } from '../record/request';
import { trace } from '../stats/trace';

export const MERGE_NONE: u32 = 0;
export const MERGE_BACK: u32 = 1;
export const MERGE_FRONT: u32 = 2;

/** Most sectors a request may have that begins at `sector` (spec-core 3.4). */
export function maxSectorsAt(device: Device, sector: u64): u32 {
  const chunk = device.chunkSectors;
  if (!chunk) return device.maxSectors;
  return min(device.maxSectors, chunk - <u32>(sector % chunk));
}

export function isMergeable(bio: Bio): bool {
  return bio.operation != OPERATION_FLUSH && !(bio.flags & FLAG_NOMERGE);
}

function isCompatible(request: Request, bio: Bio): bool {
  return request.operation == bio.operation && !(request.flags & FLAG_NOMERGE);
}

function directionOf(request: Request, bio: Bio): u32 {
  if (request.sector + request.sectors == bio.sector) return MERGE_BACK;
  if (bio.sector + bio.sectors == request.sector) return MERGE_FRONT;
  return MERGE_NONE;
}

function continues(before: Bio, after: Bio): bool {
  return before.address + (before.sectors << 9) == after.address;
}

/** Appends the bio, or marks the request and returns false where a limit stands against it. */
function mergeBack(device: Device, request: Request, bio: Bio): bool {
  const segments = <u32>request.segments + (continues(request.bioTail, bio) ? 0 : 1);
  if (request.sectors + bio.sectors > maxSectorsAt(device, request.sector) || segments > device.maxSegments) {
    request.flags |= <u16>FLAG_NOMERGE;
    return false;
  }
  trace(TRACE_BACK_MERGE, device, bio.operation, bio.sector, bio.sectors, 0);
  const isHashed = request.isHashed;
  if (isHashed) unhashEnd(device, request);
  request.bioTail.next = bio;
  request.bioTail = bio;
  request.sectors += bio.sectors;
  request.segments = <u16>segments;
  if (isHashed) hashEnd(device, request);
  count(device, COUNTER_BACK_MERGES, 1);
  return true;
}

/** Prepends the bio; the limit is that at the bio's place. */
function mergeFront(device: Device, request: Request, bio: Bio): bool {
  const segments = <u32>request.segments + (continues(bio, request.bioHead) ? 0 : 1);
  if (request.sectors + bio.sectors > maxSectorsAt(device, bio.sector) || segments > device.maxSegments) {
    request.flags |= <u16>FLAG_NOMERGE;
    return false;
  }
  trace(TRACE_FRONT_MERGE, device, bio.operation, bio.sector, bio.sectors, 0);
  const isHashed = request.isHashed;
  if (isHashed) unhashStart(device, request);
  bio.next = request.bioHead;
  request.bioHead = bio;
  request.sector = bio.sector;
  request.sectors += bio.sectors;
  request.segments = <u16>segments;
  if (isHashed) hashStart(device, request);
  count(device, COUNTER_FRONT_MERGES, 1);
  return true;
}

/** Merges the bio into a request that is held back in the plug. */
export function mergeIntoPlugged(device: Device, request: Request, bio: Bio): bool {
  if (!isCompatible(request, bio)) return false;
  const direction = directionOf(request, bio);
  if (direction == MERGE_BACK) return mergeBack(device, request, bio);
  if (direction == MERGE_FRONT) return mergeFront(device, request, bio);
  return false;
}

/** Merges the bio into a queued request (spec-core 4.1). The bio is mergeable. */
export function mergeIntoQueued(device: Device, bio: Bio): bool {
  if (device.nomerges == 2) return false;
  if (device.elevator == ELEVATOR_NONE) return mergeIntoNewest(device, bio);
  let request = device.lastMerge;
  if (request && isCompatible(request, bio)) {
    const direction = directionOf(request, bio);
    if (direction == MERGE_BACK) return backMerged(device, request, bio);
    if (direction == MERGE_FRONT) return frontMerged(device, request, bio);
  }
  if (device.nomerges == 1) return false;
  request = findByEnd(device, bio.sector, bio.operation);
  if (request) return backMerged(device, request, bio);
  if (!device.hasFrontMerges) return false;
  request = findByStart(device, bio.sector + bio.sectors, bio.operation);
  return request ? frontMerged(device, request, bio) : false;
}

function mergeIntoNewest(device: Device, bio: Bio): bool {
  let request = readFifo(device).tail;
  for (let left = NONE_LOOKBACK; request && left; left--) {
    if (isCompatible(request, bio)) {
      const direction = directionOf(request, bio);
      if (direction == MERGE_BACK) return mergeBack(device, request, bio);
      if (direction == MERGE_FRONT) return mergeFront(device, request, bio);
    }
    request = request.previous;
  }
  return false;
}

function backMerged(device: Device, request: Request, bio: Bio): bool {
  if (!mergeBack(device, request, bio)) return false;
  device.lastMerge = request;
  const next = elevator.latter(device, request);
  if (next) mergeRequests(device, request, next);
  return true;
}

function frontMerged(device: Device, request: Request, bio: Bio): bool {
  if (!mergeFront(device, request, bio)) return false;
  device.lastMerge = request;
  const previous = elevator.former(device, request);
  if (previous && mergeRequests(device, previous, request)) return true;
  elevator.moved(device, request);
  return true;
}

function findByEnd(device: Device, sector: u64, operation: u8): Request {
  let request = changetype<Request>(<usize>load<u32>(endBucket(device, sector)));
  while (request) {
    if (request.sector + request.sectors == sector && request.operation == operation && !(request.flags & FLAG_NOMERGE))
      return request;
    request = request.endNext;
  }
  return request;
}

function findByStart(device: Device, sector: u64, operation: u8): Request {
  let request = changetype<Request>(<usize>load<u32>(startBucket(device, sector)));
  while (request) {
    if (request.sector == sector && request.operation == operation && !(request.flags & FLAG_NOMERGE)) return request;
    request = request.startNext;
  }
  return request;
}

function canJoin(device: Device, before: Request, after: Request): bool {
  return (
    endOf(before) == after.sector &&
    before.operation == after.operation &&
    before.operation != OPERATION_FLUSH &&
    !((before.flags | after.flags) & FLAG_NOMERGE) &&
    before.sectors + after.sectors <= maxSectorsAt(device, before.sector) &&
    joinedSegments(before, after) <= device.maxSegments
  );
}

function joinedSegments(before: Request, after: Request): u32 {
  return <u32>before.segments + after.segments - (continues(before.bioTail, after.bioHead) ? 1 : 0);
}

/** `after`'s bios go behind `before`'s; the earlier arrival counts for both. */
function join(before: Request, after: Request): void {
  before.segments = <u16>joinedSegments(before, after);
  before.bioTail.next = after.bioHead;
  before.bioTail = after.bioTail;
  before.sectors += after.sectors;
  if (after.queuedAt < before.queuedAt) before.queuedAt = after.queuedAt;
  if (!before.firstStatus) before.firstStatus = after.firstStatus;
  if (after.attempts > before.attempts) before.attempts = after.attempts;
}

/** Two queued neighbours become one; `after` is freed. */
function mergeRequests(device: Device, before: Request, after: Request): bool {
  if (!canJoin(device, before, after)) return false;
  // what has come back goes first: it takes others in, it is not taken in by what waits behind it
  if (after.state == REQUEST_AT_HEAD && before.state != REQUEST_AT_HEAD) return false;
  trace(TRACE_REQUEST_MERGE, device, after.operation, after.sector, after.sectors, 0);
  elevator.absorbed(device, before, after);
  unhashEnd(device, before);
  join(before, after);
  hashEnd(device, before);
  count(device, COUNTER_REQUEST_MERGES, 1);
  freeRequest(after);
  return true;
}

/** Insert-time merge (spec-core 4.2): a request not yet queued is taken in by one that ends where it begins. */
export function absorbNew(device: Device, incoming: Request): bool {
  if (device.nomerges == 2 || device.elevator == ELEVATOR_NONE || incoming.flags & FLAG_NOMERGE) return false;
  let survivor = device.lastMerge;
  const isHit = !!survivor && canJoin(device, survivor, incoming);
  if (!isHit) {
    if (device.nomerges == 1) return false;
    survivor = findByEnd(device, incoming.sector, incoming.operation);
    if (!survivor || !canJoin(device, survivor, incoming)) return false;
  }
  trace(TRACE_REQUEST_MERGE, device, incoming.operation, incoming.sector, incoming.sectors, 0);
  unhashEnd(device, survivor);
  join(survivor, incoming);
  hashEnd(device, survivor);
  count(device, COUNTER_REQUEST_MERGES, 1);
  freeRequest(incoming);
  device.lastMerge = survivor;
  if (isHit) return true;
  // the survivor may itself begin where another one ends
  let previous = findByEnd(device, survivor.sector, survivor.operation);
  while (previous && mergeRequests(device, previous, survivor)) {
    survivor = previous;
    previous = findByEnd(device, survivor.sector, survivor.operation);
  }
  return true;
}
