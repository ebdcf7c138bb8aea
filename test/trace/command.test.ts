// `rqdm trace` as a user runs it, in pipes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TraceSummary } from '../../src/trace/summary.ts';
import { repositoryFolder } from '../support/skip.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { blktraceSample } from '../support/trace-samples.ts';

interface Ran {
  readonly status: number | null;
  readonly output: Buffer;
  readonly errors: string;
}

function rqdm(words: readonly string[], input: Buffer = Buffer.alloc(0)): Promise<Ran> {
  const program = join(repositoryFolder(), 'build', 'src', 'cli.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'trace', ...words], { timeout: 30_000 });
    const output: Buffer[] = [];
    let errors = '';
    child.stdout.on('data', (data: Buffer) => output.push(data));
    child.stderr.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output: Buffer.concat(output), errors }));
    child.stdin.end(input);
  });
}

const lines = (count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, (_, i) => `${i * 1000} ${i % 2} ${i * 8} 8 ${i % 4 === 0 ? 0 : 1}\n`).join(''));

async function summaryOf(words: readonly string[], input?: Buffer): Promise<TraceSummary> {
  const { output, errors, status } = await rqdm(['info', '--json', ...words], input);
  assert.is(status, 0, errors);
  return JSON.parse(output.toString()) as TraceSummary;
}

test('a text with a byte-order mark is read, packed or not; bytes that only look like one are not skipped', async () => {
  const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), lines(100)]);
  for (const input of [marked, gzipSync(marked)]) {
    const { format, records, skipped } = await summaryOf([], input);
    assert.equal([format, records, skipped], ['mqsim', 100, 0]);
  }
  const record = Buffer.alloc(24);
  record.writeUInt32LE(0x10bfbbef, 0);
  record.writeUInt32LE(4096, 12);
  const { records } = await summaryOf(['--format', 'oracle-general', '--op', 'read'], Buffer.concat([record, record, record]));
  assert.is(records, 3);
});

test('a conversion may write over the trace that it reads, and one that fails leaves what was there', async () => {
  using folder = new TemporaryFolder();
  // far more than is read at once
  const file = folder.file('a.trace', lines(200_000));
  chmodSync(file, 0o640);
  const link = join(folder.path, 'link');
  symlinkSync('a.trace', link);
  assert.is((await rqdm(['convert', '--to', 'spc', file, link])).status, 0);
  assert.equal([readFileSync(file, 'utf8').split('\n').length, statSync(file).mode & 0o777], [200_001, 0o640]);
  const before = readFileSync(file);
  const failed = await rqdm(['convert', '--to', 'rqdm', '--format', 'mqsim', file, file]);
  assert.is(failed.status, 1);
  assert.is(Buffer.compare(readFileSync(file), before), 0);
  assert.equal(readdirSync(folder.path).sort(), ['a.trace', 'link']);
});

test('Ctrl-C in the middle of a conversion leaves nothing behind', async () => {
  using folder = new TemporaryFolder();
  const program = join(repositoryFolder(), 'build', 'src', 'cli.js');
  const child = spawn(process.execPath, [program, 'trace', 'convert', '--to', 'spc', '-', join(folder.path, 'out')]);
  child.stdin.on('error', () => undefined); // it ends with bytes unread
  child.stdin.write(lines(100_000));
  // as far as its first bytes, and then its input stays open
  while (readdirSync(folder.path).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  const [status] = await once(child, 'close');
  assert.is(status, 130);
  assert.equal(readdirSync(folder.path), []);
});

test('what cannot be written is told with its name; a device is never removed', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a.trace', lines(100_000));
  for (const [output, reason] of [
    ['/dev/full', 'ENOSPC'],
    [join(folder.path, 'no', 'x'), 'ENOENT'],
    [folder.path, 'EISDIR'],
  ] as const) {
    const { status, errors } = await rqdm(['convert', '--to', 'spc', file, output]);
    assert.is(status, 1);
    assert.match(errors, new RegExp(`^rqdm: ${output}: ${reason}`));
  }
  assert.ok(statSync('/dev/full').isCharacterDevice());
});

test('info says counts, bytes, span and what was left out', async () => {
  const found = await summaryOf(['--skip-at-most', '0.5'], Buffer.concat([lines(100), Buffer.from('7 x\n')]));
  assert.equal(
    [found.format, found.records, found.reads, found.writes, found.bytes, found.spanSeconds, found.skipped],
    ['mqsim', 100, 75, 25, 409_600, 0.000099, 1],
  );
  assert.match(found.firstSkips[0] as string, /^line 101, column 3: device: expected a whole number/);
});

test('info chooses events by --from, from a pipe too', async () => {
  assert.equal((await summaryOf([], blktraceSample(7))).records, 4);
  assert.equal((await summaryOf(['--from', 'C'], blktraceSample(7))).records, 1);
});

