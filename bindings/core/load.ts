// The one file that knows the loader and where the core lies.
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { RqdmError } from '../errors.ts';

/** Never grows, so that views of it stay. */
export interface CoreMemory {
  readonly buffer: ArrayBuffer;
}

/** What the core exports (assembly/index.ts, assembly/configure.ts). Times in nanoseconds, places in sectors. */
export interface CoreExports {
  /** A type of our own, since those of WebAssembly come only with the DOM's: whoever has none can still compile against us. */
  readonly memory: CoreMemory;
  initialise(
    devices: number,
    bios: number,
    requests: number,
    extents: number,
    submits: number,
    traceRecords: number,
    regionBytes: number,
  ): number;
  /** This and `run` find the time in HEADER_NOW (`Core.clock`): a number with a fraction, or a large one, would be allocated for each call. */
  submit(first: number, total: number, isPlugged: number): number;
  run(): number;
  nextTimer(): number;
  finish(now: number, id: number, status: number): number;
  /** A kept I/O goes to device `lower` after all, to `sector` there. 0: nothing of that name is kept, or no way down. */
  remap(now: number, id: number, lower: number, sector: number): number;
  /** WANT_ALARM comes from `run` at `at` or later; 0: never. One a device. */
  writesInFlight(id: number): number;
  setAlarm(device: number, at: number): void;
  kick(now: number, device: number): void;
  /** Of a bio in the hands of a hook: where its payload lies, and its length (0: none, or no bio). */
  payloadAddress(id: number): number;
  payloadBytes(id: number): number;
  createDevice(id: number, kind: number, sizeSectors: number): void;
  destroyDevice(id: number): number;
  configureDevice(id: number, setting: number, value: number): number;
  setExtent(
    index: number,
    start: number,
    length: number,
    kind: number,
    hooks: number,
    lower: number,
    offset: number,
    target: number,
    flushes: number,
    ioSectorsMax: number,
    abilities: number,
  ): void;
  setExtents(id: number, first: number, total: number, sizeSectors: number, level: number): void;
  setPath(id: number, index: number, lower: number): void;
  setPaths(id: number, total: number): void;
  setState(now: number, id: number, state: number, isNoflush: number): void;
  figuresAddress(id: number): number;
  countersAddress(id: number): number;
  histogramsAddress(id: number): number;
  /** Where regions of statistics may be laid down. */
  regionsAddress(): number;
  addRegion(now: number, device: number, address: number): void;
  removeRegion(device: number, address: number): void;
  bytesOf(record: number): number;
}

let compiled: WebAssembly.Module | undefined;

/** The module's bytes: the release build beside the library, or the debug build when RQDM_CORE=debug. */
function coreModule(): WebAssembly.Module {
  if (compiled) return compiled;
  const name = process.env['RQDM_CORE'] === 'debug' ? 'rqdm.debug.wasm' : 'rqdm.wasm';
  const url = new URL(`../../${name}`, import.meta.url);
  let bytes: Buffer;
  try {
    bytes = readFileSync(url);
  } catch (cause) {
    throw new RqdmError(
      'ERR_RQDM_CORE',
      `the core ${name} cannot be read: expected beside the library (npm run build makes it)`,
      { cause },
    );
  }
  compiled = new WebAssembly.Module(bytes);
  return compiled;
}

/** A fresh core. Synchronous, so that `require()` of the package works. A failed assertion of the core throws ERR_RQDM_CORE. */
export function loadCore(): CoreExports {
  let exports: CoreExports | undefined;
  const abort = (_message: number, file: number, line: number, column: number): never => {
    const place = exports ? readName(exports.memory, file) : '?';
    throw new RqdmError('ERR_RQDM_CORE', `the core stopped: an assertion failed at ${place}:${line}:${column}`);
  };
  const instance = instantiateSync(coreModule(), { env: { abort } });
  // a copy: the exports of a module are frozen, and reading from them is many times slower than from an ordinary object
  exports = { ...(instance.exports as unknown as CoreExports) };
  return exports;
}

/** A name in the core's static data: UTF-16, its length in bytes in the word before. */
function readName(memory: CoreMemory, address: number): string {
  if (!address) return '?';
  const bytes = new Uint32Array(memory.buffer, address - 4, 1)[0] ?? 0;
  return Buffer.from(memory.buffer, address, bytes).toString('utf16le');
}
