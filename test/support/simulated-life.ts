// A whole life of a mapper in virtual time: random I/O on a stack of devices over slow and failing paths, while tables,
// states and settings change. No clock, no thread: the same seed gives the same history, to the byte.

import { createHash, type Hash } from 'node:crypto';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { poolFigures } from './mapper-parts.ts';
import { Random } from './random.ts';
import { SoakLoad } from './soak-load.ts';
import { Trouble, type Troubled } from './soak-trouble.ts';

export type Shape = 'request' | 'bio' | 'linear-on-request' | 'striped-on-request' | 'request-on-request';
export const SHAPES: readonly Shape[] = ['request', 'bio', 'linear-on-request', 'striped-on-request', 'request-on-request'];

export interface LifeOptions {
  readonly seed: number;
  readonly shape: Shape;
  /** I/Os after which it ends. */
  readonly ios: number;
  /** Errors that another path does not mend come too. */
  readonly mayFail: boolean;
}

export interface LifeResult {
  /** Of all that has happened: every event of the core, every end of an I/O, every change, with their times. */
  readonly digest: string;
  /** Lines of the history, as far as they were kept. */
  readonly lines: readonly string[];
  readonly ios: number;
  readonly failed: number;
  readonly aborted: number;
  readonly bytesVerified: number;
  readonly requeues: number;
  readonly events: number;
  readonly virtualSeconds: number;
}

const LANES = 12;
const RUNS = 4;
const PIECE_BYTES = 4096;
const LINES_KEPT = 20_000;
const SELECTORS = ['round-robin', 'queue-length', 'service-time'];
const SETTINGS: readonly (readonly [string, readonly string[]])[] = [
  ['scheduler', ['none', 'mq-deadline', 'scan', 'kyber']],
  ['nomerges', ['0', '1', '2']],
  ['nr_requests', ['4', '16', '64', '128']],
  ['max_sectors_kb', ['4', '16', '128', '1280']],
];

