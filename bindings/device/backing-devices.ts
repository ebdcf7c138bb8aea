// The backing devices of a mapper: opened by the first table that names a word, closed by the last one that lets go; or
// attached under a node's name, and then open until they are detached.
import type { Core } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import type { OpenPathOptions } from '../path/open.ts';
import { openPath } from '../path/open.ts';
import type { Path } from '../path/path.ts';
import type { PathLimits } from '../path/reference.ts';
import { isBackingWord, relativeFileHint } from '../path/word.ts';
import { CacheDomains } from './cache-domains.ts';
import { MAPPED_MAJOR } from './names.ts';
import { BackingDevice } from './opened.ts';
import type { Pump } from './pump.ts';
import type { QueueValue } from './queue-settings.ts';

const BACKING_MAJOR = 240;
const NUMBER = /^(0|[1-9][0-9]{0,3}):(0|[1-9][0-9]{0,6})$/;

export interface AttachOptions {
  /** `MAJOR:MINOR`. Default: one of ours. */
  readonly number?: string;
  /** In place of the path's own. */
  readonly limits?: Partial<PathLimits>;
  /**
   * Devices with the same key lose or keep the same unflushed writes, so one flush is for all of them. Default: all
   * attached devices are one, as one array behind several paths.
   */
  readonly cacheKey?: string;
  readonly readOnly?: boolean;
  /** Settings of its queue by the kernel's names. */
  readonly queue?: Readonly<Record<string, QueueValue>>;
}

/** What backing devices need of their mapper. */
export interface BackingHost {
  readonly core: Core;
  readonly pump: Pump;
  /** For `openPath`, but whether it is read-only. */
  readonly path: Omit<OpenPathOptions, 'isReadOnly'>;
  freeId(): number;
  take(id: number, device: BackingDevice | undefined): void;
  /** Limits of the device, or what it can, are others now: who stands on it looks again. */
  limitsChanged(id: number): void;
  log(line: string): void;
}

const ATTACHED_CACHE = 'attached';

export class BackingDevices {
  readonly #host: BackingHost;
  readonly #byWord: Map<string, BackingDevice> = new Map();
  readonly #byNode: Map<string, BackingDevice> = new Map();
  readonly #byNumber: Map<string, BackingDevice> = new Map();
  readonly #cacheDomains: CacheDomains = new CacheDomains();
  /** Paths being closed, with the mapped device that let go of each. */
  readonly #closings: Map<Promise<void>, number | undefined> = new Map();

  constructor(host: BackingHost) {
    this.#host = host;
  }

