// Commands that change a device: its tables, whether it is suspended, what it is called.

import type { DeviceInformation } from '../control/protocol.ts';
import type { Asked, Call } from './call.ts';
import { tableLines } from './create.ts';
import { eachNamedDevice } from './each-device.ts';
import { KernelToolError } from './failure.ts';
import { tellIfVerbose } from './long-info.ts';
import { mangleUuid, newName } from './names.ts';

/** `load` and `reload`. */
export async function load(call: Call): Promise<void> {
  if (call.has('notable')) throw new KernelToolError('--notable only available when creating new device.');
  const words = [...call.words];
  const word = call.isDeviceInSwitches ? undefined : words.shift();
  if (word === undefined && !call.isDeviceInSwitches) throw new KernelToolError('Please specify device.');
  if (words.length > 1) throw new KernelToolError('Too many command line arguments.');
  const lines = await tableLines(call, words[0]);
  const device = call.needDevice(word);
  await call.askOf('load', 'reload', device, { table: lines.join('\n'), readOnly: call.has('readonly') });
  await tellIfVerbose(call, device);
}

export async function clear(call: Call): Promise<void> {
  await simple(call, 'clear');
}

export async function suspend(call: Call): Promise<void> {
  await simple(call, 'suspend', { noflush: call.has('noflush'), nolockfs: call.has('nolockfs') });
}

export async function resume(call: Call): Promise<void> {
  await simple(call, 'resume', { noflush: call.has('noflush'), nolockfs: call.has('nolockfs') });
}

async function simple(call: Call, op: string, fields: object = {}): Promise<void> {
  await eachNamedDevice(call, async ({ device }) => {
    await call.askOf(op, op, device, fields);
    await tellIfVerbose(call, device);
  });
}

export async function wipeTable(call: Call): Promise<void> {
  const isForced = call.has('force');
  const flags = { noflush: isForced || call.has('noflush'), nolockfs: isForced || call.has('nolockfs') };
  await eachNamedDevice(call, async ({ device }) => {
    await wipe(call, device, flags);
    await tellIfVerbose(call, device);
  });
}

/** One `error` target of the device's size goes live. If it cannot, it does not stay in the inactive slot. */
export async function wipe(call: Call, device: Asked, flags: { noflush: boolean; nolockfs: boolean }): Promise<void> {
  const info = await call.askOf<DeviceInformation>('info', 'info', device);
  await call.askOf('load', 'reload', device, { table: `0 ${info.sizeSectors} error `, readOnly: false });
  try {
    await call.askOf('resume', 'resume', device, flags);
  } catch (error) {
    await call.askOf('clear', 'clear', device);
    throw error;
  }
}

export async function rename(call: Call): Promise<void> {
  const words = [...call.words];
  const word = call.isDeviceInSwitches ? undefined : words.shift();
  const [to] = words;
  if (to === undefined) throw new KernelToolError('Please specify the new name or UUID.');
  const device = call.needDevice(word);
  const fields = call.has('setuuid') ? { newUuid: mangleUuid(to, call.mangling) } : { newName: newName(to, call.mangling) };
  await call.askOf('rename', 'rename', device, fields);
}
