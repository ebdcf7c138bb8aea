// `dmsetup stats`, also called dmstats: regions of a device that are counted.

import { setTimeout as delay } from 'node:timers/promises';
import type { DeviceInformation } from '../../control/protocol.ts';
import { Call } from '../call.ts';
import { IoctlError, KernelToolError, ReportError } from '../failure.ts';
import { type DeviceRow, reportOptions } from '../info.ts';
import { askInformation } from '../long-info.ts';
import type { Work } from '../verbs.ts';
import { keyOf, listRegions, PROGRAM, readAreas, tell } from './regions.ts';
import { statsRows } from './rows.ts';
import { checkUnits, parseSectors } from './units.ts';
import { statsUsageLines } from './usage.ts';

const LIST_FIELDS = 'stats_name,group_id,region_id,obj_type,region_start,region_len,area_count,area_len,program_id';
const LIST_FIELDS_VERBOSE =
  'stats_name,group_id,region_id,obj_type,region_start,region_len,area_count,area_id,area_start,area_len,program_id';
const PLACE_FIELDS = 'stats_name,group_id,region_id,obj_type,area_id,area_start,area_len';
const RATE_FIELDS = [
  'reads_merged_per_sec,writes_merged_per_sec,reads_per_sec,writes_per_sec,read_size_per_sec,write_size_per_sec',
  'avg_request_size,queue_size,util,await,read_await,write_await',
].join(',');
const RAW_FIELDS = [
  'read_count,reads_merged_count,read_sector_count,read_time,read_ticks,write_count,writes_merged_count',
  'write_sector_count,write_time,write_ticks,in_progress_count,io_ticks,queue_ticks',
].join(',');

const COMMANDS: ReadonlyMap<string, Work> = new Map<string, Work>([
  ['help', statsHelp],
  ['create', createRegions],
  ['delete', deleteRegions],
  ['clear', clearRegions],
  ['list', listTheRegions],
  ['print', printRegions],
  ['report', report],
  ['group', group],
  ['ungroup', ungroup],
  ['update_filemap', notSupported],
  ['version', async (call) => (await import('../version.ts')).version(call)],
]);

export async function stats(call: Call): Promise<void> {
  const [name = '', ...words] = call.words;
  if (call.has('help')) return statsHelp(call);
  const command = COMMANDS.get(name);
  if (command === undefined) throw new ReportError('Unknown stats command.', ...statsUsageLines());
  checkUnits(call);
  await command(new Call(call.surroundings, call.switches, words, call.mangling, () => call.kernel()));
}

async function statsHelp(call: Call): Promise<void> {
  for (const line of statsUsageLines()) call.complain(line);
  if (!call.has('columns')) return;
  const { fieldHelpLines } = await import('../report/field-help.ts');
  for (const line of fieldHelpLines(false)) call.complain(line);
}

async function notSupported(): Promise<void> {
  throw new KernelToolError('Maps of files are not supported.');
}

async function group(call: Call): Promise<void> {
  if (!call.has('regions')) throw new KernelToolError('Group requires --regions.');
  throw new KernelToolError('Groups of regions are not supported.');
}

async function ungroup(call: Call): Promise<void> {
  if (!call.has('groupid')) throw new KernelToolError('Please specify group id.');
  throw new KernelToolError('Groups of regions are not supported.');
}

/** Devices by word or switch, or with `isOpen` all of them; else `--alldevices` must say so. */
async function chosen(call: Call, isOpen: boolean): Promise<DeviceInformation[]> {
  if (call.words.length === 0 && !call.isDeviceInSwitches) {
    if (!isOpen && !call.has('alldevices')) throw new KernelToolError('Please specify device(s) or use --alldevices.');
    return call.devices();
  }
  const infos: DeviceInformation[] = [];
  const words = call.words.length > 0 ? call.words : [undefined];
  for (const word of words) infos.push(await askInformation(call, call.needDevice(word)));
  return infos;
}

async function createRegions(call: Call): Promise<void> {
  if (call.has('filemap')) return notSupported();
  if (call.has('areas') && call.has('areasize')) throw new KernelToolError('Please specify one of --areas and --areasize.');
  for (const info of await chosen(call, false)) {
    const words = ['@stats_create', rangeOf(call), stepOf(call), ...optionsOf(call)];
    const program = call.switches.value('programid') ?? PROGRAM;
    const userData = call.switches.value('userdata');
    const message = [...words, program, userData === undefined ? '-' : userData.replaceAll(' ', '\\ ')].join(' ');
    let answer: string;
    try {
      answer = await tell(call, keyOf(info), message);
    } catch (error) {
      if (!(error instanceof IoctlError)) throw error;
      throw new KernelToolError(...error.lines, `${call.shownName(info)}: Could not create statistics region.`);
    }
    const id = Number.parseInt(answer, 10);
    const region = (await listRegions(call, keyOf(info))).find((one) => one.id === id);
    const areas = region ? Math.ceil(region.lengthSectors / region.areaSectors) : 1;
    call.print(`${call.shownName(info)}: Created new region with ${areas} area(s) as region ID ${id}\n`);
  }
}

