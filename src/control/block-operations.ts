// What clients may ask of block devices, mapped or attached, by their names in `/sys/block`: what the kernel would show of
// them there, the settings that it would take, holding one open.

import { ArrayModel, type DeviceMapper } from '../../bindings/index.ts';
import { attributesOf, type BlockDevice, blockDevices, isIgnored, settingOfFile } from './block-attributes.ts';
import type { Operation } from './connection.ts';
import { findDevice } from './find-device.ts';
import { type BlockAttributesReply, ControlError } from './protocol.ts';

const CPUS_MAX = 1024;

export function blockOperations(mapper: DeviceMapper): Map<string, Operation> {
  return new Map<string, Operation>([
    ['block_attributes', () => allAttributes(mapper)],
    [
      'set_block_attribute',
      (fields) => setAttribute(find(mapper, fields.text('block')), fields.text('attribute'), fields.text('value')),
    ],
    [
      'hold',
      async (fields, signal) => {
        const device = findDevice(mapper, fields.device());
        if (device === undefined) throw new ControlError('ENXIO', 'hold: no such device');
        using _handle = mapper.getDevice(device.number)?.open();
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
      },
    ],
    [
      'add_array',
      (fields) => {
        const ports = fields.texts('ports');
        const groups = [{ id: 1, state: 'active/optimized' as const, ports }];
        mapper.addArray(new ArrayModel({ groups, hasStates: fields.flag('hasStates') }));
      },
    ],
    ['parameter', (fields) => parameter(mapper, fields.text('name'), fields.optionalNumber('value'))],
    ['bad_sectors', (fields) => setBadSectors(mapper, fields.text('switch'), fields.text('ranges'))],
  ]);
}

/** What applies to all multipath maps, by the names of the kernel's module; sets it where a value is given. */
function parameter(mapper: DeviceMapper, name: string, value: number | undefined): { value: number } {
  const parameters = mapper.multipath;
  if (name === 'queue_if_no_path_timeout_secs') {
    if (value !== undefined) parameters.queueIfNoPathTimeoutSecs = value;
    return { value: parameters.queueIfNoPathTimeoutSecs };
  }
  if (name === 'cpus') {
    if (value !== undefined && (value < 1 || value > CPUS_MAX)) {
      throw new ControlError('EINVAL', `cpus: expected 1 to ${CPUS_MAX}`);
    }
    if (value !== undefined) parameters.cpus = value;
    return { value: parameters.cpus };
  }
  throw new ControlError('ENOENT', `no parameter ${JSON.stringify(name)}: expected queue_if_no_path_timeout_secs or cpus`);
}

function allAttributes(mapper: DeviceMapper): BlockAttributesReply {
  return {
    devices: blockDevices(mapper).map((device) => ({
      blockName: device.blockName,
      number: device.number,
      ...(device.mapped ? { mappedName: device.mapped.name } : {}),
      attributes: attributesOf(device),
    })),
  };
}

function find(mapper: DeviceMapper, blockName: string): BlockDevice {
  const device = blockDevices(mapper).find((one) => one.blockName === blockName);
  if (device) return device;
  throw new ControlError('ENXIO', `no block device ${JSON.stringify(blockName)}`);
}

function setAttribute(device: BlockDevice, attribute: string, value: string): void {
  if (isIgnored(attribute)) return;
  const setting = settingOfFile(attribute);
  if (setting === undefined) {
    throw new ControlError('EACCES', `${device.blockName}: ${attribute} cannot be written`);
  }
  device.queue.set(setting, value.trim());
}

/** `0-7 16-23`: first and last sector of each stretch that fails from now on; empty: none does. */
function setBadSectors(mapper: DeviceMapper, name: string, text: string): void {
  const ranges = text.split(/\s+/).filter((word) => word !== '');
  mapper.faultSwitches.get(name).setBadSectors(
    ranges.map((range) => {
      const [, first, last] = /^(\d+)-(\d+)$/.exec(range) ?? [];
      if (first === undefined || Number(first) > Number(last)) {
        throw new ControlError('EINVAL', `bad_sectors: ${JSON.stringify(range)}: expected FIRST-LAST`);
      }
      return { first: Number(first), last: Number(last) };
    }),
  );
}
