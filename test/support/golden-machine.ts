// The machine of the recorded cases on the bare core: null block devices, device-mapper devices above them, the program
// that submits, and the block trace. Time is virtual.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as abi from '../../assembly/abi.ts';
import type { TraceEvent } from '../../bindings/core/core.ts';
import { MAP_KILL, MAP_REMAPPED } from '../../bindings/target/target.ts';
import { CoreDriver, type ExtentOptions, type Hooks, type MappedOptions, type Settings } from './core-driver.ts';
import { MultipathMap } from './multipath-map.ts';
import { fakeDevice } from './target-context.ts';

const MS = 1e6;
/** A program starts and opens its device. */
const START_MS = 20;

interface Mapped {
  readonly id: number;
  readonly number: string;
  table: string;
  loaded: string;
  fail: (message: string) => void;
}

export class GoldenMachine {
  private readonly driver = new CoreDriver({ traceRecords: 8192 });
  private readonly attributes: string;
  private readonly isPullingEarly: (settings: Settings) => boolean;
  private readonly names: string[] = [];
  /** Null block devices: how many requests they take, and whether they answer at once. */
  private readonly depths: Map<number, { readonly depth: number; readonly isInline: boolean }> = new Map();
  private readonly mapped: Map<string, Mapped> = new Map();
  private events: readonly string[] = [];
  private traceAt = 0;
  private cpu = 1;

  /** `attributes` is the folder that stands for /sys. */
  constructor(attributes: string, isPullingEarly: (settings: Settings) => boolean) {
    this.attributes = attributes;
    this.isPullingEarly = isPullingEarly;
  }

  /** A question of the script. */
  answer(words: readonly string[]): readonly string[] {
    const [command, ...rest] = words;
    if (command === 'nb') this.addNullBlock(rest);
    else if (command === 'dn') return [this.numberOf(rest[0])];
    else if (command === 'iogen') this.iogen(rest);
    else if (command === 'dmsetup') this.dmsetup(rest);
    else if (command === 'sleep') this.advance(Number(rest[0]) * 1000);
    else if (command === 'wait') this.driver.drain();
    else if (command === 'tron') this.traceOn(rest);
    else if (command === 'troff') return this.traceOff();
    else throw new Error(`a question that nobody knows: ${words}`);
    return [];
  }

  // ---- devices --------------------------------------------------------------------------------------------------

  private addNullBlock([name, ...options]: readonly string[]): void {
    const given = new Map(options.map((option) => option.split('=') as [string, string]));
    const number = (key: string, otherwise: number): number => Number(given.get(key) ?? otherwise);
    const isInline = number('irqmode', 0) === 0;
    const depth = number('hw_queue_depth', isInline ? 1 : 64);
    const serviceNs = number('completion_nsec', 10_000);
    const id = this.driver.backing({
      sizeSectors: number('size', 8) * 2048,
      elevator: abi.ELEVATOR_NONE,
      maxSectors: 254,
      depth,
      isKernelPlugOrder: 1,
      ...(isInline ? { isInstant: 1 } : {}),
      serviceNs: () => serviceNs,
    });
    this.names[id] = name;
    this.depths.set(id, { depth, isInline });
  }

