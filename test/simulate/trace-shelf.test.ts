// Traces on the shelf: kept in shared memory or read anew by each run, and the results are the same.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { execute } from '../../src/simulate/execute.ts';
import { SharedShelf, shelveTraces } from '../../src/simulate/trace-shelf.ts';
import { scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('simulate: trace shelf');
const LINES = 20_001;

/** SPC's columns. */
const TRACE = Array.from(
  { length: LINES },
  (_, i) => `${i % 3},${(i * 977) % 100_000},4096,${i % 4 ? 'R' : 'w'},${(i * 0.0002).toFixed(6)}`,
);

test('a trace that is kept and one that is read anew give the same result', async () => {
  using folder = new TemporaryFolder();
  folder.file('x.spc', Buffer.from(TRACE.join('\n')));
  const scenario = scenarioOf({ ...TWO_PATHS, load: { trace: 'x.spc', repeat: 2 } });
  const results: string[] = [];
  for (const residentRecordsMax of [1e6, 100]) {
    const traces = await shelveTraces([scenario, scenario], folder.path, undefined, residentRecordsMax);
    assert.equal(
      traces.map(({ batches }) => batches !== undefined),
      [residentRecordsMax > LINES],
    );
    const result = await execute({ rqdm: '', scenario, variant: '', seed: 1, traces: new SharedShelf(traces) });
    assert.is(result.ios, 2 * LINES);
    assert.equal([result.traces[0]?.format, result.traces[0]?.file], ['spc', 'x.spc']);
    results.push(JSON.stringify(result));
  }
  assert.is(results[1], results[0]);
});

test('a trace without times has no open loop, and one without I/O is told', async () => {
  using folder = new TemporaryFolder();
  folder.file(
    'v2.iolog',
    Buffer.from('fio version 2 iolog\n/dev/x add\n/dev/x open\n/dev/x read 0 4096\n/dev/x write 4096 4096\n/dev/x close\n'),
  );
  const open = scenarioOf({ ...TWO_PATHS, load: { trace: 'v2.iolog' } });
  const error = await shelveTraces([open], folder.path).catch((cause: Error) => cause.message);
  assert.match(String(error), /v2\.iolog: has no times.*loop: closed/);
  const closed = scenarioOf({ ...TWO_PATHS, load: { trace: 'v2.iolog', loop: 'closed', depth: 1 } });
  const traces = await shelveTraces([closed], folder.path);
  const result = await execute({ rqdm: '', scenario: closed, variant: '', seed: 1, traces: new SharedShelf(traces) });
  assert.is(result.ios, 2);
});

test.run();
