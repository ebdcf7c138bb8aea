// Lines of the kernel's log about I/O that has failed: a request that ends with an error, at each device whose queue it was
// in, and a bio that reaches beyond its device. At most ten of a kind in five seconds, as the kernel limits itself.
import * as abi from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import type { Time } from '../time/time.ts';

const WORDS: number = abi.FAILURE_BYTES / 4;
const DOUBLES: number = abi.FAILURE_BYTES / 8;
const INTERVAL_NS = 5e9;
const BURST = 10;

/** How the kernel calls an error; what is not here is an I/O error. */
const ERRORS: Readonly<Record<number, string>> = {
  [abi.STATUS_NOTSUPP]: 'operation not supported',
  [abi.STATUS_TIMEOUT]: 'timeout',
  [abi.STATUS_NOSPC]: 'critical space allocation',
  [abi.STATUS_TRANSPORT]: 'recoverable transport',
  [abi.STATUS_TARGET]: 'critical target',
  [abi.STATUS_RESV_CONFLICT]: 'reservation conflict',
  [abi.STATUS_MEDIUM]: 'critical medium',
  [abi.STATUS_PROTECTION]: 'protection',
  [abi.STATUS_OFFLINE]: 'device offline',
};

const OPERATIONS: Readonly<Record<number, string>> = {
  [abi.OPERATION_READ]: 'READ',
  [abi.OPERATION_WRITE]: 'WRITE',
  [abi.OPERATION_DISCARD]: 'DISCARD',
  [abi.OPERATION_WRITE_ZEROES]: 'WRITE_ZEROES',
};

/** Our flags and the kernel's bits for them. */
const FLAGS: readonly (readonly [number, number])[] = [
  [abi.FLAG_FAILFAST, 1 << 9],
  [abi.FLAG_SYNC, 1 << 11],
  [abi.FLAG_META, 1 << 12],
  [abi.FLAG_NOMERGE, 1 << 14],
  [abi.FLAG_FUA, 1 << 17],
  [abi.FLAG_PREFLUSH, 1 << 18],
  [abi.FLAG_RAHEAD, 1 << 19],
  [abi.FLAG_BACKGROUND, 1 << 20],
  [abi.FLAG_NOWAIT, 1 << 21],
  [abi.FLAG_NOUNMAP, 1 << 27],
];
/** Somebody waits for a write, and sends no more: what direct writes are. */
const IDLE = 1 << 15;

interface Failed {
  readonly blockName: string;
  readonly sizeSectors: number;
}

export class FailureLog {
  readonly #core: Core;
  readonly #time: Time;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #told: { sinceNs: number; count: number }[] = [
    { sinceNs: 0, count: 0 },
    { sinceNs: 0, count: 0 },
  ];
  #log: ((line: string) => void) | undefined;
  #deviceOf: (id: number) => Failed | undefined = () => undefined;

  constructor(core: Core, time: Time) {
    this.#core = core;
    this.#time = time;
    this.#words = core.ringWords(abi.HEADER_FAILURE, abi.FAILURES, abi.FAILURE_BYTES);
    this.#doubles = core.ringDoubles(abi.HEADER_FAILURE, abi.FAILURES, abi.FAILURE_BYTES);
  }

  /** Where lines go (undefined: nowhere), and whose the core's numbers are. */
  attach(log: ((line: string) => void) | undefined, deviceOf: (id: number) => Failed | undefined): void {
    this.#log = log;
    this.#deviceOf = deviceOf;
  }

  /** Tells what the core has noted since. */
  tell(): void {
    const { header } = this.#core;
    const count = header[abi.HEADER_FAILURE_COUNT] as number;
    header[abi.HEADER_FAILURE_COUNT] = 0;
    if (this.#log === undefined) return;
    for (let i = 0; i < count; i++) this.#tellOne(this.#log, i);
  }

  #tellOne(log: (line: string) => void, index: number): void {
    const words = this.#words;
    const at = index * WORDS;
    const device = this.#deviceOf(words[at + abi.FAILURE_DEVICE] as number);
    if (device === undefined) return;
    const isBeyond = words[at + abi.FAILURE_STATUS] === abi.STATUS_BEYOND_END;
    if (!this.#isDue(isBeyond ? 1 : 0)) return;
    const sector = this.#doubles[index * DOUBLES] as number;
    const word = words[at + abi.FAILURE_OPERATION] as number;
    const [operation, flags] = [word & 0xff, word >>> 8];
    if (isBeyond) {
      const sectors = words[at + abi.FAILURE_SECTORS] as number;
      log('rqdm: attempt to access beyond end of device');
      log(
        `               ${device.blockName}: rw=${kernelOperation(operation) | kernelFlags(operation, flags)}, sector=${sector}, nr_sectors = ${sectors} limit=${device.sizeSectors}`,
      );
      return;
    }
    log(failureLine(device.blockName, sector, operation, flags, words, at));
  }

  #isDue(kind: number): boolean {
    const told = this.#told[kind] as { sinceNs: number; count: number };
    const now = this.#time.now();
    if (told.count === 0 || now - told.sinceNs >= INTERVAL_NS) {
      told.sinceNs = now;
      told.count = 0;
    }
    return ++told.count <= BURST;
  }
}

function failureLine(name: string, sector: number, operation: number, flags: number, words: Uint32Array, at: number): string {
  const number = kernelOperation(operation);
  const priority = (flags & abi.FLAG_PRIORITY_MASK) >>> abi.FLAG_PRIORITY_SHIFT;
  const what = ERRORS[words[at + abi.FAILURE_STATUS] as number] ?? 'I/O';
  const hasPieces = operation !== abi.OPERATION_FLUSH && operation !== abi.OPERATION_WRITE_ZEROES;
  return [
    `${what} error, dev ${name}, sector ${sector} op 0x${number.toString(16)}:(${OPERATIONS[number] ?? 'WRITE'})`,
    `flags 0x${kernelFlags(operation, flags).toString(16)}`,
    `phys_seg ${hasPieces ? words[at + abi.FAILURE_SEGMENTS] : 0}`,
    `prio class ${priority & 3 || abi.PRIORITY_BEST_EFFORT}`,
  ].join(' ');
}

/** A flush is a write of nothing. */
function kernelOperation(operation: number): number {
  return operation === abi.OPERATION_FLUSH ? abi.OPERATION_WRITE : operation;
}

function kernelFlags(operation: number, flags: number): number {
  let bits = 0;
  for (const [ours, kernels] of FLAGS) if (flags & ours) bits |= kernels;
  if (operation === abi.OPERATION_FLUSH) return 1 << 11;
  if (operation === abi.OPERATION_WRITE && flags & abi.FLAG_SYNC) bits |= IDLE;
  return bits;
}
