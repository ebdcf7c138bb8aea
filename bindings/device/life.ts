// The life of a mapped device: its two table slots, suspend and resume, the end. What is submitted meanwhile, and what
// users see of it, is the business of device.ts.
//
//   load ──▶ inactive ──resume──▶ live          running ──suspend──▶ suspending ──▶ suspended ──resume──▶ running
import {
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DEVICE_SUSPENDING,
  FIGURE_BIOS,
  FIGURE_DELAYED,
  FIGURE_IN_FLIGHT,
} from '../../assembly/abi.ts';
import { publishState } from '../channels.ts';
import { RqdmError } from '../errors.ts';
import { checkReplacement, checkTypeChange } from '../table/check.ts';
import type { MappedDevice } from './device.ts';
import type { MapperServices } from './mapper.ts';
import { LoadedTable, type TableHost } from './table.ts';

export interface SuspendOptions {
  /** Keep what cannot be mapped for the next table, instead of failing it. */
  readonly noflush?: boolean;
}

type State = 'running' | 'suspending' | 'suspended' | 'closing' | 'closed';

/** What the face of the device tells its life. */
export interface LifeOwner {
  /** I/O that callers wait for. */
  readonly outstanding: number;
}

export class DeviceLife {
  readonly #device: MappedDevice;
  readonly #owner: LifeOwner;
  readonly #services: MapperServices;
  readonly #host: TableHost;
  #live: LoadedTable;
  #inactive: LoadedTable | undefined;
  #state: State = 'running';
  #isNoflush = false;
  /** A table before had one: flushes still go to the target, which may have to tell of a loss. */
  #hasHadCache = false;
  /** The device or its mapper is being closed: nobody waits for anything that may never come. */
  #isGivenUp = false;
  #closing: Promise<void> | undefined;
  #change: Promise<unknown> = Promise.resolve();

  /** `live` has not gone live yet: it does so now. */
  constructor(device: MappedDevice, owner: LifeOwner, services: MapperServices, host: TableHost, live: LoadedTable) {
    this.#device = device;
    this.#owner = owner;
    this.#services = services;
    this.#host = host;
    this.#live = live;
    live.goLive();
  }

