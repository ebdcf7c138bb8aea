// The demonstration, as `npm start` runs it: a program of its own, whose folder is given to it so that we see what it
// leaves there.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_BYTES, BlockModel } from '../src/demo/blocks.ts';
import { progressLine, Screen } from '../src/demo/screen.ts';

const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url));
const SHORT = ['--seconds', '0.6', '--size', '8M'];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What lies in the folder that was given to it. */
  readonly left: readonly string[];
}

/** What a demo has said so far, by a function that waits for more. */
interface Running {
  readonly child: ChildProcess;
  readonly parent: string;
  /** Resolves when it has said `text` on stderr; rejects if it ends before. */
  said(text: string): Promise<void>;
}

async function demo(
  args: readonly string[],
  meanwhile: (running: Running) => Promise<void> = async () => {},
): Promise<Outcome> {
  const parent = mkdtempSync(join(tmpdir(), 'rqdm demo#'));
  try {
    const child = spawn(process.execPath, [CLI, 'demo', '--dir', parent, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let look: () => void = () => {};
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      look();
    });
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    const said = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        look = () => stderr.includes(text) && resolve();
        look();
        void closed.then(() => reject(new Error(`it ended without saying "${text}":\n${stderr}`)));
      });
    try {
      await meanwhile({ child, parent, said });
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    const code = await closed;
    return { code, stdout, stderr, left: readdirSync(parent) };
  } finally {
    rmSync(parent, { recursive: true });
  }
}

function all({ stdout, stderr }: Outcome): string {
  return `${stdout}\n${stderr}`;
}

// ---- the program ---------------------------------------------------------------------------------------------------

test('it shows both types side by side, every byte right, and leaves nothing', async () => {
  const outcome = await demo(SHORT);
  assert.is(outcome.code, 0, all(outcome));
  assert.match(outcome.stdout, /│ +request-based │ +bio-based │/);
  for (const row of ['bios', 'requests', 'mean request size', 'merges', 'IOPS', 'MB/s', 'share of path a', 'share of path b']) {
    assert.match(outcome.stdout, new RegExp(`│ ${row} +│ +[\\d,.]+[^│]*│ +[\\d,.]+[^│]*│`), row);
  }
  assert.match(outcome.stdout, /│ path failed \/ came back +│ +1 \/ 1 │ +1 \/ 1 │/);
  assert.match(outcome.stdout, /│ errors seen by the caller +│ +0 │ +0 │/);
  assert.match(outcome.stdout, /^verified \d{7,} bytes, 0 wrong$/m);
  assert.match(outcome.stdout, /^Next: /m);
  assert.match(outcome.stderr, /request-based: path b fails; paths a A, b F/);
  assert.match(outcome.stderr, /bio-based: path b is back; paths a A, b A/);
  assert.not.match(all(outcome), '\x1b');
  assert.equal(outcome.left, []);
});

