// Every example runs as its first lines say, ends by itself and prints what it promises. They import the package by its
// name, as a user's program does.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder } from './support/skip.ts';

const FOLDER = join(repositoryFolder(), 'examples');

/** What each prints: one or two lines. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'batch.mjs': /^512 I\/Os, 0 failed, the bytes are right\nthey went as \d+ requests of \d+(\.\d+)? KiB on average\n$/,
  'map-after-merge.mjs':
    /^I\/Os a second, request-based over bio-based, round-robin \((real traces|synthetic loads)\)\n.*2 paths.*\n(\S.* × .* and [\d.]+\n){9}$/,
  'open-two-paths.mjs': /^64 of 64 blocks read back as written\n128 bios went as 16 requests, by path [1-9]\d* \+ [1-9]\d*\n$/,
  'own-selector.mjs':
    /^ten small writes and a large one: quick 10, wide 1\na small one while the quick path is out: quick 10, wide 2\n$/,
  'own-target.mjs': /^0 2048 reverse mem:disk\?size=1M 8\nchunks 1 and 2 lie at the end, turned round: 21\n$/,
  'record-and-simulate.mjs':
    /^680 I\/Os recorded, 0 lost: 640 reads, 40 writes\nrequest-based: 121 calls for 680 I\/Os, .* 0\.01\d\d s\nbio-based: 506 calls .*\n$/,
  'swap-table.mjs': /^suspended after 1 path; what is written now waits\nno write failed, and now 2 paths take them\n$/,
};

async function run(file: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(FOLDER, file)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...output };
}

test('every example is tested here', () => {
  const present = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'));
  assert.equal(present.sort(), Object.keys(EXPECTED).sort());
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`examples/${name} does what it says`, async () => {
    const { code, stdout, stderr } = await run(name);
    assert.is(stderr, '');
    assert.match(stdout, expected);
    assert.is(code, 0);
  });
}

test.run();
