// Regions of statistics, as the core's `@stats_…` messages make, list and print them.

import type { DeviceInformation } from '../../control/protocol.ts';
import type { Asked, Call } from '../call.ts';

export interface Region {
  readonly id: number;
  readonly startSector: number;
  readonly lengthSectors: number;
  readonly areaSectors: number;
  readonly program: string;
  readonly userData: string;
  readonly isPrecise: boolean;
  /** Bounds of the histogram's bins, as given; empty without one. */
  readonly bounds: readonly string[];
}

export interface Area {
  readonly startSector: number;
  readonly lengthSectors: number;
  /** The 13 counters, in the order of the kernel's line. */
  readonly counters: readonly number[];
  /** `n1:n2:…`; empty without a histogram. */
  readonly histogram: string;
}

export const PROGRAM = 'dmstats';

/** The program whose regions are meant; undefined means those of all. */
export function programOf(call: Call): string | undefined {
  if (call.has('allprograms')) return undefined;
  return call.switches.value('programid') ?? PROGRAM;
}

export async function tell(call: Call, device: Asked, message: string): Promise<string> {
  const { text } = await call.askOf<{ text: string | null }>('message', 'message', device, { sector: 0, message });
  return text ?? '';
}

export async function listRegions(call: Call, device: Asked): Promise<Region[]> {
  const program = programOf(call);
  const text = await tell(call, device, program === undefined ? '@stats_list' : `@stats_list ${program}`);
  return text.split('\n').flatMap((line) => {
    const region = readRegion(line);
    return region ? [region] : [];
  });
}

/** `0: 0+2048 1024 dmstats - precise_timestamps histogram:1,2` */
function readRegion(line: string): Region | undefined {
  const found = /^(\d+): (\d+)\+(\d+) (\d+) (\S+) (\S+)(.*)$/.exec(line);
  if (!found) return undefined;
  const [, id, start, length, step, program, userData, options] = found as unknown as string[];
  const bounds = /histogram:(\S+)/.exec(options as string)?.[1] ?? '';
  return {
    id: Number(id),
    startSector: Number(start),
    lengthSectors: Number(length),
    areaSectors: Number(step),
    program: program as string,
    userData: userData as string,
    isPrecise: (options as string).includes('precise_timestamps'),
    bounds: bounds === '' ? [] : bounds.split(','),
  };
}

/** The areas of a region with their counters; `isCleared` sets the counters back. */
export async function readAreas(call: Call, device: Asked, region: number, isCleared: boolean): Promise<Area[]> {
  const text = await tell(call, device, `@stats_print${isCleared ? '_clear' : ''} ${region}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [range, ...figures] = line.split(' ') as [string, ...string[]];
      const [start, length] = range.split('+').map(Number) as [number, number];
      const counters = figures.slice(0, 13).map(Number);
      return { startSector: start, lengthSectors: length, counters, histogram: figures[13] ?? '' };
    });
}

export function keyOf(info: DeviceInformation): Asked {
  return { name: info.name };
}
