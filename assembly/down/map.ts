// Stage 7 of 11: map. From clone; to issue (requests) or to submit of the device below (bios).
//
// Promises: the place on the device that prep_map chose, by the extent or by the target's `map`.
// Never: another device than was chosen; that is a kill.
import {
  EXTENT_STRIPED,
  EXTENT_ZERO,
  FLAG_NOWAIT,
  FLAG_RAHEAD,
  HOOK_MAP,
  HOOK_PREP_MAP,
  MAP_DELAY_REQUEUE,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
  OPERATION_FLUSH,
  OPERATION_READ,
  STATUS_AGAIN,
  STATUS_IOERR,
  STATUS_OK,
} from '../abi';
import { BIO_BELOW, BIO_HELD, BIO_KEPT, BIO_MAP, Bio } from '../record/bio';
import { returnCredit } from '../record/credit';
import { askBio, asked, askRequest, Decision, decision, RING_MAP, RING_RELEASE } from '../record/decision';
import { Device } from '../record/device';
import { deviceAt, isBelow } from '../record/devices';
import { endBio, endRequest } from '../record/ended';
import { Extent } from '../record/extent';
import { fill } from '../record/fill';
import { appendBio, parkedOf } from '../record/list';
import { isAbnormal } from '../record/operation';
import { goesOn } from '../record/part';
import { allocateBio, bioOf, canTakeBio, freeRequest, requestOf, returnBio } from '../record/pool';
import { REQUEST_KEPT, REQUEST_MAP, Request } from '../record/request';
import { delayBio, delayRequest, redriveBio, redriveBioLater, refuse, refuseLater } from '../record/requeue';
import { setHeader } from '../record/root';
import { stripeEdge, stripeSector } from '../record/stripe';
import { traceBioRemap, traceRemap } from '../stats/trace';
import { clone } from './clone';
import { issue } from './issue';
import { arrive } from './submit';

/** The sector below: what the table says, unless the target chooses devices itself and so keeps the place. */
function translate(extent: Extent, sector: u64): u64 {
  if (extent.hooks & HOOK_PREP_MAP) return sector;
  return extent.kind == EXTENT_STRIPED ? stripeSector(extent, sector) : sector - extent.start + extent.offset;
}

export function mapClone(clone: Request): void {
  const original = clone.original;
  const extent = original.extent;
  if (extent.hooks & HOOK_MAP) {
    clone.state = REQUEST_MAP;
    clone.device.inMap++;
    askRequest(RING_MAP, original, 0, 0);
    return;
  }
  if (clone.operation != OPERATION_FLUSH) clone.sector = translate(extent, original.sector);
  remapped(original, clone);
}

function remapped(original: Request, clone: Request): void {
  traceRemap(clone);
  issue(clone);
}

/** Takes back the choice of prep_map: the target's count, and the clone. */
export function takeBack(original: Request): void {
  if (original.extent.hooks & HOOK_PREP_MAP) askRequest(RING_RELEASE, original, 0, 0);
  if (original.clone) {
    const lower = original.clone.device;
    freeRequest(original.clone);
    original.clone = changetype<Request>(0);
    returnCredit(lower);
  }
}

/** The bio gets its piece on the device below; it waits in that device's list if no record is free there, or others wait. */
export function mapBio(bio: Bio, lower: Device): void {
  bio.chosen = <u16>lower.id;
  if (!lower.parkedHead && canTakeBio(lower)) {
    mapPiece(bio, lower);
  } else if (bio.flags & FLAG_NOWAIT) {
    if (bio.extent.hooks & HOOK_PREP_MAP) askBio(RING_RELEASE, bio, 0);
    bio.device.inFlight--;
    endBio(bio, STATUS_AGAIN);
  } else {
    appendBio(parkedOf(lower), bio);
  }
}

/** The first of those that wait. A record is free. */
export function redriveParked(bio: Bio): void {
  mapPiece(bio, deviceAt(bio.chosen));
}

function mapPiece(bio: Bio, lower: Device): void {
  const piece = allocateBio(lower, false);
  const extent = bio.extent;
  if (extent.hooks & HOOK_MAP) {
    // the piece is there before the host is asked, so that it is asked once
    bio.state = BIO_MAP;
    bio.next = piece;
    askBio(RING_MAP, bio, 0);
    return;
  }
  send(bio, piece, bio.operation == OPERATION_FLUSH ? 0 : translate(extent, bio.sector));
}

/** The piece enters the device below. */
function send(bio: Bio, piece: Bio, sector: u64): void {
  const lower = piece.device;
  bio.state = BIO_BELOW;
  piece.sector = sector;
  piece.sectors = bio.sectors;
  piece.address = bio.address;
  piece.operation = bio.operation;
  piece.flags = bio.flags;
  piece.parent = bio;
  if (bio.extent.kind == EXTENT_STRIPED && isAbnormal(bio.operation)) toStripe(bio, piece);
  traceBioRemap(lower, piece, bio);
  arrive(piece);
}

