// Stage 10 of 11: end_io. From end_io_first; to complete, or back to where a retry is decided.
//
// Promises: the clone is freed once; done goes up with its status, requeue to the head of the
// device's own elevator, what a target keeps comes back by finish. Never: tells a bio anything.
import {
  END_DELAY_REQUEUE,
  END_INCOMPLETE,
  END_KILL,
  END_REQUEUE,
  HOOK_END_IO,
  HOOK_END_IO_TOLD,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_WRITE_ZEROES,
  STATUS_IOERR,
  STATUS_OK,
  STATUS_TARGET,
} from '../abi';
import { NO_DEVICE } from '../limits';
import { BIO_END, BIO_HELD, BIO_KEPT, Bio } from '../record/bio';
import { returnCredit } from '../record/credit';
import { askBio, asked, askRequest, Decision, decision, hasRoom, RING_END_IO, RING_TOLD } from '../record/decision';
import { Device } from '../record/device';
import { deviceAt } from '../record/devices';
import { endBio, endRequest } from '../record/ended';
import { goesOn } from '../record/part';
import { bioOf, freeRequest, requestOf } from '../record/pool';
import { REQUEST_END, REQUEST_KEPT, Request } from '../record/request';
import { delayBio, delayRequest, redriveBio, requeue, wakeRested } from '../record/requeue';
import { setHeader } from '../record/root';

/** False: the ring is full. */
export function endIo(original: Request, clone: Request): bool {
  const hooks = <u32>original.extent.hooks;
  if (hooks & HOOK_END_IO) {
    if (mayTell(hooks, original.operation, clone.status)) {
      askRequest(RING_TOLD, original, clone.issuedAt, clone.status);
      done(original, clone.status);
      return true;
    }
    if (!hasRoom(RING_END_IO)) return false;
    clone.state = REQUEST_END;
    askRequest(RING_END_IO, original, clone.issuedAt, clone.status);
    return true;
  }
  done(original, clone.status);
  return true;
}

/** Nothing to decide: the target hears of it and nothing waits for that. With the ring full it is asked instead. */
function mayTell(hooks: u32, operation: u32, status: u32): bool {
  return (hooks & HOOK_END_IO_TOLD) != 0 && status == STATUS_OK && operation != OPERATION_FLUSH && hasRoom(RING_TOLD);
}

/** The original ends with this status, or goes up as a clone itself. */
function done(original: Request, status: u32): void {
  if (status == STATUS_TARGET) turnOff(original.device, original.clone.device, original.operation);
  freeClone(original);
  original.device.inFlight--;
  endRequest(original, status, status ? 0 : original.sectors);
}

/** The device below has found out that it cannot do this at all: nobody asks for it again (spec-core 8.6c). */
function turnOff(device: Device, lower: Device, operation: u32): void {
  if (operation == OPERATION_DISCARD && lower.maxDiscardSectors == 0) device.maxDiscardSectors = 0;
  if (operation == OPERATION_WRITE_ZEROES && lower.maxWriteZeroesSectors == 0) device.maxWriteZeroesSectors = 0;
}

function freeClone(original: Request): void {
  const clone = original.clone;
  const lower = clone.device;
  original.clone = changetype<Request>(0);
  freeRequest(clone);
  returnCredit(lower);
  wakeRested(original.device);
}

export function endIoBio(bio: Bio, status: u32): bool {
  if (status && !bio.firstStatus) bio.firstStatus = <u8>status;
  const hooks = <u32>bio.extent.hooks;
  if (hooks & HOOK_END_IO) {
    if (mayTell(hooks, bio.operation, status)) {
      askBio(RING_TOLD, bio, status);
      doneBio(bio, status);
      return true;
    }
    if (!hasRoom(RING_END_IO)) return false;
    bio.state = BIO_END;
    askBio(RING_END_IO, bio, status);
    return true;
  }
  doneBio(bio, status);
  return true;
}

function doneBio(bio: Bio, status: u32): void {
  // a target may end what it has kept without ever having chosen
  if (status == STATUS_TARGET && bio.chosen != NO_DEVICE) turnOff(bio.device, deviceAt(bio.chosen), bio.operation);
  bio.state = BIO_HELD;
  bio.device.inFlight--;
  wakeRested(bio.device);
  if (status == STATUS_OK && goesOn(bio)) return;
  endBio(bio, status);
}

export function takeEndIoVerdicts(): void {
  const total = asked(RING_END_IO);
  setHeader(RING_END_IO + 1, 0);
  for (let i: u32 = 0; i < total; i++) {
    const record = decision(RING_END_IO, i);
    const original = requestOf(record.id);
    if (original) verdict(original, record.verdict, record.context);
    else bioVerdict(bioOf(record.id), record);
  }
}

function verdict(original: Request, said: u32, context: u32): void {
  const clone = original.clone;
  assert(clone && clone.state == REQUEST_END);
  const status = <u32>clone.status;
  original.context = context;
  if (said == END_INCOMPLETE) {
    clone.state = REQUEST_KEPT;
  } else if (said == END_REQUEUE || said == END_DELAY_REQUEUE) {
    // all bytes may be told already, though the path ended in an error: nothing is left to retry
    if (original.sectors == 0 && original.operation != OPERATION_FLUSH) {
      done(original, STATUS_OK);
      return;
    }
    freeClone(original);
    if (said == END_REQUEUE) requeue(original.device, original);
    else delayRequest(original.device, original);
  } else {
    done(original, said == END_KILL ? STATUS_IOERR : status);
  }
}

function bioVerdict(bio: Bio, record: Decision): void {
  assert(bio && bio.state == BIO_END);
  const said = record.verdict;
  bio.context = record.context;
  bio.state = BIO_HELD;
  if (said == END_INCOMPLETE) bio.state = BIO_KEPT;
  else if (said == END_REQUEUE) redriveBio(bio.device, bio);
  else if (said == END_DELAY_REQUEUE) delayBio(bio.device, bio);
  else doneBio(bio, said == END_KILL ? <u32>STATUS_IOERR : record.status);
}

/** A target gives back what it kept. False: nothing of that name is kept. */
export function finish(id: u32, status: u32): bool {
  const original = requestOf(id);
  if (original) {
    if (original.clone) {
      if (original.clone.state != REQUEST_KEPT) return false;
      done(original, status);
      return true;
    }
    if (original.state != REQUEST_KEPT) return false;
    original.device.inFlight--;
    endRequest(original, status, status ? 0 : original.sectors);
    return true;
  }
  const bio = bioOf(id);
  if (!bio || bio.state != BIO_KEPT) return false;
  doneBio(bio, status);
  return true;
}
