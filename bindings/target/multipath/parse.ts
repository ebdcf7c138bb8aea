// The grammar of a multipath line:
//
//   <feature words> [word…] <handler words> [handler [word…]] <groups> <initial group>
//   { <selector> <selector words> [word…] <paths> <words per path> { <device> [word…] } × paths } × groups
//
// Checks run in the kernel's order and fail with the kernel's texts. Devices are opened as they are met.

import { ArgumentReader } from '../../table/arguments.ts';
import type { TargetContext } from '../target.ts';
import type { CacheLedger } from './cache.ts';
import { CacheRecord } from './cache.ts';
import { HandlerAttacher } from './hardware-handler/attach.ts';
import type { HardwareHandlerRegistry } from './hardware-handler/registry.ts';
import type { MultipathParameters } from './parameters.ts';
import type { SelectorRegistry } from './selector/registry.ts';
import type { SelectorContext } from './selector/selector.ts';
import type { MultipathConfiguration, Submitter } from './state.ts';
import { MultipathPath, PriorityGroup } from './state.ts';

const FEATURE_WORDS_MAX = 8;
const WORDS_MAX = 1024;

/** Features, as they are read. */
interface Features {
  queueMode: 'bio' | 'request' | undefined;
  queueIfNoPath: boolean;
  retainsHandler: boolean;
  pgInitRetries: number;
  pgInitDelayMs: number | undefined;
}

/** What a mapper has for all its multipath maps. */
export interface MultipathFamily {
  readonly selectors: SelectorRegistry;
  readonly handlers: HardwareHandlerRegistry;
  readonly parameters: MultipathParameters;
}

/** Reads the words after `multipath`. Throws RqdmTableError. */
export function parseMultipath(
  words: readonly string[],
  context: TargetContext,
  family: MultipathFamily,
  ledger: CacheLedger,
  submitter: Submitter,
): MultipathConfiguration {
  const reader = new ArgumentReader(words, context.line);
  const features = parseFeatures(reader);
  const queueMode = features.queueMode ?? context.requestedType ?? 'request';
  // Without requests nobody manages handlers: what is attached to a device stays.
  if (queueMode === 'bio') features.retainsHandler = true;
  const handler = parseHandler(reader, queueMode, context);
  const groupCount = reader.uint('invalid number of priority groups', 0, WORDS_MAX);
  const initialNumber = reader.uint('invalid initial priority group number', 0, WORDS_MAX);
  if ((groupCount === 0) !== (initialNumber === 0)) {
    reader.fail('invalid initial priority group', {
      detail: `expected 0 with no groups and at least 1 otherwise, got ${initialNumber} with ${groupCount} groups`,
    });
  }

  const groups: PriorityGroup[] = [];
  const paths: MultipathPath[] = [];
  const caches: Set<CacheRecord> = new Set();
  const attacher = new HandlerAttacher(family.handlers, context, queueMode === 'request', features.retainsHandler, handler);
  const build = new GroupBuilder(reader, context, family, submitter, ledger, attacher, paths, caches);
  while (reader.left > 0) groups.push(build.next(groups.length + 1));
  if (groups.length !== groupCount) {
    reader.fail('priority group count mismatch', { detail: `${groupCount} announced, ${groups.length} found` });
  }
  return {
    queueMode,
    queueIfNoPath: features.queueIfNoPath,
    retainsHandler: features.retainsHandler,
    pgInitRetries: features.pgInitRetries,
    pgInitDelayMs: features.pgInitDelayMs,
    handler: attacher.name,
    groups,
    paths,
    // A number beyond the last group is no mistake; it wishes for nothing.
    initialGroup: groups[initialNumber - 1],
    caches: [...new Set([...caches, ...ledger.all()])],
  };
}

function parseFeatures(reader: ArgumentReader): Features {
  const words = reader.group('invalid number of feature args', FEATURE_WORDS_MAX);
  const features: Features = {
    queueMode: undefined,
    queueIfNoPath: false,
    retainsHandler: false,
    pgInitRetries: 0,
    pgInitDelayMs: undefined,
  };
  while (words.left > 0) {
    const word = words.next('Unrecognised multipath feature request');
    const name = word.toLowerCase();
    const hasValue = words.left > 0;
    if (name === 'queue_if_no_path') features.queueIfNoPath = true;
    else if (name === 'retain_attached_hw_handler') features.retainsHandler = true;
    else if (name === 'pg_init_retries' && hasValue)
      features.pgInitRetries = words.uint('pg_init_retries must be between 1 and 50', 1, 50);
    else if (name === 'pg_init_delay_msecs' && hasValue)
      features.pgInitDelayMs = words.uint('pg_init_delay_msecs must be between 0 and 60000', 0, 60000);
    else if (name === 'queue_mode' && hasValue) features.queueMode = parseQueueMode(words);
    else {
      words.fail('Unrecognised multipath feature request', {
        detail: `expected queue_if_no_path, retain_attached_hw_handler, pg_init_retries N, pg_init_delay_msecs N or queue_mode bio|rq|mq, got "${word}"`,
      });
    }
  }
  return features;
}

