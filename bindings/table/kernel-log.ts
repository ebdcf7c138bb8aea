// The lines that the kernel logs when it refuses a table. Which prefix and which closing line it writes depends on the
// step that refused; the step is known by its text.

import type { RqdmTableError } from '../errors.ts';

const BARE_LINE = /^(target type \S+ must appear alone in table|zero-length target|too large device|.*: unknown target type)$/;
const AREA = /( too small for target: | not aligned to h\/w logical block size )/;
const TYPE = /^(Inconsistent table: |request-based DM |table load rejected: )/;
const DEVICE = /^(can't (replace|change) |populate_table: )/;

/**
 * What the kernel's log says about `error`, without the `device-mapper: ` prefix. `deviceNumber` is `MAJOR:MINOR` of the
 * mapped device, `target` the name of the line's target.
 */
export function kernelLogLines(error: RqdmTableError, deviceNumber: string, target: string): string[] {
  const text = error.kernelText;
  if (TYPE.test(text)) return [`table: ${text}`, 'table: unable to determine table type'];
  if (DEVICE.test(text)) return [`ioctl: ${text}`];
  if (AREA.test(text)) {
    return [
      `table: ${deviceNumber}: ${text}`,
      'core: Cannot calculate initial queue limits',
      'ioctl: unable to set up device queue for new table.',
    ];
  }
  const line = BARE_LINE.test(text) ? text : `${target}: ${text} (-${error.errno})`;
  return [`table: ${deviceNumber}: ${line}`, 'ioctl: error adding target to table'];
}
