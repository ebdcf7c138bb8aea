// Ready models by name, and how far each is from the truth: the demerit against a measured trace, or "uncalibrated".

import type { DiskDescription } from './disk.ts';
import type { FixedDescription } from './fixed.ts';
import type { LinkDescription } from './link.ts';
import { ATLAS_10K, CHEETAH_9LP, HP_C2247A, NEARLINE_7200 } from './profiles-disk.ts';
import { NVME_970_PRO, NVME_TLC, SATA_MLC } from './profiles-solid.ts';
import type { SsdDescription } from './ssd.ts';

export interface StorageProfile {
  readonly description: DiskDescription | SsdDescription | FixedDescription;
  readonly about: string;
  /**
   * Demerit over the mean of a measured trace, reads and all: at most so much, held by a test. Where nothing was measured
   * that we have: uncalibrated.
   */
  readonly accuracy: { readonly trace: string; readonly reads: number; readonly all: number } | 'uncalibrated';
}

const INSTANT: FixedDescription = { kind: 'fixed', latencyUs: 0, MBps: 0, servers: 1024 };

export const STORAGE_PROFILES: ReadonlyMap<string, StorageProfile> = new Map<string, StorageProfile>([
  [
    'atlas-10k',
    {
      description: ATLAS_10K,
      about: 'Quantum Atlas 10k, 9.1 GB, 10 025 rpm',
      accuracy: { trace: 'atlas10k.trace', reads: 0.05, all: 0.08 },
    },
  ],
  [
    'hp-c2247a',
    {
      description: HP_C2247A,
      about: 'HP C2247A, 1 GB, 5400 rpm, without a write buffer',
      accuracy: { trace: 'hp_c2247a.trace', reads: 0.05, all: 0.05 },
    },
  ],
  ['cheetah-9lp', { description: CHEETAH_9LP, about: 'Seagate Cheetah 9LP, 9.1 GB, 10 045 rpm', accuracy: 'uncalibrated' }],
  ['nearline-7200', { description: NEARLINE_7200, about: 'nearline disk, 4 TB, 7200 rpm', accuracy: 'uncalibrated' }],
  ['nvme-970pro', { description: NVME_970_PRO, about: 'Samsung 970 Pro after NVMeVirt', accuracy: 'uncalibrated' }],
  ['nvme-tlc', { description: NVME_TLC, about: 'NVMe disk with TLC cells', accuracy: 'uncalibrated' }],
  ['sata-mlc', { description: SATA_MLC, about: 'SATA disk with MLC cells', accuracy: 'uncalibrated' }],
  ['instant', { description: INSTANT, about: 'storage that answers at once', accuracy: 'uncalibrated' }],
]);

/** Line rates are arithmetic, latencies assumptions: give your own where you know them. */
export const LINK_PROFILES: ReadonlyMap<string, LinkDescription> = new Map<string, LinkDescription>([
  ['direct', { latencyUs: 0, MBps: 0, jitter: 0, queueDepth: 65536, busyUs: 0 }],
  ['fc-8g', { latencyUs: 20, MBps: 800, jitter: 0.1, queueDepth: 2048, busyUs: 1000 }],
  ['fc-16g', { latencyUs: 20, MBps: 1600, jitter: 0.1, queueDepth: 2048, busyUs: 1000 }],
  ['fc-32g', { latencyUs: 15, MBps: 3200, jitter: 0.1, queueDepth: 2048, busyUs: 1000 }],
  ['iscsi-10g', { latencyUs: 60, MBps: 1180, jitter: 0.1, queueDepth: 1024, busyUs: 1000 }],
  ['iscsi-25g', { latencyUs: 50, MBps: 2950, jitter: 0.1, queueDepth: 1024, busyUs: 1000 }],
  ['nvme-rdma', { latencyUs: 8, MBps: 2950, jitter: 0.1, queueDepth: 4096, busyUs: 100 }],
]);
