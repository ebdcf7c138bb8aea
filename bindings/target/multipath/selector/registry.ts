// The path selectors that multipath knows by name.

import { RqdmError } from '../../../errors.ts';
import { historicalServiceTimeSelector } from './historical-service-time.ts';
import { ioAffinitySelector } from './io-affinity.ts';
import { queueLengthSelector } from './queue-length.ts';
import { roundRobinSelector } from './round-robin.ts';
import type { SelectorType } from './selector.ts';
import { serviceTimeSelector } from './service-time.ts';

const NAME = /^[^\s\\]+$/;

export class SelectorRegistry {
  private readonly types: Map<string, SelectorType> = new Map();

  constructor(types: Iterable<SelectorType> = builtInSelectors()) {
    for (const type of types) this.registerSelector(type);
  }

  /** Throws RqdmError: `ERR_RQDM_SELECTOR_EXISTS` if the name is taken, `ERR_RQDM_SELECTOR_NAME` if it is none. */
  registerSelector(type: SelectorType): void {
    if (!NAME.test(type.name)) {
      throw new RqdmError(
        'ERR_RQDM_SELECTOR_NAME',
        `${JSON.stringify(type.name)} cannot name a path selector: expected a word without white space or backslash`,
      );
    }
    if (this.types.has(type.name))
      throw new RqdmError('ERR_RQDM_SELECTOR_EXISTS', `a path selector named "${type.name}" is registered already`);
    this.types.set(type.name, type);
  }

  /** The type of this name, or undefined. */
  get(name: string): SelectorType | undefined {
    return this.types.get(name);
  }

  /** All types, in the order in which they were registered. */
  list(): readonly SelectorType[] {
    return [...this.types.values()];
  }
}

/** The selectors that come with the library. */
export function builtInSelectors(): SelectorType[] {
  return [roundRobinSelector, queueLengthSelector, serviceTimeSelector, historicalServiceTimeSelector, ioAffinitySelector];
}
