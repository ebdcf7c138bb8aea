// `splitname`: the parts of the name that LVM gives a device: VG-LV-LAYER, where a hyphen inside a part is doubled.

import type { Call } from './call.ts';
import { type DeviceRow, reportOptions, type SplitName } from './info.ts';
import { unquote } from './names.ts';
import { Report } from './report/report.ts';

const LVM = 'LVM';
const NO_PARTS: SplitName = { subsystem: LVM, volumeGroup: '', volume: '', layer: '' };

export function splitLvmName(name: string): SplitName {
  const [volumeGroup, afterGroup] = takePart(name);
  const [volume, afterVolume] = takePart(afterGroup);
  const [layer] = takePart(afterVolume);
  return { subsystem: LVM, volumeGroup, volume, layer };
}

/** The part before the first single hyphen, and what follows it. A hyphen at the very end belongs to the part. */
function takePart(text: string): [string, string] {
  let part = '';
  for (let position = 0; position < text.length; position++) {
    const character = text[position] as string;
    if (character === '-' && position + 1 < text.length) {
      if (text[position + 1] !== '-') return [part, text.slice(position + 1)];
      position += 1;
    }
    part += character;
  }
  return [part, ''];
}

export async function splitName(call: Call): Promise<void> {
  const [name, subsystem = LVM] = call.words as [string, string | undefined];
  const { fields } = await import('./report/device-fields.ts');
  const own = fields.filter((field) => field.section === 'splitname' || call.has('options'));
  const report = new Report(own, reportOptions(call, 'vg_name,lv_name,lv_layer'), ['splitname', 'special']);
  const parts = subsystem.toUpperCase() === LVM ? splitLvmName(unquote(name)) : { ...NO_PARTS, subsystem };
  const row: DeviceRow = { call, parts };
  call.print(report.print([row]));
}