test('a pipe that has a name is read once, whatever events are in it', async () => {
  using folder = new TemporaryFolder();
  // more than a pipe holds at once
  const file = folder.file('a.bin', Buffer.concat(Array.from({ length: 2000 }, () => blktraceSample(7))));
  const program = join(repositoryFolder(), 'build', 'src', 'cli.js');
  const line = 'cat "$1" | "$2" "$3" trace info --json /dev/stdin';
  const child = spawn('sh', ['-c', line, 'sh', file, process.execPath, program], { timeout: 30_000 });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  await once(child, 'close');
  const { records, skipped } = JSON.parse(output) as TraceSummary;
  assert.equal([records, skipped], [8000, 0]);
});

test('options that say nothing about a format are told', async () => {
  const words = ['info', '--from', 'D', '--op', 'read', '--time-unit', 'ns', '--spread', '--wait', 'us-relative'];
  const { output } = await rqdm([...words, '--address-bytes', '4096'], lines(10));
  assert.match(output.toString(), /\nnote +--from, --op, --address-bytes, --spread, --wait mean nothing in mqsim\n/);
  assert.not.match((await rqdm(['info', '--from', 'Q'], blktraceSample(7))).output.toString(), /nothing in/);
});

test('head, slice, scale and convert go through pipes', async () => {
  const cut = await rqdm(['head', '-n', '50'], lines(100));
  const sliced = await rqdm(['slice', '--time', '10us..40us', '--device', '1'], cut.output);
  const scaled = await rqdm(['scale', '--time', '2', '--wrap', '64K', '--add-time', '1ms'], sliced.output);
  const { output, errors, status } = await rqdm(['convert', '--to', 'mqsim'], scaled.output);
  assert.is(status, 0);
  const rows = output.toString().trim().split('\n');
  assert.is(rows.length, 15);
  assert.is(rows[0], `${1_000_000 + 11 * 2000} 1 88 8 1`);
  assert.is(rows[14], `${1_000_000 + 39 * 2000} 1 ${(39 * 8) % 128} 8 1`);
  assert.match(errors, /mqsim cannot carry .*|^$/);
});

test('slice takes numbers and sectors', async () => {
  const sliced = await rqdm(['slice', '--index', '10..', '--sectors', '0..160', '--to', 'mqsim'], lines(100));
  assert.is(sliced.output.toString().trim().split('\n').length, 10);
});

test('mix puts traces into each other by time and keeps their devices apart', async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'a.trace');
  writeFileSync(file, lines(10));
  const apart = await rqdm(['mix', file, file, '--offset', '0', '--offset', '500ns']);
  const found = await summaryOf([], apart.output);
  assert.equal([found.records, found.devices, found.outOfOrder], [20, ['0', '0#2', '1', '1#2'], 0]);
  assert.is(found.spanSeconds, 0.0000095);
  const joined = await summaryOf([], (await rqdm(['mix', file, file, '--join'])).output);
  assert.equal(joined.devices, ['0', '1']);
});

test('convert sorts on request and tells what a format cannot carry', async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'a.trace');
  const out = join(folder.path, 'a.csv');
  writeFileSync(file, '5000 0 8 8 1\n3000 0 16 8 0\n9000 0 24 8 1\n');
  const plain = await rqdm(['convert', file, out, '--to', 'msr']);
  assert.match(plain.errors, /1 times before that of the first record are written as 0/);
  await rqdm(['convert', file, out, '--to', 'msr', '--sort', '--strict']);
  assert.equal(
    readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(',')[4]),
    ['8192', '4096', '12288'],
  );
});

test('mistakes end with status 1 or 2 and a sentence, and leave no half file', async () => {
  using folder = new TemporaryFolder();
  const out = join(folder.path, 'out');
  const file = join(folder.path, 'a.trace');
  writeFileSync(file, '5000 0 8 8 1\n5000 0 8 8 1\nx\n');
  for (const [words, status, text] of [
    [['info', join(folder.path, 'none')], 1, /there is no such file/],
    [['info', folder.path], 1, /is a folder/],
    [['convert', file, out, '--strict'], 1, /line 3, column 1/],
    [['convert', file, out, '--to', 'elf'], 1, /cannot write "elf": expected rqdm, blktrace/],
    [['info', '--format', 'elf', file], 1, /format "elf" is not known: expected rqdm/],
    [['slice', '--device', '8', '--skip-at-most', '1', file, out], 1, /device "8" is not in the trace: it has "0"/],
    [['slice', '--time', '5..1', file], 2, /A not after B/],
    [['head', '-n', '-3', file], 2, /Expected a whole number/],
  ] as const) {
    const ran = await rqdm(words);
    assert.is(ran.status, status, ran.errors);
    assert.match(ran.errors, text);
  }
  assert.throws(() => readFileSync(out), /ENOENT/);
});

test('formats lists what can be read and written', async () => {
  const { output } = await rqdm(['formats']);
  assert.match(output.toString(), /^rw rqdm /);
  assert.match(output.toString(), /\nr {2}vscsi /);
});

test.run();
