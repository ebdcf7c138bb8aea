// Stage 11 of 11: complete. From end_io; to the host, or to the bio above.
//
// Promises: bios end from head to tail, each once; a bio ends when all of its parts have; an error ends those that fail
// fast, or those that do not, and what is behind them has its turn (spec-core 3.2). So each error ends one bio at least.
// Never: asks the host.
import {
  COMPLETE_BYTES,
  COUNTER_BIO_ERRORS,
  COUNTER_BIOS_ENDED,
  DEVICE_BACKING,
  DEVICE_BIO,
  FLAG_FAILFAST,
  HEADER_COMPLETE,
  HEADER_COMPLETE_COUNT,
  HISTOGRAM_QUEUE_TO_COMPLETE,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  STATUS_OK,
  TRACE_COMPLETE,
} from '../abi';
import * as elevator from '../elevator/elevator';
import { Bio } from '../record/bio';
import { count } from '../record/device';
import { endBio } from '../record/ended';
import { freeBio, freeRequest } from '../record/pool';
import { Request, STEP_BEGUN, topOf } from '../record/request';
import { goBack } from '../record/requeue';
import { header, root, setHeader } from '../record/root';
import { diskAdvances, diskEnds, diskEndsBio, diskFlushed } from '../stats/disk';
import { requestFailed } from '../stats/failures';
import { observe } from '../stats/histogram';
import { regionsAdvance, regionsEnd } from '../stats/regions';
import { trace, tracedOf } from '../stats/trace';

/** A request without an original has ended: so have its bios, or those up to where an error ends. */
export function complete(request: Request): void {
  const device = request.device;
  if (request.status != STATUS_OK) {
    if (device.kind != DEVICE_BACKING || request.operation == OPERATION_FLUSH) {
      requestFailed(device, request, request.goodSectors, request.status);
    }
    const rest = restOf(request);
    if (rest) {
      endFront(request, rest);
      return;
    }
  }
  if (device.kind != DEVICE_BACKING) {
    trace(TRACE_COMPLETE, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, request.status);
  }
  observe(device, HISTOGRAM_QUEUE_TO_COMPLETE, root().now - request.queuedAt);
  if (request.operation != OPERATION_FLUSH) diskEnds(device, request.operation, request.sectors, request.queuedAt);
  else diskFlushed(device, request.queuedAt);
  regionsEnd(device, request.operation, request.sector, request.sectors, request.queuedAt);
  let good: u32 = request.status == STATUS_OK ? <u32>-1 : request.goodSectors;
  let bio = request.status == STATUS_OK ? tellAtOnce(request) : request.bioHead;
  while (bio) {
    const next = bio.next;
    const isGood = good >= bio.sectors;
    if (isGood) good -= bio.sectors;
    else good = 0;
    tell(request, bio, isGood && (request.status == STATUS_OK || bio.sectors > 0) ? STATUS_OK : request.status);
    bio = next;
  }
  request.bioHead = changetype<Bio>(0);
  request.bioTail = changetype<Bio>(0);
  elevator.ended(device, request);
  freeRequest(request);
}

/** The first bio that an error does not end: behind the good ones, and those that fail as fast as the first of the others. */
function restOf(request: Request): Bio {
  let good = request.goodSectors;
  let bio = request.bioHead;
  while (bio && bio.sectors <= good) {
    good -= bio.sectors;
    bio = bio.next;
  }
  if (!bio) return bio;
  const isFast = bio.flags & <u16>FLAG_FAILFAST;
  while (bio && (bio.flags & <u16>FLAG_FAILFAST) == isFast) bio = bio.next;
  return bio;
}

/** An error that stands, but not for all: from `rest` on the request goes back to the head of its elevator. */
function endFront(request: Request, rest: Bio): void {
  const device = request.device;
  let good = request.goodSectors;
  let told: u32 = 0;
  for (let bio = request.bioHead; bio != rest; ) {
    const next = bio.next;
    const isGood = bio.sectors <= good;
    good = isGood ? good - bio.sectors : 0;
    told += bio.sectors;
    tell(request, bio, isGood ? STATUS_OK : request.status);
    bio = next;
  }
  if (device.kind != DEVICE_BACKING) {
    trace(TRACE_COMPLETE, device, tracedOf(request.operation, request.flags), request.sector, told, request.status);
  }
  diskAdvances(device, request.operation, told);
  shorten(request, rest, told);
  request.status = <u8>STATUS_OK;
  request.goodSectors = 0;
  goBack(device, request);
}

/**
 * The host's own whole bios need not go over the list of those that have ended, as long as none is there before them.
 * Returns the first bio that does.
 */
