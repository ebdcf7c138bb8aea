import { Bio } from './bio';
import { REQUEST_ENDED, Request } from './request';
import { root } from './root';

// Things end on the way down too (a failed check, an error extent, a kill). They go on these lists;
// the way up takes them from there (run.ts).

/** This bio's own part has ended. The first error that a bio is told stays. */
export function endBio(bio: Bio, status: u32): void {
  const all = root();
  if (status && !bio.status) bio.status = <u8>status;
  bio.next = changetype<Bio>(0);
  if (all.endedBioTail) all.endedBioTail.next = bio;
  else all.endedBioHead = bio;
  all.endedBioTail = bio;
}

/** A request, or a clone, has ended: `goodSectors` from its front are done. */
export function endRequest(request: Request, status: u32, goodSectors: u32): void {
  const all = root();
  request.status = <u8>status;
  request.goodSectors = goodSectors;
  request.state = REQUEST_ENDED;
  request.next = changetype<Request>(0);
  if (all.endedTail) all.endedTail.next = request;
  else all.endedHead = request;
  all.endedTail = request;
}

export function takeEndedBio(): Bio {
  const all = root();
  const bio = all.endedBioHead;
  if (!bio) return bio;
  all.endedBioHead = bio.next;
  if (!all.endedBioHead) all.endedBioTail = changetype<Bio>(0);
  bio.next = changetype<Bio>(0);
  return bio;
}

export function takeEndedRequest(): Request {
  const all = root();
  const request = all.endedHead;
  if (!request) return request;
  all.endedHead = request.next;
  if (!all.endedHead) all.endedTail = changetype<Request>(0);
  request.next = changetype<Request>(0);
  return request;
}
