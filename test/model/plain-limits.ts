// Limits of a queue: how long a request may be, and where a bio that is too long is cut (spec-core 3.4, 3.6).

import { OPERATION_DISCARD, OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { type PlainBio, type PlainRequest, sectorsOf, segmentsOf } from './plain-request.ts';

export interface PlainLimits {
  maxSectors: number;
  maxSegments: number;
  chunkSectors: number;
  logicalBlockSectors: number;
  physicalBlockSectors: number;
  maxDiscardSectors: number;
  maxDiscardSegments: number;
  discardGranularity: number;
  discardAlignment: number;
  maxWriteZeroesSectors: number;
}

const hasMemory = (operation: number): boolean => operation === OPERATION_READ || operation === OPERATION_WRITE;

export function maxSectorsAt(limits: PlainLimits, operation: number, sector: number): number {
  if (operation === OPERATION_DISCARD) return limits.maxDiscardSectors;
  const most = hasMemory(operation) ? limits.maxSectors : limits.maxWriteZeroesSectors;
  return limits.chunkSectors ? Math.min(most, limits.chunkSectors - (sector % limits.chunkSectors)) : most;
}

/** Sectors of the first part of a bio that is too long; 0: it is not. */
export function cutOf(limits: PlainLimits, { operation, sector, sectors }: PlainBio): number {
  const most = maxSectorsAt(limits, operation, sector);
  if (sectors <= most || most === 0) return 0;
  if (operation === OPERATION_DISCARD) return cutOfDiscard(limits, sector, sectors);
  const end = sector + most;
  const onBlock = end - (end % limits.physicalBlockSectors);
  if (limits.physicalBlockSectors > 1 && onBlock > sector) return onBlock - sector;
  return most - (most % limits.logicalBlockSectors) || most;
}

/** A multiple of the granularity, shortened so that the next part begins on one. */
function cutOfDiscard(limits: PlainLimits, sector: number, sectors: number): number {
  const { maxDiscardSectors, discardGranularity: granularity, discardAlignment } = limits;
  const most = maxDiscardSectors - (maxDiscardSectors % granularity) || maxDiscardSectors;
  if (sectors <= most) return 0;
  const over = (sector + most + granularity - (discardAlignment % granularity)) % granularity;
  return most > over ? most - over : most;
}

/** Whether discards of this queue merge wherever they lie. */
export function mergesRanges(limits: PlainLimits, operation: number): boolean {
  return operation === OPERATION_DISCARD && limits.maxDiscardSegments > 1;
}

export function segmentsMax(limits: PlainLimits, operation: number): number {
  return mergesRanges(limits, operation) ? limits.maxDiscardSegments : limits.maxSegments;
}

/** A limit has gone down since the request was made. */
export function isOver(limits: PlainLimits, request: PlainRequest): boolean {
  const most = maxSectorsAt(limits, request.operation, request.bios[0].sector);
  if (most === 0) return false;
  return sectorsOf(request) > most || segmentsOf(request) > segmentsMax(limits, request.operation);
}
