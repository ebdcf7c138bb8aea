import { REQUEST_BYTES } from '../limits';
import { Bio } from './bio';
import { Device } from './device';
import { Extent } from './extent';

// A request: bios that follow each other on one device. A clone is a request too: it has an
// `original`, no bios of its own (they hang on the topmost original), and the device below.
//
//   0        8      12        16         20         24       28         32      36     40      44
//   | sector | next | sectors | bio head | bio tail | device | original | clone | left | right | parent |
//   48         52         56         60           64            72             80
//   | previous | later    | end next | start next | fifo time   | queued at    | issued at |
//   88   89      90      91      92         94           96             100      101     102      103
//   | op | step  | state | color | segments | generation | good sectors | status | first | hashed | mark |
//   104        106      108       112      116         118     120             124
//   | attempts | chosen | context | extent | last path | flags | asked sectors | ordinal |   128 bytes
//
// `next` links any one list a request can be on: free, dispatch, delayed, ended, instant.
// `previous`/`later` are its place in the elevator's fifo; the fifo time of a clone, which is in none, is when it came.

export const REQUEST_FREE: u8 = 0;
export const REQUEST_PLUGGED: u8 = 1;
export const REQUEST_QUEUED: u8 = 2; // in the elevator, sorted
export const REQUEST_AT_HEAD: u8 = 3; // in the elevator, before everything
export const REQUEST_DISPATCH: u8 = 4; // on the dispatch list
export const REQUEST_PREP_MAP: u8 = 5; // the host decides
export const REQUEST_MAP: u8 = 6; // a clone, the host translates
export const REQUEST_BELOW: u8 = 7; // an original whose clone is under way
export const REQUEST_ISSUED: u8 = 8; // at a path
export const REQUEST_ENDED: u8 = 9; // on the ended list
export const REQUEST_END_FIRST: u8 = 10; // a clone, the host decides
export const REQUEST_END: u8 = 11; // a clone, the host decides
export const REQUEST_KEPT: u8 = 12; // the target holds it
export const REQUEST_DELAYED: u8 = 13;
export const REQUEST_FLUSH: u8 = 14; // waits in the flush machine
export const REQUEST_CARRIER: u8 = 15; // a device's flush carrier at rest

/** Steps of the flush machine (spec-core 2.1); STEP_THEN_FLUSH is a bit beside the step: the data is followed by a flush. */
export const STEP_NONE: u8 = 0;
export const STEP_PREFLUSH: u8 = 1;
export const STEP_DATA: u8 = 2;
export const STEP_POSTFLUSH: u8 = 3;
export const STEP_MASK: u8 = 7;
export const STEP_THEN_FLUSH: u8 = 8;
/** Of a clone on a mapped device: its end is in the disk statistics. */
export const STEP_COUNTED: u8 = 16;
/** The same: it has begun there, and not ended. */
export const STEP_BEGUN: u8 = 32;

/** Low bits of `mark`: 0, or what the elevator counts it as until it ends, plus 1 (a class of mq-deadline, a domain of kyber). */
export const MARK_ELEVATOR: u8 = 0x7f;
/** It is limited by async_depth. */
export const MARK_ASYNC: u8 = 0x80;

@unmanaged
export class Request {
  sector: u64 = 0;
  next: Request = changetype<Request>(0);
  sectors: u32 = 0;
  bioHead: Bio = changetype<Bio>(0);
  bioTail: Bio = changetype<Bio>(0);
  device: Device = changetype<Device>(0);
  original: Request = changetype<Request>(0);
  clone: Request = changetype<Request>(0);
  treeLeft: Request = changetype<Request>(0);
  treeRight: Request = changetype<Request>(0);
  treeParent: Request = changetype<Request>(0);
  previous: Request = changetype<Request>(0);
  later: Request = changetype<Request>(0);
  endNext: Request = changetype<Request>(0);
  startNext: Request = changetype<Request>(0);
  fifoTime: f64 = 0;
  queuedAt: f64 = 0;
  issuedAt: f64 = 0;
  operation: u8 = 0;
  step: u8 = 0; // of the flush machine (down/flush.ts); 0: not in it
  state: u8 = 0;
  isRed: u8 = 0;
  segments: u16 = 0;
  generation: u16 = 0;
  goodSectors: u32 = 0;
  status: u8 = 0;
  firstStatus: u8 = 0;
  isHashed: u8 = 0;
  mark: u8 = 0; // MARK_: what it counts as
  attempts: u16 = 0;
  chosen: u16 = 0;
  context: u32 = 0;
  extent: Extent = changetype<Extent>(0);
  lastPath: u16 = 0;
  flags: u16 = 0;
  askedSectors: u32 = 0; // its length when prep_map was asked: what a target has counted for
  ordinal: u32 = 0; // of its insert: its age in the elevator
}

export function assertRequestLayout(): void {
  assert(offsetof<Request>() <= REQUEST_BYTES);
}

/** First sector behind the request. */
export function endOf(request: Request): u64 {
  return request.sector + request.sectors;
}

/** The request at the top of a stack of clones: the one that has the bios. */
export function topOf(request: Request): Request {
  let top = request;
  while (top.original) top = top.original;
  return top;
}
