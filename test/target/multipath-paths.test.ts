// Replays of a real kernel's answers (Linux 6.1): paths that fail and come back, groups, and who gets which I/O.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_OK,
  STATUS_PROTECTION,
  STATUS_READ_ONLY,
  STATUS_RESOURCE,
  STATUS_RESV_CONFLICT,
  STATUS_TARGET,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
  STATUS_UNKNOWN_FATE,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { END_DELAY_REQUEUE, END_DONE, END_REQUEUE } from '../../bindings/target/target.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { loopDevices } from '../support/target-context.ts';

const test = suite('target/multipath: paths');

const TWO_BY_TWO =
  '0 64 multipath 0 0 2 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1 round-robin 0 2 1 /dev/loop2 1 /dev/loop3 1';
const TWO = '0 64 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1';
const TWO_QUEUEING = '0 64 multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1';

function map(text: string): MultipathMap {
  return new MultipathMap(text, loopDevices(4));
}

function throwsCode(run: () => void, code: string): void {
  assert.throws(run, (error: unknown) => error instanceof RqdmError && error.code === code);
}

/** Each step: a message, or `io` (a read, with whether it ends well), then the INFO words expected after it. */
function replay(multipath: MultipathMap, steps: readonly (readonly [step: string, info: string])[]): void {
  for (const [index, [step, info]] of steps.entries()) {
    if (step === 'io') assert.ok(multipath.read(), `read at step ${index}`);
    else if (step === 'io fails') assert.not.ok(multipath.read(), `read at step ${index}`);
    else if (step !== '') for (const message of step.split('; ')) multipath.message(message);
    assert.is(multipath.status, `0 64 multipath ${info}`, `step ${index}: ${step}`);
  }
}

