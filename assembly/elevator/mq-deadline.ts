// Elevator `mq-deadline`, as Linux 6.1 has it (spec-core 5, 5.4a), one priority class.
//
// For each direction a tree by sector, a fifo by age, and `next`: the successor, in the tree as it
// was then, of the request dispatched last. A batch runs along `next`; a batch that has none, or
// whose oldest request is over its time, begins at the head of the fifo.
import { OPERATION_WRITE } from '../abi';
import { Device, hash, unhash } from '../record/device';
import { Fifo, fifoAppend, fifoRemove, fifoReplace, readFifo, writeFifo } from '../record/fifo';
import { REQUEST_QUEUED, Request } from '../record/request';
import { root } from '../record/root';
import { treeInsert, treeNext, treePrevious, treeRemove } from '../record/tree';

const READ: u32 = 0;
const WRITE: u32 = 1;

function directionOf(request: Request): u32 {
  return request.operation & OPERATION_WRITE;
}

function treeOf(device: Device, direction: u32): usize {
  return changetype<usize>(device) + (direction == READ ? offsetof<Device>('treeRead') : offsetof<Device>('treeWrite'));
}

function fifoOf(device: Device, direction: u32): Fifo {
  return direction == READ ? readFifo(device) : writeFifo(device);
}

function nextOf(device: Device, direction: u32): Request {
  return direction == READ ? device.nextRead : device.nextWrite;
}

function setNext(device: Device, direction: u32, request: Request): void {
  if (direction == READ) device.nextRead = request;
  else device.nextWrite = request;
}

export function insert(device: Device, request: Request): void {
  const direction = directionOf(request);
  request.state = REQUEST_QUEUED;
  request.fifoTime = root().now + (direction == READ ? device.readExpireNs : device.writeExpireNs);
  treeInsert(treeOf(device, direction), request);
  hash(device, request);
  fifoAppend(fifoOf(device, direction), request);
}

export function remove(device: Device, request: Request): void {
  const direction = directionOf(request);
  if (nextOf(device, direction) == request) setNext(device, direction, treeNext(request));
  treeRemove(treeOf(device, direction), request);
  unhash(device, request);
  fifoRemove(fifoOf(device, direction), request);
}

// 1. go on with the batch, in the direction it has
// 2. reads wait: a batch of reads, unless writes have waited for `writes_starved` of those
// 3. writes wait: a batch of writes
export function dispatch(device: Device): Request {
  let request = nextOf(device, device.lastDirection);
  if (!request || device.batching >= device.fifoBatch) {
    const hasReads = !!device.fifoReadHead;
    const hasWrites = !!device.fifoWriteHead;
    let direction = READ;
    if (hasReads) {
      if (hasWrites && device.starved++ >= device.writesStarved) direction = WRITE;
    } else if (hasWrites) {
      direction = WRITE;
    } else {
      return changetype<Request>(0);
    }
    if (direction == WRITE) device.starved = 0;
    const oldest = fifoOf(device, direction).head;
    const next = nextOf(device, direction);
    request = !next || root().now >= oldest.fifoTime ? oldest : next;
    device.lastDirection = direction;
    device.batching = 0;
  }
  device.batching++;
  const direction = directionOf(request);
  setNext(device, direction, treeNext(request));
  treeRemove(treeOf(device, direction), request);
  unhash(device, request);
  fifoRemove(fifoOf(device, direction), request);
  return request;
}

export function former(request: Request): Request {
  return treePrevious(request);
}

export function latter(request: Request): Request {
  return treeNext(request);
}

/** The request begins earlier than it did: sort it anew. If it was the next one it stays so. */
export function moved(device: Device, request: Request): void {
  const tree = treeOf(device, directionOf(request));
  treeRemove(tree, request);
  treeInsert(tree, request);
}

/** `gone` is now part of `survivor`, which takes its age and its place in the fifo if it is the older one. */
export function absorbed(device: Device, survivor: Request, gone: Request): void {
  const direction = directionOf(gone);
  const fifo = fifoOf(device, direction);
  if (nextOf(device, direction) == gone) setNext(device, direction, treeNext(gone));
  treeRemove(treeOf(device, direction), gone);
  unhash(device, gone);
  if (survivor.state == REQUEST_QUEUED && gone.fifoTime < survivor.fifoTime) {
    survivor.fifoTime = gone.fifoTime;
    fifoRemove(fifo, survivor);
    fifoReplace(fifo, gone, survivor);
  } else {
    fifoRemove(fifo, gone);
  }
}
