// A map without paths: how long I/O is held, and the log lines of messages that are refused.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { MultipathParameters } from '../../bindings/target/multipath/parameters.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { loopDevices } from '../support/target-context.ts';
import { TimedContext } from '../support/timed-context.ts';

const test = suite('target/multipath: no path');

function make(setUp: (parameters: MultipathParameters) => void, feature: string = '1 queue_if_no_path') {
  const parameters = new MultipathParameters();
  setUp(parameters);
  const devices = loopDevices(2);
  const context = new TimedContext(devices);
  const type = multipathTarget(new SelectorRegistry(), undefined, parameters);
  const text = `0 64 multipath ${feature} 0 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1`;
  const map = new MultipathMap(text, devices, { context, type });
  const failAll = (): void => {
    for (const path of ['7:0', '7:1']) map.message(`fail_path ${path}`);
  };
  return { map, context, failAll, isQueueing: () => map.table.includes('queue_if_no_path') };
}

const FIVE = (parameters: MultipathParameters): void => {
  parameters.queueIfNoPathTimeoutSecs = 5;
};

test('without a time-out I/O is held for ever', () => {
  const { failAll, context, isQueueing } = make(() => {});
  failAll();
  assert.is(context.time.pending, 0);
  context.pass(1e6);
  assert.ok(isQueueing());
});

test('after the time-out the feature is off and what is held is asked again', () => {
  const { map, failAll, context, isQueueing } = make(FIVE);
  map.message('fail_path 7:0');
  assert.is(context.time.pending, 0, 'not while a path is left');
  failAll();
  const held = map.issue();
  context.pass(4999);
  assert.ok(isQueueing());
  const { kicks } = context;
  context.pass(1);
  assert.not.ok(isQueueing());
  assert.is(context.kicks, kicks + 1);
  assert.is(context.logs.at(-1), 'multipath: queue_if_no_path timeout on 253:0, failing queued IO');
  assert.is(held.prepare().progress, 'done');
});

test('a path that comes back stops the clock, and it starts anew when that fails', () => {
  const { map, failAll, context, isQueueing } = make(FIVE);
  failAll();
  context.pass(3000);
  map.message('reinstate_path 7:0');
  context.pass(10_000);
  assert.ok(isQueueing());
  map.message('fail_path 7:0');
  context.pass(4999);
  assert.ok(isQueueing());
  context.pass(1);
  assert.not.ok(isQueueing());
});

test('a map may have a time of its own, and the time may change while it lives', () => {
  const parameters = { live: new MultipathParameters() };
  const { map, failAll, context, isQueueing } = make((given) => {
    parameters.live = given;
    given.queueIfNoPathTimeoutSecs = 100;
    given.queueIfNoPathTimeoutSecsOf.set('m', 2);
  });
  failAll();
  context.pass(2000);
  assert.not.ok(isQueueing());
  parameters.live.queueIfNoPathTimeoutSecsOf.set('m', 7);
  map.message('queue_if_no_path');
  context.pass(6999);
  assert.ok(isQueueing());
  context.pass(1);
  assert.not.ok(isQueueing());
});

test('fail_if_no_path, a suspend and the end of the table stop the clock; a resume starts it', () => {
  const { map, failAll, context, isQueueing } = make(FIVE);
  failAll();
  map.message('fail_if_no_path');
  assert.is(context.time.pending, 0);
  map.message('queue_if_no_path');
  map.target.presuspend?.(false);
  assert.is(context.time.pending, 0);
  map.target.postsuspend?.();
  map.target.resume?.();
  assert.ok(isQueueing());
  assert.is(context.time.pending, 1);
  map.target.destroy?.();
  assert.is(context.time.pending, 0);
});

test('without the feature no clock runs', () => {
  const { failAll, context } = make(FIVE, '0');
  failAll();
  assert.is(context.time.pending, 0);
});

for (const [text, line] of [
  ['nonsense', 'Invalid multipath message arguments. Expected 2 arguments, got 1.'],
  ['fail_path 7:0 7:1', 'Invalid multipath message arguments. Expected 2 arguments, got 3.'],
  ['nonsense 1', 'Unrecognised multipath message received: nonsense'],
  ['switch_group 2', 'invalid PG number supplied to switch_pg_num'],
  ['disable_group 0', 'invalid PG number supplied to bypass_pg'],
  ['enable_group x', 'invalid PG number supplied to bypass_pg'],
  ['fail_path 7:9', 'message: error getting device 7:9'],
] as const) {
  test(`message "${text}" is refused with a line in the log`, () => {
    const { map, context } = make(() => {});
    assert.throws(() => map.message(text), line.slice(0, 20));
    assert.equal(context.logs, [`multipath: ${line}`]);
  });
}

test.run();
