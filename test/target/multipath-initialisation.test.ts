// Groups that a hardware handler must initialise: who waits, for how long, and what each answer does. The handler is
// one that the test answers for.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_AGAIN, STATUS_IOERR, STATUS_OK } from '../../assembly/abi.ts';
import { ArrayModel } from '../../bindings/target/multipath/hardware-handler/array-model.ts';
import {
  ACTIVATION_BUSY,
  ACTIVATION_FAILED,
  ACTIVATION_NO_HANDLER,
  ACTIVATION_OFFLINE,
  ACTIVATION_OK,
  ACTIVATION_RETRY,
  ACTIVATION_RETRY_AT_ONCE,
  type HandlerTimers,
  type HandlerType,
  type HardwareHandler,
} from '../../bindings/target/multipath/hardware-handler/handler.ts';
import { HardwareHandlerRegistry } from '../../bindings/target/multipath/hardware-handler/registry.ts';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import type { DeviceReference } from '../../bindings/target/target.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { loopDevices, tableError } from '../support/target-context.ts';
import { TimedContext } from '../support/timed-context.ts';

const test = suite('target/multipath: initialisation of groups');

/** A handler for any device, whose activations wait for the test. */
class Desk {
  readonly waiting: { number: string; done: (result: number) => void }[] = [];
  readonly prepared: Map<string, number> = new Map();
  readonly parameters: string[][] = [];

  readonly type: HandlerType = {
    name: 'desk',
    attach: (device: DeviceReference): HardwareHandler => ({
      setParameters: (words) => void this.parameters.push([...words]),
      activate: (_timers: HandlerTimers, done: (result: number) => void): void =>
        void this.waiting.push({ number: device.number, done }),
      prepare: () => this.prepared.get(device.number) ?? STATUS_OK,
    }),
  };

  get asked(): string[] {
    return this.waiting.map(({ number }) => number);
  }

  /** Answers everything that waits now. */
  answer(...results: number[]): void {
    for (const [index, { done }] of this.waiting.splice(0).entries()) done(results[index] ?? results[0] ?? ACTIVATION_OK);
  }
}

const HEAD = '0 64 multipath';
const TWO_GROUPS = '2 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1 round-robin 0 1 1 /dev/loop2 1';

function make(text: string): { map: MultipathMap; desk: Desk; context: TimedContext } {
  const desk = new Desk();
  const devices = loopDevices(3);
  const context = new TimedContext(devices);
  const type = multipathTarget(new SelectorRegistry(), new HardwareHandlerRegistry([desk.type]));
  return { map: new MultipathMap(`${HEAD} ${text}`, devices, { context, type }), desk, context };
}

const status = (map: MultipathMap): string => map.status.slice(HEAD.length + 1);

test('the first I/O begins the initialisation and waits with all others until each path has answered', () => {
  const { map, desk, context } = make(`0 1 desk ${TWO_GROUPS}`);
  assert.is(map.table, `${HEAD} 0 1 desk 2 1 round-robin 0 2 1 7:0 1 7:1 1 round-robin 0 1 1 7:2 1 `);
  assert.is(map.target.busy?.(), false);
  const first = map.issue();
  assert.is(first.progress, 'waits');
  assert.equal(desk.asked, ['7:0', '7:1']);
  assert.is(status(map), '2 1 1 0 2 1 A 0 2 0 7:0 A 0 7:1 A 0 E 0 1 0 7:2 A 0 ');
  assert.is(map.target.busy?.(), true);
  assert.is(map.issue().progress, 'waits');
  assert.is(map.flush().progress, 'waits');
  assert.equal(desk.asked, ['7:0', '7:1'], 'one round at a time');

  const { kicks } = context;
  desk.waiting.shift()?.done(ACTIVATION_OK);
  assert.is(map.issue().progress, 'waits');
  desk.answer(ACTIVATION_OK);
  assert.is(context.kicks, kicks + 1);
  assert.is(map.target.busy?.(), false);
  assert.is(first.prepare().progress, 'issued');
  assert.is(status(map), '2 0 1 0 2 1 A 0 2 0 7:0 A 0 7:1 A 0 E 0 1 0 7:2 A 0 ');
});

test('who waits chooses no path, so that the rotation begins where it should', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  const driven = [map.issue(), map.issue()];
  desk.answer(ACTIVATION_OK);
  assert.equal(
    driven.map((io) => io.prepare().path.at(-1)),
    ['7:1', '7:0'],
  );
});

test('a switch to another group initialises that, and the count begins anew', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  map.issue();
  desk.answer(ACTIVATION_OK);
  map.message('switch_group 2');
  assert.is(status(map).slice(0, 11), '2 0 1 0 2 2');
  const io = map.issue();
  assert.equal(desk.asked, ['7:2']);
  desk.answer(ACTIVATION_OK);
  assert.is(io.prepare().path.at(-1), '7:2');
  assert.is(status(map), '2 0 1 0 2 2 E 0 2 0 7:0 A 0 7:1 A 0 A 0 1 0 7:2 A 0 ');
});

