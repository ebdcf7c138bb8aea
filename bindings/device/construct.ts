// From a line of a table to its target: the constructor is called, and everything that it may ask for is handed to it.
import { FIGURE_BIOS } from '../../assembly/abi.ts';
import { RqdmError, RqdmTableError } from '../errors.ts';
import type { DeviceReference } from '../path/reference.ts';
import type { TableLine } from '../table/parse.ts';
import type { Target, TargetContext } from '../target/target.ts';
import type { OpenedDevice } from './opened.ts';
import { payloadEditsOf } from './payload-edits.ts';
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
  devices: OpenedDevice[],
  timers: Set<() => void>,
  early: { published: readonly DeviceReference[] | undefined },
  table: () => LoadedTable | undefined,
  index: number,
): TargetContext {
  const { pump } = host;
  return {
    beginSector: line.startSector,
    lengthSectors: line.lengthSectors,
    deviceNumber: host.deviceNumber,
    deviceName: host.deviceName,
    requestedType: host.requestedType,
    isReadOnly: host.isReadOnly,
    line: line.line,
    getDevice: (word, wordIndex, kernelText) => {
      try {
        const device = host.hold(word);
        devices.push(device);
        return device;
      } catch (cause) {
        if (!(cause instanceof RqdmError)) throw cause;
        const errno = cause.code === 'ERR_RQDM_LIMIT' ? 'ENOMEM' : 'ENODEV';
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
    log: (text) => host.log(text),
    isNoflushSuspending: () => host.isNoflushSuspending(),
    setTimer: (delayMs, run) => {
      // what an idle device waits for doesn't hold the process, what I/O waits for does
      const isIdle = pump.core.figures(host.deviceId)[FIGURE_BIOS] === 0;
      const fire = (): void => {
        timers.delete(cancel);
        run();
        pump.drive();
      };
      const cancel = pump.time.at(pump.time.now() + delayMs * 1e6, fire, { isIdle });
      timers.add(cancel);
      return () => {
        cancel();
        timers.delete(cancel);
      };
    },
    nowNs: () => pump.time.now(),
    corruptRead: (id, at, value) => payloadEditsOf(pump).corruptRead(id, at, value),
    corruptWrite: (id, at, value) => payloadEditsOf(pump).corruptWrite(id, at, value),
    restoreWrite: (id) => payloadEditsOf(pump).restoreWrite(id),
  };
}

/** `*`: as long as the smallest device of the line has sectors behind the line's own offset. */
export function withLength(host: TableHost, line: TableLine): TableLine {
  const sizes: number[] = [];
  for (const word of line.words) {
    const size = host.sizeOf(word);
    if (size !== undefined) sizes.push(size);
  }
  const offset = line.target === 'multipath' ? 0 : Number(line.words[1] ?? 0);
  const least = Math.min(...sizes) - (Number.isFinite(offset) ? offset : 0);
  // a bad word is told by the constructor, in the kernel's words; until then any length will do
  return { ...line, lengthSectors: sizes.length > 0 && least > 0 ? least : 1 };
}
