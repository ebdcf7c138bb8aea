import { Bio } from './bio';
import { Device } from './device';
import { Request } from './request';

// First-in-first-out lists through the records' `next`. A list is a pair of fields of its owner:
//
//   0      4
//   | head | tail |

@unmanaged
export class BioList {
  head: Bio = changetype<Bio>(0);
  tail: Bio = changetype<Bio>(0);
}

@unmanaged
export class RequestList {
  head: Request = changetype<Request>(0);
  tail: Request = changetype<Request>(0);
}

export function waitingOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('waitingHead'));
}
export function overDepthOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('overDepthHead'));
}
export function parkedOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('parkedHead'));
}
export function mapQueueOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('mapHead'));
}
export function deferredOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('deferredHead'));
}
export function delayedBiosOf(device: Device): BioList {
  return changetype<BioList>(changetype<usize>(device) + offsetof<Device>('delayedBioHead'));
}
export function dispatchOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('dispatchHead'));
}
export function delayedOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('delayedHead'));
}
export function requeueOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('requeueHead'));
}
export function flushPendingOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('flushPendingHead'));
}
export function flushStepsOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('flushStepHead'));
}
export function refusedOf(device: Device): RequestList {
  return changetype<RequestList>(changetype<usize>(device) + offsetof<Device>('refusedHead'));
}

export function appendBio(list: BioList, bio: Bio): void {
  bio.next = changetype<Bio>(0);
  if (list.tail) list.tail.next = bio;
  else list.head = bio;
  list.tail = bio;
}

export function prependBio(list: BioList, bio: Bio): void {
  bio.next = list.head;
  list.head = bio;
  if (!list.tail) list.tail = bio;
}

export function takeBio(list: BioList): Bio {
  const bio = list.head;
  if (!bio) return bio;
  list.head = bio.next;
  if (!list.head) list.tail = changetype<Bio>(0);
  bio.next = changetype<Bio>(0);
  return bio;
}

export function appendRequest(list: RequestList, request: Request): void {
  request.next = changetype<Request>(0);
  if (list.tail) list.tail.next = request;
  else list.head = request;
  list.tail = request;
}

export function prependRequest(list: RequestList, request: Request): void {
  request.next = list.head;
  list.head = request;
  if (!list.tail) list.tail = request;
}

export function takeRequest(list: RequestList): Request {
  const request = list.head;
  if (!request) return request;
  list.head = request.next;
  if (!list.head) list.tail = changetype<Request>(0);
  request.next = changetype<Request>(0);
  return request;
}
