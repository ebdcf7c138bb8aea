// Scenarios as they are written: what is wrong is told with its line, its field and what was expected.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import { parseScenarios, ScenarioError } from '../../src/simulate/read-scenario.ts';
import { parseBytes, parseDuration } from '../../src/simulate/units.ts';
import { runScenario } from '../support/simulated-runs.ts';
import { repositoryFolder } from '../support/skip.ts';

const test = suite('simulate: scenario');

const GOOD = `name: good
load:
  rw: randread
  runtime: 1s
storage:
  ssd: { model: nvme-970pro, size: 64G }
paths:
  a: { to: ssd, link: fc-16g }
  b: { to: ssd, link: { like: iscsi-10g, latency_us: 70 } }
map: { selector: service-time }
`;

function errorsOf(text: string): readonly string[] {
  try {
    parseScenarios(text, 'x.yaml');
  } catch (error) {
    assert.instance(error, ScenarioError);
    return (error as ScenarioError).lines;
  }
  return [];
}

test('a scenario is complete with its defaults; JSON and YAML say the same', () => {
  const [{ scenario, variant }] = parseScenarios(GOOD, 'x.yaml') as [ReturnType<typeof parseScenarios>[0]];
  assert.is(variant, '');
  assert.is(scenario.elevator, 'mq-deadline');
  assert.is(scenario.storage['ssd']?.size, 64 * 2 ** 30);
  assert.is(scenario.fast_io_fail_tmo, 5e9);
  assert.equal(scenario.load[0], {
    rw: 'randread',
    bs: 4096,
    iodepth: 1,
    rwmixread: 50,
    offset: 0,
    runtime: 1e9,
    rate_process: 'linear',
    random_distribution: 'random',
    numjobs: 1,
    fsync: 0,
    iodepth_batch_complete_min: 1,
  });
  const json = {
    name: 'good',
    load: { rw: 'randread', runtime: '1s' },
    storage: { ssd: { model: 'nvme-970pro', size: '64G' } },
    paths: { a: { to: 'ssd', link: 'fc-16g' }, b: { to: 'ssd', link: { like: 'iscsi-10g', latency_us: 70 } } },
    map: { selector: 'service-time' },
  };
  assert.equal(parseScenarios(JSON.stringify(json), 'x.json')[0]?.scenario, scenario);
});

const CASES: readonly (readonly [change: [from: string, to: string], expected: string])[] = [
  [['runtime: 1s', 'runtime: soon'], 'x.yaml:4: load[1].runtime: expected a time such as 10s, 5ms or 200us, got "soon"'],
  [['rw: randread', 'rw: randead'], 'x.yaml:3: load[1].rw: expected one of read, write, randread'],
  [['size: 64G', 'size: 64X'], 'x.yaml:6: storage.ssd.size: expected bytes, a multiple of 512'],
  [['size: 64G', 'siez: 64G'], 'x.yaml:6: storage.ssd: unknown field "siez": expected one of model, size, set, array'],
  [['size: 64G', 'size: 64G, array: { controllers: 0 }'], 'x.yaml:6: storage.ssd.array.controllers: expected at least 1'],
  [['{ to: ssd, link: fc-16g }', '{ to: hdd }'], 'x.yaml:8: paths.a.to: no storage "hdd": expected one of ssd'],
  [['{ to: ssd, link: fc-16g }', '{ to: ssd, depth: deep }'], 'x.yaml:8: paths.a.depth: expected a number, got a text'],
  [['map: { selector: service-time }', ''], 'x.yaml:1: expected one of "map", "table" and "devices"'],
  [['name: good\n', ''], 'name: is missing: expected a text'],
  [['map: {', 'map: { mapping: rq,'], 'x.yaml:10: map.mapping: expected one of request, bio'],
  [['map: {', 'map: { groups: [[a], [c]],'], 'x.yaml:10: map.groups[2][1]: no path "c"'],
  [['map: {', 'script: [{ at: 1s, do: down, path: z }]\nmap: {'], 'x.yaml:10: script[1].path: no path "z"'],
  [['map: {', 'script: [{ do: down, path: a }]\nmap: {'], 'x.yaml:10: script[1].at: expected one of "at" and "when"'],
  [['map: {', 'script: [{ at: 1s, do: explode, path: a }]\nmap: {'], 'script[1].do: expected one of down, up, slow'],
  [['map: {', 'script: [{ at: 1s, do: slow, path: a }]\nmap: {'], 'script[1].value: expected how many times as slow'],
  [['map: {', 'variants: [{ name: v, elevator: 7 }]\nmap: {'], 'x.yaml:10: elevator: expected a text, got a number'],
  [['map: {', 'variants: [{ elevator: none }]\nmap: {'], 'x.yaml:10: variants[1]: expected fields, and a name'],
  [['  a: {', '  a: ['], 'x.yaml:8'],
];

