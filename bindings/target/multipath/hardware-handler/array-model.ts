// A modelled array with asymmetric access: groups of ports, each group in a state, which changes when a host asks for it
// (explicitly) or by itself (`setState`), and takes its time.
//
//   const array = new ArrayModel({
//     groups: [
//       { id: 1, state: 'active/optimized', ports: ['mem:a#1', 'mem:a#2'] },
//       { id: 2, state: 'standby', ports: ['mem:a#3'] },
//     ],
//     transitionMs: 200,
//   });
//   handlers.addArray(array);
//
// A port is the word by which a table names the device (DeviceReference.word). A request for a group that is under way
// already joins it. When a group becomes active/optimized, the one that was so takes `demotedState`.

import { STATUS_OK } from '../../../../assembly/abi.ts';
import { RqdmError } from '../../../errors.ts';
import { SENSE_NOT_READY, type Sense, statusOfSense } from '../../../sense.ts';
import type { HandlerTimers } from './handler.ts';

export type AccessState =
  | 'active/optimized'
  | 'active/non-optimized'
  | 'lba-dependent'
  | 'standby'
  | 'unavailable'
  | 'offline'
  | 'transitioning';

export interface PortGroup {
  readonly id: number;
  readonly state: AccessState;
  /** Words of devices. */
  readonly ports: readonly string[];
  /** The array would like this group to be the optimized one. Default false. */
  readonly isPreferred?: boolean;
}

export interface ArrayOptions {
  readonly groups: readonly PortGroup[];
  /** From the request to the new state. Default 5000. */
  readonly transitionMs?: number;
  /** How long the array takes to report its states. Default 1. */
  readonly reportMs?: number;
  /** Hosts may ask for a change of state; false: the array decides alone. Default true. */
  readonly isExplicit?: boolean;
  /** The array decides alone too. Default true. */
  readonly isImplicit?: boolean;
  /** False: it knows nothing of asymmetric access. Default true. */
  readonly hasStates?: boolean;
  readonly demotedState?: AccessState;
}

/** What a port answers to reads and writes in each state; undefined: it serves them. */
const SENSES: Readonly<Record<AccessState, Sense | undefined>> = {
  'active/optimized': undefined,
  'active/non-optimized': undefined,
  'lba-dependent': undefined,
  standby: { key: SENSE_NOT_READY, asc: 0x04, ascq: 0x0b },
  unavailable: { key: SENSE_NOT_READY, asc: 0x04, ascq: 0x0c },
  offline: { key: SENSE_NOT_READY, asc: 0x04, ascq: 0x12 },
  transitioning: { key: SENSE_NOT_READY, asc: 0x04, ascq: 0x0a },
};

class Group {
  readonly id: number;
  readonly isPreferred: boolean;
  state: AccessState;
  /** It is transitioning because a host asked for it. */
  isRequested: boolean = false;
  /** Whoever waits for the end of its transition. */
  readonly waiting: (() => void)[] = [];

  constructor(group: PortGroup) {
    this.id = group.id;
    this.state = group.state;
    this.isPreferred = group.isPreferred === true;
  }
}

export class ArrayModel {
  readonly transitionMs: number;
  readonly reportMs: number;
  readonly isExplicit: boolean;
  readonly isImplicit: boolean;
  readonly hasStates: boolean;
  /** Requests for a change of state that hosts have made. */
  requests: number = 0;
  private readonly demotedState: AccessState;
  private readonly groups: Map<number, Group> = new Map();
  private readonly byPort: Map<string, Group> = new Map();

  constructor(options: ArrayOptions) {
    this.transitionMs = options.transitionMs ?? 5000;
    this.reportMs = options.reportMs ?? 1;
    this.isExplicit = options.isExplicit ?? true;
    this.isImplicit = options.isImplicit ?? true;
    this.hasStates = options.hasStates ?? true;
    this.demotedState = options.demotedState ?? 'active/non-optimized';
    for (const group of options.groups) {
      const made = new Group(group);
      if (this.groups.has(group.id)) throw new RqdmError('ERR_RQDM_ARGUMENT', `array: group ${group.id} is there twice`);
      this.groups.set(group.id, made);
      for (const port of group.ports) {
        if (this.byPort.has(port)) throw new RqdmError('ERR_RQDM_ARGUMENT', `array: port ${port} is in two groups`);
        this.byPort.set(port, made);
      }
    }
  }

  /** Words of all its ports. */
  get ports(): readonly string[] {
    return [...this.byPort.keys()];
  }

  stateOf(port: string): AccessState {
    return this.groupOf(port).state;
  }

  isPreferred(port: string): boolean {
    return this.groupOf(port).isPreferred;
  }

  /** The array changes a group's state by itself. An end of a transition is told to who waits. */
  setState(id: number, state: AccessState): void {
    const group = this.groups.get(id);
    if (group === undefined) throw new RqdmError('ERR_RQDM_ARGUMENT', `array: no group ${id}`);
    this.enter(group, state);
  }

  /**
   * A host asks: make this port's group active/optimized. `done` when the transition is over, however it ended; one that
   * is under way is joined. Who joins brings timers too: those of the first may go with its table.
   */
  requestOptimized(port: string, timers: HandlerTimers, done: () => void): void {
    const group = this.groupOf(port);
    if (group.state === 'active/optimized') {
      done();
      return;
    }
    group.waiting.push(done);
    if (group.state !== 'transitioning') {
      this.requests += 1;
      group.state = 'transitioning';
      group.isRequested = true;
    }
    if (!group.isRequested) return;
    timers.setTimer(this.transitionMs, () => {
      // Somebody may have set another state meanwhile, or ended it.
      if (group.isRequested) this.enter(group, 'active/optimized');
    });
  }

  /** The sense that a read or write through this port ends with now; undefined: it is served. */
  senseOf(port: string): Sense | undefined {
    return SENSES[this.groupOf(port).state];
  }

  /** The status that goes with it: what a modelled path answers. */
  statusOf(port: string): number {
    const sense = this.senseOf(port);
    return sense === undefined ? STATUS_OK : statusOfSense(sense);
  }

  private enter(group: Group, state: AccessState): void {
    if (state === 'active/optimized') {
      for (const other of this.groups.values()) {
        if (other !== group && other.state === 'active/optimized') other.state = this.demotedState;
      }
    }
    group.state = state;
    group.isRequested = false;
    if (state === 'transitioning') return;
    for (const done of group.waiting.splice(0)) done();
  }

  private groupOf(port: string): Group {
    const group = this.byPort.get(port);
    if (group === undefined) throw new RqdmError('ERR_RQDM_ARGUMENT', `array: no port ${port}`);
    return group;
  }
}
