// mptest's stress of a multipath map, in this process: four paths in two groups, large writes and small I/O of every kind
// on top, and one kind of trouble again and again. No I/O may fail, whatever happens to the paths: the map queues.
//
// At its end every byte is read and compared, all paths are well, nothing is in flight, the map is replaced by `error`
// and removed as mptest does it, and all records and all of the arena are free again.

import * as assert from 'uvu/assert';
import type { DeviceMapper, MappedDevice } from '../../bindings/index.ts';
import { type PathStatus, readMultipathStatus } from '../../bindings/multipathd/multipath-status.ts';
import { BlockLoad } from './block-load.ts';
import { type PoolFigures, poolFigures } from './mapper-parts.ts';
import { Random } from './random.ts';
import { SoakLoad } from './soak-load.ts';

export const SCENARIOS = ['no failure', 'paths offline', 'paths deleted', 'paths failed', 'groups disabled'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export type QueueMode = 'mq' | 'rq' | 'bio';

/** Clock and storage of a run. */
export interface Stage {
  readonly mapper: DeviceMapper;
  /** The word of one of the four paths; `generation` tells paths that were found again from those before them. */
  word(path: number, generation: number): string;
  /** The name of that path's fault switch. */
  switchOf(path: number, generation: number): string;
  /**
   * About a second: on a clock that is moved a second, else until some I/Os have ended; or, where `holds` is given, until
   * that is so, and a little longer.
   */
  phase(ios: () => number, holds?: () => boolean): Promise<void>;
  /** Until a promise has settled: moves the clock if it does not move by itself. */
  wait<T>(promise: Promise<T>): Promise<T>;
}

export interface MptestOptions {
  readonly scenario: Scenario;
  readonly queueMode: QueueMode;
  readonly seed: number;
  /** How often the trouble comes. */
  readonly rounds: number;
}

export interface MptestResult {
  readonly ios: number;
  readonly bytesVerified: number;
  /** Phases that began and ended without any path, with I/O waiting. */
  readonly phasesWithoutPath: number;
  readonly failures: number;
  readonly requeues: number;
  /** What the paths of each group have been given. */
  readonly issuedByGroup: readonly [number, number];
}

const LANES = 6;
const RUNS = 4;
const BLOCK_BYTES = 512 * 1024;
const BLOCKS = 16;
const DEPTH = 2;
const PATHS = 4;

/** Bytes of the device: what storage must have. */
export const MPTEST_BYTES: number = LANES * RUNS * 32 * 1024 + BLOCKS * BLOCK_BYTES;

/** What `limits` of the mapper must be at least. */
export const MPTEST_LIMITS = { devices: 24, bios: 512, requests: 256, arenaBytes: 8 * 1024 * 1024, submits: 64 } as const;

export class Mptest {
  readonly #stage: Stage;
  readonly #options: MptestOptions;
  readonly #small: SoakLoad;
  readonly #large: BlockLoad;
  readonly #who: string;
  #device!: MappedDevice;
  #generation = 0;
  #phasesWithoutPath = 0;

  constructor(stage: Stage, options: MptestOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#who = `RQDM_SEED=${options.seed}, ${options.scenario}, ${options.queueMode}`;
    const random = new Random(options.seed);
    this.#small = new SoakLoad({ random, lanes: LANES, runs: RUNS, who: this.#who, canDiscard: true, canWriteZeroes: true });
    this.#large = new BlockLoad({
      random,
      position: this.#small.sizeBytes,
      blocks: BLOCKS,
      blockBytes: BLOCK_BYTES,
      depth: DEPTH,
      who: this.#who,
      isOver: () => this.#small.isOver,
    });
  }

  async run(): Promise<MptestResult> {
    const { mapper, wait } = this.#stage;
    const before = poolFigures(mapper);
    this.#device = await wait(mapper.createDevice({ name: 'mptest', table: this.#table() }));
    const load = Promise.all([this.#small.run(this.#device), this.#large.run(this.#device)]);
    // one that fails is seen at once, and not when the trouble is over
    const trouble = this.#trouble().finally(() => {
      this.#small.isOver = true;
    });
    await wait(Promise.all([load, trouble]));
    await this.#verify();
    const paths = this.#paths();
    assert.ok(
      paths.every(({ isActive }) => isActive),
      `${this.#who}: a path is left failed: ${this.#device.status()}`,
    );
    const { bioErrors, requeues, inFlight, queued, waiting, paths: given } = this.#device.stats();
    const issued = (first: number): number => (given[first]?.issued ?? 0) + (given[first + 1]?.issued ?? 0);
    assert.equal({ bioErrors, inFlight, queued, waiting }, { bioErrors: 0, inFlight: 0, queued: 0, waiting: 0 }, this.#who);
    await this.#tearDown();
    const after: PoolFigures = poolFigures(mapper);
    assert.equal(after, before, `${this.#who}: all records and all of the arena are free again`);
    return {
      ios: this.#small.ios + this.#large.ios,
      bytesVerified: this.#small.model.verified + this.#large.bytesVerified,
      phasesWithoutPath: this.#phasesWithoutPath,
      failures: paths.reduce((sum, { failures }) => sum + failures, 0),
      requeues,
      issuedByGroup: [issued(0), issued(2)],
    };
  }

  async #verify(): Promise<void> {
    this.verifyFile(await this.#stage.wait(this.#device.read(0, this.#device.size)));
    this.#small.checkUntouched();
    await this.#stage.wait(this.#device.flush());
  }

  /** All that the storage holds. */
  verifyFile(bytes: Uint8Array): void {
    this.#small.model.verify(bytes.subarray(0, this.#small.sizeBytes), 0, `${this.#who}, at the end`);
    this.#large.verify(bytes);
  }

  /** Nothing of the map is left, and nothing of its paths. */
  async #tearDown(): Promise<void> {
    const { mapper, wait } = this.#stage;
    const device = this.#device;
    device.load(`0 ${MPTEST_BYTES / 512} error`);
    await wait(device.suspend({ nolockfs: true, noflush: true }));
    await wait(device.resume());
    await wait(device.remove());
    assert.equal([...mapper.devices, ...mapper.backings], [], `${this.#who}: a device is left`);
  }

  #table(): string {
    const { queueMode } = this.#options;
    const words = Array.from({ length: PATHS }, (_, path) => `${this.#stage.word(path, this.#generation)} 1`);
    const group = (first: number): string => `queue-length 0 2 1 ${words[first]} ${words[first + 1]}`;
    const features = `4 queue_if_no_path retain_attached_hw_handler queue_mode ${queueMode}`;
    return `0 ${MPTEST_BYTES / 512} multipath ${features} 0 2 1 ${group(0)} ${group(2)}`;
  }

  #paths(): PathStatus[] {
    return readMultipathStatus(this.#device).groups.flatMap((group) => [...group.paths]);
  }

  // ---- trouble -------------------------------------------------------------------------------------------------------

  async #trouble(): Promise<void> {
    for (let round = 0; round < this.#options.rounds; round++) {
      await this.#phase();
      switch (this.#options.scenario) {
        case 'no failure':
          break;
        case 'paths offline':
          await this.#offlineInTurns(round);
          break;
        case 'paths deleted':
          await this.#deleteAndRescan();
          break;
        case 'paths failed':
          await this.#failAll();
          break;
        case 'groups disabled':
          await this.#disableGroup(1 + (round % 2));
          break;
      }
    }
    await this.#phase();
  }

  /** Each path by itself, then two, three, and all of them. */
  async #offlineInTurns(round: number): Promise<void> {
    const count = 1 + (round % PATHS);
    const chosen = Array.from({ length: count }, (_, index) => (round + index) % PATHS);
    for (const path of chosen) this.#switch(path).fail('offline');
    await this.#phase(count === PATHS);
    for (const path of chosen) this.#switch(path).mend();
    this.#reinstate();
  }

  /** All paths go at once. Those that are found again are others, and a new table names them. */
  async #deleteAndRescan(): Promise<void> {
    for (let path = 0; path < PATHS; path++) this.#switch(path).fail('offline');
    await this.#phase(true);
    this.#generation++;
    this.#device.load(this.#table());
    await this.#device.suspend({ nolockfs: true, noflush: true });
    await this.#device.resume();
  }

  async #failAll(): Promise<void> {
    for (const { number } of this.#paths()) this.#device.message(`fail_path ${number}`);
    await this.#phase(true);
    this.#reinstate();
  }

  async #disableGroup(group: number): Promise<void> {
    this.#device.message(`disable_group ${group}`);
    await this.#phase();
    this.#device.message(`enable_group ${group}`);
  }

  #reinstate(): void {
    for (const { number } of this.#paths()) this.#device.message(`reinstate_path ${number}`);
  }

  #switch(path: number): { fail(status: string): void; mend(): void } {
    return this.#stage.mapper.faultSwitches.get(this.#stage.switchOf(path, this.#generation));
  }

  /** `isWithoutPath`: what the phase is there for; at its end there is none, and I/O waits. */
  async #phase(isWithoutPath = false): Promise<void> {
    const ios = (): number => this.#small.ios + this.#large.ios;
    if (!isWithoutPath) return this.#stage.phase(ios);
    await this.#stage.phase(ios, () => this.#isHeld());
    assert.ok(this.#isHeld(), `${this.#who}: without a path no I/O waits: ${this.#device.status()}`);
    this.#phasesWithoutPath++;
  }

  #isHeld(): boolean {
    const { waiting, queued, inFlight } = this.#device.stats();
    return inFlight === 0 && waiting + queued > 0 && this.#paths().every(({ isActive }) => !isActive);
  }
}
