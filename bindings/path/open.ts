// From a word of a table to a path: backend, loop, wrappers.
//
// Which loop:
//   null:            answered inside, without a thread, unless its word says `mode=`
//   mem:             inline, as memory never waits, unless its word says `mode=`
//   files            the word's `mode=`, else the mapper's mode. `auto` means worker for `direct=1`, block devices,
//                    network file systems and under fault wrappers
// Wrappers, from the inside: delay, then error. So an error comes at once and takes no server's time.

import { RqdmError } from '../errors.ts';
import { RealTime } from '../time/real-time.ts';
import type { Time } from '../time/time.ts';
import { AutoPath } from './auto-path.ts';
import { type BackendDescription, createBackend, type ModuleDescription } from './backend/backend.ts';
import { MemoryRegistry } from './backend/memory.ts';
import { openFile } from './backend/open-file.ts';
import { DelayPath, type SerialServer } from './fault/delay.ts';
import { ErrorPath, FaultSwitch, FaultSwitches } from './fault/error.ts';
import { InlinePath } from './inline-path.ts';
import type { KnownPath, PathFacts } from './known-path.ts';
import type { Path, PathMode, PathSink } from './path.ts';
import type { PathPool } from './pool.ts';
import type { SharedMemory } from './shared-memory.ts';
import { type BackingWord, parseBackingWord } from './word.ts';
import { WorkerPath } from './worker-path.ts';

/** What the paths of one mapper share by name. */
export interface PathRegistries {
  readonly memories: MemoryRegistry;
  readonly servers: Map<string, SerialServer>;
  readonly faultSwitches: FaultSwitches;
}

export function createPathRegistries(): PathRegistries {
  return { memories: new MemoryRegistry(), servers: new Map(), faultSwitches: new FaultSwitches() };
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

interface OpenedBackend {
  readonly facts: PathFacts;
  readonly description: Exclude<BackendDescription, ModuleDescription>;
  /** Its calls may wait for long: `auto` does not make them on the main thread. */
  readonly mayWait: boolean;
  readonly release: () => void;
}

const MAX_SECTORS_DEFAULT = 2560;
const MAX_SEGMENTS_DEFAULT = 128;

/** Throws RqdmError: `ERR_RQDM_WORD`, `ERR_RQDM_NOT_ALLOWED`, or `ERR_RQDM_OPEN` with the system's error as cause. */
export function openPath(word: string, options: OpenPathOptions): Path {
  const parsed = parseBackingWord(word);
  if (options.allow !== undefined && !options.allow(word)) {
    throw new RqdmError('ERR_RQDM_NOT_ALLOWED', `${word}: not allowed here`);
  }
  const backend = openBackend(parsed, options);
  const hasWrapper = parsed.delay !== undefined || parsed.errors !== undefined || parsed.switchName !== undefined;
  let open = (sink: PathSink): Path & KnownPath => openLoop(parsed, backend, hasWrapper, sink, options);
  const { delay } = parsed;
  if (delay !== undefined) {
    const openInner = open;
    const server = parsed.serial === undefined ? undefined : serverNamed(options.registries.servers, parsed.serial);
    open = (sink) => new DelayPath(openInner, sink, delay, server, options.time ?? new RealTime());
  }
  if (parsed.errors !== undefined || parsed.switchName !== undefined) {
    const openInner = open;
    const faultSwitch =
      parsed.switchName === undefined ? new FaultSwitch() : options.registries.faultSwitches.get(parsed.switchName);
    open = (sink) => new ErrorPath(openInner, sink, parsed.errors ?? [], faultSwitch);
  }
  return open(options.sink);
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

function openBackend(parsed: BackingWord, options: OpenPathOptions): OpenedBackend {
  const isReadOnly = parsed.isReadOnly || options.isReadOnly === true;
  if (parsed.kind === 'file') return openFileBackend(parsed, isReadOnly);
  const blockBytes = parsed.blockBytes ?? 512;
  if (parsed.kind === 'null') {
    const sizeBytes = parsed.sizeBytes as number;
    const facts = factsOf(parsed, sizeBytes, isReadOnly, false, `null:${sizeBytes}`, blockBytes, blockBytes);
    return { facts, description: { kind: 'null', sizeBytes, isReadOnly }, mayWait: false, release: () => {} };
  }
  const { memories } = options.registries;
  const buffer = memories.hold(parsed.name, parsed.sizeBytes);
  return {
    facts: factsOf(parsed, buffer.byteLength, isReadOnly, false, `mem:${parsed.name}`, blockBytes, blockBytes),
    description: { kind: 'memory', buffer, isReadOnly },
    mayWait: false,
    release: () => memories.letGo(parsed.name),
  };
}

function openFileBackend(parsed: BackingWord, isReadOnly: boolean): OpenedBackend {
  const file = openFile(parsed, isReadOnly);
  return {
    facts: factsOf(
      parsed,
      file.description.sizeBytes,
      isReadOnly,
      true,
      file.cacheKey,
      file.logicalBlockBytes,
      file.physicalBlockBytes,
    ),
    description: file.description,
    mayWait: parsed.isDirect || file.isBlockDevice || file.isRemote,
    release: () => file.close(),
  };
}

function factsOf(
  parsed: BackingWord,
  sizeBytes: number,
  isReadOnly: boolean,
  hasCache: boolean,
  cacheKey: string,
  logicalBlockBytes: number,
  physicalBlockBytes: number,
): PathFacts {
  const isUncached = parsed.cache === 'none';
  return {
    word: parsed.word,
    sizeBytes,
    isReadOnly,
    hasCache: hasCache && !isUncached,
    cacheKey: parsed.cache === undefined || isUncached ? cacheKey : `cache:${parsed.cache}`,
    depth: parsed.depth,
    queue: parsed.queue,
    limits: {
      maxSectors: parsed.maxSectors ?? MAX_SECTORS_DEFAULT,
      maxSegments: parsed.maxSegments ?? MAX_SEGMENTS_DEFAULT,
      chunkSectors: 0,
      logicalBlockSectors: logicalBlockBytes / 512,
      physicalBlockSectors: physicalBlockBytes / 512,
    },
  };
}

function serverNamed(servers: Map<string, SerialServer>, name: string): SerialServer {
  let server = servers.get(name);
  if (server === undefined) {
    server = { freeAtNs: 0 };
    servers.set(name, server);
  }
  return server;
}
