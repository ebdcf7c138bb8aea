// Devices as the kernel numbers them: by their name where it is such a number, else disks of major 8 in their order.

const MINORS_PER_DISK = 16;
const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xfffff;

export function deviceNumber(devices: readonly string[], number: number): { major: number; minor: number } {
  const found = /^(\d{1,4})[,:](\d{1,7})$/.exec(devices[number] as string);
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  if (major <= MAJOR_MAX && minor <= MINOR_MAX) return { major, minor };
  return { major: 8, minor: number * MINORS_PER_DISK };
}
