import {
  DEVICE_BACKING,
  ELEVATOR_KYBER,
  FLAG_SYNC,
  HEADER_BIOS_FREE,
  HEADER_REQUESTS_FREE,
  ID_BIO,
  ID_INDEX_BITS,
  OPERATION_FLUSH,
  OPERATION_READ,
} from '../abi';
import { BIO_BYTES, BIOS_RESERVED, NO_DEVICE, REQUEST_BYTES, REQUESTS_RESERVED } from '../limits';
import { BIO_FREE, BIO_HELD, Bio } from './bio';
import { Device } from './device';
import { MARK_ASYNC, REQUEST_CARRIER, REQUEST_FREE, REQUEST_PLUGGED, Request, STEP_NONE, STEP_PREFLUSH } from './request';
import { ready, root, setHeader } from './root';

// Pools of bios and requests: fixed arrays with a free list through `next`.
//
// Every device is sure of its reserve (limits.ts); the rest of a pool is shared, up to a quota a
// device. What comes in (a bio, a queued request) leaves SPARE records of the reserve to what finishes
// work already begun (the parts of a split bio, clones). So whatever one device holds, each other one,
// on every level of a stack, can go on. What is freed fills the reserve first.
//
// A clone counts as a record of the device that made it.
//
// A record's generation goes up when it is freed: a late answer names a generation that is gone.

const SPARE: u32 = 2;
const INDEX_MASK: u32 = (1 << ID_INDEX_BITS) - 1;
const GENERATION_MASK: u32 = 0x7ff;

/** A bio for `device`, or null. Sector, sectors, address, operation, flags and tag are the caller's to set. */
export function allocateBio(device: Device, isPart: bool): Bio {
  const all = root();
  if (all.biosShared && device.bios < device.biosMax) {
    all.biosShared--;
    device.biosShared++;
  } else if (device.bios - device.biosShared >= BIOS_RESERVED - (isPart ? 0 : SPARE)) {
    return changetype<Bio>(0);
  }
  device.bios++;
  const bio = all.bioFree;
  assert(bio);
  all.bioFree = bio.next;
  bio.next = changetype<Bio>(0);
  bio.status = 0;
  bio.state = BIO_HELD;
  bio.device = device;
  bio.parent = changetype<Bio>(0);
  bio.remaining = 1;
  bio.chosen = NO_DEVICE;
  bio.attempts = 0;
  bio.context = 0;
  bio.firstStatus = 0;
  bio.lastPath = NO_DEVICE;
  bio.submittedAt = all.now;
  return bio;
}

export function freeBio(bio: Bio): void {
  const all = root();
  const device = bio.device;
  assert(bio.state != BIO_FREE);
  bio.state = BIO_FREE;
  bio.generation++;
  bio.next = all.bioFree;
  all.bioFree = bio;
  if (device.bios == device.biosShared) {
    device.biosShared--;
    all.biosShared++;
  }
  device.bios--;
  if (device.parkedHead || device.waitingHead || device.mapHead) ready(device);
}

/** Gives back a bio that was never used. (Not by `freeBio`: that has one caller, so that it is compiled into the loop there.) */
export function returnBio(bio: Bio): void {
  const all = root();
  const device = bio.device;
  assert(bio.state != BIO_FREE);
  bio.state = BIO_FREE;
  bio.next = all.bioFree;
  all.bioFree = bio;
  if (device.bios == device.biosShared) {
    device.biosShared--;
    all.biosShared++;
  }
  device.bios--;
  if (device.parkedHead || device.waitingHead || device.mapHead) ready(device);
}

/** Whether a bio that comes in can have a record. */
export function canTakeBio(device: Device): bool {
  if (root().biosShared && device.bios < device.biosMax) return true;
  return device.bios - device.biosShared < BIOS_RESERVED - SPARE;
}

/** Requests of the device's own queue. */
function ownRequests(device: Device): u32 {
  return device.requests - device.clonesMade;
}

/** Whether `device` can have a record for a clone. */
export function canClone(device: Device): bool {
  return root().requestsShared > 0 || device.requests - device.requestsShared < REQUESTS_RESERVED;
}

/** Whether async_depth limits requests for such bios (spec-core 5.6, 6): all but reads and flushes; in kyber not what is SYNC. */
export function isAsync(device: Device, bio: Bio): bool {
  if (bio.operation == OPERATION_READ || bio.operation == OPERATION_FLUSH) return false;
  return device.elevator != ELEVATOR_KYBER || !(bio.flags & FLAG_SYNC);
}

/** Whether this one must wait until another such request has ended. */
export function isOverDepth(device: Device, bio: Bio): bool {
  return device.asyncHeld >= device.asyncMax && isAsync(device, bio);
}

/** A request for a bio of the queue of `device`, or null. Place, length, operation and bios are the caller's to set. */
export function allocateRequest(device: Device, bio: Bio): Request {
  const isLimited = isAsync(device, bio);
  if (isLimited && device.asyncHeld >= device.asyncMax) return changetype<Request>(0);
  const own = ownRequests(device);
  if (own >= device.requestsMax) return changetype<Request>(0);
  if (device.isInTurn && !device.elevator && device.kind == DEVICE_BACKING && own >= device.depth)
    return changetype<Request>(0);
  if (!root().requestsShared) {
    const used = device.requests - device.requestsShared;
    // a queue that has none may have the last: clones that come from above without pause must not starve it
    if (used >= REQUESTS_RESERVED - (own ? SPARE : 0)) return changetype<Request>(0);
  }
  const request = take(device);
  request.device = device;
  request.original = changetype<Request>(0);
  if (isLimited) {
    request.mark = MARK_ASYNC;
    device.asyncHeld++;
  }
  return request;
}

