// Path checking, failback and the rule for maps without a path: what multipathd does for the kernel's multipath, in process.
//
// The target never tests paths: one that has failed stays so until somebody says otherwise. A PathChecker is that
// somebody. It drives a device through its public face alone (status, events, messages), so everything it does an
// administrator could type, and it runs on the mapper's clock.
//
//   const checker = new PathChecker(mapper, device, { failback: 'immediate', noPathRetry: 12 });
//   …
//   await checker.close();
//
//   check     each path by itself: every intervalMs; while it is well, at twice the time after each check, up to
//             intervalMsMax. A path that has just failed is looked at within a second.
//   up        and the map has it as failed: reinstate_path (unless it is marginal, see marginal.ts)
//   down      and the map has it as active: fail_path
//   unclear   (the array is changing the port's state): left as it is, looked at again soon
//   failback  a path has come back, and a better group than the one in use has a path: switch_group at once, after some
//             seconds if it stays so, or never
//   no path   noPathRetry: 'queue' and 'fail' set queue_if_no_path on or off; a number holds I/O for so many times
//             intervalMs and then lets it fail, until a path is back

import type { MappedDevice } from '../device/device.ts';
import type { DeviceMapper } from '../device/mapper.ts';
import { RqdmError } from '../errors.ts';
import { type MarginalOptions, MarginalPath } from './marginal.ts';
import { type MultipathStatus, type PathStatus, readMultipathStatus } from './multipath-status.ts';
import { type Checker, openProbe, type Probe } from './probe.ts';

export interface PathCheckerOptions {
  /** `read` (default) reads one block; a function may ask in another way: true, false, or undefined for nobody can say now. */
  readonly checker?: Checker;
  /** Default 5000. */
  readonly intervalMs?: number;
  /** Default four times intervalMs. */
  readonly intervalMsMax?: number;
  /** A check without an answer for so long counts as failed. Default 30 000. */
  readonly timeoutMs?: number;
  /** Back to a better group: never (default), at once, or after so many seconds. */
  readonly failback?: 'manual' | 'immediate' | number;
  /** What becomes of I/O without a path; missing: as the table says. */
  readonly noPathRetry?: 'fail' | 'queue' | number;
  /** Hold flapping paths back; missing: no. */
  readonly marginal?: MarginalOptions;
  /** How good a group is, by its paths; the highest wins, the first of equals. Default: the order of the table. */
  readonly priority?: (path: PathStatus) => number;
  readonly log?: (line: string) => void;
}

/** A path as its checker sees it. */
export interface CheckedPath {
  readonly word: string;
  readonly number: string;
  /** Undefined: not checked yet. */
  readonly isUp: boolean | undefined;
  readonly isMarginal: boolean;
  /** Until its next check, if it stays well. */
  readonly intervalMs: number;
}

const INTERVAL_MS = 5000;
const SOON_MS = 1000;
const TIMEOUT_MS = 30_000;
const NS_PER_MS = 1e6;

class Watched {
  readonly probe: Probe;
  readonly marginal: MarginalPath | undefined;
  path: PathStatus;
  isUp: boolean | undefined = undefined;
  intervalMs: number;
  /** Since the check began nobody has given an answer. */
  isLooking: boolean = false;
  isNoted: boolean = false;
  cancel: () => void = () => {};

  constructor(path: PathStatus, probe: Probe, intervalMs: number, marginal: MarginalOptions | undefined) {
    this.path = path;
    this.probe = probe;
    this.intervalMs = intervalMs;
    this.marginal = marginal === undefined ? undefined : new MarginalPath(marginal);
  }
}

export class PathChecker implements AsyncDisposable {
  readonly device: MappedDevice;
  private readonly mapper: DeviceMapper;
  private readonly options: PathCheckerOptions;
  private readonly intervalMs: number;
  private readonly intervalMsMax: number;
  private readonly watched: Map<string, Watched> = new Map();
  private cancelFailback: (() => void) | undefined;
  private cancelNoPath: (() => void) | undefined;
  /** The retries without a path are used up, and I/O fails. */
  private isGivenUp = false;
  private isClosed = false;

  /** Begins at once. Throws RqdmError: `ERR_RQDM_ARGUMENT` for a device that isn't multipath, or for options out of range. */
  constructor(mapper: DeviceMapper, device: MappedDevice, options: PathCheckerOptions = {}) {
    checkOptions(options);
    this.mapper = mapper;
    this.device = device;
    this.options = options;
    this.intervalMs = options.intervalMs ?? INTERVAL_MS;
    this.intervalMsMax = Math.max(this.intervalMs, options.intervalMsMax ?? 4 * this.intervalMs);
    this.follow(readMultipathStatus(device));
    if (options.noPathRetry !== undefined) this.say(options.noPathRetry === 'fail' ? 'fail_if_no_path' : 'queue_if_no_path');
    device.on('path-failed', this.onFailed);
    this.lookAtPaths();
  }

