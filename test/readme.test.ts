// Every command of the README runs, and its code is what it says.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder } from './support/skip.ts';

export const timeoutMs = 180_000;

const root = repositoryFolder();
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const scripts = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).scripts as Record<string, string>;

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] as string);
}

/** The commands of a block, without what is said of them. */
function commandsOf(block: string): string[] {
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

const all = blocks('sh').map(commandsOf);
const serve = all.flat().find((command) => command.startsWith('npx rqdm serve')) as string;
/** The blocks for the second terminal: they need what the first one runs. */
const clients = all.filter((block) => block[0]?.startsWith('export RQDM_CONTROL='));

test('the README has commands', () => {
  assert.ok(all.flat().length >= 16, `only ${all.flat().length} commands found`);
  assert.ok(serve, 'a server is begun');
  assert.ok(clients.length >= 1, 'it has clients');
});

for (const command of all.filter((block) => !clients.includes(block)).flat()) {
  if (command === serve) continue;
  const [program, ...words] = command.split(/\s+/) as [string, ...string[]];
  if (program === 'npm') {
    // running npm test from inside npm test would not end; that the scripts are there is what can be checked here
    test(`${command} is a script of the package`, () => {
      assert.ok(scripts[words[0] as string]);
      assert.ok(scripts[`pre${words[0]}`]);
    });
    continue;
  }
  test(`${command} runs`, () => {
    const result = spawnSync('bash', ['-c', command], { cwd: root, encoding: 'utf8', timeout: 60_000 });
    assert.is(result.status, 0, `${result.stdout}${result.stderr}`);
    assert.ok(result.stdout.trim() !== '', 'it prints something');
  });
}

test('the commands for the server and for its clients run, one after another', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'rqdm-readme-'));
  const command = path.join(root, 'build/src/cli.js');
  // the commands stand in a folder of their own, and `npx rqdm` is what a clone has built
  const here = (text: string): string => text.replaceAll('npx rqdm', `"${process.execPath}" "${command}"`);
  const server = spawn('bash', ['-c', `exec ${here(serve)}`], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  try {
    await once(server.stdout, 'data');
    for (const block of clients) {
      const script = `set -e -o pipefail\n${here(block.join('\n'))}`;
      const result = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
      assert.is(result.status, 0, `${result.stdout}${result.stderr}`);
      assert.is(result.stderr.replace('rqdm: tracing\n', ''), '', 'nothing is said of trouble');
      assert.ok(result.stdout.trim() !== '', 'they print something');
    }
  } finally {
    server.kill('SIGTERM');
    const [status] = await ended;
    rmSync(folder, { recursive: true, force: true });
    assert.is(status, 0, 'the server leaves as it should');
  }
});

test('the code of the README runs as it stands, on a real file', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'rqdm-readme-'));
  try {
    const file = path.join(folder, 'disk.img');
    writeFileSync(file, Buffer.alloc(64 * 1024 * 1024, 1));
    const [code] = blocks('js') as [string];
    const entry = new URL('../bindings/index.js', import.meta.url).href;
    const program = code.replaceAll('/data/disk.img', file).replace("'rqdm'", `'${entry}'`);
    const script = path.join(folder, 'readme.mjs');
    writeFileSync(script, program);
    const printed = execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 });
    const shown = /\/\/ (0 131072 multipath .*)$/m.exec(code)?.[1] as string;
    assert.is(printed.trim(), shown.trim());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
