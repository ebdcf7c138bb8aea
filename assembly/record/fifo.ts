import { Device } from './device';
import { Request } from './request';

// Double-linked lists of requests through `previous` and `later`, so that any can leave in one step.
//
//   0      4
//   | head | tail |      a pair of fields of the device, or of its elevator

@unmanaged
export class Fifo {
  head: Request = changetype<Request>(0);
  tail: Request = changetype<Request>(0);
}

/** At-head requests of elevators that have one list of them. */
export function headFifo(device: Device): Fifo {
  return changetype<Fifo>(changetype<usize>(device) + offsetof<Device>('headList'));
}

export function fifoAppend(fifo: Fifo, request: Request): void {
  request.later = changetype<Request>(0);
  request.previous = fifo.tail;
  if (fifo.tail) fifo.tail.later = request;
  else fifo.head = request;
  fifo.tail = request;
}

export function fifoPrepend(fifo: Fifo, request: Request): void {
  request.previous = changetype<Request>(0);
  request.later = fifo.head;
  if (fifo.head) fifo.head.previous = request;
  else fifo.tail = request;
  fifo.head = request;
}

export function fifoRemove(fifo: Fifo, request: Request): void {
  if (request.previous) request.previous.later = request.later;
  else fifo.head = request.later;
  if (request.later) request.later.previous = request.previous;
  else fifo.tail = request.previous;
}

/** `request`, which is in no list, takes the place of `gone`. */
export function fifoReplace(fifo: Fifo, gone: Request, request: Request): void {
  request.previous = gone.previous;
  request.later = gone.later;
  if (request.previous) request.previous.later = request;
  else fifo.head = request;
  if (request.later) request.later.previous = request;
  else fifo.tail = request;
}
