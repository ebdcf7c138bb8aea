// A mapped device as the tables of other devices see it.
import type { PathLimits } from '../path/reference.ts';
import type { MappedDevice } from './device.ts';
import type { OpenedDevice } from './opened.ts';

/** Before its first table a device limits nothing, and has no sector that anybody could use. */
const LIMITS_WITHOUT_TABLE: PathLimits = {
  maxSectors: 2560,
  maxSegments: 128,
  chunkSectors: 0,
  logicalBlockSectors: 1,
  physicalBlockSectors: 1,
};

/** Its figures are those of its live table. */
export function mappedReference(device: MappedDevice): OpenedDevice {
  return {
    id: device.id,
    number: device.number,
    blockName: `dm-${device.minor}`,
    get word() {
      return device.name;
    },
    get sizeSectors() {
      return Math.ceil(device.size / 512);
    },
    get sizeBytes() {
      return device.size;
    },
    get hasCache() {
      return device.hasCache;
    },
    get hasFua() {
      return device.hasFua;
    },
    get limits() {
      return device.limits ?? LIMITS_WITHOUT_TABLE;
    },
    get isRequestStackable() {
      return device.type === 'request';
    },
    get level() {
      return device.level;
    },
    // no other device shares the cache that a mapped device stands for
    cacheDomain: -1 - device.id,
    get holders() {
      return device.holders;
    },
    set holders(value: number) {
      device.holders = value;
    },
  };
}
