// The same inputs give the same results, to the byte: again, by one worker or by two.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSeeds, runCampaign } from '../../src/simulate/campaign.ts';
import { parseScenarios } from '../../src/simulate/read-scenario.ts';
import { runScenario, scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';

const test = suite('simulate: determinism');

const FIELDS = {
  name: 'determinism',
  ...TWO_PATHS,
  load: {
    rw: 'randrw',
    bs: '8k',
    iodepth: 16,
    rate_iops: 30_000,
    rate_process: 'poisson',
    runtime: '2s',
    random_distribution: 'zipf:1.1',
  },
  checker: { polling_interval: '100ms', failback: 'immediate' },
  fast_io_fail_tmo: '50ms',
  script: [
    { at: '500ms', path: 'a', do: 'down', for: '300ms' },
    { at: '1s', path: 'b', do: 'errors', status: 'transport', rate: 0.001 },
  ],
};
const VARIANTS = [
  { name: 'request' },
  { name: 'bio', map: { mapping: 'bio' } },
  { name: 'disk', storage: { ssd: { model: 'atlas-10k', size: '8G' } }, load: { ...FIELDS.load, rate_iops: 200 } },
  {
    name: 'queued-disk',
    storage: { ssd: { model: 'nearline-7200', size: '8G', set: { writeBufferBytes: 65536 } } },
    load: { ...FIELDS.load, rate_iops: 300 },
  },
];

test('a run comes out the same again, and another seed gives another', async () => {
  const scenario = scenarioOf(FIELDS);
  const [first, second, other] = [
    await runScenario(scenario),
    await runScenario(scenario),
    await runScenario(scenario, { seed: 2 }),
  ];
  assert.is(JSON.stringify(second), JSON.stringify(first));
  assert.is.not(JSON.stringify(other.callers), JSON.stringify(first.callers));
  assert.ok(first.ios > 50_000 && first.failovers.length === 1);
});

test('results do not depend on the number of workers, and come in the order of variants and seeds', async () => {
  const scenarios = parseScenarios(JSON.stringify({ ...FIELDS, variants: VARIANTS }), 'test.json');
  const campaign = (workers: number) =>
    runCampaign({ rqdm: 'test', scenarios, seeds: [3, 1, 2], workers, traces: [], signal: new AbortController().signal });
  const [one, two] = [await campaign(1), await campaign(2)];
  assert.equal(
    one.map(({ variant, seed }) => `${variant} ${seed}`),
    ['request', 'bio', 'disk', 'queued-disk'].flatMap((variant) => [3, 1, 2].map((seed) => `${variant} ${seed}`)),
  );
  for (const [index, run] of one.entries()) {
    assert.not.instance(run.output, Error);
    assert.is(JSON.stringify(two[index]), JSON.stringify(run));
  }
});

test('a run that fails is told, and the others go on', async () => {
  const bad = { ...FIELDS, variants: [{ name: 'bad', map: { selector: 'dice' } }, { name: 'good' }] };
  const scenarios = parseScenarios(JSON.stringify(bad), 'test.json');
  const runs = await runCampaign({
    rqdm: 'test',
    scenarios,
    seeds: [1],
    workers: 1,
    traces: [],
    signal: new AbortController().signal,
  });
  assert.instance(runs[0]?.output, Error);
  assert.match(String(runs[0]?.output), /unknown path selector type/);
  assert.not.instance(runs[1]?.output, Error);
});

test('a campaign that is called off rejects with the reason, and no thread is left', async () => {
  const scenarios = parseScenarios(JSON.stringify({ ...FIELDS, load: { ...FIELDS.load, runtime: '1h' } }), 'test.json');
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = runCampaign({
    rqdm: 'test',
    scenarios,
    seeds: [1, 2, 3],
    workers: 2,
    traces: [],
    signal: controller.signal,
    progress: (_done, _total, ios) => {
      if (ios > 0) controller.abort(reason);
    },
  });
  const error = await running.catch((cause: unknown) => cause);
  assert.is(error, reason);
});

test('seeds are numbers, ranges, and lists of both', () => {
  assert.equal(parseSeeds('1..3,7'), [1, 2, 3, 7]);
  assert.equal(parseSeeds('5'), [5]);
  for (const text of ['', 'a', '3..1', '1..', '1..9999999', '-1']) assert.is(parseSeeds(text), undefined, text);
});

test.run();