  /** In the order of the table. */
  get paths(): readonly CheckedPath[] {
    return [...this.watched.values()].map(({ path, isUp, marginal, intervalMs }) => ({
      word: path.word,
      number: path.number,
      isUp,
      isMarginal: marginal?.isMarginal ?? false,
      intervalMs,
    }));
  }

  /** Ends all checks; what the map is told so far stays. A second call is of no effect. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.device.off('path-failed', this.onFailed);
    this.cancelFailback?.();
    this.cancelNoPath?.();
    const all = [...this.watched.values()];
    for (const watched of all) watched.cancel();
    await Promise.all(all.map(({ probe }) => probe.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- checks ------------------------------------------------------------------------------------------------

  /** Paths that a new table has brought are watched, those that it has left out no longer. */
  private follow(status: MultipathStatus): void {
    const paths = pathsByDevice(status);
    for (const [number, watched] of this.watched) {
      const path = paths.get(number);
      if (path !== undefined) watched.path = path;
      else {
        watched.cancel();
        this.watched.delete(number);
        void watched.probe.close();
      }
    }
    for (const [number, path] of paths) {
      if (this.watched.has(number)) continue;
      const probe = openProbe(this.mapper, path, this.options.checker ?? 'read');
      const watched = new Watched(path, probe, this.intervalMs, this.options.marginal);
      this.watched.set(number, watched);
      this.schedule(watched, this.intervalMs);
    }
  }

  private schedule(watched: Watched, delayMs: number): void {
    watched.cancel();
    watched.cancel = this.after(delayMs, () => void this.check(watched));
  }

  private after(delayMs: number, run: () => void): () => void {
    const { time } = this.mapper;
    return time.at(time.now() + delayMs * NS_PER_MS, run, { isIdle: true });
  }

  private get nowMs(): number {
    return this.mapper.time.now() / NS_PER_MS;
  }

  private async check(watched: Watched): Promise<void> {
    if (!this.isAlive()) return;
    // The last look still hangs: nothing has become better.
    if (watched.isLooking) {
      this.judge(watched, false);
      return;
    }
    watched.isLooking = true;
    let isAnswered = false;
    const cancelTimeout = this.after(this.options.timeoutMs ?? TIMEOUT_MS, () => {
      isAnswered = true;
      if (this.isAlive()) this.judge(watched, false);
    });
    const isUp = await watched.probe.look();
    watched.isLooking = false;
    cancelTimeout();
    if (isAnswered || !this.isAlive()) return;
    if (isUp === undefined) this.schedule(watched, Math.min(SOON_MS, this.intervalMs));
    else this.judge(watched, isUp);
  }

  private judge(watched: Watched, isUp: boolean): void {
    let status: MultipathStatus;
    try {
      status = readMultipathStatus(this.device);
    } catch (error) {
      // another target has taken the place of multipath: there is nothing to check any more
      this.report(error instanceof Error ? error.message : String(error));
      void this.close();
      return;
    }
    this.follow(status);
    if (this.watched.get(watched.path.number) === watched) this.decide(watched, status, isUp);
  }

  /** Closes itself with its device. */
  private isAlive(): boolean {
    if (!this.isClosed && this.device.isClosing) void this.close();
    return !this.isClosed;
  }

  private decide(watched: Watched, status: MultipathStatus, isUp: boolean): void {
    const { marginal } = watched;
    const wasUp = watched.isUp;
    watched.isUp = isUp;
    if (!isUp && isActiveSomewhere(status, watched.path.number)) this.say('fail_path', watched.path);
    if (isUp && marginal?.isMarginal && !hasPath(status)) marginal.clear();
    const mayBeUsed = marginal === undefined ? isUp : marginal.checked(isUp, this.nowMs);
    this.note(watched);
    const isBack = mayBeUsed && !watched.path.isActive && this.say('reinstate_path', watched.path);
    const isSteady = isUp && wasUp && !isBack && !marginal?.isMarginal;
    watched.intervalMs = isSteady ? Math.min(watched.intervalMs * 2, this.intervalMsMax) : this.intervalMs;
    this.schedule(watched, marginal?.isSampling ? marginal.sampleIntervalMs : watched.intervalMs);
    this.lookAtPaths();
    if (isBack) this.failBack();
  }

  private readonly onFailed = ({ number }: { number: string }): void => {
    const watched = this.watched.get(number);
    if (watched === undefined || !this.isAlive()) return;
    watched.marginal?.failed(this.nowMs);
    watched.intervalMs = this.intervalMs;
    if (!watched.isLooking) this.schedule(watched, Math.min(SOON_MS, this.intervalMs));
    this.lookAtPaths();
  };

  /** `explain` shows why a path that answers isn't used. */
  private note(watched: Watched): void {
    const isMarginal = watched.marginal?.isMarginal ?? false;
    if (isMarginal === watched.isNoted) return;
    watched.isNoted = isMarginal;
    this.report(
      `${watched.path.word} ${isMarginal ? 'is marginal: held back until it has proved itself' : 'has proved itself'}`,
    );
    this.send(['explain', 'note', watched.path.number, ...(isMarginal ? ['marginal'] : [])]);
  }

