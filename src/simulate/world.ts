// From a scenario to a mapper on virtual time: storage, paths as nodes (`/dev/NAME`), tables over them, checkers.

import {
  ArrayModel,
  DeviceMapper,
  type DeviceQueue,
  type MappedDevice,
  PathChecker,
  type PathStatus,
} from '../../bindings/index.ts';
import { COMMAND_QUEUE_MAX } from '../../bindings/path/model/disk-queue.ts';
import type { LinkDescription } from '../../bindings/path/model/link.ts';
import type { ModelledDevice } from '../../bindings/path/model/modelled-device.ts';
import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import type { StorageDescription } from '../../bindings/path/model/registry.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { seedOf } from './random.ts';
import type { DeviceSettings, LinkSettings, MapSettings, PathSettings, Scenario, Settings } from './scenario.ts';

/** Everything that happens in a run happens after this. */
export const BEGIN_NS = 1_000_000_000;
/** The largest I/O with payload. Nothing is moved, so all payload lies at one place, and the arena is as large as that. */
export const PAYLOAD_BYTES_MAX: number = 32 * 1024 * 1024;
const LIMITS = { bios: 65536, requests: 32768, submits: 4096, extents: 1024, arenaBytes: PAYLOAD_BYTES_MAX };
const PREFERRED = 80;
/** The core keeps a few of the bios that a device may have for its own business: pieces, requeues. */
export const IN_FLIGHT_MAX = 24_576;

export interface WorldPath {
  readonly name: string;
  readonly node: string;
  readonly settings: PathSettings;
  readonly model: ModelledDevice;
}

export class World {
  readonly time: VirtualTime = new VirtualTime(BEGIN_NS);
  readonly mapper: DeviceMapper;
  readonly paths: ReadonlyMap<string, WorldPath>;
  readonly arrays: ReadonlyMap<string, ArrayModel>;
  readonly devices: MappedDevice[] = [];
  readonly checkers: PathChecker[] = [];
  /** What checkers and targets have said, with the time. */
  readonly log: string[] = [];
  readonly #scenario: Scenario;

  private constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    const names = Object.keys(scenario.paths);
    const devices = names.length + (scenario.devices?.length ?? 1) + 2;
    this.mapper = new DeviceMapper({
      time: this.time,
      limits: { ...LIMITS, devices, traceRecords: 0, regionBytes: 0 },
      log: (line) => this.say(line),
    });
    this.#nameModels();
    const paths = new Map<string, WorldPath>();
    for (const name of names) paths.set(name, this.#openPath(name, seed));
    this.paths = paths;
    this.arrays = this.#makeArrays();
  }

