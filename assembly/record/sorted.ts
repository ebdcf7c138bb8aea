import { Device, hash, unhash } from './device';
import { Fifo, fifoAppend, fifoRemove, fifoReplace } from './fifo';
import { REQUEST_QUEUED, Request } from './request';
import { treeInsert, treeNext, treeRemove } from './tree';

// Queued requests in two orders, by sector and by age, and in the device's merge indexes.
//
//   0      4      8      12
//   | tree | head | tail | next |   16 bytes
//
// `head` and `tail` are the fifo. `next` is the one with which an elevator means to go on: when it leaves, its successor
// in the tree, as that is then, takes its place.

export const SORTED_BYTES: usize = 16;

@unmanaged
export class Sorted {
  tree: Request = changetype<Request>(0);
  head: Request = changetype<Request>(0);
  tail: Request = changetype<Request>(0);
  next: Request = changetype<Request>(0);
}

export function treeOf(sorted: Sorted): usize {
  return changetype<usize>(sorted) + offsetof<Sorted>('tree');
}

function fifoOf(sorted: Sorted): Fifo {
  return changetype<Fifo>(changetype<usize>(sorted) + offsetof<Sorted>('head'));
}

export function sortIn(device: Device, sorted: Sorted, request: Request): void {
  request.state = REQUEST_QUEUED;
  treeInsert(treeOf(sorted), request);
  hash(device, request);
  fifoAppend(fifoOf(sorted), request);
}

export function sortOut(device: Device, sorted: Sorted, request: Request): void {
  if (sorted.next == request) sorted.next = treeNext(request);
  treeRemove(treeOf(sorted), request);
  unhash(device, request);
  fifoRemove(fifoOf(sorted), request);
}

/** The next one to go: a batch goes on with its successor. */
export function sortOutNext(device: Device, sorted: Sorted, request: Request): void {
  sorted.next = treeNext(request);
  treeRemove(treeOf(sorted), request);
  unhash(device, request);
  fifoRemove(fifoOf(sorted), request);
}

/** The request begins earlier than it did. If it was the next one it stays so. */
export function sortAnew(sorted: Sorted, request: Request): void {
  treeRemove(treeOf(sorted), request);
  treeInsert(treeOf(sorted), request);
}

/** `gone` is now part of `survivor`, which takes its age and its place in the fifo if it is the older one. */
export function sortTogether(device: Device, sorted: Sorted, survivor: Request, gone: Request): void {
  const fifo = fifoOf(sorted);
  if (sorted.next == gone) sorted.next = treeNext(gone);
  treeRemove(treeOf(sorted), gone);
  unhash(device, gone);
  if (survivor.state == REQUEST_QUEUED && gone.fifoTime < survivor.fifoTime) {
    survivor.fifoTime = gone.fifoTime;
    survivor.ordinal = gone.ordinal;
    fifoRemove(fifo, survivor);
    fifoReplace(fifo, gone, survivor);
  } else {
    fifoRemove(fifo, gone);
  }
}

/** The older of two requests, either of which may be null. */
export function older(one: Request, other: Request): Request {
  if (!one) return other;
  return other && <i32>(other.ordinal - one.ordinal) < 0 ? other : one;
}
