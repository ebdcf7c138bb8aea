// `rqdm trace record`: the load of a device into a file, until a client says that it is enough, goes, or a time that it names is over.

import { isAbsolute, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceMapper } from '../../bindings/index.ts';
import { TraceError } from '../trace/errors.ts';
import { type Recorded, recordTrace } from '../trace/record-device.ts';
import type { Operation } from './connection.ts';
import type { Fields } from './fields.ts';
import { ControlError } from './protocol.ts';

/** The longest wait that a timer takes. */
const MILLISECONDS_MAX = 2 ** 31 - 1;

/** `allow`: what the words of paths must begin with, as the server was told; without any, every file is allowed. */
export function recordOperations(mapper: DeviceMapper, allow: readonly string[] = []): Map<string, Operation> {
  /** Who ends a recording, by its file. */
  const enders = new Map<string, AbortController>();
  return new Map<string, Operation>([
    [
      'record',
      (fields, signal) => {
        checkFile(fields.text('file'), allow);
        return record(mapper, fields, signal, enders);
      },
    ],
    [
      'record_stop',
      (fields) => {
        const ender = enders.get(fields.text('file'));
        if (ender === undefined)
          throw new ControlError('ENXIO', `nothing is recorded into ${JSON.stringify(fields.text('file'))}`);
        ender.abort();
      },
    ],
  ]);
}

function checkFile(file: string, allow: readonly string[]): void {
  if (!isAbsolute(file) || normalize(file) !== file) throw new ControlError('EINVAL', 'file: expected an absolute path');
  if (allow.length === 0 || allow.some((start) => file.startsWith(start) || `file:${file}`.startsWith(start))) return;
  throw new ControlError('EACCES', `${JSON.stringify(file)} is not where this server may write (--allow)`);
}

/** Records until it is enough; the file is completed however it ends. */
async function record(
  mapper: DeviceMapper,
  fields: Fields,
  signal: AbortSignal,
  enders: Map<string, AbortController>,
): Promise<Recorded> {
  const device = mapper.getDevice(fields.text('node'));
  if (device === undefined) throw new ControlError('ENXIO', `no device ${JSON.stringify(fields.text('node'))}`);
  const milliseconds = Math.min(fields.optionalNumber('milliseconds') ?? MILLISECONDS_MAX, MILLISECONDS_MAX);
  const file = fields.text('file');
  if (enders.has(file)) throw new ControlError('EBUSY', `${JSON.stringify(file)} is being recorded into already`);
  const ender = new AbortController();
  enders.set(file, ender);
  try {
    const recording = await recordTrace(device, file);
    await sleep(milliseconds, undefined, { signal: AbortSignal.any([signal, ender.signal]) }).catch(() => undefined);
    return await recording.stop();
  } catch (error) {
    if (error instanceof TraceError) throw new ControlError('EIO', error.message);
    throw error;
  } finally {
    enders.delete(file);
  }
}
