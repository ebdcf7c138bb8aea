// Stage 4 of 11: dispatch, of a bio-based device. From submit; to prep_map.
//
// Promises: each bio is mapped in its turn, cut at its extent's end and to its target's longest I/O; what is out in parts
// goes on even if no record is free. Never: maps anything while the device is suspended.
import {
  ABILITY_DISCARD,
  ABILITY_WRITE_ZEROES,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  EXTENT_STRIPED,
  FLAG_PREFLUSH,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  STATUS_IOERR,
  STATUS_NOTSUPP,
  STATUS_OK,
} from '../abi';
import { PARTS_MAX } from '../limits';
import { BIO_AFTER_FLUSH, BIO_MAP_QUEUE, Bio } from '../record/bio';
import { hasRoom, RING_MAP, RING_PREP_MAP } from '../record/decision';
import { Device, extentAt } from '../record/device';
import { endBio } from '../record/ended';
import { Extent } from '../record/extent';
import { isFillHigh } from '../record/fill';
import { mapQueueOf, prependBio, takeBio } from '../record/list';
import { isAbnormal } from '../record/operation';
import { holdBack, isPart } from '../record/part';
import { allocateBio } from '../record/pool';
import { ready, root } from '../record/root';
import { stripeAt, stripeEdge, stripesOf } from '../record/stripe';
import { isFannedOut, prepMapBio } from './prep-map';
import { cut, splitAt, traceSplit } from './submit';

const EXTENT_BITS: u32 = 20;
const EXTENT_MASK: u32 = (1 << EXTENT_BITS) - 1;

// 1. a flush: one for each target that wants it
// 2. no extent: an error
// 3. longer than its extent, or than the target's longest I/O: the front goes first
export function runBios(device: Device): void {
  // a suspend lets what has come go first; one that keeps what cannot be mapped keeps that too
  if (device.state == DEVICE_SUSPENDED || (device.state != DEVICE_RUNNING && device.isNoflush)) return;
  if (device.rerunAt > root().now) return;
  device.rerunAt = 0;
  const list = mapQueueOf(device);
  while (device.mapHead) {
    if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP) || isFillHigh()) {
      root().isRingFull = 1;
      ready(device);
      return;
    }
    const bio = takeBio(list);
    device.waiting--;
    if (!mapNext(device, bio) && (root().isRingFull || !partsFirst(device))) return;
    if (device.isInTurn && isBegun()) {
      root().isTurnOver = 1;
      if (device.mapHead) ready(device);
      return;
    }
  }
}

/** Something is under way that is not held back in the plug. */
function isBegun(): bool {
  const all = root();
  return all.isUnplugged || !!all.readyHead || !!all.endedBioHead;
}

/** False: no record is free, or the host must answer first. The bio is at the head of the queue again. */
function mapNext(device: Device, bio: Bio): bool {
  if (bio.flags & FLAG_PREFLUSH && bio.operation != OPERATION_FLUSH) return flushBefore(device, bio);
  if (isFannedOut(bio)) {
    prepMapBio(bio, bio.extent);
    return true;
  }
  return bio.operation == OPERATION_FLUSH ? fanOut(device, bio) : mapRange(device, bio);
}

/**
 * The head waits for a record. A part behind it, which came back, may have to end before one is free, and goes on without:
 * it goes first. False: there is none, or the head is one itself.
 */
function partsFirst(device: Device): bool {
  const list = mapQueueOf(device);
  let before = list.head;
  if (!before || isPart(before)) return false;
  while (before.next && !isPart(before.next)) before = before.next;
  const part = before.next;
  if (!part) return false;
  before.next = part.next;
  if (!part.next) list.tail = before;
  prependBio(list, part);
  return true;
}

/** Maps a bio with a range, as far as its extent reaches. False: no record is free. */
function mapRange(device: Device, bio: Bio): bool {
  const extent = findExtent(device, bio.sector);
  if (!extent) {
    endBio(bio, STATUS_IOERR);
    return true;
  }
  const isOdd = isAbnormal(bio.operation);
  if (isOdd && !takes(extent, bio.operation)) {
    endBio(bio, STATUS_NOTSUPP);
    return true;
  }
  const most = isOdd ? reachOfAbnormal(device, extent, bio) : reach(extent, bio.sector);
  if (<u64>bio.sectors <= most) return mapPart(device, bio, extent);
  const flags = bio.flags;
  const front = cut(device, bio, <u32>most);
  if (!front && isPart(bio)) {
    holdBack(bio, <u32>most);
    return mapPart(device, bio, extent);
  }
  device.waiting++;
  prependBio(mapQueueOf(device), bio);
  if (!front) return false; // a freed bio makes the device ready again
  front.flags = flags;
  const isMapped = mapPart(device, front, extent);
  // told when the front has gone
  traceSplit(device, front, bio, <u32>most);
  return isMapped;
}

/** Within one extent. What has a range and no memory goes to each stripe of a striped one. */
function mapPart(device: Device, bio: Bio, extent: Extent): bool {
  if (extent.kind == EXTENT_STRIPED && isAbnormal(bio.operation)) return fanOutRange(device, bio, extent);
  prepMapBio(bio, extent);
  return true;
}

function takes(extent: Extent, operation: u32): bool {
  return (extent.abilities & (operation == OPERATION_DISCARD ? ABILITY_DISCARD : ABILITY_WRITE_ZEROES)) != 0;
}

