// What a mapper keeps to itself, for tests that look at pools or make the core fail. The parts are caught on the way of
// public calls, as there is no other.

import { HEADER_BIOS_FREE, HEADER_REQUESTS_FREE, HEADER_STALE_ANSWERS } from '../../assembly/abi.ts';
import { Core } from '../../bindings/core/core.ts';
import { Arena } from '../../bindings/device/arena.ts';
import type { DeviceMapper } from '../../bindings/device/mapper.ts';

export function coreOf(mapper: DeviceMapper): Core {
  const original = Core.prototype.setTracing;
  let caught: Core | undefined;
  Core.prototype.setTracing = function (this: Core): void {
    caught = this;
  };
  try {
    mapper.setTracing(false);
  } finally {
    Core.prototype.setTracing = original;
  }
  if (!caught) throw new Error('setTracing did not reach the core');
  return caught;
}

export function arenaOf(mapper: DeviceMapper): Arena {
  const original = Arena.prototype.lease;
  let caught: Arena | undefined;
  Arena.prototype.lease = function (this: Arena): undefined {
    caught = this;
  };
  try {
    mapper.lease(512);
  } finally {
    Arena.prototype.lease = original;
  }
  if (!caught) throw new Error('lease did not reach the arena');
  return caught;
}

export interface PoolFigures {
  readonly bios: number;
  readonly requests: number;
  readonly arenaBytes: number;
  readonly staleAnswers: number;
}

/** What is free now. */
export function poolFigures(mapper: DeviceMapper): PoolFigures {
  const { header } = coreOf(mapper);
  return {
    bios: header[HEADER_BIOS_FREE] as number,
    requests: header[HEADER_REQUESTS_FREE] as number,
    arenaBytes: arenaOf(mapper).freeBytes,
    staleAnswers: header[HEADER_STALE_ANSWERS] as number,
  };
}
