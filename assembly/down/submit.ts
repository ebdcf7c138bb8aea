// Stage 1 of 11: submit. From the host's ring, or from a device above; to merge.
//
// Promises: a bio that fails a check ends with its status; every other one goes on, whole or split,
// in the order of arrival. Never: loses a bio for want of a record; it waits in a list instead.
import {
  COUNTER_BIOS,
  COUNTER_REQUESTS,
  COUNTER_SPLITS,
  DEVICE_BIO,
  DEVICE_RUNNING,
  FLAG_FUA,
  FLAG_NOMERGE,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  FLAG_RAHEAD,
  HEADER_SUBMIT,
  HEADER_TRACE_ACTIONS,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_AGAIN,
  STATUS_BEYOND_END,
  STATUS_INVAL,
  STATUS_IOERR,
  STATUS_NOTSUPP,
  STATUS_OK,
  STATUS_READ_ONLY,
  SUBMIT_BYTES,
  TRACE_GET_REQUEST,
  TRACE_PLUG,
  TRACE_QUEUE,
  TRACE_SPLIT,
  TRACE_UNPLUG,
} from '../abi';
import { PARTS_MAX, PLUG_FLUSH_SECTORS, PLUG_REQUESTS, PLUG_REQUESTS_MULTIPLE } from '../limits';
import { BIO_MAP_QUEUE, Bio } from '../record/bio';
import { count, Device } from '../record/device';
import { deviceAt } from '../record/devices';
import { endBio } from '../record/ended';
import { Extent } from '../record/extent';
import { appendBio, deferredOf, mapQueueOf, overDepthOf, prependBio, takeBio, waitingOf } from '../record/list';
import { hasPayload } from '../record/operation';
import { holdBack, isPart, isShare } from '../record/part';
import { allocateBio, allocateRequest, isAsync, isOverDepth } from '../record/pool';
import { REQUEST_PLUGGED, Request } from '../record/request';
import { header, plugged, ready, root, setPlugged } from '../record/root';
import { diskBegins } from '../stats/disk';
import { bioFailed } from '../stats/failures';
import { regionsBegin, regionsLeave } from '../stats/regions';
import { trace, tracedOf } from '../stats/trace';
import { runAtOnce } from './dispatch';
import { insertFlush } from './flush';
import { insert } from './insert';
import { isMergeable, maxSectorsAt, mergeIntoPlugged, mergeIntoQueued } from './merge';

/** Takes bios of the submit ring, from `first` on; returns how many. Stops where a device has no record to spare. */
export function takeSubmitted(first: u32, total: u32): u32 {
  let at = <usize>header(HEADER_SUBMIT) + <usize>first * SUBMIT_BYTES;
  for (let i: u32 = 0; i < total; i++) {
    const device = deviceAt(load<u32>(at, 20));
    assert(device.kind);
    const bio = allocateBio(device, false);
    if (!bio) return i;
    bio.sector = <u64>load<f64>(at);
    bio.sectors = load<u32>(at, 8);
    bio.address = load<u32>(at, 12);
    const operation = load<u32>(at, 16);
    bio.operation = <u8>operation;
    bio.flags = <u16>(operation >> 8);
    bio.tag = load<u32>(at, 24);
    arrive(bio);
    at += SUBMIT_BYTES;
  }
  return total;
}

/** A bio comes to its device, from the ring or from above. */
export function arrive(bio: Bio): void {
  const device = bio.device;
  trace(TRACE_QUEUE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 0);
  count(device, COUNTER_BIOS, 1);
  if (isPlain(device, bio)) {
    if (!queue(device, bio)) wait(device, bio);
    return;
  }
  if (device.kind == DEVICE_BIO) {
    diskBegins(device);
    regionsBegin(device, bio.operation, bio.sector, bio.sectors);
  }
  const status = check(device, bio);
  if (status == STATUS_BEYOND_END) bioFailed(device, bio, status);
  if (status != STATUS_OK || isNothing(device, bio)) {
    endBio(bio, status);
    return;
  }
  if (bio.flags & (FLAG_NOWAIT | FLAG_RAHEAD) && mustWait(device, bio)) {
    endBio(bio, bio.flags & FLAG_NOWAIT ? STATUS_AGAIN : STATUS_IOERR);
    return;
  }
  if (device.kind == DEVICE_BIO) {
    defer(device, bio);
  } else if (device.waitingHead) {
    // others wait already: keep the order
    device.waiting++;
    bio.context = root().isPlugging;
    appendBio(waitingOf(device), bio);
  } else if (mustQueueUp(device, bio)) {
    device.waiting++;
    appendBio(overDepthOf(device), bio);
  } else {
    enter(bio);
  }
}

