// The failure script: what happens to paths and controllers, at times or when something has come true.

import type { Scenario, ScriptStep } from './scenario.ts';
import { STATUS_BY_NAME } from './status-names.ts';
import { parseDuration } from './units.ts';
import { BEGIN_NS, type World, type WorldPath } from './world.ts';

/** Of calls that are to fail, where the script does not say. */
const STATUS_DEFAULT = 'medium';

/** What the run is told of the script. */
export interface ScriptEvents {
  /** A path goes down now: who is in flight may have to wait. */
  pathDown(path: string): void;
  pathUp(path: string): void;
}

export class Script {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #events: ScriptEvents;
  /** Steps that wait for a count of I/Os, the lowest first. */
  readonly #byIos: ScriptStep[];

  constructor(world: World, scenario: Scenario, events: ScriptEvents) {
    this.#world = world;
    this.#scenario = scenario;
    this.#events = events;
    const { script } = scenario;
    for (const step of script) if (step.at !== undefined) this.#at(BEGIN_NS + step.at, () => this.#do(step));
    this.#byIos = script.filter(({ when }) => when?.ios !== undefined).sort((a, b) => (a.when?.ios ?? 0) - (b.when?.ios ?? 0));
    for (const device of world.devices) {
      device.on('path-failed', ({ path }) => this.#cameTrue('failed', path));
      device.on('path-reinstated', ({ path }) => this.#cameTrue('reinstated', path));
    }
  }

  /** I/Os after which `ended` wants to be called; Infinity: never. */
  get nextIos(): number {
    return this.#byIos[0]?.when?.ios ?? Number.POSITIVE_INFINITY;
  }

  /** So many I/Os have ended. */
  ended(ios: number): void {
    while (this.nextIos <= ios) this.#later(this.#byIos.shift() as ScriptStep);
  }

  readonly #happened: Set<number> = new Set();
  /** Each step comes once. */
  readonly #done: Set<ScriptStep> = new Set();

  #cameTrue(what: 'failed' | 'reinstated', node: string): void {
    for (const step of this.#scenario.script) {
      const wanted = step.when?.[what];
      if (wanted === undefined || this.#done.has(step) || this.#world.paths.get(wanted)?.node !== node) continue;
      this.#later(step);
    }
  }

  #later(step: ScriptStep): void {
    this.#done.add(step);
    this.#at(this.#world.time.now() + (step.when?.after ?? 0), () => this.#do(step));
  }

  #at(atNs: number, run: () => void): void {
    this.#world.time.at(atNs, run);
  }

  /** Numbers, from 1 on, of the steps that have not come. */
  get unreached(): number[] {
    return [...this.#scenario.script.keys()].filter((index) => !this.#happened.has(index)).map((index) => index + 1);
  }

  #do(step: ScriptStep): void {
    this.#happened.add(this.#scenario.script.indexOf(step));
    if (step.do === 'reboot') {
      this.#reboot(step);
      return;
    }
    const names = step.path === undefined ? [] : typeof step.path === 'string' ? [step.path] : step.path;
    for (const name of names) this.#doTo(this.#world.paths.get(name) as WorldPath, step);
  }

  #doTo(path: WorldPath, step: ScriptStep): void {
    const { model } = path;
    const undo = (run: () => void): void => {
      if (step.for !== undefined) this.#at(this.#world.time.now() + step.for, run);
    };
    const value = Number(step.value);
    switch (step.do) {
      case 'down':
        this.#down(path);
        undo(() => this.#up(path));
        break;
      case 'up':
        this.#up(path);
        break;
      case 'slow':
        this.#world.say(`${path.node} answers ${value} times as slowly`);
        model.slow(value);
        undo(() => model.slow(1));
        break;
      case 'errors':
        this.#errors(path, step.status ?? STATUS_DEFAULT, step.rate as number, undo);
        break;
      case 'queue_depth':
        this.#world.say(`the port of ${path.node} takes ${value} calls at a time`);
        model.link.setDepth(value);
        undo(() => model.link.setDepth());
        break;
      case 'flap':
        this.#flap(path, parseDuration(step.value as string | number) as number, this.#world.time.now() + (step.for as number));
        break;
      case 'reboot':
        break;
    }
  }

  #errors({ node, model }: WorldPath, name: string, rate: number, undo: (run: () => void) => void): void {
    this.#world.say(`${node} fails ${rate} of its calls: ${name}`);
    const status = STATUS_BY_NAME[name] as number;
    model.fail(status, rate);
    undo(() => model.fail(status, 0));
  }

  #down(path: WorldPath): void {
    if (path.model.isDown) return;
    this.#world.say(`${path.node} is down`);
    this.#events.pathDown(path.name);
    path.model.down(this.#scenario.fast_io_fail_tmo / 1e6);
  }

  #up(path: WorldPath): void {
    if (!path.model.isDown) return;
    this.#world.say(`${path.node} is up`);
    path.model.up();
    this.#events.pathUp(path.name);
  }

  /** Down for so long, up for so long, and ends up. */
  #flap(path: WorldPath, halfNs: number, untilNs: number): void {
    this.#down(path);
    this.#at(this.#world.time.now() + halfNs, () => {
      this.#up(path);
      const nextNs = this.#world.time.now() + halfNs;
      if (nextNs < untilNs) this.#at(nextNs, () => this.#flap(path, halfNs, untilNs));
    });
  }

  /** Its paths go down together; another controller takes the volume over, and keeps it. */
  #reboot({ storage, controller, for: durationNs = 0 }: ScriptStep): void {
    const paths = [...this.#world.paths.values()].filter(
      ({ settings }) => settings.to === storage && settings.controller === controller,
    );
    this.#world.say(`controller ${controller} of ${storage} reboots`);
    for (const path of paths) this.#down(path);
    const others = [...this.#world.paths.values()].filter(
      ({ settings }) => settings.to === storage && settings.controller !== controller,
    );
    const successor = others[0];
    const array = this.#world.arrays.get(storage as string);
    const isOwner = (paths[0]?.model.shared.array?.owner ?? controller) === controller;
    if (isOwner && successor !== undefined) {
      if (array !== undefined) array.setState(successor.settings.controller + 1, 'active/optimized');
      else if (successor.model.shared.array !== undefined) successor.model.shared.array.owner = successor.settings.controller;
    }
    this.#at(this.#world.time.now() + durationNs, () => {
      for (const path of paths) this.#up(path);
      this.#world.say(`controller ${controller} of ${storage} is back`);
    });
  }
}
