// Elevator `scan`: a one-way sweep by sector (C-LOOK), reads and writes and all priorities in one order.
//
// The sweep stands at the first sector of the request it dispatched last. Next comes the lowest that begins there or above,
// of equal ones the first to come; above the last one the sweep goes back to the lowest of all. What is at the head of the
// elevator goes before it and does not move it.
//
// This is the picture of 2006: whoever keeps writing just ahead of the sweep starves everybody else, and nothing here
// bounds that. Use `mq-deadline` where somebody waits.
import { Device, elevatorOf } from '../record/device';
import { Request } from '../record/request';
import { SORTED_BYTES, Sorted, sortAnew, sortIn, sortOut, sortTogether, treeOf } from '../record/sorted';
import { treeFrom, treeNext, treePrevious } from '../record/tree';

//   0        16
//   | sorted | place (u64) |
@unmanaged
class Sweep {
  place: u64 = 0;
}

function sortedOf(device: Device): Sorted {
  return changetype<Sorted>(elevatorOf(device));
}

function sweepOf(device: Device): Sweep {
  return changetype<Sweep>(elevatorOf(device) + SORTED_BYTES);
}

export function start(_device: Device): void {}

export function insert(device: Device, request: Request, since: f64): void {
  request.fifoTime = since;
  sortIn(device, sortedOf(device), request);
}

export function remove(device: Device, request: Request): void {
  sortOut(device, sortedOf(device), request);
}

export function dispatch(device: Device): Request {
  const tree = treeOf(sortedOf(device));
  const sweep = sweepOf(device);
  let request = treeFrom(tree, sweep.place);
  if (!request) request = treeFrom(tree, 0);
  if (!request) return request;
  sweep.place = request.sector;
  remove(device, request);
  return request;
}

export function newest(_device: Device, _operation: u32): Request {
  return changetype<Request>(0);
}

export function former(request: Request): Request {
  return treePrevious(request);
}

export function latter(request: Request): Request {
  return treeNext(request);
}

export function moved(device: Device, request: Request): void {
  sortAnew(sortedOf(device), request);
}

export function absorbed(device: Device, survivor: Request, gone: Request): void {
  sortTogether(device, sortedOf(device), survivor, gone);
}

export function forget(_device: Device, _request: Request): void {}

export function oldest(device: Device): Request {
  return sortedOf(device).head;
}