/** A read or write without flags within the limits, of a queue where nobody waits: most are. */
function isPlain(device: Device, bio: Bio): bool {
  return (
    hasPayload(bio.operation) &&
    !bio.flags &&
    device.kind != DEVICE_BIO &&
    !device.isReadOnly &&
    bio.sectors != 0 &&
    bio.sectors <= device.maxSectors &&
    !device.chunkSectors &&
    bio.sector < device.sizeSectors &&
    <u64>bio.sectors <= device.sizeSectors - bio.sector &&
    device.logicalBlockSectors == 1 &&
    !device.waitingHead &&
    !device.overDepthHead
  );
}

function check(device: Device, bio: Bio): u32 {
  if (bio.operation == OPERATION_FLUSH) return STATUS_OK;
  if (bio.operation & OPERATION_WRITE && device.isReadOnly) return STATUS_READ_ONLY;
  if (bio.sector > device.sizeSectors || <u64>bio.sectors > device.sizeSectors - bio.sector) return STATUS_BEYOND_END;
  const block = device.logicalBlockSectors;
  if (block > 1 && (bio.sector % block != 0 || bio.sectors % block != 0)) return STATUS_INVAL;
  if (!hasPayload(bio.operation)) {
    const known = bio.operation == OPERATION_DISCARD || bio.operation == OPERATION_WRITE_ZEROES;
    if (!known || maxSectorsAt(device, bio.operation, bio.sector) == 0) return STATUS_NOTSUPP;
  }
  return STATUS_OK;
}

/**
 * Nothing to do: no sectors, or a flush where nothing is held back. Where there is no cache the flags that flush it mean
 * nothing; a write of nothing that only flushes is a flush.
 */
function isNothing(device: Device, bio: Bio): bool {
  if (bio.flags & (FLAG_FUA | FLAG_PREFLUSH)) {
    if (bio.operation == OPERATION_WRITE && bio.sectors == 0 && bio.flags & FLAG_PREFLUSH) {
      bio.operation = <u8>OPERATION_FLUSH;
      bio.sector = 0;
    }
    const isWrite = bio.operation & OPERATION_WRITE;
    if (!device.hasCache || !isWrite) bio.flags &= ~(<u16>(FLAG_FUA | FLAG_PREFLUSH));
  }
  return bio.operation == OPERATION_FLUSH ? !device.hasCache : bio.sectors == 0;
}

/** Of those who would rather not: a bio-based device is suspended, or (NOWAIT) others wait for its records already. */
function mustWait(device: Device, bio: Bio): bool {
  if (device.kind == DEVICE_BIO) return device.state != DEVICE_RUNNING;
  return (!!device.waitingHead || mustQueueUp(device, bio)) && !!(bio.flags & FLAG_NOWAIT);
}

/** Others of its kind wait because of async_depth already: keep their order. Reads go past them. */
function mustQueueUp(device: Device, bio: Bio): bool {
  return !!device.overDepthHead && isAsync(device, bio);
}

function defer(device: Device, bio: Bio): void {
  device.waiting++;
  if (device.state != DEVICE_RUNNING) {
    appendBio(deferredOf(device), bio);
    return;
  }
  bio.state = BIO_MAP_QUEUE;
  appendBio(mapQueueOf(device), bio);
  ready(device);
}

/** Splits the bio to the queue's limits and queues each part. False: it waits for a record, at the head of the line. */
function enter(bio: Bio): bool {
  const device = bio.device;
  if (bio.operation != OPERATION_FLUSH) {
    let most = splitAt(device, bio);
    if (most && bio.flags & FLAG_NOWAIT) {
      endBio(bio, STATUS_AGAIN);
      return true;
    }
    while (most) {
      const front = cut(device, bio, most);
      if (!front && !isPart(bio)) return wait(device, bio);
      if (!front) {
        holdBack(bio, most);
        break;
      }
      if (!queue(device, front)) {
        wait(device, bio);
        return wait(device, front);
      }
      most = splitAt(device, bio);
    }
  }
  return queue(device, bio) || cannotWait(bio) || wait(device, bio);
}

