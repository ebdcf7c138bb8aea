// Elevator `mq-deadline`, as Linux 6.1 has it (spec-core 5, 5.4a).
//
// Three classes by priority: real time, best effort (NONE is one of those), idle. Each has for each direction a tree by
// sector, a fifo by age, and `next`: the successor, in the tree as it was then, of the request dispatched last. A batch
// runs along `next`; a batch that has none, or whose oldest request is over its time, begins at the head of the fifo. What
// comes back waits at the head of its class and takes no part in batches.
//
//   1. while at least two classes hold requests, one of best effort, or else of idle, that is older than
//      prio_aging_expire goes first
//   2. real time, best effort, idle: as long as a class holds requests, under way or not, none below it is asked
//
// Direction and length of the batch, and how often reads went before writes, are shared by the classes. A look for an aged
// request that finds none changes nothing (in Linux it may end a batch, so that the order depends on how often the queue is
// run). A class holds a request from its first insert until that has ended.
import { FLAG_PRIORITY_SHIFT, OPERATION_WRITE } from '../abi';
import { Device, elevatorOf, unhash } from '../record/device';
import { Fifo, fifoRemove } from '../record/fifo';
import { MARK_ELEVATOR, Request } from '../record/request';
import { ready, root } from '../record/root';
import { older, SORTED_BYTES, Sorted, sortAnew, sortIn, sortOut, sortOutNext, sortTogether } from '../record/sorted';
import { treeNext, treePrevious } from '../record/tree';

const READ: u32 = 0;
const WRITE: u32 = 1;

const REALTIME: u32 = 0;
const BEST_EFFORT: u32 = 1;
const IDLE: u32 = 2;
export const CLASSES: u32 = 3;

//   0       16       32     36          40
//   | reads | writes | held | head head | head tail |   48 bytes, three times; then the batch
@unmanaged
class PriorityClass {
  reads0: u64 = 0;
  reads1: u64 = 0;
  writes0: u64 = 0;
  writes1: u64 = 0;
  held: u32 = 0; // inserted and not ended
  headHead: Request = changetype<Request>(0);
  headTail: Request = changetype<Request>(0);
}

@unmanaged
class Batch {
  lastDirection: u32 = 0;
  length: u32 = 0;
  starved: i32 = 0; // batches of reads since the last of writes, while writes waited
  others: u32 = 0; // held by the classes that are not best effort
}

const CLASS_BYTES: usize = 48;

function classAt(device: Device, index: u32): PriorityClass {
  return changetype<PriorityClass>(elevatorOf(device) + <usize>index * CLASS_BYTES);
}

/** NONE, real time, best effort, idle are 0 to 3. */
function classNumberOf(request: Request): u32 {
  const priority = (<u32>request.flags >> FLAG_PRIORITY_SHIFT) & 3;
  return priority ? priority - 1 : BEST_EFFORT;
}

function classOf(device: Device, request: Request): PriorityClass {
  return classAt(device, classNumberOf(request));
}

function batchOf(device: Device): Batch {
  return changetype<Batch>(elevatorOf(device) + <usize>CLASSES * CLASS_BYTES);
}

/** DISCARD and WRITE_ZEROES are writes. */
function directionOf(request: Request): u32 {
  return request.operation & OPERATION_WRITE;
}

function sortedIn(group: PriorityClass, direction: u32): Sorted {
  return changetype<Sorted>(changetype<usize>(group) + <usize>direction * SORTED_BYTES);
}

function sortedOf(device: Device, request: Request): Sorted {
  return sortedIn(classOf(device, request), directionOf(request));
}

/** The list of those at the head, of a request's class, or of a class by its number. */
export function headOf(device: Device, request: Request): Fifo {
  return headAt(device, classNumberOf(request));
}

export function headAt(device: Device, index: u32): Fifo {
  return changetype<Fifo>(changetype<usize>(classAt(device, index)) + offsetof<PriorityClass>('headHead'));
}

/** Its class holds it from now on. */
export function hold(device: Device, request: Request): void {
  if (request.mark & MARK_ELEVATOR) return;
  const index = classNumberOf(request);
  request.mark |= <u8>(index + 1);
  classAt(device, index).held++;
  if (index != BEST_EFFORT) batchOf(device).others++;
}

