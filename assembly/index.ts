// The core's exports, in the order of the flow. Everything else is reached from here.
import {
  ANSWER_BYTES,
  COMPLETE_BYTES,
  DECISION_BYTES,
  FAILURE_BYTES,
  FAILURES,
  FILL_BYTES,
  HEADER_ADDRESS,
  HEADER_ANSWER,
  HEADER_ANSWER_CAPACITY,
  HEADER_BYTES_USED,
  HEADER_COMPLETE,
  HEADER_DECISION_CAPACITY,
  HEADER_FAILURE,
  HEADER_FILL,
  HEADER_ISSUE,
  HEADER_SEGMENT,
  HEADER_SUBMIT,
  HEADER_SUBMIT_CAPACITY,
  HEADER_TRACE,
  HEADER_TRACE_CAPACITY,
  HEADER_WORDS,
  ISSUE_BYTES,
  SEGMENT_BYTES,
  SUBMIT_BYTES,
  TRACE_BYTES,
} from './abi';
import { remap as remapKept } from './down/map';
import { takeSubmitted } from './down/submit';
import {
  BIO_BYTES,
  BIOS_RESERVED,
  DECISIONS,
  DEVICES_MAX,
  EXTENT_BYTES,
  RECORDS_MAX,
  RELEASES,
  REQUEST_BYTES,
  REQUESTS_RESERVED,
} from './limits';
import { assertBioLayout, Bio } from './record/bio';
import { returnCredit } from './record/credit';
import {
  assertDecisionLayout,
  RING_END_IO,
  RING_END_IO_FIRST,
  RING_MAP,
  RING_PREP_MAP,
  RING_RELEASE,
  RING_TOLD,
} from './record/decision';
import { assertDeviceLayout, countersOf, DEVICE_BYTES, histogramsOf } from './record/device';
import { deviceAt } from './record/devices';
import { assertExtentLayout } from './record/extent';
import { fillsMax } from './record/fill';
import { hasPayload } from './record/operation';
import { bioOf, publishPools } from './record/pool';
import { assertRegionLayout, Region } from './record/region';
import { assertRequestLayout, Request } from './record/request';
import { releaseDelayed } from './record/requeue';
import { armTimers, assertRootLayout, LAYOUT_ADDRESS, readClock, root, setHeader } from './record/root';
import { drive, earliestTimer } from './run';
import { writesInFlight as countWrites } from './stats/in-flight';
import { addRegion as add, removeRegion as remove } from './stats/regions';
import { finish as finishKept } from './up/end-io';

export { configureDevice, createDevice, destroyDevice, setExtent, setExtents, setPath, setPaths, setState } from './configure';

// ---- layout ----------------------------------------------------------------------------------------------

/**
 * Lays out pools and rings for these capacities and grows the memory, once and for all. Returns the bytes used, or 0 if
 * the memory cannot be had. `traceRecords` is a power of two or 0, `regionBytes` a multiple of 8.
 */
