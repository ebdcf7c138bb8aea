// The elevators by number, with the same functions as each of them. What all share stands here:
// the list of at-head requests, which goes before every order, and the counts.
import { ELEVATOR_MQ_DEADLINE, FLAG_NOMERGE, OPERATION_DISCARD } from '../abi';
import { Device, hash, unhash } from '../record/device';
import { fifoPrepend, fifoRemove, headFifo } from '../record/fifo';
import { hasPayload } from '../record/operation';
import { REQUEST_AT_HEAD, REQUEST_QUEUED, Request } from '../record/request';
import { root } from '../record/root';
import * as deadline from './mq-deadline';
import * as none from './none';

export function insert(device: Device, request: Request): void {
  device.queued++;
  if (device.elevator == ELEVATOR_MQ_DEADLINE) deadline.insert(device, request);
  else none.insert(device, request);
  const canMerge = !(request.flags & FLAG_NOMERGE) && (hasPayload(request.operation) || request.operation == OPERATION_DISCARD);
  if (!device.lastMerge && canMerge) device.lastMerge = request;
}

/** Before everything: a request that comes back. It may still merge. */
export function insertAtHead(device: Device, request: Request): void {
  device.queued++;
  request.state = REQUEST_AT_HEAD;
  request.fifoTime = root().now;
  hash(device, request);
  fifoPrepend(headFifo(device), request);
}

/** The next request in the elevator's order, taken out; null if there is none. */
export function dispatch(device: Device): Request {
  let request = headFifo(device).head;
  if (request) {
    unhash(device, request);
    fifoRemove(headFifo(device), request);
  } else {
    request = device.elevator == ELEVATOR_MQ_DEADLINE ? deadline.dispatch(device) : none.dispatch(device);
    if (!request) return request;
  }
  device.queued--;
  if (device.lastMerge == request) device.lastMerge = changetype<Request>(0);
  return request;
}

export function former(device: Device, request: Request): Request {
  if (request.state != REQUEST_QUEUED || device.elevator != ELEVATOR_MQ_DEADLINE) return changetype<Request>(0);
  return deadline.former(request);
}

export function latter(device: Device, request: Request): Request {
  if (request.state != REQUEST_QUEUED || device.elevator != ELEVATOR_MQ_DEADLINE) return changetype<Request>(0);
  return deadline.latter(request);
}

export function moved(device: Device, request: Request): void {
  if (request.state == REQUEST_QUEUED && device.elevator == ELEVATOR_MQ_DEADLINE) deadline.moved(device, request);
}

export function absorbed(device: Device, survivor: Request, gone: Request): void {
  device.queued--;
  if (gone.state == REQUEST_AT_HEAD) {
    unhash(device, gone);
    fifoRemove(headFifo(device), gone);
  } else if (device.elevator == ELEVATOR_MQ_DEADLINE) {
    deadline.absorbed(device, survivor, gone);
  } else {
    none.absorbed(device, survivor, gone);
  }
  device.lastMerge = survivor;
}