function rangeOf(call: Call): string {
  const [start, length] = [sectorsOf(call, 'start'), sectorsOf(call, 'length')];
  if (start === undefined && length === undefined) return '-';
  if (length === undefined) throw new KernelToolError('--start requires --length.');
  return `${start ?? 0}+${length}`;
}

function stepOf(call: Call): string {
  const size = sectorsOf(call, 'areasize');
  return size === undefined ? `/${Math.max(1, Number.parseInt(call.switches.value('areas') ?? '1', 10) || 1)}` : String(size);
}

function sectorsOf(call: Call, name: string): number | undefined {
  const text = call.switches.value(name);
  if (text === undefined) return undefined;
  const sectors = parseSectors(text);
  if (sectors === undefined) throw new KernelToolError(`Could not parse --${name} argument.`);
  return sectors;
}

function optionsOf(call: Call): string[] {
  const options: string[] = [];
  if (call.has('precise')) options.push('precise_timestamps');
  const bounds = call.switches.value('bounds');
  if (bounds !== undefined) options.push(`histogram:${bounds.replace(/(ms|us|ns|s)\b/g, '')}`);
  return options.length === 0 ? [] : [String(options.length), ...options];
}

/** The regions that `--regionid` or `--allregions` means, of one device. */
async function regionsOf(call: Call, info: DeviceInformation): Promise<number[]> {
  if (call.has('allregions')) return (await listRegions(call, keyOf(info))).map(({ id }) => id);
  return [Number.parseInt(call.switches.value('regionid') as string, 10)];
}

function needRegion(call: Call): void {
  if (call.has('regionid') || call.has('allregions')) return;
  throw new KernelToolError('Please specify a --regionid or use --allregions.');
}

async function deleteRegions(call: Call): Promise<void> {
  if (call.has('regionid') && call.has('groupid')) throw new KernelToolError('Please use one of --regionid and --groupid.');
  if (!['regionid', 'groupid', 'allregions'].some((name) => call.has(name))) {
    throw new KernelToolError('Please specify a --regionid or --groupid, or use --allregions.');
  }
  if (call.has('groupid')) throw new KernelToolError('Groups of regions are not supported.');
  for (const info of await chosen(call, false)) {
    for (const id of await regionsOf(call, info)) await tell(call, keyOf(info), `@stats_delete ${id}`);
  }
}

async function clearRegions(call: Call): Promise<void> {
  needRegion(call);
  for (const info of await chosen(call, false)) {
    for (const id of await regionsOf(call, info)) await tell(call, keyOf(info), `@stats_clear ${id}`);
  }
}

async function printRegions(call: Call): Promise<void> {
  needRegion(call);
  const word = call.has('clear') ? '@stats_print_clear' : '@stats_print';
  for (const info of await chosen(call, false)) {
    for (const id of await regionsOf(call, info)) call.print(await tell(call, keyOf(info), `${word} ${id}`));
  }
}

async function listTheRegions(call: Call): Promise<void> {
  const defaults = call.isVerbose ? LIST_FIELDS_VERBOSE : LIST_FIELDS;
  const fields = call.has('histogram') ? defaults.replace('program_id', 'hist_bins,hist_bounds') : defaults;
  await showRows(call, fields, (info) => statsRows(call, info, { isOfRegions: !call.isVerbose }));
}

/** With `--count` and `--interval` again and again; figures a second are over the interval. */
async function report(call: Call): Promise<void> {
  const seconds = Math.max(0.001, Number.parseFloat(call.switches.value('interval') ?? '1') || 1);
  const isRepeated = call.has('interval') || call.has('count');
  const asked = Number.parseInt(call.switches.value('count') ?? '', 10) || 0;
  const count = isRepeated ? (asked > 0 ? asked : Number.POSITIVE_INFINITY) : 1;
  const figures = call.has('histogram') ? 'hist_count' : call.has('raw') ? RAW_FIELDS : RATE_FIELDS;
  for (let turn = 0; turn < count; turn++) {
    if (isRepeated) {
      for (const info of await chosen(call, true)) await startOver(call, info, turn);
      await delay(seconds * 1000);
    }
    await showRows(call, `${PLACE_FIELDS},${figures}`, (info) => statsRows(call, info, { seconds, isCleared: isRepeated }));
    call.surroundings.show();
  }
}

/** Before the first interval the counters hold what was long ago. */
async function startOver(call: Call, info: DeviceInformation, turn: number): Promise<void> {
  if (turn > 0) return;
  for (const { id } of await listRegions(call, keyOf(info))) await readAreas(call, keyOf(info), id, true);
}

async function showRows(
  call: Call,
  fieldList: string,
  rowsOf: (info: DeviceInformation) => Promise<NonNullable<DeviceRow['stats']>[]>,
): Promise<void> {
  const { fields } = await import('../report/device-fields.ts');
  const { Report } = await import('../report/report.ts');
  const output = new Report(fields, reportOptions(call, fieldList, 'stats_name,region_id,area_id'));
  const infos = await chosen(call, true);
  if (infos.length === 0) return call.print('No devices found\n');
  const rows: DeviceRow[] = [];
  for (const info of infos) for (const stats of await rowsOf(info)) rows.push({ call, info, stats });
  call.print(output.print(rows));
}
