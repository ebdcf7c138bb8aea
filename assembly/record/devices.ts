import { DEVICE_BIO } from '../abi';
import { DEVICE_BYTES, Device } from './device';
import { root } from './root';

// The table of devices: fixed records, the id is the index. A device whose kind is 0 is free.

export function deviceAt(id: u32): Device {
  const all = root();
  assert(id < all.devicesMax);
  return changetype<Device>(all.devices + <usize>id * DEVICE_BYTES);
}

/** True for an id that names a device in use. */
function isDevice(id: u32): bool {
  return id < root().devicesMax && deviceAt(id).kind != 0;
}

/** A target may choose among devices that stand below its own; requests go only where requests are taken. */
export function isBelow(device: Device, id: u32): bool {
  if (!isDevice(id)) return false;
  const lower = deviceAt(id);
  return lower.level < device.level && (device.kind == DEVICE_BIO || lower.kind != DEVICE_BIO);
}