test('as JSON, the figures agree with each other and nothing else is said', async () => {
  const outcome = await demo([...SHORT, '--json', '--path-delay', 'none', '--seed', '7']);
  assert.is(outcome.code, 0, all(outcome));
  assert.is(outcome.stderr, '');
  const result = JSON.parse(outcome.stdout);
  assert.is(result.schema, 1);
  assert.is(result.seed, 7);
  assert.is(result.pathDelay, null);
  assert.is(result.wrongBytes, 0);
  assert.is(result.failed, 0);
  assert.is(result.ok, true);
  assert.equal(
    result.types.map((one: { type: string }) => one.type),
    ['request', 'bio'],
  );
  for (const one of result.types) {
    assert.ok(one.bios > 0 && one.requests > 0 && one.meanRequestBytes >= BLOCK_BYTES, JSON.stringify(one));
    assert.ok(one.requests <= one.bios + one.retries, `${one.requests} requests of ${one.bios} bios`);
    assert.is(one.pathsFailed, 1);
    assert.is(one.pathsReinstated, 1);
    const errors = one.paths.reduce((sum: number, path: { errors: number }) => sum + path.errors, 0);
    assert.ok(errors > 0 && one.retries > 0, 'the failed path was noticed by its I/O, and that was retried');
    const share = one.paths.reduce((sum: number, path: { share: number }) => sum + path.share, 0);
    assert.ok(Math.abs(share - 1) < 1e-9);
  }
  const [request, bio] = result.types;
  assert.ok(request.meanRequestBytes > bio.meanRequestBytes, 'balancing after the merge keeps the merges');
  assert.equal(outcome.left, []);
});

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} in the middle ends it with ${status}, and its folder is gone`, async () => {
    let duringLoad: string[] = [];
    const outcome = await demo(['--seconds', '8', '--size', '8M'], async ({ child, parent, said }) => {
      await said('path b fails');
      duringLoad = readdirSync(parent);
      child.kill(signal);
    });
    assert.is(outcome.code, status, all(outcome));
    assert.is(duringLoad.length, 1);
    assert.match(duringLoad[0], /^rqdm-demo-/);
    assert.equal(outcome.left, []);
  });
}

test('bytes that somebody else changes under it are counted, and the status is 1', async () => {
  const outcome = await demo(SHORT, async ({ parent, said }) => {
    await said('request-based: begins');
    const file = await open(join(parent, readdirSync(parent)[0], 'disk.img'), 'r+');
    await file.write(Buffer.alloc(8 * 2 ** 20, 0xa5), 0, 8 * 2 ** 20, 0);
    await file.close();
  });
  assert.is(outcome.code, 1, all(outcome));
  assert.match(outcome.stdout, /^verified \d+ bytes, [1-9]\d* wrong$/m);
  assert.equal(outcome.left, []);
});

test('a file that is cut off makes I/O fail: it stops at once and tells the first error, status 1', async () => {
  const outcome = await demo(['--seconds', '20', '--size', '8M'], async ({ child, parent, said }) => {
    await said('request-based: begins');
    const file = await open(join(parent, readdirSync(parent)[0], 'disk.img'), 'r+');
    // again and again, because writes make it longer
    while (child.exitCode === null) await file.truncate(0);
    await file.close();
  });
  assert.is(outcome.code, 1, all(outcome));
  assert.match(outcome.stdout, /^[1-9]\d* I\/Os failed, the first: .*EIO/m);
  assert.not.match(outcome.stderr, 'bio-based');
  assert.equal(outcome.left, []);
});

test('a mistake is told before anything is made: status 2, or 1 for a folder that is not there', async () => {
  for (const args of [
    ['--size', '1G'],
    ['--size', '64'],
    ['--seconds', '0'],
    ['--seconds', '99'],
    ['--path-delay', 'long'],
  ]) {
    const outcome = await demo(args);
    assert.is(outcome.code, 2, args.join(' '));
    assert.match(outcome.stderr, args[1]);
    assert.equal(outcome.left, []);
  }
  const outcome = await demo(['--dir', join(tmpdir(), 'rqdm-there-is-no-such-folder')]);
  assert.is(outcome.code, 1);
  assert.match(outcome.stderr, /cannot make a temporary folder in .*rqdm-there-is-no-such-folder/);
});

// ---- its parts -----------------------------------------------------------------------------------------------------

test('the model counts each byte that is not as written', () => {
  const model = new BlockModel(16, 1);
  const view = Buffer.alloc(BLOCK_BYTES);
  model.beginWrite(3, view);
  assert.not(model.canRead(3));
  assert.not(model.canWrite(3));
  model.endWrite(3, true);
  assert.ok(model.canWrite(3));
  assert.is(model.wrongBytes(view, 3), 0);
  for (const place of [0, 7, 15, 16, 511, 512, BLOCK_BYTES - 1]) {
    view[place] ^= 1;
    assert.is(model.wrongBytes(view, 3), 1, `byte ${place}`);
    view[place] ^= 1;
  }
  assert.ok(model.wrongBytes(view, 4) > BLOCK_BYTES / 2, 'the data of another block');
});

test('the model knows a block of the write before from that of the last one, in every sector', () => {
  const model = new BlockModel(16, 1);
  const [old, now] = [Buffer.alloc(BLOCK_BYTES), Buffer.alloc(BLOCK_BYTES)];
  for (const view of [old, now]) {
    model.beginWrite(5, view);
    model.endWrite(5, true);
  }
  for (let sector = 0; sector < BLOCK_BYTES / 512; sector++) {
    const torn = Buffer.from(now);
    old.copy(torn, sector * 512, sector * 512, sector * 512 + 512);
    assert.ok(model.wrongBytes(torn, 5) > 0, `sector ${sector}`);
  }
});

test('while a block is read it may be read again but not written; after a failed write nobody uses it', () => {
  const model = new BlockModel(4, 1);
  model.beginRead(0);
  assert.ok(model.canRead(0));
  assert.not(model.canWrite(0));
  model.endRead(0);
  model.beginWrite(0, Buffer.alloc(BLOCK_BYTES));
  model.endWrite(0, false);
  assert.not(model.canRead(0));
  assert.ok(model.unknown.has(0));
});

const PROGRESS = {
  title: 'bio-based',
  share: 0.5,
  iops: 12345,
  merges: 678,
  paths: new Map([
    ['a', 'A'],
    ['b', 'F'],
  ]),
};

test('on a terminal one line is written over; elsewhere only what happened is said, a line each', () => {
  const written = (isTTY: boolean, isQuiet: boolean): string => {
    let text = '';
    const stream = { isTTY, columns: 120, write: (chunk: string) => (text += chunk) };
    const screen = new Screen(stream as never, isQuiet);
    screen.progress(PROGRESS);
    screen.event('path b fails');
    return text;
  };
  const line = progressLine(PROGRESS);
  assert.match(line, /^bio-based +\[########\.{8}\] +50 % +12,345 IOPS +678 merges {2}paths: a A, b F$/);
  assert.is(written(true, false), `\r\x1b[2K${line}\r\x1b[2Kpath b fails\n`);
  assert.is(written(false, false), 'path b fails\n');
  assert.is(written(false, true), '');
});

test.run();
