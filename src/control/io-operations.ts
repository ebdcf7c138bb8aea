// Scripted I/O for `rqdm io`: the words of src/io/language.ts, obeyed here, where the devices are. Bytes stay here too: the
// reply has a summary of what was read.

import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceMapper, IoPriority, MappedDevice, PlainDevice } from '../../bindings/index.ts';
import { type IoStep, IoWordError, parseSteps } from '../io/language.ts';
import { fillWithNumbers, summaryOf } from '../io/summary.ts';
import type { Operation } from './connection.ts';
import type { Fields } from './fields.ts';
import { ControlError, type IoReply, type IoResult } from './protocol.ts';

const SECTOR_BYTES = 512;
/** Zeros at a time where the device has no way to write them without bytes. */
const ZEROES_BYTES_MAX = 2 ** 20;
const STEPS_MAX = 65_536;
const CLASSES: ReadonlySet<string> = new Set(['realtime', 'best-effort', 'idle']);

type Device = MappedDevice | PlainDevice;

type Transfer = Extract<IoStep, { kind: 'read' | 'write' }>;
type Erasure = Extract<IoStep, { kind: 'flush' | 'discard' | 'zeroes' }>;

/** How an I/O ended; bytes that were read are told by a summary. */
interface Outcome {
  readonly status: string;
  readonly data?: string;
}

/** An I/O that has been asked for. */
interface Asked {
  readonly result: { -readonly [Key in keyof IoResult]: IoResult[Key] };
  readonly begin: () => Promise<Outcome>;
}

export function ioOperations(mapper: DeviceMapper): Map<string, Operation> {
  // io-affinity: I/O comes from the CPU of whoever submitted last
  let cpu = 0;
  mapper.multipath.cpuOf = () => cpu;
  return new Map<string, Operation>([
    [
      'io',
      async (fields, signal) => {
        const steps = stepsOf(fields.texts('words'));
        const script = new Script(mapper, optionsOf(fields), signal, (submitter) => {
          cpu = submitter;
        });
        return script.run(fields.text('node'), steps);
      },
    ],
  ]);
}

interface ScriptOptions {
  /** One after the other, each waited for: as through a page cache. */
  readonly isBuffered: boolean;
  readonly priority: IoPriority | undefined;
  readonly cpu: number;
}

function optionsOf(fields: Fields): ScriptOptions {
  const priority = fields.optionalText('priority');
  const level = fields.optionalNumber('level') ?? 0;
  if (priority !== undefined && (!CLASSES.has(priority) || level > 7)) {
    throw new ControlError('EINVAL', 'priority: expected realtime, best-effort or idle, with a level from 0 to 7');
  }
  return {
    isBuffered: fields.flag('buffered'),
    priority: priority === undefined ? undefined : { class: priority as IoPriority['class'], level },
    cpu: fields.optionalNumber('cpu') ?? 0,
  };
}

function stepsOf(words: readonly string[]): IoStep[] {
  if (words.length > STEPS_MAX) throw new ControlError('E2BIG', `words: expected at most ${STEPS_MAX}`);
  try {
    return parseSteps(words);
  } catch (error) {
    if (error instanceof IoWordError) throw new ControlError('EINVAL', error.message);
    throw error;
  }
}

class Script {
  readonly #mapper: DeviceMapper;
  readonly #options: ScriptOptions;
  readonly #signal: AbortSignal;
  readonly #submitFrom: (cpu: number) => void;
  readonly #results: IoResult[] = [];
  readonly #waitedFor: Set<Promise<void>> = new Set();
  readonly #began = performance.now();
  #queued: Asked[] = [];
  #ended = 0;

  constructor(mapper: DeviceMapper, options: ScriptOptions, signal: AbortSignal, submitFrom: (cpu: number) => void) {
    this.#mapper = mapper;
    this.#options = options;
    this.#signal = signal;
    this.#submitFrom = submitFrom;
  }

  async run(node: string, steps: readonly IoStep[]): Promise<IoReply> {
    const mapped = this.#mapper.getDevice(node);
    if (mapped === undefined) {
      if (this.#mapper.backing(node) === undefined) throw new ControlError('ENOENT', `no device ${JSON.stringify(node)}`);
      await using plain = await this.#mapper.openPlain(node);
      await this.#obey(plain, steps);
    } else {
      using handle = mapped.open();
      await this.#obey(handle.device, steps);
    }
    return { results: this.#results };
  }

  async #obey(device: Device, steps: readonly IoStep[]): Promise<void> {
    try {
      for (const step of steps) await this.#step(device, step);
      await this.#submit(true);
    } finally {
      // what was submitted ends before the device is let go; a client that went away does not wait for it
      if (!this.#signal.aborted) await this.#all();
    }
  }

  async #step(device: Device, step: IoStep): Promise<void> {
    switch (step.kind) {
      case 'read':
        return this.#ask(step, readOf(device, step, this.#ioOptions()));
      case 'write':
        return this.#ask(step, writeOf(device, step, this.#ioOptions()));
      case 'submit':
        if (!step.isTogether || this.#options.isBuffered) await this.#submitEach();
        else await this.#submit(step.isWaitedFor);
        return;
      case 'sleep':
        await sleep(step.milliseconds, undefined, { signal: this.#signal });
        return;
      default:
        // what a system call waits for comes after all that was asked before
        await this.#submit(true);
        this.#ask(step, erasureOf(device, step, this.#ioOptions()));
        return this.#submit(true);
    }
  }

  #ioOptions(): Options {
    const { priority } = this.#options;
    return priority === undefined ? { signal: this.#signal } : { priority, signal: this.#signal };
  }

  #ask(step: Transfer | Erasure, begin: () => Promise<Outcome>): void {
    const { sector, sectors } = step.kind === 'flush' ? { sector: 0, sectors: 0 } : step;
    const result = { operation: step.kind, sector, sectors, status: 'ok', data: null, ended: 0, milliseconds: 0 };
    this.#results.push(result);
    this.#queued.push({ result, begin });
  }

  /** In one call, which plugs if there is something to plug. */
  async #submit(isWaitedFor: boolean): Promise<void> {
    if (this.#options.isBuffered || this.#queued.length < 3) await this.#submitEach();
    else {
      const all = this.#take();
      this.#mapper.plug(() => {
        for (const one of all) this.#begin(one);
      });
    }
    if (isWaitedFor) await this.#all();
  }

  async #submitEach(): Promise<void> {
    for (const one of this.#take()) {
      this.#submitFrom(this.#options.cpu);
      this.#mapper.unplugged(() => this.#begin(one));
      if (this.#options.isBuffered) await this.#all();
    }
  }

  #take(): Asked[] {
    this.#signal.throwIfAborted();
    this.#submitFrom(this.#options.cpu);
    return this.#queued.splice(0);
  }

