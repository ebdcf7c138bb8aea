// I/O in flight keeps the process alive; an idle open path does not.

import { spawn } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('path: life of the process');

const sinkModule = new URL('../support/sink.js', import.meta.url).href;

/** Runs a program that never closes anything; resolves with what it printed and how it ended. */
function runProgram(body: string): Promise<{ output: string; code: number | null; ms: number }> {
  const program = `
    import { PathBench } from ${JSON.stringify(sinkModule)};
    const bench = new PathBench();
    import { rmSync } from 'node:fs';
    process.on('exit', (code) => { console.log('exit', code, bench.sink.count); rmSync(bench.folder, { recursive: true }); });
    const address = bench.arena.allocate(65536);
    ${body}`;
  const started = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const killer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(killer);
      resolve({ output, code, ms: performance.now() - started });
    });
  });
}

const OPEN = "const path = bench.open(bench.file('disk', 65536));";
const READ = 'bench.issue(path, 0, 0, 4096, address); path.kick();';

test('a process that reads once on a worker and closes nothing ends by itself, after its answer', async () => {
  const { output, code } = await runProgram(`${OPEN} ${READ}`);
  assert.match(output, /exit 0 1\n/);
  assert.is(code, 0);
});

test('a process that opened a path and did nothing ends at once', async () => {
  const { output, code } = await runProgram(OPEN);
  assert.match(output, /exit 0 0\n/);
  assert.is(code, 0);
});

test('a process waits for what is held by a delay', async () => {
  const { output, code } = await runProgram(`const path = bench.open('mem:a?size=1M&delay=150ms'); ${READ}`);
  assert.match(output, /exit 0 1\n/);
  assert.is(code, 0);
});

test('a process waits for a call that takes long on its worker', async () => {
  // Reading megabytes in single sectors: many calls, one batch.
  const { output, code } = await runProgram(
    `${OPEN} for (let i = 0; i < 20000; i++) bench.issue(path, 0, (i % 128) * 512, 512, address); path.kick();`,
  );
  assert.match(output, /exit 0 20000\n/);
  assert.is(code, 0);
});

test('a process that shared large batches with a worker ends by itself', async () => {
  const { output, code, ms } = await runProgram(`
    const path = bench.open(bench.file('disk', 65536), 'auto');
    const round = (left) => {
      for (let i = 0; i < 200; i++) bench.issue(path, 0, (i % 128) * 512, 512, address);
      path.kick();
      if (left > 0) setImmediate(round, left - 1);
      else console.log('threads', bench.pool.threads);
    };
    round(1500);`);
  assert.match(output, /threads 1\n/);
  assert.match(output, /exit 0 300200\n/);
  assert.is(code, 0);
  assert.ok(ms < 15_000);
});

test('a second batch after a long idle time is answered too', async () => {
  const { output, code } = await runProgram(`${OPEN} ${READ} setTimeout(() => { ${READ} }, 400);`);
  assert.match(output, /exit 0 2\n/);
  assert.is(code, 0);
});

test('without Atomics.waitAsync the same holds', async () => {
  const { output, code } = await runProgram(`
    const other = new PathBench({ hasWaitAsync: false });
    process.on('exit', () => { console.log('answers', other.sink.count); rmSync(other.folder, { recursive: true }); });
    const path = other.open(other.file('disk', 65536));
    other.issue(path, 0, 0, 4096, 0); path.kick();`);
  assert.match(output, /answers 1\n/);
  assert.is(code, 0);
});

test.run();
