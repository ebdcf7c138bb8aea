// What clients may ask of multipath devices beyond what dmsetup can: why I/O went where it went, and the tree of
// `multipath -ll`.

import { type DeviceMapper, type MappedDevice, topology } from '../../bindings/index.ts';
import { type Checkers, isMultipath } from './checkers.ts';
import type { Operation } from './connection.ts';
import type { Fields } from './fields.ts';
import { ControlError, type ExplainReply, type TopologyReply } from './protocol.ts';

export function multipathOperations(mapper: DeviceMapper, checkers: Checkers): Map<string, Operation> {
  return new Map<string, Operation>([
    ['explain', (fields) => explain(find(mapper, fields.text('name')), fields)],
    ['topology', (fields) => ({ devices: chosen(mapper, fields).map((device) => shown(device, checkers)) })],
  ]);
}

function find(mapper: DeviceMapper, name: string): MappedDevice {
  const device = mapper.getDevice(name);
  if (device === undefined) throw new ControlError('ENXIO', `no device "${name}"`);
  return device;
}

/** The one that is named, which must be of multipath; else all that are. */
function chosen(mapper: DeviceMapper, fields: Fields): MappedDevice[] {
  const name = fields.optionalText('name');
  if (name === undefined) return mapper.devices.filter(isMultipath);
  return [find(mapper, name)];
}

function shown(device: MappedDevice, checkers: Checkers): TopologyReply {
  const checked = checkers.of(device)?.paths;
  return {
    name: device.name,
    text: topology(device, checked === undefined ? {} : { checked }),
    checked: checked ?? null,
  };
}

/** `keep` decisions from now on, if it says so (0: none), then what there is. */
function explain(device: MappedDevice, fields: Fields): ExplainReply {
  const keep = fields.optionalNumber('keep');
  if (keep !== undefined) device.message(keep === 0 ? ['explain', 'off'] : ['explain', 'on', String(keep)]);
  const explanation = device.explain();
  if (explanation === undefined) {
    throw new ControlError('EINVAL', `${device.name} has no target that explains its decisions: expected multipath`);
  }
  const last = fields.optionalNumber('last');
  const { isOn, decisions, paths } = explanation;
  const first = last === undefined ? 0 : Math.max(0, decisions.length - last);
  return {
    isOn,
    decisions: decisions.slice(first).map(({ chosen: to, paths: all, ...decision }) => ({
      ...decision,
      chosen: to?.word ?? null,
      group: decision.group ?? null,
      paths: all.map(({ device: path, ...rest }) => ({ path: path.word, ...rest })),
    })),
    paths: paths.map(({ device: path, ...rest }) => ({ path: path.word, ...rest })),
  };
}
