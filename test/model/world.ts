// A world for the fuzzer: devices, faults and a history, as plain data, so that a counterexample can be kept as a file.

import fc from 'fast-check';
import {
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DEVICE_SUSPENDING,
  FIGURE_IN_FLIGHT,
  STATUS_MEDIUM,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import {
  END_INCOMPLETE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
} from '../../bindings/target/target.ts';
import { Chooser, type ChooserOptions } from '../support/core-chooser.ts';
import type { BioOptions, Decision, Hooks, MappedOptions, PathAnswer, PathIo, Settings } from '../support/core-driver.ts';
import { CoreDriver, check, Medium, Space } from '../support/core-driver.ts';
import { type BioWords, batchesOf, flagsOf, SECTORS } from './world-bios.ts';

export type Step =
  | { readonly kind: 'submit'; readonly bios: readonly BioWords[]; readonly isPlugged: boolean }
  | { readonly kind: 'step'; readonly times: number }
  | { readonly kind: 'suspend' | 'resume' | 'swap'; readonly which: number; readonly isNoflush: boolean }
  | { readonly kind: 'fail' | 'reinstate'; readonly which: number; readonly path: number };

export interface World {
  readonly shape: (typeof SHAPES)[number];
  readonly elevator: number;
  readonly paths: number;
  readonly depth: number;
  readonly requests: number;
  readonly limits: Settings;
  readonly nomerges: number;
  readonly isSmall: boolean;
  readonly chooser: ChooserOptions;
  readonly hasMap: boolean;
  readonly isInstant: boolean;
  readonly hasCache: number;
  /** Cycled over the I/Os of all paths: 0 good, 1 transport, 2 transport half way, 3 medium, 4 all done and an error. */
  readonly faults: readonly number[];
  readonly serviceMs: readonly number[];
  /** Cycled over the hooks: what the target says instead of what it should; see WILD_. */
  readonly wild: readonly number[];
  readonly steps: readonly Step[];
}

const WILD_REQUEUE = 1;
const WILD_DELAY = 2;
const WILD_KEEP = 3; // finished 2 ms later
const WILD_KILL = 4;
const WILD_DEVICE = 5; // another device than may be

export const SHAPES = ['backing', 'request', 'bio', 'linear', 'stack', 'shared', 'twice'] as const;

const batches = batchesOf('all');

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('submit' as const), bios: batches, isPlugged: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('step' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('suspend' as const, 'resume' as const, 'swap' as const),
      which: fc.nat(3),
      isNoflush: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('fail' as const, 'reinstate' as const), which: fc.nat(3), path: fc.nat(2) }),
  },
);

export function worlds(stepsMax: number): fc.Arbitrary<World> {
  return fc.record({
    shape: fc.constantFrom(...SHAPES),
    elevator: fc.nat(1),
    paths: fc.integer({ min: 1, max: 3 }),
    depth: fc.constantFrom(1, 1, 2, 3, 64),
    requests: fc.constantFrom(1, 2, 4, 256),
    limits: fc.record({
      maxSectors: fc.constantFrom(2560, 32, 24, 8),
      maxSegments: fc.constantFrom(128, 3, 1),
      chunkSectors: fc.constantFrom(0, 0, 32, 40),
    }),
    nomerges: fc.constantFrom(0, 0, 0, 1, 2),
    isSmall: fc.boolean(),
    chooser: fc.record({
      policy: fc.constantFrom('round-robin' as const, 'service-time' as const),
      onError: fc.constantFrom('done' as const, 'requeue' as const, 'delay' as const, 'fail-path' as const),
      isQueueing: fc.boolean(),
    }),
    hasMap: fc.boolean(),
    isInstant: fc.nat(4).map((n) => n === 0),
    hasCache: fc.nat(1),
    faults: fc.array(fc.constantFrom(0, 0, 0, 0, 1, 2, 2, 3, 4), { minLength: 1, maxLength: 12 }),
    wild: fc.oneof(fc.constant([0]), fc.array(fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5), { minLength: 1, maxLength: 9 })),
    serviceMs: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
    steps: fc.array(step, { minLength: 1, maxLength: stepsMax }),
  });
}

