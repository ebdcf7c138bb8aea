// The machine of multipath: which group and path is next, and what happens when paths fail and come back.
//
// Choosing a path (the order of Linux 6.1):
//   1. no valid path at all: none
//   2. a group was wished for (`switch_group`, the initial group): that one if it has a path; the wish is used up
//   3. the current group, as long as it has a path
//   4. the first group in order that has a path and isn't bypassed
//   5. the first bypassed group that has one
//
// With a hardware handler a group must be initialised before it is used: group-initialisation.ts.
//
// A path fails at its first path error and is not tried again until somebody reinstates it: testing paths is the
// business of whoever sends `reinstate_path`.

import type { DeviceReference, TargetContext } from '../target.ts';
import { GroupInitialisation } from './group-initialisation.ts';
import type { MultipathParameters } from './parameters.ts';
import { NO_PATH } from './selector/selector.ts';
import type { MultipathConfiguration, MultipathPath, PriorityGroup } from './state.ts';

export class MultipathMachine {
  readonly configuration: MultipathConfiguration;
  readonly context: TargetContext;
  validPaths: number;
  readonly initialisation: GroupInitialisation;
  /** I/O waits until a group has been initialised: from the making of the map on, and at each change of group with a handler. */
  isQueueingForGroup: boolean = true;
  queueIfNoPath: boolean;
  currentGroup: PriorityGroup | undefined;
  wishedGroup: PriorityGroup | undefined;
  /** The path chosen last, while I/O waits for its group: who waits doesn't choose again. */
  private waitingPath: MultipathPath | undefined;
  private savedQueueIfNoPath: boolean = false;
  private readonly parameters: MultipathParameters;
  private cancelNoPathTimer: (() => void) | undefined;

  constructor(configuration: MultipathConfiguration, context: TargetContext, parameters: MultipathParameters) {
    this.configuration = configuration;
    this.context = context;
    this.parameters = parameters;
    this.initialisation = new GroupInitialisation(this);
    this.waitingPath = undefined;
    this.validPaths = configuration.paths.length;
    this.queueIfNoPath = configuration.queueIfNoPath;
    this.wishedGroup = configuration.initialGroup;
    this.currentGroup = undefined;
    this.publish();
  }

  // ---- for each I/O --------------------------------------------------------------------------

  /** The path for an I/O of so many bytes, or undefined. */
  choose(bytes: number, nowNs: number): MultipathPath | undefined {
    const group = this.currentGroup;
    if (group !== undefined && this.wishedGroup === undefined) {
      const number = group.selector.select(bytes, nowNs);
      if (number !== NO_PATH) return group.paths[number];
    }
    return this.chooseGroup(bytes, nowNs);
  }

  /** The same for who may have to wait for a group: while I/O waits nobody chooses again. */
  chooseOnce(bytes: number, nowNs: number): MultipathPath | undefined {
    return this.isQueueingForGroup && this.waitingPath !== undefined ? this.waitingPath : this.choose(bytes, nowNs);
  }

  /** May I/O go to the chosen path? Begins the initialisation of its group where that is needed. */
  isGroupReady(): boolean {
    const { initialisation } = this;
    if (!this.isQueueingForGroup && !initialisation.isRequired) return true;
    initialisation.begin();
    return !this.isQueueingForGroup && !initialisation.isRequired && !initialisation.isRunning;
  }

  /** The I/O goes to `path`. */
  start(path: MultipathPath, bytes: number, nowNs: number): void {
    const { selector } = path.group;
    if (selector.startIo !== undefined) selector.startIo(path.number, bytes, nowNs);
  }

  /** It came back. */
  end(path: MultipathPath, bytes: number, issuedAtNs: number, nowNs: number): void {
    const { selector } = path.group;
    if (selector.endIo !== undefined) selector.endIo(path.number, bytes, issuedAtNs, nowNs);
  }

  /** It never went. */
  takeBack(path: MultipathPath, bytes: number): void {
    const { selector } = path.group;
    if (selector.releaseIo !== undefined) selector.releaseIo(path.number, bytes);
  }

  /** Does I/O wait when there is no path? Else it fails. */
  isHoldingIo(): boolean {
    return this.queueIfNoPath || this.context.isNoflushSuspending();
  }

  private chooseGroup(bytes: number, nowNs: number): MultipathPath | undefined {
    if (this.validPaths === 0) {
      this.isQueueingForGroup = false;
      this.forgetCurrent();
      return undefined;
    }
    const wish = this.wishedGroup;
    this.wishedGroup = undefined;
    const path =
      this.pathIn(wish, bytes, nowNs) ??
      this.pathIn(this.currentGroup, bytes, nowNs) ??
      this.pathInAny(false, bytes, nowNs) ??
      this.pathInAny(true, bytes, nowNs);
    if (path === undefined) this.forgetCurrent();
    return path;
  }

  private pathInAny(isBypassed: boolean, bytes: number, nowNs: number): MultipathPath | undefined {
    for (const group of this.configuration.groups) {
      if (group.isBypassed !== isBypassed) continue;
      const path = this.pathIn(group, bytes, nowNs);
      if (path === undefined) continue;
      // A bypassed group was not ready for it lately.
      if (isBypassed) this.initialisation.isDelayed = true;
      return path;
    }
    return undefined;
  }

