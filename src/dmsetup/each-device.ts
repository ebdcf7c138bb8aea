// Commands that run once for each device: of the words, of the switches, of a selection, or all of them.

import type { Asked, Call } from './call.ts';
import { KernelToolError } from './failure.ts';

export interface Turn {
  readonly device: Asked;
  /** The device's name as users see it; of a device asked for by uuid or number the kernel knows it. */
  readonly name: string | undefined;
  /** More than one device was named, or all are meant: output says whose it is. */
  readonly isOneOfMany: boolean;
  /** No device was named at all: all are meant. */
  readonly isOfAll: boolean;
}

/** Runs `work` for each device, in order; stops at the first that fails. Without any device named it fails. */
export async function eachNamedDevice(call: Call, work: (turn: Turn) => Promise<void>): Promise<void> {
  if (call.words.length === 0 && !call.isDeviceInSwitches && !call.has('select')) {
    throw new KernelToolError('No device specified.');
  }
  await eachDevice(call, work);
}

/** The same, but without any device named all are meant; `No devices found` if there are none. */
export async function eachDevice(call: Call, work: (turn: Turn) => Promise<void>, canSelect: boolean = true): Promise<void> {
  const isSelecting = canSelect && call.has('select');
  if (!isSelecting && call.words.length > 0) {
    const isOneOfMany = call.words.length > 1;
    for (const word of call.words) {
      await work({ device: call.needDevice(word), name: word, isOneOfMany, isOfAll: false });
    }
    return;
  }
  if (!isSelecting && call.isDeviceInSwitches) {
    return work({ device: call.needDevice(undefined), name: undefined, isOneOfMany: false, isOfAll: false });
  }
  let devices = await call.devices();
  if (devices.length === 0) {
    call.print('No devices found\n');
    return;
  }
  if (isSelecting) {
    const { namedDevices, selectDevices } = await import('./info.ts');
    if (call.words.length > 0 || call.isDeviceInSwitches) devices = await namedDevices(call);
    devices = await selectDevices(call, devices);
  }
  for (const { name } of devices) {
    await work({ device: { name }, name: call.shownName({ name }), isOneOfMany: true, isOfAll: true });
  }
}
