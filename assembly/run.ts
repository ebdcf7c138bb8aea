// The driver: up and down in turn until nothing is left to do, or the host must decide.
//
// One turn, in this order:
//   1. answers of paths and verdicts of the host, so that what they free can be used
//   2. up: what has ended; it may make room below
//   3. bio-based devices: their pieces go into the plug of the queues below, where they merge
//   4. the plug is emptied; then every other device that is ready runs
//   5. nothing left and nothing asked: instant devices answer
import {
  ANSWER_BYTES,
  DEVICE_REQUEST,
  FLAG_PREFLUSH,
  HEADER_ANSWER,
  HEADER_ANSWER_COUNT,
  HEADER_COMPLETE_COUNT,
  HEADER_FILL_COUNT,
  HEADER_ISSUE_COUNT,
  HEADER_STALE_ANSWERS,
  HEADER_TIMERS_ARMED,
  OPERATION_FLUSH,
  WANT_ALARM,
  WANT_COMPLETE,
  WANT_END_IO,
  WANT_END_IO_FIRST,
  WANT_FILL,
  WANT_ISSUE,
  WANT_MAP,
  WANT_PREP_MAP,
  WANT_RELEASE,
  WANT_RUN,
  WANT_TOLD,
} from './abi';
import { run as runDevice } from './down/dispatch';
import { takeMapVerdicts } from './down/map';
import { takePrepMapVerdicts } from './down/prep-map';
import { unplug } from './down/submit';
import { BIO_AFTER_FLUSH, BIO_HELD, BIO_MAP_QUEUE, Bio } from './record/bio';
import { asked, RING_END_IO, RING_END_IO_FIRST, RING_MAP, RING_PREP_MAP, RING_RELEASE, RING_TOLD } from './record/decision';
import { deviceAt } from './record/devices';
import { endBio, takeEndedBio, takeEndedRequest } from './record/ended';
import { isFillHigh } from './record/fill';
import { mapQueueOf, prependBio } from './record/list';
import { entersAgain } from './record/part';
import { publishPools, requestOf } from './record/pool';
import { REQUEST_ISSUED, Request, STEP_COUNTED } from './record/request';
import { releaseDelayed } from './record/requeue';
import { header, ready, root, setHeader, takeReady, takeReadyBio } from './record/root';
import { diskEnds } from './stats/disk';
import { requestFailed } from './stats/failures';
import { regionsEnd } from './stats/regions';
import { complete, isWhole, retire, toHost } from './up/complete';
import { takeEndIoVerdicts } from './up/end-io';
import { answered, answerInstant, endIoFirst, endIoFirstBio, takeEndIoFirstVerdicts } from './up/end-io-first';
import { endStep } from './up/flush-step';

export function drive(): u32 {
  const all = root();
  all.isRingFull = 0;
  all.isPlugging = all.isUnplugged ? 0 : 1;
  if (header(HEADER_TIMERS_ARMED)) fireTimers();
  takeAnswers();
  takeVerdicts();
  while (true) {
    up();
    all.isPlugging = all.isUnplugged ? 0 : 1;
    while (all.readyBioHead && !all.isRingFull && !all.isTurnOver) runDevice(takeReadyBio());
    // a piece that could not be held back goes before the plug
    if (!all.isTurnOver || all.isUnplugged) unplug();
    all.isPlugging = 0;
    downOnce();
    if (all.isRingFull) break;
    if (all.isTurnOver && header(HEADER_ISSUE_COUNT)) break;
    if (all.isTurnOver) {
      all.isTurnOver = 0;
      answerInstants();
      continue;
    }
    if (all.endedHead || all.endedBioHead || all.readyHead || all.readyBioHead) continue;
    if (!all.instantHead || asksHost() || isFillHigh()) break;
    answerInstants();
  }
  publishPools();
  const want = wants();
  all.isTurnOver = 0;
  // what was submitted without a plug is not held back further down either
  if (!(want & (WANT_RUN | WANT_END_IO | WANT_END_IO_FIRST | WANT_PREP_MAP | WANT_MAP))) all.isUnplugged = 0;
  return want;
}

