// The elevators by number, with the same functions as each of them. What all share stands here:
// the list of at-head requests, which goes before every order (mq-deadline has one for each class), and the counts.
import { ELEVATOR_KYBER, ELEVATOR_MQ_DEADLINE, ELEVATOR_NONE, ELEVATOR_SCAN, FLAG_NOMERGE, OPERATION_DISCARD } from '../abi';
import { Device, ELEVATOR_BYTES, elevatorOf, hash, unhash } from '../record/device';
import { Fifo, fifoAppend, fifoPrepend, fifoRemove, headFifo } from '../record/fifo';
import { hasPayload } from '../record/operation';
import { unmark } from '../record/pool';
import { REQUEST_AT_HEAD, REQUEST_QUEUED, Request } from '../record/request';
import { root } from '../record/root';
import * as kyber from './kyber';
import * as deadline from './mq-deadline';
import * as none from './none';
import * as scan from './scan';

/** The elevator begins, with its memory all zero. */
export function start(device: Device): void {
  device.isSorting = device.elevator == ELEVATOR_MQ_DEADLINE || device.elevator == ELEVATOR_SCAN ? 1 : 0;
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.start(device);
  else if (device.elevator == ELEVATOR_NONE) none.start(device);
  else if (device.elevator == ELEVATOR_SCAN) scan.start(device);
  else kyber.start(device);
}

/** `since` is when it came to be queued. */
export function insert(device: Device, request: Request, since: f64): void {
  device.queued++;
  request.ordinal = device.ordinals++;
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.insert(device, request, since);
  else if (device.elevator == ELEVATOR_NONE) none.insert(device, request, since);
  else if (device.elevator == ELEVATOR_SCAN) scan.insert(device, request, since);
  else kyber.insert(device, request, since);
  const canMerge = !(request.flags & FLAG_NOMERGE) && (hasPayload(request.operation) || request.operation == OPERATION_DISCARD);
  if (!device.lastMerge && canMerge) device.lastMerge = request;
}

/** Before everything: a request that comes back. In a sorting elevator it may still merge. */
export function insertAtHead(device: Device, request: Request): void {
  device.queued++;
  request.fifoTime = root().now;
  fifoPrepend(becomeHead(device, request), request);
}

function becomeHead(device: Device, request: Request): Fifo {
  request.state = REQUEST_AT_HEAD;
  if (device.isSorting) hash(device, request);
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.hold(device, request);
  return headOf(device, request);
}

function headOf(device: Device, request: Request): Fifo {
  return device.elevator == ELEVATOR_MQ_DEADLINE ? deadline.headOf(device, request) : headFifo(device);
}

function remove(device: Device, request: Request): void {
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.remove(device, request);
  else if (device.elevator == ELEVATOR_NONE) none.remove(device, request);
  else if (device.elevator == ELEVATOR_SCAN) scan.remove(device, request);
  else kyber.remove(device, request);
}

function removeHead(device: Device, request: Request): void {
  unhash(device, request);
  fifoRemove(headOf(device, request), request);
}

/** The next request in the elevator's order, taken out; null if there is none, or none may go now. */
export function dispatch(device: Device): Request {
  let request: Request;
  if (device.elevator == ELEVATOR_MQ_DEADLINE) {
    request = deadline.dispatch(device);
  } else if (device.headList) {
    request = device.headList;
    removeHead(device, request);
  } else if (device.elevator == ELEVATOR_NONE) {
    request = none.dispatch(device);
  } else {
    request = device.elevator == ELEVATOR_SCAN ? scan.dispatch(device) : kyber.dispatch(device);
  }
  if (!request) return request;
  device.queued--;
  if (device.lastMerge == request) device.lastMerge = changetype<Request>(0);
  return request;
}

/** Where a bio's look for a merge begins if the elevator does not sort. */
export function newest(device: Device, operation: u32): Request {
  return device.elevator == ELEVATOR_NONE ? none.newest(device, operation) : kyber.newest(device, operation);
}

export function former(device: Device, request: Request): Request {
  if (request.state != REQUEST_QUEUED) return changetype<Request>(0);
  return device.elevator == ELEVATOR_MQ_DEADLINE ? deadline.former(request) : scan.former(request);
}

export function latter(device: Device, request: Request): Request {
  if (request.state != REQUEST_QUEUED) return changetype<Request>(0);
  return device.elevator == ELEVATOR_MQ_DEADLINE ? deadline.latter(request) : scan.latter(request);
}

export function moved(device: Device, request: Request): void {
  if (request.state != REQUEST_QUEUED) return;
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.moved(device, request);
  else scan.moved(device, request);
}

export function absorbed(device: Device, survivor: Request, gone: Request): void {
  device.queued--;
  if (gone.state == REQUEST_AT_HEAD) removeHead(device, gone);
  else if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.absorbed(device, survivor, gone);
  else scan.absorbed(device, survivor, gone);
  forget(device, gone);
  device.lastMerge = survivor;
}

/** What was counted for it is given back: it is part of another, or begins anew. */
export function forget(device: Device, request: Request): void {
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.forget(device, request);
  else if (device.elevator == ELEVATOR_KYBER) kyber.forget(device, request);
}

/** It has ended, and is in no elevator. */
export function ended(device: Device, request: Request): void {
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.forget(device, request);
  else if (device.elevator == ELEVATOR_KYBER) kyber.ended(device, request);
}

function oldest(device: Device): Request {
  if (device.elevator == ELEVATOR_MQ_DEADLINE) return deadline.oldest(device);
  if (device.elevator == ELEVATOR_NONE) return none.oldest(device);
  return device.elevator == ELEVATOR_SCAN ? scan.oldest(device) : kyber.oldest(device);
}

// ---- another elevator ---------------------------------------------------------------------------------------

/**
 * Another elevator takes over. What is queued goes along: those at the head stay there, in order (those of classes by
 * class); the others are inserted oldest first and are as old as they were. Nothing merges on the way. What is under way
 * does not count in the new one. False: there is no such elevator.
 */
export function switchTo(device: Device, elevator: u32): bool {
  if (elevator > <u32>ELEVATOR_KYBER) return false;
  if (elevator == device.elevator) return true;
  let first = changetype<Request>(0);
  let last = first;
  let heads: u32 = 0;
  for (let request = oldestHead(device); request || oldest(device); request = oldestHead(device)) {
    if (request) {
      removeHead(device, request);
      heads++;
    } else {
      request = oldest(device);
      remove(device, request);
      device.queued--;
    }
    request.next = changetype<Request>(0);
    if (last) last.next = request;
    else first = request;
    last = request;
  }
  device.lastMerge = changetype<Request>(0);
  unmark(device);
  memory.fill(elevatorOf(device), 0, ELEVATOR_BYTES);
  device.elevator = elevator;
  start(device);
  while (first) {
    const request = first;
    first = request.next;
    request.next = changetype<Request>(0);
    if (heads) {
      heads--;
      fifoAppend(becomeHead(device, request), request);
    } else {
      insert(device, request, request.queuedAt);
    }
  }
  return true;
}

function oldestHead(device: Device): Request {
  if (device.elevator != ELEVATOR_MQ_DEADLINE) return device.headList;
  for (let index: u32 = 0; index < deadline.CLASSES; index++) {
    const request = deadline.headAt(device, index).head;
    if (request) return request;
  }
  return changetype<Request>(0);
}
