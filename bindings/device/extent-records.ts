// The stretches of a table as the core has them.
import {
  ABILITY_DISCARD,
  ABILITY_WRITE_ZEROES,
  EXTENT_DEVICE,
  EXTENT_ERROR,
  EXTENT_STRIPED,
  EXTENT_ZERO,
  HOOK_END_IO,
  HOOK_END_IO_FIRST,
  HOOK_END_IO_TOLD,
  HOOK_MAP,
  HOOK_PREP_MAP,
} from '../../assembly/abi.ts';
import { RqdmTableError } from '../errors.ts';
import type { DeviceReference } from '../path/reference.ts';
import type { DeviceType } from '../table/check.ts';
import type { Target, TargetExtent } from '../target/target.ts';
import type { LoadedLine } from './table.ts';

export interface CoreExtent {
  readonly start: number;
  readonly length: number;
  readonly kind: number;
  readonly hooks: number;
  readonly lower: number;
  readonly offset: number;
  readonly target: number;
  readonly flushes: number;
  readonly ioSectorsMax: number;
  readonly abilities: number;
  /** Of a striped stretch: its stripes, records of their own behind all stretches of the table. */
  readonly stripes: readonly CoreExtent[];
}

/** Names no device to the core. */
export const NO_DEVICE = 0xffffffff;
const KINDS = { device: EXTENT_DEVICE, error: EXTENT_ERROR, zero: EXTENT_ZERO, striped: EXTENT_STRIPED } as const;

function hooksOf(target: Target): number {
  return (
    (target.prepMap ? HOOK_PREP_MAP : 0) |
    (target.map ? HOOK_MAP : 0) |
    (target.endIoFirst ? HOOK_END_IO_FIRST : 0) |
    (target.endIo ? HOOK_END_IO : 0) |
    (target.isEndIoTold ? HOOK_END_IO_TOLD : 0)
  );
}

export function extentsOf(loaded: LoadedLine): CoreExtent[] {
  const { line, target, slot } = loaded;
  const hooks = hooksOf(target);
  const stretches: readonly TargetExtent[] =
    target.prepMap || !target.extents ? [{ start: 0, length: line.lengthSectors, kind: 'device' }] : target.extents;
  const flushed = new Set<number>();
  return stretches.map((stretch) => {
    const lower = stretch.device?.id ?? NO_DEVICE;
    const goesBelow = stretch.kind === 'device' || stretch.kind === 'striped';
    // one flush for each device of the target, however many stretches lie on it
    const wantsFlush = (target.flushes ?? 1) > 0;
    const flushes = wantsFlush && (stretch.kind === 'striped' || (goesBelow && !flushed.has(lower))) ? 1 : 0;
    flushed.add(lower);
    const stripes = (stretch.stripes ?? []).map(({ device, offset }) => stripeOf(device, offset, slot, wantsFlush, flushed));
    return {
      start: line.startSector + stretch.start,
      length: stretch.length,
      kind: KINDS[stretch.kind],
      hooks: goesBelow ? hooks : 0,
      lower,
      offset: stretch.offset ?? 0,
      target: slot,
      flushes,
      ioSectorsMax: stretch.chunkSectors ?? target.ioSectorsMax ?? 0,
      abilities: abilitiesOf(loaded),
      stripes,
    };
  });
}

function stripeOf(
  device: DeviceReference,
  offset: number,
  target: number,
  wantsFlush: boolean,
  flushed: Set<number>,
): CoreExtent {
  const flushes = wantsFlush && !flushed.has(device.id) ? 1 : 0;
  flushed.add(device.id);
  return {
    start: 0,
    length: 0,
    kind: EXTENT_DEVICE,
    hooks: 0,
    lower: device.id,
    offset,
    target,
    flushes,
    ioSectorsMax: 0,
    abilities: 0,
    stripes: [],
  };
}