export function start(device: Device): void {
  batchOf(device).lastDirection = WRITE;
}

export function insert(device: Device, request: Request, since: f64): void {
  hold(device, request);
  const direction = directionOf(request);
  request.fifoTime = since + (direction == READ ? device.readExpireNs : device.writeExpireNs);
  sortIn(device, sortedIn(classOf(device, request), direction), request);
}

export function remove(device: Device, request: Request): void {
  sortOut(device, sortedOf(device, request), request);
}

export function dispatch(device: Device): Request {
  const bestEffort = classAt(device, BEST_EFFORT);
  if (!batchOf(device).others) return pick(device, bestEffort, false);
  const realtime = classAt(device, REALTIME);
  const idle = classAt(device, IDLE);
  const classes = (realtime.held ? 1 : 0) + (bestEffort.held ? 1 : 0) + (idle.held ? 1 : 0);
  if (classes > 1) {
    let request = pick(device, bestEffort, true);
    if (!request) request = pick(device, idle, true);
    if (request) return request;
  }
  return pick(device, realtime.held ? realtime : bestEffort.held ? bestEffort : idle, false);
}

// 1. what came back
// 2. go on with the batch, in the direction it has
// 3. reads wait: a batch of reads, unless writes have waited for `writes_starved` of those
// 4. writes wait: a batch of writes
/** The class's next one, taken out; where only aged ones are wanted, if it is one. */
function pick(device: Device, group: PriorityClass, isForAged: bool): Request {
  if (group.headHead) return pickHead(device, group, isForAged);
  const batch = batchOf(device);
  let request = sortedIn(group, batch.lastDirection).next;
  const goesOn = !!request && batch.length < device.fifoBatch;
  let starved = batch.starved;
  if (!goesOn) {
    const oldestRead = sortedIn(group, READ).head;
    const oldestWrite = sortedIn(group, WRITE).head;
    let direction = READ;
    if (oldestRead) {
      if (oldestWrite && starved++ >= device.writesStarved) direction = WRITE;
    } else if (oldestWrite) {
      direction = WRITE;
    } else {
      return changetype<Request>(0);
    }
    if (direction == WRITE) starved = 0;
    const first = direction == READ ? oldestRead : oldestWrite;
    const next = sortedIn(group, direction).next;
    request = !next || root().now >= first.fifoTime ? first : next;
  }
  const direction = directionOf(request);
  if (isForAged) {
    const came = request.fifoTime - (direction == READ ? device.readExpireNs : device.writeExpireNs);
    if (!isAged(device, came)) return changetype<Request>(0);
  }
  batch.length = goesOn ? batch.length + 1 : 1;
  batch.lastDirection = direction;
  batch.starved = starved;
  sortOutNext(device, sortedIn(group, direction), request);
  return request;
}

function isAged(device: Device, came: f64): bool {
  return came <= root().now - device.priorityAgingNs;
}

function pickHead(device: Device, group: PriorityClass, isForAged: bool): Request {
  const request = group.headHead;
  if (isForAged && !isAged(device, request.fifoTime)) return changetype<Request>(0);
  unhash(device, request);
  fifoRemove(headOf(device, request), request);
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
  sortAnew(sortedOf(device, request), request);
}

/** `gone` has the priority of `survivor`, and its direction. */
export function absorbed(device: Device, survivor: Request, gone: Request): void {
  sortTogether(device, sortedOf(device, gone), survivor, gone);
}

/** The class holds it no more. Where others hold requests, one that waited for it, or is old by now, may go. */
export function forget(device: Device, request: Request): void {
  const number = <u32>(request.mark & MARK_ELEVATOR);
  if (!number) return;
  request.mark &= ~MARK_ELEVATOR;
  classAt(device, number - 1).held--;
  const batch = batchOf(device);
  if (!batch.others) return;
  if (number - 1 != BEST_EFFORT) batch.others--;
  if (device.queued) ready(device);
}

export function oldest(device: Device): Request {
  let request = changetype<Request>(0);
  for (let index: u32 = 0; index < CLASSES; index++) {
    request = older(request, sortedIn(classAt(device, index), READ).head);
    request = older(request, sortedIn(classAt(device, index), WRITE).head);
  }
  return request;
}
