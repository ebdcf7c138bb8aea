// The rules of a table as a whole, with the kernel's texts, in the kernel's order. Pure functions over lines, target
// types and targets; who loads a table calls them in this order:
//
//   for each line:    checkLine          before the target's constructor runs
//   for each device:  checkDeviceArea    also: checkAlignment over all lines
//   for the table:    decideType         bio-based or request-based, and whether the devices can bear it
//   for the device:   checkReplacement, checkTypeChange   against what it was before

import { RqdmTableError } from '../errors.ts';
import type { DeviceReference, Target, TargetType } from '../target/target.ts';
import { exactRange, type TableLine } from './parse.ts';

/** How a mapped device takes I/O. */
export type DeviceType = 'bio' | 'request';

/** A line that has passed `checkLine`. */
export interface CheckedLine {
  readonly line: TableLine;
  readonly type: TargetType;
}

/** A constructed line. */
export interface ConstructedLine extends CheckedLine {
  readonly target: Target;
}

/**
 * End of the longest table, in sectors: 2^63 bytes, as in the kernel. I/O reaches as far as byte positions are exact
 * numbers, 8 PiB.
 */
export const TABLE_SECTORS_MAX: bigint = 2n ** 54n - 1n;

const TYPE_NUMBERS: Readonly<Record<DeviceType, number>> = { bio: 1, request: 2 };

/**
 * May `line` follow the lines `before`? `type` is what the registry knows under its target's name. Returns the type, so
 * that the caller goes on with one that exists.
 */
export function checkLine(
  before: readonly CheckedLine[],
  line: TableLine,
  type: TargetType | undefined,
  isReadOnly: boolean = false,
): TargetType {
  const singleton = before.find((entry) => entry.type.isSingleton === true);
  if (singleton !== undefined) throw lineError(line, 2, `target type ${singleton.type.name} must appear alone in table`);
  if (line.lengthSectors === 0) throw lineError(line, 1, 'zero-length target', 'expected a length of at least 1 sector');
  const [start, length] = exactRange(line);
  const end = start + length;
  if (end > TABLE_SECTORS_MAX)
    throw lineError(line, 1, 'too large device', `ends at sector ${end}, at most ${TABLE_SECTORS_MAX} are possible`);
  if (type === undefined) throw lineError(line, 2, `${line.target}: unknown target type`);
  if (type.isSingleton === true && before.length > 0)
    throw lineError(line, 2, 'singleton target type must appear alone in table');
  if (type.isAlwaysWritable === true && isReadOnly)
    throw lineError(line, 2, 'target type may not be included in a read-only table');
  checkImmutableMix(before, line, type);
  const previous = before.at(-1)?.line;
  const expectedStart = previous === undefined ? 0n : endOf(previous);
  if (start !== expectedStart) {
    throw lineError(line, 0, 'Gap in table', `expected a line that starts at sector ${expectedStart}, got ${start}`);
  }
  return type;
}

function endOf(line: TableLine): bigint {
  const [start, length] = exactRange(line);
  return start + length;
}

function checkImmutableMix(before: readonly CheckedLine[], line: TableLine, type: TargetType): void {
  const immutable = before.find((entry) => entry.type.isImmutable === true)?.type;
  const isMixed = immutable === undefined ? type.isImmutable === true && before.length > 0 : immutable !== type;
  if (isMixed) throw lineError(line, 2, 'immutable target type cannot be mixed with other target types');
}

/** Does the stretch `start`, `length` (sectors) lie on the device, in whole blocks? `name` is how the log calls it. */
export function checkDeviceArea(device: DeviceReference, name: string, start: number, length: number): void {
  if (start >= device.sizeSectors || start + length > device.sizeSectors) {
    // Through BigInt, because a start beyond every device may be too big to be printed digit by digit otherwise.
    throw new RqdmTableError(
      `${name} too small for target: start=${BigInt(start)}, len=${length}, dev_size=${device.sizeSectors}`,
    );
  }
  const block = device.limits.logicalBlockSectors;
  const unaligned = `not aligned to h/w logical block size ${block * 512} of ${name}`;
  if (start % block !== 0) throw new RqdmTableError(`start=${start} ${unaligned}`);
  if (length % block !== 0) throw new RqdmTableError(`len=${length} ${unaligned}`);
}

/** A line and the largest logical block of its devices, in sectors (1 for a target without devices). */
export interface BlockLine {
  readonly line: TableLine;
  readonly blockSectors: number;
}

/**
 * No block of the largest size in the table may be cut by the border of two lines in a way that one of them cannot
 * bear: a line that begins in the middle of such a block must have smaller blocks that fit what is left of it.
 */
