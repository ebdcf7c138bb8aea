// The life of a mapped device: its two table slots, suspend and resume, the end. What is submitted meanwhile, and what
// users see of it, is the business of device.ts.
//
//   load ──▶ inactive ──resume──▶ live          running ──suspend──▶ suspending ──▶ suspended ──resume──▶ running
//
// Either slot may be empty. A device without a live table has no size, and all I/O on it is an error.
import {
  DEVICE_REQUEST,
  DEVICE_RUNNING,
  DEVICE_SUSPENDED,
  DEVICE_SUSPENDING,
  FIGURE_BIOS,
  FIGURE_DELAYED,
  FIGURE_IN_FLIGHT,
  SETTING_BIOS,
} from '../../assembly/abi.ts';
import { publishState } from '../channels.ts';
import { RqdmError, RqdmTableError } from '../errors.ts';
import { checkReplacement, checkTypeChange, type DeviceType } from '../table/check.ts';
import type { MappedDevice } from './device.ts';
import { interrupted } from './event-counter.ts';
import type { MapperServices } from './mapper.ts';
import { quotaOf } from './opened.ts';
import { LoadedTable, type TableHost } from './table.ts';

/** Of a suspend, and of the one that a resume makes of itself. */
export interface SuspendOptions {
  /** Keep what cannot be mapped for the next table, instead of failing it. */
  readonly noflush?: boolean;
  /** Taken and without effect: no file system is mounted here that would be frozen. */
  readonly nolockfs?: boolean;
  /** Ends the wait with ERR_RQDM_INTERRUPTED (errno EINTR); the device runs on as if nothing had been asked. */
  readonly signal?: AbortSignal;
}

export interface TableLoadOptions {
  /** Default: as the device was created. */
  readonly readOnly?: boolean;
}

type State = 'running' | 'suspending' | 'suspended' | 'closing' | 'closed';

/** What the face of the device tells its life. */
export interface LifeOwner {
  /** I/O that callers wait for. */
  countOutstanding(): number;
  readonly isReadOnlyByDefault: boolean;
}

export class DeviceLife {
  readonly #device: MappedDevice;
  readonly #owner: LifeOwner;
  readonly #services: MapperServices;
  readonly #host: TableHost;
  #live: LoadedTable | undefined;
  #inactive: LoadedTable | undefined;
  /** Fixed by the first table. */
  #type: DeviceType | undefined;
  #state: State = 'running';
  #isNoflush = false;
  /** A table before had one: flushes still go to the target, which may have to tell of a loss. */
  #hasHadCache = false;
  /** The device or its mapper is being closed: nobody waits for anything that may never come. */
  #isGivenUp = false;
  #closing: Promise<void> | undefined;
  #change: Promise<unknown> = Promise.resolve();

  /** The core's record of the device exists, bio-based until the first table says otherwise. */
  constructor(device: MappedDevice, owner: LifeOwner, services: MapperServices, host: TableHost) {
    this.#device = device;
    this.#owner = owner;
    this.#services = services;
    this.#host = host;
    this.#renewRecord();
  }

