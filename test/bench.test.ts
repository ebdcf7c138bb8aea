// The benches tell what they promise, under the names that they promise. How fast this machine is, is not tested.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder } from './support/skip.ts';

const CLI = join(repositoryFolder(), 'build', 'src', 'cli.js');

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function rqdm(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...words], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Values by name, of a quick run. */
async function quickly(bench: string, ...words: string[]): Promise<Map<string, number>> {
  const { status, stdout, stderr } = await rqdm('bench', bench, '--quick', '--json', ...words);
  assert.is(stderr, '', 'no terminal, no progress');
  assert.is(status, 0);
  const report = JSON.parse(stdout);
  assert.is(report.schema, 1);
  assert.is(report.bench, bench);
  const values = new Map<string, number>();
  for (const { name, value, unit, ...rest } of report.results) {
    assert.type(unit, 'string');
    // nothing may have grown at all; every other figure counts something that was there
    assert.ok(Number.isFinite(value) && (value > 0 || (name === 'memory.growth' && value === 0)), `${name} is ${value}`);
    assert.not.ok(values.has(name), `${name} is told twice`);
    assert.equal(rest, {});
    values.set(name, value);
  }
  holdsNames(values, ['calibration.xorshift', 'calibration.memcpy']);
  return values;
}

function holdsNames(values: ReadonlyMap<string, number>, names: readonly string[]): void {
  for (const name of names) assert.ok(values.has(name), `${name} is missing`);
}

const benches = suite('rqdm bench');

benches('core tells bios a second for three mixes', async () => {
  holdsNames(await quickly('core'), ['core.seq0', 'core.seq50', 'core.seq90']);
});

benches('simulate tells I/Os a second, of two workers over one, how fast traces are read and what a record takes', async () => {
  const values = await quickly('simulate');
  holdsNames(values, [
    'simulate.wsrch.ssd2',
    'simulate.min',
    'simulate.workers2.ratio',
    'read.blktrace',
    'read.blktrace.completions',
    'read.text',
    'memory.resident-io',
  ]);
  assert.ok((values.get('memory.resident-io') as number) <= 64);
});

benches('device tells the mapped device beside the plain one', async () => {
  holdsNames(await quickly('device'), [
    'device.seq0',
    'device.seq50',
    'device.seq90',
    'device.plain',
    'device.recorded',
    'device.mapped-to-plain',
  ]);
});

benches('file tells ratios to the better of the two ways of node:fs, and leaves nothing behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-test-'));
  try {
    const values = await quickly('file', '--dir', folder);
    for (const name of [
      'seqread',
      'seqwrite',
      'randread',
      'randwrite',
      'randread.depth1',
      'worker.randread',
      'promise.seqread',
    ]) {
      holdsNames(values, [`file.${name}.ratio`, `file.${name}`]);
    }
    holdsNames(values, ['file.seqread.callbacks', 'file.seqread.promises']);
    assert.equal(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

benches('claim tells what is won, what could be expected, and where nothing is won', async () => {
  const values = await quickly('claim');
  for (const paths of ['claim.2paths', 'claim.4paths']) {
    holdsNames(values, [`${paths}.expected`, `${paths}.of-expected`]);
    for (const variant of ['', '.rr2006-8', '.rr2006-128', '.rr2006-1000', '.streams', '.random']) {
      const one = `${paths}${variant}`;
      holdsNames(values, [`${one}.ratio`, `${one}.request.iops`, `${one}.bio.iops`]);
      holdsNames(values, [`${one}.request.mean-size`, `${one}.bio.mean-size`]);
    }
    // what merges does not depend on the clock
    assert.is(values.get(`${paths}.bio.mean-size`), 4, 'bios that were mapped in turn never meet again');
    assert.ok((values.get(`${paths}.request.mean-size`) as number) >= 64, 'requests are merged before they are mapped');
  }
});

benches('control tells how quick a server is to talk to, and leaves no server behind', async () => {
  const values = await quickly('control');
  holdsNames(values, ['control.create-remove', 'control.status1000', 'control.status1000.command']);
});

benches('memory stays within its limits', async () => {
  const values = await quickly('memory');
  const limits: [string, number][] = [
    ['memory.bio', 64],
    ['memory.request-with-clone', 256],
    ['memory.core', 16 * 1024 * 1024],
    ['memory.device', 64 * 1024],
    ['memory.growth', 1024 * 1024],
  ];
  for (const [name, atMost] of limits) {
    assert.ok((values.get(name) as number) <= atMost, `${name} is ${values.get(name)}: ${atMost} at most`);
  }
});

benches('without --json people get a table with the reach of each figure', async () => {
  const { status, stdout } = await rqdm('bench', 'memory', '--quick');
  assert.is(status, 0);
  assert.match(stdout, /^memory\.bio +64 bytes {2}reached: at most 64$/m);
});

benches.run();

const program = suite('rqdm');

program('called wrongly it says what was expected in one line, with status 2', async () => {
  for (const words of [['bench', 'nothing'], ['bench', '--fast', 'core'], ['benhc'], ['bench']]) {
    const { status, stdout, stderr } = await rqdm(...words);
    assert.is(status, 2, words.join(' '));
    assert.is(stdout, '');
    assert.match(stderr, /^rqdm: [^\n]+\n$/);
  }
});

program('a failure is one line and status 1', async () => {
  const { status, stderr } = await rqdm('bench', 'memory', '--dir', join(repositoryFolder(), 'no such folder'));
  assert.is(status, 1);
  assert.match(stderr, /^rqdm: --dir .*no such folder: expected a folder\n$/);
});

program('help and version go to stdout, with status 0', async () => {
  const help = await rqdm('--help');
  assert.is(help.status, 0);
  assert.match(help.stdout, /bench/);
  const version = await rqdm('--version');
  assert.is(version.status, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

program('interrupted it removes its file and ends with status 130', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-test-'));
  try {
    const watcher = watch(folder);
    const appears = new Promise((resolve) => watcher.once('change', resolve));
    const child: ChildProcess = spawn(process.execPath, [CLI, 'bench', 'file', '--dir', folder], { stdio: 'ignore' });
    const ends = new Promise<number | null>((resolve) => child.once('close', resolve));
    await appears;
    watcher.close();
    child.kill('SIGINT');
    assert.is(await ends, 130);
    assert.equal(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

program.run();
