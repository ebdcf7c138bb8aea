// What a table takes over from the devices below it: limits (spec of the kernel's queue limits), caches, block, level.
//
// Sectors throughout, where the kernel counts some in bytes. A stack that doesn't fit (alignments that contradict each
// other) is told and marked misaligned; nothing fails for it.
import { RqdmError, RqdmTableError } from '../errors.ts';
import type { PathLimits } from '../path/reference.ts';
import { checkAlignment, checkDeviceArea } from '../table/check.ts';
import { guarded } from './construct.ts';
import type { OpenedDevice } from './opened.ts';
import type { LoadedLine, Stretch, TableHost } from './table.ts';

/** All limits, nothing left out. */
export type QueueLimits = Required<PathLimits>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const UNLIMITED = 0xffff_ffff;
const SECTOR_BYTES = 512;

/** Where stacking begins: no device limits anything yet. */
const STACKING_DEFAULTS: QueueLimits = {
  maxSectors: UNLIMITED,
  maxSegments: 0xffff,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
  maxDiscardSectors: 0,
  discardGranularitySectors: 0,
  discardAlignmentSectors: 0,
  maxDiscardSegments: 0xffff,
  maxWriteZeroesSectors: UNLIMITED,
  ioMinSectors: 1,
  ioOptSectors: 0,
  alignmentOffsetSectors: 0,
  maxSegmentBytes: UNLIMITED,
  segmentBoundaryMask: UNLIMITED,
  virtualBoundaryMask: 0,
  isRotational: false,
  isMisaligned: false,
};

/** Longest DISCARD or WRITE_ZEROES of a target that says of itself that it takes them and names no limit. */
const OPERATION_SECTORS_MAX = 0x7f_ffff;

/** Levels of mapped devices above a backing one (STACK_LEVELS of assembly/limits.ts). */
const LEVELS_MAX = 8;

/** A device's own limits with everything filled in that it may leave out. */
export function completed(limits: PathLimits): QueueLimits {
  const physicalBlockSectors = Math.max(limits.physicalBlockSectors, limits.logicalBlockSectors);
  const canDiscard = (limits.maxDiscardSectors ?? 0) > 0;
  return {
    ...STACKING_DEFAULTS,
    maxDiscardSegments: 1,
    maxWriteZeroesSectors: 0,
    maxSegmentBytes: 65536,
    ...limits,
    physicalBlockSectors,
    ioMinSectors: Math.max(limits.ioMinSectors ?? 1, physicalBlockSectors),
    discardGranularitySectors: canDiscard ? Math.max(1, limits.discardGranularitySectors ?? 1) : 0,
  };
}

const AT_LEAST_ONE: ReadonlySet<string> = new Set(['maxSectors', 'maxSegments', 'logicalBlockSectors', 'physicalBlockSectors']);

/** Limits that come from outside. Throws ERR_RQDM_ARGUMENT naming the one that is none. */
export function checkedLimits(limits: PathLimits): PathLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'boolean' || value === undefined) continue;
    const least = AT_LEAST_ONE.has(name) ? 1 : 0;
    if (Number.isInteger(value) && value >= least && value <= UNLIMITED) continue;
    throw new RqdmError(
      'ERR_RQDM_ARGUMENT',
      `limit ${name} is ${String(value)}: expected a whole number from ${least} to 2^32 - 1`,
      {
        errno: 'EINVAL',
      },
    );
  }
  return limits;
}

/** What a table is able to do by its devices. */
export interface Stacked {
  readonly limits: QueueLimits;
  readonly hasCache: boolean;
  readonly hasFua: boolean;
  /** No line has a device: the mapped device keeps the limits that it has, for what is queued was made by them. */
  readonly hasNoDevices: boolean;
}

/** Who hears of stretches that don't fit: lines of the kernel's log, without `device-mapper: `. */
export type WarningSink = (line: string) => void;