export function checkAlignment(lines: readonly BlockLine[]): void {
  const largest = lines.reduce((most, { blockSectors }) => Math.max(most, blockSectors), 1);
  let cutSectors = 0; // how much of the last large block lies before the line that comes next
  let left = 0;
  let last: BlockLine | undefined;
  for (const entry of lines) {
    last = entry;
    if (left < entry.line.lengthSectors && left % entry.blockSectors !== 0) break;
    cutSectors = (cutSectors + entry.line.lengthSectors) % largest;
    left = cutSectors === 0 ? 0 : largest - cutSectors;
  }
  if (left === 0 || last === undefined) return;
  const { line } = last;
  const index = lines.indexOf(last);
  throw lineError(
    line,
    0,
    `table line ${index} (start sect ${line.startSector} len ${line.lengthSectors}) not aligned to h/w logical block size ${largest * 512}`,
  );
}

/**
 * Bio-based or request-based?
 *
 * 1. A target that says it itself (multipath's queue_mode) decides.
 * 2. Else the types decide; bio-only and request-only ones don't mix.
 * 3. Only hybrid ones: what the device is already (`liveType`), else what the caller asked for, else bio-based.
 *
 * A request-based table has one target, and all its devices take requests. Without any device it is what the live
 * table is, so that `error` can take multipath's place.
 */
export function decideType(
  lines: readonly ConstructedLine[],
  before: { readonly liveType?: DeviceType | undefined; readonly requestedType?: DeviceType | undefined } = {},
): DeviceType {
  if (lines.length === 0) throw new RqdmTableError('populate_table: no targets specified');
  const type =
    lines.find((entry) => entry.target.type !== undefined)?.target.type ??
    typeOfTargets(lines, before.liveType ?? before.requestedType);
  const decided = type === 'request' ? verifyRequestBased(lines, before.liveType) : type;
  checkTypeChange(before.requestedType, decided);
  return decided;
}

function typeOfTargets(lines: readonly ConstructedLine[], openChoice: DeviceType | undefined): DeviceType {
  const needsBio = lines.some((entry) => entry.type.mapping === 'bio');
  const needsRequest = lines.some((entry) => entry.type.mapping === 'request');
  if (needsBio && needsRequest) {
    throw new RqdmTableError("Inconsistent table: different target types can't be mixed up", {
      detail: 'some of its targets map only bios, others only requests',
    });
  }
  if (needsBio) return 'bio';
  return needsRequest ? 'request' : (openChoice ?? 'bio');
}

function verifyRequestBased(lines: readonly ConstructedLine[], liveType: DeviceType | undefined): DeviceType {
  const [first] = lines as readonly [ConstructedLine, ...ConstructedLine[]];
  if (lines.length > 1)
    throw lineError((lines[1] as ConstructedLine).line, 2, "request-based DM doesn't support multiple targets");
  let devices = 0;
  let unfit: DeviceReference | undefined;
  first.target.iterateDevices?.((device) => {
    devices += 1;
    if (!device.isRequestStackable) unfit ??= device;
  });
  if (devices === 0) return liveType ?? 'request';
  // The kernel asks for an immutable target here. What it needs is that the target cannot change under a request, and
  // a table of one target that takes requests gives that.
  if (first.type.mapping === 'bio') throw lineError(first.line, 2, 'table load rejected: immutable target is required');
  if ((first.target.ioSectorsMax ?? 0) > 0) {
    throw lineError(first.line, 2, 'table load rejected: immutable target that splits IO is not supported');
  }
  if (unfit !== undefined) {
    throw lineError(
      first.line,
      2,
      'table load rejected: including non-request-stackable devices',
      `${unfit.word} (${unfit.number}) takes no requests`,
    );
  }
  return 'request';
}

/** May a table of `types` take the place of one of `liveTypes`? An immutable target makes way only for itself and for a wildcard. */
export function checkReplacement(liveTypes: readonly TargetType[], types: readonly TargetType[]): void {
  const immutable = liveTypes.find((type) => type.isImmutable === true);
  if (immutable === undefined || types.includes(immutable) || types.some((type) => type.isWildcard === true)) return;
  throw new RqdmTableError(`can't replace immutable target type ${immutable.name}`);
}

/** The first table fixes a device's type. */
export function checkTypeChange(before: DeviceType | undefined, after: DeviceType): void {
  if (before === undefined || before === after) return;
  throw new RqdmTableError(
    `can't change device type (old=${TYPE_NUMBERS[before]} vs new=${TYPE_NUMBERS[after]}) after initial table load.`,
    {
      detail: `the device is ${before}-based, the table is ${after}-based`,
    },
  );
}

function lineError(line: TableLine, word: number, kernelText: string, detail?: string): RqdmTableError {
  return new RqdmTableError(kernelText, { ...(detail === undefined ? {} : { detail }), place: { line: line.line, word } });
}
