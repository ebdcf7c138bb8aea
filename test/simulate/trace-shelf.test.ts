// Traces on the shelf: kept in shared memory or in a temporary file, and the results are the same.

import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCampaign } from '../../src/simulate/campaign.ts';
import { execute } from '../../src/simulate/execute.ts';
import { ShelvedTraces } from '../../src/simulate/shelve-traces.ts';
import { SharedShelf } from '../../src/simulate/trace-shelf.ts';
import type { RunOutput } from '../../src/simulate/worker.ts';
import { rejection } from '../support/promise-state.ts';
import { scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('simulate: trace shelf');
const LINES = 20_001;

/** SPC's columns. */
const TRACE = Array.from(
  { length: LINES },
  (_, i) => `${i % 3},${(i * 977) % 100_000},4096,${i % 4 ? 'R' : 'w'},${(i * 0.0002).toFixed(6)}`,
);

/** Temporary files of campaigns that are there now. */
function temporaryFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('rqdm-traces-'));
}

test('a trace in shared memory and one in a temporary file give the same results, in a worker as here', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(`${TRACE.join('\n')}\nno line of it\n`));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc', repeat: 2 } });
  const before = temporaryFolders();
  const results: string[] = [];
  for (const residentRecordsMax of [1e6, 100]) {
    using shelved = await ShelvedTraces.read([scenario, scenario], { folder: folder.path, residentRecordsMax });
    const { traces } = shelved;
    assert.equal(
      traces.map(({ records }) => typeof records === 'string'),
      [residentRecordsMax < LINES],
    );
    const result = await execute({ rqdm: '', scenario, variant: '', seed: 1, traces: new SharedShelf(traces) });
    assert.is(result.ios, 2 * LINES);
    assert.equal([result.traces[0]?.format, result.traces[0]?.file, result.traces[0]?.skipped], ['spc', 'x.spc', 1]);
    results.push(JSON.stringify(result));
    const { signal } = new AbortController();
    const scenarios = [{ variant: '', scenario }];
    const [run] = await runCampaign({ rqdm: '', scenarios, seeds: [1], workers: 1, traces, signal });
    results.push(JSON.stringify((run as { output: RunOutput }).output.result));
  }
  assert.equal(new Set(results).size, 1);
  assert.equal(temporaryFolders(), before, 'the file is gone with the campaign');
});

test('traces share the room that there is in memory', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(TRACE.join('\n')));
  folder.file('y.spc', Buffer.from(TRACE.slice(0, 300).join('\n')));
  folder.file('z.spc', Buffer.from(TRACE.slice(0, 200).join('\n')));
  const loads = ['x.spc', 'y.spc', 'z.spc', 'z.spc'].map((trace) => ({ trace }));
  const scenario = scenarioOf({ ...TWO_PATHS, load: loads });
  using shelved = await ShelvedTraces.read([scenario], { folder: folder.path, residentRecordsMax: 499 });
  assert.equal(
    shelved.traces.map(({ records }) => typeof records),
    ['string', 'object', 'string'],
  );
});

test('a temporary file that is damaged fails the run; it does not shorten the trace', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(TRACE.join('\n')));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc' } });
  for (const damage of [(bytes: Buffer) => bytes.fill(1, 5000, 5001), (bytes: Buffer) => bytes.subarray(0, 400_000)]) {
    using shelved = await ShelvedTraces.read([scenario], { folder: folder.path, residentRecordsMax: 100 });
    const file = shelved.traces[0]?.records as string;
    writeFileSync(file, damage(readFileSync(file)));
    const running = execute({ rqdm: '', scenario, variant: '', seed: 1, traces: new SharedShelf(shelved.traces) });
    assert.match((await rejection(running)).message, /byte \d+|cut off|checksum/);
  }
});

test('where no temporary file can be, that is told, and nothing is left behind', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(TRACE.join('\n')));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc' } });
  const had = process.env['TMPDIR'];
  process.env['TMPDIR'] = join(folder.path, 'nowhere');
  try {
    const reading = ShelvedTraces.read([scenario], { folder: folder.path, residentRecordsMax: 100 });
    assert.match(
      (await rejection(reading)).message,
      /a large trace is kept in a temporary file: ENOENT.*\(TMPDIR says where\)/,
    );
  } finally {
    if (had === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = had;
  }
});

test('a signal ends the reading, and takes the temporary file away', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(TRACE.join('\n')));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc' } });
  const before = temporaryFolders();
  const signal = AbortSignal.abort(new Error('enough'));
  const reading = ShelvedTraces.read([scenario], { folder: folder.path, residentRecordsMax: 100, signal });
  assert.is((await rejection(reading)).message, 'enough');
  assert.equal(temporaryFolders(), before);
});

test('a trace that is no file is refused: it is read more than once', async () => {
  using folder = new TemporaryFolder();
  symlinkSync('/dev/null', join(folder.path, 'x.spc'));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc', format: 'spc' } });
  const reading = ShelvedTraces.read([scenario], { folder: folder.path });
  assert.match((await rejection(reading)).message, /x\.spc: a pipe or a device: expected a file/);
});

test('a trace without times has no open loop, and one without I/O is told', async () => {
  using folder = new TemporaryFolder();
  folder.file(
    'v2.iolog',
    Buffer.from('fio version 2 iolog\n/dev/x add\n/dev/x open\n/dev/x read 0 4096\n/dev/x write 4096 4096\n/dev/x close\n'),
  );
  const open = scenarioOf({ ...TWO_PATHS, load: { trace: 'v2.iolog' } });
  const error = await rejection(ShelvedTraces.read([open], { folder: folder.path }));
  assert.match(error.message, /v2\.iolog: has no times.*loop: closed/);
  const closed = scenarioOf({ ...TWO_PATHS, load: { trace: 'v2.iolog', loop: 'closed', depth: 1 } });
  using shelved = await ShelvedTraces.read([closed], { folder: folder.path });
  const result = await execute({ rqdm: '', scenario: closed, variant: '', seed: 1, traces: new SharedShelf(shelved.traces) });
  assert.is(result.ios, 2);
});

test.run();
