import { FAILURE_BYTES, FAILURES, HEADER_FAILURE, HEADER_FAILURE_COUNT } from '../abi';
import { Bio } from '../record/bio';
import { Device } from '../record/device';
import { Request } from '../record/request';
import { header, setHeader } from '../record/root';

// What has failed, for the host's log: a request at the device whose queue it was in, a bio that does not lie on its device.

/** A request has ended with an error. `done` sectors of it were good. */
export function requestFailed(device: Device, request: Request, done: u32, status: u32): void {
  const left = request.sectors - min(done, request.sectors);
  const operation = <u32>request.operation | ((<u32>request.flags) << 8);
  failed(device, operation, request.sector + done, left, request.segments, status);
}

export function bioFailed(device: Device, bio: Bio, status: u32): void {
  failed(device, <u32>bio.operation | ((<u32>bio.flags) << 8), bio.sector, bio.sectors, 1, status);
}

function failed(device: Device, operation: u32, sector: u64, sectors: u32, segments: u32, status: u32): void {
  const index = header(HEADER_FAILURE_COUNT);
  if (index == FAILURES) return;
  const at = <usize>header(HEADER_FAILURE) + <usize>index * FAILURE_BYTES;
  store<f64>(at, <f64>sector);
  store<u32>(at, device.id, 8);
  store<u32>(at, sectors, 12);
  store<u32>(at, operation, 16);
  store<u32>(at, segments, 20);
  store<u32>(at, status, 24);
  setHeader(HEADER_FAILURE_COUNT, index + 1);
}
