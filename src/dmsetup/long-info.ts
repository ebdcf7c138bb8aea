// The long form of what is known of a device, as `info` prints it and `-v` adds it to other commands.

import type { DeviceInformation } from '../control/protocol.ts';
import type { Asked, Call } from './call.ts';
import { IoctlError, KernelToolError } from './failure.ts';

const LABEL_COLUMNS = 19;

/** A device's information. A missing one is `Device does not exist.` and no error of a call. */
export async function askInformation(call: Call, device: Asked): Promise<DeviceInformation> {
  try {
    return await call.askOf<DeviceInformation>('info', 'info', device, { inactive: call.has('inactive') });
  } catch (error) {
    if (error instanceof IoctlError && error.errno === 'ENXIO') throw new KernelToolError('Device does not exist.');
    throw error;
  }
}

export function longInformation(call: Call, info: DeviceInformation): string {
  const state = info.isSuspended ? 'SUSPENDED' : 'ACTIVE';
  const marks = `${info.isReadOnly ? ' (READ-ONLY)' : ''}${info.isDeferredRemove ? ' (DEFERRED REMOVE)' : ''}`;
  const lines: [string, string | number][] = [
    ['Name:', call.shownName(info)],
    ['State:', state + marks],
    ['Read Ahead:', info.readAheadSectors],
    ['Tables present:', tablesPresent(info)],
    ['Open count:', info.openCount],
    ['Event number:', info.eventNumber],
    ['Major, minor:', `${info.major}, ${info.minor}`],
    ['Number of targets:', info.targetCount],
  ];
  const text = lines.map(([label, value]) => `${label.padEnd(LABEL_COLUMNS)}${value}\n`).join('');
  const uuid = call.shownUuid(info);
  return `${text}${uuid === '' ? '' : `UUID: ${uuid}\n`}\n`;
}

function tablesPresent(info: DeviceInformation): string {
  if (info.hasLiveTable) return info.hasInactiveTable ? 'LIVE & INACTIVE' : 'LIVE';
  return info.hasInactiveTable ? 'INACTIVE' : 'None';
}

/** With `-v`, what has become of the device. */
export async function tellIfVerbose(call: Call, device: Asked): Promise<void> {
  if (call.isVerbose) call.print(longInformation(call, await askInformation(call, device)));
}