/** Each device that is ready now; those that become so meanwhile have their turn after the next look upward. */
function downOnce(): void {
  const all = root();
  const last = all.readyTail;
  while (all.readyHead && !all.isRingFull) {
    const device = takeReady();
    runDevice(device);
    if (device == last || all.isTurnOver) return;
  }
}

function takeAnswers(): void {
  const total = header(HEADER_ANSWER_COUNT);
  let at = <usize>header(HEADER_ANSWER);
  for (let i: u32 = 0; i < total; i++) {
    const request = requestOf(load<u32>(at));
    if (request && request.state == REQUEST_ISSUED) answered(request, load<u32>(at, 4), load<u32>(at, 8));
    else setHeader(HEADER_STALE_ANSWERS, header(HEADER_STALE_ANSWERS) + 1);
    at += ANSWER_BYTES;
  }
  setHeader(HEADER_ANSWER_COUNT, 0);
}

/** end_io before end_io_first, map before prep_map: each ring is empty when the stage before it adds to it. */
function takeVerdicts(): void {
  setHeader(RING_RELEASE + 1, 0);
  setHeader(RING_TOLD + 1, 0);
  if (asked(RING_END_IO)) takeEndIoVerdicts();
  if (asked(RING_END_IO_FIRST)) takeEndIoFirstVerdicts();
  if (asked(RING_MAP)) takeMapVerdicts();
  if (asked(RING_PREP_MAP)) takePrepMapVerdicts();
}

function up(): void {
  for (let request = takeEndedRequest(); request; request = takeEndedRequest()) {
    if (!request.original) {
      if (!request.step || !endStep(request)) complete(request);
      continue;
    }
    if (request.device.kind == DEVICE_REQUEST && request.step != STEP_COUNTED) {
      diskEnds(request.device, request.operation, request.sectors, request.fifoTime);
      regionsEnd(request.device, request.operation, request.sector, request.sectors, request.fifoTime);
      request.step = STEP_COUNTED;
      if (request.status && request.operation != OPERATION_FLUSH) {
        requestFailed(request.device, request, request.goodSectors, request.status);
      }
    }
    if (!endIoFirst(request)) {
      putBackRequest(request);
      return;
    }
  }
  // the end of a bio ends no request
  endBios();
}

// 1. other parts are out: the last of them ends it
// 2. the host's own: tell it
// 3. a piece of a bio of the device above: its target's hooks are next; if a ring is full the host must answer first
// 4. split off another bio: that one's part has ended, and maybe all of it
function endBios(): void {
  let part = changetype<Bio>(0);
  for (let bio = takeEndedBio(); bio; bio = part ? part : takeEndedBio()) {
    const parent = bio.parent;
    // what ended is its own part, not one that was split off it
    if (!part && parent && entersAgain(bio)) continue;
    part = changetype<Bio>(0);
    if (!isWhole(bio)) continue;
    if (!parent) {
      toHost(bio);
    } else if (!tellParent(bio, parent)) {
      putBackBio(bio);
      return;
    } else if (parent.device == bio.device) {
      part = parent;
    }
    retire(bio, !!part);
  }
}

/** False: a ring is full. */
function tellParent(bio: Bio, parent: Bio): bool {
  parent.attempts += bio.attempts;
  parent.lastPath = bio.lastPath;
  if (!parent.firstStatus) parent.firstStatus = bio.firstStatus;
  if (parent.device == bio.device) {
    if (bio.status && !parent.status) parent.status = bio.status;
    if (parent.state == BIO_AFTER_FLUSH) flushed(parent, bio.status);
  } else if (!endIoFirstBio(parent, bio.status)) {
    parent.attempts -= bio.attempts;
    return false;
  }
  return true;
}

/** The flush that goes before a write has ended (bio-based): the write is mapped, or ends with the same error. */
function flushed(bio: Bio, status: u32): void {
  bio.flags &= ~(<u16>FLAG_PREFLUSH);
  bio.state = BIO_HELD;
  if (status) {
    endBio(bio, status);
    return;
  }
  bio.state = BIO_MAP_QUEUE;
  bio.device.waiting++;
  prependBio(mapQueueOf(bio.device), bio);
  ready(bio.device);
}