/** The limits of a table, from those that its devices have now. Throws RqdmTableError for stretches outside a device. */
export function stackTable(
  lines: readonly LoadedLine[],
  { deviceName, deviceNumber }: Pick<TableHost, 'deviceName' | 'deviceNumber'>,
  warn: WarningSink,
): Stacked {
  const all: Mutable<QueueLimits> = { ...STACKING_DEFAULTS };
  let hasNoDevices = true;
  let hasCache = false;
  let hasFua = true;
  let canDiscard = true;
  let canZero = true;
  for (const loaded of lines) {
    const { line, target, type, stretches } = loaded;
    const devices = stretches.map(({ device }) => device);
    const own = stackDevices(stretches, deviceNumber, warn);
    if (target.limits) {
      guarded({ deviceName }, type.name, 'limits', () => {
        Object.assign(own, completed(checkedLimits({ ...own, ...target.limits?.({ ...own }) })));
      });
    }
    for (const { device, start, length } of stretches) checkDeviceArea(device, device.blockName, start, length);
    hasNoDevices &&= devices.length === 0;
    hasCache ||= (target.flushes ?? 1) > 0 && devices.some((device) => device.hasCache);
    hasFua &&= devices.every((device) => device.hasFua === true);
    const isAbleTo = (limit: 'maxDiscardSectors' | 'maxWriteZeroesSectors', said: boolean | undefined): boolean =>
      said ?? (devices.length > 0 && devices.every((device) => (device.limits[limit] ?? 0) > 0));
    canDiscard &&= isAbleTo('maxDiscardSectors', target.discards);
    canZero &&= isAbleTo('maxWriteZeroesSectors', target.writeZeroes);
    if (target.discards === true && own.maxDiscardSectors === 0) {
      own.maxDiscardSectors = OPERATION_SECTORS_MAX;
      own.discardGranularitySectors = Math.max(1, own.discardGranularitySectors);
    }
    if (target.writeZeroes === true && own.maxWriteZeroesSectors === 0) own.maxWriteZeroesSectors = OPERATION_SECTORS_MAX;
    if (!stack(all, own, 0)) {
      warn(
        `table: ${deviceNumber}: adding target device (start sect ${line.startSector} len ${line.lengthSectors}) caused an alignment inconsistency`,
      );
    }
  }
  checkAlignment(lines.map((loaded) => ({ line: loaded.line, blockSectors: blockOf(loaded) })));
  if (!canDiscard) Object.assign(all, { maxDiscardSectors: 0, discardGranularitySectors: 0, discardAlignmentSectors: 0 });
  if (!canZero) all.maxWriteZeroesSectors = 0;
  return { limits: all, hasCache, hasFua: hasFua && !hasNoDevices, hasNoDevices };
}

function stackDevices(stretches: readonly Stretch[], deviceNumber: string, warn: WarningSink): Mutable<QueueLimits> {
  const own: Mutable<QueueLimits> = { ...STACKING_DEFAULTS };
  for (const { device, start } of stretches) {
    const below = completed(device.limits);
    if (stack(own, below, start)) continue;
    const blocks = `physical_block_size=${below.physicalBlockSectors * SECTOR_BYTES}, logical_block_size=${below.logicalBlockSectors * SECTOR_BYTES}`;
    const places = `alignment_offset=${below.alignmentOffsetSectors * SECTOR_BYTES}, start=${start * SECTOR_BYTES}`;
    warn(
      `table: ${deviceNumber}: adding target device ${device.blockName} caused an alignment inconsistency: ${blocks}, ${places}`,
    );
  }
  return own;
}

/** One device's limits onto the top, at the device's sector `start`. False: they don't fit each other. */
export function stack(top: Mutable<QueueLimits>, below: QueueLimits, start: number): boolean {
  top.maxSectors = leastNonZero(top.maxSectors, below.maxSectors);
  top.maxWriteZeroesSectors = Math.min(top.maxWriteZeroesSectors, below.maxWriteZeroesSectors);
  top.segmentBoundaryMask = leastNonZero(top.segmentBoundaryMask, below.segmentBoundaryMask);
  top.virtualBoundaryMask = leastNonZero(top.virtualBoundaryMask, below.virtualBoundaryMask);
  top.maxSegments = leastNonZero(top.maxSegments, below.maxSegments);
  top.maxDiscardSegments = leastNonZero(top.maxDiscardSegments, below.maxDiscardSegments);
  top.maxSegmentBytes = leastNonZero(top.maxSegmentBytes, below.maxSegmentBytes);
  top.isRotational ||= below.isRotational;
  top.isMisaligned ||= below.isMisaligned;
  let fits = stackAlignment(top, below, start);
  top.logicalBlockSectors = Math.max(top.logicalBlockSectors, below.logicalBlockSectors);
  top.physicalBlockSectors = Math.max(top.physicalBlockSectors, below.physicalBlockSectors);
  top.ioMinSectors = Math.max(top.ioMinSectors, below.ioMinSectors);
  top.ioOptSectors = leastCommonMultiple(top.ioOptSectors, below.ioOptSectors);
  if (below.chunkSectors > 0) top.chunkSectors = greatestCommonDivisor(top.chunkSectors, below.chunkSectors);
  fits = correct(top) && fits;
  const alignment = alignmentAt(below, start);
  top.alignmentOffsetSectors =
    leastCommonMultiple(top.alignmentOffsetSectors, alignment) % Math.max(top.physicalBlockSectors, top.ioMinSectors);
  if (top.alignmentOffsetSectors % top.logicalBlockSectors !== 0) fits = false;
  if (below.discardGranularitySectors > 0) stackDiscard(top, below, start);
  const block = top.logicalBlockSectors;
  top.maxSectors = Math.max(block, top.maxSectors - (top.maxSectors % block));
  if (!fits) top.isMisaligned = true;
  return fits;
}