/** What a target says of itself, or else whether all of its devices can. */
function abilitiesOf({ target, stretches }: LoadedLine): number {
  const canDiscard = stretches.every(({ device }) => (device.limits.maxDiscardSectors ?? 0) > 0);
  const canZero = stretches.every(({ device }) => (device.limits.maxWriteZeroesSectors ?? 0) > 0);
  return ((target.discards ?? canDiscard) ? ABILITY_DISCARD : 0) | ((target.writeZeroes ?? canZero) ? ABILITY_WRITE_ZEROES : 0);
}

/** The devices that requests can go to where the target does not say so: those of its stretches. */
export function devicesOfExtents({ target, stretches }: LoadedLine): DeviceReference[] {
  if (target.prepMap) return stretches.map(({ device }) => device);
  const devices: DeviceReference[] = [];
  for (const { device, stripes } of target.extents ?? []) {
    if (device) devices.push(device);
    for (const stripe of stripes ?? []) devices.push(stripe.device);
  }
  return devices;
}

/** A stripe of a flush is counted in 12 bits (assembly/down/dispatch-bio.ts). */
const STRIPES_MAX = 4096;

/**
 * A target must say where I/O goes, by stretches that cover it or by a hook, on devices that its table has opened. What is
 * wrong here would be an I/O to the wrong place later, or an assertion of the core.
 */
export function checkMaps(lines: readonly LoadedLine[], devices: readonly DeviceReference[], tableType: DeviceType): void {
  for (const { line, target, type, stretches } of lines) {
    const fail = (text: string, detail: string): never => {
      throw new RqdmTableError(`target type ${type.name} ${text}`, { detail, place: { line: line.line, word: 2 } });
    };
    for (const { device } of stretches) checkOpened(device, devices, fail);
    if (target.prepMap) continue;
    const { extents = [] } = target;
    if (extents.length === 0) fail('maps nothing', 'expected extents or a prepMap hook');
    if (tableType === 'request' && (extents.length > 1 || extents[0]?.kind === 'striped')) {
      fail('splits requests', 'expected one extent, or a table of bios');
    }
    let end = 0;
    for (const extent of extents) {
      // a length may be beyond what a double holds exactly, as a line's may (2^63 bytes)
      if (extent.start !== end || !Number.isInteger(extent.length) || extent.length < 1) {
        fail('leaves a gap', `expected an extent that starts at ${end}, got ${extent.start}`);
      }
      checkExtent(extent, devices, fail);
      end += extent.length;
    }
    if (end !== line.lengthSectors) fail('leaves a gap', `its extents end at ${end}, its line at ${line.lengthSectors}`);
  }
}

type Fail = (text: string, detail: string) => never;

function checkExtent(extent: TargetExtent, devices: readonly DeviceReference[], fail: Fail): void {
  const { kind, device, offset = 0, stripes = [], chunkSectors } = extent;
  if (!Object.hasOwn(KINDS, kind))
    fail('maps nothing', `expected a kind of extent (${Object.keys(KINDS).join(', ')}), got ${kind}`);
  if (kind === 'device') {
    if (!device) fail('maps nothing', 'an extent of kind device names none');
    else checkStart(device, offset, devices, fail);
  }
  if (kind !== 'striped') return;
  if (stripes.length === 0 || !isWhole(chunkSectors, 1, 0xffff_ffff)) {
    fail('maps nothing', 'a striped extent needs stripes and chunkSectors');
  }
  if (stripes.length > STRIPES_MAX) fail('has too many stripes', `expected at most ${STRIPES_MAX}, got ${stripes.length}`);
  for (const stripe of stripes) checkStart(stripe.device, stripe.offset, devices, fail);
}

function checkStart(device: DeviceReference, offset: number, devices: readonly DeviceReference[], fail: Fail): void {
  checkOpened(device, devices, fail);
  if (!isWhole(offset, 0)) fail('maps nothing', `expected an offset in sectors, got ${offset}`);
}

function checkOpened(device: DeviceReference, devices: readonly DeviceReference[], fail: Fail): void {
  if (devices.some(({ id }) => id === device.id)) return;
  fail('names a device of another table', `${device.word}: expected one that its context's getDevice returned`);
}

function isWhole(value: number | undefined, least: number, most: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
