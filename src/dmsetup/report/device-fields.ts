// The fields of reports about mapped devices, in the order in which `all` shows them.

import type { DeviceInformation } from '../../control/protocol.ts';
import type { DeviceRow } from '../info.ts';
import type { Field, FieldType, Section, Shown } from './field.ts';
import { statsFields } from './stats-fields.ts';

type Value = string | number | undefined;

function field(
  section: Section,
  type: FieldType,
  [id, heading, widthMin]: readonly [string, string, number],
  description: string,
  value: (row: DeviceRow) => Value,
): Field<DeviceRow> {
  const show = (row: DeviceRow): Shown | undefined => {
    const shown = value(row);
    if (shown === undefined) return undefined;
    return typeof shown === 'number' ? { text: String(shown), number: shown } : { text: shown };
  };
  return { id, heading, widthMin, type, section, description, show };
}

/** A field of what `info` says of the device. */
const of =
  (value: (info: DeviceInformation, row: DeviceRow) => Value) =>
  (row: DeviceRow): Value =>
    row.info && value(row.info, row);

const users =
  (value: (users: readonly DeviceInformation[], row: DeviceRow) => Value) =>
  (row: DeviceRow): Value =>
    row.users && value(row.users, row);

const uses =
  (value: (uses: NonNullable<DeviceRow['uses']>, row: DeviceRow) => Value) =>
  (row: DeviceRow): Value =>
    row.uses && value(row.uses, row);

const isMapped = (used: { blockName: string; deviceName: string }): boolean => used.blockName !== used.deviceName;

const nameFields: readonly Field<DeviceRow>[] = [
  field(
    'name',
    'string',
    ['name', 'Name', 16],
    'The name of the device.',
    of((info, { call }) => call.shownName(info)),
  ),
  field(
    'name',
    'string',
    ['mangled_name', 'MangledName', 16],
    'The name as the kernel has it.',
    of((info) => info.name),
  ),
  field(
    'name',
    'string',
    ['unmangled_name', 'UnmangledName', 16],
    'The name without \\xHH.',
    of((info, { call }) => call.shownName(info)),
  ),
  field(
    'name',
    'string',
    ['uuid', 'UUID', 32],
    'The unique identifier of the device.',
    of((info, { call }) => call.shownUuid(info)),
  ),
  field(
    'name',
    'string',
    ['mangled_uuid', 'MangledUUID', 32],
    'The uuid as the kernel has it.',
    of((info) => info.uuid),
  ),
  field(
    'name',
    'string',
    ['unmangled_uuid', 'UnmangledUUID', 32],
    'The uuid without \\xHH.',
    of((info, { call }) => call.shownUuid(info)),
  ),
  field(
    'name',
    'number',
    ['read_ahead', 'RAhead', 6],
    'Sectors read ahead.',
    of((info) => info.readAheadSectors),
  ),
];

function attributes(info: DeviceInformation): string {
  const live = info.hasLiveTable ? 'L' : '-';
  const inactive = info.hasInactiveTable ? 'I' : '-';
  return `${live}${inactive}${info.isSuspended ? 's' : '-'}${info.isReadOnly ? 'r' : 'w'}`;
}

function tablesLoaded(info: DeviceInformation): string {
  if (info.hasLiveTable) return info.hasInactiveTable ? 'Both' : 'Live';
  return info.hasInactiveTable ? 'Inactive' : 'None';
}

