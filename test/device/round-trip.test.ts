// What is written is read, over every kind of backing device and at every place.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_NOSPC } from '../../assembly/abi.ts';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern, Random } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const test = suite('device: round trip');

const MIB = 1024 * 1024;

function same(actual: Uint8Array, expected: Uint8Array, message: string): void {
  assert.is(Buffer.compare(actual, expected), 0, message);
}

/** Each kind of device with how it is opened; sizes are 1 MiB. */
const KINDS: readonly (readonly [string, (mapper: DeviceMapper, folder: TemporaryFolder) => Promise<MappedDevice>])[] = [
  ['memory', (mapper) => mapper.openDevice('mem:a?size=1M')],
  ['memory on a worker', (mapper) => mapper.openDevice('mem:a?size=1M&mode=worker')],
  ['a file, inline', (mapper, folder) => mapper.openDevice(`${folder.file('a', MIB)}?mode=inline`)],
  ['a file on a worker', (mapper, folder) => mapper.openDevice(`${folder.file('a', MIB)}?mode=worker`)],
  ['a file, auto', (mapper, folder) => mapper.openDevice(`${folder.file('a', MIB)}?mode=auto`)],
  ['a file by O_DIRECT', (mapper, folder) => mapper.openDevice(`${folder.file('a', MIB)}?direct=1`)],
  [
    'linear over a file',
    (mapper, folder) => mapper.createDevice({ name: 'l', table: `0 2048 linear ${folder.file('a', MIB)} 0` }),
  ],
  [
    'two paths, request-based',
    (mapper, folder) => {
      const file = folder.file('a', MIB);
      return mapper.openDevice([`${file}#1`, `${file}#2`]);
    },
  ],
  [
    'two paths, bio-based',
    (mapper, folder) => {
      const file = folder.file('a', MIB);
      return mapper.openDevice([`${file}#1`, `${file}#2`], { type: 'bio' });
    },
  ],
  [
    'two paths without an elevator, round-robin',
    (mapper) => mapper.openDevice(['mem:a?size=1M#1', 'mem:a?size=1M#2'], { selector: 'round-robin', elevator: 'none' }),
  ],
  [
    'two devices in a row',
    (mapper, folder) =>
      mapper.createDevice({
        name: 'row',
        table: [`0 1000 linear ${folder.file('a', MIB)} 8`, '1000 1048 linear mem:b?size=1M 16'],
      }),
  ],
];

for (const [kind, open] of KINDS) {
  test(`${kind}: what is written is read again, at any range, and a flush succeeds`, async () => {
    using folder = new TemporaryFolder();
    await using mapper = new DeviceMapper();
    const device = await open(mapper, folder);
    assert.is(device.size, MIB);
    const model = pattern(0, MIB, 1);
    assert.is(await device.write(model, 0), MIB);
    const random = new Random(7);
    for (let round = 0; round < 40; round++) {
      const position = random.below(2047) * 512;
      const length = Math.min(MIB - position, (1 + random.below(64)) * 512);
      const bytes = pattern(position, length, round + 2);
      model.set(bytes, position);
      assert.is(await device.write(bytes, position), length);
    }
    await device.flush();
    const reads = Array.from({ length: 100 }, () => {
      const position = random.below(MIB);
      return { position, length: random.below(Math.min(20_000, MIB - position)) };
    });
    const answers = await Promise.all(reads.map(({ position, length }) => device.read(position, length)));
    for (const [index, { position, length }] of reads.entries()) {
      same(answers[index] as Buffer, model.subarray(position, position + length), `read of ${length} at ${position}`);
    }
    const view = new Uint8Array(1000).fill(255);
    assert.is(await device.readInto(view.subarray(100, 200), 12_345), 100);
    same(view.subarray(100, 200), model.subarray(12_345, 12_445), 'readInto');
    assert.ok(view.subarray(0, 100).every((byte) => byte === 255) && view.subarray(200).every((byte) => byte === 255));
  });
}

test('a null device reads zeros although the arena held other bytes before', async () => {
  await using mapper = new DeviceMapper({ limits: { arenaBytes: 65536 } });
  const other = await mapper.openDevice('mem:a?size=64K');
  await other.write(new Uint8Array(65536).fill(255), 0);
  await other.read(0, 65536);
  const device = await mapper.openDevice('null:1M');
  assert.is(await device.write(new Uint8Array(4096).fill(9), 0), 4096);
  assert.ok((await device.read(0, 65536)).every((byte) => byte === 0));
});

