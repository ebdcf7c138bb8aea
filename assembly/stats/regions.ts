import { DEVICE_BIO, DEVICE_REQUEST, OPERATION_READ } from '../abi';
import { BIO_BYTES, REQUEST_BYTES } from '../limits';
import { BIO_FREE, Bio } from '../record/bio';
import { Device } from '../record/device';
import { isShare } from '../record/part';
import { Area, areaAt, countTime, Region } from '../record/region';
import { REQUEST_CARRIER, REQUEST_FREE, Request, STEP_BEGUN } from '../record/request';
import { root } from '../record/root';

// Regions of a device whose I/O is counted (dm statistics, spec-core 11.6). They are kept here and not made of the trace
// ring: its events do not say which begin belongs to which end, and it forgets what nobody fetches in time. A device
// without regions pays for one look at a pointer.
//
// What counts as an I/O
//   1. of a request-based device a request, from its making to its end: waits, retries and merges included
//   2. of a bio-based one a bio; one that is cut counts as its pieces, and the last piece ends with the whole
//   3. it is in flight in each area that it touches. What a merge adds to it, it touches from the merge on; an area that
//      has nothing left of it (requests end from head to tail) has seen its end
//   4. discards and zeros count as writes; a flush touches nothing

/** Times go on up to now. */
function settle(area: Area): void {
  const now = root().now;
  const passed = now - area.since;
  area.since = now;
  if (passed <= 0) return;
  const inFlight = area.readsInFlight + area.writesInFlight;
  if (inFlight == 0) return;
  area.busyNs += passed;
  area.weightedNs += passed * inFlight;
  if (area.readsInFlight > 0) area.readBusyNs += passed;
  if (area.writesInFlight > 0) area.writeBusyNs += passed;
}

/** Areas that `sector` … `end` touches: the first, and how many. 0: none. */
function firstOf(region: Region, sector: u64): u32 {
  return sector <= region.start ? 0 : <u32>((sector - region.start) / region.step);
}

function behind(region: Region, sector: u64, end: u64): u32 {
  if (sector >= end || end <= region.start || sector >= region.end) return 0;
  return <u32>((min(end, region.end) - region.start - 1) / region.step) + 1;
}

/** In flight in the areas of a range, but those of another, where it is already. */
function enter(region: Region, operation: u32, sector: u64, end: u64, other: u64, otherEnd: u64): void {
  const last = behind(region, sector, end);
  const otherLast = behind(region, other, otherEnd);
  const otherFirst = otherLast ? firstOf(region, other) : 0;
  for (let index = firstOf(region, sector); index < last; index++) {
    if (index >= otherFirst && index < otherLast) continue;
    const area = areaAt(region, index);
    settle(area);
    if (operation == OPERATION_READ) area.readsInFlight += 1;
    else area.writesInFlight += 1;
  }
}

/** The contrary. With `beganAt` it has ended; below 0: it has not, and will be counted elsewhere. */
function leave(region: Region, operation: u32, sector: u64, end: u64, other: u64, otherEnd: u64, beganAt: f64): void {
  const last = behind(region, sector, end);
  const otherLast = behind(region, other, otherEnd);
  const otherFirst = otherLast ? firstOf(region, other) : 0;
  for (let index = firstOf(region, sector); index < last; index++) {
    if (index >= otherFirst && index < otherLast) continue;
    const area = areaAt(region, index);
    settle(area);
    if (operation == OPERATION_READ) {
      assert(area.readsInFlight > 0);
      area.readsInFlight -= 1;
    } else {
      assert(area.writesInFlight > 0);
      area.writesInFlight -= 1;
    }
    if (beganAt >= 0) countEnd(region, area, operation, root().now - beganAt);
  }
}

function countEnd(region: Region, area: Area, operation: u32, ns: f64): void {
  if (operation == OPERATION_READ) {
    area.reads += 1;
    area.readNs += ns;
  } else {
    area.writes += 1;
    area.writeNs += ns;
  }
  countTime(region, area, ns);
}

/** Adds the sectors of a range to the areas in which they lie. */
function addSectors(region: Region, operation: u32, sector: u64, end: u64): void {
  const last = behind(region, sector, end);
  for (let index = firstOf(region, sector); index < last; index++) {
    const area = areaAt(region, index);
    const areaStart = region.start + index * region.step;
    const from = max(sector, areaStart);
    const to = min(min(end, region.end), areaStart + region.step);
    if (operation == OPERATION_READ) area.readSectors += <f64>(to - from);
    else area.writeSectors += <f64>(to - from);
  }
}

