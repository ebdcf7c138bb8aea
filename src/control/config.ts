// The file that `rqdm serve --config` reads: which nodes to attach and which devices to make.
//
//   # a comment
//   attach /dev/sda mem:array?size=64M number=8:0
//   attach /dev/sdb file:/data/disk.img queue=bio readonly
//
//   checker read interval=5 failback=immediate
//
//   device map uuid=U-1 minor=3 readonly
//     0 131072 multipath 0 0 1 1 round-robin 0 2 1 /dev/sda 1 /dev/sdb 1
//   device top
//     0 1024 linear /dev/mapper/map 0
//     1024 1024 zero
//
// A line that begins with a number is a line of the table of the device above it. Devices are made in the order of the
// file, so those that are used come first. A file without such words is taken for dmsetup's concise format.

import { parseConcise } from '../dmsetup/concise.ts';
import { readTable } from '../dmsetup/table-text.ts';
import { ControlError } from './protocol.ts';
import { withOption } from './word.ts';

export interface ConfiguredNode {
  readonly node: string;
  readonly word: string;
  /** `MAJOR:MINOR`. */
  readonly number?: string;
  readonly readOnly?: boolean;
}

export interface ConfiguredDevice {
  readonly name: string;
  readonly uuid: string;
  readonly minor?: number;
  readonly readOnly: boolean;
  /** The lines of its table; without any it is made empty. */
  readonly table: string;
}

export interface Config {
  readonly nodes: readonly ConfiguredNode[];
  readonly devices: readonly ConfiguredDevice[];
  /** The words of the line `checker`, if there is one. */
  readonly checker?: readonly string[];
}

const KEYWORD = /^(attach|device|checker)\b/;
const MINOR = /^\d{1,7}$/;

/** Throws ControlError (EINVAL) that names `file` and the line. */
export function parseConfig(text: string, file: string): Config {
  const lines = text.split('\n').map((line) => line.trim());
  const isReadable = lines.every((line) => line === '' || line.startsWith('#')) || lines.some((line) => KEYWORD.test(line));
  const config = isReadable ? parseReadable(lines, file) : parseConciseConfig(text, file);
  const names = new Set<string>();
  for (const { name } of config.devices) {
    if (names.has(name)) throw new ControlError('EINVAL', `${file}: the device ${name} is there twice`);
    names.add(name);
  }
  return config;
}

function parseConciseConfig(text: string, file: string): Config {
  try {
    const devices = [...parseConcise(text.trim())].map(({ name, uuid, minor, isReadOnly, table }) => ({
      name,
      uuid,
      ...(minor === undefined ? {} : { minor }),
      readOnly: isReadOnly,
      table: readTable(table, file).join('\n'),
    }));
    return { nodes: [], devices };
  } catch (error) {
    throw new ControlError('EINVAL', `${file}: ${(error as Error).message.replaceAll('\n', ' ')}`);
  }
}

function parseReadable(lines: readonly string[], file: string): Config {
  const nodes: ConfiguredNode[] = [];
  const devices: ConfiguredDevice[] = [];
  let checker: readonly string[] | undefined;
  for (const [index, line] of lines.entries()) {
    const fail = (what: string): never => {
      throw new ControlError('EINVAL', `${file}, line ${index + 1}: ${what}`);
    };
    if (line === '' || line.startsWith('#')) continue;
    const [keyword, ...words] = line.split(/\s+/) as [string, ...string[]];
    if (keyword === 'attach') nodes.push(parseNode(words, fail));
    else if (keyword === 'checker') checker = words;
    else if (keyword === 'device') devices.push(parseDevice(words, fail));
    else if (/^\d/.test(keyword)) {
      const device = devices.pop() ?? fail('a line of a table before the first device');
      const table = device.table === '' ? line : `${device.table}\n${line}`;
      devices.push({ ...device, table });
    } else fail(`expected attach, device, checker or a line of a table, got "${keyword}"`);
  }
  return { nodes, devices, ...(checker === undefined ? {} : { checker }) };
}

type Fail = (what: string) => never;

function parseNode([node, word, ...options]: readonly string[], fail: Fail): ConfiguredNode {
  if (node === undefined || word === undefined)
    return fail('expected attach NODE WORD [number=MAJOR:MINOR] [queue=…] [readonly]');
  let configured: ConfiguredNode = { node, word };
  for (const option of options) {
    const [name, value = ''] = option.split('=', 2) as [string, string | undefined];
    if (name === 'number' && /^\d+:\d+$/.test(value)) configured = { ...configured, number: value };
    else if (name === 'queue' && (value === 'bio' || value === 'request')) {
      configured = { ...configured, word: withOption(configured.word, `queue=${value}`) };
    } else if (option === 'readonly') configured = { ...configured, readOnly: true };
    else fail(`expected number=MAJOR:MINOR, queue=bio, queue=request or readonly, got "${option}"`);
  }
  return configured;
}

function parseDevice([name, ...options]: readonly string[], fail: Fail): ConfiguredDevice {
  if (name === undefined) return fail('expected device NAME [uuid=UUID] [minor=N] [readonly]');
  let device: ConfiguredDevice = { name, uuid: '', readOnly: false, table: '' };
  for (const option of options) {
    if (option.startsWith('uuid=')) device = { ...device, uuid: option.slice('uuid='.length) };
    else if (option.startsWith('minor=') && MINOR.test(option.slice('minor='.length))) {
      device = { ...device, minor: Number(option.slice('minor='.length)) };
    } else if (option === 'readonly') device = { ...device, readOnly: true };
    else fail(`expected uuid=UUID, minor=N or readonly, got "${option}"`);
  }
  return device;
}
