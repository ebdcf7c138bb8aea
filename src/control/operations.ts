// What clients may ask of the devices: the calls that the kernel's device-mapper has, by nearly the same names.

import type { Operation } from './connection.ts';
import type { AttachRequest, ControlledDevice, ControlledMapper, ControlledTarget, TableSlot } from './controlled.ts';
import { dependenciesReply, informationOf, tableReply } from './device-replies.ts';
import type { Fields } from './fields.ts';
import { findDevice } from './find-device.ts';
import type { KernelLog } from './kernel-log.ts';
import { type AttachedNode, ControlError, PROTOCOL_VERSION, type TargetVersion } from './protocol.ts';

/** The version of the kernel's interface whose behaviour the devices have. */
const DRIVER_VERSION = '4.47.0';
const MAPPED_MAJOR = 253;

/** The requests that the control socket answers. */
export function deviceOperations(mapper: ControlledMapper, kernelLog: KernelLog): Map<string, Operation> {
  const attached = new Map<string, AttachedNode>();
  return new Map<string, Operation>([
    ['version', () => ({ protocol: PROTOCOL_VERSION, driver: DRIVER_VERSION })],
    ['kmsg', (fields) => kernelLog.read(fields.optionalNumber('cursor'))],
    ...lifeOperations(mapper),
    ...changeOperations(mapper, kernelLog),
    ...viewOperations(mapper),
    ...nodeOperations(mapper, attached),
  ]);
}

type Entry = readonly [string, Operation];

function find(mapper: ControlledMapper, fields: Fields): ControlledDevice {
  const key = fields.device();
  const device = findDevice(mapper, key);
  if (device) return device;
  throw new ControlError('ENXIO', `no device ${JSON.stringify(key.name ?? key.uuid ?? key.number)}`);
}

function slotOf(fields: Fields): TableSlot {
  return fields.flag('inactive') ? 'inactive' : 'live';
}

function lifeOperations(mapper: ControlledMapper): Entry[] {
  return [
    ['create', (fields) => create(mapper, fields)],
    [
      'remove',
      async (fields) => {
        await find(mapper, fields).remove({ deferred: fields.flag('deferred'), force: fields.flag('force') });
      },
    ],
    ['remove_all', (fields) => removeAll(mapper, fields.flag('deferred'))],
  ];
}

async function create(mapper: ControlledMapper, fields: Fields): Promise<object> {
  const minor = fields.optionalNumber('minor');
  // so Linux 6.1 answers
  if (minor !== undefined && findDevice(mapper, { number: `${MAPPED_MAJOR}:${minor}` })) {
    throw new ControlError('ENXIO', `minor ${minor} is taken already`);
  }
  const uuid = fields.optionalText('uuid');
  const device = await mapper.createDevice({
    name: fields.text('name'),
    ...(uuid ? { uuid } : {}),
    ...(minor === undefined ? {} : { minor }),
    readOnly: fields.flag('readOnly'),
  });
  return informationOf(device);
}

/** Those that nobody uses, again and again until none goes: one that goes may have used another. */
async function removeAll(mapper: ControlledMapper, isDeferred: boolean): Promise<object> {
  for (;;) {
    const unused = mapper.devices.filter((device) => device.openCount === 0);
    const outcomes = await Promise.allSettled(unused.map((device) => device.remove()));
    if (!outcomes.some(({ status }) => status === 'fulfilled')) break;
  }
  if (isDeferred) await Promise.allSettled(mapper.devices.map((device) => device.remove({ deferred: true })));
  return { left: mapper.devices.length };
}

