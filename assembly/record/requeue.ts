import { COUNTER_DELAYED_REQUEUES, COUNTER_REFUSALS, COUNTER_REQUEUES, DEVICE_RUNNING, TRACE_REQUEUE } from '../abi';
import { DELAYED_REQUEUE_NS, RERUN_NS } from '../limits';
import { trace } from '../stats/trace';
import { BIO_DELAYED, BIO_MAP_QUEUE, Bio } from './bio';
import { Device, count } from './device';
import {
  appendBio,
  appendRequest,
  deferredOf,
  delayedBiosOf,
  delayedOf,
  dispatchOf,
  mapQueueOf,
  prependBio,
  prependRequest,
  refusedOf,
  requeueOf,
  takeBio,
  takeRequest,
} from './list';
import { REQUEST_DELAYED, REQUEST_DISPATCH, Request } from './request';
import { ready, root } from './root';

// The ways back, for both directions of the flow. An original has no clone when it comes here; a bio
// no piece below. None of them is in flight any more.

/** The device below takes nothing now: the request waits before the dispatch list, and prep_map is asked again. */
export function refuse(device: Device, original: Request): void {
  device.inFlight--;
  device.queued++;
  original.state = REQUEST_DISPATCH;
  count(device, COUNTER_REFUSALS, 1);
  appendRequest(refusedOf(device), original);
  ready(device);
}

/** The target itself said REQUEUE on the way down: the same, and the queue rests for 3 ms or until something ends. */
export function refuseLater(device: Device, original: Request): void {
  refuse(device, original);
  device.rerunAt = root().now + RERUN_NS;
  root().timersArmed = 1;
}

/** Back to the head of the elevator, where it may merge again; a clone of a device above to the head of the dispatch list. */
export function requeue(device: Device, original: Request): void {
  device.inFlight--;
  count(device, COUNTER_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, original.operation, original.sector, original.sectors, 0);
  comeBack(device, original);
  ready(device);
}

function comeBack(device: Device, original: Request): void {
  if (original.original || original.sectors == 0) {
    original.state = REQUEST_DISPATCH;
    device.queued++;
    prependRequest(dispatchOf(device), original);
  } else {
    appendRequest(requeueOf(device), original);
  }
}

/** The same, 100 ms later or at the next kick. */
export function delayRequest(device: Device, original: Request): void {
  device.inFlight--;
  count(device, COUNTER_DELAYED_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, original.operation, original.sector, original.sectors, 1);
  original.state = REQUEST_DELAYED;
  appendRequest(delayedOf(device), original);
  armDelay(device);
}

function armDelay(device: Device): void {
  device.delayed++;
  if (device.delayedAt == 0) device.delayedAt = root().now + DELAYED_REQUEUE_NS;
  root().timersArmed = 1;
}

/** A bio is mapped again, whole. While a noflush suspend is under way it waits for the next table. */
export function redriveBio(device: Device, bio: Bio): void {
  device.inFlight--;
  count(device, COUNTER_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, bio.operation, bio.sector, bio.sectors, 0);
  mapAgain(device, bio);
}

function mapAgain(device: Device, bio: Bio): void {
  device.waiting++;
  bio.state = BIO_MAP_QUEUE;
  if (device.state != DEVICE_RUNNING && device.isNoflush) {
    prependBio(deferredOf(device), bio);
    return;
  }
  prependBio(mapQueueOf(device), bio);
  ready(device);
}

export function delayBio(device: Device, bio: Bio): void {
  device.inFlight--;
  count(device, COUNTER_DELAYED_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, bio.operation, bio.sector, bio.sectors, 1);
  bio.state = BIO_DELAYED;
  appendBio(delayedBiosOf(device), bio);
  armDelay(device);
}

/** The delayed ones come back, in order: their time has come, or the target kicks. */
export function releaseDelayed(device: Device): void {
  device.delayedAt = 0;
  device.delayed = 0;
  const requests = delayedOf(device);
  for (let request = takeRequest(requests); request; request = takeRequest(requests)) {
    if (request.original || request.sectors == 0) {
      request.state = REQUEST_DISPATCH;
      device.queued++;
      appendRequest(dispatchOf(device), request);
    } else {
      appendRequest(requeueOf(device), request);
    }
  }
  const bios = delayedBiosOf(device);
  for (let bio = takeBio(bios); bio; bio = takeBio(bios)) {
    device.waiting++;
    bio.state = BIO_MAP_QUEUE;
    if (device.state != DEVICE_RUNNING && device.isNoflush) appendBio(deferredOf(device), bio);
    else appendBio(mapQueueOf(device), bio);
  }
  ready(device);
}
