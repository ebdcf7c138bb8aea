// Does a path serve I/O? The checker `read`: one block of the backing device itself, through its own queue, beside the map.

import type { DeviceMapper } from '../device/mapper.ts';
import type { PlainDevice } from '../device/plain.ts';
import type { PathStatus } from './multipath-status.ts';

/** Looks at one path, again and again; one look at a time. */
export interface Probe {
  /** Resolves with whether the path serves I/O; undefined: nobody can say now. Never rejects. */
  look(): Promise<boolean | undefined>;
  close(): Promise<void>;
}

/** A function's undefined says that nobody can tell now, as while an array changes a port's state. */
export type Checker = 'read' | ((path: PathStatus) => Promise<boolean | undefined>);

export function openProbe(mapper: DeviceMapper, path: PathStatus, checker: Checker): Probe {
  return checker === 'read' ? new ReadProbe(mapper, path) : new FunctionProbe(checker, path);
}

class FunctionProbe implements Probe {
  private readonly check: (path: PathStatus) => Promise<boolean | undefined>;
  private readonly path: PathStatus;

  constructor(check: (path: PathStatus) => Promise<boolean | undefined>, path: PathStatus) {
    this.check = check;
    this.path = path;
  }

  async look(): Promise<boolean | undefined> {
    try {
      return await this.check(this.path);
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {}
}

class ReadProbe implements Probe {
  private readonly mapper: DeviceMapper;
  private readonly path: PathStatus;
  private plain: PlainDevice | undefined;
  private block: Uint8Array = new Uint8Array(0);

  constructor(mapper: DeviceMapper, path: PathStatus) {
    this.mapper = mapper;
    this.path = path;
  }

  async look(): Promise<boolean> {
    try {
      // a mapped device as a path has a face of its own
      const mapped = this.mapper.getDevice(this.path.number);
      if (mapped !== undefined) {
        await mapped.read(0, Math.min(mapped.blockBytes, mapped.size));
        return true;
      }
      if (this.plain === undefined) {
        this.plain = await this.mapper.openPlain(this.path.number);
        this.block = new Uint8Array(Math.min(this.plain.blockBytes, this.plain.size));
      }
      await this.plain.readInto(this.block, 0);
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    const { plain } = this;
    this.plain = undefined;
    await plain?.close();
  }
}