function putBackRequest(request: Request): void {
  const all = root();
  request.next = all.endedHead;
  all.endedHead = request;
  if (!all.endedTail) all.endedTail = request;
  all.isRingFull = 1;
}

/** Its own part counts again when the host has answered. */
function putBackBio(bio: Bio): void {
  const all = root();
  bio.remaining = 1;
  bio.next = all.endedBioHead;
  all.endedBioHead = bio;
  if (!all.endedBioTail) all.endedBioTail = bio;
  all.isRingFull = 1;
}

/** Until so much is to be zeroed that the host must come first. */
function answerInstants(): void {
  const all = root();
  while (all.instantHead && !isFillHigh()) {
    const request = all.instantHead;
    all.instantHead = request.next;
    if (!all.instantHead) all.instantTail = changetype<Request>(0);
    answerInstant(request);
  }
}

function asksHost(): bool {
  return (asked(RING_END_IO) | asked(RING_END_IO_FIRST) | asked(RING_MAP) | asked(RING_PREP_MAP) | asked(RING_RELEASE)) != 0;
}

function wants(): u32 {
  return (
    (asked(RING_RELEASE) ? WANT_RELEASE : 0) |
    (asked(RING_TOLD) ? WANT_TOLD : 0) |
    (asked(RING_END_IO_FIRST) ? WANT_END_IO_FIRST : 0) |
    (asked(RING_END_IO) ? WANT_END_IO : 0) |
    (asked(RING_PREP_MAP) ? WANT_PREP_MAP : 0) |
    (asked(RING_MAP) ? WANT_MAP : 0) |
    (header(HEADER_ISSUE_COUNT) ? WANT_ISSUE : 0) |
    (header(HEADER_COMPLETE_COUNT) ? WANT_COMPLETE : 0) |
    (header(HEADER_FILL_COUNT) ? WANT_FILL : 0) |
    (root().isTurnOver ? WANT_RUN : 0) |
    takeAlarm()
  );
}

/** The alarm is told once. */
function takeAlarm(): u32 {
  const all = root();
  if (!all.hasAlarm) return 0;
  all.hasAlarm = 0;
  return WANT_ALARM;
}

// ---- timers -------------------------------------------------------------------------------------------

function fireTimers(): void {
  const all = root();
  let isArmed: u32 = 0;
  for (let id: u32 = 0; id < all.devicesMax; id++) {
    const device = deviceAt(id);
    if (!device.kind) continue;
    if (device.delayedAt > 0) {
      if (all.now >= device.delayedAt) releaseDelayed(device);
      else isArmed = 1;
    }
    if (device.flushAt > 0) {
      if (all.now >= device.flushAt) {
        device.flushAt = 0;
        ready(device);
      } else {
        isArmed = 1;
      }
    }
    if (device.alarmAt > 0) {
      if (all.now >= device.alarmAt) {
        device.alarmAt = 0;
        device.hasAlarm = 1;
        all.hasAlarm = 1;
      } else {
        isArmed = 1;
      }
    }
    if (device.rerunAt > 0) {
      if (all.now >= device.rerunAt) {
        device.rerunAt = 0;
        ready(device);
      } else {
        isArmed = 1;
      }
    }
  }
  setHeader(HEADER_TIMERS_ARMED, isArmed);
}

function earlier(earliest: f64, at: f64): f64 {
  return at > 0 && (earliest == 0 || at < earliest) ? at : earliest;
}

/** When `run` is to be called at the latest, nanoseconds; 0: no timer. */
export function earliestTimer(): f64 {
  const all = root();
  let earliest: f64 = 0;
  if (!header(HEADER_TIMERS_ARMED)) return earliest;
  for (let id: u32 = 0; id < all.devicesMax; id++) {
    const device = deviceAt(id);
    if (!device.kind) continue;
    earliest = earlier(earliest, device.delayedAt);
    earliest = earlier(earliest, device.rerunAt);
    earliest = earlier(earliest, device.flushAt);
    earliest = earlier(earliest, device.alarmAt);
  }
  return earliest;
}