// ---- the devices of a world ------------------------------------------------------------------------------------

interface Top {
  readonly id: number;
  readonly space: Space;
  readonly hasErrors: boolean;
}

export class Run {
  readonly driver: CoreDriver;
  readonly choosers: { readonly chooser: Chooser; readonly device: number }[] = [];
  private readonly world: World;
  private readonly tops: Top[];
  private readonly mapped: number[] = [];
  private readonly state: Map<number, { state: number; isNoflush: boolean }> = new Map();
  private isFaulty = true;
  private faultsUsed = 0;
  private servicesUsed = 0;
  private wildUsed = 0;
  private readonly tables: Map<number, MappedOptions> = new Map();

  constructor(world: World) {
    this.world = world;
    const devices = world.shape === 'stack' ? 7 : 6;
    this.driver = new CoreDriver(
      world.isSmall ? { devices, bios: devices * 4, requests: devices * 4, extents: 512 } : { extents: 512 },
      1 << 15,
    );
    this.tops = this.build();
  }

  private settings(): Settings {
    const { elevator, requests, limits, nomerges, hasCache } = this.world;
    return { elevator, requests, nomerges, hasCache, ...limits };
  }

  private path(medium: Medium): number {
    const { depth, isInstant } = this.world;
    const isPlain = isInstant && this.world.shape !== 'linear';
    return this.driver.backing({
      ...this.settings(),
      sizeSectors: SECTORS,
      depth,
      medium,
      ...(isPlain ? { isInstant: 1 } : {}),
      script: (io) => this.fault(io),
    });
  }

  private pathsOf(medium: Medium): number[] {
    return Array.from({ length: this.world.paths }, () => this.path(medium));
  }

  private fault(io: PathIo): PathAnswer {
    const { faults, serviceMs } = this.world;
    const afterNs = serviceMs[this.servicesUsed++ % serviceMs.length] * 1_000_000;
    const fault = this.isFaulty ? faults[this.faultsUsed++ % faults.length] : 0;
    if (fault === 0) return { afterNs };
    const status = fault === 3 ? STATUS_MEDIUM : STATUS_TRANSPORT;
    const goodSectors = fault === 2 ? io.sectors >> 1 : fault === 4 ? io.sectors : 0;
    return { afterNs, status, goodSectors };
  }

  private wild(): number {
    const { wild } = this.world;
    return this.isFaulty ? wild[this.wildUsed++ % wild.length] : 0;
  }

  private keep(io: Decision, status: number): void {
    const { id } = io;
    this.driver.after(2_000_000, () => {
      const isKept = this.driver.core.exports.finish(this.driver.nowNs, id, status) !== 0;
      check(isKept, () => `I/O ${id} is not kept any more`);
    });
  }

  private hooks(chooser: Chooser): Hooks {
    return {
      prepMap: (io) => {
        const wild = this.wild();
        if (wild === WILD_REQUEUE) return MAP_REQUEUE;
        if (wild === WILD_DELAY) return MAP_DELAY_REQUEUE;
        if (wild === WILD_KILL) return MAP_KILL;
        if (wild === WILD_KEEP) {
          this.keep(io, STATUS_OFFLINE);
          return MAP_SUBMITTED;
        }
        const verdict = chooser.prepMap(io);
        if (wild === WILD_DEVICE) io.device = 99;
        return verdict;
      },
      endIo: (io) => {
        if (this.wild() !== WILD_KEEP) return chooser.endIo(io);
        chooser.forget(io);
        this.keep(io, io.status);
        return END_INCOMPLETE;
      },
      release: (io) => chooser.release(io),
      ...(this.world.hasMap ? { map: (io) => this.mapVerdict(chooser, io) } : {}),
    };
  }