export function regionsBegin(device: Device, operation: u32, sector: u64, sectors: u32): void {
  for (let region = device.regions; region; region = region.next) enter(region, operation, sector, sector + sectors, 0, 0);
}

/** It will not be counted: two have become one, it begins anew, or is cut. */
export function regionsLeave(device: Device, operation: u32, sector: u64, sectors: u32): void {
  for (let region = device.regions; region; region = region.next) {
    leave(region, operation, sector, sector + sectors, 0, 0, -1);
  }
}

export function regionsEnd(device: Device, operation: u32, sector: u64, sectors: u32, beganAt: f64): void {
  for (let region = device.regions; region; region = region.next) {
    addSectors(region, operation, sector, sector + sectors);
    leave(region, operation, sector, sector + sectors, 0, 0, beganAt);
  }
}

/** A bio of this range went into a request that had `sectorBefore` and `sectorsBefore`; the request has it by now. */
export function regionsGrow(
  device: Device,
  request: Request,
  sectorBefore: u64,
  sectorsBefore: u32,
  sector: u64,
  sectors: u32,
): void {
  for (let region = device.regions; region; region = region.next) {
    const operation = request.operation;
    const before = sectorBefore + sectorsBefore;
    enter(region, operation, request.sector, request.sector + request.sectors, sectorBefore, before);
    merged(region, operation, sector, sector + sectors);
  }
}

/** A request goes into another one, which has not taken it in yet. */
export function regionsJoin(device: Device, before: Request, after: Request): void {
  if (!device.regions) return;
  const operation = before.operation;
  for (let region = device.regions; region; region = region.next) {
    merged(region, operation, after.sector, after.sector + after.sectors);
  }
  regionsLeave(device, operation, before.sector, before.sectors);
  regionsLeave(device, operation, after.sector, after.sectors);
  regionsBegin(device, operation, before.sector, before.sectors + after.sectors);
}

function merged(region: Region, operation: u32, sector: u64, end: u64): void {
  const last = behind(region, sector, end);
  for (let index = firstOf(region, sector); index < last; index++) {
    const area = areaAt(region, index);
    if (operation == OPERATION_READ) area.readMerges += 1;
    else area.writeMerges += 1;
  }
}

/** The first `told` of a request's sectors have ended, what is left begins `moved` further on. The request has not changed yet. */
export function regionsAdvance(device: Device, request: Request, told: u32, moved: u64, beganAt: f64): void {
  const operation = request.operation;
  const sector = request.sector;
  const end = sector + request.sectors;
  const rest = sector + moved;
  const restEnd = rest + (request.sectors - told);
  for (let region = device.regions; region; region = region.next) {
    addSectors(region, operation, sector, sector + told);
    leave(region, operation, sector, end, rest, restEnd, beganAt);
    // of a discard of several ranges what is left may lie elsewhere
    enter(region, operation, rest, restEnd, sector, end);
  }
}

// ---- a region comes, and goes ---------------------------------------------------------------------------------

/** What is in flight on the device now is in flight in its areas; its times count from now on, but those of ends. */
export function addRegion(device: Device, region: Region): void {
  region.next = device.regions;
  device.regions = region;
  for (let i: u32 = 0; i < region.areas; i++) areaAt(region, i).since = root().now;
  if (device.kind == DEVICE_BIO) findBios(device, region);
  else if (device.kind == DEVICE_REQUEST) findRequests(device, region);
}

export function removeRegion(device: Device, region: Region): void {
  if (device.regions == region) {
    device.regions = region.next;
    return;
  }
  for (let other = device.regions; other; other = other.next) {
    if (other.next == region) other.next = region.next;
  }
}

function findBios(device: Device, region: Region): void {
  const all = root();
  for (let i: u32 = 0; i < all.biosTotal; i++) {
    const bio = changetype<Bio>(all.bios + <usize>i * BIO_BYTES);
    if (bio.state == BIO_FREE || bio.device != device || isShare(bio)) continue;
    enter(region, bio.operation, bio.sector, bio.sector + bio.sectors, 0, 0);
  }
}

function findRequests(device: Device, region: Region): void {
  const all = root();
  for (let i: u32 = 0; i < all.requestsTotal; i++) {
    const request = changetype<Request>(all.requests + <usize>i * REQUEST_BYTES);
    if (request.state == REQUEST_FREE || request.state == REQUEST_CARRIER || request.device != device) continue;
    if (request.original && request.step != STEP_BEGUN) continue;
    enter(region, request.operation, request.sector, request.sector + request.sectors, 0, 0);
  }
}
