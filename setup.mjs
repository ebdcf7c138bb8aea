// Makes the working tree ready to run: packages, the WebAssembly core, the compiled TypeScript.
//
// `npm start`, `npm test` and `npm run build` call it first. npm runs scripts before node_modules exists, so this
// program uses node: modules only. Each step leaves the hash of what it read behind; a step whose hash still holds
// is skipped, so that a tree that is ready costs some milliseconds. It says one line for each thing it does.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const LOCK = join(ROOT, 'build', '.setup.lock');
// Lives in build/, so that removing build/ forgets what was compiled.
const COMPILED_STAMP = join(ROOT, 'build', '.setup.json');
// Lives in node_modules/, so that removing node_modules/ (as `npm ci` does first) forgets what was installed.
const INSTALLED_STAMP = join(ROOT, 'node_modules', '.rqdm-setup.json');
// Once more over the release build: asc inlines less than pays, by some 6 % of the core's time for a bio.
const OPTIMISER_OPTIONS = [
  ...['bulk-memory', 'sign-ext', 'mutable-globals', 'nontrapping-float-to-int'].map((feature) => `--enable-${feature}`),
  '-O4',
  '--flexible-inline-max-function-size=400',
  '--always-inline-max-function-size=20',
  '--converge',
];
const LOCK_WAIT_MS = 15 * 60_000;
const COMPILED_FOLDERS = ['assembly', 'bindings', 'src', 'test'];

/** A step that failed: what it was, and what the program it called printed. */
class StepError extends Error {
  constructor(step, output) {
    super(step);
    this.output = output;
  }
}

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

// ---- the lock: one setup at a time ---------------------------------------------------------------------------

/** When a process started, in clock ticks since boot, so that a recycled pid is not taken for the lock's owner. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return '';
  }
}

function isAlive({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return start === startOf(pid);
}

function readOwner(file) {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8'));
    return Number.isInteger(owner.pid) && owner.pid > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Waits for the lock and returns the function that gives it back. */
