// Scenarios as they are written: what is wrong is told with its line, its field and what was expected.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import { parseScenarios, ScenarioError } from '../../src/simulate/read-scenario.ts';
import { tryScenarios } from '../../src/simulate/try-scenario.ts';
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
  [['nvme-970pro', 'nvme-980'], 'x.yaml:6: storage.ssd.model: no model "nvme-980": expected one of atlas-10k'],
  [['fc-16g', 'fc-17g'], 'x.yaml:8: paths.a.link: no link "fc-17g": expected one of direct, fc-8g'],
  [['like: iscsi-10g', 'like: pigeon'], 'x.yaml:9: paths.b.link.like: no link "pigeon": expected one of direct'],
  [['latency_us: 70', 'latency_ms: 70'], 'x.yaml:9: paths.b.link: unknown field "latency_ms": expected one of like'],
  [['latency_us: 70', 'latency_us: .inf'], 'x.yaml:9: paths.b.link.latency_us: expected a number, got Infinity'],
  [['latency_us: 70', 'latency_us: .nan'], 'x.yaml:9: paths.b.link.latency_us: expected a number, got NaN'],
  [['latency_us: 70', 'MBps: 1.0e-300'], 'x.yaml:9: paths.b.link.MBps: expected megabytes a second, or 0'],
  [['{ like: iscsi-10g, latency_us: 70 }', '7'], 'x.yaml:9: paths.b.link: expected a group of fields, got a number'],
  [
    ['size: 64G', 'size: 64G, set: { readUs: fast }'],
    'x.yaml:6: storage.ssd.set.readUs: expected a number, 0 to 1000000000, got "fast"',
  ],
  [['size: 64G', 'size: 64G, set: { rpm: 7200 }'], 'x.yaml:6: storage.ssd.set.rpm: no such figure: expected one of channels'],
  [['size: 64G', 'size: 64G, set: { channels: 0 }'], 'set.channels: expected a whole number, 1 to 1024, got 0'],
  [['size: 64G', 'size: 64G, set: { linkMBps: 0 }'], 'set.linkMBps: expected a number, 0.001 to'],
  [
    ['size: 64G', 'size: 64G, set: { pageBytes: 512, writeBufferBytes: 1099511627776 }'],
    'set.writeBufferBytes: expected at most 16777216 pages',
  ],
  [['size: 64G', 'size: 64G, set: { collection: 3 }'], 'set.collection: expected fields such as pagesMovedPerWrite'],
  [
    ['nvme-970pro, size', 'nearline-7200, set: { commandQueue: 0 }, size'],
    'set.commandQueue: expected a whole number, 1 to 256, got 0',
  ],
  [['nvme-970pro, size', 'nearline-7200, set: { rpm: 0 }, size'], 'set.rpm: expected a number, 1 to'],
  [['nvme-970pro, size', 'nearline-7200, set: { zones: [] }, size'], 'set.zones: expected a list of zones'],
  [
    ['nvme-970pro, size', 'nearline-7200, set: { zones: [{ cylinders: 7 }] }, size'],
    'set.zones[1].sectorsPerTrack: expected a whole number',
  ],
  [
    ['nvme-970pro, size', 'nearline-7200, set: { seek: { points: [[9, 1], [3, 2]] } }, size'],
    'set.seek: expected points, [cylinders, ms]',
  ],
  [
    ['nvme-970pro, size', 'nearline-7200, set: { overheadMs: { write: -1 } }, size'],
    'set.overheadMs.write: expected a number, 0 to',
  ],
  [
    ['map: {', 'elevator: bfq\nmap: {'],
    'x.yaml:10: elevator: no elevator "bfq": expected one of mq-deadline, kyber, scan, none',
  ],
  [['map: {', 'checker: { polling_interval: 0s }\nmap: {'], 'x.yaml:10: checker.polling_interval: expected a time above 0'],
  [['map: {', 'checker: { failback: soon }\nmap: {'], 'checker.failback: expected manual, immediate or seconds'],
  [['map: {', 'bin: 1us\nmap: {'], 'x.yaml:10: bin: expected a time of at least 1ms'],
  [['map: {', 'end: 0s\nmap: {'], 'x.yaml:10: end: expected a time above 0'],
  [['runtime: 1s', 'runtime: 0s'], 'x.yaml:4: load[1].runtime: expected a time above 0'],
  [['runtime: 1s', 'rate_iops: 0'], 'x.yaml:4: load[1].rate_iops: expected at least 0.001, got 0'],
  [['runtime: 1s', 'random_distribution: pareto:0.0'], 'load[1].random_distribution: expected pareto:H with H above 0'],
  [['runtime: 1s', 'device: other'], 'x.yaml:4: load[1].device: no device "other": expected one of mp'],
  [['rw: randread', 'trace: 7'], 'x.yaml:3: load[1].trace: expected a text, got a number'],
  [['rw: randread', 'trace: x\n  scale: 0'], 'x.yaml:4: load[1].scale: expected at least 0.000001, got 0'],
  [['  rw: randread\n  runtime: 1s', '  7'], 'x.yaml:2: load[1]: expected a load: "trace: FILE" or a job such as'],
  [
    ['map: {', 'script: [{ at: 1s, do: up, path: a, for: 2s }]\nmap: {'],
    'script[1].for: is nothing for "up": expected only path',
  ],
  [
    ['map: {', 'script: [{ at: 1s, do: down, path: a, rate: 1 }]\nmap: {'],
    'script[1].rate: is nothing for "down": expected only path, for',
  ],
  [
    ['map: {', 'script: [{ at: 1s, do: flap, path: a, value: 0s, for: 1s }]\nmap: {'],
    'script[1].value: expected a time above 0',
  ],
  [
    ['map: {', 'script: [{ at: 1s, do: reboot, storage: ssd, controller: 0, for: 1s }]\nmap: {'],
    'script[1].storage: "ssd" has no controllers',
  ],
  [
    ['map: {', 'script: [{ when: { ios: 3, failed: a }, do: down, path: a }]\nmap: {'],
    'script[1].when: expected one of "ios", "failed"',
  ],
  [
    ['map: {', 'script: [{ when: { failed: z }, do: down, path: a }]\nmap: {'],
    'script[1].when.failed: no path "z": expected one of a, b',
  ],
  [
    ['map: {', 'script: [{ at: 1s, do: errors, path: a, rate: 1, status: sad }]\nmap: {'],
    'script[1].status: expected one of medium',
  ],
  [
    ['map: { selector: service-time }', "devices: [{ name: a, table: '0 8 zero' }, { name: a, table: '0 8 zero' }]"],
    'devices[2].name: the name "a" is there twice',
  ],
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

