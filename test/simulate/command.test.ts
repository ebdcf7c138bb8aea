// `rqdm simulate` as it is called: tables, files, statuses.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('simulate: command');
const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

const SCENARIO = `name: command
load:
  - { trace: few.csv, plug: { window: 1ms } }
  - { rw: randread, bs: 8k, iodepth: 4, runtime: 2s, rate_iops: 500 }
storage:
  ssd: { model: nvme-970pro, size: 4G }
paths:
  a: { to: ssd, link: fc-16g }
  b: { to: ssd, link: fc-16g }
map: { selector: round-robin }
script:
  - { at: 1s, path: b, do: down, for: 100ms }
rows: true
variants:
  - { name: request }
  - { name: bio, map: { mapping: bio } }
`;

/** MSR Cambridge's columns: eight neighbours each 100 ms. */
const TRACE = Array.from({ length: 80 }, (_, i) => {
  const ticks = 128166372000000000n + BigInt(Math.floor(i / 8)) * 1_000_000n;
  return `${ticks},host,0,Read,${i * 4096},4096,100`;
}).join('\n');

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

function rqdm(words: readonly string[], onOutput?: (child: ReturnType<typeof spawn>) => void): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  onOutput?.(child);
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output, errors })));
}

function prepared(): TemporaryFolder {
  const folder = new TemporaryFolder();
  folder.file('scenario.yaml', Buffer.from(SCENARIO));
  folder.file('few.csv', Buffer.from(TRACE));
  return folder;
}

test('a scenario gives a table, and files that do not depend on the number of workers', async () => {
  using folder = prepared();
  const scenario = join(folder.path, 'scenario.yaml');
  const call = (workers: string): Promise<Ended> =>
    rqdm(['simulate', scenario, '--seeds', '1..2', '--workers', workers, '--out', join(folder.path, `out${workers}`)]);
  const [one, two] = [await call('1'), await call('2')];
  assert.equal([one.status, one.errors], [0, '']);
  assert.is(two.output, one.output);
  assert.match(one.output, /variant.*IOPS.*p99\.99/);
  assert.match(one.output, /request .*fail-over/);
  const paths = '0 1 1 round-robin 0 2 1 /dev/a 1 /dev/b 1';
  assert.ok(
    one.output.endsWith(
      `\nrequest: 0 8388608 multipath 0 ${paths}\nbio: 0 8388608 multipath 3 retain_attached_hw_handler queue_mode bio ${paths}\n`,
    ),
    one.output,
  );
  const files = readdirSync(join(folder.path, 'out1')).sort();
  const expected = ['request', 'bio'].flatMap((variant) =>
    ['1', '2'].flatMap((seed) => ['json', 'paths.csv', 'rows.csv'].map((end) => `${variant}-seed${seed}.${end}`)),
  );
  assert.equal(files, [...expected, 'summary.csv'].sort());
  for (const file of files) assert.ok(folder.read(`out1/${file}`).equals(folder.read(`out2/${file}`)), file);
  const result = JSON.parse(folder.read('out1/request-seed1.json').toString());
  assert.equal([result.schema, result.seed, result.variant, result.traces[0].format], ['rqdm-run-1', 1, 'request', 'msr']);
  assert.match(result.traces[0].sha256, /^[0-9a-f]{64}$/);
  assert.is(result.ios, 1080);
  assert.ok(result.callers.read.p9999 > 0 && result.callers.read.histogram.buckets.length > 0);
  const rows = folder.read('out1/request-seed1.rows.csv').toString().trim().split('\n');
  assert.is(
    rows.length - 1,
    result.paths.reduce((sum: number, { ios }: { ios: number }) => sum + ios, 0),
  );
  const series = folder.read('out1/request-seed1.paths.csv').toString().trim().split('\n').slice(1);
  const listed = series.reduce((sum, line) => sum + Number(line.split(',')[2]), 0);
  assert.is(listed, rows.length - 1);
  const summary = readFileSync(join(folder.path, 'out1', 'summary.csv'), 'utf8')
    .trim()
    .split('\n');
  assert.is(summary.length, 5);
});

test('JSON goes to standard output, and a run that fails leaves status 1 and the others', async () => {
  using folder = prepared();
  const out = join(folder.path, 'out');
  // where the rows of one run are to go is a folder
  mkdirSync(join(out, 'bio-seed1.rows.csv'), { recursive: true });
  const { status, output, errors } = await rqdm(['simulate', join(folder.path, 'scenario.yaml'), '--json', '--out', out]);
  const { results } = JSON.parse(output);
  assert.is(status, 1);
  assert.match(errors, /^rqdm: bio-seed1 failed: EISDIR.*bio-seed1\.rows\.csv'\n$/);
  assert.equal([results.length, results[0].ios, typeof results[1].failed], [2, 1080, 'string']);
});

test('a folder for results is made with those around it; one that cannot be is told', async () => {
  using folder = prepared();
  const scenario = join(folder.path, 'scenario.yaml');
  const deep = await rqdm(['simulate', scenario, '--out', join(folder.path, 'a', 'b', 'c')]);
  assert.is(deep.status, 0, deep.errors);
  assert.ok(readdirSync(join(folder.path, 'a', 'b', 'c')).includes('summary.csv'));
  for (const out of ['/proc/x', join(folder.path, 'few.csv')]) {
    const { status, errors } = await rqdm(['simulate', scenario, '--out', out]);
    assert.is(status, 1);
    assert.match(errors, new RegExp(`--out ${out}: no folder can be made there: E`));
  }
});

test('a scenario that is wrong is told with its lines, status 1; a trace that is not there too', async () => {
  using folder = prepared();
  folder.file('wrong.yaml', Buffer.from(SCENARIO.replace('iodepth: 4', 'iodepth: four')));
  const wrong = await rqdm(['simulate', join(folder.path, 'wrong.yaml')]);
  assert.is(wrong.status, 1);
  assert.match(wrong.errors, /wrong\.yaml:4: load\[2\]\.iodepth: expected a number, got a text/);
  folder.file('lost.yaml', Buffer.from(SCENARIO.replace('few.csv', 'lost.csv')));
  const lost = await rqdm(['simulate', join(folder.path, 'lost.yaml')]);
  assert.is(lost.status, 1);
  assert.match(lost.errors, /lost\.csv/);
  assert.is((await rqdm(['simulate', join(folder.path, 'scenario.yaml'), '--seeds', '3..1'])).status, 2);
  assert.equal(await rqdm(['simulate', join(folder.path, 'scenario.yaml'), '--check']), { status: 0, output: '', errors: '' });
});

test('Ctrl-C ends it with status 130, and what had ended by then is told', async () => {
  using folder = prepared();
  const endless = SCENARIO.replace('runtime: 2s, rate_iops: 500', 'runtime: 100000h, rate_iops: 500').replace(
    'rows: true',
    'rows: false',
  );
  folder.file(
    'endless.yaml',
    Buffer.from(endless.replace('  - { name: request }', '  - { name: short, load: { rw: randread, number_ios: 10 } }')),
  );
  const out = join(folder.path, 'out');
  const ended = await rqdm(['simulate', join(folder.path, 'endless.yaml'), '--workers', '2', '--out', out], (child) => {
    const timer = setInterval(() => {
      try {
        if (readdirSync(out).includes('short-seed1.json')) {
          clearInterval(timer);
          child.kill('SIGINT');
        }
      } catch {
        // the folder is not there yet
      }
    }, 20);
    child.on('close', () => clearInterval(timer));
  });
  assert.is(ended.status, 130, ended.errors);
  assert.match(ended.output, /short/);
});

test.run();