/** A range without memory, on one stripe: all of it that lies there is in a row. */
function toStripe(bio: Bio, piece: Bio): void {
  const begin = stripeEdge(bio.extent, bio.sector, bio.address);
  piece.sector = begin;
  piece.sectors = <u32>(stripeEdge(bio.extent, bio.sector + bio.sectors, bio.address) - begin);
}

/** A stretch without a device: reads of zeros, or an error. */
export function endInTable(bio: Bio, extent: Extent): void {
  bio.device.inFlight--;
  if (extent.kind != EXTENT_ZERO) {
    endBio(bio, STATUS_IOERR);
    return;
  }
  if (bio.operation == OPERATION_READ) {
    if (bio.flags & FLAG_RAHEAD) {
      endBio(bio, STATUS_IOERR);
      return;
    }
    fill(bio.address, bio.sectors << 9);
  }
  if (!goesOn(bio)) endBio(bio, STATUS_OK);
}

// 1. kept by prep_map or map, or by end_io: another clone, for the device that is named now
// 2. all of it has been told while it was kept: done
// 3. a device that does not stand below: IOERR
// 4. that device takes nothing now: prep_map is asked again
/** What a target kept goes to `sector` of device `lower` after all. False: nothing of that name is kept. */
export function remap(id: u32, lower: u32, sector: u64): bool {
  const original = requestOf(id);
  if (!original) return remapBio(bioOf(id), lower, sector);
  const kept = original.clone;
  if (kept ? kept.state != REQUEST_KEPT : original.state != REQUEST_KEPT) return false;
  const device = original.device;
  if (kept) {
    original.clone = changetype<Request>(0);
    const before = kept.device;
    freeRequest(kept);
    returnCredit(before);
  }
  const isDone = original.sectors == 0 && original.operation != OPERATION_FLUSH;
  if (isDone || !isBelow(device, lower)) {
    device.inFlight--;
    endRequest(original, isDone ? STATUS_OK : STATUS_IOERR, 0);
    return true;
  }
  const copy = clone(original, deviceAt(lower));
  if (!copy) {
    refuse(device, original);
    return true;
  }
  // its front may have been told since the target saw it
  if (copy.operation != OPERATION_FLUSH) copy.sector = sector + (original.askedSectors - original.sectors);
  remapped(original, copy);
  return true;
}

function remapBio(bio: Bio, id: u32, sector: u64): bool {
  if (!bio || bio.state != BIO_KEPT) return false;
  const device = bio.device;
  if (!isBelow(device, id)) {
    device.inFlight--;
    bio.state = BIO_HELD;
    endBio(bio, STATUS_IOERR);
    return true;
  }
  const lower = deviceAt(id);
  if (lower.parkedHead || !canTakeBio(lower)) {
    redriveBio(device, bio);
    return true;
  }
  bio.chosen = <u16>id;
  send(bio, allocateBio(lower, false), bio.operation == OPERATION_FLUSH ? 0 : sector);
  return true;
}

/** Takes the verdicts of `map`. */
export function takeMapVerdicts(): void {
  const total = asked(RING_MAP);
  setHeader(RING_MAP + 1, 0);
  for (let i: u32 = 0; i < total; i++) {
    const record = decision(RING_MAP, i);
    const original = requestOf(record.id);
    if (original) mapVerdict(original, record);
    else mapBioVerdict(bioOf(record.id), record);
  }
}

function mapVerdict(original: Request, record: Decision): void {
  const clone = original.clone;
  assert(clone && clone.state == REQUEST_MAP);
  const device = original.device;
  const lower = clone.device;
  lower.inMap--;
  if (record.verdict == MAP_REMAPPED && record.device == clone.device.id) {
    if (clone.operation != OPERATION_FLUSH) clone.sector = <u64>record.sector;
    remapped(original, clone);
  } else if (record.verdict == MAP_SUBMITTED) {
    clone.state = REQUEST_KEPT;
    returnCredit(lower);
  } else {
    takeBack(original);
    if (record.verdict == MAP_REQUEUE) {
      refuseLater(device, original);
    } else if (record.verdict == MAP_DELAY_REQUEUE) {
      delayRequest(device, original);
    } else {
      device.inFlight--;
      endRequest(original, STATUS_IOERR, 0);
    }
  }
}

function mapBioVerdict(bio: Bio, record: Decision): void {
  assert(bio && bio.state == BIO_MAP);
  const device = bio.device;
  const piece = bio.next;
  bio.next = changetype<Bio>(0);
  if (record.verdict == MAP_REMAPPED && record.device == <u32>bio.chosen) {
    send(bio, piece, bio.operation == OPERATION_FLUSH ? 0 : <u64>record.sector);
    return;
  }
  returnBio(piece);
  if (record.verdict == MAP_SUBMITTED) {
    bio.state = BIO_KEPT;
  } else {
    if (bio.extent.hooks & HOOK_PREP_MAP) askBio(RING_RELEASE, bio, 0);
    if (record.verdict == MAP_REQUEUE) {
      redriveBioLater(device, bio);
    } else if (record.verdict == MAP_DELAY_REQUEUE) {
      delayBio(device, bio);
    } else {
      device.inFlight--;
      endBio(bio, STATUS_IOERR);
    }
  }
}
