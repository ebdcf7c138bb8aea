import { DEVICE_BIO, OPERATION_FLUSH } from '../abi';
import { diskAdvances } from '../stats/disk';
import { regionsBegin, regionsEnd, regionsLeave } from '../stats/regions';
import { BIO_MAP_QUEUE, Bio } from './bio';
import { Extent } from './extent';
import { mapQueueOf, prependBio, waitingOf } from './list';
import { hasPayload } from './operation';
import { ready } from './root';

// A part that has to be split again, because the table has changed since, when no record is free: it goes on piece by
// piece in its own record. Other parts may have all the others and want the same; so one at least always goes on.
//
// What is left lies in `tag`: the sectors behind the piece; of a flush the number of the next extent.

/** True for what was split off a bio of the same device. */
export function isPart(bio: Bio): bool {
  return !!bio.parent && bio.parent.device == bio.device;
}

/** True for a stripe's share of a range: it names all of the range, which counts once. */
export function isShare(bio: Bio): bool {
  return isPart(bio) && bio.sector == bio.parent.sector;
}

/** The part shrinks to its first sectors. */
export function holdBack(part: Bio, most: u32): void {
  const isCounted = !isShare(part);
  if (isCounted) regionsLeave(part.device, part.operation, part.sector, part.sectors);
  part.tag += part.sectors - most;
  part.sectors = most;
  if (isCounted) regionsBegin(part.device, part.operation, part.sector, part.sectors);
}

/** A piece of a part has ended well: true if there is more of it, which is to be mapped next. */
export function goesOn(bio: Bio): bool {
  if (!isPart(bio) || !bio.tag) return false;
  if (bio.operation == OPERATION_FLUSH) {
    bio.context = bio.tag;
  } else {
    diskAdvances(bio.device, bio.operation, bio.sectors);
    if (!isShare(bio)) regionsEnd(bio.device, bio.operation, bio.sector, bio.sectors, bio.submittedAt);
    bio.sector += bio.sectors;
    if (hasPayload(bio.operation)) bio.address += bio.sectors << 9;
    bio.sectors = bio.tag;
    bio.context = 0;
    regionsBegin(bio.device, bio.operation, bio.sector, bio.sectors);
  }
  bio.tag = 0;
  bio.extent = changetype<Extent>(0);
  bio.state = BIO_MAP_QUEUE;
  bio.device.waiting++;
  prependBio(mapQueueOf(bio.device), bio);
  ready(bio.device);
  return true;
}

/** The same in a queue of requests, where a limit has gone down: what is left of the part is tried before all that wait. */
export function entersAgain(bio: Bio): bool {
  const device = bio.device;
  if (device.kind == DEVICE_BIO || bio.status || !isPart(bio) || !bio.tag) return false;
  bio.sector += bio.sectors;
  if (hasPayload(bio.operation)) bio.address += bio.sectors << 9;
  bio.sectors = bio.tag;
  bio.tag = 0;
  device.waiting++;
  prependBio(waitingOf(device), bio);
  ready(device);
  return true;
}
