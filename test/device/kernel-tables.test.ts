// Tables as a real kernel takes and refuses them: its transcripts, command by command, with what it logged.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, RqdmError } from '../../bindings/index.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';

const test = suite('device: tables of a kernel');

const KERNEL_MESSAGE = 'kmsg: device-mapper: ';
const CREATE = /^dmsetup create (\S+)(?: -u (\S+))? +(?:--table '([^']*)'|<<TABLE$)/;

interface Step {
  readonly name: string;
  readonly table: string;
  readonly code: number;
  readonly log: string[];
  /** What `dmsetup table NAME; dmsetup status NAME` printed right after. */
  readonly printed: string[];
}

/** The `dmsetup create` steps of a transcript. Commands that do more than that are left out. */
function stepsOf(transcript: string): Step[] {
  const steps: Step[] = [];
  const lines = transcript.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const command = lines[at]!.startsWith('$ ') ? lines[at]!.slice(2) : '';
    const found = CREATE.exec(command);
    if (!found || /;.*(create|load)/.test(command)) continue;
    let table = found[3];
    if (table === undefined) {
      const end = lines.indexOf('TABLE', at);
      table = lines.slice(at + 1, end).join('\n');
      at = end;
    }
    const outputs = sectionAfter(lines, at);
    const next = lines[at + outputs.length + 1] ?? '';
    const isPrinted = /^\$ dmsetup table \S+; dmsetup (status|remove) /.test(next);
    steps.push({
      name: found[1] as string,
      table,
      code: Number(/rc=(\d+)/.exec(outputs.find((line) => line.startsWith('rc=')) ?? '')?.[1] ?? -1),
      log: outputs.filter((line) => line.startsWith(KERNEL_MESSAGE)).map((line) => line.slice('kmsg: '.length)),
      printed: isPrinted
        ? sectionAfter(lines, at + outputs.length + 1).filter((line) => !/^(rc=|kmsg:)/.test(line) && line !== '')
        : [],
    });
  }
  return steps;
}

function sectionAfter(lines: readonly string[], at: number): string[] {
  const end = lines.findIndex((line, index) => index > at && line.startsWith('$ '));
  return lines.slice(at + 1, end < 0 ? lines.length : end);
}

const CASES: readonly (readonly [string, number])[] = [
  ['linear-args', 11],
  ['linear-data', 1],
  ['striped-args', 24],
  ['striped-layout', 2],
  ['table-geometry', 13],
  ['core-versions', 1],
];

for (const [name, least] of CASES) {
  test(`${name}: taken or refused, logged and printed as by a kernel`, async () => {
    const folder = sharedFolder();
    if (folder === undefined) return skipAloud('there is no shared folder with transcripts of a kernel');
    const steps = stepsOf(readFileSync(join(folder, 'golden', 'cases', name, 'transcript.txt'), 'utf8'));
    assert.ok(steps.length >= least, `${steps.length} steps found`);
    for (const step of steps) await follow(step);
  });
}

async function follow(step: Step): Promise<void> {
  // the kernel's devices end at 2^63 bytes, ours at 2^53
  if (/^0 18014398509481983 /.test(step.table)) return;
  const log: string[] = [];
  await using mapper = new DeviceMapper({ log: (line) => log.push(line) });
  for (const index of [0, 1, 2]) {
    const limits = { physicalBlockSectors: 8 };
    mapper.attach(`/dev/ram${index}`, `mem:ram${index}?size=8M&queue=bio`, { number: `1:${index}`, limits });
  }
  const what = `${step.name}: ${step.table}`;
  try {
    const device = await mapper.createDevice({ name: step.name, table: step.table });
    assert.is(step.code, 0, `${what} was taken`);
    if (step.printed.length > 0) {
      const shown = [...device.table().split('\n'), ...device.status().split('\n')];
      assert.equal(shown.slice(0, step.printed.length), step.printed, what);
    }
  } catch (error) {
    if (!(error instanceof RqdmError)) throw error;
    assert.is(step.code, 1, `${what} was refused: ${error.message}`);
    assert.ok(error.errno !== undefined);
  }
  assert.equal(log, step.log, what);
}

test.run();
