// A random world comes to life: its devices, then its history, and at the end what must hold.

import {
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DEVICE_SUSPENDING,
  FIGURE_ALARM,
  FIGURE_IN_FLIGHT,
  FLAG_FUA,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  FLAG_RAHEAD,
  OPERATION_FLUSH,
  STATUS_MEDIUM,
  STATUS_OK,
  STATUS_TARGET,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { Chooser } from '../support/core-chooser.ts';
import type { BioOptions, DrivenBio, MappedOptions, PathAnswer, PathIo, Settings } from '../support/core-driver.ts';
import { CoreDriver, check, Medium, Space } from '../support/core-driver.ts';
import { FAULT_ALL_DONE, FAULT_HALF_WAY, FAULT_MEDIUM, FAULT_TARGET, FAULT_TWICE, type Step, type World } from './world.ts';
import { type BioWords, flagsOf, SECTORS } from './world-bios.ts';
import { checkStatistics } from './world-check.ts';
import { WildTargets } from './world-hooks.ts';

const MS = 1_000_000;

interface Top {
  readonly id: number;
  readonly space: Space;
  readonly hasErrors: boolean;
}

export class Run {
  readonly driver: CoreDriver;
  readonly choosers: { readonly chooser: Chooser; readonly device: number }[] = [];
  private readonly world: World;
  private readonly targets: WildTargets;
  private readonly tops: Top[];
  private readonly backings: number[] = [];
  private readonly media: Medium[] = [];
  private readonly mapped: number[] = [];
  private readonly state: Map<number, { state: number; isNoflush: boolean }> = new Map();
  private isFaulty = true;
  private faultsUsed = 0;
  private servicesUsed = 0;
  private readonly tables: Map<number, MappedOptions> = new Map();
  /** Changes of each medium when a bio came, by its tag. */
  private readonly cameAt: Map<number, readonly number[]> = new Map();
  private readonly alarms: Map<number, number> = new Map();

  constructor(world: World) {
    this.world = world;
    const devices = world.shape === 'stack' ? 7 : 6;
    this.driver = new CoreDriver(
      world.isSmall ? { devices, bios: devices * 4, requests: devices * 4, extents: 512 } : { extents: 512 },
      1 << 15,
    );
    this.targets = new WildTargets(this.driver, world.wild);
    this.tops = this.build();
    this.driver.onEnded = (bio) => this.checkFlushed(bio);
  }

  // ---- its devices -----------------------------------------------------------------------------------------------

  private settings(): Settings {
    const { elevator, requests, limits, nomerges, hasCache, hasFua = 0 } = this.world;
    return { elevator, requests, nomerges, hasCache, hasFua, ...limits };
  }

  /** Of a bio-based device: what it takes besides reads and writes. */
  private abilities(): Settings {
    const { maxDiscardSectors, maxWriteZeroesSectors, discardGranularity, discardAlignment } = this.world.limits;
    return { maxDiscardSectors, maxWriteZeroesSectors, discardGranularity, discardAlignment };
  }

  private isEmpty(): boolean {
    return this.world.isInstant && this.world.shape !== 'linear' && this.world.shape !== 'striped';
  }

  private path(medium: Medium): number {
    const { depth } = this.world;
    const id = this.driver.backing({
      ...this.settings(),
      sizeSectors: SECTORS + 64,
      depth,
      medium,
      ...(this.isEmpty() ? { isInstant: 1 } : {}),
      script: (io) => this.fault(io),
    });
    this.backings.push(id);
    return id;
  }

  private medium(): Medium {
    this.media.push(new Medium(SECTORS + 64));
    return this.media.at(-1) as Medium;
  }

  private pathsOf(medium: Medium): number[] {
    return Array.from({ length: this.world.paths }, () => this.path(medium));
  }

  private fault(io: PathIo): PathAnswer {
    const { faults, serviceMs } = this.world;
    const afterNs = serviceMs[this.servicesUsed++ % serviceMs.length] * MS;
    const fault = this.isFaulty ? faults[this.faultsUsed++ % faults.length] : 0;
    if (fault === FAULT_TWICE) {
      this.driver.after(afterNs + 3 * MS, () => {
        this.driver.core.answer(io.id, STATUS_OK, io.sectors);
        this.driver.staleExpected++;
      });
    }
    if (fault === 0 || fault === FAULT_TWICE) return { afterNs };
    const named = fault === FAULT_TARGET ? STATUS_TARGET : STATUS_TRANSPORT;
    const goodSectors = fault === FAULT_HALF_WAY ? io.sectors >> 1 : fault === FAULT_ALL_DONE ? io.sectors : 0;
    return { afterNs, status: fault === FAULT_MEDIUM ? STATUS_MEDIUM : named, goodSectors };
  }

  private multipath(kind: 'request' | 'bio', paths: readonly number[]): number {
    const chooser = new Chooser(paths, this.world.chooser);
    const extent = { hooks: this.targets.hooks(chooser, this.world.hasMap, this.world.isTold === true), length: SECTORS };
    const device =
      kind === 'request'
        ? this.mappedDevice('request', { ...this.settings(), extents: [extent], paths })
        : this.mappedDevice('bio', { extents: [{ ...extent, ioSectorsMax: 40 }], paths });
    this.choosers.push({ chooser, device });
    return device;
  }

  private mappedDevice(kind: 'request' | 'bio', options: MappedOptions): number {
    const all = kind === 'bio' ? { ...this.abilities(), ...options } : options;
    const device = this.driver[kind](all);
    this.mapped.push(device);
    this.tables.set(device, all);
    return device;
  }

  private build(): Top[] {
    const { shape } = this.world;
    if (shape === 'linear') return [this.linear()];
    if (shape === 'striped') return [this.striped()];
    const medium = this.medium();
    // an instant device holds nothing: all of it reads zeros
    const space = this.isEmpty() ? new Space(() => true) : new Space();
    return this.devicesOf(shape, medium).map((id) => ({ id, space, hasErrors: false }));
  }

  /** What bios are sent to. All show the same sectors. */
  private devicesOf(shape: World['shape'], medium: Medium): number[] {
    if (shape === 'backing') return [this.path(medium)];
    if (shape === 'request' || shape === 'bio') return [this.multipath(shape, this.pathsOf(medium))];
    if (shape === 'stack') {
      const middle = this.multipath('request', this.pathsOf(medium));
      const upper = this.multipath('request', [middle]);
      const top = this.mappedDevice('bio', { extents: [{ device: upper, ioSectorsMax: 48 }] });
      return [top, upper, middle];
    }
    if (shape === 'twice') {
      const paths = this.pathsOf(medium);
      return [this.multipath('request', paths), this.multipath('bio', paths), paths[0]];
    }
    const path = this.path(medium);
    return [this.multipath('request', [path]), this.multipath('request', [path]), this.multipath('bio', [path])];
  }

  /** Five extents over two devices, one of zeros, one of errors. */
  private linear(): Top {
    const [a, b] = [this.path(this.medium()), this.path(this.medium())];
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

  /** Behind a linear one, so that it does not begin at 0. */
  private striped(): Top {
    const { paths, chunk = 8 } = this.world;
    const stripes = Array.from({ length: paths }, (_, i): [number, number] => [this.path(this.medium()), i * 16]);
    const linear = this.path(this.medium());
    const id = this.mappedDevice('bio', {
      extents: [
        { device: linear, length: 40 },
        { kind: 'striped', stripes, length: SECTORS - 40, ioSectorsMax: chunk },
      ],
      paths: [linear, ...stripes.map(([device]) => device)],
    });
    return { id, space: new Space(), hasErrors: false };
  }

  // ---- its history -----------------------------------------------------------------------------------------------

  run(): void {
    for (const step of this.world.steps) this.take(step);
    this.end();
  }

  private take(step: Step): void {
    if (step.kind === 'submit') {
      this.submit(
        step.bios.map((words) => this.bioOf(words)),
        step.isPlugged,
      );
    } else if (step.kind === 'step') {
      for (let i = 0; i < step.times; i++) this.driver.step();
      this.suspendFurther();
      this.checkAlarms();
    } else if (step.kind === 'set') {
      this.change(step.which, step.settings);
    } else if (step.kind === 'alarm') {
      this.setAlarm(step.which, step.afterMs);
    } else if ('path' in step) {
      if (this.choosers.length === 0) return;
      const { chooser, device } = this.choosers[step.which % this.choosers.length];
      chooser.setActive(this.driver, device, step.path % chooser.paths.length, step.kind === 'reinstate');
    } else {
      this.setState(step.which, step.kind, step.isNoflush);
    }
  }

  private submit(bios: readonly BioOptions[], isPlugged: boolean): void {
    const changes = this.media.map((medium) => medium.now);
    const first = this.driver.bios.length;
    for (const i of bios.keys()) this.cameAt.set(first + i, changes);
    this.driver.submit(bios, isPlugged);
  }

  private bioOf(words: BioWords): BioOptions {
    const [operation, sector, sectors, isAdjacent, , which] = words;
    const top = this.tops[which % this.tops.length];
    const length = Math.min(sectors, SECTORS - sector);
    return { device: top.id, operation, sector, sectors: length, isAdjacent, flags: flagsOf(words), space: top.space };
  }

  private deviceOf(which: number): number {
    const all = [...this.backings, ...this.mapped];
    return all[which % all.length];
  }

  /** A limit of a path may so become lower than that of what stands above it. */
  private change(which: number, settings: Settings): void {
    this.driver.configure(this.deviceOf(which), settings);
    this.driver.settle();
  }

  private setAlarm(which: number, afterMs: number): void {
    const device = this.deviceOf(which);
    const atNs = this.driver.nowNs + afterMs * MS + 1;
    this.driver.core.figures(device)[FIGURE_ALARM] = 0;
    this.alarms.set(device, atNs);
    this.driver.core.exports.setAlarm(device, atNs);
  }

  private checkAlarms(): void {
    for (const [device, atNs] of this.alarms) {
      const isRinging = this.driver.figure(device, FIGURE_ALARM) === 1;
      check(isRinging === this.driver.nowNs >= atNs, () => `the alarm of device ${device} is ${isRinging ? 'early' : 'late'}`);
    }
  }

  private setState(which: number, kind: 'suspend' | 'resume' | 'swap', isNoflush: boolean): void {
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
    const extents = table.extents.map((extent) =>
      extent.ioSectorsMax && !extent.stripes ? { ...extent, ioSectorsMax: 12 } : extent,
    );
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

  /** What has been flushed is on stable storage when that is told. */
  private checkFlushed(bio: DrivenBio): void {
    if (bio.status !== STATUS_OK || !this.world.hasCache || this.isEmpty()) return;
    const who = `bio ${bio.tag}`;
    for (const [i, medium] of this.media.entries()) {
      const isFlush = bio.operation === OPERATION_FLUSH || (bio.write !== undefined && (bio.flags & FLAG_PREFLUSH) !== 0);
      if (isFlush) medium.checkFlushed((this.cameAt.get(bio.tag) as readonly number[])[i], who);
      if (bio.write && !bio.write.isZeros && bio.flags & FLAG_FUA) medium.checkSafe(bio.write, who);
    }
  }

  /** Everything works again; what has been acknowledged is there. */
  private end(): void {
    this.isFaulty = false;
    this.targets.isWild = false;
    for (const { chooser, device } of this.choosers) {
      chooser.isActive.fill(true);
      // errors that are on their way already
      if (chooser.onError === 'fail-path') chooser.onError = 'requeue';
      chooser.publish(this.driver, device);
    }
    for (const device of this.state.keys()) this.driver.setState(device, DEVICE_RUNNING);
    this.driver.drain();
    for (const device of [...this.backings, ...this.choosers.map((one) => one.device)]) {
      this.driver.configure(device, this.settings());
    }
    for (const top of this.tops) {
      for (let sector = 0; sector < SECTORS; sector += 64) {
        this.submit([{ device: top.id, sector, sectors: 64, space: top.space }], true);
        this.driver.drain();
      }
    }
    this.driver.assertIdle();
    this.checkAlarms();
    for (const { chooser } of this.choosers) chooser.assertBalanced();
    checkStatistics(this.driver, [...this.backings, ...this.mapped]);
    this.checkStatuses();
  }

  /** Where nothing goes wrong, and nobody asks not to wait, nothing fails. */
  private checkStatuses(): void {
    const { faults, wild, steps, limits } = this.world;
    const mayFail = [
      faults.some((one) => one !== 0 && one !== FAULT_TWICE),
      wild.some((one) => one !== 0),
      steps.some(({ kind }) => kind === 'fail' || kind === 'set' || kind === 'suspend'),
      this.tops.some(({ hasErrors }) => hasErrors),
      this.driver.bios.some(({ flags }) => (flags & (FLAG_NOWAIT | FLAG_RAHEAD)) !== 0),
      limits.maxDiscardSectors === 0 || limits.maxWriteZeroesSectors === 0,
    ];
    if (mayFail.includes(true)) return;
    for (const bio of this.driver.bios) {
      check(bio.status === STATUS_OK, () => `bio ${bio.tag} failed with ${bio.status} for no reason`);
    }
  }
}