test('reads of nothing and writes of nothing succeed at every place up to the end', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=4K');
  assert.is((await device.read(4096, 0)).length, 0);
  assert.is(await device.write(new Uint8Array(0), 4096), 0);
  assert.is(await device.write(new Uint8Array(0), 7), 0);
  assert.is(await device.readInto(new Uint8Array(0), 13), 0);
});

test('places beyond the end and places that are none are refused, and the message has the figures', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=4K', { name: 'small' });
  const beyond = await rejection(device.read(4000, 97));
  assert.is(beyond['code'], 'ERR_RQDM_RANGE');
  assert.match(beyond.message, /read of 97 bytes at position 4000 on small.*4096/);
  assert.is((await rejection(device.write(new Uint8Array(512), 4096)))['code'], 'ERR_RQDM_RANGE');
  for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, '0' as unknown as number]) {
    assert.is((await rejection(device.read(bad, 1)))['code'], 'ERR_RQDM_RANGE', `position ${bad}`);
    assert.is((await rejection(device.read(0, bad)))['code'], 'ERR_RQDM_RANGE', `length ${bad}`);
    assert.is((await rejection(device.write(new Uint8Array(512), bad)))['code'], 'ERR_RQDM_RANGE');
  }
});

test('what is no buffer is refused with its kind, and every view is taken by its bytes', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=4K');
  for (const bad of ['text', 5, null, undefined, {}, [1, 2], new ArrayBuffer(512)]) {
    const error = await rejection(device.write(bad as unknown as Uint8Array, 0));
    assert.is(error['code'], 'ERR_RQDM_BUFFER', String(bad));
    assert.is((await rejection(device.readInto(bad as unknown as Uint8Array, 0)))['code'], 'ERR_RQDM_BUFFER');
  }
  const words = new Uint16Array(256).map((_, index) => index * 257);
  assert.is(await device.write(words as unknown as Uint8Array, 0), 512);
  same(await device.read(0, 512), Buffer.from(words.buffer), 'a Uint16Array');
  const view = new DataView(new ArrayBuffer(600), 50, 512);
  assert.is(await device.readInto(view as unknown as Uint8Array, 0), 512);
  same(Buffer.from(view.buffer, 50, 512), Buffer.from(words.buffer), 'a DataView');
  const shared = new Uint8Array(new SharedArrayBuffer(512)).fill(3);
  assert.is(await device.write(shared, 512), 512);
  assert.is((await device.read(1023, 1))[0], 3);
});

test('a buffer that is taken away during its I/O fails that I/O alone', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=4K');
  await device.write(new Uint8Array(512).fill(1), 0);
  const into = new Uint8Array(512);
  const read = device.readInto(into, 0);
  structuredClone(into.buffer, { transfer: [into.buffer] });
  assert.is((await rejection(read))['code'], 'ERR_RQDM_BUFFER');
  const out = new Uint8Array(512).fill(2);
  const write = device.write(out, 0); // its bytes were copied at the call
  structuredClone(out.buffer, { transfer: [out.buffer] });
  assert.is(await write, 512);
  assert.is((await device.read(0, 1))[0], 2);
  const part = new Uint8Array(10).fill(3);
  const unaligned = device.write(part, 5, { unaligned: true });
  structuredClone(part.buffer, { transfer: [part.buffer] });
  assert.is((await rejection(unaligned))['code'], 'ERR_RQDM_BUFFER');
  assert.is((await device.read(5, 1))[0], 2);
});

// ---- odd ends -----------------------------------------------------------------------------------------------------

for (const mode of ['inline', 'worker']) {
  test(`a file of an odd length, ${mode}: the size is exact, its last bytes are written, nothing grows`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file('odd', pattern(0, 10_000));
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice([`${file}?mode=${mode}#1`, `${file}?mode=${mode}#2`]);
    assert.is(device.size, 10_000);
    assert.is(device.table().split(' ')[1], '20');
    same(await device.read(9_700, 300), pattern(9_700, 300), 'the end');
    assert.is((await rejection(device.read(9_999, 2)))['code'], 'ERR_RQDM_RANGE');
    assert.is((await rejection(device.write(new Uint8Array(512), 9_728)))['code'], 'ERR_RQDM_RANGE');
    assert.is(await device.write(pattern(9_216, 784, 3), 9_216), 784);
    assert.is(await device.write(pattern(9_990, 10, 5), 9_990, { unaligned: true }), 10);
    await device.flush();
    const expected = Buffer.concat([pattern(0, 9_216), pattern(9_216, 774, 3), pattern(9_990, 10, 5)]);
    same(folder.read('odd'), expected, 'the file');
    assert.match(device.status(), / A 0 2 2 240:\d+ A 0 .* 240:\d+ A 0 /, 'no path has failed');
  });
}

