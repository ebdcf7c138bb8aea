// Elevator `none`: no sorting. One fifo; a bio may merge with one of the newest requests.
// The same functions, in the same order, as the other elevators.
import { Device, hash, unhash } from '../record/device';
import { fifoAppend, fifoRemove, fifoReplace, readFifo } from '../record/fifo';
import { REQUEST_QUEUED, Request } from '../record/request';

export function insert(device: Device, request: Request): void {
  request.state = REQUEST_QUEUED;
  hash(device, request);
  fifoAppend(readFifo(device), request);
}

export function remove(device: Device, request: Request): void {
  unhash(device, request);
  fifoRemove(readFifo(device), request);
}

export function dispatch(device: Device): Request {
  const request = readFifo(device).head;
  if (request) remove(device, request);
  return request;
}

/** Without an order there is no neighbour: requests merge with bios only. */
export function former(_request: Request): Request {
  return changetype<Request>(0);
}

export function latter(_request: Request): Request {
  return changetype<Request>(0);
}

/** The request begins earlier than it did. */
export function moved(_device: Device, _request: Request): void {}

/** `gone` is now part of `survivor`. */
export function absorbed(device: Device, survivor: Request, gone: Request): void {
  const fifo = readFifo(device);
  unhash(device, gone);
  fifoRemove(fifo, survivor);
  fifoReplace(fifo, gone, survivor);
}