  get live(): LoadedTable | undefined {
    return this.#live;
  }
  get inactive(): LoadedTable | undefined {
    return this.#inactive;
  }
  /** The live table and the one that `load` has put beside it. */
  get tables(): readonly LoadedTable[] {
    return [this.#live, this.#inactive].filter((table) => table !== undefined);
  }
  /** Undefined before the first table. */
  get type(): DeviceType | undefined {
    return this.#type;
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

  // ---- slots --------------------------------------------------------------------------------------------------

  /** Reads a table into the inactive slot; the live one goes on. `resume` swaps. A refused table changes nothing. */
  load(text: string | readonly string[], options: TableLoadOptions = {}): void {
    this.assertNotClosed('load');
    const table = LoadedTable.load(this.#host, text, {
      isReadOnly: options.readOnly ?? this.#owner.isReadOnlyByDefault,
      type: this.#type,
      check: (lines, type) => {
        const types = lines.map((line) => line.type);
        checkReplacement(this.#live?.lines.map((line) => line.type) ?? [], types);
        checkTypeChange(this.#type, type);
      },
    });
    try {
      this.#services.checkLoop(this.#device, table);
      if (this.#type === undefined) this.#fixType(table.type);
    } catch (error) {
      table.destroy();
      throw error;
    }
    this.#inactive?.destroy();
    this.#inactive = table;
  }

  /** The first table decides what record the core has of the device. */
  #fixType(type: DeviceType): void {
    if (type === 'request') {
      const { exports } = this.#services.pump.core;
      const { id, name } = this.#device;
      if (!exports.destroyDevice(id)) {
        throw new RqdmError('ERR_RQDM_BUSY', `load: ${name} holds I/O, its type cannot be decided now`, { errno: 'EBUSY' });
      }
      exports.createDevice(id, DEVICE_REQUEST, 0);
      this.#type = type;
      this.#renewRecord();
      if (this.#state === 'suspended') this.#setState('suspended', DEVICE_SUSPENDED);
    }
    this.#type = type;
  }

  #renewRecord(): void {
    const { core } = this.#services.pump;
    core.exports.configureDevice(this.#device.id, SETTING_BIOS, quotaOf(core));
    this.#host.queue.renew();
    this.#host.alarms.renew();
    this.#host.regions.renew();
  }

  /** Drops the inactive table. */
  clear(): void {
    this.#inactive?.destroy();
    this.#inactive = undefined;
  }

  /** The first table of a new device goes live at once. Throws what its targets' `preresume` throws. */
  start(text: string | readonly string[]): void {
    this.load(text);
    this.#inactive?.restack((line) => this.#host.kernelLog(line));
    this.#swap();
    this.#resumeTargets();
  }

  // ---- suspend and resume -------------------------------------------------------------------------------------

  /**
   * Lets nothing new through and waits for what is in flight; what comes meanwhile waits for `resume`. With `noflush`,
   * what has no path waits too, instead of failing.
   */
  suspend(options: SuspendOptions = {}): Promise<void> {
    return this.#inOrder('suspend', options.signal, () => this.#suspend('suspend', options));
  }

  /**
   * Swaps in the inactive table, if there is one (suspending first if need be, with these options), and lets I/O through
   * again. When a suspend or a swap fails, the inactive table stays what it is.
   */
  resume(options: SuspendOptions = {}): Promise<void> {
    return this.#inOrder('resume', options.signal, async () => {
      this.assertNotClosed('resume');
      if (this.#inactive && this.#state === 'running') await this.#suspend('resume', options);
      if (this.#state !== 'suspended') return;
      if (this.#inactive) this.#recheck(this.#inactive);
      if (this.#inactive) this.#swap();
      if (!this.#live) {
        throw new RqdmError('ERR_RQDM_NO_TABLE', `resume: ${this.#device.name} has no table`, { errno: 'EINVAL' });
      }
      this.#resumeTargets();
    });
  }

  /** Load, suspend, resume: another table under load, without losing an I/O. */
  async reload(text: string | readonly string[], options: SuspendOptions & TableLoadOptions = {}): Promise<void> {
    this.load(text, options);
    await this.suspend(options);
    await this.resume(options);
  }

  async #suspend(what: string, { noflush, signal }: SuspendOptions): Promise<void> {
    this.assertNotClosed(what);
    if (this.#state !== 'running') return;
    const { pump } = this.#services;
    this.#isNoflush = noflush === true;
    this.#state = 'suspending';
    // while the queue still runs: what the target gives up now ends, or waits if noflush
    this.#live?.each('presuspend', (target) => target.presuspend?.(this.#isNoflush));
    pump.drive();
    this.#setState('suspending', DEVICE_SUSPENDING);
    pump.drive();
    try {
      await this.#until(what, signal, () => this.#isGivenUp || this.#isDrained());
    } catch (error) {
      if (this.#state === 'suspending' && !pump.poisoned) this.#undoSuspend();
      throw error;
    }
    if (this.#isGivenUp) throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.#device.name} is being closed`);
    this.#setState('suspended', DEVICE_SUSPENDED);
    this.#live?.each('postsuspend', (target) => target.postsuspend?.());
  }

  #undoSuspend(): void {
    this.#setState('running', DEVICE_RUNNING);
    this.#live?.each('presuspendUndo', (target) => target.presuspendUndo?.());
    this.#services.pump.drive();
  }

  #isDrained(): boolean {
    const figures = this.#services.pump.core.figures(this.#device.id);
    if (figures[FIGURE_IN_FLIGHT] !== 0) return false;
    return this.#isNoflush || this.#type === 'request' || figures[FIGURE_DELAYED] === 0;
  }

  /** What lies below may have changed since the table was loaded. */
  #recheck(table: LoadedTable): void {
    try {
      this.#services.checkLoop(this.#device, table);
      table.restack((line) => this.#host.kernelLog(line));
    } catch (cause) {
      if (!(cause instanceof RqdmError)) throw cause;
      throw new RqdmError(cause.code, `resume: ${cause.message}; ${this.#device.name} stays suspended, with both tables`, {
        cause,
        errno: cause.errno ?? 'EINVAL',
      });
    }
  }

  #swap(): void {
    const table = this.#inactive as LoadedTable;
    this.#inactive = undefined;
    const old = this.#live;
    this.#live = table;
    this.#hasHadCache ||= old?.hasCache === true;
    table.goLive(old, this.#hasHadCache);
    this.#services.limitsChanged(this.#device.id);
    old?.destroy();
  }

  #resumeTargets(): void {
    const live = this.#live as LoadedTable;
    live.preresume();
    live.each('resume', (target) => target.resume?.());
    this.#setState('running', DEVICE_RUNNING);
    this.#services.pump.drive();
  }

  #setState(state: State, number: number): void {
    this.#state = state;
    const { pump } = this.#services;
    pump.core.exports.setState(pump.time.now(), this.#device.id, number, this.#isNoflush ? 1 : 0);
    if (state === 'running') this.#isNoflush = false;
    pump.afterwards(() => publishState(state, this.#device));
  }

  /** The limits of devices below are others now. */
  restack(): void {
    const live = this.#live;
    if (!live || this.#services.pump.poisoned || this.#state === 'closed') return;
    try {
      live.restack();
    } catch (error) {
      // a stretch that lies outside of its device by now: its I/O fails there. Or a target that will not. The limits stay
      const isOutside = error instanceof RqdmTableError;
      if (!isOutside) this.#services.log(`${this.#device.name}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    live.rewriteExtents();
    live.applyLimits(this.#hasHadCache);
  }

  // ---- waiting ------------------------------------------------------------------------------------------------

  /** Resolves when `holds` is true; looked at after every drive of the core. */
  #until(what: string, signal: AbortSignal | undefined, holds: () => boolean): Promise<void> {
    const { pump } = this.#services;
    pump.assertAlive();
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        stopWatching();
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        stop();
        reject(interrupted(what, signal as AbortSignal));
      };
      const stopWatching = pump.watch(() => {
        if (!pump.poisoned && !holds()) return;
        stop();
        if (pump.poisoned) reject(pump.poisoned);
        else resolve();
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort);
    });
  }

  /** Suspend, resume and close of one device follow each other. Who is interrupted before its turn leaves the line. */
  #inOrder<T>(what: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    if (signal?.aborted) return Promise.reject(interrupted(what, signal));
    const before = this.#change;
    const turn = signal ? turnOf(before, what, signal) : before;
    const next = turn.then(run);
    this.#change = before.then(() => next).catch(() => {});
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
        { errno: 'EBUSY' },
      );
      return Promise.reject(error);
    }
    this.#closing = this.#inOrder('close', undefined, () => this.#close());
    // a suspend that waits would keep the close waiting
    if (this.#state === 'suspending' && !this.#services.pump.poisoned) this.giveUpWaiting();
    return this.#closing;
  }

  /** What waits for a path or for a resume fails: nobody is left who would bring either. */
  giveUpWaiting(): void {
    const { pump } = this.#services;
    const before = this.#state;
    const isFirst = !this.#isGivenUp;
    this.#state = 'closing';
    this.#isGivenUp = true;
    if (isFirst && before === 'suspended') {
      // what was held back by a suspend has no table to go to any more
      pump.core.exports.setExtents(this.#device.id, 0, 0, 0, this.#live?.level ?? 0);
    } else if (isFirst) {
      this.#live?.each('presuspend', (target) => target.presuspend?.(false));
    }
    pump.core.exports.setState(pump.time.now(), this.#device.id, DEVICE_RUNNING, 0);
    pump.core.exports.kick(pump.time.now(), this.#device.id);
    pump.drive();
  }

  async #close(): Promise<void> {
    const { pump } = this.#services;
    if (!pump.poisoned) {
      this.giveUpWaiting();
      try {
        await this.#until(
          'close',
          undefined,
          () => this.#owner.countOutstanding() === 0 && pump.core.figures(this.#device.id)[FIGURE_BIOS] === 0,
        );
      } catch (error) {
        // the core has failed: all I/O has been rejected, and what is left is to let go
        if (error !== pump.poisoned) throw error;
      }
    }
    this.letGo();
    await this.#services.removeDevice(this.#device);
  }

  /** Lets go of the tables; nothing is in flight. */
  letGo(): void {
    this.clear();
    this.#live?.destroy();
    this.#live = undefined;
    this.#state = 'closed';
    this.#host.alarms.close();
    this.#host.regions.close();
  }

  assertNotClosed(what: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') {
      throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.#device.name} is closed`, { errno: 'ENXIO' });
    }
    this.#services.pump.assertAlive();
  }

  /** Throws ERR_RQDM_CLOSED once `close` was called, ERR_RQDM_NO_TABLE while there is no table to do I/O by. */
  assertOpen(what: string): void {
    if (this.#closing) {
      throw new RqdmError('ERR_RQDM_CLOSED', `${what}: ${this.#device.name} is closed`, { errno: 'ENXIO' });
    }
    this.#services.pump.assertAlive();
    if (this.#live) return;
    throw new RqdmError('ERR_RQDM_NO_TABLE', `${what}: ${this.#device.name} has no live table`, { errno: 'EIO' });
  }
}

/** `before`, or the end of waiting for it. */
function turnOf(before: Promise<unknown>, what: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(interrupted(what, signal));
    signal.addEventListener('abort', abort);
    void before.then(() => {
      signal.removeEventListener('abort', abort);
      resolve(undefined);
    });
  });
}
