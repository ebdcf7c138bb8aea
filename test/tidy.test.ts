// The house rules: what CONTRIBUTING.md asks of names, layers and sources is read from the sources here. The second half
// feeds each rule a small offence, so that a rule that has gone blind is noticed.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder } from './support/skip.ts';
import type { Manifest, Rule, Source } from './support/tidy-rules.ts';
import * as rules from './support/tidy-rules.ts';

const root = repositoryFolder();

function read(folder: string, ending: RegExp): Source[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ name: relative(root, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const sources = ['assembly', 'bindings', 'src', 'test'].flatMap((folder) => read(folder, /\.(ts|mjs|js)$/));
const setup: Source = { name: 'setup.mjs', text: readFileSync(join(root, 'setup.mjs'), 'utf8') };
const manuals = readdirSync(root)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

// ---- the tree ----------------------------------------------------------------------------------------------------

const tree = suite('the tree');

function holds(complaints: string[]): void {
  if (complaints.length > 0) throw new Error(complaints.join('\n    '));
}

tree('is found by these tests', () => {
  for (const folder of ['assembly/', 'bindings/', 'test/']) {
    assert.ok(
      sources.some((source) => source.name.startsWith(folder)),
      `there are no sources in ${folder}`,
    );
  }
});

tree('keeps its layers apart', () => holds(rules.layers(sources)));
tree('gives bindings/ two dependencies', () => holds(rules.dependencies(sources)));
tree('declares what the programs import', () => holds(rules.declared(sources, manifest)));
tree('computes simulations alike on every machine', () => holds(rules.sameEverywhere(sources)));
tree('begins each stage file with its stage', () => holds(rules.stageHeaders(sources)));
tree('keeps files short', () => holds(rules.lengths([...sources, setup])));
tree('has kebab-case names that say something', () => holds(rules.names([...sources, setup])));
tree('runs every suite it defines', () => holds(rules.testsRun(sources)));
tree('holds no stale words', () => holds(rules.staleWords([...sources, setup, ...manuals])));
tree('holds no paths of one machine', () => holds(rules.machinePaths([...sources, setup, ...manuals])));
tree('has every file that package.json names', () => {
  holds(rules.promisedFiles(manifest, (file) => existsSync(join(root, file))));
});

tree("declarations of the library name no type that users without the DOM's library lack", () => {
  const declarations = read('build/bindings', /\.d\.ts$/);
  assert.ok(declarations.length > 50);
  holds(declarations.filter(({ text }) => /: WebAssembly\b/.test(text)).map(({ name }) => `${name} names WebAssembly`));
});

tree.run();

// ---- the rules can fail ------------------------------------------------------------------------------------------

const offences = suite('an offence is seen');

function sees(rule: Rule, name: string, bad: string, good: string): void {
  assert.is(rule([{ name, text: bad }]).length, 1, `not seen in ${name}: ${bad}`);
  assert.equal(rule([{ name, text: good }]), [], `wrongly accused in ${name}: ${good}`);
}

offences('layers', () => {
  const cases: [string, string, string][] = [
    ['src/cli.ts', '../assembly/down/merge.ts', '../assembly/abi.ts'],
    ['src/cli.ts', '../bindings/core/load.ts', '../bindings/index.ts'],
    ['bindings/index.ts', '../src/cli.ts', './device/mapper.ts'],
    ['bindings/device/pump.ts', '../../assembly/run.ts', '../core/rings.ts'],
    ['bindings/core/load.ts', '../types.ts', '../errors.ts'],
    ['bindings/core/abi.ts', '../device/pump.ts', '../../assembly/abi.ts'],
    ['bindings/target/linear.ts', '../core/rings.ts', './target.ts'],
    ['bindings/target/linear.ts', '../path/path.ts', '../path/reference.ts'],
    ['bindings/target/multipath/multipath.ts', '../../device/pump.ts', '../../table/parse.ts'],
    ['bindings/path/pool.ts', '../target/target.ts', './ring.ts'],
    ['bindings/path/backend/file.ts', '../../core/rings.ts', '../path.ts'],
    ['bindings/path/pool.ts', '../device/arena.ts', '../errors.ts'],
    ['assembly/memory/pool.ts', '../record/bio', '../abi'],
    ['assembly/record/bio.ts', '../down/merge', '../memory/list'],
    ['assembly/down/merge.ts', '../up/complete', '../record/request'],
    ['assembly/up/complete.ts', '../down/insert', '../record/request'],
    ['assembly/up/end-io.ts', '../run', '../stats/counters'],
  ];
  for (const [name, bad, good] of cases) {
    sees(rules.layers, name, `import { x } from '${bad}';\n`, `import { x } from '${good}';\n`);
  }
});

offences('layers, however the import is written', () => {
  for (const bad of [
    "import type { Core } from '../core/core.ts';",
    "export { a,\n  b } from '../core/core.ts';",
    "export * from '../core/core.ts';",
    "import '../core/core.ts';",
    "const core = await import('../core/core.ts');",
    "let core: import('../core/core.ts').Core;",
  ]) {
    sees(rules.layers, 'bindings/path/pool.ts', bad, `// ${bad.replace('\n', '\n// ')}`);
  }
});

offences('a dependency of bindings/', () => {
  const lazy = "const { Piscina } = await import('piscina');\n";
  sees(rules.dependencies, 'bindings/path/pool.ts', "import { Piscina } from 'piscina';\n", lazy);
  sees(rules.dependencies, 'bindings/path/pool.ts', "import { z } from 'zod';\n", "import fs from 'node:fs';\n");
  const loader = "import { instantiateSync } from '@assemblyscript/loader';\n";
  sees(rules.dependencies, 'bindings/core/core.ts', loader, "import { load } from './load.ts';\n");
  assert.equal(rules.dependencies([{ name: 'bindings/core/load.ts', text: loader }]), []);
  assert.equal(rules.dependencies([{ name: 'bindings/x.ts', text: "import type { Piscina } from 'piscina';\n" }]), []);
});

offences('a program that imports what package.json does not bring', () => {
  const own: Manifest = { name: 'rqdm', dependencies: { commander: '1' }, peerDependencies: { '@scope/peer': '1' } };
  const check: Rule = (found) => rules.declared(found, own);
  sees(check, 'src/cli.ts', "import { z } from 'zod';\n", "import { Command } from 'commander';\n");
  sees(check, 'src/a.ts', "import x from '@scope/peer/sub';\n", "const x = await import('@scope/peer/sub');\n");
});

offences('mathematics that engines approximate', () => {
  for (const [bad, good] of [
    ['const a = Math.log(b);', 'const a = logarithm(b);'],
    ['const a = Math.sinh(b);', 'const a = Math.sqrt(b);'],
    ['const a = b ** c;', 'const a = 2 ** 20;'],
    ['const a = 2 ** -c;', 'const a = 2 * c;'],
    ['const a = b ** 2;', 'const a = b * b;'],
  ] as const) {
    sees(rules.sameEverywhere, 'src/simulate/a.ts', bad, good);
    assert.equal(rules.sameEverywhere([{ name: 'src/bench/a.ts', text: bad }]), []);
  }
});

offences('a stage file that does not say its stage', () => {
  const good = '// Stage 2 of 11: merge. From submit; to insert.\n';
  sees(rules.stageHeaders, 'assembly/down/merge.ts', '// Merges bios.\n', good);
  sees(rules.stageHeaders, 'assembly/down/merge.ts', `import { x } from './y';\n${good}`, good);
  sees(rules.stageHeaders, 'assembly/up/complete.ts', '// Stage 12 of 11: rest.\n', '/** Stage 11 of 11: complete. */\n');
});

offences('a file that is too long', () => {
  sees(rules.lengths, 'src/a.ts', 'a\n'.repeat(501), 'a\n'.repeat(500));
});

offences('a name', () => {
  const check = (name: string): number => rules.names([{ name, text: '' }]).length;
  for (const bad of ['src/fileHandle.ts', 'src/File.ts', 'src/file_handle.ts', 'src/Nbd/server.ts', 'test/a.spec.ts']) {
    assert.is(check(bad), 1, bad);
  }
  for (const bad of ['src/utils.ts', 'src/helpers/list.ts', 'bindings/common.ts']) assert.is(check(bad), 1, bad);
  for (const good of ['src/file-handle.ts', 'test/file-handle.test.ts', 'src/nbd/server.ts', 'setup.mjs']) {
    assert.is(check(good), 0, good);
  }
});

offences('a suite that is not run', () => {
  const start = "import { suite, test } from 'uvu';\nconst merge = suite('merge');\n";
  sees(rules.testsRun, 'test/a.test.ts', `${start}test.run();\n`, `${start}test.run();\nmerge.run();\n`);
  sees(rules.testsRun, 'test/a.test.ts', `${start}merge.run();\n`, `${start}test.run();\nmerge.run();\n`);
  sees(rules.testsRun, 'test/a.test.ts', 'assert(1);\n', "import { contract } from './contract/path.ts';\ncontract();\n");
  sees(rules.testsRun, 'test/a.test.ts', `${start}test.run();\n// merge.run();\n`, `${start}test.run();\nmerge.run();\n`);
  const only = "import { test } from 'uvu';\ntest.only('a', () => {});\ntest.run();\n";
  sees(rules.testsRun, 'test/a.test.ts', only, only.replace('.only', ''));
});

offences('a stale word', () => {
  for (const word of ['to' + 'do', 'FIX' + 'ME', 'X' + 'XX']) {
    sees(rules.staleWords, 'src/a.ts', `// ${word}: later\n`, '// mkdtemp wants six of them: XXXXXX. The method of it.\n');
  }
});

offences('a path of one machine', () => {
  const home = '/ho' + 'me/alice/disk.img';
  sees(rules.machinePaths, 'src/a.ts', `open('${home}')\n`, "open('/data/disk.img') // see https://x.org/home/page\n");
  sees(rules.machinePaths, 'README.md', `cd ${'/ro' + 'ot/rqdm'}\n`, "import('../workers/pool.ts')\n");
});

offences('a file that package.json promises and the build does not make', () => {
  const own: Manifest = { exports: { '.': { types: './a.d.ts', default: './a.js' } }, bin: { rqdm: 'b.js' } };
  assert.is(rules.promisedFiles(own, (file) => file === './a.js').length, 2);
  assert.equal(
    rules.promisedFiles(own, () => true),
    [],
  );
});

offences.run();