  private mapVerdict(chooser: Chooser, io: Decision): number {
    const wild = this.wild();
    if (wild === WILD_REQUEUE) return MAP_REQUEUE;
    if (wild === WILD_DELAY) return MAP_DELAY_REQUEUE;
    if (wild === WILD_KILL) return MAP_KILL;
    if (wild === WILD_DEVICE) io.device = 99;
    if (wild !== WILD_KEEP) return MAP_REMAPPED;
    chooser.forget(io);
    this.keep(io, STATUS_OFFLINE);
    return MAP_SUBMITTED;
  }

  private multipath(kind: 'request' | 'bio', paths: readonly number[]): number {
    const chooser = new Chooser(paths, this.world.chooser);
    const extent = { hooks: this.hooks(chooser), length: SECTORS };
    const device =
      kind === 'request'
        ? this.mappedDevice('request', { ...this.settings(), extents: [extent], paths })
        : this.mappedDevice('bio', { extents: [{ ...extent, ioSectorsMax: 40 }], paths });
    this.choosers.push({ chooser, device });
    return device;
  }

  private mappedDevice(kind: 'request' | 'bio', options: MappedOptions): number {
    const device = this.driver[kind](options);
    this.mapped.push(device);
    this.tables.set(device, options);
    return device;
  }

  private one(id: number): Top {
    return { id, space: this.newSpace(), hasErrors: false };
  }

  /** An instant device holds nothing: all of it reads zeros. */
  private newSpace(): Space {
    return this.world.isInstant && this.world.shape !== 'linear' ? new Space(() => true) : new Space();
  }

  private build(): Top[] {
    const { shape } = this.world;
    const medium = new Medium(SECTORS);
    if (shape === 'backing') return [this.one(this.path(medium))];
    if (shape === 'request' || shape === 'bio') return [this.one(this.multipath(shape, this.pathsOf(medium)))];
    if (shape === 'linear') return [this.linear()];
    if (shape === 'stack') {
      const middle = this.multipath('request', this.pathsOf(medium));
      const upper = this.multipath('request', [middle]);
      const top = this.mappedDevice('bio', { extents: [{ device: upper, ioSectorsMax: 48 }] });
      const space = this.newSpace();
      return [top, upper, middle].map((id) => ({ id, space, hasErrors: false }));
    }
    if (shape === 'twice') {
      const paths = this.pathsOf(medium);
      const space = this.newSpace();
      const uppers = [this.multipath('request', paths), this.multipath('bio', paths)];
      return [...uppers, paths[0]].map((id) => ({ id, space, hasErrors: false }));
    }
    const path = this.path(medium);
    const space = this.newSpace();
    const ids = [this.multipath('request', [path]), this.multipath('request', [path]), this.multipath('bio', [path])];
    return ids.map((id) => ({ id, space, hasErrors: false }));
  }

  /** Five extents over two devices, one of zeros, one of errors. */
  private linear(): Top {
    const [a, b] = [this.path(new Medium(SECTORS)), this.path(new Medium(SECTORS))];
    const id = this.mappedDevice('bio', {
      extents: [
        { device: a, length: 100, offset: 200 },
        { kind: 'zero', length: 60, flushes: 0 },
        { device: b, length: 200, offset: 8, ioSectorsMax: 16 },
        { kind: 'error', length: 52, flushes: 0 },
        { device: a, length: 100, offset: 300 },
      ],
    });
    return { id, space: new Space((sector) => sector >= 100 && sector < 160), hasErrors: true };
  }

  // ---- its history -----------------------------------------------------------------------------------------------

  run(): void {
    for (const step of this.world.steps) this.take(step);
    this.end();
  }

