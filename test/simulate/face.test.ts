// `rqdm/simulate`, as programs call it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import {
  checkScenario,
  type RunName,
  type RunResult,
  ScenarioError,
  type SimulatedRun,
  simulate,
  textTable,
} from '../../src/simulate/index.ts';
import { recordTrace } from '../../src/trace/index.ts';
import { runProgram } from '../support/program.ts';
import { rejection } from '../support/promise-state.ts';
import { repositoryFolder } from '../support/skip.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('simulate: for programs');

const SCENARIO = {
  name: 'for programs',
  load: { rw: 'randread', bs: '4k', iodepth: 8, number_ios: 500 },
  storage: { ssd: { model: 'nvme-970pro', size: '1G' } },
  paths: { a: { to: 'ssd' }, b: { to: 'ssd' } },
  map: {},
  variants: [{ name: 'one' }, { name: 'two', map: { selector: 'round-robin' } }],
};

function resultOf({ result }: SimulatedRun): RunResult {
  if (result instanceof Error) throw result;
  return result;
}

test('an object is a scenario; runs come in the order of variants and seeds, whatever the number of workers', async () => {
  const told: string[] = [];
  let progress: readonly number[] = [];
  const runs = await simulate(SCENARIO, {
    seeds: [3, 1],
    workers: 2,
    onRun: ({ variant, seed }) => told.push(`${variant} ${seed}`),
    onProgress: (...now) => {
      progress = now;
    },
  });
  const names = runs.map(({ variant, seed }) => `${variant} ${seed}`);
  assert.equal(names, ['one 3', 'one 1', 'two 3', 'two 1']);
  assert.equal([...told].sort(), [...names].sort());
  assert.ok(progress.length === 0 || progress[1] === 4);
  for (const run of runs) {
    assert.is(resultOf(run).ios, 500);
    assert.is(resultOf(run).seed, run.seed);
    assert.match(run.series, /^seconds,path,/);
  }
  const alone = await simulate(SCENARIO, { seeds: [3, 1], workers: 1 });
  assert.is(JSON.stringify(alone), JSON.stringify(runs));
  assert.match(textTable(runs), /two/);
});

test('what is wrong with a scenario is told in lines', async () => {
  const error = await rejection(simulate({ ...SCENARIO, paths: { a: { to: 'hdd' } } }));
  assert.instance(error, ScenarioError);
  assert.is(error['code'], 'ERR_RQDM_SCENARIO');
  assert.match((error['lines'] as string[]).join('\n'), /scenario:\d+: paths\.a\.to: no storage "hdd": expected one of ssd/);
  assert.match((await rejection(simulate('no-such-file.yaml'))).message, /no-such-file\.yaml: cannot be read: ENOENT/);
  assert.is((await checkScenario(SCENARIO)).length, 2);
});

test('options outside their ranges are refused', async () => {
  const cases: [object, RegExp][] = [
    [{ seeds: [] }, /seeds: none/],
    [{ seeds: [1, 1] }, /seeds: the same one twice/],
    [{ seeds: [-1] }, /seeds: -1: expected whole numbers, 0 to 999999999/],
    [{ seeds: [1.5] }, /seeds: 1\.5/],
    [{ seeds: Array.from({ length: 50_001 }, (_, seed) => seed) }, /seeds: 100002 runs: expected different ones, for at most/],
    [{ workers: 0 }, /workers: 0: expected whole numbers, 1 to 9999/],
  ];
  for (const [options, words] of cases) {
    const error = await rejection(simulate(SCENARIO, options));
    assert.is(error['code'], 'ERR_RQDM_ARGUMENT');
    assert.match(error.message, words);
  }
});

test('a run that fails is told, and the others go on', async () => {
  const rowsFile = ({ variant }: RunName): string => (variant === 'one' ? 'no/such/folder/rows.csv' : '/dev/null');
  const [one, two] = (await simulate({ ...SCENARIO, rows: true }, { workers: 1, rowsFile })) as [SimulatedRun, SimulatedRun];
  assert.match(String(one.result), /ENOENT.*no\/such\/folder\/rows\.csv/);
  assert.is(one.series, '');
  const [full] = await simulate({ ...SCENARIO, rows: true }, { workers: 1, rowsFile: () => '/dev/full' });
  assert.match(String(full?.result), /\/dev\/full: ENOSPC/);
  assert.is(resultOf(two).ios, 500);
});

test('a signal ends all runs', async () => {
  const controller = new AbortController();
  const endless = { ...SCENARIO, load: { rw: 'randread', iodepth: 8, number_ios: 1_000_000_000 } };
  setTimeout(() => controller.abort(new Error('enough')), 200);
  assert.is((await rejection(simulate(endless, { signal: controller.signal }))).message, 'enough');
  assert.is((await rejection(simulate(SCENARIO, { signal: AbortSignal.abort(new Error('before')) }))).message, 'before');
});

test('what a live device was asked comes again in a simulation: as many I/Os, merged into as many requests', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(['mem:disk?size=16M#a', 'mem:disk?size=16M#b']);
  const recording = await recordTrace(device, join(folder.path, 'load.trace'));
  for (let turn = 0; turn < 20; turn++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => device.read(turn * 65536 + i * 4096, 4096)));
    await device.write(Buffer.alloc(512, 1), turn * 512);
  }
  await device.flush();
  await recording.stop();
  const { requests, bios } = device.stats();
  const runs = await simulate(
    {
      name: 'again',
      load: { trace: 'load.trace' },
      storage: { disk: { model: 'instant', size: '16M' } },
      paths: { a: { to: 'disk' }, b: { to: 'disk' } },
      map: {},
    },
    { folder: folder.path, workers: 1 },
  );
  const result = resultOf(runs[0] as SimulatedRun);
  assert.is(result.ios, 181);
  const [simulated] = result.devices;
  assert.equal([simulated?.bios, simulated?.requests], [bios, requests]);
});

test("the guide's code does what it says", async () => {
  using folder = new TemporaryFolder();
  const guide = readFileSync(join(repositoryFolder(), 'docs', 'simulation.md'), 'utf8');
  const [yaml] = /(?<=```yaml\n)[\s\S]*?(?=```)/.exec(guide) as RegExpExecArray;
  folder.file('scenario.yaml', Buffer.from((yaml as string).replace('30s', '100ms')));
  const blocks = [...guide.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) =>
    (code as string).replace(/'rqdm\/(trace|simulate)'/g, (_, name: string) => {
      return JSON.stringify(new URL(`../../src/${name}/index.js`, import.meta.url).href);
    }),
  );
  assert.is(blocks.length, 2);
  const program = `
    import { openDevice } from LIBRARY;
    process.chdir(${JSON.stringify(folder.path)});
    const device = await openDevice('mem:a?size=1M');
    const theUsualWork = () => device.read(0, 512);
    ${blocks.join('')}
    console.log({ records, lost });
    await device.close();
  `;
  const { status, output, errors } = await runProgram(program);
  assert.is(errors, '');
  assert.is(status, 0);
  assert.match(output, /service-time[\s\S]*round-robin[\s\S]*\{ records: 1, lost: 0 \}\n$/);
});

test.run();
