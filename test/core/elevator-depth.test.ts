// async_depth: what is no read has a part of the queue only. What is over it waits, and reads go past it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { RawCore } from '../support/raw-core.ts';

const test = suite('core/elevator: async_depth');

const { OPERATION_READ: READ, OPERATION_WRITE: WRITE, OPERATION_DISCARD: DISCARD } = abi;

function queue(elevator: number, requests: number, more: readonly (readonly [number, number])[] = []) {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_ELEVATOR, elevator],
    [abi.SETTING_REQUESTS, requests],
    [abi.SETTING_MAX_DISCARD_SECTORS, 64],
    ...more,
  ]);
  const figure = (number: number): number => core.core.figures(path)[number] as number;
  const held = (): number => figure(abi.FIGURE_REQUESTS);
  const waiting = (): number => figure(abi.FIGURE_WAITING);
  let total = 0;
  const submit = (operation: number, more: number, flags = 0): number => {
    const bio = { device: path, operation, flags, sectors: 8 };
    return core.submit(...Array.from({ length: more }, () => ({ ...bio, sector: 16 * ++total })));
  };
  return { core, path, held, waiting, submit };
}

for (const [name, elevator, most] of [
  ['none', abi.ELEVATOR_NONE, 8],
  ['mq-deadline', abi.ELEVATOR_MQ_DEADLINE, 6],
  ['scan', abi.ELEVATOR_SCAN, 8],
  ['kyber', abi.ELEVATOR_KYBER, 6],
] as const) {
  test(`${name}: of 8 requests ${most} are for writes at most, and reads have what is left`, () => {
    const { core, held, waiting, submit } = queue(elevator, 8);
    submit(WRITE, 12);
    assert.equal([held(), waiting()], [most, 12 - most]);
    submit(READ, 2);
    assert.is(held(), 8);
    assert.is(core.drain().length, 14);
    core.assertIdle();
  });
}

test('three quarters are rounded down, and one is always left', () => {
  for (const [requests, most] of [
    [1, 1],
    [2, 1],
    [5, 3],
    [7, 5],
  ] as const) {
    const { core, held, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, requests);
    submit(WRITE, 10);
    assert.is(held(), most);
    core.drain();
    core.assertIdle();
  }
});

test('writes that wait go in the order in which they came, whatever frees a request', () => {
  const { core, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, 4, [[abi.SETTING_ASYNC_DEPTH, 1]]);
  submit(WRITE, 5);
  submit(READ, 1);
  submit(WRITE, 2);
  const order = core.drain().filter(({ operation }) => operation === WRITE);
  assert.equal(
    order.map(({ sector }) => sector / 16),
    [1, 2, 3, 4, 5, 7, 8],
  );
  core.assertIdle();
});

test('discards count as writes do; flushes do not', () => {
  const { core, held, waiting, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, 8, [
    [abi.SETTING_ASYNC_DEPTH, 2],
    [abi.SETTING_HAS_CACHE, 1],
  ]);
  submit(DISCARD, 2);
  submit(WRITE, 1);
  assert.equal([held(), waiting()], [2, 1]);
  core.submit({ device: 0, operation: abi.OPERATION_FLUSH });
  assert.equal([held(), waiting()], [3, 1]);
  core.drain();
  core.assertIdle();
});

test('in kyber a write that somebody waits for is not limited; in mq-deadline it is', () => {
  for (const [elevator, most] of [
    [abi.ELEVATOR_KYBER, 8],
    [abi.ELEVATOR_MQ_DEADLINE, 6],
  ] as const) {
    const { core, held, submit } = queue(elevator, 8);
    submit(WRITE, 12, abi.FLAG_SYNC);
    assert.is(held(), most);
    core.drain();
    core.assertIdle();
  }
});

test('NOWAIT ends with AGAIN over the depth, and behind those that wait', () => {
  const { core, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, 8, [[abi.SETTING_ASYNC_DEPTH, 1]]);
  submit(WRITE, 1);
  const over = submit(WRITE, 1, abi.FLAG_NOWAIT);
  submit(WRITE, 1);
  const behind = submit(WRITE, 1, abi.FLAG_NOWAIT);
  assert.is(core.ended.get(over), abi.STATUS_AGAIN);
  assert.is(core.ended.get(behind), abi.STATUS_AGAIN);
  const read = submit(READ, 1, abi.FLAG_NOWAIT);
  core.drain();
  assert.is(core.ended.get(read), abi.STATUS_OK);
  core.assertIdle();
});

test('a write that waited for the depth merges into one that still waits', () => {
  const { core, path, waiting } = queue(abi.ELEVATOR_MQ_DEADLINE, 8, [
    [abi.SETTING_ASYNC_DEPTH, 2],
    [abi.SETTING_DEPTH, 1],
  ]);
  const write = (sector: number): void => void core.submit({ device: path, operation: WRITE, sector, sectors: 8 });
  write(1000);
  write(0);
  write(500);
  assert.is(waiting(), 1);
  write(8);
  assert.is(waiting(), 2);
  const ios = core.drain().map(({ sector, sectors }) => `${sector}+${sectors}`);
  assert.equal(ios, ['1000+8', '0+16', '500+8']);
  core.assertIdle();
});

test('a depth, a number of requests or an elevator that allows more lets those that wait in', () => {
  for (const [setting, value] of [
    [abi.SETTING_ASYNC_DEPTH, 5],
    [abi.SETTING_ELEVATOR, abi.ELEVATOR_NONE],
  ] as const) {
    const { core, path, waiting, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, 8, [[abi.SETTING_ASYNC_DEPTH, 1]]);
    submit(WRITE, 4);
    assert.is(waiting(), 3);
    core.configure(path, setting, value);
    core.run();
    assert.is(waiting(), 0);
    core.drain();
    core.assertIdle();
  }
  const { core, path, waiting, submit } = queue(abi.ELEVATOR_MQ_DEADLINE, 4);
  submit(WRITE, 6);
  assert.is(waiting(), 3);
  core.configure(path, abi.SETTING_REQUESTS, 8);
  core.run();
  assert.is(waiting(), 0);
  core.drain();
  core.assertIdle();
});

test.run();