/** To the end of the extent, and within the device's limits; longest I/Os are meant for memory. */
function reachOfAbnormal(device: Device, extent: Extent, bio: Bio): u64 {
  const left = extent.start + extent.length - bio.sector;
  const first = splitAt(device, bio);
  return first ? min(left, <u64>first) : left;
}

/** A write that flushes first: a flush of its own, as a part; the write goes on when that has ended. False: no record. */
function flushBefore(device: Device, bio: Bio): bool {
  const flush = allocateBio(device, true);
  if (!flush) {
    device.waiting++;
    prependBio(mapQueueOf(device), bio);
    return false;
  }
  bio.remaining++;
  bio.state = BIO_AFTER_FLUSH;
  asPart(flush, bio, OPERATION_FLUSH, 0, 0);
  device.waiting++;
  flush.state = BIO_MAP_QUEUE;
  prependBio(mapQueueOf(device), flush);
  return true;
}

/** What stands for a bio, or for a share of it, on the same device. `address` is the stripe. */
function asPart(part: Bio, bio: Bio, operation: u32, sectors: u32, stripe: u32): void {
  part.sector = operation == OPERATION_FLUSH ? 0 : bio.sector;
  part.sectors = sectors;
  part.address = stripe;
  part.operation = <u8>operation;
  part.flags = bio.flags & ~(<u16>FLAG_PREFLUSH);
  part.tag = 0;
  part.parent = bio;
  part.context = 0;
  part.extent = changetype<Extent>(0);
}

/** Sends a range without memory to each stripe that has some of it; `context` counts those sent. False: no record is free. */
function fanOutRange(device: Device, bio: Bio, extent: Extent): bool {
  const stripes = stripesOf(extent);
  while (bio.context < stripes) {
    const stripe = bio.context;
    const begin = stripeEdge(extent, bio.sector, stripe);
    if (stripeEdge(extent, bio.sector + bio.sectors, stripe) > begin) {
      const mayAsk = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) && bio.remaining < PARTS_MAX;
      const part = mayAsk ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part && mayAsk && isPart(bio) && bio.remaining == 1) return mapChunk(bio, extent);
      if (!part) return putOff(device, bio);
      asPart(part, bio, bio.operation, bio.sectors, stripe);
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context++;
  }
  bio.context = 0;
  endBio(bio, STATUS_OK);
  return true;
}

/** A part for which no record is free goes on in its own, chunk by chunk: a chunk lies on one stripe. */
function mapChunk(bio: Bio, extent: Extent): bool {
  const chunk = extent.ioSectorsMax;
  const inside = bio.sector - extent.start;
  const left = chunk - <u32>(inside % chunk);
  if (bio.sectors > left) holdBack(bio, left);
  bio.context = 0;
  bio.address = <u32>((inside / chunk) % stripesOf(extent));
  prepMapBio(bio, extent);
  return true;
}

/** The bio waits until a record is free, or until the host has answered. */
function putOff(device: Device, bio: Bio): bool {
  device.waiting++;
  prependBio(mapQueueOf(device), bio);
  if (!hasRoom(RING_PREP_MAP) || !hasRoom(RING_MAP)) {
    root().isRingFull = 1;
    ready(device);
  }
  return false;
}

/** Sectors from `sector` to the end of the extent, or to the next multiple of its longest I/O. */
function reach(extent: Extent, sector: u64): u64 {
  const left = extent.start + extent.length - sector;
  if (!extent.ioSectorsMax) return left;
  return min(left, <u64>extent.ioSectorsMax - ((sector - extent.start) % extent.ioSectorsMax));
}

function findExtent(device: Device, sector: u64): Extent {
  let low: u32 = 0;
  let high = device.extentsCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    const extent = extentAt(device, middle);
    if (sector < extent.start) high = middle;
    else if (sector >= extent.start + extent.length) low = middle + 1;
    else return extent;
  }
  return changetype<Extent>(0);
}

// `context` counts those done: the extent in its low 20 bits (RECORDS_MAX), the stripe above. Returns false where no record is free.
/** Sends the flush to every extent that wants it, and to every stripe of a striped one. */
function fanOut(device: Device, bio: Bio): bool {
  while ((bio.context & EXTENT_MASK) < device.extentsCount) {
    const extent = extentAt(device, bio.context & EXTENT_MASK);
    const stripe = bio.context >> EXTENT_BITS;
    const isStriped = extent.kind == EXTENT_STRIPED;
    const wants = isStriped ? extent.flushes && stripeAt(extent, stripe).flushes : extent.flushes;
    const next =
      isStriped && stripe + 1 < stripesOf(extent) ? bio.context + (1 << EXTENT_BITS) : (bio.context & EXTENT_MASK) + 1;
    if (wants) {
      const mayAsk = hasRoom(RING_PREP_MAP) && hasRoom(RING_MAP) && bio.remaining < PARTS_MAX;
      const part = mayAsk ? allocateBio(device, true) : changetype<Bio>(0);
      if (!part && mayAsk && isPart(bio)) {
        bio.tag = next;
        bio.context = 0;
        bio.address = stripe;
        prepMapBio(bio, extent);
        return true;
      }
      if (!part) return putOff(device, bio);
      asPart(part, bio, OPERATION_FLUSH, 0, stripe);
      bio.remaining++;
      prepMapBio(part, extent);
    }
    bio.context = next;
  }
  endBio(bio, STATUS_OK);
  return true;
}