  private take(step: Step): void {
    if (step.kind === 'submit') {
      this.driver.submit(
        step.bios.map((words) => this.bioOf(words)),
        step.isPlugged,
      );
    } else if (step.kind === 'step') {
      for (let i = 0; i < step.times; i++) this.driver.step();
      this.suspendFurther();
    } else if (!('path' in step)) {
      this.setState(step);
    } else if (this.choosers.length > 0) {
      const { chooser, device } = this.choosers[step.which % this.choosers.length];
      chooser.setActive(this.driver, device, step.path % chooser.paths.length, step.kind === 'reinstate');
    }
  }

  private bioOf(words: BioWords): BioOptions {
    const [operation, sector, sectors, isAdjacent, , which] = words;
    const top = this.tops[which % this.tops.length];
    const length = Math.min(sectors, SECTORS - sector);
    return { device: top.id, operation, sector, sectors: length, isAdjacent, flags: flagsOf(words), space: top.space };
  }

  private setState({ which, kind, isNoflush }: Step & { readonly which: number; readonly isNoflush: boolean }): void {
    if (this.mapped.length === 0) return;
    const device = this.mapped[which % this.mapped.length];
    const known = this.state.get(device);
    if (kind === 'suspend' && known === undefined) {
      this.state.set(device, { state: DEVICE_SUSPENDING, isNoflush });
      this.driver.setState(device, DEVICE_SUSPENDING, isNoflush);
    } else if (kind === 'resume' && known !== undefined) {
      this.state.delete(device);
      this.driver.setState(device, DEVICE_RUNNING);
    } else if (kind === 'swap' && known?.state === DEVICE_SUSPENDED) {
      this.swap(device);
    }
    this.suspendFurther();
  }

  /** The same table again, with shorter I/Os where they are limited. */
  private swap(device: number): void {
    const table = this.tables.get(device) as MappedOptions;
    const extents = table.extents.map((extent) => (extent.ioSectorsMax ? { ...extent, ioSectorsMax: 12 } : extent));
    this.driver.setTable(device, { ...table, extents });
    const held = this.choosers.find((one) => one.device === device);
    if (held) held.chooser.publish(this.driver, device);
  }

  /** A device that is suspending and has nothing in flight is suspended: from then on nothing leaves it. */
  private suspendFurther(): void {
    for (const [device, held] of this.state) {
      if (held.state === DEVICE_SUSPENDED) {
        check(this.driver.figure(device, FIGURE_IN_FLIGHT) === 0, () => `device ${device} is suspended and has I/O in flight`);
      } else if (this.driver.figure(device, FIGURE_IN_FLIGHT) === 0) {
        held.state = DEVICE_SUSPENDED;
        this.driver.setState(device, DEVICE_SUSPENDED, held.isNoflush);
      }
    }
  }

  /** Everything works again; what has been acknowledged is there. */
  private end(): void {
    this.isFaulty = false;
    const { faults, wild, steps } = this.world;
    const isPerfect = [...faults, ...wild].every((one) => one === 0) && steps.every(({ kind }) => kind !== 'fail');
    for (const { chooser, device } of this.choosers) {
      chooser.isActive.fill(true);
      // errors that are on their way already
      if (chooser.onError === 'fail-path') chooser.onError = 'requeue';
      chooser.publish(this.driver, device);
    }
    for (const device of this.state.keys()) this.driver.setState(device, DEVICE_RUNNING);
    this.driver.drain();
    for (const top of this.tops) {
      for (let sector = 0; sector < SECTORS; sector += 64) {
        this.driver.submit([{ device: top.id, sector, sectors: 64, space: top.space }]);
        this.driver.drain();
      }
    }
    this.driver.assertIdle();
    for (const { chooser } of this.choosers) chooser.assertBalanced();
    for (const bio of this.driver.bios) {
      const mayFail = !isPerfect || this.tops.some(({ hasErrors }) => hasErrors);
      check(mayFail || bio.status === STATUS_OK, () => `bio ${bio.tag} failed with ${bio.status} for no reason`);
    }
  }
}