  /** Throws what the tables' constructors say, with the line. */
  static async build(scenario: Scenario, seed: number): Promise<World> {
    const world = new World(scenario, seed);
    try {
      await world.#createDevices();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  say(line: string): void {
    this.log.push(`${((this.time.now() - BEGIN_NS) / 1e9).toFixed(6)} ${line}`);
  }

  /** Whom the load goes to, by name. */
  device(name: string | undefined): MappedDevice {
    const found = name === undefined ? this.devices.at(-1) : this.devices.find((device) => device.name === name);
    if (found !== undefined) return found;
    throw new Error(`no device "${name}": expected one of ${this.devices.map((device) => device.name).join(', ')}`);
  }

  #nameModels(): void {
    const { models } = this.mapper;
    for (const [name, { model, set, array }] of Object.entries(this.#scenario.storage)) {
      const profile = STORAGE_PROFILES.get(model);
      if (profile === undefined) {
        throw new Error(`storage ${name}: no model "${model}": expected one of ${[...STORAGE_PROFILES.keys()].join(', ')}`);
      }
      const storage = changed(profile.description, set, `storage ${name}`);
      const description =
        array === undefined
          ? undefined
          : { controllers: array.controllers, cpuUs: array.cpu_us, hopUs: array.hop_us, hopMBps: array.hop_MBps };
      models.setModel(`scenario.${name}`, { storage, array: description });
    }
    for (const [name, link] of Object.entries(this.#scenario.links)) models.setLink(name, this.#linkOf(link, `link ${name}`));
  }

  #linkOf(link: LinkSettings, who: string): LinkDescription {
    const base = LINK_PROFILES.get(link.like ?? 'direct');
    if (base === undefined) {
      throw new Error(`${who}: no link "${link.like}": expected one of ${[...LINK_PROFILES.keys()].join(', ')}`);
    }
    return {
      latencyUs: link.latency_us ?? base.latencyUs,
      MBps: link.MBps ?? base.MBps,
      jitter: link.jitter ?? base.jitter,
      queueDepth: link.queue_depth ?? base.queueDepth,
      busyUs: link.busy_us ?? base.busyUs,
    };
  }

  #openPath(name: string, seed: number): WorldPath {
    const settings = this.#scenario.paths[name] as PathSettings;
    const { to, link, controller, depth, options, queue } = settings;
    const storage = this.#scenario.storage[to] as Scenario['storage'][string];
    let linkName = typeof link === 'string' ? link : `path.${name}`;
    if (typeof link !== 'string') this.mapper.models.setLink(linkName, this.#linkOf(link, `path ${name}`));
    if (linkName === '') linkName = 'direct';
    const words: Settings = {
      size: storage.size,
      model: `scenario.${to}`,
      link: linkName,
      controller,
      depth,
      seed: seedOf(seed, `path ${name}`),
      ...(hasCache(storage.model) ? { cache: to } : {}),
      ...options,
    };
    const text = Object.entries(words).map(([option, value]) => `${option}=${value}`);
    const word = `sim:${to}?${text.join('&')}#${name}`;
    const node = `/dev/${name}`;
    setAll(this.mapper.attach(node, word, { cacheKey: to }).queue, queue);
    const model = this.mapper.models.device(word) as ModelledDevice;
    return { name, node, settings, model };
  }

  #makeArrays(): Map<string, ArrayModel> {
    const arrays = new Map<string, ArrayModel>();
    for (const [name, { array }] of Object.entries(this.#scenario.storage)) {
      if (array?.alua !== true) continue;
      const paths = [...this.paths.values()].filter(({ settings }) => settings.to === name);
      const groups = Array.from({ length: array.controllers }, (_, controller) => ({
        id: controller + 1,
        state: controller === 0 ? ('active/optimized' as const) : ('active/non-optimized' as const),
        isPreferred: controller === 0,
        ports: paths.filter(({ settings }) => settings.controller === controller).map(({ node }) => node),
      })).filter(({ ports }) => ports.length > 0);
      const model = new ArrayModel({ groups, transitionMs: array.transition / 1e6 });
      for (const { model: device, node, settings } of paths) {
        device.access = () => model.statusOf(node);
        const controllers = device.shared.array;
        if (controllers === undefined) continue;
        controllers.ownerOf = () => {
          const owner = paths.find((path) => model.stateOf(path.node) === 'active/optimized');
          return owner?.settings.controller ?? controllers.owner;
        };
        void settings;
      }
      this.mapper.addArray(model);
      arrays.set(name, model);
    }
    return arrays;
  }

  async #createDevices(): Promise<void> {
    const { map, table, devices, type, elevator, queue, checker } = this.#scenario;
    const all: readonly DeviceSettings[] = devices ?? [
      { name: 'mp', table: table ?? tableOf(map as MapSettings, [...this.paths.keys()]), type, queue: {} },
    ];
    for (const one of all) {
      const device = await this.mapper.createDevice({
        name: one.name,
        table: one.table,
        ...(one.type === undefined ? {} : { type: one.type }),
      });
      this.devices.push(device);
      if (device.type === 'request') setAll(device.queue, { scheduler: one.elevator ?? elevator, ...queue, ...one.queue });
      if (checker !== undefined && / multipath /.test(device.table())) this.#check(device);
    }
    if (this.devices.some((device) => device.type === 'bio')) {
      for (const { node, settings } of this.paths.values()) {
        const backing = this.mapper.backing(node);
        if (backing !== undefined) setAll(backing.queue, { scheduler: elevator, ...queue, ...settings.queue });
      }
    }
  }

  #check(device: MappedDevice): void {
    const { polling_interval, max_polling_interval, failback, no_path_retry } = this.#scenario.checker as NonNullable<
      Scenario['checker']
    >;
    this.checkers.push(
      new PathChecker(this.mapper, device, {
        checker: (path) => this.#testUnitReady(path),
        intervalMs: polling_interval / 1e6,
        ...(max_polling_interval === undefined ? {} : { intervalMsMax: max_polling_interval / 1e6 }),
        failback,
        ...(no_path_retry === undefined ? {} : { noPathRetry: no_path_retry }),
        priority: (path) => this.#priority(path),
        log: (line) => this.say(line),
      }),
    );
  }