/**
 * A clone for `lower`, or null. It counts as a record of the device that makes it, so that whoever holds clones holds
 * up nobody but itself; how many `lower` takes is the business of its credits.
 */
export function allocateClone(original: Request, lower: Device): Request {
  const device = original.device;
  if (!canClone(device)) return changetype<Request>(0);
  const request = take(device);
  device.clonesMade++;
  lower.clones++;
  request.device = lower;
  request.original = original;
  return request;
}

function take(device: Device): Request {
  const all = root();
  if (all.requestsShared) {
    all.requestsShared--;
    device.requestsShared++;
  }
  device.requests++;
  const request = all.requestFree;
  assert(request);
  all.requestFree = request.next;
  request.next = changetype<Request>(0);
  request.clone = changetype<Request>(0);
  request.state = REQUEST_PLUGGED;
  request.step = STEP_NONE;
  request.status = 0;
  request.firstStatus = 0;
  request.goodSectors = 0;
  request.isHashed = 0;
  request.mark = 0;
  request.attempts = 0;
  request.context = 0;
  request.chosen = NO_DEVICE;
  request.lastPath = NO_DEVICE;
  return request;
}

export function freeRequest(request: Request): void {
  const all = root();
  assert(request.state != REQUEST_FREE && !request.isHashed);
  let device = request.device;
  if (request.original) {
    device.clones--;
    device = request.original.device;
    device.clonesMade--;
  }
  if (request.mark & MARK_ASYNC) device.asyncHeld--;
  request.state = REQUEST_FREE;
  request.generation++;
  request.next = all.requestFree;
  all.requestFree = request;
  if (device.requests == device.requestsShared) {
    device.requestsShared--;
    all.requestsShared++;
  }
  device.requests--;
  if (device.waitingHead || device.lacksClone || device.overDepthHead) {
    device.lacksClone = 0;
    ready(device);
  }
}

/** A device's flush carrier: one record that it has as long as it lives, beside what it may hold. */
export function takeCarrier(device: Device): Request {
  const all = root();
  const carrier = all.requestFree;
  assert(carrier);
  all.requestFree = carrier.next;
  carrier.next = changetype<Request>(0);
  carrier.device = device;
  carrier.original = changetype<Request>(0);
  carrier.clone = changetype<Request>(0);
  carrier.bioHead = changetype<Bio>(0);
  carrier.bioTail = changetype<Bio>(0);
  carrier.sector = 0;
  carrier.sectors = 0;
  carrier.segments = 0;
  carrier.isHashed = 0;
  carrier.mark = 0;
  carrier.operation = <u8>OPERATION_FLUSH;
  carrier.step = STEP_PREFLUSH;
  carrier.state = REQUEST_CARRIER;
  return carrier;
}

/** The device goes. */
export function freeCarrier(carrier: Request): void {
  const all = root();
  assert(carrier.state == REQUEST_CARRIER);
  carrier.state = REQUEST_FREE;
  carrier.generation++;
  carrier.next = all.requestFree;
  all.requestFree = carrier;
}

/** Another elevator begins: what the old one counted, and is under way, counts no more. */
export function unmark(device: Device): void {
  const all = root();
  for (let i: u32 = 0; i < all.requestsTotal; i++) {
    const request = changetype<Request>(all.requests + <usize>i * REQUEST_BYTES);
    if (request.state != REQUEST_FREE && request.device == device) request.mark &= MARK_ASYNC;
  }
}

export function requestId(request: Request): u32 {
  const index = <u32>(changetype<usize>(request) - root().requests) / REQUEST_BYTES;
  return index | ((<u32>request.generation & GENERATION_MASK) << ID_INDEX_BITS);
}

/** The request that an id names, or null if it has been freed since. */
export function requestOf(id: u32): Request {
  const all = root();
  const index = id & INDEX_MASK;
  if (id & ID_BIO || index >= all.requestsTotal) return changetype<Request>(0);
  const request = changetype<Request>(all.requests + <usize>index * REQUEST_BYTES);
  if (((id >> ID_INDEX_BITS) & GENERATION_MASK) != (<u32>request.generation & GENERATION_MASK)) return changetype<Request>(0);
  return request;
}

export function bioId(bio: Bio): u32 {
  const index = <u32>(changetype<usize>(bio) - root().bios) / BIO_BYTES;
  return index | ((<u32>bio.generation & GENERATION_MASK) << ID_INDEX_BITS) | ID_BIO;
}

export function bioOf(id: u32): Bio {
  const all = root();
  const index = id & INDEX_MASK;
  if (!(id & ID_BIO) || index >= all.biosTotal) return changetype<Bio>(0);
  const bio = changetype<Bio>(all.bios + <usize>index * BIO_BYTES);
  if (((id >> ID_INDEX_BITS) & GENERATION_MASK) != (<u32>bio.generation & GENERATION_MASK)) return changetype<Bio>(0);
  return bio;
}

export function publishPools(): void {
  const all = root();
  setHeader(HEADER_BIOS_FREE, all.biosShared);
  setHeader(HEADER_REQUESTS_FREE, all.requestsShared);
}
