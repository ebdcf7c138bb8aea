// The timers of a device's targets, over the one alarm that the core keeps for it: the earliest is set, and when it has
// gone off everything that is due runs. So a target's time is the core's time, on the machine's clock and on a virtual one.
import { FIGURE_ALARM } from '../../assembly/abi.ts';
import { callApart } from './call-apart.ts';
import type { Pump } from './pump.ts';

interface Timer {
  readonly atNs: number;
  readonly run: () => void;
}

export class Alarms {
  readonly #pump: Pump;
  readonly #deviceId: number;
  readonly #timers: Set<Timer> = new Set();
  #setAtNs = 0;
  readonly #stop: () => void;

  constructor(pump: Pump, deviceId: number) {
    this.#pump = pump;
    this.#deviceId = deviceId;
    this.#stop = pump.onAlarm(() => this.#look());
  }

  /** Calls `run` once after `delayMs`, outside of the core. Returns what cancels it. */
  set(delayMs: number, run: () => void): () => void {
    const timer = { atNs: this.#pump.time.now() + Math.max(0, delayMs) * 1e6, run };
    this.#timers.add(timer);
    this.#arm();
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** The core's record is new: it has forgotten what was set. */
  renew(): void {
    this.#setAtNs = 0;
    this.#arm();
  }

  close(): void {
    this.#timers.clear();
    this.#stop();
  }

  /** An alarm set too early (its timer has been cancelled) only looks once more. */
  #arm(): void {
    let earliest = Infinity;
    for (const { atNs } of this.#timers) earliest = Math.min(earliest, atNs);
    if (earliest === Infinity || (this.#setAtNs !== 0 && this.#setAtNs <= earliest)) return;
    this.#setAtNs = earliest;
    this.#pump.enter(() => {
      if (this.#setAtNs === earliest) this.#pump.core.exports.setAlarm(this.#deviceId, earliest);
    });
  }

  /** Some device's alarm has gone off. Called outside of the core. */
  #look(): void {
    const figures = this.#pump.core.figures(this.#deviceId);
    if (figures[FIGURE_ALARM] === 0) return;
    figures[FIGURE_ALARM] = 0;
    this.#setAtNs = 0;
    const now = this.#pump.time.now();
    for (const timer of [...this.#timers]) {
      if (timer.atNs > now || !this.#timers.delete(timer)) continue;
      callApart(timer.run);
    }
    this.#arm();
    this.#pump.drive();
  }
}