for (const [[from, to], expected] of CASES) {
  test(`told: ${expected}`, () => {
    const text = GOOD.replace(from, to);
    assert.is.not(text, GOOD);
    const lines = errorsOf(text);
    assert.ok(
      lines.some((line) => line.includes(expected)),
      lines.join('\n') || 'no error',
    );
  });
}

test('all that is wrong is told at once, each line once', () => {
  const lines = errorsOf(GOOD.replace('runtime: 1s', 'runtime: soon').replace('size: 64G', 'size: -1'));
  assert.is(lines.length, 2, lines.join('\n'));
});

test('variants change what they name, field by field, and null takes a field away', () => {
  const text = `${GOOD}variants:
  - { name: rr, map: { selector: round-robin } }
  - { name: table, map: null, table: '0 * multipath 0 0 1 1 queue-length 0 1 0 /dev/a' }
`;
  const scenarios = parseScenarios(text, 'x.yaml');
  assert.equal(
    scenarios.map(({ variant, scenario }) => [variant, scenario.map?.selector, typeof scenario.table]),
    [
      ['rr', 'round-robin', 'undefined'],
      ['table', undefined, 'string'],
    ],
  );
});

async function failureOf(change: readonly [string, string]): Promise<string> {
  const [{ scenario }] = parseScenarios(GOOD.replace(...change), 'x.yaml') as [ReturnType<typeof parseScenarios>[0]];
  return runScenario(scenario).then(
    () => 'no error',
    (error: Error) => error.message,
  );
}

test('what only the library knows is told when the run begins', async () => {
  const cases: readonly (readonly [readonly [string, string], RegExp])[] = [
    [['nvme-970pro', 'nvme-980'], /storage ssd: no model "nvme-980": expected one of atlas-10k/],
    [['fc-16g', 'fc-17g'], /expected one of direct, fc-8g/],
    [['like: iscsi-10g', 'like: carrier-pigeon'], /path b: no link "carrier-pigeon"/],
    [['service-time', 'dice'], /unknown path selector type/],
    [['size: 64G', 'size: 64G, set: { readUs: fast }'], /set: readUs is "fast": expected a number from 0 on/],
    [
      ['nvme-970pro, size', 'nearline-7200, set: { commandQueue: 0 }, size'],
      /set: commandQueue is 0: expected a whole number, 1 to 256/,
    ],
    [['size: 64G', 'size: 64G, set: { rpm: 7200 }'], /set: no figure "rpm": expected one of channels/],
    [['map: {', 'elevator: bfq\nmap: {'], /bfq/],
  ];
  for (const [change, expected] of cases) assert.match(await failureOf(change), expected);
});

test('the scenario of the guide runs, and the guide names every model and link', async () => {
  const guide = readFileSync(join(repositoryFolder(), 'docs', 'simulation.md'), 'utf8');
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const scenarios = parseScenarios(text, 'simulation.md');
  assert.equal(
    scenarios.map(({ variant }) => variant),
    ['service-time', 'round-robin'],
  );
  const result = await runScenario((scenarios[0] as (typeof scenarios)[0]).scenario);
  assert.is(result.ios, 600_000);
  for (const name of [...STORAGE_PROFILES.keys(), ...LINK_PROFILES.keys()]) assert.match(guide, name);
});

test('times and sizes have units', () => {
  assert.equal(['10s', '5ms', '1.5us', '2m', '1h', '7ns', 3].map(parseDuration), [10e9, 5e6, 1500, 120e9, 3600e9, 7, 3e9]);
  assert.equal(['', '5', 'x', '-1s', '1d'].map(parseDuration), [undefined, 5e9, undefined, undefined, undefined]);
  assert.equal(['4k', '64G', '512', '1T', '2MiB'].map(parseBytes), [4096, 2 ** 36, 512, 2 ** 40, 2 ** 21]);
  assert.equal(['', 'k', '4.5k', '-4k'].map(parseBytes), [undefined, undefined, undefined, undefined]);
});

test.run();