  get live(): LoadedTable {
    return this.#live;
  }
  /** The live table and the one that `load` has put beside it. */
  get tables(): readonly LoadedTable[] {
    return this.#inactive ? [this.#live, this.#inactive] : [this.#live];
  }
  get isSuspended(): boolean {
    return this.#state === 'suspended';
  }
  get isNoflushSuspending(): boolean {
    return this.#isNoflush && (this.#state === 'suspending' || this.#state === 'suspended');
  }
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Reads a table into the inactive slot; the live one goes on. `resume` swaps. A refused table changes nothing. */
  load(text: string | readonly string[]): void {
    this.assertNotClosed('load');
    const table = LoadedTable.load(this.#host, text, this.#live.type);
    try {
      checkReplacement(
        this.#live.lines.map(({ type }) => type),
        table.lines.map(({ type }) => type),
      );
      checkTypeChange(this.#live.type, table.type);
      this.#services.checkLoop(this.#device, table);
    } catch (error) {
      table.destroy();
      throw error;
    }
    this.#inactive?.destroy();
    this.#inactive = table;
  }

  /** Drops the inactive table. */
  clear(): void {
    this.#inactive?.destroy();
    this.#inactive = undefined;
  }

  /**
   * Lets nothing new through and waits for what is in flight; what comes meanwhile waits for `resume`. With `noflush`,
   * what has no path waits too, instead of failing.
   */
  suspend(options: SuspendOptions = {}): Promise<void> {
    return this.#inOrder(() => this.#suspend(options.noflush === true));
  }

  /** Swaps in the inactive table, if there is one (suspending first if need be), and lets I/O through again. */
  resume(): Promise<void> {
    return this.#inOrder(async () => {
      this.assertNotClosed('resume');
      if (this.#inactive && this.#state === 'running') await this.#suspend(false);
      if (this.#state !== 'suspended') return;
      this.#swap();
      for (const { target } of this.#live.lines) target.preresume?.();
      this.#live.each('resume', (target) => target.resume?.());
      this.#setState('running', DEVICE_RUNNING);
      this.#services.pump.drive();
    });
  }

  /** Load, suspend, resume: another table under load, without losing an I/O. */
  async reload(text: string | readonly string[], options: SuspendOptions = {}): Promise<void> {
    this.load(text);
    await this.suspend(options);
    await this.resume();
  }

  async #suspend(isNoflush: boolean): Promise<void> {
    this.assertNotClosed('suspend');
    if (this.#state !== 'running') return;
    const { pump } = this.#services;
    this.#isNoflush = isNoflush;
    this.#state = 'suspending';
    // while the queue still runs: what the target gives up now ends, or waits if noflush
    this.#live.each('presuspend', (target) => target.presuspend?.(isNoflush));
    pump.drive();
    this.#setState('suspending', DEVICE_SUSPENDING);
    pump.drive();
    await this.#until(() => this.#isGivenUp || this.#isDrained());
    if (this.#isGivenUp) throw new RqdmError('ERR_RQDM_CLOSED', `suspend: ${this.#device.name} is being closed`);
    this.#setState('suspended', DEVICE_SUSPENDED);
    this.#live.each('postsuspend', (target) => target.postsuspend?.());
  }

  #isDrained(): boolean {
    const figures = this.#services.pump.core.figures(this.#device.id);
    if (figures[FIGURE_IN_FLIGHT] !== 0) return false;
    return this.#isNoflush || this.#live.type === 'request' || figures[FIGURE_DELAYED] === 0;
  }

  #swap(): void {
    const table = this.#inactive;
    if (!table) return;
    this.#inactive = undefined;
    const old = this.#live;
    this.#live = table;
    this.#hasHadCache ||= old.hasCache;
    table.goLive(this.#hasHadCache);
    old.destroy();
  }

  #setState(state: State, number: number): void {
    this.#state = state;
    const { pump } = this.#services;
    pump.core.exports.setState(pump.time.now(), this.#device.id, number, this.#isNoflush ? 1 : 0);
    if (state === 'running') this.#isNoflush = false;
    pump.afterwards(() => publishState(state, this.#device));
  }

  /** Resolves when `holds` is true; looked at after every drive of the core. */
  #until(holds: () => boolean): Promise<void> {
    const { pump } = this.#services;
    pump.assertAlive();
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = pump.watch(() => {
        if (pump.poisoned) {
          stop();
          reject(pump.poisoned);
        } else if (holds()) {
          stop();
          resolve();
        }
      });
    });
  }

  /** Suspend, resume and close of one device follow each other. */
  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#change.then(run, run);
    this.#change = next.catch(() => {});
    return next;
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  /**
   * Waits for what is in flight, then lets go of the devices. I/O that waits for a path fails. A second call returns
   * the same promise.
   */
  close(): Promise<void> {
    if (this.#closing) return this.#closing;
    if (this.#device.holders > 0) {
      const error = new RqdmError(
        'ERR_RQDM_BUSY',
        `${this.#device.name} is in use by another device's table: close that one first`,
      );
      return Promise.reject(error);
    }
    this.#closing = this.#inOrder(() => this.#close());
    return this.#closing;
  }

  /** What waits for a path or for a resume fails: nobody is left who would bring either. */
  giveUpWaiting(): void {
    const { pump } = this.#services;
    const before = this.#state;
    this.#state = 'closing';
    this.#isGivenUp = true;
    // what was held back by a suspend has no table to go to any more
    if (before === 'suspended') pump.core.exports.setExtents(this.#device.id, 0, 0, 0, this.#live.level);
    else this.#live.each('presuspend', (target) => target.presuspend?.(false));
    pump.core.exports.setState(pump.time.now(), this.#device.id, DEVICE_RUNNING, 0);
    pump.core.exports.kick(pump.time.now(), this.#device.id);
    pump.drive();
  }

  async #close(): Promise<void> {
    const { pump } = this.#services;
    if (!pump.poisoned) {
      this.giveUpWaiting();
      try {
        await this.#until(() => this.#owner.outstanding === 0 && pump.core.figures(this.#device.id)[FIGURE_BIOS] === 0);
      } catch (error) {
        // the core has failed: all I/O has been rejected, and what is left is to let go
        if (error !== pump.poisoned) throw error;
      }
    }
    this.#inactive?.destroy();
    this.#inactive = undefined;
    this.#live.destroy();
    this.#state = 'closed';
    await this.#services.removeDevice(this.#device);
  }

  assertNotClosed(what: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') {
      throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.#device.name} is closed`);
    }
    this.#services.pump.assertAlive();
  }

  /** Throws ERR_RQDM_CLOSED once `close` was called. */
  assertOpen(what: string): void {
    if (this.#closing) throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.#device.name} is closed`);
    this.#services.pump.assertAlive();
  }
}
