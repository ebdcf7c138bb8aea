// From devices to what replies say of them.

import type { ControlledDevice, ControlledMapper, TableSlot } from './controlled.ts';
import { findDevice } from './find-device.ts';
import type { DependenciesReply, Dependency, DeviceInformation, TableReply, TargetLine } from './protocol.ts';

const SECTOR_BYTES = 512;
/** What Linux gives a device that says nothing of its own. */
const READ_AHEAD_SECTORS = 256;

export function informationOf(device: ControlledDevice, slot: TableSlot = 'live'): DeviceInformation {
  const info = device.info();
  return {
    name: info.name,
    uuid: info.uuid,
    major: info.major,
    minor: info.minor,
    isSuspended: info.state === 'SUSPENDED',
    isReadOnly: info.isReadOnly,
    isDeferredRemove: info.isDeferredRemove,
    hasLiveTable: info.hasLiveTable,
    hasInactiveTable: info.hasInactiveTable,
    openCount: info.openCount,
    eventNumber: info.eventNumber,
    targetCount: slot === 'live' ? info.targetCount : linesOf(device.table({ slot })).length,
    readAheadSectors: Math.max(READ_AHEAD_SECTORS, 2 * device.ioOptSectors),
    sizeSectors: Math.ceil(device.size / SECTOR_BYTES),
  };
}

export function tableReply(device: ControlledDevice, what: 'table' | 'status', slot: TableSlot): TableReply {
  const text = what === 'table' ? device.table({ slot }) : device.status({ slot });
  return { info: informationOf(device, slot), targets: linesOf(text) };
}

/** `start length type text`, where the blank before the text is there even if it is empty. */
function linesOf(text: string): TargetLine[] {
  if (text === '') return [];
  return text.split('\n').flatMap((line) => {
    const found = /^(\d+) (\d+) (\S+) ?([\s\S]*)$/.exec(line);
    if (!found) return [];
    const [, start, length, type, rest] = found as unknown as [string, string, string, string, string];
    return [{ start, length, type, text: rest }];
  });
}

export function dependenciesReply(mapper: ControlledMapper, device: ControlledDevice, slot: TableSlot): DependenciesReply {
  const dependencies = device.dependencies({ slot }).map((used): Dependency => {
    const [major, minor] = used.number.split(':').map(Number) as [number, number];
    const mapped = findDevice(mapper, { number: used.number });
    if (mapped) return { major, minor, blockName: `dm-${minor}`, deviceName: mapped.name };
    const blockName = used.word.slice(used.word.lastIndexOf('/') + 1) || used.word;
    return { major, minor, blockName, deviceName: blockName };
  });
  return { info: informationOf(device, slot), dependencies };
}
