import { DEVICE_BACKING, DEVICE_BIO, OPERATION_WRITE } from '../abi';
import { BIO_BYTES, REQUEST_BYTES } from '../limits';
import { BIO_BELOW, BIO_END, BIO_END_FIRST, BIO_KEPT, BIO_MAP, BIO_PREP_MAP, Bio } from '../record/bio';
import { Device } from '../record/device';
import { REQUEST_BELOW, REQUEST_ISSUED, REQUEST_KEPT, REQUEST_PREP_MAP, Request } from '../record/request';
import { root } from '../record/root';

// How many of a device's I/Os under way write. Nobody counts them as they go: whoever asks, rarely, has them counted then.

export function writesInFlight(device: Device): u32 {
  return device.kind == DEVICE_BIO ? writingBios(device) : writingRequests(device);
}

function writingBios(device: Device): u32 {
  const all = root();
  let writes: u32 = 0;
  for (let i: u32 = 0; i < all.biosTotal; i++) {
    const bio = changetype<Bio>(all.bios + <usize>i * BIO_BYTES);
    if (bio.device == device && bio.operation & OPERATION_WRITE && isBelow(bio.state)) writes++;
  }
  return writes;
}

function isBelow(state: u32): bool {
  return (
    state == BIO_PREP_MAP ||
    state == BIO_MAP ||
    state == BIO_BELOW ||
    state == BIO_END_FIRST ||
    state == BIO_END ||
    state == BIO_KEPT
  );
}

function writingRequests(device: Device): u32 {
  const all = root();
  let writes: u32 = 0;
  for (let i: u32 = 0; i < all.requestsTotal; i++) {
    const request = changetype<Request>(all.requests + <usize>i * REQUEST_BYTES);
    if (request.device == device && request.operation & OPERATION_WRITE && isStarted(device, request.state)) writes++;
  }
  return writes;
}

function isStarted(device: Device, state: u32): bool {
  if (device.kind == DEVICE_BACKING) return state == REQUEST_ISSUED;
  return state == REQUEST_PREP_MAP || state == REQUEST_BELOW || state == REQUEST_KEPT;
}
