// A long trace is read, simulated and forgotten batch by batch: memory does not grow with it.
//
//   RQDM_SIMULATION_IOS=10000000    as many I/Os as that; 400 000 without

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BATCH_RECORDS, RecordBatch } from '../../src/trace/records.ts';
import { runScenario, scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';

export const timeoutMs = 600_000;

const test = suite('simulate: memory');
const IOS = Number(process.env['RQDM_SIMULATION_IOS'] ?? 400_000);
const GROWTH_MAX = 8 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function held(): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

test(`${IOS} I/Os of a trace pass in constant memory`, async () => {
  const marks: number[] = [];
  function* batches(): Generator<RecordBatch> {
    let row = 0;
    for (let done = 0; done < IOS; ) {
      const batch = new RecordBatch(BATCH_RECORDS);
      batch.count = Math.min(BATCH_RECORDS, IOS - done);
      for (let i = 0; i < batch.count; i++, row++) {
        batch.timeNs[i] = row * 20_000;
        batch.operation[i] = row % 5 === 0 ? 1 : 0;
        batch.sector[i] = (row * 7919) % 2 ** 24;
        batch.sectors[i] = 8;
      }
      done += batch.count;
      // at the first tenth and at the end, with this batch alive
      if (marks.length === 0 ? done >= IOS / 10 : done === IOS) marks.push(held());
      yield batch;
    }
  }
  const result = await runScenario(scenarioOf({ ...TWO_PATHS, load: { trace: 'long' } }), { traces: { long: batches } });
  assert.is(result.ios, IOS);
  assert.is(marks.length, 2);
  const [early, late] = marks as [number, number];
  assert.ok(late - early < GROWTH_MAX, `${late - early} bytes more`);
});

test.run();
