// The two clocks: the machine's, and one that stands still until it is moved.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RealTime } from '../../bindings/time/real-time.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

const real = suite('real time');

real('a precise timer is never early and mostly precise', async () => {
  const time = new RealTime();
  const lateNs: number[] = [];
  for (let i = 0; i < 20; i++) {
    const atNs = time.now() + 700_000 + (i % 5) * 900_000;
    await new Promise<void>((resolve) => time.at(atNs, resolve, { isPrecise: true }));
    lateNs.push(time.now() - atNs);
  }
  assert.ok(
    lateNs.every((ns) => ns >= 0),
    String(lateNs),
  );
  // On a busy machine most may be late; a timer that cannot be precise never is.
  assert.ok(lateNs.sort((a, b) => a - b)[3] < 300_000, String(lateNs));
});

real('a timer that was cancelled does not run', async () => {
  const time = new RealTime();
  let runs = 0;
  for (const isPrecise of [true, false]) time.at(time.now() + 1e6, () => runs++, { isPrecise })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(runs, 0);
});

real('a timer of a month does not run at once', async () => {
  const time = new RealTime();
  let runs = 0;
  const cancel = time.at(time.now() + 30 * 24 * 3600e9, () => runs++, { isIdle: true });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(runs, 0);
  cancel();
});

real('an alarm that is set again runs once, at its last time; one that was cleared does not', async () => {
  const time = new RealTime();
  let runs = 0;
  const ended = new Promise<void>((resolve) => {
    const timer = time.timer(
      () => {
        runs++;
        resolve();
      },
      { isPrecise: true },
    );
    timer.set(time.now() + 3600e9);
    timer.set(time.now() + 1e6);
  });
  const cleared = time.timer(() => runs++);
  cleared.set(time.now() + 1e6);
  cleared.clear();
  await ended;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(runs, 1);
});

real.run();

const virtual = suite('virtual time');

virtual('events run by time, and in the order of asking where times are equal', () => {
  const time = new VirtualTime(1);
  const order: string[] = [];
  const note = (name: string) => () => order.push(`${name}@${time.now()}`);
  time.at(30, note('c'));
  time.at(10, note('a'));
  time.at(30, note('d'));
  time.at(20, note('b'));
  time.at(5, note('cancelled'))();
  assert.is(time.pending, 4);
  while (time.step());
  assert.equal(order, ['a@10', 'b@20', 'c@30', 'd@30']);
  assert.is(time.pending, 0);
});

virtual('a heap of many is emptied in order', () => {
  const time = new VirtualTime();
  const seen: number[] = [];
  for (let i = 0; i < 1000; i++) time.at(1 + ((i * 7919) % 997), () => seen.push(time.now()));
  while (time.step());
  assert.is(seen.length, 1000);
  assert.ok(seen.every((at, i) => i === 0 || at >= seen[i - 1]));
});

virtual('the end of a turn comes once, behind what is due already', () => {
  const time = new VirtualTime();
  const order: string[] = [];
  const turn = time.turn(() => order.push('turn'));
  time.at(time.now(), () => order.push('due'));
  turn.schedule();
  turn.schedule();
  while (time.step());
  assert.equal(order, ['due', 'turn']);
});

virtual('alarms move forth and back among other events, in the order of their last setting', () => {
  const time = new VirtualTime(1);
  const order: string[] = [];
  const timers = Array.from({ length: 200 }, (_, i) => time.timer(() => order.push(`${i}@${time.now()}`)));
  const expected: [number, number, number][] = [];
  let settings = 0;
  for (const [i, timer] of timers.entries()) {
    for (const at of [5000, 3 + ((i * 7919) % 97), 1000 - ((i * 31) % 50)]) timer.set(at);
    expected.push([1000 - ((i * 31) % 50), settings++, i]);
  }
  for (const i of [0, 50, 199]) timers[i]?.clear();
  timers[7]?.set(2);
  assert.is(time.pending, 197);
  while (time.step());
  const left = expected.filter(([, , i]) => ![0, 7, 50, 199].includes(i)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  assert.equal(order, ['7@2', ...left.map(([at, , i]) => `${i}@${at}`)]);
});

virtual('a cancel that comes late does not hit the event that came after', () => {
  const time = new VirtualTime(1);
  let runs = 0;
  const cancel = time.at(5, () => runs++);
  time.step();
  time.at(6, () => runs++);
  cancel();
  time.step();
  assert.is(runs, 2);
});

virtual('waiting for what never comes is an error, not a hang', async () => {
  const time = new VirtualTime();
  let message = '';
  await time.until(() => false).catch((error: Error) => (message = error.message));
  assert.match(message, 'nothing is left to happen');
});

virtual.run();
