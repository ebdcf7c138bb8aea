// The path checkers of a server: each device whose live table is one of multipath has one, as long as it is so.

import { type DeviceMapper, type MappedDevice, PathChecker, type PathCheckerOptions } from '../../bindings/index.ts';
import type { Operation } from './connection.ts';

/** Requests after which a device may be there, be gone, or have another table. */
const CHANGES: readonly string[] = ['create', 'resume', 'remove', 'remove_all'];

export class Checkers {
  readonly #mapper: DeviceMapper;
  readonly #options: PathCheckerOptions | undefined;
  readonly #checkers: Map<MappedDevice, PathChecker> = new Map();

  /** Without options nobody checks anything. */
  constructor(mapper: DeviceMapper, options: PathCheckerOptions | undefined) {
    this.#mapper = mapper;
    this.#options = options;
  }

  /** The checker of a device, if it has one. */
  of(device: MappedDevice): PathChecker | undefined {
    return this.#checkers.get(device);
  }

  /** Devices have changed: those of multipath get a checker, the others lose theirs. */
  look(): void {
    if (this.#options === undefined) return;
    const checked = this.#mapper.devices.filter((device) => !device.isClosing && isMultipath(device));
    for (const [device, checker] of this.#checkers) {
      if (checked.includes(device)) continue;
      this.#checkers.delete(device);
      void checker.close();
    }
    for (const device of checked) {
      if (this.#checkers.has(device)) continue;
      this.#checkers.set(device, new PathChecker(this.#mapper, device, this.#options));
    }
  }

  /** The same operations; after those that change devices the checkers follow. */
  follow(operations: ReadonlyMap<string, Operation>): Map<string, Operation> {
    const following = new Map(operations);
    for (const name of CHANGES) {
      const operation = operations.get(name);
      if (operation === undefined) continue;
      following.set(name, async (fields, signal) => {
        try {
          return await operation(fields, signal);
        } finally {
          this.look();
        }
      });
    }
    return following;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#checkers.values()].map((checker) => checker.close()));
    this.#checkers.clear();
  }
}

export function isMultipath(device: MappedDevice): boolean {
  return device.liveTable?.lines.length === 1 && device.liveTable.lines[0]?.type.name === 'multipath';
}
