// How deep kyber's domains are. For windows of 100 ms two latencies of what ends are gathered, from dispatch to end and
// from arrival to end, in eighths: four buckets up to the target, four above it. At the window's end, which is noticed
// when something is next inserted, dispatched or ended (the core has no clock), with p the bucket in which the 99th
// percentile lies:
//
//   1. the device is slow if p of dispatch to end is above the target in any domain
//   2. a domain whose p of arrival to end is above its target gets more tokens: depth * (p + 1) / 4, up to its most
//   3. on a slow device the others give way by the same rule: 1/4, 1/2, 3/4 or all of their depth, at least one
//
// A domain in which nothing ended keeps its depth; OTHERS have no target and keep theirs always.
import { Device, ELEVATOR_BYTES, elevatorOf } from '../record/device';
import { Request } from '../record/request';
import { root } from '../record/root';

export const READS: u32 = 0;
export const WRITES: u32 = 1;
export const DISCARDS: u32 = 2;
export const OTHERS: u32 = 3;
export const DOMAINS: u32 = 4;

const WINDOW_NS: f64 = 100000000;
const DISCARD_TARGET_NS: f64 = 5000000000;
const BUCKETS: u32 = 8;
const BUCKETS_GOOD: u32 = 4;
const NOTHING: u32 = 0xffffffff;

//   0      4      8       12     16               48
//   | head | tail | depth | held | dispatch (u32) | arrival (u32) |   80 bytes, four times; then the turn
@unmanaged
export class Domain {
  head: Request = changetype<Request>(0);
  tail: Request = changetype<Request>(0);
  depth: u32 = 0;
  held: u32 = 0; // tokens out
}

@unmanaged
export class Turn {
  domain: u32 = 0;
  batch: u32 = 0;
  windowEndsAt: f64 = 0;
}

const DISPATCH_AT: usize = 16;
const ARRIVAL_AT: usize = DISPATCH_AT + 4 * BUCKETS;
const DOMAIN_BYTES: usize = ARRIVAL_AT + 4 * BUCKETS;

export function domainAt(device: Device, number: u32): Domain {
  return changetype<Domain>(elevatorOf(device) + <usize>number * DOMAIN_BYTES);
}

export function turnOf(device: Device): Turn {
  assert(<usize>DOMAINS * DOMAIN_BYTES + offsetof<Turn>() <= ELEVATOR_BYTES);
  return changetype<Turn>(elevatorOf(device) + <usize>DOMAINS * DOMAIN_BYTES);
}

export function depthMax(domain: u32): u32 {
  return domain == READS ? 256 : domain == WRITES ? 128 : domain == DISCARDS ? 64 : 16;
}

function targetOf(device: Device, domain: u32): f64 {
  return domain == READS ? device.kyberReadNs : domain == WRITES ? device.kyberWriteNs : DISCARD_TARGET_NS;
}

/** A request of the domain has ended now. */
export function measure(device: Device, domain: u32, request: Request): void {
  if (domain == OTHERS) return;
  const now = root().now;
  const target = targetOf(device, domain);
  add(device, domain, DISPATCH_AT, now - request.issuedAt, target);
  add(device, domain, ARRIVAL_AT, now - request.queuedAt, target);
}

function add(device: Device, domain: u32, which: usize, latency: f64, target: f64): void {
  const bucket = <u32>min<f64>(max<f64>((latency * BUCKETS_GOOD) / target, 0), BUCKETS - 1);
  const at = changetype<usize>(domainAt(device, domain)) + which + ((<usize>bucket) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** If the window is over, the depths follow what was measured, and the next one begins now. */
export function follow(device: Device): void {
  const turn = turnOf(device);
  const now = root().now;
  if (now < turn.windowEndsAt) return;
  if (turn.windowEndsAt > 0) scale(device);
  turn.windowEndsAt = now + WINDOW_NS;
}

function scale(device: Device): void {
  let isSlow = false;
  for (let i = READS; i < OTHERS; i++) {
    const bucket = takeBucket(device, i, DISPATCH_AT);
    if (bucket != NOTHING && bucket >= BUCKETS_GOOD) isSlow = true;
  }
  for (let i = READS; i < OTHERS; i++) {
    const bucket = takeBucket(device, i, ARRIVAL_AT);
    if (bucket == NOTHING || (bucket < BUCKETS_GOOD && !isSlow)) continue;
    const domain = domainAt(device, i);
    domain.depth = min(max<u32>((domain.depth * (bucket + 1)) / BUCKETS_GOOD, 1), depthMax(i));
  }
}

/** The bucket of the 99th percentile; the histogram is empty afterwards. */
function takeBucket(device: Device, domain: u32, which: usize): u32 {
  const at = changetype<usize>(domainAt(device, domain)) + which;
  let total: u32 = 0;
  for (let i: u32 = 0; i < BUCKETS; i++) total += load<u32>(at + ((<usize>i) << 2));
  if (!total) return NOTHING;
  let left = total - total / 100;
  let bucket: u32 = 0;
  while (load<u32>(at + ((<usize>bucket) << 2)) < left) {
    left -= load<u32>(at + ((<usize>bucket) << 2));
    bucket++;
  }
  memory.fill(at, 0, 4 * BUCKETS);
  return bucket;
}
