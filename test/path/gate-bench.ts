// A bench of paths whose calls wait, die or break where their gate says, on a clock that the test moves.

import type { PathPoolOptions } from '../../bindings/path/pool.ts';
import { WorkerPath } from '../../bindings/path/worker-path.ts';
import { PathBench } from '../support/sink.ts';
import { ACTION_NONE, GATE_ACTION, GATE_OPEN, GATE_PERFORMED, GATE_SECTOR } from './gate-backend.ts';

/** The sector where the gate acts; far from where other I/O goes. */
export const TRAP = 1000;

export class Clock {
  ms = 1000;
  readonly now = (): number => this.ms;
}

export class GateBench extends PathBench {
  readonly clock: Clock;
  releases = 0;

  constructor(options: Partial<PathPoolOptions> = {}, clock = new Clock()) {
    super({ now: clock.now, ...options });
    this.clock = clock;
  }

  gatePath(name: string): { path: WorkerPath; gate: Int32Array } {
    const gate = new Int32Array(new SharedArrayBuffer(64));
    const facts = {
      word: name,
      sizeBytes: 2 ** 30,
      isReadOnly: false,
      hasCache: false,
      cacheKey: name,
      depth: 128,
      queue: 'request',
      limits: { maxSectors: 2560, maxSegments: 128, chunkSectors: 0, logicalBlockSectors: 1, physicalBlockSectors: 1 },
    } as const;
    const description = { kind: 'module', url: new URL('./gate-backend.js', import.meta.url).href, data: gate.buffer } as const;
    const path = new WorkerPath(facts, description, this.sink, this.pool, () => this.releases++);
    return { path: this.own(path), gate };
  }

  /** Moves the clock and looks, as the pool's timer would. */
  pass(ms: number): void {
    this.clock.ms += ms;
    this.pool.watch();
  }
}

export function setTrap(gate: Int32Array, action: number): void {
  gate[GATE_SECTOR] = TRAP;
  Atomics.store(gate, GATE_ACTION, action);
}

export function open(gate: Int32Array): void {
  Atomics.store(gate, GATE_ACTION, ACTION_NONE);
  Atomics.store(gate, GATE_OPEN, 1);
  Atomics.notify(gate, GATE_OPEN);
}

export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Until the worker has begun its `count`th call. */
export function performed(gate: Int32Array, count: number): Promise<void> {
  return until(() => Atomics.load(gate, GATE_PERFORMED) >= count);
}

export async function withGates(
  body: (bench: GateBench) => Promise<void>,
  options: Partial<PathPoolOptions> = {},
): Promise<void> {
  const bench = new GateBench(options);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}
