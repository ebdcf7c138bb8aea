// What a table takes over from the devices below it: limits, size, block, level.
import { RqdmTableError } from '../errors.ts';
import type { PathLimits } from '../path/reference.ts';
import type { Target } from '../target/target.ts';
import type { OpenedDevice } from './opened.ts';
import type { LoadedLine } from './table.ts';

/** Stacking defaults: a table without devices limits nothing but the size of a request. */
const LIMITS_WITHOUT_DEVICES: PathLimits = {
  maxSectors: 2560,
  maxSegments: 1024,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
};

/** Levels of mapped devices above a backing one (STACK_LEVELS of assembly/limits.ts). */
const LEVELS_MAX = 8;

export function blockOf(target: Target): number {
  let block = 1;
  target.iterateDevices?.((device) => {
    block = Math.max(block, device.limits.logicalBlockSectors);
  });
  return block;
}

/** The last sector is as short as it is on a device whose odd end the last line reaches. */
export function exactSize(lines: readonly LoadedLine[], sizeSectors: number): number {
  let missing = 0;
  (lines.at(-1) as LoadedLine).target.iterateDevices?.((device, start, length) => {
    const { sizeBytes } = device as OpenedDevice;
    if (start + length === device.sizeSectors) missing = Math.max(missing, device.sizeSectors * 512 - sizeBytes);
  });
  return sizeSectors * 512 - missing;
}

/** Spec-core 10.6, as far as the core has these limits. */
export function stackLimits(lines: readonly LoadedLine[]): PathLimits | undefined {
  let stacked: PathLimits | undefined;
  for (const { target } of lines) {
    let own: PathLimits | undefined;
    target.iterateDevices?.((device) => {
      own = stack(own, device.limits);
    });
    if (own && target.limits) own = target.limits(own);
    if (own) stacked = stack(stacked, own);
  }
  return stacked ?? (lines.some((loaded) => loaded.type.isWildcard) ? undefined : LIMITS_WITHOUT_DEVICES);
}

function stack(top: PathLimits | undefined, below: PathLimits): PathLimits {
  if (!top) return below;
  return {
    maxSectors: Math.min(top.maxSectors, below.maxSectors),
    maxSegments: Math.min(top.maxSegments, below.maxSegments),
    chunkSectors: below.chunkSectors ? greatestCommonDivisor(top.chunkSectors, below.chunkSectors) : top.chunkSectors,
    logicalBlockSectors: Math.max(top.logicalBlockSectors, below.logicalBlockSectors),
    physicalBlockSectors: Math.max(top.physicalBlockSectors, below.physicalBlockSectors),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

export function checkLevel(devices: readonly OpenedDevice[]): void {
  const highest = devices.find((device) => device.level >= LEVELS_MAX);
  if (!highest) return;
  throw new RqdmTableError('too many levels of devices', {
    detail: `${highest.word} stands on ${LEVELS_MAX} others already: expected at most ${LEVELS_MAX}`,
  });
}
