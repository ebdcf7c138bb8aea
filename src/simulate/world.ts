// From a scenario to a mapper on virtual time: storage, paths as nodes (`/dev/NAME`), tables over them, checkers.

import {
  ArrayModel,
  DeviceMapper,
  type DeviceQueue,
  type MappedDevice,
  PathChecker,
  type PathStatus,
} from '../../bindings/index.ts';
import type { LinkDescription } from '../../bindings/path/model/link.ts';
import type { ModelledDevice } from '../../bindings/path/model/modelled-device.ts';
import { LINK_PROFILES } from '../../bindings/path/model/profiles.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { about, aboutAsync, type Field, FieldError } from './field-error.ts';
import { seedOf } from './random.ts';
import type { DeviceSettings, LinkSettings, MapSettings, PathSettings, Scenario, Settings } from './scenario.ts';
import { storageOf } from './storage-figures.ts';

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
  /** Names of storage that holds writes back. */
  readonly #cached: Set<string> = new Set();

  private constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    const names = Object.keys(scenario.paths);
    const devices = names.length + (scenario.devices?.length ?? 1) + 2;
    this.mapper = new DeviceMapper({
      time: this.time,
      limits: { ...LIMITS, devices, traceRecords: 0, regionBytes: 0 },
      // nothing of the machine: a table names paths and devices of the scenario
      allow: [/^sim:/],
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
    return (name === undefined ? this.devices.at(-1) : this.devices.find((device) => device.name === name)) as MappedDevice;
  }

  #nameModels(): void {
    const { models } = this.mapper;
    for (const [name, { model, set, array }] of Object.entries(this.#scenario.storage)) {
      const storage = storageOf(model, set, (path, message) => {
        throw new FieldError(['storage', name, 'set', ...path], message);
      });
      if (storage === undefined) throw new FieldError(['storage', name, 'model'], `no model "${model}"`);
      const description =
        array === undefined
          ? undefined
          : { controllers: array.controllers, cpuUs: array.cpu_us, hopUs: array.hop_us, hopMBps: array.hop_MBps };
      models.setModel(`scenario.${name}`, { storage, array: description });
      if ('writeBufferBytes' in storage && storage.writeBufferBytes > 0) this.#cached.add(name);
    }
    for (const [name, link] of Object.entries(this.#scenario.links)) models.setLink(name, linkOf(link));
  }

  #openPath(name: string, seed: number): WorldPath {
    const settings = this.#scenario.paths[name] as PathSettings;
    const { to, link, controller, depth, options, queue } = settings;
    const storage = this.#scenario.storage[to] as Scenario['storage'][string];
    let linkName = typeof link === 'string' ? link : `path.${name}`;
    if (typeof link !== 'string') this.mapper.models.setLink(linkName, linkOf(link));
    if (linkName === '') linkName = 'direct';
    const words: Settings = {
      size: storage.size,
      model: `scenario.${to}`,
      link: linkName,
      controller,
      depth,
      seed: seedOf(seed, `path ${name}`),
      ...(this.#cached.has(to) ? { cache: to } : {}),
      ...options,
    };
    const text = Object.entries(words).map(([option, value]) => `${option}=${value}`);
    const word = `sim:${to}?${text.join('&')}#${name}`;
    const node = `/dev/${name}`;
    const attached = about(['paths', name, 'options'], () => this.mapper.attach(node, word, { cacheKey: to }));
    setAll(attached.queue, queue, ['paths', name, 'queue']);
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
      for (const { model: device, node } of paths) {
        device.access = () => model.statusOf(node);
        const controllers = device.shared.array;
        if (controllers === undefined) continue;
        controllers.ownerOf = () => {
          const owner = paths.find((path) => model.stateOf(path.node) === 'active/optimized');
          return owner?.settings.controller ?? controllers.owner;
        };
      }
      this.mapper.addArray(model);
      arrays.set(name, model);
    }
    return arrays;
  }

  async #createDevices(): Promise<void> {
    const { map, table, devices, type, checker } = this.#scenario;
    const all: readonly DeviceSettings[] = devices ?? [
      { name: 'mp', table: table ?? tableOf(map as MapSettings, [...this.paths.keys()]), type, queue: {} },
    ];
    for (const [index, one] of all.entries()) {
      const field = devices === undefined ? [map === undefined ? 'table' : 'map'] : ['devices', index, 'table'];
      const device = await this.#about(field, () =>
        this.mapper.createDevice({
          name: one.name,
          table: one.table,
          ...(one.type === undefined ? {} : { type: one.type }),
        }),
      );
      this.devices.push(device);
      if (device.type === 'request') this.#setQueue(device.queue, one, ['devices', index]);
      if (checker !== undefined && / multipath /.test(device.table())) about(['checker'], () => this.#check(device));
    }
    if (this.devices.some((device) => device.type === 'bio')) {
      for (const { name, node, settings } of this.paths.values()) {
        const backing = this.mapper.backing(node);
        if (backing !== undefined) this.#setQueue(backing.queue, settings, ['paths', name]);
      }
    }
  }

  /** What is wrong with a table; whoever names a file of the machine is told what there is instead. */
  async #about<T>(field: Field, run: () => Promise<T>): Promise<T> {
    return aboutAsync(field, run).catch((error: FieldError) => {
      const { code } = (error.cause ?? {}) as { code?: string };
      if (code !== 'ERR_RQDM_NOT_ALLOWED' && !error.message.includes('not allowed here')) throw error;
      const nodes = [...this.paths.values()].map(({ node }) => node);
      throw new FieldError(
        field,
        `${error.message}: a simulation opens nothing of the machine: expected one of ${nodes.join(', ')}, or a device above`,
      );
    });
  }

  /** Of a queue in which requests are made: what all of them have, and then its own settings, which stand at `field`. */
  #setQueue(target: DeviceQueue, own: Pick<DeviceSettings, 'elevator' | 'queue'>, field: Field): void {
    const { elevator, queue } = this.#scenario;
    target.set('scheduler', own.elevator ?? elevator);
    setAll(target, queue, ['queue']);
    setAll(target, own.queue, [...field, 'queue']);
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

function setAll(queue: DeviceQueue, settings: Settings, field: Field): void {
  for (const [name, value] of Object.entries(settings)) {
    about([...field, name], () => queue.set(name, typeof value === 'boolean' ? Number(value) : value));
  }
}

function linkOf(link: LinkSettings): LinkDescription {
  const base = LINK_PROFILES.get(link.like ?? 'direct') as LinkDescription;
  return {
    latencyUs: link.latency_us ?? base.latencyUs,
    MBps: link.MBps ?? base.MBps,
    jitter: link.jitter ?? base.jitter,
    queueDepth: link.queue_depth ?? base.queueDepth,
    busyUs: link.busy_us ?? base.busyUs,
  };
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