async function takeLock() {
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
  const release = () => {
    if (readOwner(LOCK)?.pid === process.pid) rmSync(LOCK, { force: true });
  };
  const deadline = Date.now() + LOCK_WAIT_MS;
  let hasSaid = false;
  try {
    for (;;) {
      try {
        // A link appears with its content, so nobody ever reads a lock that is still empty.
        linkSync(mine, LOCK);
        process.on('exit', release);
        return release;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = readOwner(LOCK);
      if (owner === undefined || !isAlive(owner)) {
        takeAway(owner);
        continue;
      }
      if (Date.now() > deadline) {
        throw new StepError(`process ${owner.pid} has held build/.setup.lock for too long`, 'End it, or remove the file.');
      }
      if (!hasSaid) say(`waiting for the setup of process ${owner.pid}`);
      hasSaid = true;
      await sleep(100);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes the lock of a dead owner, unless somebody else has done so and taken it meanwhile. */
function takeAway(owner) {
  const aside = `${LOCK}.${process.pid}.stale`;
  try {
    renameSync(LOCK, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const found = readOwner(aside);
  if (found !== undefined && (found.pid !== owner?.pid || found.start !== owner?.start)) {
    try {
      linkSync(aside, LOCK);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  } else {
    say('took over the lock of a setup that has died');
  }
  unlinkSync(aside);
}

// ---- hashes and stamps ------------------------------------------------------------------------------------------

/** All files under a folder, by relative name in a fixed order; none if there is no such folder. */
function filesUnder(folder, endings) {
  const found = [];
  const visit = (name) => {
    let entries;
    try {
      entries = readdirSync(join(ROOT, name), { withFileTypes: true });
    } catch (error) {
      if (error.code === 'ENOENT') return;
      throw error;
    }
    for (const entry of entries) {
      if (entry.isDirectory()) visit(`${name}/${entry.name}`);
      else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(`${name}/${entry.name}`);
    }
  };
  visit(folder);
  return found.sort();
}

function hashOf(files, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const file of files) {
    try {
      const bytes = readFileSync(join(ROOT, file));
      hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
    } catch (error) {
      // A file that went away since the folder was listed, or an optional one.
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return hash.digest('hex');
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

function writeStamp(file, key, value) {
  const stamp = { ...readJson(file), [key]: value };
  writeFileSync(`${file}.new`, `${JSON.stringify(stamp)}\n`);
  renameSync(`${file}.new`, file);
}

function versionOf(name) {
  return readJson(join(ROOT, 'node_modules', name, 'package.json')).version ?? 'absent';
}

// ---- running other programs ------------------------------------------------------------------------------------

/** Runs a program quietly; gives what it printed, or throws with it. */
async function run(step, command, args, options = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const result = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new StepError(`${step}: ${command} cannot be started`, error.message)));
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  if (result !== 0) throw new StepError(`${step} failed (${result})`, output);
  return output;
}

// ---- the steps ---------------------------------------------------------------------------------------------------

/** Whether npm's own record of node_modules/ already says what the lockfile says, as after a plain `npm install`. */
function isInstalledAsLocked() {
  const wanted = readJson(join(ROOT, 'package-lock.json')).packages;
  const present = readJson(join(ROOT, 'node_modules', '.package-lock.json')).packages;
  if (wanted === undefined || present === undefined) return false;
  const names = new Set([...Object.keys(wanted), ...Object.keys(present)]);
  names.delete('');
  for (const name of names) {
    const [a, b] = [wanted[name], present[name]];
    if (a === undefined) return false;
    // An optional package is absent where it is made for another platform.
    if (b === undefined && a.optional) continue;
    if (a.version !== b?.version || a.integrity !== b?.integrity) return false;
    if (!existsSync(join(ROOT, name, 'package.json'))) return false;
  }
  return true;
}

async function install() {
  if (!existsSync(join(ROOT, 'package-lock.json'))) {
    throw new StepError('package-lock.json is missing', 'It belongs to the repository; expected beside package.json.');
  }
  const hash = hashOf(['package-lock.json']);
  if (readJson(INSTALLED_STAMP).lockfile === hash) return;
  if (!isInstalledAsLocked()) {
    say('installing packages');
    const npm = process.env.npm_execpath;
    const args = ['ci', '--include=dev', '--no-fund', '--no-audit'];
    // Inside an npm script npm says where it lies: the same npm, and no shell on Windows.
    if (npm !== undefined && /^npm(-cli)?\.c?js$/.test(basename(npm))) {
      await run('npm ci', process.execPath, [npm, ...args]);
    } else {
      await run('npm ci', 'npm', args, { shell: process.platform === 'win32' });
    }
  }
  writeStamp(INSTALLED_STAMP, 'lockfile', hash);
}

async function compileCore() {
  const versions = `${versionOf('assemblyscript')} ${versionOf('binaryen')} ${OPTIMISER_OPTIONS.join(' ')}`;
  const hash = hashOf([...filesUnder('assembly', ['.ts']), 'asconfig.json'], versions);
  const config = JSON.parse(readFileSync(join(ROOT, 'asconfig.json'), 'utf8'));
  const targets = ['release', 'debug'];
  const isPresent = targets.every((target) => existsSync(join(ROOT, config.targets[target].outFile)));
  if (isPresent && readJson(COMPILED_STAMP).core === hash) return;
  say('compiling the core (asc, release and debug)');
  writeStamp(COMPILED_STAMP, 'core', undefined);
  const asc = join(ROOT, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
  const results = await Promise.allSettled(
    targets.map((target) => run(`asc --target ${target}`, process.execPath, [asc, '--target', target])),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  // The compiler's warnings, if it has any; both targets have the same ones.
  if (results[0].value.trim() !== '') process.stderr.write(results[0].value);
  const release = join(ROOT, config.targets.release.outFile);
  const optimiser = join(ROOT, 'node_modules', 'binaryen', 'bin', 'wasm-opt');
  await run('wasm-opt', process.execPath, [optimiser, ...OPTIMISER_OPTIONS, release, '-o', release]);
  writeStamp(COMPILED_STAMP, 'core', hash);
}

/** Removes what was compiled from a source that is gone, so that it is neither imported nor shipped. */
function removeOrphans() {
  for (const folder of COMPILED_FOLDERS) {
    for (const file of filesUnder(`build/${folder}`, ['.js', '.js.map', '.d.ts', '.d.ts.map'])) {
      const source = file.replace(/^build\//, '').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
      if (!existsSync(join(ROOT, source))) rmSync(join(ROOT, file), { force: true });
    }
  }
}

async function compileTypeScript() {
  const configs = [
    'tsconfig.base.json',
    'tsconfig.json',
    'tsconfig.package.json',
    'test/tsconfig.json',
    'package.json',
    'web-assembly.d.ts',
  ];
  const sources = [...['bindings', 'src', 'test'].flatMap((folder) => filesUnder(folder, ['.ts'])), 'assembly/abi.ts'];
  const hash = hashOf([...configs, ...sources, 'package-lock.json'], versionOf('typescript'));
  const results = sources.filter((file) => !file.endsWith('.d.ts')).map((file) => `build/${file.replace(/ts$/, 'js')}`);
  const isComplete = () => results.every((file) => existsSync(join(ROOT, file)));
  if (readJson(COMPILED_STAMP).typescript === hash && isComplete()) return;
  say('compiling TypeScript (tsc -b)');
  writeStamp(COMPILED_STAMP, 'typescript', undefined);
  removeOrphans();
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await run('tsc -b', process.execPath, [tsc, '-b']);
  // tsc trusts its build information and does not notice a result that somebody removed.
  if (!isComplete()) await run('tsc -b --force', process.execPath, [tsc, '-b', '--force']);
  writeStamp(COMPILED_STAMP, 'typescript', hash);
}

/** tsc writes files that nobody may execute. npm repairs that when it installs a package; a working tree needs us. */
function makeExecutable() {
  const file = join(ROOT, 'build', 'src', 'cli.js');
  if (process.platform === 'win32' || !existsSync(file)) return;
  if ((statSync(file).mode & 0o777) !== 0o755) chmodSync(file, 0o755);
}

try {
  const release = await takeLock();
  try {
    await install();
    await compileCore();
    await compileTypeScript();
    makeExecutable();
  } finally {
    release();
  }
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  say(error.message);
  process.stderr.write(`${error.output.trimEnd()}\n`);
  process.exitCode = 1;
}
