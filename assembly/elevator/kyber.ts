// Elevator `kyber`: no sorting, but a bound on how much of each kind is under way, which follows measured latencies
// (spec-core 6; kyber-depth.ts has the rule).
//
// Four domains: reads, writes, discards, others. Each has a fifo, tokens, and a longest batch. A dispatch goes on with the
// domain that has the turn until its batch is full, its fifo is empty, or its tokens are out; then the others are asked
// in turn, and it last. A request has its token from its first dispatch until it ends, also while it comes back; what is
// at the head of the elevator goes before all and needs none. A bio may merge with one of the newest requests of its domain.
import { OPERATION_DISCARD, OPERATION_READ, OPERATION_WRITE } from '../abi';
import { Device } from '../record/device';
import { Fifo, fifoAppend, fifoRemove } from '../record/fifo';
import { MARK_ELEVATOR, REQUEST_QUEUED, Request } from '../record/request';
import { ready } from '../record/root';
import { older } from '../record/sorted';
import { DISCARDS, DOMAINS, Domain, depthMax, domainAt, follow, measure, OTHERS, READS, turnOf, WRITES } from './kyber-depth';

function domainNumberOf(operation: u32): u32 {
  if (operation == OPERATION_READ) return READS;
  if (operation == OPERATION_WRITE) return WRITES;
  return operation == OPERATION_DISCARD ? DISCARDS : OTHERS;
}

function fifoOf(domain: Domain): Fifo {
  return changetype<Fifo>(domain);
}

function domainOf(device: Device, request: Request): Domain {
  return domainAt(device, domainNumberOf(request.operation));
}

function batchMax(domain: u32): u32 {
  return domain == READS ? 16 : domain == WRITES ? 8 : 1;
}

export function start(device: Device): void {
  for (let i: u32 = 0; i < DOMAINS; i++) domainAt(device, i).depth = depthMax(i);
}

export function insert(device: Device, request: Request, _since: f64): void {
  follow(device);
  request.state = REQUEST_QUEUED;
  fifoAppend(fifoOf(domainOf(device, request)), request);
}

export function remove(device: Device, request: Request): void {
  fifoRemove(fifoOf(domainOf(device, request)), request);
}

export function dispatch(device: Device): Request {
  follow(device);
  const turn = turnOf(device);
  if (turn.batch < batchMax(turn.domain)) {
    const request = take(device, turn.domain);
    if (request) return request;
  }
  for (let i: u32 = 0; i < DOMAINS; i++) {
    turn.domain = (turn.domain + 1) % DOMAINS;
    turn.batch = 0;
    const request = take(device, turn.domain);
    if (request) return request;
  }
  return changetype<Request>(0);
}

function take(device: Device, number: u32): Request {
  const domain = domainAt(device, number);
  const request = domain.head;
  if (!request || domain.held >= domain.depth) return changetype<Request>(0);
  remove(device, request);
  domain.held++;
  request.mark |= <u8>(number + 1);
  turnOf(device).batch++;
  return request;
}

export function newest(device: Device, operation: u32): Request {
  return domainAt(device, domainNumberOf(operation)).tail;
}

export function former(_request: Request): Request {
  return changetype<Request>(0);
}

export function latter(_request: Request): Request {
  return changetype<Request>(0);
}

export function moved(_device: Device, _request: Request): void {}

export function absorbed(_device: Device, _survivor: Request, _gone: Request): void {
  assert(false);
}

/** Its token is free. */
export function forget(device: Device, request: Request): void {
  const number = <u32>(request.mark & MARK_ELEVATOR);
  if (!number) return;
  request.mark &= ~MARK_ELEVATOR;
  domainAt(device, number - 1).held--;
  if (device.queued) ready(device);
}

export function oldest(device: Device): Request {
  let request = changetype<Request>(0);
  for (let i: u32 = 0; i < DOMAINS; i++) request = older(request, domainAt(device, i).head);
  return request;
}

/** Its latencies count, if it has a token, which is free now. */
export function ended(device: Device, request: Request): void {
  const number = <u32>(request.mark & MARK_ELEVATOR);
  if (!number) return;
  follow(device);
  measure(device, number - 1, request);
  forget(device, request);
}
