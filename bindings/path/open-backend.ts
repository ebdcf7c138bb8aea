// From a parsed word to its storage: what is known of it (facts), and how a backend is made from it (description).

import { ABILITY_DISCARD, ABILITY_WRITE_ZEROES } from '../../assembly/abi.ts';
import type { BackendDescription, ModuleDescription } from './backend/backend.ts';
import type { MemoryRegistry } from './backend/memory.ts';
import { openFile } from './backend/open-file.ts';
import type { PathFacts } from './known-path.ts';
import { type BackingWord, discardOf } from './word.ts';
import { limitsOf, type StorageBlocks } from './word-limits.ts';

export interface OpenedBackend {
  readonly facts: PathFacts;
  readonly description: Exclude<BackendDescription, ModuleDescription>;
  /** Its calls may wait for long: `auto` does not make them on the main thread. */
  readonly mayWait: boolean;
  readonly release: () => void;
}

interface Storage extends StorageBlocks {
  readonly sizeBytes: number;
  readonly cacheKey: string;
  /** Where the word does not say. */
  readonly hasCache: boolean;
}

/** Throws `ERR_RQDM_WORD` or `ERR_RQDM_OPEN`; nothing is left open then. */
export function openBackend(word: BackingWord, isReadOnly: boolean, memories: MemoryRegistry): OpenedBackend {
  if (word.kind === 'file') return openFileBackend(word, isReadOnly);
  const block = word.blockBytes ?? 512;
  const storage = { logicalBlockBytes: block, physicalBlockBytes: block, isRotational: false, hasCache: false };
  const abilities = abilitiesOf(word);
  const sizeBytes = word.sizeBytes ?? 0;
  if (word.kind === 'null' || word.keepsData === false || word.model !== undefined) {
    const cacheKey = word.kind === 'null' ? `null:${sizeBytes}` : `sim:${word.name}`;
    const facts = factsOf(word, isReadOnly, { ...storage, sizeBytes, cacheKey });
    return { facts, description: { kind: 'null', sizeBytes, isReadOnly, abilities }, mayWait: false, release: () => {} };
  }
  const key = `${word.kind === 'memory' ? 'mem' : 'sim'}:${word.name}`;
  const buffer = memories.hold(key, word.sizeBytes);
  const release = (): void => memories.letGo(key);
  return releasedOnError(release, () => ({
    facts: factsOf(word, isReadOnly, { ...storage, sizeBytes: buffer.byteLength, cacheKey: key }),
    description: { kind: 'memory', memory: new Uint8Array(buffer), isReadOnly, abilities },
    mayWait: false,
    release,
  }));
}

function openFileBackend(word: BackingWord, isReadOnly: boolean): OpenedBackend {
  const file = openFile(word, isReadOnly, abilitiesOf(word));
  const { description, cacheKey, logicalBlockBytes, physicalBlockBytes, isRotational } = file;
  const { sizeBytes } = description;
  const release = (): void => file.close();
  return releasedOnError(release, () => ({
    facts: factsOf(word, isReadOnly, {
      sizeBytes,
      cacheKey,
      hasCache: true,
      logicalBlockBytes,
      physicalBlockBytes,
      isRotational,
    }),
    description,
    mayWait: word.isDirect || file.isBlockDevice || file.isRemote,
    release,
  }));
}

function releasedOnError<T>(release: () => void, make: () => T): T {
  try {
    return make();
  } catch (error) {
    release();
    throw error;
  }
}

/** What the backend takes: it refuses the rest even where limits were changed to let it through. */
function abilitiesOf(word: BackingWord): number {
  const discards = word.discard ?? discardOf(word.kind);
  return (discards === 'none' ? 0 : ABILITY_DISCARD) | (word.writeZeroes === 'none' ? 0 : ABILITY_WRITE_ZEROES);
}

function factsOf(word: BackingWord, isReadOnly: boolean, storage: Storage): PathFacts {
  const isUncached = word.cache === 'none';
  const isNamed = word.cache !== undefined && !isUncached;
  const hasCache = isNamed || (storage.hasCache && !isUncached);
  return {
    word: word.word,
    sizeBytes: storage.sizeBytes,
    isReadOnly,
    hasCache,
    hasFua: word.hasFua === true,
    cacheKey: isNamed ? `cache:${word.cache}` : storage.cacheKey,
    depth: word.depth,
    queue: word.queue,
    limits: limitsOf(word, storage),
  };
}
