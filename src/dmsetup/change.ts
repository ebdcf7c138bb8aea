// Commands that change a device: its tables, whether it is suspended, what it is called.

import type { TableReply } from '../control/protocol.ts';
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
  });
}

/** One `error` target of the device's size goes live. If it cannot, it does not stay in the inactive slot. */
export async function wipe(call: Call, device: Asked, flags: { noflush: boolean; nolockfs: boolean }): Promise<void> {
  const size = await sizeOf(call, device);
  await call.askOf('load', 'reload', device, { table: `0 ${size} error `, readOnly: false });
  try {
    await call.askOf('resume', 'resume', device, flags);
  } catch (error) {
    await call.askOf('clear', 'clear', device);
    throw error;
  }
}

/** Sectors of the live table. What goes wrong is told, and shows again in the step that follows. */
async function sizeOf(call: Call, device: Asked): Promise<string> {
  try {
    const { targets } = await call.askOf<TableReply>('table', 'table', device);
    return String(targets.reduce((sum, target) => sum + BigInt(target.length), 0n));
  } catch (error) {
    if (!(error instanceof KernelToolError)) throw error;
    for (const line of error.lines) call.complain(line);
    return '0';
  }
}

export async function rename(call: Call): Promise<void> {
  // the last word is what it is to be called
  const words = [...call.words];
  const to = words.pop() as string;
  const device = call.needDevice(words[0]);
  if (call.has('setuuid'))
    return void (await call.askOf('rename', 'rename', device, { newUuid: mangleUuid(to, call.mangling) }));
  const newNamed = newName(to, call.mangling);
  if (newNamed === '') throw new KernelToolError('Non empty new name is required.');
  await call.askOf('rename', 'rename', device, { newName: newNamed });
}