function cannotWait(bio: Bio): bool {
  if (!(bio.flags & FLAG_NOWAIT)) return false;
  endBio(bio, STATUS_AGAIN);
  return true;
}

/** Sectors of the first part, where the bio is over the queue's limits there (spec-core 3.6); 0: it stays whole. */
export function splitAt(device: Device, bio: Bio): u32 {
  const most = maxSectorsAt(device, bio.operation, bio.sector);
  if (bio.sectors <= most || most == 0) return 0;
  if (bio.operation == OPERATION_DISCARD) return splitDiscardAt(device, bio, most);
  const physical = device.physicalBlockSectors;
  if (physical > 1) {
    const before = <u32>(bio.sector % physical);
    const end = before + most - ((before + most) % physical);
    if (end > before) return end - before;
  }
  const block = device.logicalBlockSectors;
  return most > block ? most - (most % block) : most;
}

/** Parts end on the granularity, so that the next one begins on it. */
function splitDiscardAt(device: Device, bio: Bio, limit: u32): u32 {
  const granularity = device.discardGranularity;
  const most = limit > granularity ? limit - (limit % granularity) : limit;
  if (bio.sectors <= most) return 0;
  const alignment = device.discardAlignment % granularity;
  const over = <u32>((bio.sector + most + granularity - alignment) % granularity);
  return most > over ? most - over : most;
}

/** `context` says whether its submitter holds a plug. */
function wait(device: Device, bio: Bio): bool {
  device.waiting++;
  if (root().isPlugging) bio.context = 1;
  // also where the depth has grown meanwhile: behind it wait those that came after it
  const isOver = isOverDepth(device, bio) || mustQueueUp(device, bio);
  prependBio(isOver ? overDepthOf(device) : waitingOf(device), bio);
  return false;
}

/** Cuts the first sectors off into a bio of their own, which never merges. Null: no record is free. */
export function cut(device: Device, bio: Bio, sectors: u32): Bio {
  const front = bio.remaining < PARTS_MAX ? allocateBio(device, true) : changetype<Bio>(0);
  if (!front) return front;
  front.sector = bio.sector;
  front.sectors = sectors;
  front.address = bio.address;
  front.operation = bio.operation;
  front.flags = bio.flags | <u16>FLAG_NOMERGE;
  front.parent = bio;
  front.tag = 0;
  front.extent = changetype<Extent>(0);
  front.submittedAt = bio.submittedAt;
  bio.remaining++;
  const isCounted = device.kind == DEVICE_BIO && !!device.regions;
  if (isCounted && !isShare(bio)) regionsLeave(device, bio.operation, bio.sector, bio.sectors);
  bio.sector += sectors;
  bio.sectors -= sectors;
  if (isCounted) {
    regionsBegin(device, front.operation, front.sector, sectors);
    regionsBegin(device, bio.operation, bio.sector, bio.sectors);
  }
  if (hasPayload(bio.operation)) bio.address += sectors << 9;
  count(device, COUNTER_SPLITS, 1);
  if (device.kind != DEVICE_BIO) traceSplit(device, front, bio, sectors);
  return front;
}

export function traceSplit(device: Device, front: Bio, bio: Bio, sectors: u32): void {
  trace(TRACE_SPLIT, device, tracedOf(front.operation, front.flags), bio.sector - sectors, sectors, <u32>bio.sector);
}

