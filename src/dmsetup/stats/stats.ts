// `dmsetup stats`, also called dmstats: regions of a device that are counted.

import { setTimeout as delay } from 'node:timers/promises';
import type { DeviceInformation, TableReply } from '../../control/protocol.ts';
import { type Asked, Call } from '../call.ts';
import { IoctlError, KernelToolError, ReportError } from '../failure.ts';
import { type DeviceRow, reportOptions } from '../info.ts';
import { askInformation } from '../long-info.ts';
import type { Section } from '../report/field.ts';
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
const HISTOGRAM_FIELDS =
  'stats_name,group_id,region_id,obj_type,region_start,region_len,area_count,area_len,util,await,hist_count';
const RAW_FIELDS = [
  'read_count,reads_merged_count,read_sector_count,read_time,read_ticks,write_count,writes_merged_count',
  'write_sector_count,write_time,write_ticks,in_progress_count,io_ticks,queue_ticks',
].join(',');

/** What `all` means in reports of statistics. */
const STATS_SECTIONS: readonly Section[] = ['stats', 'region'];

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

/** The devices that words or switches name; without any all of them, if `isOpen` or `--alldevices` says so. */
async function devicesOf(call: Call, isOpen: boolean): Promise<Asked[]> {
  if (call.words.length > 0) return call.words.map((word) => call.needDevice(word));
  if (call.isDeviceInSwitches) return [call.needDevice(undefined)];
  if (!isOpen && !call.has('alldevices')) throw new KernelToolError('Please specify device(s) or use --alldevices.');
  return (await call.devices()).map(keyOf);
}

/** The same with what is known of them, for rows. */
async function infosOf(call: Call): Promise<DeviceInformation[]> {
  const infos: DeviceInformation[] = [];
  for (const device of await devicesOf(call, true)) infos.push(await askInformation(call, device));
  return infos;
}

async function createRegions(call: Call): Promise<void> {
  if (call.has('filemap')) throw new KernelToolError('Maps of files are not supported.');
  if (call.has('areas') && call.has('areasize')) throw new KernelToolError('Please specify one of --areas and --areasize.');
  for (const device of await devicesOf(call, false)) {
    const { info, targets } = await call.askOf<TableReply>('table', 'table', device);
    const starts = targets.map(({ start, length }) => ({ start: Number(start), length: Number(length) }));
    const whole = { start: 0, length: starts.reduce((sum, { length }) => sum + length, 0) };
    if (call.has('segments')) for (const range of starts) await createRegion(call, info, range);
    else await createRegion(call, info, rangeOf(call, whole));
  }
}

interface Range {
  readonly start: number;
  readonly length: number;
}

async function createRegion(call: Call, info: DeviceInformation, { start, length }: Range): Promise<void> {
  const size = sectorsOf(call, 'areasize');
  const count = Math.max(1, Number.parseInt(call.switches.value('areas') ?? '1', 10) || 1);
  const areas = size === undefined ? count : Math.ceil(length / Math.max(1, size));
  const step = size === undefined ? `/${count}` : String(size);
  const program = call.switches.value('programid') ?? PROGRAM;
  const words = ['@stats_create', `${start}+${length}`, step, ...optionsOf(call), program];
  const userData = call.switches.value('userdata');
  if (userData !== undefined) words.push(userData);
  let answer: string;
  try {
    answer = await tell(call, keyOf(info), words.join(' '));
  } catch (error) {
    if (!(error instanceof IoctlError)) throw error;
    throw new KernelToolError(...error.lines, `${call.shownName(info)}: Could not create statistics region.`);
  }
  const id = Number.parseInt(answer, 10);
  call.print(`${call.shownName(info)}: Created new region with ${areas} area(s) as region ID ${id}\n`);
}

/** The whole device, or what --start and --length say; without --length it is as long as the device, wherever it starts. */
function rangeOf(call: Call, whole: Range): Range {
  return { start: sectorsOf(call, 'start') ?? 0, length: sectorsOf(call, 'length') ?? whole.length };
}

function sectorsOf(call: Call, name: string): number | undefined {
  const text = call.switches.value(name);
  if (text === undefined) return undefined;
  const sectors = parseSectors(text);
  if (sectors === undefined) throw new KernelToolError(`Invalid ${name} argument: "${text}"`);
  return sectors;
}

