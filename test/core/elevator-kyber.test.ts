// Kyber: how much of each kind is under way, whose turn it is, and how depths follow latencies. On virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { type BioOptions, CoreDriver } from '../support/core-driver.ts';
import { RawCore } from '../support/raw-core.ts';

const test = suite('core/elevator: the depths of kyber');

const MS = 1_000_000;
const { OPERATION_READ: READ, OPERATION_WRITE: WRITE, OPERATION_DISCARD: DISCARD, OPERATION_WRITE_ZEROES: ZEROES } = abi;
const KYBER = abi.ELEVATOR_KYBER;

function raw(depth: number): { core: RawCore; path: number; submit: (operation: number, total: number) => void } {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_ELEVATOR, KYBER],
    [abi.SETTING_DEPTH, depth],
    [abi.SETTING_REQUESTS, 400],
    [abi.SETTING_NOMERGES, 2],
    [abi.SETTING_MAX_DISCARD_SECTORS, 64],
    [abi.SETTING_MAX_WRITE_ZEROES_SECTORS, 64],
  ]);
  let total = 0;
  const submit = (operation: number, more: number): void => {
    for (let i = 0; i < more; i++) core.submit({ device: path, operation, sector: 16 * ++total, sectors: 8 });
  };
  return { core, path, submit };
}

for (const [name, operation, tokens] of [
  ['reads', READ, 256],
  ['writes', WRITE, 128],
  ['discards', DISCARD, 64],
  ['others', ZEROES, 16],
] as const) {
  test(`${tokens} ${name} are under way at most, and what one kind lacks another may have`, () => {
    const { core, submit } = raw(400);
    submit(operation, tokens + 20);
    assert.is(core.issued.length, tokens);
    submit(operation === READ ? WRITE : READ, 3);
    assert.is(core.issued.length, tokens + 3);
    core.answer(1);
    assert.is(core.issued.length, tokens + 3);
    core.drain();
    core.assertIdle();
  });
}

test('each kind has its turn, and the longest batch of reads is twice that of writes', () => {
  const { core, submit } = raw(1);
  submit(READ, 1);
  submit(ZEROES, 2);
  submit(DISCARD, 2);
  submit(WRITE, 10);
  submit(READ, 20);
  const letters = new Map([
    [READ, 'r'],
    [WRITE, 'w'],
    [DISCARD, 'd'],
    [ZEROES, 'z'],
  ]);
  const order = core.drain().map(({ operation }) => letters.get(operation as 0));
  assert.is(order.join(''), `${'r'.repeat(16)}${'w'.repeat(8)}dz${'r'.repeat(5)}wwdz`);
  core.assertIdle();
});

/** A device whose reads and writes take so long, with room for all. */
function timed(readMs: number, writeMs: number): { driver: CoreDriver; submit: (operation: number, total: number) => void } {
  const driver = new CoreDriver({ requests: 4096 });
  const device = driver.backing({
    elevator: KYBER,
    depth: 1000,
    requests: 1500,
    nomerges: 2,
    serviceNs: ({ operation }) => (operation === READ ? readMs : writeMs) * MS,
  });
  const submit = (operation: number, total: number): void => {
    const bio: BioOptions = { device, operation, sector: 0 };
    driver.submit(Array.from({ length: total }, () => bio));
  };
  return { driver, submit };
}

/** What is issued when so many come at once. */
function burst({ driver, submit }: ReturnType<typeof timed>, operation: number, total: number): number {
  const before = driver.issued.length;
  submit(operation, total);
  return driver.issued.length - before;
}

test('where reads are too slow, writes give way at the end of the window and not before; reads do not', () => {
  const device = timed(10, 1);
  device.submit(READ, 1);
  device.submit(WRITE, 1);
  device.driver.drain();
  assert.is(burst(device, WRITE, 130), 128);
  device.driver.drain();
  device.driver.nowNs += 100 * MS;
  assert.is(burst(device, WRITE, 200), 32);
  device.driver.drain();
  assert.is(burst(device, READ, 300), 256);
  device.driver.assertIdle();
});

test('writes that have to wait too long for their tokens get more of them again', () => {
  const device = timed(10, 5);
  device.submit(READ, 1);
  device.submit(WRITE, 1);
  device.driver.drain();
  device.driver.nowNs += 100 * MS;
  // 2.5 ms to 5 ms of 10 ms: half of the depth stays, and some of these wait for long
  const first = burst(device, WRITE, 900);
  assert.is(first, 96);
  device.driver.drain();
  device.driver.nowNs += 100 * MS;
  assert.is(burst(device, WRITE, 200), 128);
  device.driver.assertIdle();
});

test('a target that is set anew is what latencies are held against', () => {
  for (const [latencyUs, depth] of [
    [2000, 32],
    [20_000, 128],
  ] as const) {
    const device = timed(10, 1);
    device.driver.configure(0, { kyberReadLatencyUs: latencyUs });
    device.submit(READ, 1);
    device.submit(WRITE, 1);
    device.driver.drain();
    device.driver.nowNs += 100 * MS;
    assert.is(burst(device, WRITE, 200), depth);
    device.driver.assertIdle();
  }
});

test('a request that comes back has its token still, and gives it back once', () => {
  const driver = new CoreDriver();
  let errors = 3;
  const path = driver.backing({ depth: 2, script: () => (errors-- > 0 ? { status: abi.STATUS_TRANSPORT } : undefined) });
  const hooks = {
    prepMap: (io: { device: number }) => {
      io.device = path;
      return abi.MAP_REMAPPED;
    },
    endIo: ({ status }: { readonly status: number }) => (status ? abi.END_REQUEUE : abi.END_DONE),
  };
  const device = driver.request({ elevator: KYBER, extents: [{ hooks, length: 4096 }], paths: [path], nomerges: 2 });
  for (let round = 0; round < 80; round++) {
    driver.submit(Array.from({ length: 5 }, (_, i) => ({ device, sector: 16 * i })));
    driver.drain();
    errors = 3;
  }
  driver.assertIdle();
});

test.run();
