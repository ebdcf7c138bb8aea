// Which hardware handler each path of a table gets.
//
// A device keeps the handler that it has. What a table asks for gives way to it: silently with
// `retain_attached_hw_handler`, else with a line in the log; the table then names the one that is there, and the words
// behind the name, which were meant for the other, are dropped.

import type { ArgumentReader } from '../../../table/arguments.ts';
import type { DeviceReference, TargetContext } from '../../target.ts';
import type { HardwareHandler } from './handler.ts';
import { HandlerError } from './handler.ts';
import type { Attached, HardwareHandlerRegistry } from './registry.ts';

const DEVICE_FOLDER = /^\/dev\//;

export class HandlerAttacher {
  /** The handler that the paths have; undefined: none. */
  name: string | undefined;
  private readonly handlers: HardwareHandlerRegistry;
  private readonly context: TargetContext;
  private readonly isAllowed: boolean;
  private readonly retains: boolean;
  private readonly words: ArgumentReader | undefined;
  private readonly nameIndex: number = 0;
  private parameters: readonly string[] = [];

  /** `words`: the handler's, its name first; undefined: the table names none. `isAllowed`: only requests have handlers. */
  constructor(
    handlers: HardwareHandlerRegistry,
    context: TargetContext,
    isAllowed: boolean,
    retains: boolean,
    words: ArgumentReader | undefined,
  ) {
    this.handlers = handlers;
    this.context = context;
    this.isAllowed = isAllowed;
    this.retains = retains;
    this.words = words;
    if (words === undefined) return;
    this.nameIndex = words.nextIndex;
    this.name = words.next('invalid number of hardware handler args');
    this.parameters = words.rest();
  }

  /** The handler of one more path. Throws RqdmTableError. */
  attach(device: DeviceReference): HardwareHandler | undefined {
    if (!this.isAllowed) return undefined;
    const existing = this.handlers.attachedTo(device);
    if (this.retains && existing !== undefined && existing.name !== this.name) return this.retain(existing);
    const { name } = this;
    if (name === undefined) return undefined;
    let handler: HardwareHandler;
    try {
      handler = this.handlers.attach(name, device, (line) => this.context.log(line));
    } catch (cause) {
      if (existing !== undefined && cause instanceof HandlerError && cause.errno === 'EBUSY') {
        this.context.log(`multipath: retaining handler on device ${device.word.replace(DEVICE_FOLDER, '')}`);
        return this.retain(existing);
      }
      return this.fail('error attaching hardware handler', cause);
    }
    this.setParameters(handler, name);
    return handler;
  }

  private retain(existing: Attached): HardwareHandler {
    this.name = existing.name;
    this.parameters = [];
    return existing.handler;
  }

  private setParameters(handler: HardwareHandler, name: string): void {
    if (this.parameters.length === 0) return;
    try {
      if (handler.setParameters === undefined) {
        throw new HandlerError('EBUSY', `"${name}" takes no parameters, got "${this.parameters.join(' ')}"`);
      }
      handler.setParameters(this.parameters);
    } catch (cause) {
      this.fail('unable to set hardware handler parameters', cause);
    }
  }

  private fail(kernelText: string, cause: unknown): never {
    return (this.words as ArgumentReader).fail(kernelText, {
      errno: cause instanceof HandlerError ? cause.errno : 'EINVAL',
      index: this.nameIndex,
      detail: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