export function initialise(
  devices: u32,
  bios: u32,
  requests: u32,
  extents: u32,
  submits: u32,
  traceRecords: u32,
  regionBytes: u32,
): u32 {
  const all = root();
  assert(!all.isInitialised);
  assert(devices <= DEVICES_MAX && bios <= RECORDS_MAX && requests <= RECORDS_MAX);
  assert(extents <= RECORDS_MAX && submits <= RECORDS_MAX && traceRecords <= RECORDS_MAX);
  assert((traceRecords & (traceRecords - 1)) == 0);
  assert(__heap_base <= <usize>HEADER_ADDRESS);
  assertBioLayout();
  assertRequestLayout();
  assertDeviceLayout();
  assertExtentLayout();
  assertDecisionLayout();
  assertRegionLayout();
  assertRootLayout();
  if (bios < devices * BIOS_RESERVED || requests < devices * REQUESTS_RESERVED) return 0;
  // and each device's flush carrier
  const records = requests + devices;
  assert(records <= RECORDS_MAX);
  let at: usize = (LAYOUT_ADDRESS + 63) & ~63;
  const devicesAt = at;
  at += <usize>devices * DEVICE_BYTES;
  const biosAt = at;
  at += <usize>bios * BIO_BYTES;
  const requestsAt = at;
  at += <usize>records * REQUEST_BYTES;
  const extentsAt = at;
  at += <usize>extents * EXTENT_BYTES;
  const submitAt = at;
  at += <usize>submits * SUBMIT_BYTES;
  const completeAt = at;
  at += <usize>bios * COMPLETE_BYTES;
  const issueAt = at;
  at += <usize>records * ISSUE_BYTES;
  const segmentAt = at;
  at += <usize>bios * SEGMENT_BYTES * 2; // a range of a discard takes two
  const answerAt = at;
  at += <usize>records * ANSWER_BYTES;
  const fillAt = at;
  at += <usize>fillsMax(bios) * FILL_BYTES;
  const decisionsAt = at;
  at += <usize>(5 * DECISIONS + RELEASES) * DECISION_BYTES;
  const failureAt = at;
  at += <usize>FAILURES * FAILURE_BYTES;
  const traceAt = at;
  at += <usize>traceRecords * TRACE_BYTES;
  const regionsAt = at;
  at += <usize>regionBytes;
  const pages = <i32>((at + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;
  // memory that has just been grown is zero; what lies below was never written but by the loader
  memory.fill(HEADER_ADDRESS, 0, HEADER_WORDS * 4);
  all.devices = devicesAt;
  all.devicesMax = devices;
  all.bios = biosAt;
  all.biosTotal = bios;
  all.requests = requestsAt;
  all.requestsTotal = records;
  all.extents = extentsAt;
  all.extentsMax = extents;
  all.regions = regionsAt;
  setHeader(HEADER_SUBMIT, <u32>submitAt);
  setHeader(HEADER_SUBMIT_CAPACITY, submits);
  setHeader(HEADER_COMPLETE, <u32>completeAt);
  setHeader(HEADER_ISSUE, <u32>issueAt);
  setHeader(HEADER_SEGMENT, <u32>segmentAt);
  setHeader(HEADER_ANSWER, <u32>answerAt);
  setHeader(HEADER_ANSWER_CAPACITY, records);
  setHeader(HEADER_FILL, <u32>fillAt);
  setHeader(HEADER_FAILURE, <u32>failureAt);
  setHeader(HEADER_TRACE, <u32>traceAt);
  setHeader(HEADER_TRACE_CAPACITY, traceRecords);
  setHeader(HEADER_DECISION_CAPACITY, DECISIONS);
  layRing(RING_END_IO_FIRST, decisionsAt, 0);
  layRing(RING_END_IO, decisionsAt, 1);
  layRing(RING_PREP_MAP, decisionsAt, 2);
  layRing(RING_MAP, decisionsAt, 3);
  layRing(RING_TOLD, decisionsAt, 4);
  layRing(RING_RELEASE, decisionsAt, 5);
  fillPools();
  setHeader(HEADER_BYTES_USED, <u32>at);
  all.isInitialised = 1;
  publishPools();
  return <u32>at;
}

function layRing(ring: u32, base: usize, index: u32): void {
  setHeader(ring, <u32>(base + <usize>index * DECISIONS * DECISION_BYTES));
}

function fillPools(): void {
  const all = root();
  for (let i = all.biosTotal; i > 0; i--) {
    const bio = changetype<Bio>(all.bios + <usize>(i - 1) * BIO_BYTES);
    bio.next = all.bioFree;
    all.bioFree = bio;
  }
  for (let i = all.requestsTotal; i > 0; i--) {
    const request = changetype<Request>(all.requests + <usize>(i - 1) * REQUEST_BYTES);
    request.next = all.requestFree;
    all.requestFree = request;
  }
  // each device's reserve is set aside from the start: one more device is never a question of what is in flight
  all.biosShared = all.biosTotal - all.devicesMax * BIOS_RESERVED;
  all.requestsShared = all.requestsTotal - all.devicesMax * (REQUESTS_RESERVED + 1);
}

// ---- stage 1: submit ---------------------------------------------------------------------------------------

/**
 * Takes `total` bios of the submit ring, from record `first` on, as one plug (or none); returns how many: fewer where a
 * device has no record to spare. Follow it with `run`.
 */
export function submit(first: u32, total: u32, isPlugged: u32): u32 {
  readClock();
  const all = root();
  all.isUnplugged = isPlugged ? 0 : 1;
  all.isPlugging = isPlugged;
  return takeSubmitted(first, total);
}

// ---- stages 2 to 11 --------------------------------------------------------------------------------------------

/** Takes answers and verdicts, goes on until nothing is left or the host must decide; returns WANT_ bits. */
export function run(): u32 {
  readClock();
  return drive();
}

/** When to call `run` at the latest (nanoseconds); 0: no timer. */
export function nextTimer(): f64 {
  return earliestTimer();
}

/** Ends what a target kept; false if no such I/O is kept. Follow it with `run`. */
export function finish(now: f64, id: u32, status: u32): bool {
  root().now = now;
  return finishKept(id, status);
}

/**
 * What a target kept goes to `sector` of device `lower` after all; false if no such I/O is kept. A device that is not below
 * ends it with IOERR. Follow it with `run`.
 */
export function remap(now: f64, id: u32, lower: u32, sector: f64): bool {
  root().now = now;
  return remapKept(id, lower, <u64>sector);
}

/** How many of the device's FIGURE_IN_FLIGHT (of a backing one FIGURE_PATH_IN_FLIGHT) write. */
export function writesInFlight(id: u32): u32 {
  return countWrites(deviceAt(id));
}

/** `run` tells of WANT_ALARM at `at` or later; 0: never. One a device. */
export function setAlarm(id: u32, at: f64): void {
  deviceAt(id).alarmAt = at;
  if (at > 0) armTimers();
}

/** Brings back what waits for a delayed requeue, and asks again about what waits otherwise. Follow it with `run`. */
export function kick(now: f64, id: u32): void {
  root().now = now;
  const device = deviceAt(id);
  device.rerunAt = 0;
  releaseDelayed(device);
  // it may have been busy: those above wait for its credits
  returnCredit(device);
}

/** Arena address of the payload of a bio that a hook is asked about; of use only where `payloadBytes` is above 0. */
export function payloadAddress(id: u32): u32 {
  const bio = bioOf(id);
  return bio ? bio.address : 0;
}
/** Its length; 0: no such bio (a request has many), or none with payload. */
export function payloadBytes(id: u32): u32 {
  const bio = bioOf(id);
  return bio && hasPayload(bio.operation) ? bio.sectors << 9 : 0;
}

// ---- figures ------------------------------------------------------------------------------------------------------

/** Address of FIGURE_ words, of the counters (f64) and of the histograms (u32) of a device. */
export function figuresAddress(id: u32): usize {
  return changetype<usize>(deviceAt(id));
}
export function countersAddress(id: u32): usize {
  return countersOf(deviceAt(id));
}
export function histogramsAddress(id: u32): usize {
  return histogramsOf(deviceAt(id));
}

/** Address of the memory for regions of statistics. */
export function regionsAddress(): usize {
  return root().regions;
}
/** A region that the host has laid down at `address` belongs to the device; its counters are the core's from now on. */
export function addRegion(now: f64, id: u32, address: usize): void {
  root().now = now;
  add(deviceAt(id), changetype<Region>(address));
}
export function removeRegion(id: u32, address: usize): void {
  remove(deviceAt(id), changetype<Region>(address));
}

/** Sizes of the records, for the `memory` bench and its test. */
export function bytesOf(record: u32): u32 {
  return record == 0 ? BIO_BYTES : record == 1 ? REQUEST_BYTES : record == 2 ? <u32>DEVICE_BYTES : EXTENT_BYTES;
}
