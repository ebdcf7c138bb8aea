// The core itself, for programs that drive it on their own: simulators on virtual time, benches. Everybody else wants
// `DeviceMapper`, which owns a core and the pump around it.
//
// The records of its rings, the numbers of its settings and counters: assembly/abi.ts.

export { bucketBounds, Core, type CoreCapacities, type TraceEvent } from './core/core.ts';
export type { CoreExports } from './core/load.ts';