  // ---- no path -------------------------------------------------------------------------------------------------

  private lookAtPaths(): void {
    const { noPathRetry } = this.options;
    if (typeof noPathRetry !== 'number') return;
    if (hasPath(readMultipathStatus(this.device))) {
      this.cancelNoPath?.();
      this.cancelNoPath = undefined;
      if (this.isGivenUp && this.say('queue_if_no_path')) this.isGivenUp = false;
    } else if (this.cancelNoPath === undefined && !this.isGivenUp) {
      this.report(`no path left: I/O is held for ${noPathRetry} checks`);
      this.cancelNoPath = this.after(noPathRetry * this.intervalMs, () => {
        this.cancelNoPath = undefined;
        // a suspended device takes no messages: again a little later
        if (!this.isAlive()) return;
        if (this.say('fail_if_no_path')) this.isGivenUp = true;
        else this.lookAtPaths();
      });
    }
  }

  // ---- failback ---------------------------------------------------------------------------------------------------

  private failBack(): void {
    const { failback } = this.options;
    if (failback === undefined || failback === 'manual') return;
    if (failback === 'immediate' || failback === 0) this.switchToBest();
    else if (this.cancelFailback === undefined && this.betterGroup() !== undefined) {
      this.cancelFailback = this.after(failback * 1000, () => {
        this.cancelFailback = undefined;
        if (this.isAlive()) this.switchToBest();
      });
    }
  }

  private switchToBest(): void {
    const group = this.betterGroup();
    if (group === undefined) return;
    const disabled = readMultipathStatus(this.device).groups.filter(({ state }) => state === 'disabled');
    if (!this.send(['switch_group', String(group)])) return;
    // the switch has enabled all groups, which nobody asked for
    for (const { number } of disabled) this.send(['disable_group', String(number)]);
    this.report(`back to group ${group}`);
  }

  /** Number of the group that should be used instead of the one that is; undefined: the right one is. */
  private betterGroup(): number | undefined {
    const { groups, nextGroup } = readMultipathStatus(this.device);
    const priority = (paths: readonly PathStatus[]): number =>
      paths.reduce((sum, path) => sum + (this.options.priority?.(path) ?? 0), 0) / paths.length;
    let best: { number: number; priority: number } | undefined;
    for (const { number, paths, state } of groups) {
      const active = paths.filter((path) => path.isActive);
      if (active.length === 0 || state === 'disabled') continue;
      const found = { number, priority: priority(active) };
      if (best === undefined || found.priority > best.priority) best = found;
    }
    return best === undefined || best.number === nextGroup ? undefined : best.number;
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  /** False: not now (the device is suspended, or has another table by now); a later check comes to the same again. */
  private say(message: string, path?: PathStatus): boolean {
    const isTaken = this.send(path === undefined ? [message] : [message, path.number]);
    if (isTaken) this.report(path === undefined ? message : `${message} ${path.word}`);
    return isTaken;
  }

  private send(words: readonly string[]): boolean {
    try {
      this.device.message(words);
      return true;
    } catch (error) {
      if (error instanceof RqdmError) return false;
      throw error;
    }
  }

  private report(line: string): void {
    this.options.log?.(`${this.device.name}: ${line}`);
  }
}

/** A device that is named twice is one path to look at; it is active when it is so everywhere. */
function pathsByDevice(status: MultipathStatus): Map<string, PathStatus> {
  const paths = new Map<string, PathStatus>();
  for (const path of status.groups.flatMap((group) => group.paths)) {
    const same = paths.get(path.number);
    paths.set(path.number, same === undefined ? path : { ...path, isActive: path.isActive && same.isActive });
  }
  return paths;
}

function isActiveSomewhere(status: MultipathStatus, number: string): boolean {
  return status.groups.some(({ paths }) => paths.some((path) => path.number === number && path.isActive));
}

function hasPath(status: MultipathStatus): boolean {
  return status.groups.some(({ paths }) => paths.some((path) => path.isActive));
}

function checkOptions(options: PathCheckerOptions): void {
  const positive: readonly (keyof PathCheckerOptions)[] = ['intervalMs', 'intervalMsMax', 'timeoutMs'];
  for (const name of positive) {
    const value = options[name];
    if (value === undefined || (typeof value === 'number' && value > 0 && value < Infinity)) continue;
    throw new RqdmError('ERR_RQDM_ARGUMENT', `${name}: expected milliseconds above 0, got ${String(value)}`);
  }
  for (const [name, words] of [
    ['failback', ['manual', 'immediate']],
    ['noPathRetry', ['fail', 'queue']],
  ] as const) {
    const value: unknown = options[name];
    if (value === undefined || words.some((word) => word === value)) continue;
    if (typeof value === 'number' && value >= 0 && value < Infinity) continue;
    throw new RqdmError(
      'ERR_RQDM_ARGUMENT',
      `${name}: expected ${words.join(', ')} or a number from 0 on, got ${String(value)}`,
    );
  }
}
