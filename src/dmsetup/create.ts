// `create`: the device, its table, its first resume. A step that fails takes the device away again.

import type { DeviceInformation } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { parseConcise } from './concise.ts';
import { KernelToolError } from './failure.ts';
import { tellIfVerbose } from './long-info.ts';
import { mangleUuid, newName } from './names.ts';
import { readTable } from './table-text.ts';

interface NewDevice {
  /** As users see it. */
  readonly name: string;
  readonly uuid: string;
  readonly minor: number | undefined;
  readonly major: number | undefined;
  readonly isReadOnly: boolean;
  /** The lines of its table; none makes a device without table. */
  readonly lines: readonly string[];
}

export async function create(call: Call): Promise<void> {
  if (call.has('concise')) return createConcise(call);
  if (call.words.length === 0) throw new KernelToolError('Please provide a name for the new device.');
  const [name, file] = call.words as [string, string | undefined];
  const lines = call.has('notable') ? [] : await tableLines(call, file);
  const major = call.switches.value('major');
  await createDevice(call, {
    name,
    uuid: call.switches.value('uuid') ?? '',
    minor: call.minor,
    major: major === undefined ? undefined : Number.parseInt(major, 10),
    isReadOnly: call.has('readonly'),
    lines,
  });
}

async function createConcise(call: Call): Promise<void> {
  if (call.words.length > 1) throw new KernelToolError('dmsetup create --concise takes at most one argument');
  if (['table', 'notable', 'minor', 'uuid', 'inactive'].some((name) => call.has(name))) {
    throw new KernelToolError('--concise is incompatible with --[no]table, --minor, --uuid and --inactive.');
  }
  const text = call.words[0] ?? (await call.surroundings.readStandardInput());
  // what is wrong with an entry shows when its turn comes: those before it are made
  for (const entry of parseConcise(text)) {
    const lines = readTable(entry.table, '');
    await createDevice(call, { ...entry, major: undefined, lines });
  }
}

/** The table that the command line brings: by `--table`, in a file, or on standard input. */
export async function tableLines(call: Call, file: string | undefined): Promise<string[]> {
  const given = call.switches.value('table');
  if (given !== undefined) return readTable(given, '');
  if (file === undefined) return readTable(await call.surroundings.readStandardInput(), 'on stdin');
  let text: string;
  try {
    text = await call.surroundings.readFile(file);
  } catch {
    throw new KernelToolError(`Couldn't open '${file}' for reading.`);
  }
  return readTable(text, file);
}

async function createDevice(call: Call, device: NewDevice): Promise<void> {
  const name = newName(device.name, call.mangling);
  const uuid = mangleUuid(device.uuid, call.mangling);
  const minor = device.minor === undefined ? {} : { minor: device.minor };
  const number = device.minor === undefined ? {} : { number: `${device.major ?? 0}:${device.minor}` };
  const fields = { name, uuid, readOnly: device.isReadOnly, ...minor };
  const made = await call.ask<DeviceInformation>('create', 'create', fields, { name, uuid, ...number });
  if (device.lines.length > 0) await startDevice(call, device, made);
  // a node of that name cannot be made: something else is there
  if (name === '.' || name === '..' || name === 'control') {
    call.complain(`A non-block device file at '/dev/mapper/${name}' is already present`);
  }
  await tellIfVerbose(call, { name });
}

/** Loads and resumes; if that fails, the device goes. */
async function startDevice(call: Call, device: NewDevice, made: DeviceInformation): Promise<void> {
  const subject = { name: made.name, uuid: made.uuid, number: `${made.major}:${made.minor}` };
  const key = { device: { name: made.name } };
  try {
    await call.ask('load', 'reload', { ...key, table: device.lines.join('\n'), readOnly: device.isReadOnly }, subject);
    await call.ask('resume', 'resume', key, subject);
  } catch (error) {
    await revert(call, subject, error);
    throw error;
  }
}

/** Takes the device away again; throws if that fails too, with all that went wrong. */
async function revert(call: Call, subject: { readonly name: string }, first: unknown): Promise<void> {
  try {
    await call.askOf('remove', 'remove', { name: subject.name });
  } catch (second) {
    if (!(first instanceof KernelToolError && second instanceof KernelToolError)) throw first;
    throw new KernelToolError(...first.lines, ...second.lines, 'Failed to revert device creation.');
  }
}
