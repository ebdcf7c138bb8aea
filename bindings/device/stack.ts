// Mapped devices upon mapped devices: who stands on whom, and what follows from it.
import { RqdmError } from '../errors.ts';
import type { MappedDevice } from './device.ts';
import type { OpenedDevice } from './opened.ts';
import type { LoadedTable } from './table.ts';

/** Devices of `all` whose live table names the one with this id. */
export function devicesAbove(all: Iterable<MappedDevice>, id: number): MappedDevice[] {
  return [...all].filter((above) => above.liveTable?.devices.some((device) => device.id === id));
}

/**
 * Limits of the device with this id are others now: what stands on it stacks them again, level by level, so that each has
 * what those below it have by then.
 */
export function restackAbove(all: Iterable<MappedDevice>, id: number): void {
  const devices = [...all];
  let level = devicesAbove(devices, id);
  while (level.length > 0) {
    for (const device of level) device.restack();
    level = [...new Set(level.flatMap((device) => devicesAbove(devices, device.id)))];
  }
}

/** Throws if the table of `device` reaches the device itself, or would lie as deep as one that stands on it. */
export function checkLoop(all: Iterable<MappedDevice>, device: MappedDevice, table: LoadedTable): void {
  const devices = [...all];
  const tooLow = devicesAbove(devices, device.id).find((above) => above.level <= table.level);
  if (tooLow) {
    throw new RqdmError(
      'ERR_RQDM_TABLE',
      `the table of ${device.name} would lie ${table.level} devices deep, under ${tooLow.name} of level ${tooLow.level}: reload ${tooLow.name} later, or take a table that is not deeper`,
      { errno: 'EINVAL' },
    );
  }
  const reaches = (other: OpenedDevice): boolean => {
    if (other.id === device.id) return true;
    const mapped = devices.find((candidate) => candidate.id === other.id);
    return mapped?.tables.some((below) => below.devices.some(reaches)) ?? false;
  };
  if (table.devices.some(reaches)) {
    throw new RqdmError(
      'ERR_RQDM_TABLE',
      `the table of ${device.name} reaches ${device.name} itself: a device cannot stand on itself`,
      { errno: 'EINVAL' },
    );
  }
}
