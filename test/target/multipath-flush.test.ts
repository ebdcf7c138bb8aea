// A flush covers every cache that holds acknowledged writes, also across failing paths, other flushes and tables.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_NOTSUPP,
  STATUS_OK,
  STATUS_RESOURCE,
  STATUS_TRANSPORT,
  STATUS_UNKNOWN_FATE,
} from '../../assembly/abi.ts';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import type { DeviceReference, TargetType } from '../../bindings/target/target.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE } from '../../bindings/target/target.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { FakeContext, fakeDevice, loopDevices } from '../support/target-context.ts';

const test = suite('target/multipath: flush');

/** Devices with the caches given, one for each path; 0: no cache. */
function devicesWith(caches: readonly number[]): DeviceReference[] {
  return caches.map((cacheDomain, index) =>
    fakeDevice(`7:${index}`, { word: `/dev/loop${index}`, cacheDomain, hasCache: cacheDomain !== 0 }),
  );
}

function mapOver(devices: readonly DeviceReference[], features = '0', type?: TargetType): MultipathMap {
  const words = devices.map((device) => `${device.word} 1`).join(' ');
  return new MultipathMap(
    `0 64 multipath ${features} 0 1 1 round-robin 0 ${devices.length} 1 ${words}`,
    devices,
    type === undefined ? {} : { type },
  );
}

function map(caches: readonly number[], features?: string): MultipathMap {
  return mapOver(devicesWith(caches), features);
}

test('two paths before one cache: a flush goes down one path', () => {
  const multipath = map([1, 1]);
  multipath.write();
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(), END_DONE);
  assert.is(flush.path.length, 1);
});

test('the flush takes the turn of the selector, as a real kernel does', () => {
  const multipath = map([1, 1]);
  assert.equal(multipath.write().path, ['7:0']);
  assert.equal(multipath.flush().path, ['7:1']);
});

test('with nothing written a flush goes down one path once', () => {
  const multipath = map([1, 2]);
  const flush = multipath.flush();
  assert.is(flush.answer(), END_DONE);
  assert.is(flush.path.length, 1);
});

test('paths without a cache get a flush once', () => {
  const multipath = map([0, 0]);
  multipath.write();
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(), END_DONE);
  assert.is(flush.path.length, 1);
});

test('two caches: a flush goes to each that was written, in turn', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(), END_REQUEUE);
  assert.is(flush.answer(), END_DONE);
  assert.equal([...flush.path].sort(), ['7:0', '7:1']);
});

test('a cache that was not written since its last flush is left alone', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  const first = multipath.flush();
  first.answer();
  first.answer();
  const write = multipath.write();
  const second = multipath.flush();
  assert.is(second.answer(), END_DONE);
  assert.equal(second.path, write.path);
});

test('a write that failed counts as written, for parts of it may have been acknowledged', () => {
  const multipath = map([1, 2]);
  const write = multipath.issue({ operation: OPERATION_WRITE });
  write.answer(STATUS_IOERR);
  write.answer();
  assert.equal(write.path, ['7:0', '7:1']);
  multipath.message('reinstate_path 7:0');
  const flush = multipath.flush();
  assert.is(flush.answer(), END_REQUEUE);
  assert.is(flush.answer(), END_DONE);
  assert.equal([...flush.path].sort(), ['7:0', '7:1']);
});

test('reads make nothing dirty', () => {
  const multipath = map([1, 2]);
  multipath.read();
  multipath.read();
  assert.is(multipath.flush().answer(), END_DONE);
});

test('a path error during a flush takes another path of the same cache', () => {
  const multipath = map([1, 1, 2]);
  assert.equal(multipath.write().path, ['7:0']);
  const flush = multipath.flush();
  assert.equal(flush.path, ['7:1']);
  assert.is(flush.answer(STATUS_TRANSPORT), END_REQUEUE);
  assert.equal(flush.path, ['7:1', '7:0']);
  assert.is(flush.answer(), END_DONE);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 3 0 7:0 A 0 7:1 F 1 7:2 A 0 ');
});

test('a flush whose fate is unknown may be sent again', () => {
  const multipath = map([1, 1]);
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(STATUS_UNKNOWN_FATE), END_REQUEUE);
  assert.is(flush.answer(), END_DONE);
});

