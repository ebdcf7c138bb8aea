// The status lines of multipath, to the kernel's letter. Every word is followed by a blank, so the lines end with one.
//
// INFO:  2 <waits for a group 0|1> <group initialisations> 0 <groups> <next group>
//        { <D|A|E> <selector status> <paths> <info words per path> { <device> <A|F> <failures> <words> }… }…
// TABLE: <feature words> [feature…] <0 | 1 handler> <groups> <next group>
//        { <selector> <selector status> <paths> <words per path> { <device> <words> }… }…
//
// TABLE shows the current value of queue_if_no_path, so it is missing while a suspend has switched it off.

import type { DeviceReference } from '../target.ts';
import type { MultipathMachine } from './machine.ts';
import type { MultipathPath, PriorityGroup } from './state.ts';

type Name = (device: DeviceReference) => string;

/** INFO: what `dmsetup status` shows. */
export function infoLine(machine: MultipathMachine, name: Name): string {
  const head = `2 ${machine.isQueueingForGroup ? 1 : 0} ${machine.initialisation.count} 0 ${groupNumbers(machine)}`;
  const pathLine = (path: MultipathPath): string =>
    `${name(path.device)} ${path.isActive ? 'A' : 'F'} ${path.failCount} ${path.group.selector.status('info', path.number)}`;
  const groupLine = (group: PriorityGroup): string =>
    `${groupLetter(machine, group)} ${group.selector.status('info', undefined)}${group.paths.length} ${group.type.infoWords} ${group.paths.map(pathLine).join('')}`;
  return head + machine.configuration.groups.map(groupLine).join('');
}

/** TABLE: what `dmsetup table` shows, and what loads again. */
export function tableLine(machine: MultipathMachine, name: Name): string {
  const features = featureWords(machine);
  const handler = machine.configuration.handler === undefined ? '0' : `1 ${machine.configuration.handler}`;
  const head = `${[features.length, ...features, handler].join(' ')} ${groupNumbers(machine)}`;
  const pathLine = (path: MultipathPath): string => `${name(path.device)} ${path.group.selector.status('table', path.number)}`;
  const groupLine = (group: PriorityGroup): string =>
    `${group.type.name} ${group.selector.status('table', undefined)}${group.paths.length} ${group.type.tableWords} ${group.paths.map(pathLine).join('')}`;
  return head + machine.configuration.groups.map(groupLine).join('');
}

function groupNumbers(machine: MultipathMachine): string {
  const { groups } = machine.configuration;
  const next = machine.wishedGroup ?? machine.currentGroup ?? groups[0];
  return `${groups.length} ${next?.number ?? 0} `;
}

function groupLetter(machine: MultipathMachine, group: PriorityGroup): string {
  if (group.isBypassed) return 'D';
  return group === machine.currentGroup ? 'A' : 'E';
}

/** In the kernel's order, whatever the order in the table was. `queue_mode rq` is the default and not printed. */
function featureWords(machine: MultipathMachine): (string | number)[] {
  const { configuration } = machine;
  const words: (string | number)[] = [];
  if (machine.queueIfNoPath) words.push('queue_if_no_path');
  if (configuration.pgInitRetries > 0) words.push('pg_init_retries', configuration.pgInitRetries);
  if (configuration.pgInitDelayMs !== undefined) words.push('pg_init_delay_msecs', configuration.pgInitDelayMs);
  if (configuration.retainsHandler) words.push('retain_attached_hw_handler');
  if (configuration.queueMode === 'bio') words.push('queue_mode', 'bio');
  return words;
}
