// Every recorded trace of a real kernel (shared/golden/cases/trace-*): its script runs on the core, and what it prints is
// compared with what the kernel printed, for each device: the order of events of different devices is not fixed there.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Settings } from '../support/core-driver.ts';
import { GoldenMachine } from '../support/golden-machine.ts';
import { runScript } from '../support/golden-shell.ts';
import { sharedFolder, skipAloud, toolOrSkip } from '../support/skip.ts';

interface Difference {
  readonly reason: string;
  /** The title of the only section that differs; missing: all may. */
  readonly section?: string;
  /** Makes of the lines of a section, the kernel's or the core's, what must be equal all the same. */
  readonly compare: (lines: readonly string[]) => readonly string[];
}

const sorted = (lines: readonly string[]): string[] => lines.toSorted();
/** Each kind of event in an order of its own. */
const byKind = (lines: readonly string[]): string[] => streams(lines, (line) => line.split(' ', 2).join(' '));

/** Where the core differs, and why. Everything else must be equal. */
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'trace-plug-flush': {
    reason: 'the kernel issues a full plug before the call goes on, the core when it is run, after the call: as many of all',
    compare: (lines) => {
      const totals = new Map<string, number>();
      for (const line of lines) {
        const [, count, what] = /^(\d+) (\S+)/.exec(line) ?? [line, '1', line];
        totals.set(what, (totals.get(what) ?? 0) + Number(count));
      }
      return sorted([...totals].map(([what, count]) => `${count} ${what}`));
    },
  },
  'trace-none-order': {
    reason:
      'the kernel files a plug that it empties for want of a tag; the core, which has a credit, issues it: the same order',
    compare: (lines) => lines.map((line) => line.replace(/insert-\S+ /g, '')),
  },
  'trace-split-striped': {
    reason: 'the kernel issues each piece of an unplugged bio as it maps it, the core when all are mapped: they merge below',
    section: '',
    compare: (lines) =>
      streams(
        lines.filter((line) => !/^(rq_issue|bio_backmerge)/.test(line)),
        deviceOf,
      ),
  },
  'trace-rr-batch-merge': {
    reason: 'the kernel completes each request inline before it dispatches the next; the core has one on each path at a time',
    compare: byKind,
  },
};

/** Whether one request leaves the elevator although the device is busy: the kernel did so in these, by chance of timing. */
const PULLS_EARLY: Readonly<Record<string, (settings: Settings) => boolean>> = {
  'trace-merge-deadline': ({ hasFrontMerges }) => hasFrontMerges === 0,
  'trace-deadline-prio': () => true,
};

/** Sections by their title, without what \`run\` shows and without what is no behaviour (who ran the code, empty records). */
function sectionsOf(transcript: string): Map<string, string[]> {
  const sections = new Map<string, string[]>([['', []]]);
  let lines = sections.get('') as string[];
  let isShown = true;
  for (const line of transcript.split('\n')) {
    if (line.startsWith('## ')) {
      lines = [];
      sections.set(line, lines);
    }
    if (line.startsWith('$ ')) isShown = false;
    else if (/^rc=\d+$/.test(line)) isShown = true;
    else if (isShown && line.trim() !== '' && !/^(## |kmsg: |rq_complete: .* \+ 0 )/.test(line)) lines.push(plain(line));
  }
  return sections;
}

/** Without the source's sector and the number of bios of a remap. */
const plain = (line: string): string =>
  line
    .replace(/ \[(iogen|kworker|irq)\]/, '')
    .replace(/( <- \(\w+\)).*/, '$1')
    .trimEnd();

/** Lines of equal keys together, in their order. */
function streams(lines: readonly string[], keyOf: (line: string) => string): string[] {
  const keys = [...new Set(lines.map(keyOf))].sort();
  return keys.flatMap((key) => lines.filter((line) => keyOf(line) === key));
}

/** Events by their device; the kernel tells of a split after it has mapped the front. Plugs are of no device. */
function deviceOf(line: string): string {
  const [, event, device] = /^(\w+): (\S*)/.exec(line) ?? [];
  if (event === 'plug' || event === 'unplug') return event;
  return event === undefined ? '' : `${device} ${event === 'split' ? event : ''}`;
}

const byDevice = (lines: readonly string[]): string[] => streams(lines, deviceOf);

const test = suite('core/golden: every recorded trace');

async function replay(folder: string, name: string): Promise<void> {
  const script = readFileSync(join(folder, name, 'script.sh'), 'utf8');
  const attributes = mkdtempSync(join(tmpdir(), 'rqdm-golden-'));
  try {
    const machine = new GoldenMachine(attributes, PULLS_EARLY[name] ?? (() => false));
    const printed = sectionsOf(await runScript(script, attributes, (words) => machine.answer(words)));
    const recorded = sectionsOf(readFileSync(join(folder, name, 'transcript.txt'), 'utf8'));
    assert.equal([...printed.keys()], [...recorded.keys()]);
    for (const [title, lines] of recorded) {
      const difference = DIFFERENCES[name];
      const isEqual = difference === undefined || (difference.section ?? title) !== title;
      const compare = isEqual ? byDevice : difference.compare;
      const [should, did] = [compare(lines), compare(printed.get(title) as string[])];
      assert.equal(did, should, `${title}\nthe core:\n${did.join('\n')}\nthe kernel:\n${should.join('\n')}`);
    }
  } finally {
    rmSync(attributes, { recursive: true });
  }
}

const shared = sharedFolder();
if (shared === undefined) skipAloud('the recorded traces are not on this machine');
else if (toolOrSkip('bash') !== undefined) {
  const folder = join(shared, 'golden/cases');
  for (const name of readdirSync(folder).filter((one) => one.startsWith('trace-'))) {
    const { reason } = DIFFERENCES[name] ?? {};
    test(`${name}${reason === undefined ? '' : ` (${reason})`}`, () => replay(folder, name));
  }
}

test.run();
