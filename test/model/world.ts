// A world for the fuzzer: devices, faults and a history, as plain data, so that a counterexample can be kept as a file.
// Words that older files do not have are optional.

import fc from 'fast-check';
import type { ChooserOptions } from '../support/core-chooser.ts';
import type { Settings } from '../support/core-driver.ts';
import { type BioWords, batchesOf } from './world-bios.ts';

export type Step =
  | { readonly kind: 'submit'; readonly bios: readonly BioWords[]; readonly isPlugged: boolean }
  | { readonly kind: 'step'; readonly times: number }
  | { readonly kind: 'suspend' | 'resume' | 'swap'; readonly which: number; readonly isNoflush: boolean }
  | { readonly kind: 'fail' | 'reinstate'; readonly which: number; readonly path: number }
  | { readonly kind: 'set'; readonly which: number; readonly settings: Settings }
  | { readonly kind: 'alarm'; readonly which: number; readonly afterMs: number };

export interface World {
  readonly shape: (typeof SHAPES)[number];
  readonly elevator: number;
  readonly paths: number;
  readonly depth: number;
  readonly requests: number;
  readonly limits: Settings;
  readonly nomerges: number;
  readonly isSmall: boolean;
  readonly chooser: ChooserOptions;
  readonly hasMap: boolean;
  /** endIo is only told of what ended well. */
  readonly isTold?: boolean;
  readonly isInstant: boolean;
  readonly hasCache: number;
  readonly hasFua?: number;
  /** Sectors of a stripe's chunk. */
  readonly chunk?: number;
  /** Cycled over the I/Os of all paths: see FAULT_. */
  readonly faults: readonly number[];
  readonly serviceMs: readonly number[];
  /** Cycled over the hooks: what the target says instead of what it should; see WILD_. */
  readonly wild: readonly number[];
  readonly steps: readonly Step[];
}

export const FAULT_TRANSPORT = 1;
export const FAULT_HALF_WAY = 2; // transport, half of it done
export const FAULT_MEDIUM = 3;
export const FAULT_ALL_DONE = 4; // all of it done, and an error
export const FAULT_TWICE = 5; // answered once more, later
export const FAULT_TARGET = 6;

export const WILD_REQUEUE = 1;
export const WILD_DELAY = 2;
export const WILD_KEEP = 3; // finished 2 ms later
export const WILD_KILL = 4;
export const WILD_DEVICE = 5; // another device than may be
export const WILD_REMAP = 6; // kept, and given to a path 2 ms later

export const SHAPES = ['backing', 'request', 'bio', 'linear', 'striped', 'stack', 'shared', 'twice'] as const;

const limits = {
  maxSectors: fc.constantFrom(2560, 32, 24, 8),
  maxSegments: fc.constantFrom(128, 3, 1),
  chunkSectors: fc.constantFrom(0, 0, 32, 40),
  maxDiscardSectors: fc.constantFrom(2560, 64, 24, 0),
  maxDiscardSegments: fc.constantFrom(1, 3, 64),
  maxWriteZeroesSectors: fc.constantFrom(2560, 24, 0),
};

const change: fc.Arbitrary<Settings> = fc.record(
  {
    ...limits,
    depth: fc.integer({ min: 1, max: 4 }),
    requests: fc.constantFrom(1, 3, 256),
    nomerges: fc.nat(2),
    asyncDepth: fc.constantFrom(0, 1, 2),
    priorityAgingMs: fc.constantFrom(10_000, 1),
    elevator: fc.nat(3),
  },
  { requiredKeys: [] },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('submit' as const), bios: batchesOf('all'), isPlugged: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('step' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('suspend' as const, 'resume' as const, 'swap' as const),
      which: fc.nat(3),
      isNoflush: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('fail' as const, 'reinstate' as const), which: fc.nat(3), path: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const), which: fc.nat(5), settings: change }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('alarm' as const), which: fc.nat(5), afterMs: fc.nat(9) }) },
);

export function worlds(stepsMax: number): fc.Arbitrary<World> {
  return fc.record({
    shape: fc.constantFrom(...SHAPES),
    elevator: fc.nat(3),
    paths: fc.integer({ min: 1, max: 3 }),
    depth: fc.constantFrom(1, 1, 2, 3, 64),
    requests: fc.constantFrom(1, 2, 4, 256),
    limits: fc.record({
      ...limits,
      discardGranularity: fc.constantFrom(1, 1, 8, 16),
      discardAlignment: fc.constantFrom(0, 4),
      physicalBlockSectors: fc.constantFrom(1, 1, 8),
    }),
    nomerges: fc.constantFrom(0, 0, 0, 1, 2),
    isSmall: fc.boolean(),
    chooser: fc.record({
      policy: fc.constantFrom('round-robin' as const, 'service-time' as const),
      onError: fc.constantFrom('done' as const, 'requeue' as const, 'delay' as const, 'fail-path' as const),
      isQueueing: fc.boolean(),
    }),
    hasMap: fc.boolean(),
    isInstant: fc.nat(4).map((n) => n === 0),
    hasCache: fc.nat(1),
    hasFua: fc.nat(1),
    chunk: fc.constantFrom(8, 24, 4),
    faults: fc.array(fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 5, 6), { minLength: 1, maxLength: 12 }),
    wild: fc.oneof(fc.constant([0]), fc.array(fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5, 6), { minLength: 1, maxLength: 9 })),
    serviceMs: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
    isTold: fc.boolean(),
    steps: fc.array(step, { minLength: 1, maxLength: stepsMax }),
  });
}
