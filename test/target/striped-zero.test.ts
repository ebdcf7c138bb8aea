import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG_RAHEAD, STATUS_IOERR, STATUS_MEDIUM, STATUS_NOTSUPP } from '../../assembly/abi.ts';
import { DeviceMapper, striped, zero } from '../../bindings/index.ts';
import { stripedTarget } from '../../bindings/target/striped.ts';
import { zeroTarget } from '../../bindings/target/zero.ts';
import { rejection } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { FAKE_LIMITS, FakeContext, FakeIo, FakeLine, fakeDevice, tableError } from '../support/target-context.ts';

const test = suite('target/striped, zero');

const ram0 = fakeDevice('1:0', { word: '/dev/ram0' });
const ram1 = fakeDevice('1:1', { word: '/dev/ram1' });

function stripes(words: string, length = 96): FakeLine {
  return new FakeLine(stripedTarget, `0 ${length} striped ${words}`, new FakeContext([ram0, ram1]));
}

function refusal(words: string, length?: number): [string, string] {
  const error = tableError(() => stripes(words, length));
  return [error.kernelText, error.errno];
}

// ---- striped: words ---------------------------------------------------------------------------------------------------

test("striped refuses words in the kernel's order and with its texts", () => {
  for (const [words, text, length] of [
    ['', 'Not enough arguments'],
    ['2', 'Not enough arguments'],
    ['0 8', 'Invalid stripe count'],
    ['x 0', 'Invalid stripe count'],
    ['4294967296 8 /dev/ram0 0', 'Invalid stripe count'],
    ['2 0 /dev/ram0', 'Invalid chunk_size'],
    ['2 7', 'Target length not divisible by number of stripes', 97],
    ['2 7', 'Target length not divisible by chunk size'],
    ['2 8 /dev/ram0 0 /dev/ram1', 'Not enough destinations specified'],
    ['1 8 /dev/ram0 0 7', 'Not enough destinations specified'],
    ['2 8 /dev/nosuch x /dev/ram1 0', "Couldn't parse stripe destination"],
  ] as const) {
    assert.equal(refusal(words, length), [text, 'EINVAL'], words);
  }
  assert.equal(refusal('2 8 /dev/ram0 0 /dev/nosuch 0'), ["Couldn't parse stripe destination", 'ENODEV']);
});

test('striped prints its words and a letter for each stripe', () => {
  const line = stripes('2 8 /dev/ram0 010 /dev/ram1 0');
  assert.is(line.table, '0 96 striped 2 8 1:0 10 1:1 0');
  assert.is(line.status, '0 96 striped 2 1:0 1:1 1 AA');
});

test('the best I/O is a chunk of each stripe', () => {
  const limits = stripes('2 8 /dev/ram0 0 /dev/ram1 0').target.limits?.(FAKE_LIMITS);
  assert.is(limits?.ioMinSectors, 8);
  assert.is(limits?.ioOptSectors, 16);
});

// ---- striped: errors --------------------------------------------------------------------------------------------------

test('an error marks every stripe on its device, and raises an event fourteen times', () => {
  const line = stripes('3 8 /dev/ram0 0 /dev/ram1 0 /dev/ram0 64', 96);
  const io = new FakeIo({ status: STATUS_IOERR, device: ram1.id });
  assert.is(line.target.endIoFirst?.(io), STATUS_IOERR);
  assert.is(line.status, '0 96 striped 3 1:0 1:1 1:0 1 ADA');
  for (let round = 0; round < 30; round++) line.target.endIoFirst?.(io);
  assert.is(line.context.events.length, 14);
  line.target.endIoFirst?.(new FakeIo({ status: STATUS_MEDIUM, device: ram0.id }));
  assert.is(line.status, '0 96 striped 3 1:0 1:1 1:0 1 DDD');
  assert.is(line.context.events.length, 16);
});

test('what is not supported and what was only read ahead is no error of a stripe', () => {
  const line = stripes('2 8 /dev/ram0 0 /dev/ram1 0');
  line.target.endIoFirst?.(new FakeIo({ status: STATUS_NOTSUPP, device: ram0.id }));
  line.target.endIoFirst?.(new FakeIo({ status: STATUS_IOERR, device: ram0.id, flags: FLAG_RAHEAD }));
  assert.is(line.status, '0 96 striped 2 1:0 1:1 1 AA');
});

