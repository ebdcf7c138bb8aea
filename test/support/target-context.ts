// Fakes that count, for tests of targets and selectors: a context, its devices, and an I/O.

import { OPERATION_READ } from '../../assembly/abi.ts';
import { RqdmTableError } from '../../bindings/errors.ts';
import { parseTable } from '../../bindings/table/parse.ts';
import { printLine } from '../../bindings/table/print.ts';
import type {
  DeviceReference,
  PathLimits,
  Target,
  TargetContext,
  TargetEvent,
  TargetIo,
  TargetType,
} from '../../bindings/target/target.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

export const FAKE_LIMITS: PathLimits = {
  maxSectors: 2560,
  maxSegments: 128,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
};

let ids = 0;

/** A device; `number` also makes its word, `/dev/NUMBER`, unless one is given. All share cache domain 1. */
export function fakeDevice(number: string, options: Partial<DeviceReference> = {}): DeviceReference {
  ids += 1;
  return {
    id: ids,
    number,
    word: `/dev/${number}`,
    sizeSectors: 16384,
    cacheDomain: 1,
    hasCache: true,
    limits: FAKE_LIMITS,
    isRequestStackable: true,
    ...options,
  };
}

/** `/dev/loop0` … `/dev/loop3`, as the recordings of a real kernel have them: 7:0 … 7:3. */
export function loopDevices(count: number, options: Partial<DeviceReference> = {}): DeviceReference[] {
  return Array.from({ length: count }, (_, index) => fakeDevice(`7:${index}`, { word: `/dev/loop${index}`, ...options }));
}

export class FakeContext implements TargetContext {
  beginSector = 0;
  lengthSectors = 64;
  deviceNumber = '253:0';
  deviceName = 'm';
  requestedType: 'request' | 'bio' | undefined = undefined;
  isReadOnly = false;
  line = 1;
  isNoflush = false;
  kicks = 0;
  readonly devices: readonly DeviceReference[];
  readonly opened: string[] = [];
  readonly published: DeviceReference[][] = [];
  readonly logs: string[] = [];
  readonly events: TargetEvent[] = [];
  readonly finished: [number, number][] = [];
  readonly remapped: [number, string, number][] = [];
  /** Bytes spoiled and put back: what, id, place, value. */
  readonly edits: ['read' | 'write' | 'restore', number, number, number][] = [];
  readonly time: VirtualTime = new VirtualTime();

  constructor(devices: readonly DeviceReference[] = []) {
    this.devices = devices;
  }

  /** Numbers of the devices published last. */
  get usable(): string[] {
    return (this.published.at(-1) ?? []).map((device) => device.number);
  }

  getDevice(word: string, wordIndex: number, kernelText: string): DeviceReference {
    const device = this.devices.find((candidate) => candidate.word === word || candidate.number === word);
    if (device === undefined) {
      throw new RqdmTableError(kernelText, {
        errno: 'ENODEV',
        detail: `no device ${word}`,
        place: { line: this.line, word: wordIndex + 3 },
      });
    }
    this.opened.push(word);
    return device;
  }

  publishDevices(devices: readonly DeviceReference[]): void {
    this.published.push([...devices]);
  }

  kick(): void {
    this.kicks += 1;
  }

  finish(id: number, status: number): void {
    this.finished.push([id, status]);
  }

  remap(id: number, device: DeviceReference, sector: number): void {
    this.remapped.push([id, device.number, sector]);
  }

  event(detail: TargetEvent): void {
    this.events.push(detail);
  }

  log(line: string): void {
    this.logs.push(line);
  }

  isNoflushSuspending(): boolean {
    return this.isNoflush;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    return this.time.at(this.time.now() + delayMs * 1e6, run);
  }

  nowNs(): number {
    return this.time.now();
  }

  corruptRead(id: number, at: number, value: number): boolean {
    this.edits.push(['read', id, at, value]);
    return true;
  }

  corruptWrite(id: number, at: number, value: number): boolean {
    this.edits.push(['write', id, at, value]);
    return true;
  }

  restoreWrite(id: number): void {
    this.edits.push(['restore', id, 0, 0]);
  }
}

/** An I/O; its fields are set by the test. */
export class FakeIo implements TargetIo {
  id = 1;
  operation: number = OPERATION_READ;
  flags = 0;
  sector = 0;
  sectors = 8;
  status = 0;
  device = 0;
  context = 0;
  issuedAtNs = 0;
  nowNs = 0;
  isBio = false;

  constructor(fields: Partial<FakeIo> = {}) {
    Object.assign(this, fields);
  }

  get bytes(): number {
    return this.sectors * 512;
  }
}

/** A table line alive: its target, and what it prints. */
export class FakeLine {
  readonly context: FakeContext;
  readonly target: Target;
  private readonly name: string;
  private readonly start: number;

  constructor(type: TargetType, text: string, context: FakeContext) {
    const [line] = parseTable(text);
    context.beginSector = line.startSector;
    context.lengthSectors = line.lengthSectors;
    this.name = line.target;
    this.start = line.startSector;
    this.context = context;
    this.target = type.construct(line.words, context);
  }

  get table(): string {
    return this.print('table');
  }

  get status(): string {
    return this.print('info');
  }

  private print(kind: 'info' | 'table'): string {
    const text = this.target.status(kind, (device) => device.number);
    return printLine({ startSector: this.start, lengthSectors: this.context.lengthSectors, target: this.name, text });
  }
}

/** Calls `run`, which must throw an RqdmTableError, and returns that. */
export function tableError(run: () => unknown): RqdmTableError {
  try {
    run();
  } catch (error) {
    if (error instanceof RqdmTableError) return error;
    throw error;
  }
  throw new Error('expected an RqdmTableError, nothing was thrown');
}
