// From a line of a table to its target: the constructor is called, and everything that it may ask for is handed to it.
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
    guarded(host, type.name, 'destroy', () => expectNothing(target.destroy?.()));
  } catch (error) {
    host.log((error as Error).message);
  }
}

/** Runs a hook of a target; what it throws has the target's and the hook's name. RqdmErrors are what it wants to say. */
export function guarded<T>(host: Pick<TableHost, 'deviceName'>, target: string, hook: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof RqdmError) throw cause;
    const who = `target ${target} of ${host.deviceName}: hook ${hook}`;
    const text =
      cause instanceof UnexpectedAnswer ? cause.message : `threw: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new RqdmError('ERR_RQDM_HOOK', `${who} ${text}`, { cause, errno: 'EINVAL' });
  }
}

class UnexpectedAnswer extends Error {}

export function expectText(said: unknown): string {
  if (typeof said === 'string') return said;
  throw unexpected(said, 'a text');
}

/** Hooks return at once: a promise would be waited for by nobody. */
export function expectNothing(said: unknown): void {
  if (typeof said === 'object' && said !== null && 'then' in said) throw unexpected(said, 'nothing');
}

function unexpected(said: unknown, expected: string): UnexpectedAnswer {
  const isPromise = typeof said === 'object' && said !== null && 'then' in said;
  // its rejection must not end the process
  if (isPromise) void Promise.resolve(said).catch(() => {});
  return new UnexpectedAnswer(`returned ${isPromise ? 'a promise' : String(said)}: expected ${expected}`);
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
  const { pump } = host;
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
    nowNs: () => pump.time.now(),
    corruptRead: (id, at, value) => payloadEditsOf(pump).corruptRead(id, at, value),
    corruptWrite: (id, at, value) => payloadEditsOf(pump).corruptWrite(id, at, value),
    restoreWrite: (id) => payloadEditsOf(pump).restoreWrite(id),
  };
}

/** `*`: as long as the smallest device of the line has sectors behind the line's own offset. */
export function withLength(host: TableHost, line: TableLine, isReadOnly: boolean): TableLine {
  const sizeOf = (word: string): number | undefined => host.sizeOf(word, isReadOnly);
  const length = host.targets.get(line.target)?.wholeLength?.(line.words, sizeOf) ?? smallestOf(line, sizeOf);
  // a bad word is told by the constructor, in the kernel's words; until then any length will do
  return { ...line, lengthSectors: Number.isSafeInteger(length) && length > 0 ? length : 1 };
}

function smallestOf(line: TableLine, sizeOf: (word: string) => number | undefined): number {
  const sizes = line.words.map(sizeOf).filter((size) => size !== undefined);
  const offset = line.target === 'multipath' ? 0 : Number(line.words[1] ?? 0);
  return Math.min(...sizes) - (Number.isFinite(offset) ? offset : 0);
}