test('an error below reaches the status, the event number and the caller', async () => {
  await using mapper = new DeviceMapper();
  const table = '0 96 striped 2 8 mem:a?size=64K 0 mem:b?size=64K&error=medium@8+1 0';
  const device = await mapper.createDevice({ name: 's', table });
  assert.is((await device.read(0, 16 * 512)).length, 8192);
  assert.is((await rejection(device.read(24 * 512, 512)))['code'], 'ENODATA');
  assert.match(device.status(), / 1 AD$/);
  assert.is(device.eventNumber, 1);
});

// ---- striped: where bytes lie --------------------------------------------------------------------------------------------

for (const [count, chunk, length] of [
  [3, 8, 96],
  [2, 10, 60],
  [1, 8, 96],
  [3, 1, 30],
] as const) {
  test(`chunks of ${chunk} sectors lie on ${count} stripes in turn`, async () => {
    await using mapper = new DeviceMapper();
    const words = Array.from({ length: count }, (_, index) => `mem:s${index}?size=64K`);
    const device = await mapper.createDevice({
      name: 's',
      table: striped({ length, chunk, stripes: words.map((word, index) => ({ device: word, offset: index * 8 })) }),
    });
    const bytes = pattern(0, length * 512, count);
    await device.write(bytes, 0);
    assert.is(Buffer.compare(await device.read(0, length * 512), bytes), 0);
    assert.is(Buffer.compare(await device.read(512 * 5, 512 * 20), bytes.subarray(512 * 5, 512 * 25)), 0);
    const stores = await Promise.all(words.map((word) => mapper.openDevice(word)));
    for (let sector = 0; sector < length; sector++) {
      const number = Math.floor(sector / chunk);
      const stripe = number % count;
      const place = Math.floor(number / count) * chunk + (sector % chunk) + stripe * 8;
      const found = await stores[stripe]!.read(place * 512, 512);
      assert.is(Buffer.compare(found, bytes.subarray(sector * 512, sector * 512 + 512)), 0, `sector ${sector}`);
    }
    await device.flush();
  });
}

test('without a length a striped line is as long as whole chunks of the smallest stripe allow', async () => {
  await using mapper = new DeviceMapper();
  const stripes = ['mem:a?size=64K', { device: 'mem:b?size=64K', offset: 5 }];
  const device = await mapper.createDevice({ name: 's', table: striped({ chunk: 8, stripes }) });
  assert.is(device.size, 120 * 2 * 512);
});

// ---- zero -----------------------------------------------------------------------------------------------------------------

test('zero takes no words, has no device and gets no flush', () => {
  const error = tableError(() => new FakeLine(zeroTarget, '0 8 zero 1', new FakeContext()));
  assert.is(error.kernelText, 'No arguments required');
  const line = new FakeLine(zeroTarget, '0 8 zero', new FakeContext());
  assert.is(line.table + line.status, '0 8 zero 0 8 zero ');
  assert.is(line.target.flushes, 0);
});

test('zero reads zeros into memory that had others, swallows writes, and stands beside other targets', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.createDevice({
    name: 'z',
    table: [zero({ length: 8 }), '8 8 error', '16 8 linear mem:a?size=64K 0'],
  });
  await device.write(pattern(0, 8 * 512, 3), 0);
  const view = new Uint8Array(8 * 512).fill(0xee);
  await device.readInto(view, 0);
  assert.ok(view.every((byte) => byte === 0));
  for (const [sector, count] of [
    [8, 8],
    [4, 8],
    [12, 8],
  ] as const) {
    assert.is((await rejection(device.read(sector * 512, count * 512)))['code'], 'EIO');
  }
  assert.is((await device.read(16 * 512, 512)).length, 512);
  await device.flush();
  assert.is(device.queue.get('discard_max_bytes'), 0);
  assert.is(device.queue.get('write_zeroes_max_bytes'), 0);
});

test('a table of zeros and errors has the limits of no device', async () => {
  await using mapper = new DeviceMapper();
  for (const target of ['zero', 'error']) {
    const { queue } = await mapper.createDevice({ name: target, table: `0 2048 ${target}` });
    assert.is(queue.get('max_sectors_kb'), 2147483647);
    assert.is(queue.get('logical_block_size'), 512);
    assert.is(queue.get('minimum_io_size'), 512);
    assert.is(queue.get('discard_granularity'), 0);
  }
});

test.run();