test('a path out of resources delays a flush', () => {
  const multipath = map([1, 1]);
  multipath.write();
  assert.is(multipath.flush().answer(STATUS_RESOURCE), END_DELAY_REQUEUE);
});

test("an error that is no path's ends a flush at once", () => {
  const multipath = map([1, 1]);
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(STATUS_NOTSUPP), END_DONE);
  assert.is(flush.status, STATUS_NOTSUPP);
});

test('a cache lost with unflushed writes makes the next flush fail, after the others are flushed', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  multipath.message('fail_path 7:1');
  const flush = multipath.flush();
  assert.is(flush.answer(), END_REQUEUE);
  assert.equal(flush.path, ['7:0']);
  assert.is(flush.progress, 'done');
  assert.is(flush.status, STATUS_IOERR);
});

test('the loss is told once, and the cache is flushed if its path comes back', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  multipath.message('fail_path 7:1');
  multipath.flush().answer();
  const second = multipath.flush();
  assert.is(second.answer(), END_DONE);
  assert.is(second.status, STATUS_OK);
  multipath.message('reinstate_path 7:1');
  const third = multipath.flush();
  assert.is(third.answer(), END_DONE);
  assert.equal(third.path, ['7:1']);
});

test('writes after a loss was told make the next flush fail again if they are lost too', () => {
  const multipath = map([1]);
  multipath.write();
  multipath.message('fail_path 7:0');
  multipath.flush();
  multipath.message('reinstate_path 7:0');
  multipath.write();
  multipath.message('fail_path 7:0');
  assert.is(multipath.flush().status, STATUS_IOERR);
});

test('two flushes that began before the loss was told both fail', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  const flushes = [multipath.flush(), multipath.flush()];
  multipath.message('fail_path 7:1');
  for (const flush of flushes) {
    if (flush.path.at(-1) === '7:1') flush.answer(STATUS_TRANSPORT);
    if (flush.progress === 'issued') flush.answer();
    assert.is(flush.status, STATUS_IOERR);
  }
});

test('with queue_if_no_path a flush waits for the lost cache', () => {
  const multipath = map([1, 2], '1 queue_if_no_path');
  multipath.write();
  multipath.write();
  multipath.message('fail_path 7:1');
  const flush = multipath.flush();
  assert.is(flush.answer(), END_REQUEUE);
  assert.is(flush.progress, 'waits');
  multipath.message('reinstate_path 7:1');
  assert.is(multipath.context.kicks, 1);
  assert.is(flush.prepare().answer(), END_DONE);
  assert.equal(flush.path, ['7:0', '7:1']);
});

test('without any path a flush fails, or waits with queue_if_no_path', () => {
  const failing = map([1]);
  failing.message('fail_path 7:0');
  assert.is(failing.flush().status, STATUS_IOERR);
  const waiting = map([1], '1 queue_if_no_path');
  waiting.message('fail_path 7:0');
  assert.is(waiting.flush().progress, 'waits');
});

test('the last path of all fails a flush with its own error', () => {
  const multipath = map([1]);
  multipath.write();
  const flush = multipath.flush();
  assert.is(flush.answer(STATUS_TRANSPORT), END_DONE);
  assert.is(flush.status, STATUS_TRANSPORT);
});

test('a second flush does not end because the first one is still in flight', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  const first = multipath.flush();
  const second = multipath.flush();
  assert.is(second.answer(), END_REQUEUE);
  assert.is(second.answer(), END_DONE);
  assert.equal([...second.path].sort(), ['7:0', '7:1']);
  first.answer();
  if (first.progress === 'issued') first.answer();
  assert.is(first.status, STATUS_OK);
});

test('a turn that failed covers nobody', () => {
  const multipath = map([1, 1, 2, 2]);
  for (let write = 0; write < 4; write++) multipath.write();
  const first = multipath.flush();
  const second = multipath.flush();
  first.answer(STATUS_TRANSPORT);
  const turns = (flush: typeof first): number => {
    let count = 0;
    for (; flush.progress === 'issued'; count++) flush.answer();
    return count;
  };
  assert.is(turns(second), 2);
  assert.ok(turns(first) >= 1);
  assert.is(first.status, STATUS_OK);
});

