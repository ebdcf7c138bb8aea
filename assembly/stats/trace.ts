import {
  FLAG_PRIORITY_MASK,
  HEADER_TRACE,
  HEADER_TRACE_ACTIONS,
  HEADER_TRACE_CAPACITY,
  HEADER_TRACE_HEAD,
  TRACE_BIOS_SHIFT,
  TRACE_BYTES,
  TRACE_FLAGS_SHIFT,
  TRACE_REMAP,
} from '../abi';
import { Bio } from '../record/bio';
import { Device } from '../record/device';
import { Request, topOf } from '../record/request';
import { header, root, setHeader } from '../record/root';

/** Operation and flags as a record has them; the priority is left out. */
export function tracedOf(operation: u32, flags: u32): u32 {
  return operation | ((flags & ~(<u32>FLAG_PRIORITY_MASK)) << TRACE_FLAGS_SHIFT);
}

/** Whether somebody listens to this kind of event. */
function isTraced(action: u32): bool {
  return (header(HEADER_TRACE_ACTIONS) & (1 << (action & 31))) != 0;
}

/** Writes an event if somebody listens. The check is all that it costs otherwise. */
export function trace(action: u32, device: Device, operation: u32, sector: u64, sectors: u32, detail: u32): void {
  if (isTraced(action)) record(action, device, operation, sector, sectors, detail, 0);
}

/** A bio has its place on `device`, the one below. */
export function traceBioRemap(device: Device, piece: Bio, source: Bio): void {
  if (!isTraced(TRACE_REMAP)) return;
  const operation = tracedOf(piece.operation, piece.flags);
  record(TRACE_REMAP, device, operation, piece.sector, piece.sectors, source.device.id, source.sector);
}

/** The same of a clone: it has the bios of the topmost original. */
export function traceRemap(clone: Request): void {
  if (!isTraced(TRACE_REMAP)) return;
  const original = clone.original;
  let bios: u32 = 0;
  for (let bio = topOf(original).bioHead; bio; bio = bio.next) bios++;
  const detail = original.device.id | (min(bios, 0xffff) << TRACE_BIOS_SHIFT);
  const operation = tracedOf(clone.operation, clone.flags);
  record(TRACE_REMAP, clone.device, operation, clone.sector, clone.sectors, detail, original.sector);
}

function record(action: u32, device: Device, operation: u32, sector: u64, sectors: u32, detail: u32, sourceSector: u64): void {
  const head = header(HEADER_TRACE_HEAD);
  const at = <usize>header(HEADER_TRACE) + <usize>(head & (header(HEADER_TRACE_CAPACITY) - 1)) * TRACE_BYTES;
  store<f64>(at, root().now);
  store<f64>(at, <f64>sector, 8);
  store<u32>(at, sectors, 16);
  store<u32>(at, device.id, 20);
  store<u16>(at, <u16>action, 24);
  store<u16>(at, <u16>operation, 26);
  store<u32>(at, detail, 28);
  store<f64>(at, <f64>sourceSector, 32);
  setHeader(HEADER_TRACE_HEAD, head + 1);
}
