// What dmsetup 1.02.185 on Linux 6.1 said in recorded sessions, word by word.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';
import { type Entry, parseTranscript, replay } from './transcript.ts';

interface Case {
  readonly name: string;
  readonly ramDisks?: number;
  readonly loopDevices?: number;
  /** What the script does unseen after each device that it could make. */
  readonly after?: string;
  /** A table that only newer parts of the library take: without them the case is skipped. */
  readonly probe?: string;
  /** Entries that are answered otherwise here, on purpose. */
  readonly isOtherwise?: (entry: Entry) => boolean;
  /** What is done in place of such an entry, so that later ones find what they expect. */
  readonly instead?: string;
}

const CASES: readonly Case[] = [
  { name: 'core-lifecycle', ramDisks: 2 },
  {
    name: 'core-names-uuids',
    ramDisks: 1,
    // newer kernels take no such name, and nor do we
    isOtherwise: ({ command }) => command.startsWith('dmsetup create . '),
    instead: 'create dot --notable',
  },
  { name: 'core-report-formats', ramDisks: 3 },
  { name: 'core-events-wait', loopDevices: 2 },
  // the list of targets is our own
  { name: 'core-versions', isOtherwise: ({ command }) => command === 'dmsetup targets' },
  { name: 'linear-args', ramDisks: 1 },
  { name: 'striped-args', ramDisks: 2 },
  // sectors are numbers here: a table ends where they are no longer exact
  { name: 'table-geometry', ramDisks: 2, isOtherwise: ({ input }) => input === '0 18014398509481983 zero\n' },
  { name: 'mp-args', loopDevices: 2 },
  { name: 'mp-features', loopDevices: 2, after: 'remove -f m' },
  {
    name: 'mp-selectors-table',
    loopDevices: 2,
    after: 'remove m',
    probe: '0 64 multipath 0 0 1 1 historical-service-time 0 1 0 /dev/loop0',
    // how a mask of CPUs is printed depends on how many there are
    isOtherwise: ({ command, output }) => [command, ...output].join(' ').includes('io-affinity'),
  },
];

/** Memory disks of the kernel ask for whole pages. */
const RAM_LIMITS = { physicalBlockSectors: 8, ioMinSectors: 8 };

const shared = sharedFolder();

for (const { name, ramDisks = 0, loopDevices = 0, after, probe, isOtherwise, instead } of CASES) {
  test(`${name} is answered as recorded`, async () => {
    if (shared === undefined) return skipAloud('recorded sessions are not here');
    const entries = parseTranscript(readFileSync(join(shared, 'golden', 'cases', name, 'transcript.txt'), 'utf8'));
    assert.ok(entries.length > 0);
    await using room = await ControlRoom.open();
    for (let index = 0; index < ramDisks; index++) room.attach(`/dev/ram${index}`, `1:${index}`, 8, 'bio', RAM_LIMITS);
    for (let index = 0; index < loopDevices; index++) room.attach(`/dev/loop${index}`, `7:${index}`, 8, 'request');
    const missing = targetsOf(entries).filter((type) => !room.mapper.targets.some((target) => target.name === type));
    if (missing.length > 0) return skipAloud(`${name}: there is no target ${missing.join(', ')}`);
    if (probe !== undefined && (await room.run(['create', 'probe', '--table', probe])).status !== 0) {
      return skipAloud(`${name}: a table is not taken: ${probe}`);
    }
    await room.dmsetup('remove_all');
    room.newKernelLines();
    const differences: string[] = [];
    for (const entry of entries) {
      if (isOtherwise?.(entry)) {
        if (instead !== undefined) await room.dmsetup(instead);
        continue;
      }
      const found = await replay(room, entry);
      if (found) differences.push(...compare(entry, found));
      if (found?.status === 0 && after !== undefined && !entry.command.startsWith('dmsetup create')) {
        await room.dmsetup(after);
        room.newKernelLines();
      }
    }
    assert.is(differences.join('\n'), '');
  });
}

/** The types of targets in tables that were taken. */
function targetsOf(entries: readonly Entry[]): string[] {
  const taken = entries.filter(({ status }) => status === 0).map(({ command, input }) => `${command}\n${input}`);
  return [...new Set([...taken.join('\n').matchAll(/(?:^|'|,) *\d+ +\d+ +([a-z-]+)/gm)].map(([, type]) => type as string))];
}

/** A mapper without statistics says so when a report asks for them. */
function isCompared(line: string): boolean {
  return !line.includes('@stats_list');
}

function compare(expected: Entry, found: Entry): string[] {
  const text = (entry: Entry): string =>
    [...entry.output, `rc=${entry.status}`, ...entry.kernelLines.filter(isCompared).map((line) => `kmsg: ${line}`)].join('\n');
  if (text(expected) === text(found)) return [];
  return [`$ ${expected.command}\n--- expected\n${text(expected)}\n--- found\n${text(found)}`];
}

test.run();
