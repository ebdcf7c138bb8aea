// Solid-state disks, with the figures of published models of them.

import type { SsdDescription } from './ssd.ts';

/** Samsung 970 Pro, as NVMeVirt models it; calibrated there against the real one, not here. Buffer: two pages a die. */
export const NVME_970_PRO: SsdDescription = {
  kind: 'ssd',
  channels: 8,
  diesPerChannel: 8,
  pageBytes: 32 * 1024,
  readUs: 36,
  programUs: 185,
  eraseUs: 0,
  channelMBps: 800,
  linkMBps: 3360,
  firmwareReadUs: 21.5,
  bufferUs: 4,
  bufferUsPer4KiB: 0.46,
  writeBufferBytes: 2 * 64 * 32 * 1024,
};

/** A TLC disk: cells of the WD ZN540, as NVMeVirt models it. */
export const NVME_TLC: SsdDescription = {
  kind: 'ssd',
  channels: 8,
  diesPerChannel: 4,
  pageBytes: 32 * 1024,
  readUs: 54,
  programUs: 561,
  eraseUs: 3500,
  channelMBps: 450,
  linkMBps: 3050,
  firmwareReadUs: 20,
  bufferUs: 5.6,
  bufferUsPer4KiB: 0.6,
  writeBufferBytes: 2 * 32 * 32 * 1024,
};

/** An MLC disk behind SATA: cells and channels of MQSim's default, the link of SATA 3. */
export const SATA_MLC: SsdDescription = {
  kind: 'ssd',
  channels: 8,
  diesPerChannel: 8,
  pageBytes: 8 * 1024,
  readUs: 75,
  programUs: 750,
  eraseUs: 3800,
  channelMBps: 333,
  linkMBps: 550,
  firmwareReadUs: 25,
  bufferUs: 20,
  bufferUsPer4KiB: 1,
  writeBufferBytes: 64 * 1024 * 1024,
};
