// A target of one's own: `reverse <device> <chunk sectors>` puts the last chunk first. Every line of a table may name it
// once it is registered. The manual is bindings/target/target.ts, the template to copy bindings/target/passthrough/.
//
//   node examples/own-target.mjs

import { DeviceMapper } from 'rqdm';
import { MAP_REMAPPED } from 'rqdm/target';

const reverse = {
  name: 'reverse',
  version: [1, 0, 0],
  mapping: 'bio',
  construct([word, chunkWord], { beginSector, lengthSectors, getDevice, publishDevices }) {
    const chunk = Number(chunkWord);
    const device = getDevice(word, 0, 'Device lookup failed');
    publishDevices([device]);
    return {
      ioSectorsMax: chunk, // so that no I/O crosses from one chunk into the next
      prepMap(io) {
        io.device = device.id;
        return MAP_REMAPPED;
      },
      map(io) {
        const sector = io.sector - beginSector;
        const within = sector % chunk;
        io.sector = lengthSectors - chunk - (sector - within) + within;
        return MAP_REMAPPED;
      },
      status: (kind, name) => (kind === 'info' ? '' : `${name(device)} ${chunk}`),
      iterateDevices: (visit) => visit(device, 0, lengthSectors),
    };
  },
};

const mapper = new DeviceMapper();
mapper.registerTarget(reverse);
const device = await mapper.createDevice({ name: 'mirrored', table: '0 2048 reverse mem:disk?size=1M 8' });
const below = await mapper.createDevice({ name: 'straight', table: '0 2048 linear mem:disk?size=1M 0' });
await device.write(Buffer.concat([Buffer.alloc(4096, '1'), Buffer.alloc(4096, '2')]), 0);
const last = await below.read(2 ** 20 - 8192, 8192);
console.log(device.table({ names: 'word' }));
console.log(`chunks 1 and 2 lie at the end, turned round: ${last.toString('latin1', 4095, 4097)}`);
await mapper.close();