for (const [name, result] of [
  ['fails', ACTIVATION_FAILED],
  ['is offline', ACTIVATION_OFFLINE],
  ['has no handler any more', ACTIVATION_NO_HANDLER],
  ['asks for another try, and pg_init_retries is not given,', ACTIVATION_RETRY],
] as const) {
  test(`a path that ${name} is failed, and the group goes on with the others`, () => {
    const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
    const io = map.issue();
    desk.answer(result, ACTIVATION_OK);
    assert.is(io.prepare().path.at(-1), '7:1');
    assert.is(status(map), '2 0 1 0 2 1 A 0 2 0 7:0 F 1 7:1 A 0 E 0 1 0 7:2 A 0 ');
  });
}

test('when all paths of a group fail, the next group is initialised', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  const io = map.issue();
  desk.answer(ACTIVATION_FAILED);
  assert.is(io.prepare().progress, 'waits');
  assert.equal(desk.asked, ['7:2']);
  desk.answer(ACTIVATION_FAILED);
  io.prepare();
  assert.equal([io.progress, io.status], ['done', STATUS_IOERR]);
});

test('a group that is busy is bypassed with its paths, and comes last, after a delay', () => {
  const { map, desk, context } = make(`0 1 desk ${TWO_GROUPS}`);
  const io = map.issue();
  desk.answer(ACTIVATION_BUSY, ACTIVATION_OK);
  assert.is(status(map), '2 0 1 0 2 1 D 0 2 0 7:0 A 0 7:1 A 0 E 0 1 0 7:2 A 0 ');
  io.prepare();
  desk.answer(ACTIVATION_OK);
  assert.is(io.prepare().path.at(-1), '7:2');
  map.message('fail_path 7:2');
  const next = map.issue();
  assert.equal(desk.asked, []);
  context.pass(2000);
  assert.equal(desk.asked, ['7:0', '7:1']);
  desk.answer(ACTIVATION_OK);
  assert.is(next.prepare().progress, 'issued');
  assert.match(status(map), / A 0 2 0 7:0 /, 'what could be initialised is bypassed no longer');
});

test('a retry waits two seconds, or pg_init_delay_msecs, as often as pg_init_retries allows', () => {
  for (const [words, delayMs] of [
    ['2 pg_init_retries 2', 2000],
    ['4 pg_init_retries 2 pg_init_delay_msecs 300', 300],
    ['4 pg_init_retries 2 pg_init_delay_msecs 0', 0],
  ] as const) {
    const { map, desk, context } = make(`${words} 1 desk 1 1 round-robin 0 1 1 /dev/loop0 1`);
    const io = map.issue();
    for (let round = 1; round <= 2; round++) {
      desk.answer(ACTIVATION_RETRY);
      if (delayMs > 0) {
        context.pass(delayMs - 1);
        assert.equal(desk.asked, [], words);
        context.pass(1);
      }
      assert.equal(desk.asked, ['7:0'], words);
      assert.is(io.prepare().progress, 'waits');
    }
    assert.match(status(map), /^2 1 3 0 /);
    desk.answer(ACTIVATION_RETRY);
    assert.match(status(map), / 7:0 F 1 $/);
    assert.is(io.prepare().status, STATUS_IOERR);
  }
});

test('a retry at once waits for nothing', () => {
  const { map, desk } = make('2 pg_init_retries 1 1 desk 1 1 round-robin 0 1 1 /dev/loop0 1');
  const io = map.issue();
  desk.answer(ACTIVATION_RETRY_AT_ONCE);
  assert.equal(desk.asked, ['7:0']);
  desk.answer(ACTIVATION_OK);
  assert.is(io.prepare().progress, 'issued');
});

test('an activation that is answered twice counts once', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  map.issue();
  const done = desk.waiting[0]?.done;
  done?.(ACTIVATION_OK);
  done?.(ACTIVATION_OK);
  assert.is(map.target.busy?.(), true);
  assert.is(map.issue().progress, 'waits');
});

test('a path that comes back into the current group is activated by itself, and no request is started meanwhile', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  const io = map.issue();
  desk.answer(ACTIVATION_OK);
  io.prepare().answer();
  map.message('fail_path 7:0');
  map.message('reinstate_path 7:0');
  assert.equal(desk.asked, ['7:0']);
  assert.is(map.target.busy?.(), true);
  desk.answer(ACTIVATION_FAILED);
  assert.is(map.target.busy?.(), false);
  assert.match(status(map), /7:0 F 2 /);
  assert.is(map.read(), '7:1');
  map.message('fail_path 7:2');
  map.message('reinstate_path 7:2');
  assert.equal(desk.asked, [], 'another group has time until it is needed');
});

