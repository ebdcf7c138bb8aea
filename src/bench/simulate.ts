// Bench `simulate`: simulated I/Os a second, on one worker and on two; how fast traces are read; what a resident record takes.
//
// The trace is MQSim's wsrch-small where it is found (../shared/traces), looped; elsewhere one that looks like it, and
// `simulate.wsrch.synthetic` is told too.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunName, runCampaign } from '../simulate/campaign.ts';
import { execute } from '../simulate/execute.ts';
import { type NamedScenario, parseScenarios } from '../simulate/read-scenario.ts';
import type { Scenario } from '../simulate/scenario.ts';
import { ShelvedTraces, shelfOf } from '../simulate/shelve-traces.ts';
import { type SharedBatch, SharedShelf, type ShelvedTrace } from '../simulate/trace-shelf.ts';
import { RecordBatch } from '../trace/records.ts';
import type { BenchContext, Result } from './bench.ts';
import { Repetitions } from './median.ts';
import { createRandom } from './places.ts';
import { measureTraceReading } from './read-trace.ts';

const WSRCH = join('ascii', 'mqsim-wsrch-small.trace');
/** I/Os of each case, at least, that building the devices does not weigh. */
const SLOWEST_IOS = 100_000;
const WSRCH_RECORDS = 24_783;
const SYNTHETIC = 'synthetic';

/** Traces of other shapes, for the slowest case. */
const OTHERS: readonly string[] = [
  join('ascii', 'mqsim-tpcc-small.trace'),
  join('ascii', 'ssdsim-dtrs.trace.gz'),
  join('blktrace', 'hdfs-e10'),
  join('blkreplay', 'windows-mssql.load.gz'),
];

/** `../shared/traces` beside the working folder or the program. */
function tracesFolder(): string | undefined {
  const here = fileURLToPath(new URL('../../../', import.meta.url));
  return [resolve('..', 'shared', 'traces'), resolve(here, '..', 'shared', 'traces')].find((folder) => existsSync(folder));
}

function scenarioOf(trace: string, changes: Readonly<Record<string, unknown>> = {}, repeat = 1, limit?: number): Scenario {
  const fields = {
    name: 'bench',
    load: { trace, repeat, ...(limit === undefined ? {} : { limit }) },
    storage: { disk: { model: 'nvme-970pro', size: '64G' } },
    paths: { a: { to: 'disk', link: 'fc-16g' }, b: { to: 'disk', link: 'fc-16g' } },
    map: { selector: 'service-time' },
    ...changes,
  };
  return (parseScenarios(JSON.stringify(fields), 'bench') as [NamedScenario])[0].scenario;
}

export async function benchSimulate(context: BenchContext): Promise<Result[]> {
  const folder = tracesFolder();
  const file = folder === undefined ? undefined : join(folder, WSRCH);
  const isSynthetic = file === undefined || !existsSync(file);
  const name = isSynthetic ? SYNTHETIC : file;
  context.say(isSynthetic ? 'simulate: no wsrch-small trace here, a synthetic one instead' : 'simulate: reading wsrch-small');
  const traces = isSynthetic ? [syntheticTrace()] : await tracesOf(name, context.signal);
  const scenario = scenarioOf(name, {}, context.isQuick ? 2 : 40);
  const repetitions = await Repetitions.run(context, 'simulate', context.isQuick ? 1 : 5, async () => ({
    ssd2: await rateOf(scenario, traces),
  }));
  const slowest = await slowestOf(context, name, folder, traces);
  const ratio = await workersRatio(context, scenario, traces);
  const reading = await measureTraceReading(context);
  const records = recordsOf(traces);
  const bytes = traces.flatMap(batchesOf).reduce((sum, { memory }) => sum + memory.byteLength, 0);
  return [
    { name: 'simulate.wsrch.ssd2', value: repetitions.median('ssd2'), unit: 'I/Os/s', reach: { atLeast: 700_000 } },
    ...(isSynthetic ? [{ name: 'simulate.wsrch.synthetic', value: 1, unit: 'trace' }] : []),
    { name: 'simulate.min', value: slowest, unit: 'I/Os/s', reach: { atLeast: 110_000 } },
    { name: 'simulate.workers2.ratio', value: ratio, unit: 'ratio', reach: { atLeast: 1.8 } },
    ...reading,
    // what the shelf really takes, padding included, not what a record should
    { name: 'memory.resident-io', value: bytes / records, unit: 'bytes', reach: { atMost: 64 } },
  ];
}

/** I/Os a second of the machine's time, devices built and closed included. */
async function rateOf(scenario: Scenario, traces: readonly ShelvedTrace[]): Promise<number> {
  const start = performance.now();
  const { ios } = await execute({ rqdm: '', scenario, variant: '', seed: 1, traces: new SharedShelf(traces) });
  return (ios * 1000) / (performance.now() - start);
}