test('a batch sees the last sector whole: zeros behind the exact end, and a write there is refused', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('odd', pattern(0, 1_000));
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(file);
  using lease = mapper.lease(1024)!;
  lease.bytes.fill(255);
  const batch = {
    count: 1,
    operations: new Uint8Array([0]),
    positions: new Float64Array([0]),
    lengths: new Uint32Array([1024]),
    addresses: new Uint32Array([lease.address]),
    statuses: new Uint8Array(1),
  };
  assert.is(await device.batch(batch), 0);
  same(lease.bytes, Buffer.concat([pattern(0, 1_000), Buffer.alloc(24)]), 'zeros');
  batch.operations[0] = 1;
  assert.is(await device.batch(batch), 0, 'zeros there change nothing');
  lease.bytes[1000] = 1;
  assert.is(await device.batch(batch), 1);
  assert.is(batch.statuses[0], STATUS_NOSPC);
  assert.is(folder.read('odd').length, 1_000);
});

test('linear to the end of an odd file has its exact end, and one that stops before is whole', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('odd', pattern(0, 10_000));
  await using mapper = new DeviceMapper();
  const tail = await mapper.createDevice({ name: 'tail', table: `0 4 linear ${file} 16` });
  assert.is(tail.size, 10_000 - 16 * 512);
  const head = await mapper.createDevice({ name: 'head', table: `0 4 linear ${file} 0` });
  assert.is(head.size, 2048);
  const above = await mapper.createDevice({ name: 'above', table: '0 3 linear tail 1' });
  assert.is(above.size, tail.size - 512);
  same(await above.read(above.size - 7, 7), pattern(9_993, 7), 'the last bytes, two devices up');
});

// ---- unaligned writes ------------------------------------------------------------------------------------------------

test('an unaligned write is refused with what was expected, and nothing is written', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K', { name: 'a' });
  for (const [position, length] of [
    [1, 512],
    [512, 100],
    [700, 24],
  ] as const) {
    const error = await rejection(device.write(new Uint8Array(length).fill(1), position));
    assert.is(error['code'], 'ERR_RQDM_ALIGNMENT');
    assert.match(error.message, new RegExp(`write of ${length} bytes at position ${position} on a: expected multiples of 512`));
  }
  assert.ok((await device.read(0, 65536)).every((byte) => byte === 0));
});

test('concurrent unaligned writes to one sector, and across each other, lose no byte', async () => {
  for (const word of ['mem:a?size=64K', 'mem:a?size=64K&mode=worker']) {
    await using mapper = new DeviceMapper();
    const device = await mapper.openDevice(word);
    await device.write(pattern(0, 65536), 0);
    const model = pattern(0, 65536);
    const writes: Promise<number>[] = [];
    for (let i = 0; i < 64; i++) {
      const bytes = new Uint8Array(8).fill(i);
      writes.push(device.write(bytes, 1024 + i * 8, { unaligned: true }));
      model.set(bytes, 1024 + i * 8);
    }
    // long ones whose middle covers the sectors of the short ones: the later call wins, byte by byte
    const long = pattern(600, 5000, 9);
    writes.push(device.write(long, 600, { unaligned: true }));
    model.set(long, 600);
    const inside = new Uint8Array(3).fill(77);
    writes.push(device.write(inside, 2222, { unaligned: true }));
    model.set(inside, 2222);
    await Promise.all(writes);
    same(await device.read(0, 65536), model, word);
  }
});

test('an unaligned write that fails lets the next one on the same sector go on', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K&switch=s', { name: 'a' });
  mapper.faultSwitches.get('s').fail('medium');
  const failing = [
    rejection(device.write(new Uint8Array(5), 3, { unaligned: true })),
    rejection(device.write(new Uint8Array(5), 20, { unaligned: true })),
  ];
  for (const error of await Promise.all(failing)) assert.is(error['code'], 'ENODATA');
  mapper.faultSwitches.get('s').mend();
  assert.is(await device.write(new Uint8Array(5).fill(8), 3, { unaligned: true }), 5);
  assert.is((await device.read(3, 1))[0], 8);
});

test('a logical block of 4096 bytes is what writes are measured by, while reads take any range', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice('mem:a?size=64K&block=4096');
  assert.is(device.blockBytes, 4096);
  assert.is((await rejection(device.write(new Uint8Array(512), 512)))['code'], 'ERR_RQDM_ALIGNMENT');
  await device.write(pattern(0, 8192), 0);
  assert.is(await device.write(new Uint8Array(100).fill(1), 5000, { unaligned: true }), 100);
  same(await device.read(4990, 20), Buffer.concat([pattern(4990, 10), Buffer.alloc(10, 1)]), 'around');
});

test.run();
