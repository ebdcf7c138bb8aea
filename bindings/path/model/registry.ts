// Models of one mapper by name: what a word's `model=` and `link=` mean, the stores that paths of one name share, and the
// devices behind the paths that are open.

import { RqdmError } from '../../errors.ts';
import type { Time } from '../../time/time.ts';
import { SeededRandom } from '../fault/random.ts';
import { type ArrayDescription, ControllerArray } from './array.ts';
import { type DiskDescription, DiskModel } from './disk.ts';
import { DiskQueue } from './disk-queue.ts';
import { type FixedDescription, FixedModel } from './fixed.ts';
import { Link, type LinkDescription } from './link.ts';
import type { StorageModel } from './model.ts';
import { ModelledDevice, type SharedStore } from './modelled-device.ts';
import { LINK_PROFILES, STORAGE_PROFILES } from './profiles.ts';
import type { SsdDescription } from './ssd.ts';
import { SsdModel } from './ssd.ts';

export type StorageDescription = DiskDescription | SsdDescription | FixedDescription;

/** What `model=NAME` means. */
export interface ModelDescription {
  readonly storage: StorageDescription;
  readonly array?: ArrayDescription | undefined;
}

const SEED_DEFAULT = 1;

export class ModelRegistry {
  readonly #models: Map<string, ModelDescription> = new Map();
  readonly #links: Map<string, LinkDescription> = new Map();
  readonly #shared: Map<string, { readonly store: SharedStore; readonly of: ModelDescription; holders: number }> = new Map();
  readonly #devices: Map<string, ModelledDevice> = new Map();

  constructor() {
    for (const [name, { description }] of STORAGE_PROFILES) this.#models.set(name, { storage: description });
    for (const [name, description] of LINK_PROFILES) this.#links.set(name, description);
  }

  /** For words that are opened from now on. */
  setModel(name: string, description: ModelDescription): void {
    this.#models.set(name, description);
  }

  setLink(name: string, description: LinkDescription): void {
    this.#links.set(name, description);
  }

  /** The device behind an open path, by its word. */
  device(word: string): ModelledDevice | undefined {
    return this.#devices.get(word);
  }

  /** Whether the storage rotates: a limit of its paths. Throws ERR_RQDM_WORD for a name that nobody has given. */
  isRotational(word: string, model: string): boolean {
    return this.#named(this.#models, word, 'model', model).storage.kind === 'disk';
  }

  /** Throws ERR_RQDM_WORD. */
  open(options: {
    readonly word: string;
    readonly name: string;
    readonly model: string;
    readonly link: string;
    readonly controller: number;
    readonly seed: number | undefined;
    readonly time: Time;
  }): ModelledDevice {
    const { word, name, controller, time } = options;
    const description = this.#named(this.#models, word, 'model', options.model);
    const link = this.#named(this.#links, word, 'link', options.link);
    const controllers = description.array?.controllers ?? 1;
    if (controller >= controllers) {
      throw new RqdmError('ERR_RQDM_WORD', `${word}: option 'controller=${controller}': expected 0 to below ${controllers}`);
    }
    const random = new SeededRandom(options.seed ?? SEED_DEFAULT);
    const shared = this.#hold(word, name, description, time);
    const device = new ModelledDevice({
      word,
      link: new Link(link, random),
      controller,
      shared,
      random,
      now: () => time.now(),
      release: () => {
        shared.queue?.withdrawAll(device);
        if (this.#devices.get(word) === device) this.#devices.delete(word);
        this.#letGo(name);
      },
    });
    this.#devices.set(word, device);
    return device;
  }

  #named<T>(map: ReadonlyMap<string, T>, word: string, option: string, name: string): T {
    const found = map.get(name);
    if (found !== undefined) return found;
    throw new RqdmError('ERR_RQDM_WORD', `${word}: option '${option}=${name}': expected one of ${[...map.keys()].join(', ')}`);
  }

  #hold(word: string, name: string, description: ModelDescription, time: Time): SharedStore {
    let shared = this.#shared.get(name);
    if (shared === undefined) {
      const { storage } = description;
      const queue = storage.kind === 'disk' && storage.commandQueue > 1 ? new DiskQueue(storage, time) : undefined;
      const store = queue ?? createStorage(storage);
      const array = description.array === undefined ? undefined : new ControllerArray(description.array, store);
      shared = { store: { store, array, queue }, of: description, holders: 0 };
      this.#shared.set(name, shared);
    }
    if (shared.of !== description) {
      throw new RqdmError(
        'ERR_RQDM_WORD',
        `${word}: '${name}' is another model already: expected one model for all paths of a name`,
      );
    }
    shared.holders++;
    return shared.store;
  }

  #letGo(name: string): void {
    const shared = this.#shared.get(name);
    if (shared === undefined || --shared.holders > 0) return;
    shared.store.queue?.close();
    this.#shared.delete(name);
  }
}

/** Without a command queue: whoever has one needs a clock. */
export function createStorage(description: StorageDescription): StorageModel {
  switch (description.kind) {
    case 'disk':
      return new DiskModel(description);
    case 'ssd':
      return new SsdModel(description);
    case 'fixed':
      return new FixedModel(description);
  }
}
