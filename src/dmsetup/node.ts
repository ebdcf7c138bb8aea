// Commands about device nodes, udev and geometry. There are no nodes here, so most of them have nothing to do; each says
// and answers what the original does when there is nothing to do.

import type { DeviceInformation } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { IoctlError, KernelToolError } from './failure.ts';
import { mangleName, unquote } from './names.ts';

/** `mknodes`: there are no nodes to make. */
export async function makeNodes(call: Call): Promise<void> {
  await call.kernel();
}

/** `mangle`: renames devices whose names udev would not take. */
export async function mangle(call: Call): Promise<void> {
  const isAll = call.words.length === 0 && !call.isDeviceInSwitches;
  let infos: DeviceInformation[] = [];
  if (isAll) {
    infos = (await call.ask<{ devices: DeviceInformation[] }>('list', 'names', {})).devices;
    if (infos.length === 0) call.print('No devices found\n');
  } else {
    const words = call.words.length > 0 ? call.words : [undefined];
    for (const word of words) infos.push(await existing(call, word));
  }
  for (const info of infos) await mangleDevice(call, info);
}

/** The device of a word; that it does not exist is not told. */
async function existing(call: Call, word: string | undefined): Promise<DeviceInformation> {
  const device = call.needDevice(word);
  try {
    return await call.askOf<DeviceInformation>('info', 'info', device);
  } catch (error) {
    if (error instanceof IoctlError && error.errno === 'ENXIO') throw new KernelToolError();
    throw error;
  }
}

async function mangleDevice(call: Call, { name, uuid }: DeviceInformation): Promise<void> {
  const to = mangleName(unquote(name), 'hex');
  if (to === name) {
    const form = uuid === '' ? '[no UUID]: name' : `${uuid}: name and UUID`;
    return call.print(`${name}: ${form} already in correct form\n`);
  }
  call.print(`${name}: renaming to ${to}\n`);
  await call.askOf('rename', 'rename', { name }, { newName: to });
}

export async function listCookies(call: Call): Promise<void> {
  call.print('Cookie       Semid      Value      Last semop time           Last change time\n');
}

export async function releaseCookie(call: Call): Promise<void> {
  if (call.words.length === 0 && !call.has('udevcookie')) throw new KernelToolError('No udev transaction cookie given.');
}

export async function nothing(_call: Call): Promise<void> {}

/** Cylinders, heads and sectors are of no meaning to any target here: the server refuses. */
export async function setGeometry(call: Call): Promise<void> {
  await call.askOf('setgeometry', 'setgeometry', call.needDevice(call.words[0]));
}