test('path states, failure counts and the change of groups show in status as recorded', () => {
  const multipath = map(TWO_BY_TWO);
  replay(multipath, [
    ['io', '2 0 0 0 2 1 A 0 2 0 7:0 A 0 7:1 A 0 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['fail_path 7:0', '2 0 0 0 2 1 A 0 2 0 7:0 F 1 7:1 A 0 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['io', '2 0 0 0 2 1 A 0 2 0 7:0 F 1 7:1 A 0 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['fail_path 7:0', '2 0 0 0 2 1 A 0 2 0 7:0 F 1 7:1 A 0 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['fail_path 7:1', '2 0 0 0 2 1 A 0 2 0 7:0 F 1 7:1 F 1 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['io', '2 0 0 0 2 2 E 0 2 0 7:0 F 1 7:1 F 1 A 0 2 0 7:2 A 0 7:3 A 0 '],
    ['reinstate_path 7:0', '2 0 0 0 2 2 E 0 2 0 7:0 A 1 7:1 F 1 A 0 2 0 7:2 A 0 7:3 A 0 '],
    ['io', '2 0 0 0 2 2 E 0 2 0 7:0 A 1 7:1 F 1 A 0 2 0 7:2 A 0 7:3 A 0 '],
    ['switch_group 1', '2 0 0 0 2 1 E 0 2 0 7:0 A 1 7:1 F 1 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['io', '2 0 0 0 2 1 A 0 2 0 7:0 A 1 7:1 F 1 E 0 2 0 7:2 A 0 7:3 A 0 '],
    ['fail_path 7:0; fail_path 7:2; fail_path 7:3', '2 0 0 0 2 1 A 0 2 0 7:0 F 2 7:1 F 1 E 0 2 0 7:2 F 1 7:3 F 1 '],
    ['io fails', '2 0 0 0 2 1 E 0 2 0 7:0 F 2 7:1 F 1 E 0 2 0 7:2 F 1 7:3 F 1 '],
    ['reinstate_path 7:3', '2 0 0 0 2 1 E 0 2 0 7:0 F 2 7:1 F 1 E 0 2 0 7:2 F 1 7:3 A 1 '],
    ['io', '2 0 0 0 2 2 E 0 2 0 7:0 F 2 7:1 F 1 A 0 2 0 7:2 F 1 7:3 A 1 '],
    ['reinstate_path 7:1; reinstate_path 7:1', '2 0 0 0 2 2 E 0 2 0 7:0 F 2 7:1 A 1 A 0 2 0 7:2 F 1 7:3 A 1 '],
    ['io', '2 0 0 0 2 2 E 0 2 0 7:0 F 2 7:1 A 1 A 0 2 0 7:2 F 1 7:3 A 1 '],
  ]);
  assert.is(multipath.context.events.length, 9);
});

test('switching, disabling and enabling groups shows in status as recorded', () => {
  const group = (letters: string): string => [...letters].map((letter, index) => `${letter} 0 1 0 7:${index} A 0 `).join('');
  replay(
    map('0 64 multipath 0 0 3 1 round-robin 0 1 1 /dev/loop0 1 round-robin 0 1 1 /dev/loop1 1 round-robin 0 1 1 /dev/loop2 1'),
    [
      ['', `2 1 0 0 3 1 ${group('EEE')}`],
      ['io', `2 0 0 0 3 1 ${group('AEE')}`],
      ['switch_group 2', `2 0 0 0 3 2 ${group('EEE')}`],
      ['io', `2 0 0 0 3 2 ${group('EAE')}`],
      ['switch_group 3', `2 0 0 0 3 3 ${group('EEE')}`],
      ['io', `2 0 0 0 3 3 ${group('EEA')}`],
      ['disable_group 3', `2 0 0 0 3 1 ${group('EED')}`],
      ['io', `2 0 0 0 3 1 ${group('AED')}`],
      ['disable_group 1', `2 0 0 0 3 1 ${group('DED')}`],
      ['io', `2 0 0 0 3 2 ${group('DAD')}`],
      ['enable_group 1', `2 0 0 0 3 1 ${group('EED')}`],
      ['io', `2 0 0 0 3 1 ${group('AED')}`],
      ['disable_group 2', `2 0 0 0 3 1 ${group('EDD')}`],
      ['io', `2 0 0 0 3 1 ${group('ADD')}`],
      ['disable_group 1', `2 0 0 0 3 1 ${group('DDD')}`],
      ['io', `2 0 0 0 3 1 ${group('DDD')}`],
      ['switch_group 1', `2 0 0 0 3 1 ${group('EEE')}`],
      ['io', `2 0 0 0 3 1 ${group('AEE')}`],
      ['disable_group 3', `2 0 0 0 3 1 ${group('EED')}`],
      ['io', `2 0 0 0 3 1 ${group('AED')}`],
      ['enable_group 3', `2 0 0 0 3 1 ${group('EEE')}`],
      ['switch_group 3', `2 0 0 0 3 3 ${group('EEE')}`],
      ['io', `2 0 0 0 3 3 ${group('EEA')}`],
    ],
  );
});

test('the group named in the table is the first to be used', () => {
  const multipath = map('0 64 multipath 0 0 2 2 round-robin 0 1 1 /dev/loop0 1 round-robin 0 1 1 /dev/loop1 1');
  assert.equal(multipath.context.usable, ['7:1']);
  assert.is(multipath.read(), '7:1');
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 2 2 E 0 1 0 7:0 A 0 A 0 1 0 7:1 A 0 ');
});

test('a device named twice fails as two paths', () => {
  const multipath = map('0 64 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop0 1');
  assert.equal(multipath.context.usable, ['7:0']);
  multipath.message('fail_path 7:0');
  assert.is(multipath.status, '0 64 multipath 2 1 0 0 1 1 E 0 2 0 7:0 F 1 7:0 F 1 ');
  assert.equal(multipath.context.logs, ['multipath: 253:0: Failing path 7:0.', 'multipath: 253:0: Failing path 7:0.']);
});

test('an error on one of two paths over the same device fails only that one', () => {
  const multipath = map('0 64 multipath 0 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop0 1');
  multipath.read();
  multipath.issue().answer(STATUS_IOERR);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 A 0 7:0 F 1 ');
});

for (const repeatCount of [1, 4]) {
  test(`round-robin with repeat count ${repeatCount} goes through the paths as recorded`, () => {
    const paths = [0, 1, 2].map((path) => `/dev/loop${path} ${repeatCount}`).join(' ');
    const multipath = map(`0 1024 multipath 0 0 1 1 round-robin 0 3 1 ${paths}`);
    const seven = (): string => Array.from({ length: 7 }, () => multipath.read()?.at(-1)).join('');
    assert.is(seven(), '0120120');
    assert.is(seven(), '1201201');
    multipath.message('fail_path 7:1');
    assert.is(seven(), '2020202');
    multipath.message('reinstate_path 7:1');
    assert.is(seven(), '1021021');
    multipath.message('fail_path 7:0');
    multipath.message('reinstate_path 7:0');
    assert.is(seven(), '0210210');
  });
}

test('queue-length shows what is in flight as recorded', () => {
  const multipath = map('0 1024 multipath 0 0 1 1 queue-length 0 2 1 /dev/loop0 1 /dev/loop1 1');
  const driven = [multipath.issue(), multipath.issue(), multipath.issue()];
  assert.is(multipath.status, '0 1024 multipath 2 0 0 0 1 1 A 0 2 1 7:0 A 0 2 7:1 A 0 1 ');
  for (const io of driven) io.answer();
  assert.is(multipath.status, '0 1024 multipath 2 0 0 0 1 1 A 0 2 1 7:0 A 0 0 7:1 A 0 0 ');
});

test('service-time shows bytes in flight as recorded, and a released I/O leaves none', () => {
  const multipath = map('0 4096 multipath 0 0 1 1 service-time 0 2 2 /dev/loop0 1 1 /dev/loop1 1 1');
  const driven = [8, 16, 32].map((sectors) => multipath.issue({ sectors }));
  assert.is(multipath.status, '0 4096 multipath 2 0 0 0 1 1 A 0 2 2 7:0 A 0 20480 1 7:1 A 0 8192 1 ');
  driven[2].release();
  for (const io of driven.slice(0, 2)) io.answer();
  assert.is(multipath.status, '0 4096 multipath 2 0 0 0 1 1 A 0 2 2 7:0 A 0 0 1 7:1 A 0 0 1 ');
});

test('a path error sends the I/O to the other path, and the last one ends it with its own error', () => {
  const multipath = map(TWO);
  const first = multipath.issue();
  assert.is(first.answer(STATUS_TRANSPORT), END_REQUEUE);
  assert.is(first.answer(STATUS_OK), END_DONE);
  assert.equal(first.path, ['7:0', '7:1']);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0 ');
  assert.equal(multipath.context.usable, ['7:1']);

  multipath.message('reinstate_path 7:0');
  const second = multipath.issue();
  second.answer(STATUS_IOERR);
  assert.is(second.answer(STATUS_TIMEOUT), END_DONE);
  assert.is(second.status, STATUS_TIMEOUT);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 F 2 7:1 F 1 ');
  assert.equal(multipath.context.usable, []);
  assert.is(multipath.issue().status, STATUS_IOERR);
});

test('a failed path is told once: log, event, usable devices', () => {
  const multipath = map(TWO);
  const driven = [multipath.issue(), multipath.issue(), multipath.issue()];
  const published = multipath.context.published.length;
  driven[0].answer(STATUS_TRANSPORT);
  driven[2].answer(STATUS_TRANSPORT);
  assert.equal(multipath.context.logs, ['multipath: 253:0: Failing path 7:0.']);
  assert.is(multipath.context.published.length, published + 1);
  const [event] = multipath.context.events;
  assert.ok(event.kind === 'path-failed' && event.path.number === '7:0' && event.validPaths === 1);
});

for (const status of [
  STATUS_NOTSUPP,
  STATUS_NOSPC,
  STATUS_TARGET,
  STATUS_RESV_CONFLICT,
  STATUS_MEDIUM,
  STATUS_PROTECTION,
  STATUS_BEYOND_END,
  STATUS_READ_ONLY,
]) {
  test(`status ${status} is no path's error: the caller gets it at once and the path stays`, () => {
    const multipath = map(TWO);
    const driven = multipath.issue({ operation: OPERATION_WRITE });
    assert.is(driven.answer(status), END_DONE);
    assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 A 0 7:1 A 0 ');
  });
}

test('a path out of resources is failed too, and the I/O comes back after a pause', () => {
  const multipath = map(TWO);
  assert.is(multipath.issue().answer(STATUS_RESOURCE), END_DELAY_REQUEUE);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0 ');
});

test('a write of unknown fate fails its path but is sent to no other', () => {
  const multipath = map(TWO);
  assert.is(multipath.issue({ operation: OPERATION_WRITE }).answer(STATUS_UNKNOWN_FATE), END_DONE);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 0 ');
});

test('bio-based, the verdicts are the same', () => {
  const multipath = map('0 64 multipath 2 queue_mode bio 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1');
  const driven = multipath.issue({ isBio: true });
  assert.is(driven.answer(STATUS_IOERR), END_REQUEUE);
  assert.is(driven.answer(STATUS_IOERR), END_DONE);
  assert.is(driven.status, STATUS_IOERR);
});

test('queue_if_no_path holds I/O until a path comes back', () => {
  const multipath = map(TWO_QUEUEING);
  multipath.message('fail_path 7:0');
  multipath.message('fail_path 7:1');
  assert.is(multipath.status, '0 64 multipath 2 1 0 0 1 1 E 0 2 0 7:0 F 1 7:1 F 1 ');
  const driven = multipath.issue();
  assert.is(driven.progress, 'waits');
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 E 0 2 0 7:0 F 1 7:1 F 1 ');
  const { kicks } = multipath.context;
  multipath.message('reinstate_path 7:1');
  assert.is(multipath.context.kicks, kicks + 1);
  driven.prepare().answer();
  assert.is(driven.status, STATUS_OK);
  assert.is(multipath.status, '0 64 multipath 2 0 0 0 1 1 A 0 2 0 7:0 F 1 7:1 A 1 ');
});

test('fail_if_no_path lets held I/O fail', () => {
  const multipath = map(TWO_QUEUEING);
  multipath.message('fail_path 7:0');
  const driven = multipath.issue();
  assert.is(driven.answer(STATUS_IOERR), END_REQUEUE);
  assert.is(driven.progress, 'waits');
  multipath.message('fail_if_no_path');
  assert.is(multipath.context.kicks, 1);
  driven.prepare();
  assert.is(driven.status, STATUS_IOERR);
  assert.is(multipath.table, '0 64 multipath 0 0 1 1 round-robin 0 2 1 7:0 1 7:1 1 ');
  multipath.message('queue_if_no_path');
  assert.is(multipath.table, '0 64 multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 1 7:0 1 7:1 1 ');
});

test('a flush suspend switches queue_if_no_path off until the resume, and the table shows it', () => {
  const multipath = map(TWO_QUEUEING);
  const { target } = multipath;
  target.presuspend?.(false);
  assert.is(multipath.table, '0 64 multipath 0 0 1 1 round-robin 0 2 1 7:0 1 7:1 1 ');
  multipath.issue().answer(STATUS_IOERR);
  assert.is(multipath.issue().answer(STATUS_IOERR), END_DONE);
  target.postsuspend?.();
  throwsCode(() => multipath.message('reinstate_path 7:0'), 'ERR_RQDM_BUSY');
  target.resume?.();
  assert.is(multipath.table, '0 64 multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 1 7:0 1 7:1 1 ');
  multipath.message('reinstate_path 7:0');
});

test('a suspend that is given up restores queue_if_no_path', () => {
  const multipath = map(TWO_QUEUEING);
  multipath.target.presuspend?.(false);
  multipath.target.presuspend?.(false);
  multipath.target.presuspendUndo?.();
  assert.match(multipath.table, /queue_if_no_path/);
});

test('fail_if_no_path during a suspend holds after the resume', () => {
  const multipath = map(TWO_QUEUEING);
  multipath.target.presuspend?.(false);
  multipath.message('fail_if_no_path');
  multipath.target.resume?.();
  assert.not.match(multipath.table, /queue_if_no_path/);
});

test('a noflush suspend keeps queue_if_no_path for requests but not for bios', () => {
  const requests = map(TWO_QUEUEING);
  requests.target.presuspend?.(true);
  assert.match(requests.table, /queue_if_no_path/);
  const bios = map('0 64 multipath 3 queue_if_no_path queue_mode bio 0 1 1 round-robin 0 1 1 /dev/loop0 1');
  bios.target.presuspend?.(true);
  assert.not.match(bios.table, /queue_if_no_path/);
});

test('a noflush suspend holds I/O that has no path, without queue_if_no_path too', () => {
  const multipath = map(TWO);
  multipath.context.isNoflush = true;
  multipath.message('fail_path 7:0');
  assert.is(multipath.issue().answer(STATUS_IOERR), END_REQUEUE);
  assert.is(multipath.issue().progress, 'waits');
});

test('the devices published are those of the group that comes next', () => {
  const multipath = map(TWO_BY_TWO);
  const { context } = multipath;
  assert.equal(context.usable, ['7:0', '7:1']);
  multipath.read();
  multipath.message('fail_path 7:0');
  assert.equal(context.usable, ['7:1']);
  multipath.message('switch_group 2');
  assert.equal(context.usable, ['7:2', '7:3']);
  multipath.message('disable_group 2');
  multipath.read();
  multipath.message('disable_group 2');
  assert.equal(context.usable, ['7:1']);
  multipath.message('fail_path 7:1');
  assert.equal(context.usable, ['7:2', '7:3']);
});

test('messages that make no sense are refused', () => {
  const multipath = map(TWO);
  for (const text of [
    'nonsense',
    'nonsense 1',
    'switch_group 0',
    'switch_group 2',
    'switch_group x',
    'fail_path 7:9',
    'fail_path',
    'fail_path 7:0 7:1',
  ]) {
    throwsCode(() => multipath.message(text), 'ERR_RQDM_MESSAGE');
  }
  assert.is(multipath.context.events.length, 0);
});

test('messages are taken in any case, and name paths by number or by word', () => {
  const multipath = map(TWO);
  multipath.message('FAIL_PATH /dev/loop1');
  assert.is(multipath.status, '0 64 multipath 2 1 0 0 1 1 E 0 2 0 7:0 A 0 7:1 F 1 ');
});

test.run();
