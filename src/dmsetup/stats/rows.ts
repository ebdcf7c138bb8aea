// Rows of statistics: figures of regions and areas under the ids of their fields.

import type { DeviceInformation } from '../../control/protocol.ts';
import type { Call } from '../call.ts';
import { IoctlError } from '../failure.ts';
import type { StatsRow } from '../info.ts';
import { type Area, keyOf, listRegions, type Region, readAreas } from './regions.ts';
import { sizeText, zeroText } from './units.ts';

export interface RowOptions {
  /** Set the counters back after reading them. */
  readonly isCleared?: boolean;
  /** What the figures a second are counted over, seconds. Default 1. */
  readonly seconds?: number;
  /** A row for each region, without counters. */
  readonly isOfRegions?: boolean;
}

const COUNTERS = [
  'read_count',
  'reads_merged_count',
  'read_sector_count',
  'read_time',
  'write_count',
  'writes_merged_count',
  'write_sector_count',
  'write_time',
  'in_progress_count',
  'io_ticks',
  'queue_ticks',
  'read_ticks',
  'write_ticks',
] as const;
const TIMES: ReadonlySet<string> = new Set(['read_time', 'write_time', 'io_ticks', 'queue_ticks', 'read_ticks', 'write_ticks']);

const NS_A_SECOND = 1e9;
const NS_A_MS = 1e6;

/** Rows of a device; none if it has no regions or keeps no statistics. */
export async function statsRows(call: Call, info: DeviceInformation, options: RowOptions = {}): Promise<StatsRow[]> {
  const device = keyOf(info);
  let regions: Region[];
  try {
    regions = await listRegions(call, device);
  } catch (error) {
    if (error instanceof IoctlError) return [];
    throw error;
  }
  const rows: StatsRow[] = [];
  for (const region of regions) {
    const ofRegion = regionFigures(call, info, region);
    // of the areas together it is not said where they begin
    const nowhere = { area_start: zeroText(call), area_offset: zeroText(call), obj_type: 'region' };
    const whole = { ...ofRegion, ...areaPlace(call, region, 0, region), ...nowhere };
    if (options.isOfRegions) {
      rows.push(whole);
      continue;
    }
    const areas = await readAreas(call, device, region.id, options.isCleared ?? false);
    for (const [index, area] of areas.entries()) {
      rows.push({ ...ofRegion, ...areaPlace(call, area, index, region), ...figures(call, area, region, options.seconds ?? 1) });
    }
    if (areas.length > 1) rows.push({ ...whole, ...figures(call, sumOf(areas), region, options.seconds ?? 1) });
  }
  return rows;
}

function sumOf(areas: readonly Area[]): Area {
  const [first] = areas as readonly [Area, ...Area[]];
  const add = (into: readonly number[], more: readonly number[]): number[] =>
    more.map((value, index) => value + (into[index] ?? 0));
  const bins = areas.map(({ histogram }) => histogram.split(':').map(Number)).reduce(add, []);
  return {
    startSector: first.startSector,
    lengthSectors: areas.reduce((sum, area) => sum + area.lengthSectors, 0),
    counters: areas.map(({ counters }) => counters).reduce(add, []),
    histogram: first.histogram === '' ? '' : bins.join(':'),
  };
}

function regionFigures(call: Call, info: DeviceInformation, region: Region): StatsRow {
  return {
    stats_name: call.shownName(info),
    obj_type: 'area',
    region_id: region.id,
    region_start: sizeText(call, region.startSector),
    region_len: sizeText(call, region.lengthSectors),
    area_count: Math.ceil(region.lengthSectors / region.areaSectors),
    group_id: '-',
    program_id: region.program,
    user_data: region.userData === '-' ? '' : region.userData,
    precise: region.isPrecise ? '1' : '0',
    hist_bins: String(region.bounds.length === 0 ? 0 : region.bounds.length + 1),
    hist_bounds: region.bounds.join(','),
    hist_ranges: region.bounds.map((bound, index) => `${region.bounds[index - 1] ?? 0}-${bound}`).join(','),
  };
}

function areaPlace(call: Call, area: { startSector: number; lengthSectors: number }, index: number, region: Region): StatsRow {
  return {
    area_id: index,
    area_start: sizeText(call, area.startSector),
    area_len: sizeText(call, Math.min(area.lengthSectors, region.areaSectors)),
    area_offset: sizeText(call, area.startSector - region.startSector),
  };
}

function figures(call: Call, area: Area, region: Region, seconds: number): StatsRow {
  // counters of time are milliseconds unless the region is precise
  const scale = region.isPrecise ? 1 : NS_A_MS;
  const counts: Record<string, number> = {};
  for (const [index, id] of COUNTERS.entries()) counts[id] = (area.counters[index] ?? 0) * (TIMES.has(id) ? scale : 1);
  const of = (id: (typeof COUNTERS)[number]): number => counts[id] as number;
  const ios = of('read_count') + of('write_count');
  const sectors = of('read_sector_count') + of('write_sector_count');
  const milliseconds = (ns: number, count: number): string => (count === 0 ? 0 : ns / count / NS_A_MS).toFixed(2);
  const busy = Math.min(1, of('io_ticks') / (seconds * NS_A_SECOND));
  return {
    ...counts,
    // merges are counted as what they are, where the original always prints 0.00
    reads_merged_per_sec: (of('reads_merged_count') / seconds).toFixed(2),
    writes_merged_per_sec: (of('writes_merged_count') / seconds).toFixed(2),
    reads_per_sec: (of('read_count') / seconds).toFixed(2),
    writes_per_sec: (of('write_count') / seconds).toFixed(2),
    read_size_per_sec: sizeText(call, of('read_sector_count') / seconds),
    write_size_per_sec: sizeText(call, of('write_sector_count') / seconds),
    avg_request_size: sizeText(call, ios === 0 ? 0 : sectors / ios),
    queue_size: (of('queue_ticks') / (seconds * NS_A_SECOND)).toFixed(2),
    await: milliseconds(of('read_time') + of('write_time'), ios),
    read_await: milliseconds(of('read_time'), of('read_count')),
    write_await: milliseconds(of('write_time'), of('write_count')),
    throughput: (ios / seconds).toFixed(2),
    service_time: milliseconds(of('io_ticks'), ios),
    util: (busy * 100).toFixed(2),
    interval_ns: seconds * NS_A_SECOND,
    interval: seconds.toFixed(6),
    ...histogramFigures(area, region),
  };
}

function histogramFigures({ histogram }: Area, { bounds }: Region): StatsRow {
  const counts = histogram === '' ? [] : histogram.split(':');
  const total = counts.reduce((sum, count) => sum + Number(count), 0);
  const shares = counts.map((count) => `${(total === 0 ? 0 : (Number(count) * 100) / total).toFixed(2)}%`);
  const bounded = (values: readonly string[]): string =>
    values.map((value, index) => `${index === 0 ? '0' : bounds[index - 1]}: ${value}`).join(', ');
  const ranged = (values: readonly string[]): string =>
    values.map((value, index) => `${bounds[index - 1] ?? 0}-${bounds[index] ?? ''}: ${value}`).join(', ');
  return {
    hist_count: counts.join(','),
    hist_count_bounds: bounded(counts),
    hist_count_ranges: ranged(counts),
    hist_percent: shares.join(','),
    hist_percent_bounds: bounded(shares),
    hist_percent_ranges: ranged(shares),
  };
}