  private idOf(word: string): number {
    return this.names.indexOf(word.replace(/^.*\//, ''));
  }

  private numberOf(word: string): string {
    const id = this.idOf(word);
    return this.mapped.get(this.names[id])?.number ?? `252:${id}`;
  }

  private dmsetup(words: readonly string[]): void {
    const [action, name] = words;
    const table = (words[words.indexOf('--table') + 1] ?? '').split(';').filter((line) => line !== '');
    if (action === 'create') this.create(name, table);
    else if (action === 'load') this.of(name).loaded = table.join('\n');
    else if (action === 'message') this.of(name).fail(words.slice(3).join(' '));
    else if (action === 'suspend') this.suspend(this.of(name));
    else if (action === 'resume') this.resume(this.of(name));
    else this.remove(name);
  }

  /** Its name is free. */
  private remove(name: string): void {
    this.names[this.of(name).id] = `(removed ${name})`;
    this.mapped.delete(name);
  }

  private of(name: string): Mapped {
    const found = this.mapped.get(name);
    if (found === undefined) throw new Error(`no device ${name}`);
    return found;
  }

  private create(name: string, lines: readonly string[]): void {
    const { options, fail } = this.tableOf(lines);
    const isRequest = lines.length === 1 && lines[0].includes(' multipath ') && !lines[0].includes('queue_mode bio');
    const id = isRequest ? this.driver.request({ ...options, elevator: abi.ELEVATOR_MQ_DEADLINE }) : this.driver.bio(options);
    this.names[id] = name;
    this.mapped.set(name, { id, number: `253:${id}`, table: lines.join('\n'), loaded: '', fail: this.publishing(id, fail) });
  }

  private publishing(id: number, fail: (message: string) => readonly number[]): (message: string) => void {
    return (message) => {
      this.driver.setPaths(id, fail(message));
      this.driver.kick(id);
    };
  }

  private tableOf(lines: readonly string[]): {
    options: MappedOptions;
    fail: (message: string) => readonly number[];
  } {
    const words = lines.map((line) => line.split(' '));
    const [[, length, target, ...rest]] = words;
    if (target === 'multipath') return this.multipathOf(lines[0], Number(length));
    const stripes = rest
      .slice(2)
      .flatMap((word, i, all) => (i % 2 === 0 ? [[this.idOf(word), Number(all[i + 1])] as const] : []));
    const extents: ExtentOptions[] =
      target === 'striped'
        ? [{ kind: 'striped', length: Number(length), ioSectorsMax: Number(rest[1]), stripes }]
        : words.map(([, sectors, , device, offset]) => ({
            device: this.idOf(device),
            length: Number(sectors),
            offset: Number(offset),
          }));
    return { options: { extents, ...(target === 'striped' ? { paths: stripes.map(([id]) => id) } : {}) }, fail: () => [] };
  }

  private multipathOf(line: string, length: number): { options: MappedOptions; fail: (message: string) => readonly number[] } {
    const words = line.split(' ').filter((word) => word.startsWith('/dev/'));
    const paths = words.map((word) => this.idOf(word));
    if (line.includes('io-affinity')) return this.affinityOf(line, length, paths);
    const devices = paths.map((id, i) => fakeDevice(`252:${id}`, { id, word: words[i] }));
    const map = new MultipathMap(line, devices);
    const { prepMap, endIo, release } = map.hooks;
    const hooks: Hooks = { prepMap, endIo, release };
    const fail = (message: string): number[] => {
      map.message(message);
      return map.context.published.at(-1)?.map(({ id }) => id) ?? [];
    };
    return { options: { extents: [{ hooks, length }], paths }, fail };
  }

  /** Each path has a mask of processors; where none of them is usable, any other path does. */
  private affinityOf(line: string, length: number, paths: readonly number[]): ReturnType<GoldenMachine['multipathOf']> {
    const masks = [...line.matchAll(/\/dev\/\S+ (\d+)/g)].map(([, mask]) => Number(mask));
    let usable = [...paths];
    const hooks: Hooks = {
      prepMap: (io) => {
        const own = usable.find((id) => masks[paths.indexOf(id)] & this.cpu) ?? usable[0];
        if (own === undefined) return MAP_KILL;
        io.device = own;
        return MAP_REMAPPED;
      },
    };
    const fail = (message: string): number[] => {
      usable = usable.filter((id) => message !== `fail_path 252:${id}`);
      return usable;
    };
    return { options: { extents: [{ hooks, length }], paths }, fail };
  }

  private suspend({ id }: Mapped): void {
    this.driver.setState(id, abi.DEVICE_SUSPENDING);
    while (this.driver.figure(id, abi.FIGURE_IN_FLIGHT) > 0 && this.driver.step());
    this.driver.setState(id, abi.DEVICE_SUSPENDED);
    const folder = join(this.attributes, 'block/dm-0');
    mkdirSync(folder, { recursive: true });
    const inFlight = String(this.driver.figure(id, abi.FIGURE_IN_FLIGHT)).padStart(8);
    writeFileSync(join(folder, 'inflight'), `${inFlight} ${inFlight}\n`);
  }

  private resume(mapped: Mapped): void {
    if (mapped.loaded !== '') {
      const { options, fail } = this.tableOf([mapped.loaded]);
      this.driver.setTable(mapped.id, options);
      mapped.fail = this.publishing(mapped.id, fail);
      mapped.loaded = '';
    }
    this.driver.setState(mapped.id, abi.DEVICE_RUNNING);
    this.driver.kick(mapped.id);
  }

  // ---- attributes -------------------------------------------------------------------------------------------------

  private attribute(name: string, file: string): string | undefined {
    const path = join(this.attributes, 'block', name, 'queue', file);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
  }

  /** What the script has written since the last I/O. */
  private obey(): void {
    for (const [id, { depth, isInline }] of this.depths) {
      const name = this.names[id];
      const number = (file: string): number | undefined => {
        const text = this.attribute(name, file);
        return text === undefined ? undefined : Number(text);
      };
      const isSorting = this.attribute(name, 'scheduler') === 'mq-deadline';
      const settings: Settings = {
        elevator: isSorting ? abi.ELEVATOR_MQ_DEADLINE : abi.ELEVATOR_NONE,
        nomerges: number('nomerges'),
        // without a scheduler a request is a tag of the device
        requests: isSorting ? (number('nr_requests') ?? 256) : isInline ? 256 : depth,
        asyncDepth: number('iosched/async_depth'),
        fifoBatch: number('iosched/fifo_batch'),
        writesStarved: number('iosched/writes_starved'),
        readExpireMs: number('iosched/read_expire'),
        writeExpireMs: number('iosched/write_expire'),
        hasFrontMerges: number('iosched/front_merges'),
      };
      this.driver.configure(id, { ...settings, isPullingEarly: Number(this.isPullingEarly(settings)) });
    }
  }

  // ---- the program that submits -----------------------------------------------------------------------------------

  private iogen([background, cpu, priority, ...words]: readonly string[]): void {
    this.obey();
    this.cpu = Number(cpu);
    const [word, ...operations] = words.filter((one) => !one.startsWith('-'));
    const device = this.idOf(word);
    const flags = Number(priority) << abi.FLAG_PRIORITY_SHIFT;
    if (background === '1') this.advance(START_MS);
    let queued: { device: number; operation: number; sector: number; sectors: number; flags: number }[] = [];
    const submit = (isOneByOne: boolean): void => {
      const calls = isOneByOne || queued.length < 3 ? queued.map((bio) => [bio]) : [queued];
      // a call of one or two does not plug
      for (const call of calls) this.driver.submit(call, call.length > 1);
      queued = [];
    };
    for (const operation of operations) {
      const [kind, first, second] = operation.split(':');
      if (kind === 'm') {
        this.advance(Number(first));
      } else if (kind === 'r' || kind === 'w') {
        const number = kind === 'w' ? abi.OPERATION_WRITE : abi.OPERATION_READ;
        queued.push({ device, operation: number, sector: Number(first), sectors: Number(second), flags });
      } else {
        submit(kind === '1');
        if (kind === 'b' && background === '0') this.driver.drain();
      }
    }
    submit(false);
    if (background === '0') this.driver.drain();
  }

  private advance(ms: number): void {
    this.driver.after(ms * MS, () => undefined);
    const until = this.driver.nowNs + ms * MS;
    while (this.driver.nowNs < until) this.driver.step();
  }

  // ---- the block trace ------------------------------------------------------------------------------------------------

  private traceOn(events: readonly string[]): void {
    this.events = events.flatMap((word) => word.split(' ')).filter((word) => word !== '');
    this.driver.core.setTracing(true);
    this.traceAt = this.driver.core.header[abi.HEADER_TRACE_HEAD];
  }

  private traceOff(): string[] {
    this.driver.drain();
    const { events, lost } = this.driver.core.readTrace(this.traceAt);
    if (lost > 0) throw new Error('the trace ring was too small');
    return events.flatMap((event) => {
      const line = this.print(event);
      if (line === undefined) return [];
      const name = line.slice(0, line.indexOf(':'));
      return this.events.length === 0 || this.events.includes(`block_${name}`) ? [line] : [];
    });
  }

  private print({ action, device, operation, sector, sectors, detail }: TraceEvent): string | undefined {
    const name = this.names[device];
    const letters = operation & abi.OPERATION_WRITE ? 'WS' : 'R';
    const range = `${sector} + ${sectors}`;
    const isMapped = this.mapped.has(name) || !this.depths.has(device);
    const plain: Readonly<Record<string, string>> = { Q: 'bio_queue', G: 'getrq', M: 'bio_backmerge', F: 'bio_frontmerge' };
    const sized: Readonly<Record<string, string>> = { I: 'rq_insert', D: 'rq_issue', m: 'rq_merge' };
    if (action in plain) return `${plain[action]}: ${name} ${letters} ${range} [iogen]`;
    if (action in sized) return `${sized[action]}: ${name} ${letters} ${sectors * 512} ${range} [iogen]`;
    if (action === 'C' && this.driver.kindOf(device) === abi.DEVICE_BIO)
      return `bio_complete: ${name} ${letters} ${range} [${detail}]`;
    if (action === 'C') return `rq_complete: ${name} ${letters} ${range} [${detail}]`;
    if (action === 'P') return 'plug: [iogen]';
    if (action === 'U') return `unplug: [iogen] ${detail}`;
    if (action === 'X') return `split: ${name} ${letters} ${detail} / ${detail} [iogen]`;
    if (action === 'R') return `rq_requeue: ${name} ${letters} ${range}`;
    if (action !== 'A' || isMapped) return undefined;
    const isRequest = this.isRequest(detail);
    return `${isRequest ? 'rq_remap' : 'bio_remap'}: ${name} ${letters} ${range} <- (${this.names[detail]})`;
  }

  private isRequest(device: number): boolean {
    return this.driver.kindOf(device) === abi.DEVICE_REQUEST;
  }
}