function tellAtOnce(request: Request): Bio {
  let bio = request.bioHead;
  if (root().endedBioHead) return bio;
  while (bio && !bio.parent && bio.remaining == 1) {
    const next = bio.next;
    bio.attempts = request.attempts;
    bio.lastPath = request.lastPath;
    if (!bio.firstStatus) bio.firstStatus = request.firstStatus;
    toHost(bio);
    retire(bio, false);
    bio = next;
  }
  return bio;
}

function tell(request: Request, bio: Bio, status: u32): void {
  bio.attempts = request.attempts;
  bio.lastPath = request.lastPath;
  if (!bio.firstStatus) bio.firstStatus = request.firstStatus;
  endBio(bio, status);
}

/** `sectors` from the front are done although the rest is not: whole bios of them are told, and the stack moves on. */
export function advance(original: Request, sectors: u32): void {
  const top = topOf(original);
  // a write that a flush follows is told when that has ended
  if (top.step || isOfRanges(top)) return;
  let left = sectors;
  let told: u32 = 0;
  let bio = top.bioHead;
  while (bio && bio.sectors <= left) {
    const next = bio.next;
    left -= bio.sectors;
    told += bio.sectors;
    tell(top, bio, STATUS_OK);
    bio = next;
  }
  if (!told) return;
  trace(TRACE_COMPLETE, top.device, tracedOf(top.operation, top.flags), top.sector, told, STATUS_OK);
  diskAdvances(top.device, top.operation, told);
  shorten(original, bio, told);
}

/** A discard of several ranges, on its way up, is told as a whole: its place would say nothing of what is left of it. */
function isOfRanges(request: Request): bool {
  return request.operation == OPERATION_DISCARD && request.segments > 1;
}

/** `bio`, of which `told` sectors stand before, is the first now, or there is none: so it is for each request of the stack. */
function shorten(original: Request, bio: Bio, told: u32): void {
  const top = topOf(original);
  top.bioHead = bio;
  if (bio) top.flags = (top.flags & ~(<u16>FLAG_FAILFAST)) | (bio.flags & <u16>FLAG_FAILFAST);
  else top.bioTail = bio;
  const segments = countSegments(top, bio);
  // ranges of a discard need not follow each other
  const moved = bio ? bio.sector - top.sector : <u64>told;
  for (let request = original; request; request = request.original) {
    advanceRegions(request, told, moved);
    request.sector += moved;
    request.sectors -= told;
    request.segments = <u16>segments;
  }
}

function advanceRegions(request: Request, told: u32, moved: u64): void {
  if (!request.original) regionsAdvance(request.device, request, told, moved, request.queuedAt);
  else if (request.step == STEP_BEGUN) regionsAdvance(request.device, request, told, moved, request.fifoTime);
}

function countSegments(request: Request, first: Bio): u32 {
  if (!first) return 0;
  const isDiscard = request.operation == OPERATION_DISCARD;
  if (isDiscard && request.segments == 1) return 1;
  let segments: u32 = 1;
  for (let bio = first; bio.next; bio = bio.next) {
    if (isDiscard || bio.address + (bio.sectors << 9) != bio.next.address) segments++;
  }
  return segments;
}

/** One part of a bio has ended. Returns the bio when all have, with nothing left to do but to tell. */
export function isWhole(bio: Bio): bool {
  assert(bio.remaining > 0);
  bio.remaining--;
  return bio.remaining == 0;
}

/** A bio that the host submitted. */
export function toHost(bio: Bio): void {
  const index = header(HEADER_COMPLETE_COUNT);
  const at = <usize>header(HEADER_COMPLETE) + <usize>index * COMPLETE_BYTES;
  setHeader(HEADER_COMPLETE_COUNT, index + 1);
  store<u32>(at, bio.tag);
  store<u32>(at, <u32>bio.status | ((<u32>bio.attempts) << 16), 4);
  store<u32>(at, <u32>bio.lastPath | ((<u32>bio.firstStatus) << 16), 8);
}

/** Frees a bio that has ended; what came to its device, as against a part that was split off there, is counted. */
export function retire(bio: Bio, isPart: bool): void {
  const device = bio.device;
  if (device.kind == DEVICE_BIO) {
    // a stripe's share of a range names all of it: that counts when all shares have ended
    const isShare = isPart && bio.sector == bio.parent.sector;
    if (!isPart) {
      trace(TRACE_COMPLETE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, bio.status);
      diskEndsBio(device, bio.operation, bio.sectors, bio.submittedAt);
    }
    if (isPart && !isShare) diskAdvances(device, bio.operation, bio.sectors);
    if (!isShare) regionsEnd(device, bio.operation, bio.sector, bio.sectors, bio.submittedAt);
  }
  if (!isPart) {
    count(device, COUNTER_BIOS_ENDED, 1);
    if (bio.status) count(device, COUNTER_BIO_ERRORS, 1);
  }
  freeBio(bio);
}
