// Stage 6 of 11: clone. From prep_map; to map.
//
// Promises: a clone that covers what is left of its original, on the device below, which has a credit
// for it; or a refusal that has changed nothing. Never: copies bios; the clone reads the
// original's.
import { FLAG_FAILFAST, FLAG_NOMERGE } from '../abi';
import { keepPromise, mayTake } from '../record/credit';
import { Device } from '../record/device';
import { allocateClone } from '../record/pool';
import { REQUEST_BELOW, Request } from '../record/request';

/** A clone of `original` for `lower`, or null: no credit there, or no record here. */
export function clone(original: Request, lower: Device): Request {
  if (!mayTake(original.device, lower)) return changetype<Request>(0);
  const copy = allocateClone(original, lower);
  if (!copy) return copy;
  keepPromise(original.device, lower);
  copy.sector = original.sector;
  copy.sectors = original.sectors;
  copy.operation = original.operation;
  copy.flags = original.flags | <u16>(FLAG_NOMERGE | FLAG_FAILFAST);
  copy.segments = original.segments;
  copy.queuedAt = original.queuedAt;
  original.clone = copy;
  original.state = REQUEST_BELOW;
  original.chosen = <u16>lower.id;
  return copy;
}
