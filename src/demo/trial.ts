// One trial: a device of one type over the two paths, under load, with a path that fails in the middle and comes back.

import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceMapper, type DeviceStats, type MappedDevice } from '../../bindings/index.ts';
import type { BlockModel } from './blocks.ts';
import { Load } from './load.ts';
import type { Screen } from './screen.ts';

export const LABELS = ['a', 'b'] as const;
/** The path that fails, and when it does and comes back, as shares of the trial. */
const FAILING = 'b';
const FAIL_AT = 0.4;
const REINSTATE_AT = 0.7;
const PROGRESS_MS = 200;
/** From the fault to the failed path: the next I/O on it. */
const NOTICE_MS_MAX = 1000;

export type DeviceType = 'request' | 'bio';

export interface TrialSettings {
  readonly type: DeviceType;
  readonly file: string;
  /** What each call on a path costs, a rule of the `delay` wrapper; undefined: what it costs here. */
  readonly pathDelay: string | undefined;
  readonly seed: number;
  readonly durationMs: number;
  /** Nothing happens to the paths, and nothing is said. */
  readonly isWarmUp: boolean;
}

/** A part of the trial, between two changes of the paths. */
export interface Stretch {
  readonly durationMs: number;
  readonly completed: number;
}

export interface TrialResult {
  readonly type: DeviceType;
  readonly durationMs: number;
  readonly stats: DeviceStats;
  /** Reads and writes that ended well, and with an error. */
  readonly completed: number;
  readonly failed: number;
  readonly firstError: unknown;
  readonly verifiedBytes: number;
  readonly wrongBytes: number;
  /** `path-failed` and `path-reinstated` events. */
  readonly pathsFailed: number;
  readonly pathsReinstated: number;
  /** Both paths, one path, both paths again. */
  readonly stretches: readonly Stretch[];
}

/**
 * The word of a path: the same file, told apart by a label, each with a fault switch of that name. A modelled path gets
 * its time from a timer and needs no thread: threads would only compete with it for processors.
 */
export function pathWord(file: string, label: string, pathDelay: string | undefined): string {
  const cost = pathDelay === undefined ? '' : `&delay=${pathDelay}&serial=${label}&mode=inline`;
  return `${file}?switch=${label}${cost}#${label}`;
}

export function typeTitle(type: DeviceType): string {
  return type === 'request' ? 'request-based' : 'bio-based';
}

/** Throws what opening throws; what goes wrong under load is in the result. */
export async function runTrial(settings: TrialSettings, model: BlockModel, screen: Screen): Promise<TrialResult> {
  const mapper = new DeviceMapper({ mode: 'auto' });
  try {
    const words = LABELS.map((label) => pathWord(settings.file, label, settings.pathDelay));
    const device = await mapper.openDevice(words, { name: 'demo', type: settings.type, selector: 'service-time' });
    return await new Trial(settings, mapper, device, model, screen).run();
  } finally {
    await mapper.close();
  }
}

class Trial {
  readonly #settings: TrialSettings;
  readonly #mapper: DeviceMapper;
  readonly #device: MappedDevice;
  readonly #screen: Screen;
  readonly #load: Load;
  readonly #stretches: Stretch[] = [];
  #beganMs = 0;
  #stretchBeganMs = 0;
  #stretchCompleted = 0;
  #pathsFailed = 0;
  #pathsReinstated = 0;
  #shownMs = 0;
  #shownCompleted = 0;

  constructor(settings: TrialSettings, mapper: DeviceMapper, device: MappedDevice, model: BlockModel, screen: Screen) {
    this.#settings = settings;
    this.#mapper = mapper;
    this.#device = device;
    this.#screen = screen;
    this.#load = new Load(device, model, settings.seed);
  }

  async run(): Promise<TrialResult> {
    const device = this.#device;
    const load = this.#load;
    device.on('path-failed', () => this.#pathsFailed++);
    device.on('path-reinstated', () => this.#pathsReinstated++);
    this.#say('begins');
    // starts the threads of the paths, whose time is not the device's
    await load.runOnce();
    this.#beganMs = performance.now();
    this.#stretchBeganMs = this.#beganMs;
    this.#stretchCompleted = load.completed;
    const ticker = this.#screen.isLive ? setInterval(() => this.#show(), PROGRESS_MS) : undefined;
    const loaded = load.run();
    // a load that fails stops by itself, before its story is at its end
    const early = new AbortController();
    await Promise.race([loaded, this.#story(early.signal)]).finally(() => {
      load.stop();
      early.abort();
      clearInterval(ticker);
    });
    await loaded;
    this.#endStretch();
    const durationMs = performance.now() - this.#beganMs;
    this.#say('ended');
    return {
      type: this.#settings.type,
      durationMs,
      stats: device.stats(),
      completed: load.completed,
      failed: load.failed,
      firstError: load.firstError,
      verifiedBytes: load.verifiedBytes,
      wrongBytes: load.wrongBytes,
      pathsFailed: this.#pathsFailed,
      pathsReinstated: this.#pathsReinstated,
      stretches: this.#stretches,
    };
  }

  /** What happens to the paths while the load runs. Aborted, it stays where it is. */
  async #story(signal: AbortSignal): Promise<void> {
    const { durationMs, file, pathDelay, isWarmUp } = this.#settings;
    const fault = this.#mapper.faultSwitches.get(FAILING);
    const until = (share: number): Promise<void> =>
      sleep(Math.max(0, this.#beganMs + share * durationMs - performance.now()), undefined, { signal });
    if (isWarmUp) return until(1);
    await until(FAIL_AT);
    const noticed = new Promise<void>((resolve) => this.#device.once('path-failed', () => resolve()));
    fault.fail();
    await Promise.race([noticed, sleep(NOTICE_MS_MAX, undefined, { signal })]);
    this.#endStretch();
    this.#say(`path ${FAILING} fails; paths ${this.#statesText()}`);
    await until(REINSTATE_AT);
    fault.mend();
    this.#device.message(['reinstate_path', pathWord(file, FAILING, pathDelay)]);
    this.#endStretch();
    this.#say(`path ${FAILING} is back; paths ${this.#statesText()}`);
    await until(1);
  }

  #say(text: string): void {
    if (!this.#settings.isWarmUp) this.#screen.event(`${typeTitle(this.#settings.type)}: ${text}`);
  }

  #endStretch(): void {
    const now = performance.now();
    const { completed } = this.#load;
    this.#stretches.push({ durationMs: now - this.#stretchBeganMs, completed: completed - this.#stretchCompleted });
    this.#stretchBeganMs = now;
    this.#stretchCompleted = completed;
  }

  #show(): void {
    if (this.#settings.isWarmUp) return;
    const now = performance.now();
    const { completed } = this.#load;
    const { merges } = this.#device.stats();
    this.#screen.progress({
      title: typeTitle(this.#settings.type),
      share: (now - this.#beganMs) / this.#settings.durationMs,
      iops: ((completed - this.#shownCompleted) / (now - (this.#shownMs || this.#beganMs))) * 1000,
      merges: merges.back + merges.front + merges.request,
      paths: this.#states(),
    });
    this.#shownMs = now;
    this.#shownCompleted = completed;
  }

  /** As multipath itself tells it in its status line. */
  #states(): Map<string, string> {
    const words = this.#device.status().split(' ');
    const { paths } = this.#device.stats();
    return new Map(paths.map((path, i) => [LABELS[i], words[words.indexOf(path.number) + 1]]));
  }

  #statesText(): string {
    return [...this.#states()].map(([label, state]) => `${label} ${state}`).join(', ');
  }
}
