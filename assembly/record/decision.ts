import {
  DECISION_BYTES,
  HEADER_END_IO,
  HEADER_END_IO_COUNT,
  HEADER_END_IO_FIRST,
  HEADER_END_IO_FIRST_COUNT,
  HEADER_MAP,
  HEADER_MAP_COUNT,
  HEADER_PREP_MAP,
  HEADER_PREP_MAP_COUNT,
  HEADER_RELEASE,
  HEADER_RELEASE_COUNT,
  HEADER_TOLD,
  HEADER_TOLD_COUNT,
} from '../abi';
import { DECISIONS, RELEASES } from '../limits';
import { Bio } from './bio';
import { Extent } from './extent';
import { bioId, requestId } from './pool';
import { Request } from './request';
import { header, setHeader } from './root';

// The rings of decisions (abi.ts). The core appends records, the host writes verdicts into them, the
// core takes them back in order. A ring is named by the header word of its address; its count follows.

@unmanaged
export class Decision {
  sector: f64 = 0;
  id: u32 = 0;
  target: u32 = 0;
  sectors: u32 = 0;
  operation: u32 = 0;
  issuedAt: f64 = 0;
  status: u32 = 0;
  verdict: u32 = 0;
  device: u32 = 0;
  context: u32 = 0;
}

export const RING_RELEASE: u32 = HEADER_RELEASE;
export const RING_END_IO_FIRST: u32 = HEADER_END_IO_FIRST;
export const RING_END_IO: u32 = HEADER_END_IO;
export const RING_PREP_MAP: u32 = HEADER_PREP_MAP;
export const RING_MAP: u32 = HEADER_MAP;
export const RING_TOLD: u32 = HEADER_TOLD;

export function assertDecisionLayout(): void {
  assert(offsetof<Decision>() == DECISION_BYTES);
  assert(
    HEADER_RELEASE_COUNT == HEADER_RELEASE + 1 &&
      HEADER_END_IO_FIRST_COUNT == HEADER_END_IO_FIRST + 1 &&
      HEADER_END_IO_COUNT == HEADER_END_IO + 1 &&
      HEADER_PREP_MAP_COUNT == HEADER_PREP_MAP + 1 &&
      HEADER_MAP_COUNT == HEADER_MAP + 1 &&
      HEADER_TOLD_COUNT == HEADER_TOLD + 1,
  );
}

export function asked(ring: u32): u32 {
  return header(ring + 1);
}

export function hasRoom(ring: u32): bool {
  return header(ring + 1) < (ring == RING_RELEASE ? RELEASES : DECISIONS);
}

export function decision(ring: u32, index: u32): Decision {
  return changetype<Decision>(<usize>header(ring) + <usize>index * DECISION_BYTES);
}

function append(ring: u32, extent: Extent): Decision {
  assert(hasRoom(ring));
  const index = header(ring + 1);
  setHeader(ring + 1, index + 1);
  const record = decision(ring, index);
  record.target = extent.target;
  record.verdict = 0xffffffff;
  return record;
}

/** Asks about an original, as it was when prep_map was asked; `status` is what the hook is to see. */
export function askRequest(ring: u32, original: Request, issuedAt: f64, status: u32): Decision {
  const record = append(ring, original.extent);
  // its front may have ended since, at this level or below: what a target counted for is the whole
  record.sector = <f64>(original.sector + original.sectors - original.askedSectors);
  record.id = requestId(original);
  record.sectors = original.askedSectors;
  record.operation = <u32>original.operation | ((<u32>original.flags) << 8);
  record.issuedAt = issuedAt;
  record.status = status;
  record.device = original.chosen;
  record.context = original.context;
  return record;
}

export function askBio(ring: u32, bio: Bio, status: u32): Decision {
  const record = append(ring, bio.extent);
  record.sector = <f64>bio.sector;
  record.id = bioId(bio);
  record.sectors = bio.sectors;
  record.operation = <u32>bio.operation | ((<u32>bio.flags) << 8);
  record.issuedAt = bio.submittedAt;
  record.status = status;
  record.device = bio.chosen;
  record.context = bio.context;
  return record;
}
