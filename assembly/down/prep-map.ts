// Stage 5 of 11: prep_map. From dispatch; to clone (requests) or map (bios).
//
// Promises: each original is asked about once, in order; what was chosen and cannot go is released
// and asked again, and so are the later ones of its batch. Never: holds a clone for what has not been
// chosen.
import {
  EXTENT_DEVICE,
  EXTENT_STRIPED,
  EXTENT_ZERO,
  HISTOGRAM_QUEUE_TO_DISPATCH,
  HOOK_PREP_MAP,
  MAP_DELAY_REQUEUE,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
  OPERATION_FLUSH,
  STATUS_IOERR,
  STATUS_OK,
} from '../abi';
import { BIO_HELD, BIO_KEPT, BIO_PREP_MAP, Bio } from '../record/bio';
import { mayTake, passOnPromises } from '../record/credit';
import { askBio, asked, askRequest, Decision, decision, RING_PREP_MAP, RING_RELEASE } from '../record/decision';
import { Device } from '../record/device';
import { deviceAt, isBelow } from '../record/devices';
import { endBio, endRequest } from '../record/ended';
import { Extent } from '../record/extent';
import { hasPayload } from '../record/operation';
import { isPart } from '../record/part';
import { bioOf, requestOf } from '../record/pool';
import { REQUEST_KEPT, REQUEST_PREP_MAP, Request } from '../record/request';
import { delayBio, delayRequest, redriveBioLater, refuse, refuseLater } from '../record/requeue';
import { ready, root, setHeader } from '../record/root';
import { stripeAt, stripeOf } from '../record/stripe';
import { observe } from '../stats/histogram';
import { clone } from './clone';
import { endInTable, mapBio, mapClone } from './map';

/** A started request looks for its device. Where a hook decides, the prep_map ring has room. */
export function prepMap(device: Device, request: Request, extent: Extent): void {
  request.extent = extent;
  request.askedSectors = request.sectors;
  if (extent.hooks & HOOK_PREP_MAP) {
    request.state = REQUEST_PREP_MAP;
    device.asked++;
    askRequest(RING_PREP_MAP, request, 0, request.firstStatus);
  } else if (extent.kind == EXTENT_DEVICE) {
    cloneAndMap(device, request, extent.device);
  } else {
    // a table without a device: zero swallows, error fails; its end_io is not asked, as nothing was mapped
    device.inFlight--;
    endRequest(request, extent.kind == EXTENT_ZERO ? STATUS_OK : STATUS_IOERR, 0);
  }
}

/** A bio of a bio-based device, within one extent, looks for its device. */
export function prepMapBio(bio: Bio, extent: Extent): void {
  bio.extent = extent;
  bio.device.inFlight++;
  if (extent.hooks & HOOK_PREP_MAP) {
    bio.state = BIO_PREP_MAP;
    askBio(RING_PREP_MAP, bio, bio.firstStatus);
  } else if (extent.kind == EXTENT_DEVICE) {
    bio.state = BIO_HELD;
    mapBio(bio, extent.device);
  } else if (extent.kind == EXTENT_STRIPED) {
    bio.state = BIO_HELD;
    mapBio(bio, hasPayload(bio.operation) ? stripeOf(extent, bio.sector).device : stripeAt(extent, bio.address).device);
  } else {
    endInTable(bio, extent);
  }
}

/** True: it went. False: refused, and put back. */
function cloneAndMap(device: Device, original: Request, lower: Device): bool {
  if (device.refusedHead) {
    putBack(device, original);
    return false;
  }
  const copy = clone(original, lower);
  if (!copy) {
    // without a record of its own it is not the lower device that refuses
    if (!mayTake(device, lower)) {
      device.refusals++;
      device.refusedBy = lower;
    }
    putBack(device, original);
    return false;
  }
  device.refusals = 0;
  observe(device, HISTOGRAM_QUEUE_TO_DISPATCH, root().now - original.queuedAt);
  mapClone(copy);
  return true;
}

function putBack(device: Device, original: Request): void {
  if (original.extent.hooks & HOOK_PREP_MAP) askRequest(RING_RELEASE, original, 0, 0);
  refuse(device, original);
}

/** Takes the verdicts of prep_map, in order. */
export function takePrepMapVerdicts(): void {
  const total = asked(RING_PREP_MAP);
  setHeader(RING_PREP_MAP + 1, 0);
  for (let i: u32 = 0; i < total; i++) {
    const record = decision(RING_PREP_MAP, i);
    const original = requestOf(record.id);
    if (original) verdict(original, record);
    else bioVerdict(bioOf(record.id), record);
  }
}

function verdict(original: Request, record: Decision): void {
  assert(original.state == REQUEST_PREP_MAP);
  const device = original.device;
  device.asked--;
  original.context = record.context;
  if (record.verdict == MAP_REMAPPED && isBelow(device, record.device)) {
    const lower = deviceAt(record.device);
    original.chosen = <u16>lower.id;
    cloneAndMap(device, original, lower);
  } else if (record.verdict == MAP_SUBMITTED) {
    original.state = REQUEST_KEPT;
  } else if (record.verdict == MAP_REQUEUE) {
    refuseLater(device, original);
  } else if (record.verdict == MAP_DELAY_REQUEUE) {
    delayRequest(device, original);
  } else {
    // a kill; or a device that it may not choose, for which it has counted all the same
    if (record.verdict == MAP_REMAPPED) askRequest(RING_RELEASE, original, 0, 0);
    device.inFlight--;
    endRequest(original, STATUS_IOERR, 0);
  }
  if (device.asked) return;
  passOnPromises(device);
  ready(device);
}

function bioVerdict(bio: Bio, record: Decision): void {
  assert(bio && bio.state == BIO_PREP_MAP);
  const device = bio.device;
  bio.context = record.context;
  if (record.verdict == MAP_REMAPPED && isBelow(device, record.device)) {
    bio.state = BIO_HELD;
    mapBio(bio, deviceAt(record.device));
  } else if (record.verdict == MAP_SUBMITTED) {
    bio.state = BIO_KEPT;
  } else if (record.verdict == MAP_REQUEUE) {
    redriveBioLater(device, bio);
  } else if (record.verdict == MAP_DELAY_REQUEUE) {
    delayBio(device, bio);
  } else {
    if (record.verdict == MAP_REMAPPED) askBio(RING_RELEASE, bio, 0);
    device.inFlight--;
    endBio(bio, STATUS_IOERR);
  }
}

/** True for the part of a flush, or of a striped range, that has been sent to one extent or stripe, which it names. */
export function isFannedOut(bio: Bio): bool {
  if (hasPayload(bio.operation) || !bio.extent || !isPart(bio)) return false;
  return bio.operation == OPERATION_FLUSH || bio.extent.kind == EXTENT_STRIPED;
}
