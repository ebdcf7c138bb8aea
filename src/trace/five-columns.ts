// `arrival device address size type`, divided by blanks: several simulators write these columns and mean other units.

import { Clock } from './clock.ts';
import type { ReadContext, Reader } from './format/format.ts';
import { lineReader } from './lines.ts';
import { OPERATION_READ, OPERATION_WRITE } from './records.ts';
import { firstSector, lengthProblem, NumberedDevices, sectorsOf } from './text-fields.ts';

export interface Columns {
  /** Decimal places of a second that the arrival counts in: 3 for milliseconds, 9 for nanoseconds. */
  readonly places: number;
  /** Address and size are in bytes, not in sectors of 512. */
  readonly isBytes: boolean;
}

export const INTEGER_COLUMNS: RegExp = /^\s*\d+\s+\d+\s+\d+\s+\d+\s+\d+\s*$/;
export const DECIMAL_COLUMNS: RegExp = /^\s*\d+\.\d+\s+\d+\s+\d+\s+\d+\s+\d+\s*$/;

/** Whether the size column of a sample looks like bytes: all are multiples of 512. */
export function hasByteSizes(lines: readonly string[]): boolean {
  const sizes = lines.filter((line) => DECIMAL_COLUMNS.test(line)).map((line) => Number(line.trim().split(/\s+/)[3]));
  return sizes.length > 0 && sizes.every((size) => size % 512 === 0) && sizes.some((size) => size > 0);
}

export function readColumns(context: ReadContext, { places, isBytes }: Columns): Reader {
  const { sink } = context;
  const clock = new Clock();
  const devices = new NumberedDevices(sink);
  return lineReader(context, (line) => {
    line.blanks();
    if (!line.time(places)) return 'arrival: expected a number';
    if (!line.blanks()) return 'arrival: expected a number and a blank';
    const { seconds, nanos } = line;
    const device = line.whole();
    if (device < 0 || !line.blanks()) return 'device: expected a whole number';
    const address = line.whole();
    if (address < 0 || !line.blanks()) return 'address: expected a whole number';
    const size = line.whole();
    if (size < 0 || !line.blanks()) return 'size: expected a whole number';
    const type = line.whole();
    if (type < 0) return 'type: expected a whole number';
    line.blanks();
    if (!line.isEnd) return 'expected five columns';
    const sectors = isBytes ? sectorsOf(address, size) : size;
    const problem = lengthProblem(sectors);
    if (problem !== undefined) return problem;
    // only the lowest bit tells the direction; DiskSim has more of them
    const operation = (type & 1) === 1 ? OPERATION_READ : OPERATION_WRITE;
    const sector = isBytes ? firstSector(address) : address;
    sink.add(clock.since(seconds, nanos), sector, sectors, operation, 0, devices.find(device), 0, Number.NaN);
    return undefined;
  });
}
