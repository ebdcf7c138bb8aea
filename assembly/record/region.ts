import { AREA_DOUBLES, REGION_BYTES } from '../abi';

// A region of a device whose I/O is counted, and its areas (abi.ts draws the layout). The host lays it down in the memory
// set aside for regions and gives it to its device; from then on the counters are the core's.

@unmanaged
export class Region {
  next: Region = changetype<Region>(0);
  areas: u32 = 0;
  start: u64 = 0; // sectors, as the others
  end: u64 = 0;
  step: u64 = 0;
  bounds: u32 = 0; // of the histogram; 0: none
  areaBytes: u32 = 0;
}

@unmanaged
export class Area {
  reads: f64 = 0;
  readMerges: f64 = 0;
  readSectors: f64 = 0;
  readNs: f64 = 0;
  writes: f64 = 0;
  writeMerges: f64 = 0;
  writeSectors: f64 = 0;
  writeNs: f64 = 0;
  readsInFlight: f64 = 0;
  writesInFlight: f64 = 0;
  busyNs: f64 = 0;
  weightedNs: f64 = 0;
  readBusyNs: f64 = 0;
  writeBusyNs: f64 = 0;
  since: f64 = 0; // up to when the times are counted
}

export function assertRegionLayout(): void {
  assert(offsetof<Region>() <= <usize>REGION_BYTES);
  assert(offsetof<Area>() == <usize>AREA_DOUBLES * 8);
}

function boundAt(region: Region, index: u32): f64 {
  return load<f64>(changetype<usize>(region) + REGION_BYTES + ((<usize>index) << 3));
}

export function areaAt(region: Region, index: u32): Area {
  const areas = changetype<usize>(region) + REGION_BYTES + ((<usize>region.bounds) << 3);
  return changetype<Area>(areas + <usize>index * region.areaBytes);
}

/** Counts a time in the histogram: bin `i` is for what lies below bound `i`, the last one for the rest. */
export function countTime(region: Region, area: Area, ns: f64): void {
  if (!region.bounds) return;
  let low: u32 = 0;
  let high = region.bounds;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ns < boundAt(region, middle)) high = middle;
    else low = middle + 1;
  }
  const at = changetype<usize>(area) + offsetof<Area>() + ((<usize>low) << 3);
  store<f64>(at, load<f64>(at) + 1);
}
