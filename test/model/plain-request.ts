// What the plain queue works with: bios, and requests made of them.

import {
  FLAG_FUA,
  FLAG_NOMERGE,
  FLAG_PREFLUSH,
  FLAG_PRIORITY_MASK,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
} from '../../assembly/abi.ts';

export interface PlainBio {
  readonly tag: number;
  readonly operation: number;
  readonly sector: number;
  readonly sectors: number;
  /** Place of its memory, in sectors. */
  readonly at: number;
  readonly flags: number;
}

export interface PlainRequest {
  readonly operation: number;
  readonly priority: number;
  bios: PlainBio[];
  /** Of a discard: 1 + those that were added wherever they lay. */
  ranges: number;
  isNomerge: boolean;
  isFua: boolean;
  /** Where it stands in the flush machine; `whole`: it is none of its business. */
  step: 'whole' | 'flush' | 'data' | 'flush-after';
  /** A flush follows its data. */
  isFlushedAfter: boolean;
  place: 'plug' | 'sorted' | 'head' | 'away';
  /** When it was made: the earlier of two that become one. */
  queuedAt: number;
  fifoTime: number;
  /** Place in the order of insertion. */
  order: number;
  /** Counts against the depth of what is not read. */
  readonly isAsync: boolean;
  /** When it was last filed under its end, and under its start: the latest is found first. */
  endFiled: number;
  startFiled: number;
}

export const isAsync = ({ operation }: PlainBio): boolean => operation !== OPERATION_READ && operation !== OPERATION_FLUSH;

export function requestOf(bio: PlainBio, nowNs: number = 0): PlainRequest {
  return {
    operation: bio.operation,
    priority: bio.flags & FLAG_PRIORITY_MASK,
    bios: [bio],
    ranges: 1,
    isNomerge: (bio.flags & FLAG_NOMERGE) !== 0,
    isFua: (bio.flags & FLAG_FUA) !== 0,
    step: 'whole',
    isFlushedAfter: false,
    place: 'plug',
    queuedAt: nowNs,
    fifoTime: 0,
    order: 0,
    isAsync: isAsync(bio),
    endFiled: 0,
    startFiled: 0,
  };
}

export const sum = (bios: readonly PlainBio[]): number => bios.reduce((total, bio) => total + bio.sectors, 0);
export const startOf = (request: PlainRequest): number => request.bios[0].sector;
export const sectorsOf = (request: PlainRequest): number => sum(request.bios);
export const endOf = (request: PlainRequest): number => startOf(request) + sectorsOf(request);
export const mayMerge = (bio: PlainBio): boolean => (bio.flags & (FLAG_NOMERGE | FLAG_FUA | FLAG_PREFLUSH)) === 0;

/** Pieces of memory, neighbours joined. */
export function piecesOf(bios: readonly PlainBio[]): [at: number, sectors: number][] {
  const pieces: [number, number][] = [];
  for (const [i, bio] of bios.entries()) {
    if (i > 0 && bios[i - 1].at + bios[i - 1].sectors === bio.at) pieces[pieces.length - 1][1] += bio.sectors;
    else pieces.push([bio.at, bio.sectors]);
  }
  return pieces;
}

export function segmentsOf(request: PlainRequest): number {
  return request.operation === OPERATION_DISCARD ? request.ranges : piecesOf(request.bios).length;
}

export function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}
