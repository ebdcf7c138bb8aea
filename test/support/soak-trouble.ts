// What goes on around the I/O of a soak: paths fail and come back, tables and states change, settings are turned.

import type { DeviceMapper, MappedDevice } from '../../bindings/index.ts';
import type { Random } from './random.ts';
import type { SoakLoad } from './soak-load.ts';

/** A multipath device of the soak. */
export interface Troubled {
  readonly device: MappedDevice;
  /** Tables that it may be given. */
  readonly tables: readonly string[];
  /** Fault switches of its paths. */
  readonly switches: readonly string[];
}

export interface TroubleOptions {
  readonly mapper: DeviceMapper;
  readonly random: Random;
  readonly load: SoakLoad;
  readonly maps: readonly Troubled[];
  /** A little while: turns of the event loop, or virtual time. */
  pause(): Promise<void>;
  /** Settings that may be turned while I/O runs: of a random device of the stack. */
  readonly turnSetting?: () => void;
  readonly note?: (text: string) => void;
}

export class Trouble {
  readonly #options: TroubleOptions;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Until the load is over; then everything works again. */
  async run(): Promise<void> {
    const { load } = this.#options;
    while (!load.isOver) {
      await this.#one();
      await this.#someIo();
    }
    this.mend();
  }

  async #one(): Promise<void> {
    const { random, mapper, maps, note, turnSetting } = this.#options;
    const map = maps[random.below(maps.length)] as Troubled;
    const { device, switches, tables } = map;
    const choice = random.below(12);
    note?.(`trouble ${choice} ${device.name}`);
    if (choice < 4) {
      mapper.faultSwitches.get(this.#any(switches)).fail(random.onceIn(3) ? 'timeout' : 'transport');
      await this.#someIo();
      this.mend();
    } else if (choice === 4) {
      for (const one of switches) mapper.faultSwitches.get(one).fail();
      await this.#someIo();
      this.mend();
    } else if (choice === 5) {
      device.message(`fail_path ${this.#any(numbersOf(device))}`);
      await this.#someIo();
      this.mend();
    } else if (choice < 8) {
      device.load(this.#any(tables));
      // a flush suspend must find a path for what is in flight
      await this.#suspend(device);
      await this.#options.pause();
      await device.resume();
      this.mend();
    } else if (choice < 10) {
      await this.#suspend(device);
      await this.#options.pause();
      await device.resume();
    } else {
      turnSetting?.();
    }
  }

  /** Now and then it is interrupted. */
  async #suspend(device: MappedDevice): Promise<void> {
    const { random, note } = this.#options;
    const noflush = random.onceIn(2);
    if (!random.onceIn(4)) return device.suspend({ noflush });
    const controller = new AbortController();
    const suspended = device.suspend({ noflush, signal: controller.signal });
    controller.abort();
    try {
      await suspended;
    } catch (error) {
      note?.(`suspend of ${device.name} interrupted`);
      if (!/EINTR|ABORT/i.test(`${(error as { code?: unknown }).code} ${(error as { errno?: unknown }).errno}`)) throw error;
    }
  }

  async #someIo(): Promise<void> {
    const { load, random, pause } = this.#options;
    const target = load.ios + random.below(60);
    // with no path left nothing goes on: then the pauses end the wait
    for (let left = 40; load.ios < target && left > 0; left--) await pause();
  }

  mend(): void {
    const { mapper, maps } = this.#options;
    for (const { device, switches } of maps) {
      for (const one of switches) mapper.faultSwitches.get(one).mend();
      for (const number of numbersOf(device)) device.message(`reinstate_path ${number}`);
    }
  }

  #any<T>(of: readonly T[]): T {
    return of[this.#options.random.below(of.length)] as T;
  }
}

/** The paths of a multipath table, by number. */
function numbersOf(device: MappedDevice): string[] {
  return [...device.table().matchAll(/ (\d+:\d+)(?= |$)/g)].map(([, number]) => number as string);
}
