// The code of the guides runs as it stands, prints what it says, and keeps the contracts.
//
// A block of a guide begins with the name of the file that it belongs to; blocks of one file follow each other in it.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder } from './support/skip.ts';
import { TemporaryFolder } from './support/temporary-folder.ts';

export const timeoutMs = 180_000;

const docs = path.join(repositoryFolder(), 'docs');
const GUIDES = ['writing-a-selector.md', 'writing-a-target.md'];

const test = suite('guides');

/** The files of a guide, put together of its blocks. */
function filesOf(guide: string): Map<string, string> {
  const files = new Map<string, string>();
  const text = readFileSync(path.join(docs, guide), 'utf8');
  for (const [, code] of text.matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)) {
    const name = /^\/\/ (\S+\.mjs)\n/.exec(code as string)?.[1];
    assert.ok(name, `a block of ${guide} does not say which file it belongs to:\n${code}`);
    files.set(name, (files.get(name) ?? '') + code);
  }
  return files;
}

/** Imports as they are from a folder that is neither in the package nor in the tests. */
function resolved(code: string): string {
  const built = (place: string): string => new URL(place, import.meta.url).href;
  return code
    .replaceAll("'rqdm'", `'${built('../bindings/index.js')}'`)
    .replaceAll("'rqdm/target'", `'${built('../bindings/target/target.js')}'`)
    .replace(/'\.\.\/((?:contract|support)\/[a-z-]+)\.ts'/g, (_, place: string) => `'${built(`./${place}.js`)}'`)
    .replace(/'(uvu(?:\/assert)?)'/g, (_, name: string) => `'${import.meta.resolve(name)}'`);
}

function run(file: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
  assert.is(status, 0, `${stdout}${stderr}`);
  assert.is(stderr, '');
  return stdout;
}

test('every guide is tested here, and named in the index', () => {
  const present = readdirSync(docs).filter((name) => name.startsWith('writing-'));
  assert.equal(present.sort(), GUIDES);
  const index = readFileSync(path.join(docs, 'README.md'), 'utf8');
  for (const name of GUIDES) assert.ok(index.includes(`(${name})`), name);
});

for (const guide of GUIDES) {
  const files = filesOf(guide);

  function written(folder: TemporaryFolder): void {
    for (const [name, code] of files) writeFileSync(path.join(folder.path, name), resolved(code));
  }

  test(`${guide}: its program prints what the guide says`, () => {
    using folder = new TemporaryFolder();
    written(folder);
    const code = files.get('use.mjs') as string;
    const said = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line as string);
    assert.ok(said.length >= 4, `${said.length} lines`);
    assert.is(run(path.join(folder.path, 'use.mjs')), `${said.join('\n')}\n`);
  });

  test(`${guide}: what it builds keeps the contract`, () => {
    using folder = new TemporaryFolder();
    written(folder);
    const [name] = [...files.keys()].filter((file) => file.endsWith('.test.mjs')) as [string];
    const output = run(path.join(folder.path, name));
    const [, total, passed] = /Total:\s+(\d+)\s+Passed:\s+(\d+)/.exec(output) ?? [];
    assert.ok(Number(total) >= 10, output);
    assert.is(passed, total, output);
  });

  test(`${guide}: every file and path that it names is there`, () => {
    const text = readFileSync(path.join(docs, guide), 'utf8');
    const named = [...text.matchAll(/`((?:bindings|test|assembly|examples)\/[^`\s]+)`/g)].map(([, place]) => place as string);
    assert.ok(named.length > 0);
    for (const place of named) readFileSync(path.join(repositoryFolder(), place));
  });
}

test.run();