function parseQueueMode(words: ArgumentReader): 'bio' | 'request' {
  const text = "Unknown 'queue_mode' requested";
  const word = words.next(text);
  const mode = word.toLowerCase();
  if (mode === 'bio') return 'bio';
  // `mq` is what requests were called when there was another, older way to queue them.
  if (mode === 'rq' || mode === 'mq') return 'request';
  return words.fail(text, { detail: `expected bio, rq or mq, got "${word}"` });
}

/** The words of the handler group, its name first; undefined without a handler. */
function parseHandler(
  reader: ArgumentReader,
  queueMode: 'bio' | 'request',
  context: TargetContext,
): ArgumentReader | undefined {
  const words = reader.group('invalid number of hardware handler args', WORDS_MAX);
  if (words.left === 0) return undefined;
  if (queueMode === 'bio') {
    context.log("multipath: bio-based multipath doesn't allow hardware handler args");
    return undefined;
  }
  return words;
}

/** Reads group after group; paths and caches are numbered over all of them. */
class GroupBuilder {
  private readonly reader: ArgumentReader;
  private readonly context: TargetContext;
  private readonly selectors: SelectorRegistry;
  private readonly selectorContext: SelectorContext;
  private readonly ledger: CacheLedger;
  private readonly attacher: HandlerAttacher;
  private readonly paths: MultipathPath[];
  private readonly caches: Set<CacheRecord>;
  private readonly noCache: CacheRecord;

  constructor(
    reader: ArgumentReader,
    context: TargetContext,
    family: MultipathFamily,
    submitter: Submitter,
    ledger: CacheLedger,
    attacher: HandlerAttacher,
    paths: MultipathPath[],
    caches: Set<CacheRecord>,
  ) {
    this.reader = reader;
    this.context = context;
    this.selectors = family.selectors;
    this.selectorContext = {
      log: (line) => context.log(line),
      cpus: family.parameters.cpus,
      cpu: () => submitter.cpu,
    };
    this.ledger = ledger;
    this.attacher = attacher;
    this.paths = paths;
    this.caches = caches;
    // Counted like the others, so that the end of a write needs no question; kept out of `caches`, so that no flush asks.
    this.noCache = new CacheRecord();
  }

  next(number: number): PriorityGroup {
    const { reader } = this;
    if (reader.left < 2) {
      reader.fail('not enough priority group arguments', {
        index: reader.nextIndex,
        detail: 'expected a path selector and its words',
      });
    }
    const group = this.selector(number);
    const paths = reader.uint('invalid number of paths', 1, WORDS_MAX);
    const wordsPerPath = reader.uint('invalid number of selector args', 0, WORDS_MAX);
    for (let path = 0; path < paths; path++) {
      if (reader.left < 1 + wordsPerPath) {
        reader.fail('not enough path parameters', {
          index: reader.nextIndex,
          detail: `path ${path + 1} of ${paths} in group ${number} needs ${1 + wordsPerPath} words, ${reader.left} follow`,
        });
      }
      this.path(group, reader.take(1 + wordsPerPath));
    }
    return group;
  }

  private selector(number: number): PriorityGroup {
    const { reader } = this;
    const name = reader.next('unknown path selector type');
    const type = this.selectors.get(name);
    if (type === undefined) {
      const known = this.selectors.list().map((selector) => selector.name);
      return reader.fail('unknown path selector type', { detail: `expected one of ${known.join(', ')}, got "${name}"` });
    }
    const words = reader.group('invalid number of path selector args', WORDS_MAX);
    try {
      return new PriorityGroup(number, type, type.create(words, this.selectorContext));
    } catch (cause) {
      return words.fail('path selector constructor failed', {
        cause,
        detail: cause instanceof Error ? cause.message : String(cause),
      });
    }
  }

  private path(group: PriorityGroup, words: ArgumentReader): void {
    const device = words.device(this.context, 'error getting device');
    const handler = this.attacher.attach(device);
    group.selector.addPath(words);
    const cache = device.hasCache ? this.ledger.record(device.cacheDomain) : this.noCache;
    if (device.hasCache) this.caches.add(cache);
    const path = new MultipathPath(this.paths.length, device, group, cache, handler);
    group.paths.push(path);
    group.activePaths += 1;
    this.paths.push(path);
  }
}
