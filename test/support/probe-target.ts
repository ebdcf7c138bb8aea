// A target of tests: `NAME DEVICE… `, all hooks as the test gives them, calls counted by hook.

import type { DeviceReference } from '../../bindings/path/reference.ts';
import type { Target, TargetContext, TargetIo, TargetType } from '../../bindings/target/target.ts';
import { END_DONE, MAP_REMAPPED } from '../../bindings/target/target.ts';

/** Hooks of the test; they see the probe that they belong to. */
export type ProbeHooks = {
  [Name in 'prepMap' | 'map' | 'endIoFirst' | 'endIo']?: (io: TargetIo, probe: Probe) => number;
} & {
  [Name in 'presuspend' | 'presuspendUndo' | 'postsuspend' | 'preresume' | 'resume' | 'destroy']?: (probe: Probe) => void;
} & { busy?: (probe: Probe) => boolean; isEndIoTold?: boolean };

export class Probe implements Target {
  readonly context: TargetContext;
  readonly devices: readonly DeviceReference[];
  readonly calls: Map<string, number> = new Map();
  readonly prepMap: (io: TargetIo) => number;
  readonly endIo: (io: TargetIo) => number;

  constructor(context: TargetContext, devices: readonly DeviceReference[], hooks: ProbeHooks) {
    this.context = context;
    this.devices = devices;
    this.prepMap = this.counted('prepMap', hooks.prepMap ?? choose);
    this.endIo = this.counted('endIo', hooks.endIo ?? (() => END_DONE));
    const { map, endIoFirst, busy, isEndIoTold } = hooks;
    if (isEndIoTold) Object.assign(this, { isEndIoTold });
    if (map) Object.assign(this, { map: this.counted('map', map) });
    if (endIoFirst) Object.assign(this, { endIoFirst: this.counted('endIoFirst', endIoFirst) });
    if (busy) Object.assign(this, { busy: () => busy(this) });
    for (const name of ['presuspend', 'presuspendUndo', 'postsuspend', 'preresume', 'resume', 'destroy'] as const) {
      const hook = hooks[name];
      if (hook) Object.assign(this, { [name]: () => hook(this) });
    }
  }

  private counted(name: string, hook: (io: TargetIo, probe: Probe) => number): (io: TargetIo) => number {
    return (io) => {
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
      return hook(io, this);
    };
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    return kind === 'info' ? '' : this.devices.map(name).join(' ');
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    for (const device of this.devices) visit(device, 0, this.context.lengthSectors);
  }
}

/** What a probe does where the test says nothing: the first device. */
export function choose(io: TargetIo, probe: Probe): number {
  io.device = (probe.devices[0] as DeviceReference).id;
  return MAP_REMAPPED;
}

export interface ProbeType extends TargetType {
  /** The targets made, newest last. */
  readonly made: Probe[];
  readonly newest: Probe;
}

/** A target type of this name, for requests and bios, with these hooks. */
export function probeTarget(name: string, hooks: ProbeHooks = {}): ProbeType {
  const made: Probe[] = [];
  return {
    name,
    version: [1, 0, 0],
    mapping: 'hybrid',
    made,
    get newest() {
      return made.at(-1) as Probe;
    },
    construct(words: readonly string[], context: TargetContext): Target {
      const devices = words.map((word, index) => context.getDevice(word, index, 'Device lookup failed'));
      const probe = new Probe(context, devices, hooks);
      made.push(probe);
      context.publishDevices(devices);
      return probe;
    },
  };
}