/** What `tryScenarios` says of the good scenario with a change. */
async function triedErrorsOf(change: readonly [from: string, to: string]): Promise<string> {
  const text = GOOD.replace(...change);
  assert.is.not(text, GOOD);
  try {
    await tryScenarios(parseScenarios(text, 'x.yaml'));
  } catch (error) {
    assert.instance(error, ScenarioError);
    return (error as ScenarioError).lines.join('\n');
  }
  return 'no error';
}

const TRIED: readonly (readonly [change: readonly [string, string], expected: string])[] = [
  [['service-time', 'dice'], 'x.yaml:10: map: '],
  [['map: { selector: service-time }', "table: '0 * striped 2 x /dev/a 0 /dev/b 0'"], 'x.yaml:10: table: '],
  [['map: { selector: service-time }', "devices: [{ name: a, table: '0 8 nothing' }]"], 'x.yaml:10: devices[1].table: '],
  [['map: {', 'queue: { nr_requests: many }\nmap: {'], 'x.yaml:10: queue.nr_requests: '],
  [['map: {', 'queue: { nr_reqs: 7 }\nmap: {'], 'x.yaml:10: queue.nr_reqs: '],
  [['fc-16g }', 'fc-16g, queue: { max_sectors_kb: -1 } }'], 'x.yaml:8: paths.a.queue.max_sectors_kb: '],
  [['fc-16g }', 'fc-16g, options: { colour: red } }'], 'x.yaml:8: paths.a.options: '],
  [['rw: randread', 'rw: randread\n  bs: 513'], 'x.yaml:4: load[1].bs: '],
  [['rw: randread', 'rw: randread\n  size: 1k'], 'x.yaml:4: load[1].size: '],
  // nothing of the machine
  ...['/etc/hostname', 'mem:a?size=1M', 'file:/etc/hostname', 'null:1M'].map(
    (word) =>
      [
        ['map: { selector: service-time }', `table: '0 8 linear ${word} 0'`],
        'a simulation opens nothing of the machine: expected one of /dev/a, /dev/b, or a device above',
      ] as const,
  ),
];

for (const [change, expected] of TRIED) {
  test(`told before a run, of ${change[1].trim()}`, async () => {
    const errors = await triedErrorsOf(change);
    assert.ok(errors.includes(expected), `${expected}\n${errors}`);
  });
}

test('mistakes of several variants are told at once, each where it stands', async () => {
  const errors = await triedErrorsOf([
    'map: {',
    `variants:
  - { name: right }
  - { name: wrong, map: { selector: dice } }
  - { name: too, queue: { nr_reqs: 1 } }
map: {`,
  ]);
  assert.match(errors, /^x\.yaml:12: map: .*\nx\.yaml:13: queue\.nr_reqs: .*$/);
});

test('words of sim: in a table are opened, and no thread is begun for a path', async () => {
  assert.is(
    await triedErrorsOf(['map: { selector: service-time }', "table: '0 * linear sim:x?size=1M&model=instant 0'"]),
    'no error',
  );
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