/** Merges the bio, or makes a request of it. False: no request is free. */
function queue(device: Device, bio: Bio): bool {
  const all = root();
  const canMerge = isMergeable(bio) && device.nomerges != 2;
  if (canMerge) {
    const last = device.lastPlugged;
    if (last && mergeIntoPlugged(device, last, bio)) return true;
    if (mergeIntoQueued(device, bio)) return true;
  }
  const request = allocateRequest(device, bio);
  if (!request) {
    all.isForWant = 1;
    unplug();
    all.isForWant = 0;
    return false;
  }
  fill(request, bio);
  count(device, COUNTER_REQUESTS, 1);
  trace(TRACE_GET_REQUEST, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, 0);
  if (bio.operation != OPERATION_FLUSH) diskBegins(device);
  regionsBegin(device, request.operation, request.sector, request.sectors);
  if (bio.operation == OPERATION_FLUSH || bio.flags & (FLAG_FUA | FLAG_PREFLUSH)) {
    insertFlush(device, request);
  } else if (all.isPlugging && !device.isUnplugged) {
    plug(device, request);
  } else {
    insert(device, request);
  }
  return true;
}

function fill(request: Request, bio: Bio): void {
  request.sector = bio.sector;
  request.sectors = bio.sectors;
  request.operation = bio.operation;
  request.flags = bio.flags;
  request.bioHead = bio;
  request.bioTail = bio;
  request.segments = bio.sectors ? 1 : 0;
  request.queuedAt = root().now;
  bio.next = changetype<Bio>(0);
}

/** Holds the request back (spec-core 2.2): 32 requests of one queue, 64 of several, none behind a large one. */
function plug(device: Device, request: Request): void {
  const all = root();
  if (all.plugCount) {
    const last = plugged(all.plugCount - 1);
    const most = all.plugIsMultiple ? PLUG_REQUESTS_MULTIPLE : PLUG_REQUESTS;
    if (all.plugCount >= most || (device.nomerges != 2 && last.sectors >= PLUG_FLUSH_SECTORS)) unplugFull();
    else if (last.device != device) all.plugIsMultiple = 1;
  }
  if (!all.plugCount) trace(TRACE_PLUG, device, 0, 0, 0, 0);
  request.state = REQUEST_PLUGGED;
  setPlugged(all.plugCount++, request);
  device.lastPlugged = request;
}

/** A device in turn issues a full plug before more is submitted. */
function unplugFull(): void {
  const device = plugged(0).device;
  const isInTurn = !root().plugIsMultiple && device.isInTurn;
  unplug();
  if (isInTurn) runAtOnce(device);
}

/** Gives what was held back to the queues: each queue's in order of arrival, or newest first where the kernel does so. */
export function unplug(): void {
  const all = root();
  const total = all.plugCount;
  if (!total) return;
  all.plugCount = 0;
  // the kernel issues such a plug itself: it neither sorts nor unplugs it
  const isDirect = !all.plugIsMultiple && !plugged(0).device.elevator;
  const isReversed = isDirect && plugged(0).device.isKernelPlugOrder;
  all.plugIsMultiple = 0;
  if (header(HEADER_TRACE_ACTIONS) && !isDirect) traceUnplug(total);
  for (let i: u32 = 0; i < total; i++) plugged(i).device.lastPlugged = changetype<Request>(0);
  for (let i: u32 = 0; i < total; i++) {
    const request = plugged(isReversed ? total - 1 - i : i);
    insert(request.device, request);
  }
}

/** Tells of each queue once how many requests it gets: at its last one, which it still names. */
function traceUnplug(total: u32): void {
  for (let i: u32 = 0; i < total; i++) {
    const device = plugged(i).device;
    if (plugged(i) != device.lastPlugged) continue;
    let own: u32 = 0;
    for (let k: u32 = 0; k < total; k++) if (plugged(k).device == device) own++;
    trace(TRACE_UNPLUG, device, 0, 0, 0, own);
  }
}

/** Goes on with the bios that waited for a record of this device; then with those that were over async_depth. */
export function redriveWaiting(device: Device): void {
  const overDepth = overDepthOf(device);
  while (device.waitingHead) {
    const bio = takeBio(waitingOf(device));
    if (mustQueueUp(device, bio)) {
      appendBio(overDepth, bio);
      continue;
    }
    device.waiting--;
    const first = device.overDepthHead;
    // its submitter would sleep for the next one's, with this one in its plug
    root().isForWant = device.waitingHead ? bio.context : 0;
    const hasEntered = enter(bio);
    root().isForWant = 0;
    if (!hasEntered && device.overDepthHead == first) return;
  }
  while (device.overDepthHead) {
    device.waiting--;
    if (!enter(takeBio(overDepth))) return;
  }
}
