// The target types that a mapper knows by name.

import { RqdmError } from '../errors.ts';
import { delayTarget } from './delay/delay.ts';
import { dustTarget } from './dust/dust.ts';
import { errorTarget } from './error.ts';
import { flakeyTarget } from './flakey/flakey.ts';
import { linearTarget } from './linear.ts';
import type { HardwareHandlerRegistry } from './multipath/hardware-handler/registry.ts';
import { multipathTarget } from './multipath/multipath.ts';
import type { MultipathParameters } from './multipath/parameters.ts';
import type { SelectorRegistry } from './multipath/selector/registry.ts';
import { passthroughTarget } from './passthrough/passthrough.ts';
import { stripedTarget } from './striped.ts';
import { switchTarget } from './switch/switch.ts';
import type { TargetType } from './target.ts';
import { unstripedTarget } from './unstriped.ts';
import { zeroTarget } from './zero.ts';

/** Names of targets: what stands as the third word of a table line. */
const NAME = /^[^\s\\]{1,15}$/;

export class TargetRegistry {
  private readonly types: Map<string, TargetType> = new Map();

  constructor(types: Iterable<TargetType> = []) {
    for (const type of types) this.registerTarget(type);
  }

  /** Throws RqdmError: `ERR_RQDM_TARGET_EXISTS` if the name is taken, `ERR_RQDM_TARGET_NAME` if it is none. */
  registerTarget(type: TargetType): void {
    if (!NAME.test(type.name)) {
      throw new RqdmError(
        'ERR_RQDM_TARGET_NAME',
        `${JSON.stringify(type.name)} cannot name a target: expected 1 to 15 characters without white space or backslash`,
      );
    }
    if (this.types.has(type.name))
      throw new RqdmError('ERR_RQDM_TARGET_EXISTS', `a target named "${type.name}" is registered already`);
    this.types.set(type.name, type);
  }

  /** The type of this name, or undefined. */
  get(name: string): TargetType | undefined {
    return this.types.get(name);
  }

  /** All types, in the order in which they were registered. */
  list(): readonly TargetType[] {
    return [...this.types.values()];
  }
}

/**
 * The targets that come with the library. Multipath takes its selectors from `selectors` and its hardware handlers from
 * `handlers`, also ones registered later; `parameters` hold for all its maps.
 */
export function builtInTargets(
  selectors: SelectorRegistry,
  handlers?: HardwareHandlerRegistry,
  parameters?: MultipathParameters,
): TargetType[] {
  return [
    errorTarget,
    linearTarget,
    stripedTarget,
    passthroughTarget,
    multipathTarget(selectors, handlers, parameters),
    delayTarget,
    flakeyTarget,
    switchTarget,
    unstripedTarget,
    dustTarget,
    zeroTarget,
  ];
}
