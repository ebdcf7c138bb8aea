// The hardware handlers that multipath knows by name, the modelled arrays, and who is attached where.

import { RqdmError } from '../../../errors.ts';
import { type Sense, statusOfSense } from '../../../sense.ts';
import type { DeviceReference } from '../../target.ts';
import { aluaHandler } from './alua.ts';
import type { ArrayModel } from './array-model.ts';
import type { HandlerType, HardwareHandler } from './handler.ts';
import { HandlerError } from './handler.ts';
import { emcHandler, hpSwHandler, rdacHandler } from './vendor.ts';

const NAME = /^[^\s\\]+$/;

/** A handler at its device. */
export interface Attached {
  readonly name: string;
  readonly handler: HardwareHandler;
}

export class HardwareHandlerRegistry {
  private readonly types: Map<string, HandlerType> = new Map();
  private readonly arrays: Map<string, ArrayModel> = new Map();
  /** As long as the device is open, whatever becomes of tables. */
  private readonly attached: WeakMap<DeviceReference, Attached> = new WeakMap();

  constructor(types: Iterable<HandlerType> = builtInHandlers()) {
    for (const type of types) this.registerHandler(type);
  }

  /** Throws RqdmError: `ERR_RQDM_HANDLER_EXISTS` if the name is taken, `ERR_RQDM_HANDLER_NAME` if it is none. */
  registerHandler(type: HandlerType): void {
    if (!NAME.test(type.name)) {
      throw new RqdmError(
        'ERR_RQDM_HANDLER_NAME',
        `${JSON.stringify(type.name)} cannot name a hardware handler: expected a word without white space or backslash`,
      );
    }
    if (this.types.has(type.name))
      throw new RqdmError('ERR_RQDM_HANDLER_EXISTS', `a hardware handler named "${type.name}" is registered already`);
    this.types.set(type.name, type);
  }

  get(name: string): HandlerType | undefined {
    return this.types.get(name);
  }

  /** All types, in the order in which they were registered. */
  list(): readonly HandlerType[] {
    return [...this.types.values()];
  }

  /** The devices that these words name are ports of the array from now on. */
  addArray(array: ArrayModel): void {
    for (const port of array.ports) this.arrays.set(port, array);
  }

  arrayOf(device: DeviceReference): ArrayModel | undefined {
    return this.arrays.get(device.word);
  }

  attachedTo(device: DeviceReference): Attached | undefined {
    return this.attached.get(device);
  }

  /**
   * Attaches handler `name`, or finds it attached. Throws HandlerError with the kernel's errno: EBUSY if another is
   * attached, ENODEV where no handler can be (the device belongs to no array and the handler is one for arrays), EINVAL for
   * an unknown name, or what the handler says.
   */
  attach(name: string, device: DeviceReference, log: (line: string) => void): HardwareHandler {
    const existing = this.attached.get(device);
    if (existing?.name === name) return existing.handler;
    if (existing !== undefined) throw new HandlerError('EBUSY', `${device.word} has handler "${existing.name}"`);
    const array = this.arrays.get(device.word);
    const type = this.types.get(name);
    if (array === undefined && (type === undefined || BUILT_IN.includes(type))) {
      throw new HandlerError('ENODEV', `${device.word} is the port of no array, it takes no hardware handler "${name}"`);
    }
    if (type === undefined) {
      throw new HandlerError('EINVAL', `no hardware handler "${name}": expected one of ${[...this.types.keys()].join(', ')}`);
    }
    const handler = type.attach(device, { array, log });
    this.attached.set(device, { name, handler });
    return handler;
  }

  /** What an I/O ends with that the device answered with this sense: as its handler says, else by the general table. */
  statusOf(device: DeviceReference, sense: Sense): number {
    return this.attached.get(device)?.handler.checkSense?.(sense) ?? statusOfSense(sense);
  }

  /** The device is closed. */
  detach(device: DeviceReference): void {
    this.attached.get(device)?.handler.detach?.();
    this.attached.delete(device);
  }
}

const BUILT_IN: readonly HandlerType[] = [aluaHandler, emcHandler, hpSwHandler, rdacHandler];

/** The handlers that come with the library. */
export function builtInHandlers(): HandlerType[] {
  return [...BUILT_IN];
}
