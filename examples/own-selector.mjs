// A path selector of one's own: `by-size <bytes>` sends small I/Os down the first path and large ones down the last, and
// makes do with what is left when one has failed. The manual is bindings/target/multipath/selector/selector.ts.
//
//   node examples/own-selector.mjs

import { DeviceMapper, NO_PATH } from 'rqdm';

const bySize = {
  name: 'by-size',
  version: [1, 0, 0],
  tableWords: 0,
  infoWords: 0,
  create(words) {
    const largeBytes = words.uint('by-size: invalid size', 0, 2 ** 31);
    const usable = []; // path numbers, in the order of the table
    let count = 0;
    return {
      addPath: () => usable.push(count++),
      select: (bytes) => (usable.length === 0 ? NO_PATH : bytes < largeBytes ? usable[0] : usable[usable.length - 1]),
      failPath: (path) => usable.splice(usable.indexOf(path), 1),
      reinstatePath: (path) => usable.push(path) && usable.sort((a, b) => a - b),
      status: (_kind, path) => (path === undefined ? `1 ${largeBytes} ` : ''),
    };
  },
};

const mapper = new DeviceMapper();
mapper.registerSelector(bySize);
const table = '0 * multipath 0 0 1 1 by-size 1 65536 2 0 mem:disk?size=16M#quick mem:disk?size=16M#wide';
const device = await mapper.createDevice({ name: 'sorted', table });
for (let i = 0; i < 10; i++) await device.write(Buffer.alloc(4096), i * 8192); // one by one: these cannot merge
await device.write(Buffer.alloc(256 * 1024), 2 ** 20);
const shares = () => device.stats().paths.map(({ word, issued }) => `${word.split('#')[1]} ${issued}`);
console.log(`ten small writes and a large one: ${shares().join(', ')}`);
device.message('fail_path mem:disk?size=16M#quick');
await device.write(Buffer.alloc(4096), 0);
console.log(`a small one while the quick path is out: ${shares().join(', ')}`);
await mapper.close();