export class SimulatedLife {
  readonly #options: LifeOptions;
  readonly #time = new VirtualTime();
  readonly #mapper: DeviceMapper;
  readonly #random: Random;
  readonly #hash: Hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #maps: Troubled[] = [];
  #traced = 0;
  #events = 0;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#mapper = new DeviceMapper({
      time: this.#time,
      limits: { devices: 24, bios: 512, requests: 256, arenaBytes: 1024 * 1024, submits: 64, traceRecords: 65536 },
    });
    this.#mapper.setTracing(true);
  }

  async run(): Promise<LifeResult> {
    const before = poolFigures(this.#mapper);
    const { seed, shape, ios, mayFail } = this.#options;
    const load = new SoakLoad({
      random: this.#random,
      lanes: LANES,
      runs: RUNS,
      who: `seed ${seed}, ${shape}`,
      mayFail,
      canDiscard: true,
      canWriteZeroes: true,
      note: (text) => this.#note(text),
    });
    const top = await this.#wait(this.#build(load.sizeBytes / 512));
    const trouble = new Trouble({
      mapper: this.#mapper,
      random: this.#random,
      load,
      maps: this.#maps,
      pause: () => this.#pause(),
      turnSetting: () => this.#turnSetting(),
      note: (text) => this.#note(text),
    });
    await this.#wait(Promise.all([load.run(top), trouble.run()]), () => {
      if (load.ios >= ios) load.isOver = true;
    });
    const all = await this.#wait(this.#readAll(top, load.sizeBytes));
    load.model.verify(all, 0, `seed ${seed}, ${shape}, at the end`);
    load.checkUntouched();
    await this.#wait(top.flush());
    const requeues = this.#maps.reduce((sum, { device }) => sum + device.stats().requeues, 0);
    const virtualSeconds = this.#time.now() / 1e9;
    await this.#wait(this.#mapper.close());
    this.#drainTrace();
    const after = poolFigures(this.#mapper);
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      throw new Error(`seed ${seed}, ${shape}: not all is free again: ${JSON.stringify({ before, after })}`);
    }
    return {
      digest: this.#hash.digest('hex'),
      lines: this.#lines,
      ios: load.ios,
      failed: load.failed,
      aborted: load.aborted,
      bytesVerified: load.model.verified,
      requeues,
      events: this.#events,
      virtualSeconds,
    };
  }

  /** Every byte, piece by piece; errors of the paths may call for several attempts. */
  async #readAll(device: MappedDevice, sizeBytes: number): Promise<Buffer> {
    const all = Buffer.alloc(sizeBytes);
    for (let position = 0; position < sizeBytes; ) {
      const piece = all.subarray(position, position + PIECE_BYTES);
      try {
        position += await device.readInto(piece, position);
      } catch (error) {
        if (!this.#options.mayFail) throw error;
      }
    }
    return all;
  }

  // ---- the stack ---------------------------------------------------------------------------------------------------

  async #build(sectors: number): Promise<MappedDevice> {
    const { shape } = this.#options;
    const mapper = this.#mapper;
    const half = sectors / 2;
    switch (shape) {
      case 'request':
      case 'bio':
        return this.#multipath('map', shape, sectors, 'disk');
      case 'linear-on-request': {
        await this.#multipath('map', 'request', sectors, 'disk');
        return mapper.createDevice({ name: 'top', table: `0 ${half} linear map 0\n${half} ${half} linear map ${half}` });
      }
      case 'striped-on-request': {
        await this.#multipath('map0', 'request', half, 'left');
        await this.#multipath('map1', 'request', half, 'right');
        return mapper.createDevice({ name: 'top', table: `0 ${sectors} striped 2 16 map0 0 map1 0` });
      }
      case 'request-on-request': {
        await this.#multipath('map', 'request', sectors, 'disk');
        const table = `0 ${sectors} multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 map`;
        return mapper.createDevice({ name: 'top', table });
      }
    }
  }

  async #multipath(name: string, type: 'request' | 'bio', sectors: number, disk: string): Promise<MappedDevice> {
    const mode = `3 queue_if_no_path queue_mode ${type === 'bio' ? 'bio' : 'rq'}`;
    const switches = [`${name}-one`, `${name}-two`];
    const faults = this.#options.mayFail ? '&error=read:medium/97' : '';
    const words = [
      `mem:${disk}?size=${sectors * 512}&cache=${disk}&delay=200us+2us/KiB&serial=${name}-a&switch=${switches[0]}${faults}#1`,
      `mem:${disk}?size=${sectors * 512}&cache=${disk}&delay=350us+1us/KiB&serial=${name}-b&switch=${switches[1]}&flaky=${this.#options.seed}:0.2%#2`,
    ];
    const tables = SELECTORS.flatMap((selector) => [
      `0 ${sectors} multipath ${mode} 0 1 1 ${selector} 0 2 0 ${words.join(' ')}`,
      `0 ${sectors} multipath ${mode} 0 2 1 ${selector} 0 1 0 ${words[0]} ${selector} 0 1 0 ${words[1]}`,
    ]);
    const device = await this.#mapper.createDevice({ name, table: tables[0] as string });
    this.#maps.push({ device, tables, switches });
    return device;
  }

  #turnSetting(): void {
    const devices = this.#mapper.devices.filter(({ type }) => type === 'request');
    const device = devices[this.#random.below(Math.max(1, devices.length))];
    const [name, values] = SETTINGS[this.#random.below(SETTINGS.length)] as (typeof SETTINGS)[number];
    const value = values[this.#random.below(values.length)] as string;
    try {
      device?.queue.set(name, value);
      this.#note(`set ${device?.name} ${name} ${value}`);
    } catch (error) {
      // a limit cannot be raised above those of the devices below
      if (name !== 'max_sectors_kb') throw error;
      this.#note(`set ${device?.name} ${name} ${value} refused`);
    }
  }

  // ---- time and history -----------------------------------------------------------------------------------------------

  #pause(): Promise<void> {
    const ns = 1000 * (1 + this.#random.below(3000));
    return new Promise((resolve) => this.#time.at(this.#time.now() + ns, resolve));
  }

  /** Moves time until the promise has settled. */
  async #wait<T>(promise: Promise<T>, look: () => void = () => {}): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.#time.until(() => {
      look();
      if (++this.#events % 64 === 0) this.#drainTrace();
      return isSettled;
    });
    return promise;
  }

  #note(text: string): void {
    const line = `${this.#time.now()} ${text}`;
    this.#hash.update(line).update('\n');
    if (this.#lines.length < LINES_KEPT) this.#lines.push(line);
  }

  #drainTrace(): void {
    const { events, next, lost } = this.#mapper.readTrace(this.#traced);
    if (lost > 0) throw new Error(`${lost} events of the trace were lost: look more often`);
    this.#traced = next;
    for (const { timeNs, device, action, operation, flags, sector, sectors, detail } of events) {
      this.#hash.update(`${timeNs} ${device} ${action} ${operation} ${flags} ${sector} ${sectors} ${detail}\n`);
    }
  }
}
