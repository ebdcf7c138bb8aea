// Hardware handler `alua`: asymmetric logical unit access, the standard's own way.
//
//   1 alua        activating a path makes its group active/optimized
//   2 alua 1      active/non-optimized is good enough where the array may decide alone and doesn't prefer the group
//   2 alua 0      as without the word
//
// Activation asks for the states first:
//   active/optimized                     done
//   active/non-optimized, lba-dependent  done if no change can be asked for, or with `1` (see above); else ask for it
//   standby, unavailable                 ask for a change; an array that decides alone is given time: RETRY
//   transitioning                        wait for its end, a minute at most, then RETRY
//   offline                              FAILED
//
// Until it has seen a state it takes the path for good. A state that a sense tells of is taken over at once.

import { STATUS_AGAIN, STATUS_IOERR, STATUS_OK } from '../../../../assembly/abi.ts';
import { SENSE_NOT_READY, type Sense } from '../../../sense.ts';
import type { DeviceReference } from '../../target.ts';
import type { AccessState, ArrayModel } from './array-model.ts';
import type { HandlerContext, HandlerTimers, HandlerType, HardwareHandler } from './handler.ts';
import { ACTIVATION_FAILED, ACTIVATION_OK, ACTIVATION_RETRY, HandlerError } from './handler.ts';

const TRANSITION_MS_MAX = 60_000;

const NOT_READY_STATES: Readonly<Record<number, AccessState>> = {
  10: 'transitioning',
  11: 'standby',
  12: 'unavailable',
  18: 'offline',
};

class Alua implements HardwareHandler {
  private readonly array: ArrayModel;
  private readonly port: string;
  private isSparing = false;
  /** As last seen. */
  private state: AccessState = 'active/optimized';

  constructor(array: ArrayModel, port: string) {
    this.array = array;
    this.port = port;
  }

  setParameters(words: readonly string[]): void {
    if (words.length !== 1 || (words[0] !== '0' && words[0] !== '1')) {
      throw new HandlerError('EINVAL', `alua: expected 0 or 1, got "${words.join(' ')}"`);
    }
    this.isSparing = words[0] === '1';
  }

  activate(timers: HandlerTimers, done: (result: number) => void): void {
    timers.setTimer(this.array.reportMs, () => {
      this.look();
      const result = this.resultOfState();
      if (result !== undefined) done(result);
      else this.waitForChange(timers, done);
    });
  }

  /** Asks for a change of state, or joins one that is under way. */
  private waitForChange(timers: HandlerTimers, done: (result: number) => void): void {
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.look();
      done(this.isActive() ? ACTIVATION_OK : ACTIVATION_RETRY);
    };
    const cancel = timers.setTimer(TRANSITION_MS_MAX, end);
    this.array.requestOptimized(this.port, timers, end);
  }

  prepare(_operation: number): number {
    switch (this.state) {
      case 'transitioning':
        // It ends some time, and nobody else may be looking.
        this.look();
        return this.state === 'transitioning' ? STATUS_AGAIN : STATUS_OK;
      case 'standby':
      case 'unavailable':
      case 'offline':
        return STATUS_IOERR;
      default:
        return STATUS_OK;
    }
  }

  checkSense(sense: Sense): number | undefined {
    const state = sense.key === SENSE_NOT_READY && sense.asc === 0x04 ? NOT_READY_STATES[sense.ascq] : undefined;
    if (state !== undefined) this.state = state;
    return undefined;
  }

  private look(): void {
    this.state = this.array.stateOf(this.port);
  }

  private isActive(): boolean {
    return this.state === 'active/optimized' || this.state === 'active/non-optimized' || this.state === 'lba-dependent';
  }

  /** Undefined: a change of state must be asked for or waited for. */
  private resultOfState(): number | undefined {
    const { array } = this;
    if (this.state === 'active/optimized') return ACTIVATION_OK;
    if (this.state === 'offline') return ACTIVATION_FAILED;
    if (this.state === 'transitioning') return undefined;
    if (!array.isExplicit) return this.isActive() ? ACTIVATION_OK : ACTIVATION_RETRY;
    const isGoodEnough = this.isSparing && array.isImplicit && !array.isPreferred(this.port);
    return this.isActive() && isGoodEnough ? ACTIVATION_OK : undefined;
  }
}

export const aluaHandler: HandlerType = {
  name: 'alua',
  attach(device: DeviceReference, context: HandlerContext): HardwareHandler {
    const { array } = context;
    if (array?.hasStates !== true) {
      context.log(`${device.word}: alua: not supported`);
      throw new HandlerError('ENODEV', `${device.word} knows no asymmetric access`);
    }
    return new Alua(array, device.word);
  },
};
