// A multipath map driven by hand: what the core does with its verdicts, for one I/O after another.

import { OPERATION_FLUSH, OPERATION_WRITE, STATUS_IOERR, STATUS_OK } from '../../assembly/abi.ts';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import type { DeviceReference, TargetIo, TargetType } from '../../bindings/target/target.ts';
import {
  END_DELAY_REQUEUE,
  END_DONE,
  END_REQUEUE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
} from '../../bindings/target/target.ts';
import { FakeContext, FakeIo, FakeLine } from './target-context.ts';

/** How an I/O is at the moment. */
export type Progress = 'issued' | 'waits' | 'done';

/** One original: it keeps its context over requeues, as the core does. */
export class DrivenIo {
  readonly io: FakeIo;
  /** Numbers of the devices that it was given to, in order. */
  readonly path: string[] = [];
  progress: Progress = 'waits';
  status: number = STATUS_OK;
  private readonly map: MultipathMap;

  constructor(map: MultipathMap, io: FakeIo) {
    this.map = map;
    this.io = io;
  }

  /** prepMap, as at first or after a requeue. */
  prepare(): this {
    const { io } = this;
    io.status = this.status;
    const verdict = this.map.hooks.prepMap(io);
    if (verdict === MAP_REMAPPED) {
      this.progress = 'issued';
      this.path.push(this.map.numberOf(io.device));
    } else if (verdict === MAP_KILL) {
      this.progress = 'done';
      this.status = STATUS_IOERR;
    } else if (verdict === MAP_DELAY_REQUEUE) {
      this.progress = 'waits';
    } else throw new Error(`unexpected verdict ${verdict}`);
    return this;
  }

  /** The path answers; a requeue is prepared again at once unless `holds`. Returns the verdict of endIo. */
  answer(status: number = STATUS_OK, holds: boolean = false): number {
    if (this.progress !== 'issued') throw new Error('this I/O is with no path');
    const { io } = this;
    io.status = status;
    const verdict = this.map.hooks.endIo(io);
    if (verdict === END_DONE) {
      this.progress = 'done';
      this.status = status;
    } else if (verdict === END_REQUEUE || verdict === END_DELAY_REQUEUE) {
      this.progress = 'waits';
      io.id += 1;
      if (!holds) this.prepare();
    } else throw new Error(`unexpected verdict ${verdict}`);
    return verdict;
  }

  /** The path had no room. */
  release(): void {
    this.map.hooks.release(this.io);
    this.progress = 'waits';
  }
}

export class MultipathMap extends FakeLine {
  private readonly devices: readonly DeviceReference[];

  constructor(text: string, devices: readonly DeviceReference[], options: { context?: FakeContext; type?: TargetType } = {}) {
    super(options.type ?? multipathTarget(new SelectorRegistry()), text, options.context ?? new FakeContext(devices));
    this.devices = devices;
  }

  /** The hooks, which multipath has all of. */
  get hooks(): { prepMap(io: TargetIo): number; endIo(io: TargetIo): number; release(io: TargetIo): void } {
    const { target } = this;
    return {
      prepMap: (io) => target.prepMap?.(io) as number,
      endIo: (io) => target.endIo?.(io) as number,
      release: (io) => target.release?.(io),
    };
  }

  numberOf(id: number): string {
    const device = this.devices.find((candidate) => candidate.id === id);
    if (device === undefined) throw new Error(`no device has id ${id}`);
    return device.number;
  }

  issue(fields: Partial<FakeIo> = {}): DrivenIo {
    return new DrivenIo(this, new FakeIo(fields)).prepare();
  }

  /** A read that ends well; returns the number of the path it took, or undefined if it did not end well. */
  read(sectors: number = 8): string | undefined {
    const driven = this.issue({ sectors });
    if (driven.progress === 'issued') driven.answer();
    return driven.progress === 'done' && driven.status === STATUS_OK ? driven.path.at(-1) : undefined;
  }

  write(): DrivenIo {
    const driven = this.issue({ operation: OPERATION_WRITE });
    driven.answer();
    return driven;
  }

  flush(): DrivenIo {
    return this.issue({ operation: OPERATION_FLUSH, sectors: 0 });
  }

  message(text: string): void {
    this.target.message?.(text.split(' '));
  }
}
