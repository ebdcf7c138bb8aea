// Elevator `none`: no sorting. One fifo; a bio may merge with one of the newest requests, and requests merge with bios
// only. Priorities mean nothing.
//
// The same functions, in the same order, as the other elevators.
import { Device, elevatorOf } from '../record/device';
import { Fifo, fifoAppend, fifoRemove } from '../record/fifo';
import { REQUEST_QUEUED, Request } from '../record/request';

function fifoOf(device: Device): Fifo {
  return changetype<Fifo>(elevatorOf(device));
}

/** The elevator begins, with its memory all zero. */
export function start(_device: Device): void {}

/** `since` is when it came. */
export function insert(device: Device, request: Request, _since: f64): void {
  request.state = REQUEST_QUEUED;
  fifoAppend(fifoOf(device), request);
}

export function remove(device: Device, request: Request): void {
  fifoRemove(fifoOf(device), request);
}

/** The next one, taken out; null: there is none, or none may go now. */
export function dispatch(device: Device): Request {
  const request = fifoOf(device).head;
  if (request) remove(device, request);
  return request;
}

/** Where the look for a merge begins, newest first. */
export function newest(device: Device, _operation: u32): Request {
  return fifoOf(device).tail;
}

/** Its neighbours by sector. */
export function former(_request: Request): Request {
  return changetype<Request>(0);
}

export function latter(_request: Request): Request {
  return changetype<Request>(0);
}

/** The request begins earlier than it did. */
export function moved(_device: Device, _request: Request): void {}

/** `gone`, a neighbour, is now part of `survivor`. */
export function absorbed(_device: Device, _survivor: Request, _gone: Request): void {
  assert(false);
}

/** What was counted for it is given back: it has ended, is part of another, or begins anew. */
export function forget(_device: Device, _request: Request): void {}

/** The one that has waited longest, still in its place. */
export function oldest(device: Device): Request {
  return fifoOf(device).head;
}
