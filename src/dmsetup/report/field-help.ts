// The list of fields that `help -c`, and a field that does not exist, bring up.

import { fields } from './device-fields.ts';
import type { Section } from './field.ts';

const TITLES: ReadonlyMap<Section, string> = new Map([
  ['name', 'Mapped Device Name Fields'],
  ['info', 'Mapped Device Information Fields'],
  ['deps', 'Mapped Device Relationship Information Fields'],
  ['splitname', 'Mapped Device Name Components Fields'],
  ['stats', 'Mapped Device Statistics Fields'],
  ['region', 'Mapped Device Statistics Region Information Fields'],
  ['special', 'Special Fields'],
]);

const ID_COLUMNS = 21;

/** For a selection each field is shown with its type. */
export function fieldHelpLines(isForSelection: boolean): string[] {
  return [...TITLES].flatMap(([section, title]) => {
    const own = fields.filter((field) => field.section === section);
    const entries: [string, string][] = own.map(({ id, description, type }) => [
      id,
      isForSelection ? `${description} [${type}]` : description,
    ]);
    if (section === 'special') {
      const type = isForSelection ? ' [unselectable number]' : '';
      entries.push(['help', `Shows this list.${type}`], ['?', `Shows this list.${type}`]);
    } else if (!isForSelection) {
      entries.unshift([`${section}_all`, 'All fields of this section.']);
    }
    const lines = entries.map(([id, description]) => `  ${id.padEnd(ID_COLUMNS)} - ${description}`);
    return [title, '-'.repeat(title.length), ...lines, ' '];
  });
}