test('a flush issued before a write does not cover that write', () => {
  const multipath = map([1]);
  multipath.write();
  const first = multipath.flush();
  multipath.write();
  first.answer();
  multipath.message('fail_path 7:0');
  // The second write is unflushed, so its loss must be told.
  assert.is(multipath.flush().status, STATUS_IOERR);
});

test('the turn of another flush covers what ended before that turn was issued', () => {
  const multipath = map([1, 2, 2]);
  for (let write = 0; write < 3; write++) multipath.write();
  const first = multipath.flush();
  const second = multipath.flush();
  assert.equal([first.path, second.path], [['7:0'], ['7:1']]);
  second.answer(STATUS_OK, true);
  first.answer();
  assert.is(first.status, STATUS_OK);
  assert.is(first.progress, 'done');
  second.prepare().answer();
  assert.is(second.status, STATUS_OK);
});

test('a released turn of a flush is taken again', () => {
  const multipath = map([1, 2]);
  multipath.write();
  multipath.write();
  const flush = multipath.flush();
  flush.release();
  flush.prepare();
  assert.is(flush.answer(), END_REQUEUE);
  assert.is(flush.answer(), END_DONE);
});

test('a path of another group is used where the current group has none before a cache', () => {
  const devices = devicesWith([1, 2]);
  const multipath = new MultipathMap(
    '0 64 multipath 0 0 2 1 round-robin 0 1 1 /dev/loop0 1 round-robin 0 1 1 /dev/loop1 1',
    devices,
  );
  assert.equal(multipath.write().path, ['7:0']);
  multipath.message('switch_group 2');
  assert.equal(multipath.write().path, ['7:1']);
  const flush = multipath.flush();
  flush.answer();
  flush.answer();
  assert.equal(flush.path, ['7:1', '7:0']);
});

test('writes under the old table are covered by a flush under the new one', () => {
  const type = multipathTarget(new SelectorRegistry());
  const devices = devicesWith([1, 2]);
  const old = mapOver(devices, '0', type);
  old.write();
  old.write();
  const next = mapOver(devices, '0', type);
  old.target.destroy?.();
  const flush = next.flush();
  assert.is(flush.answer(), END_REQUEUE);
  assert.is(flush.answer(), END_DONE);
});

test('a cache that is not behind the new table, with acknowledged writes in it, fails one flush', () => {
  const type = multipathTarget(new SelectorRegistry());
  const [first, second] = devicesWith([1, 2]) as [DeviceReference, DeviceReference];
  const old = mapOver([first], '0', type);
  old.write();
  const next = mapOver([second], '0', type);
  old.target.destroy?.();
  assert.is(next.flush().status, STATUS_IOERR);
  next.write();
  assert.is(next.flush().answer(), END_DONE, 'the loss is told once');
});

test('a flush requeued over a change of tables begins anew', () => {
  const type = multipathTarget(new SelectorRegistry());
  const devices = devicesWith([1, 2]);
  const old = mapOver(devices, '0', type);
  old.write();
  old.write();
  const flush = old.flush();
  flush.answer(STATUS_OK, true);
  const next = mapOver(devices, '0', type);
  old.target.destroy?.();
  const again = next.issue({ operation: flush.io.operation, sectors: 0, context: flush.io.context });
  assert.is(again.answer(), END_DONE);
  assert.is(again.path.length, 1);
});

test('another device, or one made anew, begins with clean caches', () => {
  const type = multipathTarget(new SelectorRegistry());
  const devices = loopDevices(2).map((device, index) => ({ ...device, cacheDomain: index + 1 }));
  const first = mapOver(devices, '0', type);
  first.write();
  first.write();
  first.target.destroy?.();
  assert.is(mapOver(devices, '0', type).flush().answer(), END_DONE);
  const context = new FakeContext(devices);
  context.deviceNumber = '253:1';
  const other = new MultipathMap('0 64 multipath 0 0 1 1 round-robin 0 2 0 /dev/loop0 /dev/loop1', devices, { type, context });
  assert.is(other.flush().answer(), END_DONE);
});

test.run();
