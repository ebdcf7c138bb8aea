// Disks, with the figures of their data sheets or of measurements, and how well the model does with them.

import type { DiskDescription } from './disk.ts';

/** Zones that become shorter evenly from the outside in. */
function zones(cylinders: number, outer: number, inner: number, count: number): DiskDescription['zones'] {
  return Array.from({ length: count }, (_, zone) => ({
    cylinders: Math.floor(((zone + 1) * cylinders) / count) - Math.floor((zone * cylinders) / count),
    sectorsPerTrack: Math.round(outer - ((outer - inner) * zone) / (count - 1)),
  }));
}

/** Quantum Atlas 10k, 9.1 GB, 1999: rotation, seek curve, settle and switch times as measured for DiskSim. */
export const ATLAS_10K: DiskDescription = {
  kind: 'disk',
  rpm: 10_025,
  surfaces: 6,
  zones: zones(10_042, 334, 262, 24),
  seek: {
    points: [
      [1, 1.245],
      [2, 1.157],
      [3, 1.163],
      [4, 1.378],
      [6, 1.437],
      [8, 1.645],
      [10, 1.531],
      [20, 1.62],
      [30, 1.698],
      [40, 1.929],
      [50, 1.863],
      [60, 2.313],
      [80, 2.42],
      [100, 2.011],
      [150, 2.531],
      [200, 2.651],
      [300, 2.93],
      [400, 3.146],
      [600, 3.097],
      [800, 3.321],
      [1000, 3.82],
      [1500, 4.198],
      [2000, 4.842],
      [2500, 5.224],
      [3000, 5.643],
      [4000, 6.226],
      [5000, 6.814],
      [6000, 7.525],
      [7000, 8.205],
      [8000, 8.951],
      [9000, 10.114],
      [10_000, 10.464],
      [10_021, 10.828],
    ],
  },
  headSwitchMs: 0.176,
  writeSettleMs: 0.487,
  // fitted to the measured trace: they hold the measuring host's share, DiskSim's 0.184, 0.345 and 0.497 do not
  overheadMs: { readHit: 0.55, readMiss: 0.6, write: 0.58 },
  busMBps: 80,
  readBuffer: { segments: 10, segmentSectors: 374 },
  writeBufferBytes: 1024 * 1024,
  // as it was measured, one command at a time
  commandQueue: 1,
  patience: 4,
};

/** HP C2247A, 1 GB, 1992: rotation and geometry of its kind, everything else fitted to the measured trace. */
export const HP_C2247A: DiskDescription = {
  kind: 'disk',
  rpm: 5400,
  surfaces: 13,
  zones: zones(2051, 96, 58, 8),
  seek: { singleMs: 3.5, averageMs: 10, fullMs: 20 },
  headSwitchMs: 1,
  writeSettleMs: 0.8,
  overheadMs: { readHit: 0.3, readMiss: 1.2, write: 1.2 },
  busMBps: 2.98,
  forwardsWhole: true,
  readBuffer: { segments: 1, segmentSectors: 128 },
  writeBufferBytes: 0,
  commandQueue: 1,
  patience: 4,
};

/** Seagate Cheetah 9LP, 9.1 GB, 1998: figures of DiskSim's parameters, the average seek of the data sheet. */
export const CHEETAH_9LP: DiskDescription = {
  kind: 'disk',
  rpm: 10_045,
  surfaces: 12,
  zones: zones(6962, 254, 172, 16),
  seek: { singleMs: 0.831, averageMs: 5.4, fullMs: 10.627 },
  headSwitchMs: 0.03,
  writeSettleMs: 0.461,
  overheadMs: { readHit: 0.066, readMiss: 0.284, write: 0.896 },
  busMBps: 80,
  readBuffer: { segments: 3, segmentSectors: 650 },
  writeBufferBytes: 512 * 1024,
  // an assumption: tagged queues of its time took 64 commands
  commandQueue: 64,
  patience: 4,
};

/** A 7200-rpm disk of 4 TB, from data sheets: 175 MB/s outside, 83 inside, 8.2 ms on average. */
export const NEARLINE_7200: DiskDescription = {
  kind: 'disk',
  rpm: 7200,
  surfaces: 10,
  zones: zones(372_000, 2847, 1351, 32),
  seek: { singleMs: 1, averageMs: 8.2, fullMs: 18 },
  headSwitchMs: 0.8,
  writeSettleMs: 1,
  overheadMs: { readHit: 0.1, readMiss: 0.2, write: 0.2 },
  busMBps: 600,
  readBuffer: { segments: 32, segmentSectors: 2048 },
  writeBufferBytes: 32 * 1024 * 1024,
  // what SATA's native command queueing takes; its patience is an assumption
  commandQueue: 32,
  patience: 4,
};
