// From a word of a table to a path: storage, loop, wrappers.
//
// Which loop:
//   null:            answered inside, without a thread, unless its word says `mode=`
//   mem:             inline, as memory never waits, unless its word says `mode=`
//   sim:             its own (simulated-path.ts)
//   files            the word's `mode=`, else the mapper's mode. `auto` means worker for `direct=1`, block devices,
//                    network file systems and under fault wrappers
// Wrappers, from the inside: tear, delay, flaky, error, hang. So a torn write takes its time; an error comes at once and
// takes no server's; rules win over chance; and what hangs has not begun at all.

import { RqdmError } from '../errors.ts';
import { RealTime } from '../time/real-time.ts';
import type { Time } from '../time/time.ts';
import { AutoPath } from './auto-path.ts';
import { createBackend } from './backend/backend.ts';
import { MemoryRegistry } from './backend/memory.ts';
import { DelayPath, type SerialServer } from './fault/delay.ts';
import { ErrorPath, FaultSwitch, FaultSwitches } from './fault/error.ts';
import { FlakyPath } from './fault/flaky.ts';
import { HangPath, HangSwitches } from './fault/hang.ts';
import { SeededRandom } from './fault/random.ts';
import { TearPath } from './fault/tear.ts';
import { InlinePath } from './inline-path.ts';
import type { KnownPath, PathFacts } from './known-path.ts';
import { ModelRegistry } from './model/registry.ts';
import { type OpenedBackend, openBackend } from './open-backend.ts';
import type { Path, PathMode, PathSink } from './path.ts';
import type { PathPool } from './pool.ts';
import type { SharedMemory } from './shared-memory.ts';
import { SimulatedPath, servedBy, serviceOfRule } from './simulated-path.ts';
import { type BackingWord, parseBackingWord } from './word.ts';
import { WorkerPath } from './worker-path.ts';
import type { OpenInner } from './wrapper-path.ts';

/** What the paths of one mapper share by name. */
export interface PathRegistries {
  readonly memories: MemoryRegistry;
  readonly servers: Map<string, SerialServer>;
  readonly faultSwitches: FaultSwitches;
  readonly hangs: HangSwitches;
  readonly models: ModelRegistry;
}

export function createPathRegistries(): PathRegistries {
  return {
    memories: new MemoryRegistry(),
    servers: new Map(),
    faultSwitches: new FaultSwitches(),
    hangs: new HangSwitches(),
    models: new ModelRegistry(),
  };
}

export interface OpenPathOptions {
  readonly arenaMemory: () => SharedMemory;
  readonly sink: PathSink;
  readonly pool: PathPool;
  readonly registries: PathRegistries;
  readonly mode: PathMode;
  /** For a table that is read-only: nothing is opened for writing. */
  readonly isReadOnly?: boolean;
  /** Whether a word may be opened. Default: all may. */
  readonly allow?: (word: string) => boolean;
  /** Default: the machine's clock. */
  readonly time?: Time;
}

type Wrap = (openInner: OpenInner, sink: PathSink) => Path & KnownPath;

/** Throws RqdmError: `ERR_RQDM_WORD`, `ERR_RQDM_NOT_ALLOWED`, or `ERR_RQDM_OPEN` with the system's error as cause. */
export function openPath(word: string, options: OpenPathOptions): Path {
  const parsed = parseBackingWord(word);
  if (options.allow !== undefined && !options.allow(word)) {
    throw new RqdmError('ERR_RQDM_NOT_ALLOWED', `${word}: not allowed here`);
  }
  const isReadOnly = parsed.isReadOnly || options.isReadOnly === true;
  const backend = openBackend(parsed, isReadOnly, options.registries.memories);
  const wraps = wrapsOf(parsed, options);
  let open: OpenInner = (sink) => openLoop(parsed, backend, wraps.length > 0, sink, options);
  for (const wrap of wraps) {
    const openInner = open;
    open = (sink) => wrap(openInner, sink);
  }
  return open(options.sink);
}