const MODELS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'ssd, bio-based': { map: { mapping: 'bio', selector: 'round-robin' } },
  'eight paths': {
    paths: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`p${i}`, { to: 'disk', link: 'iscsi-10g' }])),
  },
  disk: { storage: { disk: { model: 'nearline-7200', size: '4T' } } },
  array: {
    storage: { disk: { model: 'sata-mlc', size: '64G', array: { controllers: 2 } } },
    paths: { a: { to: 'disk', controller: 0 }, b: { to: 'disk', controller: 1 } },
    map: { groups: 'failover', handler: 'alua' },
  },
};

/** All in memory: what is measured is not how fast files are read. */
async function tracesOf(name: string, signal: AbortSignal): Promise<readonly ShelvedTrace[]> {
  const residentRecordsMax = Number.POSITIVE_INFINITY;
  const { traces } = await ShelvedTraces.read([scenarioOf(name)], { folder: '/', signal, residentRecordsMax });
  return traces;
}

function batchesOf({ records }: ShelvedTrace): readonly SharedBatch[] {
  return typeof records === 'string' ? [] : records;
}

function recordsOf(traces: readonly ShelvedTrace[]): number {
  return traces.flatMap(batchesOf).reduce((sum, { count }) => sum + count, 0);
}

/** The slowest of all traces on all models, the first of them for warming up not counted. */
async function slowestOf(
  context: BenchContext,
  wsrch: string,
  folder: string | undefined,
  known: readonly ShelvedTrace[],
): Promise<number> {
  const others = folder === undefined ? [] : OTHERS.map((one) => join(folder, one)).filter((one) => existsSync(one));
  let slowest = Number.POSITIVE_INFINITY;
  for (const trace of [wsrch, ...(context.isQuick ? [] : others)]) {
    const traces = trace === wsrch ? known : await tracesOf(trace, context.signal);
    for (const [model, changes] of Object.entries(MODELS)) {
      context.signal.throwIfAborted();
      const repeat = context.isQuick ? 1 : Math.ceil(SLOWEST_IOS / Math.min(SLOWEST_IOS, recordsOf(traces)));
      const scenario = scenarioOf(trace, changes, repeat, context.isQuick ? 25_000 : SLOWEST_IOS);
      const rate = await rateOf(scenario, traces);
      context.say(`simulate: ${trace} on ${model}: ${Math.round(rate).toLocaleString('en')} I/Os a second`);
      slowest = Math.min(slowest, rate);
    }
  }
  return slowest;
}

/** The same runs by one worker and by two: how many times as fast. */
async function workersRatio(context: BenchContext, scenario: Scenario, traces: readonly ShelvedTrace[]): Promise<number> {
  // a batch as people run it: threads start and get warm once for a dozen runs
  const seeds = Array.from({ length: context.isQuick ? 2 : 12 }, (_, i) => i + 1);
  const secondsOf = async (workers: number): Promise<number> => {
    context.say(`simulate: ${seeds.length} runs by ${workers} workers`);
    const ends: number[] = [];
    const start = performance.now();
    const failed = (run: RunName, output: unknown): void => {
      if (output instanceof Error) throw new Error(`bench simulate: seed ${run.seed} failed: ${output.message}`);
      ends.push(performance.now());
    };
    await runCampaign({
      rqdm: '',
      scenarios: [{ variant: '', scenario }],
      seeds,
      workers,
      traces,
      signal: context.signal,
      ended: failed,
    });
    return ((ends.at(-1) as number) - start) / 1000;
  };
  const repetitions = await Repetitions.run(context, 'simulate', context.isQuick ? 1 : 3, async () => ({
    one: await secondsOf(1),
    two: await secondsOf(2),
  }));
  return repetitions.ratio('one', 'two');
}

/** As many records as wsrch-small, over as long, of its sizes: mostly 8 KiB reads, a third of them following another. */
function syntheticTrace(): ShelvedTrace {
  const random = createRandom(2006);
  const batch = new RecordBatch((WSRCH_RECORDS + 7) & ~7);
  let timeNs = 0;
  let sector = 0;
  for (let row = 0; row < WSRCH_RECORDS; row++) {
    timeNs += Math.round(-Math.log(1 - random()) * 2.42e6);
    const size = random();
    const sectors = size < 0.6 ? 16 : size < 0.72 ? 32 : 64;
    sector = random() < 0.1 ? sector : Math.floor(random() * 2e6) * 16;
    batch.timeNs[row] = timeNs;
    batch.sector[row] = sector;
    batch.sectors[row] = sectors;
    batch.device[row] = Math.floor(random() * 6);
    batch.responseNs[row] = Number.NaN;
    sector += sectors;
  }
  batch.count = WSRCH_RECORDS;
  return shelfOf(SYNTHETIC, [batch]);
}
