// Stage 6 of 11: clone. From prep_map; to map.
//
// Promises: a clone that covers what is left of its original, on the device below, charged to that
// device's credits; or a refusal that has changed nothing. Never: copies bios; the clone reads the
// original's.
import { FLAG_FAILFAST, FLAG_NOMERGE } from '../abi';
import { creditsOf } from '../record/credit';
import { Device } from '../record/device';
import { allocateRequest } from '../record/pool';
import { REQUEST_BELOW, Request } from '../record/request';

/** A clone of `original` for `lower`, or null: the device takes nothing more. */
export function clone(original: Request, lower: Device): Request {
  if (creditsOf(lower) == 0) return changetype<Request>(0);
  const copy = allocateRequest(lower, true);
  if (!copy) return copy;
  copy.original = original;
  copy.sector = original.sector;
  copy.sectors = original.sectors;
  copy.operation = original.operation;
  copy.flags = original.flags | <u8>(FLAG_NOMERGE | FLAG_FAILFAST);
  copy.segments = original.segments;
  copy.queuedAt = original.queuedAt;
  original.clone = copy;
  original.state = REQUEST_BELOW;
  original.chosen = <u16>lower.id;
  return copy;
}