test('a suspend gives an initialisation up, and the first I/O after it begins anew', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  const io = map.issue();
  const late = desk.waiting.splice(0);
  map.target.presuspend?.(true);
  map.target.postsuspend?.();
  assert.is(map.target.busy?.(), false);
  for (const { done } of late) done(ACTIVATION_FAILED);
  assert.not.match(map.status, / F /, 'a late answer is heard by nobody');
  map.target.resume?.();
  assert.is(io.prepare().progress, 'waits');
  assert.equal(desk.asked, ['7:0', '7:1']);
  desk.answer(ACTIVATION_OK);
  assert.is(io.prepare().progress, 'issued');
});

test('a handler that throws fails its path, and the log says so', () => {
  const type: HandlerType = {
    name: 'bad',
    attach: () => ({
      activate(): void {
        throw new Error('broken');
      },
    }),
  };
  const devices = loopDevices(3);
  const target = multipathTarget(new SelectorRegistry(), new HardwareHandlerRegistry([type]));
  const map = new MultipathMap(`${HEAD} 0 1 bad 1 1 round-robin 0 1 1 /dev/loop0 1`, devices, { type: target });
  assert.is(map.issue().prepare().status, STATUS_IOERR);
  assert.match(map.context.logs.join('\n'), /hardware handler of 7:0 threw: broken/);
});

test('a handler that knows a path to be no good fails it before anything is sent; one in change lets I/O wait', () => {
  const { map, desk } = make(`0 1 desk ${TWO_GROUPS}`);
  const io = map.issue();
  desk.answer(ACTIVATION_OK);
  io.prepare().answer();
  desk.prepared.set('7:0', STATUS_IOERR);
  assert.is(map.issue().path.at(-1), '7:1');
  assert.match(status(map), /7:0 F 1 7:1 A 0 /);
  desk.prepared.set('7:1', STATUS_AGAIN);
  const waiting = map.issue();
  assert.is(waiting.progress, 'waits');
  assert.match(status(map), /7:1 A 0 /);
  desk.prepared.clear();
  assert.is(waiting.prepare().path.at(-1), '7:1');
});

test('parameters of a handler are for each of its devices', () => {
  const { desk } = make(`0 3 desk a b ${TWO_GROUPS}`);
  assert.equal(desk.parameters, [
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

test('a device that has the handler already is given the parameters of the new table', () => {
  const desk = new Desk();
  const devices = loopDevices(1);
  const type = multipathTarget(new SelectorRegistry(), new HardwareHandlerRegistry([desk.type]));
  const load = (words: string): MultipathMap =>
    new MultipathMap(`${HEAD} ${words} 1 1 round-robin 0 1 1 /dev/loop0 1`, devices, { type });
  load('0 2 desk a');
  load('1 retain_attached_hw_handler 2 desk b');
  load('0 2 desk c');
  assert.equal(desk.parameters, [['a'], ['b'], ['c']]);
});

test('parameters meant for another handler are dropped with it', () => {
  const desk = new Desk();
  const other: HandlerType = { ...desk.type, name: 'other' };
  const devices = loopDevices(2);
  const type = multipathTarget(new SelectorRegistry(), new HardwareHandlerRegistry([desk.type, other]));
  new MultipathMap(`${HEAD} 0 1 desk 1 1 round-robin 0 1 1 /dev/loop0 1`, devices, { type });
  const map = new MultipathMap(`${HEAD} 0 3 other a b 1 1 round-robin 0 2 1 /dev/loop0 1 /dev/loop1 1`, devices, { type });
  assert.is(map.table, `${HEAD} 0 1 desk 1 1 round-robin 0 2 1 7:0 1 7:1 1 `);
  assert.equal(map.context.logs, ['multipath: retaining handler on device loop0']);
  assert.equal(desk.parameters, []);
});

test('alua end to end: the group that the array has to change first takes its time, once', () => {
  const devices = loopDevices(3);
  const handlers = new HardwareHandlerRegistry();
  const array = new ArrayModel({
    groups: [
      { id: 1, state: 'active/optimized', ports: ['/dev/loop0', '/dev/loop1'] },
      { id: 2, state: 'standby', ports: ['/dev/loop2'] },
    ],
    transitionMs: 500,
    demotedState: 'standby',
  });
  handlers.addArray(array);
  const context = new TimedContext(devices);
  const type = multipathTarget(new SelectorRegistry(), handlers);
  const map = new MultipathMap(`${HEAD} 0 1 alua ${TWO_GROUPS}`, devices, { context, type });
  const io = map.issue();
  context.pass(1);
  assert.is(io.prepare().progress, 'issued');
  io.answer();
  map.message('switch_group 2');
  const other = map.issue();
  context.pass(500);
  assert.is(other.prepare().progress, 'waits');
  context.pass(1);
  assert.is(other.prepare().path.at(-1), '7:2');
  assert.is(array.stateOf('/dev/loop0'), 'standby');
  assert.is(
    tableError(() => new MultipathMap(`${HEAD} 0 2 alua 7 ${TWO_GROUPS}`, devices, { type })).kernelText,
    'unable to set hardware handler parameters',
  );
});

test.run();
