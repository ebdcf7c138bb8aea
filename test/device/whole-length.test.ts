// `*` as the length of a line: all that the devices have, for each target in its own way.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import * as builders from '../../bindings/table/builders.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: whole length');

// 1024, 600 and 100 sectors
const LARGE = 'mem:large?size=512K';
const SMALL = 'mem:small?size=300K';
const TINY = 'mem:tiny?size=50K';

const LINES: readonly (readonly [what: string, line: string, sectors: number])[] = [
  ['linear', builders.linear({ device: LARGE, offset: 24 }), 1000],
  ['passthrough', builders.passthrough({ device: SMALL, offset: 100 }), 500],
  ['striped, in whole chunks', builders.striped({ chunk: 64, stripes: [LARGE, { device: SMALL, offset: 10 }] }), 2 * 576],
  ['delay', builders.delay({ read: { device: SMALL, delayMs: 0 } }), 600],
  [
    'delay with other places for writes and flushes',
    builders.delay({
      read: { device: LARGE, delayMs: 0 },
      write: { device: SMALL, offset: 100, delayMs: 0 },
      flush: { device: TINY, offset: 1, delayMs: 0 },
    }),
    99,
  ],
  ['flakey', builders.flakey({ device: SMALL, offset: 8, upSeconds: 1, downSeconds: 0 }), 592],
  ['dust', builders.dust({ device: TINY, offset: 4, blockBytes: 512 }), 96],
  // chunks of 10 in 100 sectors behind 3 stripes: stripes 0 has four of them, 1 and 2 have three
  ['unstriped, first', builders.unstriped({ stripes: 3, chunkSectors: 10, stripe: 0, device: TINY }), 40],
  ['unstriped, second', builders.unstriped({ stripes: 3, chunkSectors: 10, stripe: 1, device: TINY }), 30],
  ['unstriped behind an offset', builders.unstriped({ stripes: 3, chunkSectors: 10, stripe: 0, device: TINY, offset: 11 }), 30],
  ['switch', builders.switchRegions({ regionSectors: 7, paths: [LARGE, { device: SMALL, offset: 50 }] }), 550],
  ['multipath', builders.multipath({ groups: [{ paths: [{ device: LARGE, args: [1, 1] }] }] }), 1024],
];

for (const [what, line, sectors] of LINES) {
  test(`${what}: ${sectors} sectors, and the last one can be written and read`, async () => {
    await using mapper = new DeviceMapper();
    assert.match(line, /^0 \* /);
    const device = await mapper.createDevice({ name: 'd', table: line });
    assert.is(device.size, sectors * 512);
    const at = (sectors - 1) * 512;
    await device.write(pattern(at, 512), at);
    const read = await device.read(at, 512);
    // what goes to another place is not what is read here
    if (!what.includes('other places')) assert.is(Buffer.compare(read, pattern(at, 512)), 0);
    await device.flush();
  });
}

test('where nothing is left the line is refused as if it had been written with any length', async () => {
  await using mapper = new DeviceMapper();
  for (const line of [
    builders.unstriped({ stripes: 200, chunkSectors: 8, stripe: 150, device: TINY }),
    builders.switchRegions({ regionSectors: 8, paths: [LARGE, { device: TINY, offset: 100 }] }),
    builders.delay({ read: { device: LARGE, delayMs: 0 }, write: { device: TINY, offset: 500, delayMs: 0 } }),
    '0 * switch',
    '0 * unstriped 0 0 0',
    '0 * delay',
  ]) {
    const error = await rejection(mapper.createDevice({ name: 'd', table: line }));
    assert.match(String(error['code']), /^ERR_RQDM_TABLE/, line);
  }
});

test.run();
