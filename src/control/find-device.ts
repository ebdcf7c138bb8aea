// From the key of a request to its device. A name may look like a number or like another device's uuid: what is asked for
// by one of them is found by that alone.

import type { ControlledDevice, ControlledMapper } from './controlled.ts';
import type { DeviceKey } from './protocol.ts';

export function findDevice(mapper: ControlledMapper, key: DeviceKey): ControlledDevice | undefined {
  const word = key.name ?? key.uuid ?? key.number ?? '';
  const found = mapper.getDevice(word);
  if (found && isMeant(found, key)) return found;
  return mapper.devices.find((device) => isMeant(device, key));
}

function isMeant(device: ControlledDevice, { name, uuid, number }: DeviceKey): boolean {
  if (name !== undefined) return device.name === name;
  if (uuid !== undefined) return uuid !== '' && device.uuid === uuid;
  return device.number === number;
}
