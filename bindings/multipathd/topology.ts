// A multipath device as `multipath -ll` shows it:
//
//   d dm-0 rqdm,multipath
//   size=1.0M features='1 queue_if_no_path' hwhandler='0' wp=rw
//   |-+- policy='service-time 0' prio=1 status=active
//   | |- #:#:#:# mem:a?size=1M#1 240:1 active ready running
//   | `- #:#:#:# mem:a?size=1M#2 240:2 failed faulty running
//   `-+- policy='service-time 0' prio=1 status=enabled
//     `- #:#:#:# mem:a?size=1M#3 240:3 active ready running
//
// There are no SCSI addresses, hence `#:#:#:#`. The first word behind a path's number is the map's opinion, the second
// the checker's: ready, faulty, delayed (marginal), undef where nobody has checked it.

import type { MappedDevice } from '../device/device.ts';
import { type GroupStatus, type PathStatus, readMultipathStatus } from './multipath-status.ts';
import type { CheckedPath } from './path-checker.ts';

export interface TopologyOptions {
  /** What a PathChecker knows (`checker.paths`); missing: nobody checks. */
  readonly checked?: readonly CheckedPath[];
  /** A group's priority is the mean of its active paths'. Default 1. */
  readonly priority?: (path: PathStatus) => number;
}

const UNITS = ['K', 'M', 'G', 'T', 'P'] as const;

/** Lines end with `\n`. Throws RqdmError `ERR_RQDM_ARGUMENT` for a device that isn't multipath. */
export function topology(device: MappedDevice, options: TopologyOptions = {}): string {
  const status = readMultipathStatus(device);
  const words = (list: readonly string[]): string => (list.length === 0 ? '0' : `${list.length} ${list.join(' ')}`);
  const minor = device.number.split(':')[1];
  const lines = [
    `${device.name} dm-${minor} rqdm,multipath`,
    `size=${sizeText(status.lengthSectors)} features='${words(status.features)}' hwhandler='${words(status.handler)}' wp=${device.isReadOnly ? 'ro' : 'rw'}`,
  ];
  const columns = columnWidths(status.groups);
  for (const [index, group] of status.groups.entries()) {
    const isLast = index === status.groups.length - 1;
    const policy = `${group.selector} ${words(group.selectorWords)}`;
    lines.push(`${isLast ? '`' : '|'}-+- policy='${policy}' prio=${priorityOf(group, options)} status=${group.state}`);
    for (const [at, path] of group.paths.entries()) {
      const branch = at === group.paths.length - 1 ? '`' : '|';
      const name = `${path.word.padEnd(columns.word)} ${path.number.padEnd(columns.number)}`;
      lines.push(
        `${isLast ? ' ' : '|'} ${branch}- #:#:#:# ${name} ${path.isActive ? 'active' : 'failed'} ${checkedText(path, options)} running`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function sizeText(sectors: number): string {
  let size = sectors / 2;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(size < 10 ? 1 : 0)}${UNITS[unit]}`;
}

function columnWidths(groups: readonly GroupStatus[]): { word: number; number: number } {
  const paths = groups.flatMap((group) => group.paths);
  const most = (lengths: readonly number[]): number => lengths.reduce((longest, length) => Math.max(longest, length), 0);
  return { word: most(paths.map(({ word }) => word.length)), number: most(paths.map(({ number }) => number.length)) };
}

function priorityOf(group: GroupStatus, { priority = () => 1 }: TopologyOptions): number {
  const active = group.paths.filter((path) => path.isActive);
  if (active.length === 0) return 0;
  return Math.floor(active.reduce((sum, path) => sum + priority(path), 0) / active.length);
}

function checkedText(path: PathStatus, { checked }: TopologyOptions): string {
  const found = checked?.find(({ number }) => number === path.number);
  if (found?.isMarginal) return 'delayed';
  if (found?.isUp === undefined) return 'undef';
  return found.isUp ? 'ready' : 'faulty';
}
