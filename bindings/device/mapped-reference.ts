// A mapped device as the tables of other devices see it.
import type { MappedDevice } from './device.ts';
import type { OpenedDevice } from './opened.ts';

/** A mapped device as tables see it; its figures are those of its live table. */
export function mappedReference(device: MappedDevice): OpenedDevice {
  return {
    id: device.id,
    number: device.number,
    word: device.name,
    get sizeSectors() {
      return Math.ceil(device.size / 512);
    },
    get sizeBytes() {
      return device.size;
    },
    get hasCache() {
      return device.hasCache;
    },
    get limits() {
      return (
        device.liveTable.limits ?? {
          maxSectors: 2560,
          maxSegments: 128,
          chunkSectors: 0,
          logicalBlockSectors: 1,
          physicalBlockSectors: 1,
        }
      );
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
