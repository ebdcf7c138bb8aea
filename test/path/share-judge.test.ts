// When batches are shared: what is measured decides. Virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ShareJudge, ShareJudges } from '../../bindings/path/share-judge.ts';

const test = suite('path: share judge');

/** A machine on which a batch of 64 takes so long alone, and so long shared. */
class Machine {
  ms = 0;
  aloneMicros = 120;
  sharedMicros = 70;
  helped = 0.5;
  isDone = true;
  shared = 0;
  alone = 0;
  readonly judge = new ShareJudge();

  run(batches: number): void {
    for (let i = 0; i < batches; i++) {
      const from = this.ms;
      if (this.judge.wantsToShare(from)) {
        this.ms += this.sharedMicros / 1000;
        this.shared++;
        this.judge.noteShared(128, from, this.ms, this.helped, this.isDone);
      } else {
        this.ms += this.aloneMicros / 1000;
        this.alone++;
        this.judge.noteAlone(128, from, this.ms);
      }
      this.ms += 0.08;
    }
  }

  /** Batches shared among the next so many. */
  sharedOf(batches: number): number {
    const { shared } = this;
    this.run(batches);
    return this.shared - shared;
  }
}

test('small batches are not looked at', () => {
  const judge = new ShareJudge();
  assert.is(judge.isLarge(15, 15 * 1_000_000), false);
  judge.noteAlone(128, 0, 0.12);
  assert.is(judge.isLarge(16, 16 * 4096), false, '30 µs');
  assert.is(judge.isLarge(64, 64 * 4096), true, '120 µs');
  assert.is(judge.isLarge(16, 16 * 65536), true, '255 µs');
});

test('where a second processor halves a batch, nearly all are shared', () => {
  const machine = new Machine();
  machine.run(500);
  assert.ok(machine.judge.isSharing);
  assert.ok(machine.sharedOf(10_000) > 9500);
});

test('nobody helps a short burst, or batches that are far apart', () => {
  const machine = new Machine();
  assert.is(machine.sharedOf(160), 0, '20 ms of work alone come first');
  const slow = new Machine();
  for (let i = 0; i < 1000; i++) {
    slow.run(1);
    slow.ms += 200;
  }
  assert.is(slow.shared, 0);
});

const USELESS: readonly (readonly [string, Partial<Pick<Machine, 'sharedMicros' | 'helped' | 'isDone'>>])[] = [
  ['takes longer', { sharedMicros: 200 }],
  ['takes as long', { sharedMicros: 120 }],
  ['gains less than it costs others', { sharedMicros: 115 }],
  ['is quick by chance, while the helper does nothing', { sharedMicros: 100, helped: 0 }],
  ['leaves calls undone', { isDone: false }],
];
for (const [name, change] of USELESS) {
  test(`where sharing ${name}, it is tried less and less often`, () => {
    const machine = Object.assign(new Machine(), change);
    machine.run(2000);
    assert.ok(machine.shared > 0);
    assert.is(machine.judge.isSharing, false);
    machine.run(20_000);
    assert.ok(machine.sharedOf(20_000) <= 220, 'about one in a hundred');
  });
}

test('a hopeless trial ends early', () => {
  const machine = Object.assign(new Machine(), { sharedMicros: 400 });
  machine.run(300);
  assert.ok(machine.shared <= 16, String(machine.shared));
});

test('sharing ends when it has become slower, and begins again when it is quicker', () => {
  const machine = new Machine();
  machine.run(1000);
  assert.ok(machine.judge.isSharing);
  machine.sharedMicros = 200;
  machine.run(100);
  assert.is(machine.judge.isSharing, false);
  machine.sharedMicros = 70;
  machine.run(3000);
  assert.ok(machine.judge.isSharing);
});

test('calls that have become quicker alone end it too: that is looked at now and then', () => {
  const machine = new Machine();
  machine.run(1000);
  machine.aloneMicros = 50;
  machine.run(4000);
  assert.is(machine.judge.isSharing, false);
});

test('paths to the same storage have the same judges, for as long as one is open', () => {
  const judges = new ShareJudges();
  const first = judges.hold('a');
  assert.is(judges.hold('a'), first);
  assert.is.not(judges.hold('b'), first);
  judges.letGo('a');
  assert.is(judges.hold('a'), first);
  judges.letGo('a');
  judges.letGo('a');
  assert.is.not(judges.hold('a'), first);
});

test.run();
