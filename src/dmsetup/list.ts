// `ls` and `deps`.

import type { DependenciesReply, Dependency, DeviceInformation, TableReply } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { eachDevice } from './each-device.ts';
import { KernelToolError } from './failure.ts';
import { longInformation } from './long-info.ts';

type Naming = 'devno' | 'blkdevname' | 'devname';

function namingOf(call: Call): Naming {
  return (call.switches.value('options')?.split(',').at(-1) as Naming | undefined) ?? 'devno';
}

export async function list(call: Call): Promise<void> {
  if (call.has('tree')) return (await import('./tree.ts')).showTree(call);
  if (call.has('exec')) throw new KernelToolError('--exec is not supported.');
  const devices = await call.devices();
  if (devices.length === 0) return call.print('No devices found\n');
  const type = call.switches.value('target');
  if (type !== undefined) return listOfTarget(call, type);
  const naming = namingOf(call);
  for (const device of devices) call.print(`${call.shownName(device)}\t(${designation(call, device, naming)})\n`);
}

function designation(call: Call, device: DeviceInformation, naming: Naming): string {
  if (naming === 'devname') return call.shownName(device);
  return naming === 'blkdevname' ? `dm-${device.minor}` : `${device.major}:${device.minor}`;
}

/** With `--target` the numbers are written as `deps` writes them. */
async function listOfTarget(call: Call, type: string): Promise<void> {
  const { replies } = await call.ask<{ replies: TableReply[] }>('status_all', 'status', {});
  for (const { info, targets } of replies) {
    if (!targets.some((target) => target.type === type)) continue;
    call.print(`${call.shownName(info)}\t(${info.major}, ${info.minor})\n`);
  }
}

export async function dependencies(call: Call): Promise<void> {
  const naming = namingOf(call);
  await eachDevice(call, async ({ device, isOneOfMany }) => {
    const reply = await call.askOf<DependenciesReply>('deps', 'deps', device, { inactive: call.has('inactive') });
    if (call.isVerbose) call.print(longInformation(call, reply.info));
    const prefix = isOneOfMany && !call.isVerbose ? `${call.shownName(reply.info)}: ` : '';
    const used = reply.dependencies.map((dependency) => ` (${designationOfUsed(call, dependency, naming)})`).join('');
    call.print(`${prefix}${reply.dependencies.length} dependencies\t:${used}\n`);
    if (call.isVerbose && isOneOfMany) call.print('\n');
  });
}

function designationOfUsed(call: Call, used: Dependency, naming: Naming): string {
  if (naming === 'devno') return `${used.major}, ${used.minor}`;
  if (naming === 'blkdevname') return used.blockName;
  return used.deviceName === used.blockName ? used.blockName : call.shownName({ name: used.deviceName });
}