function optionsOf(call: Call): string[] {
  const options: string[] = [];
  if (call.has('precise')) options.push('precise_timestamps');
  const bounds = call.switches.value('bounds');
  if (bounds !== undefined) options.push(`histogram:${bounds.replace(/(ms|us|ns|s)\b/g, '')}`);
  return options.length === 0 ? [] : [String(options.length), ...options];
}

/** The regions that `--regionid` or `--allregions` means, of one device; `refuse` throws for one that is not there. */
async function regionsOf(call: Call, device: Asked, refuse: (id: number) => never): Promise<number[]> {
  const ids = (await listRegions(call, device)).map(({ id }) => id);
  if (call.has('allregions')) return ids;
  const asked = Number.parseInt(call.switches.value('regionid') as string, 10) || 0;
  return ids.includes(asked) ? [asked] : refuse(asked);
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
  const failed = 'Could not delete statistics region';
  for (const device of await devicesOf(call, false)) {
    const ids = await regionsOf(call, device, (id) => {
      throw new KernelToolError(`Region ID ${id} does not exist`, failed);
    }).catch((error: unknown) => {
      if (!(error instanceof IoctlError)) throw error;
      const id = Number.parseInt(call.switches.value('regionid') ?? '0', 10);
      throw new KernelToolError(...error.lines, `Could not obtain region list while deleting region ID ${id}`, failed);
    });
    for (const id of ids) await tell(call, device, `@stats_delete ${id}`);
  }
}

async function clearRegions(call: Call): Promise<void> {
  needRegion(call);
  for (const device of await devicesOf(call, true)) {
    for (const id of await regionsOf(call, device, noRegion)) await tell(call, device, `@stats_clear ${id}`);
  }
}

async function printRegions(call: Call): Promise<void> {
  needRegion(call);
  const word = call.has('clear') ? '@stats_print_clear' : '@stats_print';
  for (const device of await devicesOf(call, true)) {
    for (const id of await regionsOf(call, device, noRegion)) call.print(await tell(call, device, `${word} ${id}`));
  }
}

function noRegion(id: number): never {
  throw new KernelToolError(`No such region: ${id}.`);
}

async function listTheRegions(call: Call): Promise<void> {
  const defaults = call.isVerbose ? LIST_FIELDS_VERBOSE : LIST_FIELDS;
  const fields = call.has('histogram') ? defaults.replace('program_id', 'hist_bins,hist_bounds') : defaults;
  await showRows(call, fields, (info) => statsRows(call, info, { isOfRegions: !call.isVerbose }));
}

/** With `--count` and `--interval` again and again; figures a second are over the interval. */
async function report(call: Call): Promise<void> {
  const seconds = Number.parseInt(call.switches.value('interval') ?? '1', 10);
  const isRepeated = call.has('interval') || call.has('count');
  const asked = Number.parseInt(call.switches.value('count') ?? '', 10) || 0;
  const count = isRepeated ? (asked > 0 ? asked : Number.POSITIVE_INFINITY) : 1;
  const counted = `${PLACE_FIELDS},${call.has('raw') ? RAW_FIELDS : RATE_FIELDS}`;
  const fields = call.has('histogram') ? HISTOGRAM_FIELDS : counted;
  for (let turn = 0; turn < count; turn++) {
    if (isRepeated) {
      // before the first interval the counters hold what was long ago
      if (turn === 0) for (const device of await devicesOf(call, true)) await startOver(call, device);
      await delay(seconds * 1000);
    }
    await showRows(call, fields, (info) => statsRows(call, info, { seconds, isCleared: true }));
    call.surroundings.show();
  }
}

async function startOver(call: Call, device: Asked): Promise<void> {
  for (const { id } of await listRegions(call, device)) await readAreas(call, device, id, true);
}

async function showRows(
  call: Call,
  fieldList: string,
  rowsOf: (info: DeviceInformation) => Promise<NonNullable<DeviceRow['stats']>[]>,
): Promise<void> {
  const { fields } = await import('../report/device-fields.ts');
  const { Report } = await import('../report/report.ts');
  const output = new Report(fields, reportOptions(call, fieldList, 'stats_name,obj_type,region_id,area_id'), STATS_SECTIONS);
  const infos = await infosOf(call);
  if (infos.length === 0) return call.print('No devices found\n');
  const rows: DeviceRow[] = [];
  for (const info of infos) for (const stats of await rowsOf(info)) rows.push({ call, info, stats });
  call.print(output.print(rows));
}