  #pathOf({ word }: PathStatus): WorldPath | undefined {
    return [...this.paths.values()].find(({ node }) => node === word);
  }

  /** As TEST UNIT READY; undefined: the array is changing the state of the port. */
  #testUnitReady(status: PathStatus): Promise<boolean | undefined> {
    const model = this.#pathOf(status)?.model;
    if (model === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      const answer = (): void => {
        // lost on its way: it hangs with all other calls
        if (model.isDown && this.time.now() < model.givenUpNs) this.time.at(model.givenUpNs, answer);
        else resolve(model.isReady);
      };
      this.time.at(model.testNs(), answer);
    });
  }

  /** As multipath-tools rates a path by its access state and the array's preference. */
  #priority(status: PathStatus): number {
    const path = this.#pathOf(status);
    const array = path === undefined ? undefined : this.arrays.get(path.settings.to);
    if (path === undefined || array === undefined) return 1;
    const state = array.stateOf(path.node);
    const priority =
      { 'active/optimized': 50, 'active/non-optimized': 10, 'lba-dependent': 5, standby: 1 }[state as string] ?? 0;
    // the volume belongs elsewhere: whoever fails back brings it there
    return array.isPreferred(path.node) && state !== 'active/optimized' ? priority + PREFERRED : priority;
  }

  /** What is in flight ends first, as time goes on. */
  async close(): Promise<void> {
    for (const checker of this.checkers) await checker.close();
    let isClosed = false;
    const closing = this.mapper.close().finally(() => {
      isClosed = true;
    });
    do await new Promise((resolve) => setImmediate(resolve));
    while (!isClosed && this.time.step());
    await closing;
  }
}

function setAll(queue: DeviceQueue, settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) queue.set(name, typeof value === 'boolean' ? Number(value) : value);
}

function hasCache(model: string): boolean {
  const description = STORAGE_PROFILES.get(model)?.description;
  return description !== undefined && 'writeBufferBytes' in description && description.writeBufferBytes > 0;
}

/** `multipath …` over these paths. */
export function tableOf(map: MapSettings, paths: readonly string[]): string {
  const features = [...(map.queue_if_no_path ? ['queue_if_no_path'] : []), 'queue_mode', map.mapping === 'bio' ? 'bio' : 'rq'];
  const { groups } = map;
  const lists: readonly (readonly string[])[] =
    groups === 'multibus' ? [paths] : groups === 'failover' ? paths.map((path) => [path]) : groups;
  const args = map.path_args;
  const texts = lists.map((list) => {
    const words = list.map((path) => [`/dev/${path}`, ...args].join(' '));
    return `${map.selector} 0 ${list.length} ${args.length} ${words.join(' ')}`;
  });
  const handler = map.handler === undefined ? '0' : `1 ${map.handler}`;
  return `0 * multipath ${features.length} ${features.join(' ')} ${handler} ${lists.length} 1 ${texts.join(' ')}`;
}

/** A profile with some figures changed: those that it has, of the kind that they are. */
function changed(description: StorageDescription, set: Readonly<Record<string, unknown>>, who: string): StorageDescription {
  const figures = description as unknown as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(set)) {
    const had = figures[name];
    if (name === 'kind' || (had === undefined && name !== 'collection')) {
      const known = Object.keys(figures).filter((one) => one !== 'kind');
      throw new Error(`${who}: set: no figure "${name}": expected one of ${known.join(', ')}`);
    }
    if (typeof had === 'number' && !(typeof value === 'number' && Number.isFinite(value) && value >= 0)) {
      throw new Error(`${who}: set: ${name} is ${JSON.stringify(value)}: expected a number from 0 on`);
    }
    if (name === 'commandQueue' && !(Number.isInteger(value) && Number(value) >= 1 && Number(value) <= COMMAND_QUEUE_MAX)) {
      throw new Error(`${who}: set: ${name} is ${JSON.stringify(value)}: expected a whole number, 1 to ${COMMAND_QUEUE_MAX}`);
    }
    if (typeof had === 'object' && (typeof value !== 'object' || value === null)) {
      throw new Error(
        `${who}: set: ${name} is ${JSON.stringify(value)}: expected fields such as ${Object.keys(had as object).join(', ')}`,
      );
    }
  }
  const merged: Record<string, unknown> = { ...figures };
  for (const [name, value] of Object.entries(set)) {
    const had = figures[name];
    merged[name] = typeof had === 'object' && !Array.isArray(had) ? { ...had, ...(value as object) } : value;
  }
  return merged as unknown as StorageDescription;
}