/** From the inside. */
function wrapsOf(parsed: BackingWord, options: OpenPathOptions): Wrap[] {
  const { registries } = options;
  const { tear, delay, serial, flaky, errors, switchName, hangName } = parsed;
  const wraps: Wrap[] = [];
  if (tear !== undefined) wraps.push((openInner, sink) => new TearPath(openInner, sink, tear));
  if (delay !== undefined) {
    const server = serial === undefined ? undefined : serverNamed(registries.servers, serial);
    const time = options.time ?? new RealTime();
    wraps.push((openInner, sink) => new DelayPath(openInner, sink, delay, server, time));
  }
  if (flaky !== undefined) wraps.push((openInner, sink) => new FlakyPath(openInner, sink, flaky));
  if (errors !== undefined || switchName !== undefined) {
    const faultSwitch = switchName === undefined ? new FaultSwitch() : registries.faultSwitches.get(switchName);
    wraps.push((openInner, sink) => new ErrorPath(openInner, sink, errors ?? [], faultSwitch));
  }
  if (hangName !== undefined) {
    const hangSwitch = registries.hangs.get(hangName);
    wraps.push((openInner, sink) => new HangPath(openInner, sink, hangSwitch));
  }
  return wraps;
}

function openLoop(
  parsed: BackingWord,
  opened: OpenedBackend,
  hasWrapper: boolean,
  sink: PathSink,
  options: OpenPathOptions,
): Path & KnownPath {
  const { facts, description, release } = opened;
  const { arenaMemory, pool } = options;
  if (parsed.kind === 'simulated') return openSimulated(parsed, opened, sink, options);
  const isFile = parsed.kind === 'file';
  const mode = parsed.mode ?? (isFile ? options.mode : 'inline');
  const isInstant = parsed.kind === 'null' && !hasWrapper && parsed.mode === undefined;
  const inline = (releaseInline: () => void): InlinePath =>
    new InlinePath(facts, createBackend(description), sink, arenaMemory, isInstant, releaseInline);
  if (mode === 'inline') return inline(release);
  const worker = new WorkerPath(facts, description, sink, pool, release);
  if (mode === 'worker' || opened.mayWait || (isFile && hasWrapper)) return worker;
  return new AutoPath(
    inline(() => {}),
    worker,
  );
}

function openSimulated(parsed: BackingWord, opened: OpenedBackend, sink: PathSink, options: OpenPathOptions): Path & KnownPath {
  if (parsed.model !== undefined) return openModelled(parsed, parsed.model, opened.facts, sink, options);
  const { service = { fixedMs: 0, byteMs: 0 }, servers = 1, seed } = parsed;
  const random = seed === undefined ? undefined : new SeededRandom(seed);
  return new SimulatedPath(opened.facts, sink, options.time ?? new RealTime(), {
    book: servedBy(servers, serviceOfRule(service, random)),
    medium: { backend: createBackend(opened.description), arenaMemory: options.arenaMemory },
    release: opened.release,
  });
}

/** Nothing is kept, so nothing is moved: reads leave the arena as it is. */
function openModelled(
  parsed: BackingWord,
  model: string,
  facts: PathFacts,
  sink: PathSink,
  options: OpenPathOptions,
): Path & KnownPath {
  const { models } = options.registries;
  const { word, name, link = 'direct', controller = 0, seed } = parsed;
  const time = options.time ?? new RealTime();
  const isRotational = parsed.isRotational ?? models.isRotational(word, model);
  const device = models.open({ word, name, model, link, controller, seed, time });
  const path = new SimulatedPath({ ...facts, limits: { ...facts.limits, isRotational } }, sink, time, device);
  device.attach(path);
  return path;
}

function serverNamed(servers: Map<string, SerialServer>, name: string): SerialServer {
  let server = servers.get(name);
  if (server === undefined) {
    server = { freeAtNs: 0 };
    servers.set(name, server);
  }
  return server;
}