  #begin({ result, begin }: Asked): void {
    const ended = begin().then(
      (outcome) => this.#end(result, outcome),
      (error: NodeJS.ErrnoException) => this.#end(result, { status: error.code ?? 'EIO' }),
    );
    this.#waitedFor.add(ended);
    void ended.then(() => this.#waitedFor.delete(ended));
  }

  #end(result: Asked['result'], { status, data }: Outcome): void {
    result.status = status;
    result.data = data ?? null;
    result.ended = ++this.#ended;
    result.milliseconds = performance.now() - this.#began;
  }

  async #all(): Promise<void> {
    while (this.#waitedFor.size > 0) await Promise.all(this.#waitedFor);
    this.#signal.throwIfAborted();
  }
}

type Options = { readonly priority?: IoPriority; readonly signal: AbortSignal };
type Range = { readonly sector: number; readonly sectors: number };

/** What of a range lies before the device's end, bytes; undefined where a block device would say EINVAL. */
function bytesBeforeEnd({ size, blockBytes }: Device, { sector, sectors }: Range): number | undefined {
  const [position, length] = [sector * SECTOR_BYTES, sectors * SECTOR_BYTES];
  if (position % blockBytes !== 0 || length % blockBytes !== 0) return undefined;
  return Math.max(0, Math.min(length, Math.floor(size / SECTOR_BYTES) * SECTOR_BYTES - position));
}

const INVALID: Outcome = { status: 'EINVAL' };
/** What a block device answers that is read-only. */
const READ_ONLY: Outcome = { status: 'EPERM' };

/** As pread(2): what lies beyond the end is missing. */
function readOf(device: Device, range: Range, options: Options): () => Promise<Outcome> {
  return async () => {
    const bytes = bytesBeforeEnd(device, range);
    if (bytes === undefined) return INVALID;
    const data = bytes === 0 ? undefined : summaryOf(await device.read(range.sector * SECTOR_BYTES, bytes, options));
    return { status: shortOr(bytes, range), ...(data === undefined ? {} : { data }) };
  };
}

/** As pwrite(2): nothing fits at the end. */
function writeOf(
  device: Device,
  step: Range & { readonly byte: number | undefined },
  options: Options,
): () => Promise<Outcome> {
  return async () => {
    const bytes = bytesBeforeEnd(device, step);
    if (bytes === undefined) return INVALID;
    if (device.isReadOnly) return READ_ONLY;
    if (bytes === 0) return { status: 'ENOSPC' };
    const data = Buffer.alloc(bytes, step.byte ?? 0);
    if (step.byte === undefined) fillWithNumbers(data, step.sector);
    await device.write(data, step.sector * SECTOR_BYTES, { ...options, sync: true });
    return { status: shortOr(bytes, step) };
  };
}

function shortOr(bytes: number, { sectors }: Range): string {
  return bytes < sectors * SECTOR_BYTES ? `short ${bytes}` : 'ok';
}

/** A flush, a discard or zeros: all of the range or nothing. */
function erasureOf(device: Device, step: Erasure, options: Options): () => Promise<Outcome> {
  return async () => {
    if (step.kind === 'flush') {
      await device.flush(options);
      return { status: 'ok' };
    }
    const [position, length] = [step.sector * SECTOR_BYTES, step.sectors * SECTOR_BYTES];
    if (device.isReadOnly) return READ_ONLY;
    if (bytesBeforeEnd(device, step) !== length) return INVALID;
    if (step.kind === 'discard') {
      if (!device.canDiscard) return { status: 'EOPNOTSUPP' };
      await device.discard(position, length, { ...options, sync: true });
    } else if (device.canWriteZeroes) {
      await device.writeZeroes(position, length, { ...options, sync: true });
    } else {
      const zeros = Buffer.alloc(Math.min(length, ZEROES_BYTES_MAX));
      for (let at = 0; at < length; at += zeros.length) {
        await device.write(zeros.subarray(0, length - at), position + at, { ...options, sync: true });
      }
    }
    return { status: 'ok' };
  };
}
