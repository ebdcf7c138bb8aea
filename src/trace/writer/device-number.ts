// Devices where a format has numbers for them.

import { DEVICES_MAX } from '../records.ts';

const MINORS_PER_DISK = 16;
const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xfffff;

/** Names that are plain numbers. */
export const PLAIN_NUMBER: RegExp = /^\d{1,9}$/;

/** A plain number: the name itself where it is one, else the place in the list, or behind all such places if another is called so. */
export function plainNumber(devices: readonly string[], number: number): number {
  const name = devices[number] as string;
  if (PLAIN_NUMBER.test(name)) return Number(name);
  return devices.includes(String(number)) ? DEVICES_MAX + number : number;
}

/** As the kernel numbers them: by the name where it is such a number, else disks of major 8 in their order. */
export function deviceNumber(devices: readonly string[], number: number): { major: number; minor: number } {
  const found = /^(\d{1,4})[,:](\d{1,7})$/.exec(devices[number] as string);
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  if (major <= MAJOR_MAX && minor <= MINOR_MAX) return { major, minor };
  return { major: 8, minor: number * MINORS_PER_DISK };
}
