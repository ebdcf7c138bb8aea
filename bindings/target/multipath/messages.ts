// The messages of multipath (`dmsetup message NAME 0 …`); the first word in any case.
//
//   queue_if_no_path | fail_if_no_path
//   disable_group N | enable_group N | switch_group N        N from 1
//   fail_path DEVICE | reinstate_path DEVICE                 every path over that device, in all groups
//   explain …                                                why I/O went where it went (explain.ts)
//
// Nothing here tests paths or fails back: that is up to whoever sends these.

import { RqdmError } from '../../errors.ts';
import { readUnsigned } from '../../table/arguments.ts';
import type { MultipathMachine } from './machine.ts';
import type { PriorityGroup } from './state.ts';

/** Throws RqdmError: `ERR_RQDM_BUSY` (EBUSY) on a suspended device, `ERR_RQDM_MESSAGE` (EINVAL) otherwise. */
export function handleMessage(machine: MultipathMachine, words: readonly string[], isSuspended: boolean): void {
  if (isSuspended) {
    throw new RqdmError(
      'ERR_RQDM_BUSY',
      `${machine.context.deviceName} is suspended: multipath takes no messages until it is resumed`,
      { errno: 'EBUSY' },
    );
  }
  const [first = '', argument] = words;
  const name = first.toLowerCase();
  if (words.length === 1 && name === 'queue_if_no_path') return machine.setQueueIfNoPath(true);
  if (words.length === 1 && name === 'fail_if_no_path') return machine.setQueueIfNoPath(false);
  if (words.length !== 2 || argument === undefined) {
    return refuse(machine, `Invalid multipath message arguments. Expected 2 arguments, got ${words.length}.`);
  }
  switch (name) {
    case 'disable_group':
      return machine.bypassGroup(groupOf(machine, argument, 'bypass_pg'), true);
    case 'enable_group':
      return machine.bypassGroup(groupOf(machine, argument, 'bypass_pg'), false);
    case 'switch_group':
      return machine.switchGroup(groupOf(machine, argument, 'switch_pg_num'));
    case 'fail_path':
      for (const path of pathsOf(machine, argument)) machine.failPath(path);
      return undefined;
    case 'reinstate_path':
      for (const path of pathsOf(machine, argument)) machine.reinstatePath(path);
      return undefined;
    default:
      return refuse(machine, `Unrecognised multipath message received: ${first}`);
  }
}

/** `where` is the kernel's name for who refuses, which its log line ends with. */
function groupOf(machine: MultipathMachine, word: string, where: string): PriorityGroup {
  const { groups } = machine.configuration;
  const group = groups[(readUnsigned(word) ?? 0) - 1];
  return group ?? refuse(machine, `invalid PG number supplied to ${where}`, `expected 1 to ${groups.length}, got "${word}"`);
}

/** A device may be named by its number or by the word that the table has for it. */
export function pathsOf(machine: MultipathMachine, word: string): MultipathMachine['configuration']['paths'] {
  const paths = machine.configuration.paths.filter(({ device }) => device.number === word || device.word === word);
  return paths.length > 0
    ? paths
    : refuse(machine, `message: error getting device ${word}`, `it is no path of ${machine.context.deviceName}`);
}

function refuse(machine: MultipathMachine, kernelText: string, detail?: string): never {
  machine.context.log(`multipath: ${kernelText}`);
  throw new RqdmError('ERR_RQDM_MESSAGE', `multipath: ${kernelText}${detail === undefined ? '' : `: ${detail}`}`);
}
