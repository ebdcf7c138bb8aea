// Capacities of a mapper, with their defaults and the reasons for them.
import type { CoreCapacities } from '../core/core.ts';
import { RqdmError } from '../errors.ts';

/** What a mapper may hold. Everything is given at create; running out is waiting, but for devices: one too many is an error. */
export interface MapperLimits {
  /** Mapped and backing devices together, 1 … 4096. Default 128. */
  readonly devices: number;
  /** Bios in flight, pieces included, at least 4 a device. Default 32768. */
  readonly bios: number;
  /** Requests and clones, at least 4 a device. Default 16384. */
  readonly requests: number;
  /** Stretches in all tables together. Default 4096. */
  readonly extents: number;
  /** Bios that one call into the core carries. Default 4096. */
  readonly submits: number;
  /** Events the trace keeps: a power of two, or 0. Default 8192. */
  readonly traceRecords: number;
  /** Memory for regions of statistics (`@stats_create`): about 128 an area, and 8 a bin. A multiple of 8. Default 1 MiB. */
  readonly regionBytes: number;
  /** Payload in flight, bytes, at most 1 GiB. Default 64 MiB. */
  readonly arenaBytes: number;
}

const LIMITS_DEFAULT: MapperLimits = {
  devices: 128,
  bios: 32768,
  requests: 16384,
  extents: 4096,
  submits: 4096,
  traceRecords: 8192,
  regionBytes: 1024 * 1024,
  arenaBytes: 64 * 1024 * 1024,
};

const RECORDS_MAX = 1 << 20; // the index part of an id
const RESERVED = 4; // records of each pool that every device is sure of (assembly/limits.ts)

/** Checks limits and fills in the defaults. Throws RqdmError ERR_RQDM_LIMIT naming the limit and its range. */
export function completeLimits(given: Partial<MapperLimits> = {}): MapperLimits {
  const limits = { ...LIMITS_DEFAULT, ...given };
  check('devices', limits.devices, 1, 4096);
  check('bios', limits.bios, limits.devices * RESERVED, RECORDS_MAX);
  check('requests', limits.requests, limits.devices * RESERVED, RECORDS_MAX - limits.devices);
  check('extents', limits.extents, 1, RECORDS_MAX);
  check('submits', limits.submits, 1, 65536);
  check('traceRecords', limits.traceRecords, 0, RECORDS_MAX);
  if (limits.traceRecords & (limits.traceRecords - 1)) {
    throw new RqdmError('ERR_RQDM_LIMIT', `limits.traceRecords is ${limits.traceRecords}: expected a power of two, or 0`);
  }
  check('regionBytes', limits.regionBytes, 0, 1024 * 1024 * 1024);
  if (limits.regionBytes % 8 !== 0) {
    throw new RqdmError('ERR_RQDM_LIMIT', `limits.regionBytes is ${limits.regionBytes}: expected a multiple of 8`);
  }
  return limits;
}

export function coreCapacities(limits: MapperLimits): CoreCapacities {
  const { devices, bios, requests, extents, submits, traceRecords, regionBytes } = limits;
  return { devices, bios, requests, extents, submits, traceRecords, regionBytes };
}

function check(name: keyof MapperLimits, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RqdmError('ERR_RQDM_LIMIT', `limits.${name} is ${value}: expected a whole number from ${least} to ${most}`);
}
