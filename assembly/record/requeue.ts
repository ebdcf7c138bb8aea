import { COUNTER_DELAYED_REQUEUES, COUNTER_REFUSALS, COUNTER_REQUEUES, TRACE_REQUEUE } from '../abi';
import { DELAYED_REQUEUE_NS, RERUN_NS } from '../limits';
import { trace, tracedOf } from '../stats/trace';
import { BIO_DELAYED, BIO_MAP_QUEUE, Bio } from './bio';
import { count, countStarted, Device } from './device';
import {
  appendBio,
  appendRequest,
  delayedBiosOf,
  delayedOf,
  mapQueueOf,
  prependBio,
  refusedOf,
  requeueOf,
  takeRequest,
} from './list';
import { REQUEST_DELAYED, REQUEST_DISPATCH, Request } from './request';
import { armTimers, ready, root } from './root';

// The ways back, for both directions of the flow. An original has no clone when it comes here; a bio
// no piece below. None of them is in flight any more.

/** The device below takes nothing now: the request waits before the dispatch list, and prep_map is asked again. */
export function refuse(device: Device, original: Request): void {
  device.inFlight--;
  device.queued++;
  original.state = REQUEST_DISPATCH;
  countStarted(device, original, -1);
  count(device, COUNTER_REFUSALS, 1);
  trace(TRACE_REQUEUE, device, tracedOf(original.operation, original.flags), original.sector, original.sectors, 0);
  appendRequest(refusedOf(device), original);
  ready(device);
}

/** The target itself said REQUEUE on the way down: the same, and the queue rests for 3 ms or until something ends. */
export function refuseLater(device: Device, original: Request): void {
  refuse(device, original);
  rest(device);
}

function rest(device: Device): void {
  device.rerunAt = root().now + RERUN_NS;
  armTimers();
}

/** Something has ended: a queue that rests runs again. */
export function wakeRested(device: Device): void {
  if (device.rerunAt == 0) return;
  device.rerunAt = 0;
  ready(device);
}

/** Back to the head of the elevator, where it may merge again; a clone of a device above to the head of the dispatch list. */
export function requeue(device: Device, original: Request): void {
  device.inFlight--;
  goBack(device, original);
}

/** The same, of one that is not in flight any more. */
export function goBack(device: Device, original: Request): void {
  count(device, COUNTER_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, tracedOf(original.operation, original.flags), original.sector, original.sectors, 0);
  original.state = REQUEST_DISPATCH;
  appendRequest(requeueOf(device), original);
  ready(device);
}

/** The same, 100 ms later or at the next kick. */
export function delayRequest(device: Device, original: Request): void {
  device.inFlight--;
  count(device, COUNTER_DELAYED_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, tracedOf(original.operation, original.flags), original.sector, original.sectors, 1);
  original.state = REQUEST_DELAYED;
  appendRequest(delayedOf(device), original);
  armDelay(device);
}

function armDelay(device: Device): void {
  device.delayed++;
  if (device.delayedAt == 0) device.delayedAt = root().now + DELAYED_REQUEUE_NS;
  armTimers();
}

/**
 * A bio is mapped again, whole, before all that waits to be mapped: those may wait for the record that it holds. While a
 * noflush suspend is under way nothing is mapped, so it waits for the next table.
 */
export function redriveBio(device: Device, bio: Bio): void {
  device.inFlight--;
  count(device, COUNTER_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 0);
  device.waiting++;
  bio.state = BIO_MAP_QUEUE;
  prependBio(mapQueueOf(device), bio);
  ready(device);
}

/** The target itself said REQUEUE on the way down: the same, and the device rests for 3 ms or until something ends. */
export function redriveBioLater(device: Device, bio: Bio): void {
  redriveBio(device, bio);
  rest(device);
}

export function delayBio(device: Device, bio: Bio): void {
  device.inFlight--;
  count(device, COUNTER_DELAYED_REQUEUES, 1);
  trace(TRACE_REQUEUE, device, tracedOf(bio.operation, bio.flags), bio.sector, bio.sectors, 1);
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
    request.state = REQUEST_DISPATCH;
    appendRequest(requeueOf(device), request);
  }
  if (device.delayedBioHead) {
    for (let bio = device.delayedBioHead; bio; bio = bio.next) {
      device.waiting++;
      bio.state = BIO_MAP_QUEUE;
    }
    device.delayedBioTail.next = device.mapHead;
    if (!device.mapHead) device.mapTail = device.delayedBioTail;
    device.mapHead = device.delayedBioHead;
    device.delayedBioHead = changetype<Bio>(0);
    device.delayedBioTail = changetype<Bio>(0);
  }
  ready(device);
}