  /** One that is there already: by node, by the same word, or by number. */
  find(word: string, isReadOnly: boolean): BackingDevice | undefined {
    return (
      this.#byNode.get(word) ??
      this.#byWord.get(writableKey(word)) ??
      (isReadOnly ? this.#byWord.get(word) : undefined) ??
      this.#byNumber.get(word)
    );
  }

  /** Throws RqdmError, also what the path throws. Nobody holds the device yet. */
  open(word: string, isReadOnly: boolean): BackingDevice {
    if (!isBackingWord(word)) {
      const hint = relativeFileHint(word);
      throw new RqdmError(
        'ERR_RQDM_WORD',
        hint ?? `"${word}" names no device: expected a file (/… or ./…), mem:, null:, MAJOR:MINOR, or the name of a device`,
        { errno: 'ENODEV' },
      );
    }
    const device = this.#open(word, isReadOnly, {});
    this.#byWord.set(isReadOnly ? word : writableKey(word), device);
    return device;
  }

  #open(word: string, isReadOnly: boolean, options: AttachOptions, node?: string): BackingDevice {
    const { core, pump } = this.#host;
    const id = this.#host.freeId();
    const path: Path = openPath(word, { ...this.#host.path, isReadOnly });
    let device: BackingDevice;
    try {
      const number = options.number ?? this.#freeNumber(id);
      const cacheDomain = this.#domainOf(node === undefined ? path.cacheKey : `node ${options.cacheKey ?? ATTACHED_CACHE}`);
      device = new BackingDevice(core, path, {
        id,
        number,
        word: node ?? path.word,
        cacheDomain,
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        limitsChanged: () => this.#host.limitsChanged(id),
        wake: () => pump.schedule(),
        enter: (change) => pump.enterNow(change),
      });
      if (options.queue !== undefined) {
        try {
          device.queue.setAll(options.queue);
        } catch (error) {
          core.exports.destroyDevice(id);
          throw error;
        }
      }
    } catch (error) {
      void path.close();
      throw error;
    }
    this.#host.take(id, device);
    this.#byNumber.set(device.number, device);
    pump.paths[id] = path;
    return device;
  }

  #domainOf(key: string): number {
    return this.#cacheDomains.numberOf(key, () => new Set(this.list().map(({ cacheDomain }) => cacheDomain)));
  }

  #freeNumber(id: number): string {
    let minor = id;
    while (this.#byNumber.has(`${BACKING_MAJOR}:${minor}`)) minor += 4096;
    return `${BACKING_MAJOR}:${minor}`;
  }

  /** Opens `word` under the name of a node, which tables may name from now on. Held until `detach`. */
  attach(node: string, word: string, options: AttachOptions): BackingDevice {
    if (!/^\/\S*[^\s/]$/.test(node)) {
      throw new RqdmError('ERR_RQDM_WORD', `attach: ${JSON.stringify(node)} is no node: expected a name such as /dev/sda`, {
        errno: 'EINVAL',
      });
    }
    const { number } = options;
    const major = NUMBER.exec(number ?? '')?.[1];
    if (number !== undefined && (major === undefined || Number(major) === MAPPED_MAJOR || Number(major) >= 4096)) {
      throw new RqdmError(
        'ERR_RQDM_WORD',
        `attach ${node}: number is ${JSON.stringify(number)}: expected MAJOR:MINOR, another major than ${MAPPED_MAJOR}`,
        { errno: 'EINVAL' },
      );
    }
    if (this.#byNode.has(node) || (number !== undefined && this.#byNumber.has(number))) {
      throw new RqdmError(
        'ERR_RQDM_EXISTS',
        `attach ${node}: the ${this.#byNode.has(node) ? 'node' : 'number'} is taken already`,
        {
          errno: 'EBUSY',
        },
      );
    }
    const device = this.#open(word, options.readOnly === true, options, node);
    device.holders++;
    this.#byNode.set(node, device);
    return device;
  }

  /** Resolves when its path is closed. Throws ERR_RQDM_BUSY while a table names the device. */
  detach(node: string): Promise<void> {
    const device = this.#byNode.get(node);
    if (!device) throw new RqdmError('ERR_RQDM_WORD', `detach: no device is attached as ${node}`, { errno: 'ENXIO' });
    if (device.holders > 1) {
      throw new RqdmError('ERR_RQDM_BUSY', `detach: ${node} is in use by a table`, { errno: 'EBUSY' });
    }
    this.#byNode.delete(node);
    return this.letGo(device);
  }

  detachAll(): void {
    for (const device of this.#byNode.values()) void this.letGo(device);
    this.#byNode.clear();
  }

  /** All that are open, in the order of their opening. */
  list(): BackingDevice[] {
    return [...this.#byNumber.values()];
  }

  /** One holder less; the last one closes it. `holder` is the mapped device whose end waits for the path's. */
  letGo(device: BackingDevice, holder?: number): Promise<void> {
    device.holders--;
    if (device.holders > 0) return Promise.resolve();
    const { core, pump } = this.#host;
    for (const [key, held] of this.#byWord) if (held === device) this.#byWord.delete(key);
    this.#byNumber.delete(device.number);
    const close = device.path.close().catch((error: unknown) => this.#host.log(`${device.word}: ${String(error)}`));
    const closing = close.then(() => {
      pump.paths[device.id] = undefined;
      this.#host.take(device.id, undefined);
      if (!pump.poisoned) core.exports.destroyDevice(device.id);
      pump.tracer.forget(device.id);
      this.#closings.delete(closing);
    });
    this.#closings.set(closing, holder);
    return closing;
  }

  /** Closes what was opened to know its size, and what nobody holds now. */
  letGoUnheld(holder: number): void {
    for (const device of this.list()) {
      if (device.holders > 0) continue;
      device.holders++;
      void this.letGo(device, holder);
    }
  }

  /** Resolves when the paths that this mapped device let go of are closed; without one, all. */
  async closed(holder?: number): Promise<void> {
    await Promise.all(
      [...this.#closings].filter(([, of]) => holder === undefined || of === holder).map(([closing]) => closing),
    );
  }
}

/** A word opened for writing; under the word itself stands what a read-only table has opened. */
function writableKey(word: string): string {
  return `rw ${word}`;
}
