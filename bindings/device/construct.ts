// From a line of a table to its target: the constructor is called, and everything that it may ask for is handed to it.
import { RqdmError, RqdmTableError } from '../errors.ts';
import type { DeviceReference } from '../path/reference.ts';
import type { TableLine } from '../table/parse.ts';
import type { Target, TargetContext } from '../target/target.ts';
import type { OpenedDevice } from './opened.ts';
import type { Pump } from './pump.ts';
import type { LoadedLine, LoadedTable, TableHost } from './table.ts';

export function construct(type: LoadedLine['type'], line: TableLine, context: TargetContext, deviceName: string): Target {
  const who = `target ${type.name} of ${deviceName}: construct`;
  let made: unknown;
  try {
    made = type.construct(line.words, context);
  } catch (cause) {
    if (cause instanceof RqdmError) throw cause;
    throw new RqdmError('ERR_RQDM_HOOK', `${who} threw: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (typeof made === 'object' && made !== null && typeof (made as Partial<Target>).status === 'function')
    return made as Target;
  void Promise.resolve(made).catch(() => {});
  throw new RqdmError('ERR_RQDM_HOOK', `${who} returned ${String(made)}: expected a target with a method status`);
}

export function destroyTarget(host: TableHost, { target, type }: LoadedLine): void {
  try {
    target.destroy?.();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    host.log(`target ${type.name} of ${host.deviceName}: hook destroy threw: ${text}`);
  }
}

export function freeSlot(pump: Pump): number {
  const free = pump.targets.indexOf(undefined);
  return free < 0 ? pump.targets.length : free;
}

export function makeContext(
  host: TableHost,
  line: TableLine,
  isReadOnly: boolean,
  devices: OpenedDevice[],
  timers: Set<() => void>,
  early: { published: readonly DeviceReference[] | undefined },
  table: () => LoadedTable | undefined,
  index: number,
): TargetContext {
  return {
    beginSector: line.startSector,
    lengthSectors: line.lengthSectors,
    deviceNumber: host.deviceNumber,
    get deviceName() {
      return host.deviceName;
    },
    requestedType: host.requestedType,
    isReadOnly,
    line: line.line,
    getDevice: (word, wordIndex, kernelText) => {
      try {
        const device = host.hold(word, isReadOnly);
        devices.push(device);
        return device;
      } catch (cause) {
        if (!(cause instanceof RqdmError)) throw cause;
        const errno = cause.code === 'ERR_RQDM_LIMIT' ? 'ENOMEM' : (cause.errno ?? 'ENODEV');
        throw new RqdmTableError(kernelText, {
          errno,
          detail: cause.message,
          place: { line: line.line, word: wordIndex + 3 },
          cause,
        });
      }
    },
    publishDevices: (published) => {
      const loaded = table();
      if (loaded) loaded.publish(index, published);
      else early.published = published;
    },
    kick: () => table()?.kick(),
    finish: (id, status) => table()?.finish(id, status),
    remap: (id, device, sector) => table()?.remap(id, device, sector),
    event: (event) => host.event(event),
    log: (text) => host.kernelLog(text),
    isNoflushSuspending: () => host.isNoflushSuspending(),
    setTimer: (delayMs, run) => {
      const cancel = host.alarms.set(delayMs, () => {
        timers.delete(cancel);
        run();
      });
      timers.add(cancel);
      return () => {
        cancel();
        timers.delete(cancel);
      };
    },
  };
}

/** `*`: as long as the smallest device of the line has sectors behind the line's own offset. */
export function withLength(host: TableHost, line: TableLine, isReadOnly: boolean): TableLine {
  const sizes: number[] = [];
  for (const word of line.words) {
    const size = host.sizeOf(word, isReadOnly);
    if (size !== undefined) sizes.push(size);
  }
  const offset = line.target === 'multipath' ? 0 : Number(line.words[1] ?? 0);
  const least = Math.min(...sizes) - (Number.isFinite(offset) ? offset : 0);
  // a bad word is told by the constructor, in the kernel's words; until then any length will do
  return { ...line, lengthSectors: sizes.length > 0 && least > 0 ? least : 1 };
}
