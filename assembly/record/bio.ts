import { BIO_BYTES } from '../limits';
import { Device } from './device';
import { Extent } from './extent';

// A bio: one stretch of a device, one piece of the arena.
//
//   0        8      12        16        20   21      22      24       28    32       36          38
//   | sector | next | sectors | address | op | state | flags | device | tag | parent | remaining | generation |
//   40       44       46         48        52       53      54          56
//   | extent | chosen | attempts | context | status | first | last path | submitted at (f64) |   64 bytes
//
// `parent` is the bio that waits for this one: on the same device it was split off it; on another
// device this is the mapped piece of it. `remaining` counts the parts that have not ended, the bio's
// own part included; a bio ends when it is 0.
//
// `tag` is the host's. In a part that was split off it is what is left of it (record/part.ts).

export const BIO_FREE: u8 = 0;
export const BIO_HELD: u8 = 1; // in a request, a list, or being worked on
export const BIO_MAP_QUEUE: u8 = 2; // waits for a place in the prep_map ring
export const BIO_PREP_MAP: u8 = 3; // the host decides
export const BIO_MAP: u8 = 4;
export const BIO_BELOW: u8 = 5; // its piece is on the device below
export const BIO_END_FIRST: u8 = 6;
export const BIO_END: u8 = 7;
export const BIO_KEPT: u8 = 8; // the target holds it
export const BIO_DELAYED: u8 = 9;
export const BIO_AFTER_FLUSH: u8 = 10; // bio-based, PREFLUSH: waits for the flush that goes before it

@unmanaged
export class Bio {
  sector: u64 = 0;
  next: Bio = changetype<Bio>(0);
  sectors: u32 = 0;
  address: u32 = 0;
  operation: u8 = 0;
  state: u8 = 0;
  flags: u16 = 0;
  device: Device = changetype<Device>(0);
  tag: u32 = 0;
  parent: Bio = changetype<Bio>(0);
  remaining: u16 = 0;
  generation: u16 = 0;
  extent: Extent = changetype<Extent>(0);
  chosen: u16 = 0;
  attempts: u16 = 0;
  context: u32 = 0;
  status: u8 = 0;
  firstStatus: u8 = 0;
  lastPath: u16 = 0;
  submittedAt: f64 = 0;
}

export function assertBioLayout(): void {
  assert(offsetof<Bio>() <= BIO_BYTES);
}