function changeOperations(mapper: ControlledMapper, kernelLog: KernelLog): Entry[] {
  const flags = (fields: Fields, signal: AbortSignal): object => ({
    noflush: fields.flag('noflush'),
    nolockfs: fields.flag('nolockfs'),
    signal,
  });
  return [
    ['load', (fields) => find(mapper, fields).load(fields.text('table'), { readOnly: fields.flag('readOnly') })],
    ['clear', (fields) => find(mapper, fields).clear()],
    ['suspend', (fields, signal) => find(mapper, fields).suspend(flags(fields, signal))],
    ['resume', (fields, signal) => find(mapper, fields).resume(flags(fields, signal))],
    ['rename', (fields) => rename(mapper, kernelLog, fields)],
    [
      'message',
      (fields) => {
        const sector = fields.optionalNumber('sector') ?? 0;
        return { text: find(mapper, fields).message(fields.text('message'), { sector }) ?? null };
      },
    ],
    [
      'wait',
      async (fields, signal) => {
        const device = find(mapper, fields);
        await device.waitForEvent(fields.optionalNumber('eventNumber') ?? 0, { signal });
        return tableReply(device, 'status', 'live');
      },
    ],
  ];
}

function rename(mapper: ControlledMapper, kernelLog: KernelLog, fields: Fields): void {
  const [newName, newUuid] = [fields.optionalText('newName'), fields.optionalText('newUuid')];
  let device: ControlledDevice;
  try {
    device = find(mapper, fields);
  } catch (error) {
    const { name = '', uuid = '' } = fields.device();
    const what = newUuid === undefined ? `${name || uuid} to ${newName ?? ''}` : `${name || uuid} to ${newUuid}`;
    kernelLog.add(`device-mapper: ioctl: Unable to rename non-existent device, ${what}`);
    throw error;
  }
  if (newUuid !== undefined) device.setUuid(newUuid);
  else device.rename(newName ?? '');
}

function viewOperations(mapper: ControlledMapper): Entry[] {
  const all = <T>(view: (device: ControlledDevice) => T): { replies: T[] } => ({ replies: mapper.devices.map(view) });
  return [
    ['list', () => ({ devices: mapper.devices.map((device) => informationOf(device)) })],
    ['info', (fields) => informationOf(find(mapper, fields), slotOf(fields))],
    ['table', (fields) => tableReply(find(mapper, fields), 'table', slotOf(fields))],
    ['status', (fields) => tableReply(find(mapper, fields), 'status', slotOf(fields))],
    ['deps', (fields) => dependenciesReply(mapper, find(mapper, fields), slotOf(fields))],
    ['table_all', (fields) => all((device) => tableReply(device, 'table', slotOf(fields)))],
    ['status_all', (fields) => all((device) => tableReply(device, 'status', slotOf(fields)))],
    ['deps_all', (fields) => all((device) => dependenciesReply(mapper, device, slotOf(fields)))],
    // newest first, as the kernel lists them
    ['targets', () => ({ targets: mapper.targets.map(versionOf).reverse() })],
    [
      'target-version',
      (fields) => {
        const name = fields.text('name');
        const target = mapper.targets.find((one) => one.name === name);
        if (!target) throw new ControlError('EINVAL', `no target type ${JSON.stringify(name)}`);
        return versionOf(target);
      },
    ],
  ];
}

function versionOf({ name, version }: ControlledTarget): TargetVersion {
  return { name, version: version.join('.') };
}

function nodeOperations(mapper: ControlledMapper, attached: Map<string, AttachedNode>): Entry[] {
  return [
    [
      'attach',
      (fields) => {
        const [node, word] = [fields.text('node'), fields.text('word')];
        const { number } = mapper.attach(node, word, attachRequest(fields));
        attached.set(node, { node, word, number });
        return { node, number };
      },
    ],
    [
      'detach',
      async (fields) => {
        const node = fields.text('node');
        await mapper.detach(node);
        attached.delete(node);
      },
    ],
    ['attached', () => ({ nodes: [...attached.values()] })],
  ];
}

function attachRequest(fields: Fields): AttachRequest {
  const [number, limits] = [fields.optionalText('number'), fields.optionalNumbers('limits')];
  return {
    ...(number === undefined ? {} : { number }),
    ...(limits === undefined ? {} : { limits }),
    readOnly: fields.flag('readOnly'),
  };
}
