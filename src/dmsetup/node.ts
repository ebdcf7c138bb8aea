// Commands about device nodes, udev and geometry. There are no nodes here, so most of them have nothing to do; each says
// and answers what the original does when there is nothing to do.

import type { Call } from './call.ts';
import { eachDevice } from './each-device.ts';
import { KernelToolError } from './failure.ts';
import { askInformation } from './long-info.ts';
import { mangleName, unquote } from './names.ts';

/** `mknodes`: devices that exist have all the node they can have. */
export async function makeNodes(call: Call): Promise<void> {
  for (const word of call.words) await askInformation(call, call.needDevice(word));
}

/** `mangle`: renames devices whose names udev would not take. */
export async function mangle(call: Call): Promise<void> {
  const isAll = call.words.length === 0 && !call.isDeviceInSwitches;
  const names = isAll
    ? (await call.ask<{ devices: { name: string }[] }>('list', 'names', {})).devices.map(({ name }) => name)
    : [];
  if (isAll && names.length === 0) call.print('No devices found\n');
  if (!isAll) await eachDevice(call, async ({ device }) => void names.push((await askInformation(call, device)).name));
  for (const name of names) {
    const to = mangleName(unquote(name), 'hex');
    if (to === name) continue;
    call.print(`${name}: renaming to ${to}\n`);
    await call.askOf('rename', 'rename', { name }, { newName: to });
  }
}

/** A cookie of udev: 0 says that there is nothing to wait for. */
export async function createCookie(call: Call): Promise<void> {
  call.print('0x0000000\n');
}

export async function listCookies(call: Call): Promise<void> {
  call.print('Cookie       Semid      Value      Last semop time           Last change time\n');
}

export async function releaseCookie(call: Call): Promise<void> {
  if (call.words.length === 0 && !call.has('udevcookie')) throw new KernelToolError('No udev transaction cookie given.');
}

export async function nothing(_call: Call): Promise<void> {}

/** Cylinders, heads and sectors are of no meaning to any target here. */
export async function setGeometry(call: Call): Promise<void> {
  const device = call.needDevice(call.words[0]);
  await askInformation(call, device);
  throw new KernelToolError('Geometry is not supported.');
}
