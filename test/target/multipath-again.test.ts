// A path that asks to be asked again later is a good path: its state changes, or it had something to tell. But not for ever.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG_NOWAIT, OPERATION_READ, STATUS_AGAIN, STATUS_OK } from '../../assembly/abi.ts';
import { AGAIN_MS_MAX } from '../../bindings/target/multipath/path-error.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE } from '../../bindings/target/target.ts';
import { type DrivenIo, MultipathMap } from '../support/multipath-map.ts';
import { loopDevices } from '../support/target-context.ts';

const test = suite('target/multipath: asked again');

const ONE = '0 64 multipath 0 0 1 1 queue-length 0 1 1 /dev/loop0 1';
const TWO = '0 64 multipath 0 0 1 1 queue-length 0 2 1 /dev/loop0 1 /dev/loop1 1';

function at(io: DrivenIo, ms: number): DrivenIo {
  (io.io as { nowNs: number }).nowNs = ms * 1e6;
  return io;
}

test('it does not fail the path, and the I/O comes again a little later', () => {
  const map = new MultipathMap(ONE, loopDevices(4));
  const io = map.issue({ operation: OPERATION_READ });
  assert.is(at(io, 1).answer(STATUS_AGAIN), END_DELAY_REQUEUE);
  assert.match(map.status, /7:0 A 0 1 $/, 'active, without a failure, and in flight once more');
  assert.is(at(io, 101).answer(STATUS_AGAIN), END_DELAY_REQUEUE);
  assert.is(at(io, 201).answer(STATUS_OK), END_DONE);
  assert.match(map.status, /7:0 A 0 0 $/);
});

test('the other path may be asked meanwhile', () => {
  const map = new MultipathMap(TWO, loopDevices(4));
  const first = map.issue({});
  map.issue({});
  at(first, 1).answer(STATUS_AGAIN);
  assert.is(first.progress, 'issued');
  assert.not.match(map.status, / F /);
});

test('one that says so for a minute has failed, and the clock starts anew after a while of quiet', () => {
  const map = new MultipathMap(ONE, loopDevices(4));
  const io = map.issue({});
  let ms = 1;
  for (; ms < AGAIN_MS_MAX; ms += 100) assert.is(at(io, ms).answer(STATUS_AGAIN), END_DELAY_REQUEUE, `${ms} ms`);
  at(io, ms).answer(STATUS_OK);
  const later = map.issue({});
  // long after: a story of its own
  ms += 10_000;
  assert.is(at(later, ms).answer(STATUS_AGAIN), END_DELAY_REQUEUE);
  for (const end = ms + AGAIN_MS_MAX; ms < end; ms += 100) at(later, ms).answer(STATUS_AGAIN);
  assert.is(at(later, ms).answer(STATUS_AGAIN), END_DONE, 'no path is left');
  assert.match(map.status, /7:0 F 1 0 $/);
  assert.is(later.status, STATUS_AGAIN);
});

test('with another path left, that one takes what the patience has run out for', () => {
  const map = new MultipathMap(TWO, loopDevices(4));
  map.message('fail_path 7:1');
  const io = map.issue({});
  let ms = 1;
  for (; ms < AGAIN_MS_MAX; ms += 100) at(io, ms).answer(STATUS_AGAIN);
  map.message('reinstate_path 7:1');
  assert.is(at(io, ms + 100).answer(STATUS_AGAIN), END_REQUEUE);
  assert.equal(io.path.at(-1), '7:1');
});

test('whoever did not want to wait is told so at once', () => {
  const map = new MultipathMap(ONE, loopDevices(4));
  const io = map.issue({ flags: FLAG_NOWAIT });
  assert.is(at(io, 1).answer(STATUS_AGAIN), END_DONE);
  assert.is(io.status, STATUS_AGAIN);
  assert.match(map.status, /7:0 A 0 0 $/);
});

test('a flush is asked again too', () => {
  const map = new MultipathMap(ONE, loopDevices(4));
  map.write();
  const flush = map.flush();
  assert.is(at(flush, 1).answer(STATUS_AGAIN), END_DELAY_REQUEUE);
  assert.is(at(flush, 101).answer(STATUS_OK), END_DONE);
  assert.match(map.status, /7:0 A 0 0 $/);
});

test.run();
