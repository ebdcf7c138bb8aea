// The stretches of a table as the core has them.
import {
  EXTENT_DEVICE,
  EXTENT_ERROR,
  EXTENT_ZERO,
  HOOK_END_IO,
  HOOK_END_IO_FIRST,
  HOOK_MAP,
  HOOK_PREP_MAP,
} from '../../assembly/abi.ts';
import { RqdmTableError } from '../errors.ts';
import type { DeviceReference } from '../path/reference.ts';
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
}

const NO_DEVICE = 0xffffffff;
const KINDS = { device: EXTENT_DEVICE, error: EXTENT_ERROR, zero: EXTENT_ZERO } as const;

function hooksOf(target: Target): number {
  return (
    (target.prepMap ? HOOK_PREP_MAP : 0) |
    (target.map ? HOOK_MAP : 0) |
    (target.endIoFirst ? HOOK_END_IO_FIRST : 0) |
    (target.endIo ? HOOK_END_IO : 0)
  );
}

export function extentsOf({ line, target, slot }: LoadedLine): CoreExtent[] {
  const hooks = hooksOf(target);
  const stretches: readonly TargetExtent[] =
    target.prepMap || !target.extents ? [{ start: 0, length: line.lengthSectors, kind: 'device' }] : target.extents;
  const flushed = new Set<number>();
  return stretches.map((stretch) => {
    const lower = stretch.device?.id ?? NO_DEVICE;
    // one flush for each device of the target, however many stretches lie on it
    const flushes = stretch.kind === 'device' && (target.flushes ?? 1) > 0 && !flushed.has(lower) ? 1 : 0;
    flushed.add(lower);
    return {
      start: line.startSector + stretch.start,
      length: stretch.length,
      kind: KINDS[stretch.kind],
      hooks: stretch.kind === 'device' ? hooks : 0,
      lower,
      offset: stretch.offset ?? 0,
      target: slot,
      flushes,
      ioSectorsMax: target.ioSectorsMax ?? 0,
    };
  });
}

/** The devices that requests can go to where the target does not say so: those of its stretches. */
export function devicesOfExtents(target: Target): DeviceReference[] {
  const devices: DeviceReference[] = [];
  if (target.prepMap) target.iterateDevices?.((device) => devices.push(device));
  else for (const extent of target.extents ?? []) if (extent.device) devices.push(extent.device);
  return devices;
}

/** A target must say where I/O goes, by stretches that cover it or by a hook. */
export function checkMaps(lines: readonly LoadedLine[]): void {
  for (const { line, target, type } of lines) {
    const place = { line: line.line, word: 2 };
    const fail = (text: string, detail: string): never => {
      throw new RqdmTableError(`target type ${type.name} ${text}`, { detail, place });
    };
    if (target.prepMap) continue;
    if (!target.extents?.length) fail('maps nothing', 'expected extents or a prepMap hook');
    let end = 0;
    for (const { start, length, kind, device } of target.extents ?? []) {
      if (start !== end || !(length > 0)) fail('leaves a gap', `expected an extent that starts at ${end}, got ${start}`);
      if (kind === 'device' && !device) fail('maps nothing', 'an extent of kind device names none');
      end += length;
    }
    if (end !== line.lengthSectors) fail('leaves a gap', `its extents end at ${end}, its line at ${line.lengthSectors}`);
  }
}
