// The runner, against files that are wrong in each way it promises to notice. The fixtures are written to a temporary
// folder and run by the compiled runner in a process of its own, as `npm test` does.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const RUNNER = fileURLToPath(new URL('./run.js', import.meta.url));
const SKIP = new URL('./support/skip.js', import.meta.url).href;
const HEAD = `import { test, suite } from '${import.meta.resolve('uvu')}';\nimport * as assert from '${import.meta.resolve('uvu/assert')}';\n`;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly lastLine: string;
}

/** Runs the runner on these files and gives what it said. */
async function run(files: Record<string, string>, args: string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-runner-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), HEAD + text);
    const all = [RUNNER, '--folder', folder, '--core', 'release', '--timeout', '3', '--grace', '2', ...args];
    const { RQDM_REQUIRE_TOOLS: _, ...inherited } = process.env;
    const child = spawn(process.execPath, all, { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, output, lastLine: output.trimEnd().split('\n').at(-1) ?? '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const GOOD = `test('adds', () => assert.is(1 + 1, 2));\ntest('subtracts', () => {});\ntest.run();\n`;

/** A file that is wrong in one way: exit status 1, a fault that fits, and a closing line. */
async function isFault(text: string, fault: RegExp, lastLine: string): Promise<void> {
  const outcome = await run({ 'wrong.test.js': text });
  assert.match(outcome.output, fault);
  assert.is(outcome.lastLine, lastLine, outcome.output);
  assert.is(outcome.code, 1, outcome.output);
}

test('a good file is a line, and its tests are counted', async () => {
  const files = { 'a.test.js': GOOD, 'b.test.js': `test('c', () => {});\ntest.run();\n` };
  const { code, output } = await run(files, ['--jobs', '1']);
  assert.is(code, 0, output);
  assert.match(
    output,
    /^good {2}a\.test\.js +2 passed in \d+ ms\ngood {2}b\.test\.js +1 passed in \d+ ms\n3 passed, 0 failed\n$/,
  );
});

test('a test that fails is shown with its output', async () => {
  const text = `console.log('a clue');\ntest('stands', () => {});\ntest('falls', () => assert.is(1, 2));\ntest.run();\n`;
  await isFault(text, /1 of 2 tests failed\n[\s\S]*\| a clue[\s\S]*"falls"/, '1 passed, 1 failed');
});

test('a file that forgot test.run() fails', async () => {
  await isFault(`test('never', () => {});\n`, /ran no test; is `test\.run\(\)` missing\?/, '0 passed, 1 failed');
});

test('a file that cannot be imported fails', async () => {
  await isFault(`throw new Error('no such device');\n`, /exit code 1\n[\s\S]*no such device/, '0 passed, 1 failed');
});

test('a test that hangs is named, with what it waits for', async () => {
  const slow = `const s = suite('ring');\ns('is slow', () => new Promise(() => setInterval(() => {}, 1000)));\ns.run();\n`;
  const blocked = `test('spins', () => { for (;;); });\ntest.run();\n`;
  const { code, output, lastLine } = await run({ 'a.test.js': slow, 'b.test.js': blocked });
  assert.match(output, /hangs: no end after 3 s; running: "ring > is slow"; active: .*Timeout/);
  assert.match(output, /hangs: no end after 3 s; running: "spins"; its main thread is blocked/);
  assert.is(lastLine, '0 passed, 2 failed');
  assert.is(code, 1);
});

test('a test that never settles is named', async () => {
  const text = `test('fine', () => {});\ntest('waits', () => new Promise(() => {}));\ntest.run();\n`;
  await isFault(text, /never settled: "waits"/, '0 passed, 1 failed');
});

test('a timer left running fails a file whose tests passed', async () => {
  const fault = /left something running: its process has not ended 2 s after its tests; active: .*Timeout/;
  await isFault(`${GOOD}setInterval(() => {}, 1000);\n`, fault, '2 passed, 1 failed');
});

test('a process left running fails the file, and is ended', async () => {
  const text = `import { spawn } from 'node:child_process';
const child = spawn('sleep', ['1234'], { stdio: 'ignore' });
child.unref();
console.log('pid=' + child.pid + '.');
${GOOD}`;
  const outcome = await run({ 'a.test.js': text });
  assert.is(outcome.code, 1, outcome.output);
  assert.match(outcome.output, /left something running: sleep \(\d+\)/);
  const pid = Number(/pid=(\d+)/.exec(outcome.output)?.[1]);
  assert.ok(hasEnded(pid), `process ${pid} is still there`);
});

function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

test('a file that calls process.exit fails', async () => {
  const text = `test('ends', () => setTimeout(() => process.exit(0), 50));\ntest.run();\n`;
  await isFault(text, /calls process\.exit, which hides/, '1 passed, 1 failed');
});

test('a hook that throws fails the file, which uvu would pass', async () => {
  const text = `test.before(() => { throw new Error('no'); });\ntest('a', () => {});\ntest.run();\n`;
  await isFault(text, /1 of 1 tests failed or did not run, because a hook threw/, '0 passed, 1 failed');
});

test('a skip is printed and counted, in a test and instead of all tests', async () => {
  const start = `import { skipAloud, toolOrSkip } from '${SKIP}';\n`;
  const files = {
    'a.test.js': `${start}test('a', () => skipAloud('no recordings'));\ntest('b', () => {});\ntest.run();\n`,
    'b.test.js': `${start}toolOrSkip('no-such-program-at-all');\n`,
  };
  const loose = await run(files);
  assert.is(loose.code, 0, loose.output);
  assert.match(loose.output, /SKIPPED: no recordings\n/);
  assert.match(loose.output, /SKIPPED: no-such-program-at-all is not installed\n/);
  assert.is(loose.lastLine, '1 passed, 0 failed, 2 skipped');

  const strict = await run(files, [], { RQDM_REQUIRE_TOOLS: '1' });
  assert.is(strict.code, 1, strict.output);
  assert.is(strict.lastLine, '1 passed, 1 failed, 1 skipped');
});

test('a file can ask for more time', async () => {
  const text = `export const timeoutMs = 9_000;\ntest('a', () => new Promise((done) => setTimeout(done, 700)));\ntest.run();\n`;
  const short = await run({ 'a.test.js': text.replace(/^export.*\n/, '') }, ['--timeout', '0.5']);
  assert.is(short.code, 1, short.output);
  const long = await run({ 'a.test.js': text }, ['--timeout', '0.5']);
  assert.is(long.code, 0, long.output);
});

test('names choose files, and one that fits none is an error', async () => {
  const files = { 'a.test.js': GOOD, 'b.test.js': `test('b', () => assert.unreachable());\ntest.run();\n` };
  const chosen = await run(files, ['a.te']);
  assert.is(chosen.lastLine, '2 passed, 0 failed');
  const none = await run(files, ['a.te', 'nowhere']);
  assert.is(none.code, 2);
  assert.match(none.output, /no test file's name contains "nowhere"/);
});

test('the core is told to the tests', async () => {
  const text = `test('core', () => assert.is(process.env.RQDM_CORE, 'debug'));\ntest.run();\n`;
  assert.is((await run({ 'a.test.js': text }, ['--core', 'debug'])).code, 0);
  assert.is((await run({ 'a.test.js': text })).code, 1);
  assert.is((await run({ 'a.test.js': text }, ['--core', 'fast'])).code, 2);
});

test('a node that is not there is said to be', async () => {
  const { code, output } = await run({ 'a.test.js': GOOD }, ['--node', './no-such-node']);
  assert.is(code, 1, output);
  assert.match(output, /no-such-node cannot be started/);
});

test('an interrupted runner leaves nothing behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-runner-'));
  const note = join(folder, 'pid');
  const text = `import { writeFileSync } from 'node:fs';
writeFileSync(${JSON.stringify(note)}, String(process.pid));
test('waits', () => new Promise(() => setInterval(() => {}, 1000)));
test.run();
`;
  writeFileSync(join(folder, 'a.test.js'), HEAD + text);
  const child = spawn(process.execPath, [RUNNER, '--folder', folder, '--core', 'release'], { stdio: 'ignore' });
  const closed = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  const pid = await pidIn(note);
  child.kill('SIGTERM');
  assert.is(await closed, 'SIGTERM');
  for (let tries = 0; tries < 100 && !hasEnded(pid); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(hasEnded(pid), `test process ${pid} is still there`);
  rmSync(folder, { recursive: true });
});

async function pidIn(file: string): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      const pid = Number(readFileSync(file, 'utf8'));
      if (pid > 0) return pid;
    } catch {
      // Not written yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing was written to ${file}`);
}

test.run();
