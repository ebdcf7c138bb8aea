// Stage 2 of 11: merge. From submit; to insert.
//
// Promises: bytes keep their place, a request never exceeds its queue's limits, what must not merge
// (NOMERGE, FUA, PREFLUSH, flushes, WRITE_ZEROES, another priority) does not. Never: allocates, asks the host, or touches a started request.
// A request fails fast as its first bio does (spec-core 3.2: the others may differ; up/complete.ts).
import {
  COUNTER_BACK_MERGES,
  COUNTER_FRONT_MERGES,
  COUNTER_REQUEST_MERGES,
  FLAG_FAILFAST,
  FLAG_FUA,
  FLAG_NOMERGE,
  FLAG_PREFLUSH,
  FLAG_PRIORITY_MASK,
  OPERATION_DISCARD,
  TRACE_BACK_MERGE,
  TRACE_FRONT_MERGE,
  TRACE_REQUEST_MERGE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { LOOKBACK } from '../limits';
import { Bio } from '../record/bio';
import { count, Device, endBucket, hashEnd, hashStart, startBucket, unhashEnd, unhashStart } from '../record/device';
import { hasPayload } from '../record/operation';
import { freeRequest } from '../record/pool';
import { endOf, REQUEST_AT_HEAD, Request } from '../record/request';
import { diskLeaves, diskMerges } from '../stats/disk';
import { regionsGrow, regionsJoin } from '../stats/regions';
import { trace, tracedOf } from '../stats/trace';

const MERGE_NONE: u32 = 0;
const MERGE_BACK: u32 = 1;
const MERGE_FRONT: u32 = 2;
/** Ranges that need not touch (spec-core 3.3). */
const MERGE_DISCARD: u32 = 3;

const BARRED: u32 = FLAG_NOMERGE | FLAG_FUA | FLAG_PREFLUSH;

/** Most sectors a request may have that begins at `sector` (spec-core 3.4); 0: the operation is not supported. */
export function maxSectorsAt(device: Device, operation: u32, sector: u64): u32 {
  let most = device.maxSectors;
  if (!hasPayload(operation)) {
    if (operation == OPERATION_DISCARD) return device.maxDiscardSectors;
    most = device.maxWriteZeroesSectors;
  }
  const chunk = device.chunkSectors;
  if (!chunk) return most;
  return min(most, chunk - <u32>(sector % chunk));
}

export function isMergeable(bio: Bio): bool {
  return !(bio.flags & BARRED) && (hasPayload(bio.operation) || bio.operation == OPERATION_DISCARD);
}

/** Whether a request may take in what has this operation and these flags (spec-core 3.1, 3.2). */
function isCompatible(request: Request, operation: u8, flags: u16): bool {
  return request.operation == operation && !(request.flags & BARRED) && !((request.flags ^ flags) & <u16>FLAG_PRIORITY_MASK);
}

/** Discards of a queue that takes several ranges merge wherever they lie. */
function mergesRanges(device: Device, request: Request): bool {
  return request.operation == OPERATION_DISCARD && device.maxDiscardSegments > 1;
}

function directionOf(device: Device, request: Request, bio: Bio): u32 {
  if (mergesRanges(device, request)) return MERGE_DISCARD;
  if (request.sector + request.sectors == bio.sector) return MERGE_BACK;
  if (bio.sector + bio.sectors == request.sector) return MERGE_FRONT;
  return MERGE_NONE;
}

/** What joins without a piece of memory more. Discards have no memory. */
function continues(before: Bio, after: Bio): bool {
  return before.address + (before.sectors << 9) == after.address || before.operation == OPERATION_DISCARD;
}

function tookIn(device: Device, request: Request, bio: Bio, counter: u32): void {
  count(device, counter, 1);
  diskMerges(device, request.operation);
  if (!device.regions) return;
  const sectorBefore = bio == request.bioHead ? request.sector + bio.sectors : request.sector;
  regionsGrow(device, request, sectorBefore, request.sectors - bio.sectors, bio.sector, bio.sectors);
}

function isOver(device: Device, request: Request, bio: Bio, sector: u64): bool {
  return <u64>request.sectors + bio.sectors > <u64>maxSectorsAt(device, request.operation, sector);
}

/** Appends the bio as a range of its own. */
function mergeDiscard(device: Device, request: Request, bio: Bio): bool {
  if (<u32>request.segments >= device.maxDiscardSegments || isOver(device, request, bio, request.sector)) {
    request.flags |= <u16>FLAG_NOMERGE;
    return false;
  }
  trace(TRACE_BACK_MERGE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 0);
  const isHashed = request.isHashed;
  if (isHashed) unhashEnd(device, request);
  request.bioTail.next = bio;
  request.bioTail = bio;
  request.sectors += bio.sectors;
  request.segments++;
  if (isHashed) hashEnd(device, request);
  tookIn(device, request, bio, COUNTER_BACK_MERGES);
  return true;
}

/** Appends the bio, or marks the request and returns false where a limit stands against it. */
function mergeBack(device: Device, request: Request, bio: Bio): bool {
  const segments = <u32>request.segments + (continues(request.bioTail, bio) ? 0 : 1);
  if (isOver(device, request, bio, request.sector) || segments > device.maxSegments) {
    request.flags |= <u16>FLAG_NOMERGE;
    return false;
  }
  trace(TRACE_BACK_MERGE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 0);
  const isHashed = request.isHashed;
  if (isHashed) unhashEnd(device, request);
  request.bioTail.next = bio;
  request.bioTail = bio;
  request.sectors += bio.sectors;
  request.segments = <u16>segments;
  if (isHashed) hashEnd(device, request);
  tookIn(device, request, bio, COUNTER_BACK_MERGES);
  return true;
}

/** Prepends the bio; the limit is that at the bio's place. */
function mergeFront(device: Device, request: Request, bio: Bio): bool {
  const segments = <u32>request.segments + (continues(bio, request.bioHead) ? 0 : 1);
  if (isOver(device, request, bio, bio.sector) || segments > device.maxSegments) {
    request.flags |= <u16>FLAG_NOMERGE;
    return false;
  }
  trace(TRACE_FRONT_MERGE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 0);
  const isHashed = request.isHashed;
  if (isHashed) unhashStart(device, request);
  bio.next = request.bioHead;
  request.bioHead = bio;
  request.flags = (request.flags & ~(<u16>FLAG_FAILFAST)) | (bio.flags & <u16>FLAG_FAILFAST);
  request.sector = bio.sector;
  request.sectors += bio.sectors;
  request.segments = <u16>segments;
  if (isHashed) hashStart(device, request);
  tookIn(device, request, bio, COUNTER_FRONT_MERGES);
  return true;
}

/** Merges the bio into a request that is held back in the plug. */
export function mergeIntoPlugged(device: Device, request: Request, bio: Bio): bool {
  if (!isCompatible(request, bio.operation, bio.flags)) return false;
  const direction = directionOf(device, request, bio);
  if (direction == MERGE_BACK) return mergeBack(device, request, bio);
  if (direction == MERGE_FRONT) return mergeFront(device, request, bio);
  return direction == MERGE_DISCARD && mergeDiscard(device, request, bio);
}

/** Merges the bio into a queued request (spec-core 4.1). The bio is mergeable. */
export function mergeIntoQueued(device: Device, bio: Bio): bool {
  if (device.nomerges == 2) return false;
  if (!device.isSorting) return mergeIntoNewest(device, bio);
  let request = device.lastMerge;
  if (request && isCompatible(request, bio.operation, bio.flags)) {
    const direction = directionOf(device, request, bio);
    if (direction == MERGE_BACK) return backMerged(device, request, bio);
    if (direction == MERGE_FRONT) return frontMerged(device, request, bio);
    if (direction == MERGE_DISCARD) return discardMerged(device, request, bio);
  }
  if (device.nomerges == 1) return false;
  request = findByEnd(device, bio.sector, bio.operation, bio.flags);
  if (request) return mergesRanges(device, request) ? discardMerged(device, request, bio) : backMerged(device, request, bio);
  if (!device.hasFrontMerges) return false;
  request = findByStart(device, bio.sector + bio.sectors, bio.operation, bio.flags);
  if (!request) return false;
  return mergesRanges(device, request) ? discardMerged(device, request, bio) : frontMerged(device, request, bio);
}

function mergeIntoNewest(device: Device, bio: Bio): bool {
  let request = elevator.newest(device, bio.operation);
  for (let left = LOOKBACK; request && left; left--) {
    if (isCompatible(request, bio.operation, bio.flags)) {
      const direction = directionOf(device, request, bio);
      if (direction == MERGE_BACK) return mergeBack(device, request, bio);
      if (direction == MERGE_FRONT) return mergeFront(device, request, bio);
      if (direction == MERGE_DISCARD) return mergeDiscard(device, request, bio);
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

/** Its ranges touch none of its neighbours, so nothing follows. */
function discardMerged(device: Device, request: Request, bio: Bio): bool {
  if (!mergeDiscard(device, request, bio)) return false;
  device.lastMerge = request;
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

function findByEnd(device: Device, sector: u64, operation: u8, flags: u16): Request {
  let request = changetype<Request>(<usize>load<u32>(endBucket(device, sector)));
  while (request) {
    if (request.sector + request.sectors == sector && isCompatible(request, operation, flags)) return request;
    request = request.endNext;
  }
  return request;
}

function findByStart(device: Device, sector: u64, operation: u8, flags: u16): Request {
  let request = changetype<Request>(<usize>load<u32>(startBucket(device, sector)));
  while (request) {
    if (request.sector == sector && isCompatible(request, operation, flags)) return request;
    request = request.startNext;
  }
  return request;
}

function canJoin(device: Device, before: Request, after: Request): bool {
  const hasRanges = mergesRanges(device, before);
  return (
    (hasRanges || endOf(before) == after.sector) &&
    isCompatible(before, after.operation, after.flags) &&
    !(after.flags & BARRED) &&
    (hasPayload(before.operation) || before.operation == OPERATION_DISCARD) &&
    <u64>before.sectors + after.sectors <= <u64>maxSectorsAt(device, before.operation, before.sector) &&
    joinedSegments(device, before, after) <= (hasRanges ? device.maxDiscardSegments : device.maxSegments)
  );
}

function joinedSegments(device: Device, before: Request, after: Request): u32 {
  const isJoined = continues(before.bioTail, after.bioHead) && !mergesRanges(device, before);
  return <u32>before.segments + after.segments - (isJoined ? 1 : 0);
}

/** `after`'s bios go behind `before`'s; the earlier arrival counts for both. */
function join(device: Device, before: Request, after: Request): void {
  regionsJoin(device, before, after);
  before.segments = <u16>joinedSegments(device, before, after);
  before.bioTail.next = after.bioHead;
  before.bioTail = after.bioTail;
  before.sectors += after.sectors;
  if (after.queuedAt < before.queuedAt) before.queuedAt = after.queuedAt;
  if (!before.firstStatus) before.firstStatus = after.firstStatus;
  if (after.attempts > before.attempts) before.attempts = after.attempts;
}

function countJoined(device: Device, operation: u32): void {
  count(device, COUNTER_REQUEST_MERGES, 1);
  diskMerges(device, operation);
  diskLeaves(device);
}

/** Two queued neighbours become one; `after` is freed. */
function mergeRequests(device: Device, before: Request, after: Request): bool {
  if (!canJoin(device, before, after)) return false;
  // what has come back goes first: it takes others in, it is not taken in by what waits behind it
  if (after.state == REQUEST_AT_HEAD && before.state != REQUEST_AT_HEAD) return false;
  trace(TRACE_REQUEST_MERGE, device, tracedOf(after.operation, after.flags), after.sector, after.sectors, 0);
  elevator.absorbed(device, before, after);
  unhashEnd(device, before);
  join(device, before, after);
  hashEnd(device, before);
  countJoined(device, after.operation);
  freeRequest(after);
  return true;
}

/** Insert-time merge (spec-core 4.2): a request not yet queued is taken in by one that ends where it begins. */
export function absorbNew(device: Device, incoming: Request): bool {
  if (device.nomerges == 2 || !device.isSorting || incoming.flags & BARRED) return false;
  let survivor = device.lastMerge;
  const isHit = !!survivor && canJoin(device, survivor, incoming);
  if (!isHit) {
    if (device.nomerges == 1) return false;
    survivor = findByEnd(device, incoming.sector, incoming.operation, incoming.flags);
    if (!survivor || !canJoin(device, survivor, incoming)) return false;
  }
  trace(TRACE_REQUEST_MERGE, device, tracedOf(incoming.operation, incoming.flags), incoming.sector, incoming.sectors, 0);
  unhashEnd(device, survivor);
  join(device, survivor, incoming);
  hashEnd(device, survivor);
  countJoined(device, incoming.operation);
  freeRequest(incoming);
  device.lastMerge = survivor;
  if (isHit) return true;
  // the survivor may itself begin where another one ends
  let previous = findByEnd(device, survivor.sector, survivor.operation, survivor.flags);
  while (previous && mergeRequests(device, previous, survivor)) {
    survivor = previous;
    previous = findByEnd(device, survivor.sector, survivor.operation, survivor.flags);
  }
  return true;
}
