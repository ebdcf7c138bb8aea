// Hardware handlers for arrays of one vendor each. There are no such arrays here, and each handler behaves as in Linux 6.1
// before a disk that isn't of its vendor: `emc` and `rdac` refuse it, `hp_sw` takes any disk that answers for an active path.

import type { DeviceReference } from '../../target.ts';
import type { HandlerContext, HandlerTimers, HandlerType, HardwareHandler } from './handler.ts';
import { ACTIVATION_OK, HandlerError } from './handler.ts';

function refusing(name: string, errno: string, reason: string): HandlerType {
  return {
    name,
    attach(device: DeviceReference, context: HandlerContext): HardwareHandler {
      context.log(`${device.word}: ${name}: ${reason}`);
      throw new HandlerError(errno, `${device.word} is no array for "${name}"`);
    },
  };
}

export const emcHandler: HandlerType = refusing('emc', 'ENODEV', 'Invalid information section length 96');
export const rdacHandler: HandlerType = refusing('rdac', 'EINVAL', 'Attach failed (8)');

export const hpSwHandler: HandlerType = {
  name: 'hp_sw',
  attach(device: DeviceReference, context: HandlerContext): HardwareHandler {
    context.log(`${device.word}: hp_sw: attached to active path`);
    return { activate: (_timers: HandlerTimers, done: (result: number) => void): void => done(ACTIVATION_OK) };
  },
};
