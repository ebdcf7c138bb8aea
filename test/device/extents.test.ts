// Stretches that a user's target gives: what the core could not map by is refused when the table is loaded.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type DeviceReference } from '../../bindings/index.ts';
import { probeTarget } from '../support/probe-target.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: extents');

const A = 'mem:a?size=1M';

const onOther = { id: 0, word: 'other' } as never;
const EXTENTS: readonly (readonly [string, (own: DeviceReference) => object, RegExp])[] = [
  ['of no kind', () => ({ kind: 'linear' }), /expected a kind of extent \(device, error, zero, striped\), got linear/],
  ['on a device that the table has not opened', () => ({ kind: 'device', device: onOther }), /names a device of another table/],
  ['before its device', (device) => ({ kind: 'device', device, offset: -8 }), /expected an offset in sectors, got -8/],
  ['at no sector', (device) => ({ kind: 'device', device, offset: 0.5 }), /expected an offset in sectors, got 0.5/],
  ['of half chunks', (device) => ({ kind: 'striped', chunkSectors: 0.5, stripes: [{ device, offset: 0 }] }), /needs stripes/],
  [
    'without chunks',
    (device) => ({ kind: 'striped', chunkSectors: 2 ** 32, stripes: [{ device, offset: 0 }] }),
    /needs stripes/,
  ],
  [
    'of foreign stripes',
    () => ({ kind: 'striped', chunkSectors: 1, stripes: [{ device: onOther, offset: 0 }] }),
    /another table/,
  ],
  [
    'of more stripes than a flush can count',
    (device) => ({ kind: 'striped', chunkSectors: 1, stripes: Array(4097).fill({ device, offset: 0 }) }),
    /has too many stripes: expected at most 4096, got 4097/,
  ],
];
for (const [what, extent, text] of EXTENTS) {
  test(`an extent ${what} is refused when the table is loaded, and the mapper lives on`, async () => {
    await using mapper = new DeviceMapper({ limits: { extents: 8192 } });
    mapper.registerTarget({
      ...probeTarget('x'),
      name: 'odd',
      mapping: 'bio',
      construct: (words, context) => {
        const device = context.getDevice(words[0] as string, 0, 'Device lookup failed');
        return { status: () => '', extents: [{ start: 0, length: 8, ...extent(device) }] as never };
      },
    });
    assert.match((await rejection(mapper.createDevice({ name: 'd', table: `0 8 odd ${A}` }))).message, text);
    await (await mapper.openDevice(A)).read(0, 512);
  });
}

test('a table of requests maps by one extent: requests are not split', async () => {
  await using mapper = new DeviceMapper();
  mapper.registerTarget({
    ...probeTarget('x'),
    name: 'halves',
    mapping: 'hybrid',
    isImmutable: true,
    construct: (words, context) => {
      const device = context.getDevice(words[0] as string, 0, 'Device lookup failed');
      const extents = [0, 4].map((start) => ({ start, length: 4, kind: 'device' as const, device, offset: 16 - 4 * start }));
      return { status: () => '', extents, iterateDevices: (visit) => visit(device, 0, 20) };
    },
  });
  const table = `0 8 halves ${A}`;
  const error = await rejection(mapper.createDevice({ name: 'd', table, type: 'request' }));
  assert.match(error.message, /target type halves splits requests: expected one extent, or a table of bios/);
  await using device = await mapper.createDevice({ name: 'd', table, type: 'bio' });
  await device.write(pattern(0, 4096), 0);
  assert.is(Buffer.compare(await device.read(0, 4096), pattern(0, 4096)), 0);
});

test.run();
