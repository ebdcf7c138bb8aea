// `info`: the long form, or a report of columns.

import type { DependenciesReply, DeviceInformation } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { eachDevice } from './each-device.ts';
import { KernelToolError } from './failure.ts';
import { askInformation, longInformation } from './long-info.ts';
import type { Field } from './report/field.ts';
import { Report, type ReportOptions } from './report/report.ts';
import { splitLvmName } from './split-name.ts';

/** What a row of the report is made of. */
export interface DeviceRow {
  readonly call: Call;
  readonly info?: DeviceInformation;
  /** Names of the parts of an LVM name. */
  readonly parts?: SplitName;
  readonly uses?: DependenciesReply['dependencies'];
  /** Mapped devices that use this one. */
  readonly users?: readonly DeviceInformation[];
  readonly stats?: StatsRow;
}

export interface SplitName {
  readonly subsystem: string;
  readonly volumeGroup: string;
  readonly volume: string;
  readonly layer: string;
}

/** A region or an area of one, with its figures as texts. */
export type StatsRow = Readonly<Record<string, string | number>>;

const DEFAULT_FIELDS = 'name,major,minor,attr,open,segments,events,uuid';

export async function info(call: Call): Promise<void> {
  if (!call.has('columns')) {
    // a selection is for columns only
    await eachDevice(call, async ({ device }) => call.print(longInformation(call, await askInformation(call, device))), false);
    return;
  }
  await infoColumns(call);
}

async function infoColumns(call: Call): Promise<void> {
  const { fields } = await import('./report/device-fields.ts');
  const report = new Report(fields, reportOptions(call, DEFAULT_FIELDS));
  const infos: DeviceInformation[] = [];
  try {
    for await (const one of chosen(call)) infos.push(one);
    if (infos.length === 0) call.print('No devices found\n');
  } finally {
    // a device that does not exist ends the list: what comes before it is shown
    if (infos.length > 0) call.print(report.print(await deviceRows(call, infos, report.usedFields)));
  }
}

/** The devices that the words or switches name, or all. */
async function* chosen(call: Call): AsyncGenerator<DeviceInformation> {
  if (call.words.length === 0 && !call.isDeviceInSwitches) return yield* await call.devices();
  const words = call.words.length > 0 ? call.words : [undefined];
  for (const word of words) {
    const info = await askInformation(call, call.needDevice(word));
    call.shownName(info);
    yield info;
  }
}

export async function namedDevices(call: Call): Promise<DeviceInformation[]> {
  const infos: DeviceInformation[] = [];
  for await (const one of chosen(call)) infos.push(one);
  return infos;
}

/** A row for each device; with fields of statistics one for each of its areas, and none without. */
export async function deviceRows(
  call: Call,
  infos: readonly DeviceInformation[],
  used: readonly Field<DeviceRow>[],
): Promise<DeviceRow[]> {
  const needs = new Set(used.map((field) => field.section));
  const all = needs.has('deps') ? await allDependencies(call) : undefined;
  const rows: DeviceRow[] = [];
  for (const info of infos) {
    const number = `${info.major}:${info.minor}`;
    const uses = all?.get(number)?.dependencies;
    const users = all && [...all.values()].filter(({ dependencies }) => dependencies.some((one) => sameNumber(one, info)));
    const row: DeviceRow = {
      call,
      info,
      parts: splitLvmName(call.shownName(info)),
      ...(uses ? { uses } : {}),
      ...(users ? { users: users.map((user) => user.info) } : {}),
    };
    if (!needs.has('stats') && !needs.has('region')) rows.push(row);
    else {
      const { statsRows } = await import('./stats/rows.ts');
      for (const stats of await statsRows(call, info)) rows.push({ ...row, stats });
    }
  }
  return rows;
}

function sameNumber(one: { major: number; minor: number }, other: { major: number; minor: number }): boolean {
  return one.major === other.major && one.minor === other.minor;
}

async function allDependencies(call: Call): Promise<Map<string, DependenciesReply>> {
  const { replies } = await call.ask<{ replies: DependenciesReply[] }>('deps_all', 'deps', {});
  return new Map(replies.map((reply) => [`${reply.info.major}:${reply.info.minor}`, reply]));
}

export function reportOptions(call: Call, defaultFields: string, defaultSort = ''): ReportOptions {
  const { switches } = call;
  const headless = switches.has('noheadings');
  const separator = switches.value('separator');
  const hasPrefixes = switches.has('nameprefixes');
  return {
    fields: fieldList(switches.value('options'), defaultFields),
    sort: switches.value('sort') ?? defaultSort,
    selection: switches.value('select'),
    hasHeadings: !headless,
    separator: separator ?? (headless ? ':' : ' '),
    isAligned: separator === undefined && !headless && !hasPrefixes && !switches.has('rows'),
    prefix: hasPrefixes ? 'DM_' : undefined,
    isQuoted: !switches.has('unquoted'),
    hasRows: switches.has('rows'),
    complain: (line) => call.complain(line),
  };
}

function fieldList(asked: string | undefined, defaults: string): string {
  if (asked === undefined) return defaults;
  return asked.startsWith('+') ? `${defaults},${asked.slice(1)}` : asked;
}

/** The devices that `-S` selects, for commands that run once a device. */
export async function selectDevices(call: Call, infos: readonly DeviceInformation[]): Promise<DeviceInformation[]> {
  const { fields } = await import('./report/device-fields.ts');
  const report = new Report(fields, { ...reportOptions(call, 'name'), fields: 'name', sort: '' });
  const rows = await deviceRows(call, infos, report.usedFields);
  return report.select(rows).map((row) => {
    if (row.info === undefined) throw new KernelToolError('a row without a device');
    return row.info;
  });
}
