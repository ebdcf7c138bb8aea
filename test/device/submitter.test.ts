// I/O without promises: plugs, ends as numbers, and what it refuses.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_BEYOND_END } from '../../assembly/abi.ts';
import { DeviceMapper, type MappedDevice, RqdmError, type Submitter } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

const test = suite('device: submitter');
const PATH = 'sim:disk?size=1M&service=1ms';

async function withDevice(
  body: (device: MappedDevice, mapper: DeviceMapper, time: VirtualTime) => Promise<void>,
): Promise<void> {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  try {
    await body(await mapper.openDevice(PATH, { type: 'request' }), mapper, time);
  } finally {
    await mapper.close();
  }
}

/** Moves time until all has ended; the numbers in the order of their ends. */
function drain(submitter: Submitter, time: VirtualTime): number[] {
  const ended: number[] = [];
  while (submitter.inFlight > 0) {
    assert.ok(time.step());
    for (let i = 0; i < submitter.endedCount; i++) ended.push(submitter.endedIndexes[i] as number);
    submitter.endedCount = 0;
  }
  return ended;
}

test('what is submitted between two drives is one plug: it merges, and its ends come by their numbers', () =>
  withDevice(async (device, mapper, time) => {
    const submitter = device.openSubmitter(64);
    const lease = mapper.lease(16 * 4096);
    assert.ok(lease);
    lease.bytes.fill(7);
    for (let i = 0; i < 16; i++) submitter.submit(i, OPERATION_WRITE, i * 4096, 4096, lease.address + i * 4096);
    assert.is(submitter.inFlight, 16);
    submitter.drive();
    assert.equal(
      drain(submitter, time),
      Array.from({ length: 16 }, (_, i) => i),
    );
    assert.is(device.stats().requests, 1);
    lease.bytes.fill(0);
    submitter.submit(63, OPERATION_READ, 15 * 4096, 4096, lease.address);
    submitter.submit(0, OPERATION_FLUSH, 0, 0, 0);
    submitter.drive();
    drain(submitter, time);
    assert.is(lease.bytes[4095], 7);
    lease.release();
    submitter.close();
  }));

test('an I/O that fails has its status beside its number', () =>
  withDevice(async (device, _mapper, time) => {
    const submitter = device.openSubmitter(4);
    submitter.submit(2, OPERATION_READ, device.size, 512, 0);
    submitter.drive();
    while (submitter.inFlight > 0) time.step();
    assert.equal([submitter.endedCount, submitter.endedIndexes[0], submitter.endedStatuses[0]], [1, 2, STATUS_BEYOND_END]);
    submitter.close();
  }));

test('what is wrong is refused with its place, and nothing of it is submitted', () =>
  withDevice(async (device, mapper, time) => {
    const submitter = device.openSubmitter(2);
    const cases: [Parameters<Submitter['submit']>, RegExp][] = [
      [[2, OPERATION_READ, 0, 512, 0], /index is 2: expected 0 to below 2/],
      [[0, OPERATION_READ, 100, 512, 0], /position is 100: expected a multiple of 512/],
      [[0, OPERATION_READ, -512, 512, 0], /position is -512/],
      [[0, OPERATION_READ, Number.NaN, 512, 0], /position is NaN/],
      [[0, OPERATION_READ, 0, 100, 0], /length is 100/],
      [[0, 7, 0, 512, 0], /operation is 7/],
      [[0, OPERATION_READ, 0, 512, 1], /address is 1/],
      [[0, OPERATION_READ, 0, 512, mapper.limits.arenaBytes], /inside the arena/],
    ];
    for (const [call, expected] of cases) {
      assert.throws(
        () => submitter.submit(...call),
        (error: Error) => error instanceof RqdmError && expected.test(error.message),
      );
    }
    assert.is(submitter.inFlight, 0);
    submitter.submit(0, OPERATION_READ, 0, 512, 0);
    submitter.submit(1, OPERATION_READ, 0, 512, 0);
    assert.throws(() => submitter.submit(0, OPERATION_READ, 0, 512, 0), /at most 2 I\/Os whose end was not taken/);
    assert.throws(
      () => submitter.close(),
      (error: Error & { code?: string }) => error.code === 'ERR_RQDM_BUSY',
    );
    submitter.drive();
    drain(submitter, time);
    submitter.close();
    submitter.close();
    assert.throws(
      () => submitter.submit(0, OPERATION_READ, 0, 512, 0),
      (error: Error & { code?: string }) => error.code === 'ERR_RQDM_CLOSED',
    );
    assert.throws(() => device.openSubmitter(0), /capacity is 0/);
  }));

test('a device that is being closed waits for what a submitter has in flight', () =>
  withDevice(async (device, _mapper, time) => {
    const submitter = device.openSubmitter(1);
    submitter.submit(0, OPERATION_READ, 0, 512, 0);
    submitter.drive();
    let isClosed = false;
    void device.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.not.ok(isClosed);
    await time.until(() => isClosed);
    assert.is(submitter.inFlight, 0);
  }));

test.run();
