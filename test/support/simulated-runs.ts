// Scenarios for tests, from objects instead of files, and traces that are made while they are read.

import { execute } from '../../src/simulate/execute.ts';
import { type NamedScenario, parseScenarios } from '../../src/simulate/read-scenario.ts';
import type { RunResult } from '../../src/simulate/result.ts';
import type { Run } from '../../src/simulate/run.ts';
import type { Scenario } from '../../src/simulate/scenario.ts';
import { RecordBatch } from '../../src/trace/records.ts';

export function scenarioOf(fields: Readonly<Record<string, unknown>>): Scenario {
  const [first] = parseScenarios(JSON.stringify({ name: 'test', ...fields }), 'test.json') as [NamedScenario];
  return first.scenario;
}

/** Two paths over Fibre Channel to one SSD. */
export const TWO_PATHS = {
  storage: { ssd: { model: 'nvme-970pro', size: '16G' } },
  paths: { a: { to: 'ssd', link: 'fc-16g' }, b: { to: 'ssd', link: 'fc-16g' } },
  map: { selector: 'service-time' },
};

export interface TestRunOptions {
  readonly seed?: number;
  /** Batches of a scenario's traces, by their names. */
  readonly traces?: Readonly<Record<string, () => Iterable<RecordBatch>>>;
  rows?(line: string): void;
  finished?(run: Run): void;
  progress?(): void;
}

export function runScenario(scenario: Scenario, options: TestRunOptions = {}): Promise<RunResult> {
  return execute({
    rqdm: 'test',
    scenario,
    variant: '',
    seed: options.seed ?? 1,
    traces: {
      source: ({ trace }) =>
        async function* () {
          yield* options.traces?.[trace]?.() ?? [];
        },
      facts: ({ trace }) => ({ file: trace, sha256: '', format: 'test', skipped: 0, notes: [] }),
    },
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    ...(options.finished === undefined ? {} : { finished: options.finished }),
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
}

export type TestRecord = readonly [timeNs: number, operation: number, sector: number, sectors: number, stream?: number];

export function batchOf(records: readonly TestRecord[]): RecordBatch {
  const batch = new RecordBatch((records.length + 7) & ~7);
  for (const [timeNs, operation, sector, sectors, stream = 0] of records) {
    const row = batch.count++;
    batch.timeNs[row] = timeNs;
    batch.operation[row] = operation;
    batch.sector[row] = sector;
    batch.sectors[row] = sectors;
    batch.stream[row] = stream;
    batch.responseNs[row] = Number.NaN;
  }
  return batch;
}