  private pathIn(group: PriorityGroup | undefined, bytes: number, nowNs: number): MultipathPath | undefined {
    if (group === undefined) return undefined;
    const number = group.selector.select(bytes, nowNs);
    if (number === NO_PATH) return undefined;
    const path = group.paths[number];
    if (group !== this.currentGroup) this.switchTo(group);
    if (this.isQueueingForGroup) this.waitingPath = path;
    return path;
  }

  private switchTo(group: PriorityGroup): void {
    this.currentGroup = group;
    this.isQueueingForGroup = this.configuration.handler !== undefined;
    if (this.isQueueingForGroup) this.initialisation.require();
    else this.initialisation.isRequired = false;
  }

  /** The next I/O looks for a group anew. */
  private forgetCurrent(): void {
    this.currentGroup = undefined;
    this.waitingPath = undefined;
  }

  // ---- paths fail and come back --------------------------------------------------------------------

  failPath(path: MultipathPath): void {
    if (!path.isActive) return;
    const { device, group } = path;
    this.context.log(`multipath: ${this.context.deviceNumber}: Failing path ${device.number}.`);
    group.selector.failPath(path.number);
    path.isActive = false;
    path.failCount += 1;
    group.activePaths -= 1;
    this.validPaths -= 1;
    if (this.waitingPath === path) this.waitingPath = undefined;
    this.publish();
    this.context.event({ kind: 'path-failed', path: device, validPaths: this.validPaths });
    this.startNoPathTimer();
  }

  reinstatePath(path: MultipathPath): void {
    if (path.isActive) return;
    const { device, group } = path;
    this.context.log(`multipath: ${this.context.deviceNumber}: Reinstating path ${device.number}.`);
    group.selector.reinstatePath(path.number);
    path.isActive = true;
    group.activePaths += 1;
    this.validPaths += 1;
    this.stopNoPathTimer();
    if (this.validPaths === 1) this.waitingPath = undefined;
    else if (path.handler !== undefined && group === this.currentGroup) this.initialisation.activateOne(path);
    this.publish();
    this.context.event({ kind: 'path-reinstated', path: device, validPaths: this.validPaths });
    // A flush may wait for a path of one cache while others are valid, so not only the first path that returns wakes.
    this.context.kick();
  }

  // ---- groups ----------------------------------------------------------------------------------------

  bypassGroup(group: PriorityGroup, isBypassed: boolean): void {
    group.isBypassed = isBypassed;
    this.forgetCurrent();
    this.publish();
    this.context.event({ kind: 'table-event', reason: isBypassed ? 'disable_group' : 'enable_group' });
  }

  switchGroup(group: PriorityGroup): void {
    for (const other of this.configuration.groups) other.isBypassed = false;
    this.forgetCurrent();
    this.wishedGroup = group;
    this.publish();
    this.context.event({ kind: 'table-event', reason: 'switch_group' });
  }

  /** The group that the next choice takes, as far as the active paths tell. */
  nextGroup(): PriorityGroup | undefined {
    const hasPath = (group: PriorityGroup | undefined): boolean => group !== undefined && group.activePaths > 0;
    if (hasPath(this.wishedGroup)) return this.wishedGroup;
    if (hasPath(this.currentGroup)) return this.currentGroup;
    const usable = this.configuration.groups.filter(hasPath);
    return usable.find((group) => !group.isBypassed) ?? usable[0];
  }

  /** Tells the core which devices prepMap may choose from now on; none if no path is left. */
  private publish(): void {
    const devices = new Map<number, DeviceReference>();
    for (const path of this.nextGroup()?.paths ?? []) {
      if (path.isActive) devices.set(path.deviceId, path.device);
    }
    this.context.publishDevices([...devices.values()]);
  }

  // ---- queue_if_no_path ----------------------------------------------------------------------------------

  /** The messages `queue_if_no_path` and `fail_if_no_path`. */
  setQueueIfNoPath(isOn: boolean): void {
    this.queueIfNoPath = isOn;
    if (isOn) {
      this.startNoPathTimer();
      return;
    }
    this.stopNoPathTimer();
    // Asked for while suspended it must hold after the resume too.
    this.savedQueueIfNoPath = false;
    this.context.kick();
  }

  /** Off until `restoreQueueIfNoPath`, so that everything in flight can end. */
  saveQueueIfNoPath(): void {
    this.stopNoPathTimer();
    // A second save before the restore would remember the "off" of the first.
    if (this.queueIfNoPath) this.savedQueueIfNoPath = true;
    this.queueIfNoPath = false;
    this.context.kick();
  }

  restoreQueueIfNoPath(): void {
    if (this.savedQueueIfNoPath) this.queueIfNoPath = true;
    this.savedQueueIfNoPath = false;
    this.startNoPathTimer();
  }

  /** Nobody is to wait for ever where a time was set. */
  private startNoPathTimer(): void {
    if (!this.queueIfNoPath || this.validPaths > 0 || this.cancelNoPathTimer !== undefined) return;
    const delayMs = this.parameters.noPathTimeoutMs(this.context.deviceName);
    if (delayMs <= 0) return;
    this.cancelNoPathTimer = this.context.setTimer(delayMs, () => {
      this.cancelNoPathTimer = undefined;
      this.context.log(`multipath: queue_if_no_path timeout on ${this.context.deviceNumber}, failing queued IO`);
      this.setQueueIfNoPath(false);
    });
  }

  private stopNoPathTimer(): void {
    this.cancelNoPathTimer?.();
    this.cancelNoPathTimer = undefined;
  }

  /** The table goes. */
  stop(): void {
    this.stopNoPathTimer();
    this.initialisation.stop();
  }
}
