// Compares what `npm pack` would put into the package with what belongs there. Run from the repository's top.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Every file of the package fits one of these …
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^build\/rqdm\.wasm$/,
  /^build\/assembly\/abi\.(js|d\.ts)$/,
  /^build\/(bindings|src)\/([a-z0-9-]+\/)*[a-z0-9-]+\.(js|d\.ts)$/,
];
// … none fits one of these …
const FORBIDDEN = [/(^|\/)test\//, /\.test\./, /(?<!\.d)\.ts$/, /\.tsbuildinfo$/, /debug/, /(^|\/)\./];
// … and these are there, with what package.json's "exports" and "bin" name.
const REQUIRED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'build/rqdm.wasm',
  'build/assembly/abi.js',
  'build/bindings/index.js',
  'build/bindings/index.d.ts',
  'build/src/cli.js',
];
const BYTES_MAX = 4 * 1024 * 1024;

function promised(value) {
  if (typeof value === 'string') return [value.replace(/^\.\//, '')];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(promised) : [];
}

const listing = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { encoding: 'utf8' }));
// npm lists its packages in an array, or by name.
const [packed] = Object.values(listing);
const files = packed.files.map((file) => file.path);
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const required = new Set([...REQUIRED, ...promised(manifest.exports), ...promised(manifest.bin)]);

const faults = [];
for (const file of files) {
  if (!ALLOWED.some((pattern) => pattern.test(file))) faults.push(`${file} does not belong into the package`);
  for (const pattern of FORBIDDEN) if (pattern.test(file)) faults.push(`${file} must not be packed (${pattern})`);
}
for (const file of required) if (!files.includes(file)) faults.push(`${file} is missing from the package`);
const command = packed.files.find((file) => file.path === manifest.bin.rqdm);
if (command !== undefined && (command.mode & 0o111) === 0) faults.push(`${command.path} cannot be executed`);
if (packed.unpackedSize > BYTES_MAX) faults.push(`${packed.unpackedSize} bytes unpacked: expected at most ${BYTES_MAX}`);

for (const fault of faults) console.error(`package: ${fault}`);
if (faults.length === 0) console.log(`package: ${files.length} files, ${packed.unpackedSize} bytes unpacked`);
process.exitCode = faults.length > 0 ? 1 : 0;
