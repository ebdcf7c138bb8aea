// The initialisation of a priority group by its hardware handler (the kernel's pg_init).
//
//   switch to a group ──▶ required, I/O waits ──the next I/O──▶ a round: each active path is activated
//                                                              │ all have answered
//                            again, at once or after a delay ◀─┴─▶ I/O goes on
//
// What an answer does is told in hardware-handler/handler.ts. A path that asks to be tried again more often than
// pg_init_retries allows fails; the count of rounds starts anew at each change of group.
//
// A path that comes back into the current group is activated by itself; I/O doesn't wait for it, but no new request is
// started meanwhile (busy).

import {
  ACTIVATION_BUSY,
  ACTIVATION_NO_HANDLER,
  ACTIVATION_OFFLINE,
  ACTIVATION_OK,
  ACTIVATION_RETRY,
  ACTIVATION_RETRY_AT_ONCE,
} from './hardware-handler/handler.ts';
import type { MultipathMachine } from './machine.ts';
import type { MultipathPath } from './state.ts';

const DELAY_MS_DEFAULT = 2000;

export class GroupInitialisation {
  /** Rounds since the last change of group. */
  count: number = 0;
  /** The current group needs a round before it may be used. */
  isRequired: boolean = false;
  /** The next round begins after the delay. */
  isDelayed: boolean = false;
  private readonly machine: MultipathMachine;
  private inProgress = 0;
  private isStopped = false;
  private asksForDelay = false;
  private isGroupBusy = false;
  /** Answers of activations that were given up carry an older one. */
  private generation = 0;
  private readonly cancels: Set<() => void> = new Set();

  constructor(machine: MultipathMachine) {
    this.machine = machine;
  }

  get isRunning(): boolean {
    return this.inProgress > 0;
  }

  /** Another group is current. */
  require(): void {
    this.isRequired = true;
    this.count = 0;
  }

  /** Begins a round, unless one is under way. Handlers that answer at once have answered when this returns. */
  begin(): void {
    if (!this.isRunning && !this.isStopped) this.beginRound();
  }

  /** A path has come back into the current group. */
  activateOne(path: MultipathPath): void {
    if (this.isStopped) return;
    this.inProgress += 1;
    this.activate(path, this.generation);
  }

  /** The device is suspended, or the table goes: nobody hears the answers any more. */
  stop(): void {
    this.isStopped = true;
    this.generation += 1;
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
    if (!this.isRunning) return;
    this.isRequired = true;
    this.inProgress = 0;
    // not busy any more
    this.machine.context.kick();
  }

  /** The next I/O begins again with what was given up. */
  restart(): void {
    this.isStopped = false;
  }

  private beginRound(): void {
    const { machine } = this;
    const delayMs = this.isDelayed ? (machine.configuration.pgInitDelayMs ?? DELAY_MS_DEFAULT) : 0;
    const { generation } = this;
    this.count += 1;
    this.isRequired = false;
    this.asksForDelay = false;
    this.isGroupBusy = false;
    const paths = machine.currentGroup?.paths.filter((path) => path.isActive) ?? [];
    this.inProgress += paths.length;
    if (paths.length === 0) this.endRound();
    for (const path of paths) {
      if (delayMs === 0) this.activate(path, generation);
      else this.setTimer(delayMs, () => this.activate(path, generation));
    }
  }

  private activate(path: MultipathPath, generation: number): void {
    let isAnswered = false;
    const done = (result: number): void => {
      if (isAnswered || generation !== this.generation) return;
      isAnswered = true;
      this.answered(path, result);
    };
    if (!path.isActive) {
      done(ACTIVATION_OFFLINE);
      return;
    }
    try {
      if (path.handler === undefined) done(ACTIVATION_NO_HANDLER);
      else path.handler.activate(this.machine.context, done);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.machine.context.log(`multipath: hardware handler of ${path.device.number} threw: ${text}`);
      done(ACTIVATION_NO_HANDLER);
    }
  }

  private answered(path: MultipathPath, result: number): void {
    const { machine } = this;
    if (result === ACTIVATION_OK) {
      // A later path's success doesn't take back that the group is busy.
      if (!this.isRequired && !this.isGroupBusy) path.group.isBypassed = false;
    } else if (result === ACTIVATION_RETRY || result === ACTIVATION_RETRY_AT_ONCE) {
      if (result === ACTIVATION_RETRY) this.asksForDelay = true;
      if (this.count > machine.configuration.pgInitRetries) machine.failPath(path);
      else this.isRequired = true;
    } else {
      machine.context.log(`multipath: Could not failover device ${path.device.number}. Error ${result}.`);
      if (result === ACTIVATION_BUSY) {
        this.isGroupBusy = true;
        machine.bypassGroup(path.group, true);
      } else machine.failPath(path);
    }
    this.inProgress -= 1;
    if (this.inProgress > 0) return;
    this.isDelayed = this.asksForDelay;
    if (this.isRequired) this.beginRound();
    else this.endRound();
  }

  private endRound(): void {
    this.machine.isQueueingForGroup = false;
    this.machine.context.kick();
  }

  private setTimer(delayMs: number, run: () => void): void {
    const cancel = this.machine.context.setTimer(delayMs, () => {
      this.cancels.delete(cancel);
      run();
    });
    this.cancels.add(cancel);
  }
}