/** Where the first block begins on a device of which `start` is the first sector. */
function alignmentAt(limits: QueueLimits, start: number): number {
  const granularity = Math.max(limits.physicalBlockSectors, limits.ioMinSectors);
  return (granularity + limits.alignmentOffsetSectors - (start % granularity)) % granularity;
}

function stackAlignment(top: QueueLimits, below: QueueLimits, start: number): boolean {
  const alignment = alignmentAt(below, start);
  if (top.alignmentOffsetSectors === alignment) return true;
  const above = Math.max(top.physicalBlockSectors, top.ioMinSectors) + top.alignmentOffsetSectors;
  const under = Math.max(below.physicalBlockSectors, below.ioMinSectors) + alignment;
  return Math.max(above, under) % Math.min(above, under) === 0;
}

/** Blocks of one size that are no multiples of the other. */
function correct(top: Mutable<QueueLimits>): boolean {
  let fits = true;
  if (top.physicalBlockSectors % top.logicalBlockSectors !== 0) {
    top.physicalBlockSectors = top.logicalBlockSectors;
    fits = false;
  }
  if (top.ioMinSectors % top.physicalBlockSectors !== 0) {
    top.ioMinSectors = top.physicalBlockSectors;
    fits = false;
  }
  if (top.ioOptSectors % top.physicalBlockSectors !== 0) {
    top.ioOptSectors = 0;
    fits = false;
  }
  if (top.chunkSectors % top.physicalBlockSectors !== 0) {
    top.chunkSectors = 0;
    fits = false;
  }
  return fits;
}

function stackDiscard(top: Mutable<QueueLimits>, below: QueueLimits, start: number): void {
  const granularity = below.discardGranularitySectors;
  const alignment = (granularity + (below.discardAlignmentSectors % granularity) - (start % granularity)) % granularity;
  top.maxDiscardSectors = leastNonZero(top.maxDiscardSectors, below.maxDiscardSectors);
  top.discardGranularitySectors = Math.max(top.discardGranularitySectors, granularity);
  top.discardAlignmentSectors = leastCommonMultiple(top.discardAlignmentSectors, alignment) % top.discardGranularitySectors;
}

function leastNonZero(a: number, b: number): number {
  if (a === 0) return b;
  return b === 0 ? a : Math.min(a, b);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Of those that are not 0. */
function leastCommonMultiple(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : (a / greatestCommonDivisor(a, b)) * b;
}

function blockOf({ stretches }: LoadedLine): number {
  return stretches.reduce((most, { device }) => Math.max(most, device.limits.logicalBlockSectors), 1);
}

/** The last sector is as short as it is on a device whose odd end the last line reaches. */
export function exactSize(lines: readonly LoadedLine[], sizeSectors: number): number {
  let missing = 0;
  for (const { device, start, length } of (lines.at(-1) as LoadedLine).stretches) {
    if (start + length === device.sizeSectors) missing = Math.max(missing, device.sizeSectors * 512 - device.sizeBytes);
  }
  return sizeSectors * 512 - missing;
}

export function checkLevel(devices: readonly OpenedDevice[]): void {
  const highest = devices.find((device) => device.level >= LEVELS_MAX);
  if (!highest) return;
  throw new RqdmTableError('too many levels of devices', {
    detail: `${highest.word} stands on ${LEVELS_MAX} others already: expected at most ${LEVELS_MAX}`,
  });
}
