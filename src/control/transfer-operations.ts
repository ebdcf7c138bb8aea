// Bytes of a device over the control socket, for programs that look at them: as pread(2) and pwrite(2) on a block device, what
// lies beyond the end is missing. Small ranges: whoever moves much uses NBD or the library.

import type { DeviceMapper, MappedDevice, PlainDevice } from '../../bindings/index.ts';
import type { Operation } from './connection.ts';
import type { Fields } from './fields.ts';
import { ControlError } from './protocol.ts';

const BYTES_MAX = 2 ** 20;
const SECTOR_BYTES = 512;

export function transferOperations(mapper: DeviceMapper): Map<string, Operation> {
  return new Map<string, Operation>([
    [
      'read',
      (fields, signal) =>
        onDevice(mapper, fields, async (device) => {
          const length = fields.optionalNumber('length') ?? 0;
          const { position, bytes } = rangeOf(device, fields, length);
          const data = bytes === 0 ? Buffer.alloc(0) : await device.read(position, bytes, { signal });
          return { data: data.toString('base64') };
        }),
    ],
    [
      'write',
      (fields, signal) =>
        onDevice(mapper, fields, async (device) => {
          const data = Buffer.from(fields.text('data'), 'base64');
          const { position, bytes } = rangeOf(device, fields, data.length);
          if (bytes === 0) throw new ControlError('ENOSPC', 'write: beyond the end of the device');
          const options = { signal, sync: true, fua: fields.flag('fua'), unaligned: !fields.flag('direct') };
          return { length: await device.write(data.subarray(0, bytes), position, options) };
        }),
    ],
  ]);
}

/** What of the range lies on the device. */
function rangeOf(device: MappedDevice | PlainDevice, fields: Fields, length: number): { position: number; bytes: number } {
  const position = fields.optionalNumber('position') ?? 0;
  if (length > BYTES_MAX) throw new ControlError('E2BIG', `length: expected at most ${BYTES_MAX}`);
  const isAligned = position % SECTOR_BYTES === 0 && length % SECTOR_BYTES === 0;
  if (fields.flag('direct') && !isAligned) throw new ControlError('EINVAL', 'direct: expected whole sectors');
  return { position, bytes: Math.max(0, Math.min(length, device.size - position)) };
}

async function onDevice<T>(
  mapper: DeviceMapper,
  fields: Fields,
  work: (device: MappedDevice | PlainDevice) => Promise<T>,
): Promise<T> {
  const node = fields.text('node');
  const mapped = mapper.getDevice(node);
  if (mapped !== undefined) {
    using handle = mapped.open();
    return await work(handle.device);
  }
  if (mapper.backing(node) === undefined) throw new ControlError('ENOENT', `no device ${JSON.stringify(node)}`);
  await using plain = await mapper.openPlain(node);
  return await work(plain);
}
