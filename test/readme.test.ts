// Every command of the README runs, and its code is what it says.
import { execFileSync, spawnSync } from 'node:child_process';
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

const commands = blocks('sh')
  .flatMap((block) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => line !== '');

test('the README has commands', () => {
  assert.ok(commands.length >= 8, `only ${commands.length} commands found`);
});

for (const command of commands) {
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
    assert.is(program, 'node');
    const result = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8', timeout: 60_000 });
    assert.is(result.status, 0, `${result.stdout}${result.stderr}`);
    assert.ok(result.stdout.trim() !== '', 'it prints something');
  });
}

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