const infoFields: readonly Field<DeviceRow>[] = [
  field(
    'info',
    'string',
    ['blkdevname', 'BlkDevName', 16],
    'The name of the block device.',
    of((info) => `dm-${info.minor}`),
  ),
  field(
    'info',
    'string',
    ['attr', 'Stat', 4],
    '(L)ive and (I)nactive table, (s)uspended, (r)ead-only or (w)riteable.',
    of(attributes),
  ),
  field('info', 'string', ['tables_loaded', 'Tables', 6], 'Which of the two tables there are.', of(tablesLoaded)),
  field(
    'info',
    'string',
    ['suspended', 'Suspended', 9],
    'Is it suspended?',
    of((info) => (info.isSuspended ? 'Suspended' : 'Active')),
  ),
  field(
    'info',
    'string',
    ['readonly', 'Read-only', 9],
    'Is it read-only?',
    of((info) => (info.isReadOnly ? 'Read-only' : 'Writeable')),
  ),
  field(
    'info',
    'string',
    ['devno', 'DevNo', 5],
    'Major and minor number.',
    of((info) => `${info.major}:${info.minor}`),
  ),
  field(
    'info',
    'number',
    ['major', 'Maj', 3],
    'The major number.',
    of((info) => info.major),
  ),
  field(
    'info',
    'number',
    ['minor', 'Min', 3],
    'The minor number.',
    of((info) => info.minor),
  ),
  field(
    'info',
    'number',
    ['open', 'Open', 4],
    'How often it is open.',
    of((info) => info.openCount),
  ),
  field(
    'info',
    'number',
    ['segments', 'Targ', 4],
    'Targets of the live table.',
    of((info) => info.targetCount),
  ),
  field(
    'info',
    'number',
    ['events', 'Event', 6],
    'The number of the last event.',
    of((info) => info.eventNumber),
  ),
];

const depsFields: readonly Field<DeviceRow>[] = [
  field(
    'deps',
    'number',
    ['device_count', '#Devs', 5],
    'Devices that it uses.',
    uses((used) => used.length),
  ),
  field(
    'deps',
    'string',
    ['devs_used', 'DevNamesUsed', 16],
    'Names of the mapped devices that it uses.',
    uses((used, { call }) =>
      used
        .filter(isMapped)
        .map(({ deviceName }) => call.shownName({ name: deviceName }))
        .join(','),
    ),
  ),
  field(
    'deps',
    'string',
    ['devnos_used', 'DevNosUsed', 16],
    'Numbers of the devices that it uses.',
    uses((used) => used.map(({ major, minor }) => `${major}:${minor}`).join(',')),
  ),
  field(
    'deps',
    'string',
    ['blkdevs_used', 'BlkDevNamesUsed', 16],
    'Names of the block devices that it uses.',
    uses((used) => used.map(({ blockName }) => blockName).join(',')),
  ),
  field(
    'deps',
    'number',
    ['device_ref_count', '#Refs', 5],
    'Mapped devices that use it.',
    users((all) => all.length),
  ),
  field(
    'deps',
    'string',
    ['names_using_dev', 'RefNames', 8],
    'Names of the mapped devices that use it.',
    users((all, { call }) => all.map((info) => call.shownName(info)).join(',')),
  ),
  field(
    'deps',
    'string',
    ['devnos_using_dev', 'RefDevNos', 9],
    'Numbers of the mapped devices that use it.',
    users((all) => all.map(({ major, minor }) => `${major}:${minor}`).join(',')),
  ),
];

const splitNameFields: readonly Field<DeviceRow>[] = [
  field('splitname', 'string', ['subsystem', 'Subsys', 6], 'Whose name it is.', (row) => row.parts?.subsystem),
  field('splitname', 'string', ['vg_name', 'VG', 4], 'The volume group in the name.', (row) => row.parts?.volumeGroup),
  field('splitname', 'string', ['lv_name', 'LV', 4], 'The volume in the name.', (row) => row.parts?.volume),
  field('splitname', 'string', ['lv_layer', 'LVLayer', 7], 'The layer in the name.', (row) => row.parts?.layer),
];

/** What it shows is known to the report alone. */
const specialFields: readonly Field<DeviceRow>[] = [
  field('special', 'number', ['selected', 'Selected', 8], 'Does the selection take the row?', () => 1),
];

export const fields: readonly Field<DeviceRow>[] = [
  ...nameFields,
  ...infoFields,
  ...depsFields,
  ...splitNameFields,
  ...statsFields,
  ...specialFields,
];
