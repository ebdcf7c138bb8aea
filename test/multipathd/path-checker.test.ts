// The checker on virtual time, over paths that a switch makes fail.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { PathChecker, type PathCheckerOptions } from '../../bindings/multipathd/path-checker.ts';
import { topology } from '../../bindings/multipathd/topology.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { isPending, rejection, thrown, turns } from '../support/promise-state.ts';

const test = suite('multipathd: path checker');

const A = 'mem:a?size=1M';
const WORDS = ['one', 'two', 'three'].map((name, index) => `${A}&switch=${name}#${index + 1}`);
const GROUPS = `0 2048 multipath 0 0 2 1 service-time 0 2 0 ${WORDS[0]} ${WORDS[1]} round-robin 0 1 0 ${WORDS[2]}`;

class Stage implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly mapper: DeviceMapper = new DeviceMapper({ time: this.time });
  readonly logs: string[] = [];
  device!: MappedDevice;
  checker!: PathChecker;

  static async set(options: PathCheckerOptions = {}, table: string = GROUPS): Promise<Stage> {
    const stage = new Stage();
    stage.device = await stage.mapper.createDevice({ name: 'd', table });
    stage.checker = new PathChecker(stage.mapper, stage.device, { ...options, log: (line) => stage.logs.push(line) });
    return stage;
  }

  /** Everything that happens in the next `ms`, promises included. */
  async pass(ms: number): Promise<void> {
    const endNs = this.time.now() + ms * 1e6;
    for (;;) {
      await turns(3);
      const next = this.time.nextAtNs;
      if (next === undefined || next > endNs) break;
      this.time.step();
    }
    this.time.advanceTo(endNs);
    await turns(3);
  }

  async read(): Promise<void> {
    let isDone = false;
    const read = this.device.read(0, 512).then(() => {
      isDone = true;
    });
    await this.time.until(() => isDone);
    await read;
  }

  fail(...names: string[]): void {
    for (const name of names) this.mapper.faultSwitches.get(name).fail();
  }

  mend(...names: string[]): void {
    for (const name of names) this.mapper.faultSwitches.get(name).mend();
  }

  get letters(): string {
    return [...this.device.status().matchAll(/24\d:\d+ ([AF])/g)].map(([, letter]) => letter).join('');
  }

  get groups(): string {
    return [...this.device.status().matchAll(/ ([ADE]) 0 [12] [02] /g)].map(([, letter]) => letter).join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.checker.close();
    const closing = this.mapper.close();
    await this.pass(10_000);
    await closing;
  }
}

test('a path that is down is failed, and reinstated when it is up again', async () => {
  await using stage = await Stage.set();
  stage.fail('two');
  await stage.pass(4999);
  assert.is(stage.letters, 'AAA');
  await stage.pass(1);
  assert.is(stage.letters, 'AFA');
  stage.mend('two');
  await stage.pass(4999);
  assert.is(stage.letters, 'AFA');
  await stage.pass(1);
  assert.is(stage.letters, 'AAA');
  assert.equal(stage.logs, [`d: fail_path ${WORDS[1]}`, `d: reinstate_path ${WORDS[1]}`]);
});

test('while a path is well it is looked at less and less often, up to a most', async () => {
  const looks: number[] = [];
  const stages: Stage[] = [];
  const options: PathCheckerOptions = {
    checker: async ({ number }) => {
      if (number.endsWith(':1')) looks.push(Math.round((stages[0]?.time.now() ?? 0) / 1e9));
      return true;
    },
  };
  await using stage = await Stage.set(options);
  stages.push(stage);
  await stage.pass(100_000);
  assert.equal(looks, [5, 10, 20, 40, 60, 80, 100]);
  assert.is(stage.checker.paths[0]?.intervalMs, 20_000);
});

test('a path that I/O has failed is looked at within a second', async () => {
  await using stage = await Stage.set();
  await stage.pass(60_000);
  stage.fail('one', 'two');
  await stage.read();
  assert.is(stage.letters, 'FFA');
  stage.mend('one');
  await stage.pass(1000);
  assert.is(stage.letters, 'AFA');
});

test('a check without an answer counts as failed, and no second one is begun beside it', async () => {
  let begun = 0;
  const answers: (() => void)[] = [];
  const checker = ({ number }: { number: string }): Promise<boolean> => {
    if (!number.endsWith(':1')) return Promise.resolve(true);
    begun += 1;
    return new Promise((resolve) => answers.push(() => resolve(true)));
  };
  await using stage = await Stage.set({ checker, timeoutMs: 7000 });
  await stage.pass(11_999);
  assert.is(stage.letters, 'AAA');
  await stage.pass(1);
  assert.is(stage.letters, 'FAA');
  await stage.pass(20_000);
  assert.is(begun, 1);
  answers[0]?.();
  await stage.pass(5000);
  assert.is(begun, 2);
  answers[1]?.();
  await stage.pass(0);
  assert.is(stage.letters, 'AAA');
});

test('a checker that throws or rejects has found the path down', async () => {
  await using stage = await Stage.set({
    checker: ({ number }) => {
      if (number.endsWith(':1')) throw new Error('broken');
      return number.endsWith(':2') ? Promise.reject(new Error('broken')) : Promise.resolve(true);
    },
  });
  await stage.pass(5000);
  assert.is(stage.letters, 'FFA');
});

for (const [failback, after] of [
  ['immediate', 'AE'],
  ['manual', 'EA'],
  [10, 'EA'],
] as const) {
  test(`failback ${failback}: after the first group has a path again it is ${after === 'AE' ? 'used at once' : 'left alone'}`, async () => {
    await using stage = await Stage.set({ failback });
    stage.fail('one', 'two');
    await stage.read();
    assert.is(stage.groups, 'EA');
    stage.mend('two');
    await stage.pass(1000);
    await stage.read();
    assert.is(stage.groups, after);
    await stage.pass(9999);
    await stage.read();
    assert.is(stage.groups, after);
    await stage.pass(1);
    await stage.read();
    assert.is(stage.groups, failback === 'manual' ? 'EA' : 'AE');
  });
}

test('a failback after some seconds comes to nothing if the better group has lost its path again', async () => {
  await using stage = await Stage.set({ failback: 10 });
  stage.fail('one', 'two');
  await stage.read();
  stage.mend('two');
  await stage.pass(1000);
  stage.fail('two');
  await stage.pass(30_000);
  await stage.read();
  assert.is(stage.groups, 'EA');
  assert.not.match(stage.logs.join(), /back to group/);
});

test('priorities say which group is the better one, not their order', async () => {
  await using stage = await Stage.set({ failback: 'immediate', priority: ({ word }) => (word.endsWith('#3') ? 50 : 10) });
  await stage.read();
  stage.device.message('fail_path 240:3');
  await stage.pass(5000);
  await stage.read();
  assert.is(stage.groups, 'EA');
});

test('no failback goes to a group that was disabled', async () => {
  await using stage = await Stage.set({ failback: 'immediate' });
  await stage.read();
  stage.device.message('disable_group 1');
  await stage.read();
  assert.is(stage.groups, 'DA');
  stage.device.message('fail_path 240:2');
  await stage.pass(5000);
  assert.is(stage.letters, 'AAA');
  assert.is(stage.groups, 'DA');
});

test('a failback leaves a disabled group disabled', async () => {
  const table = `0 2048 multipath 0 0 3 1 ${WORDS.map((word) => `round-robin 0 1 0 ${word}`).join(' ')}`;
  await using stage = await Stage.set({ failback: 'immediate' }, table);
  await stage.read();
  stage.device.message('disable_group 2');
  stage.device.message('fail_path 240:1');
  await stage.read();
  assert.is(stage.groups, 'EDA');
  await stage.pass(1000);
  await stage.read();
  assert.is(stage.groups, 'ADE');
});

test('noPathRetry fail and queue set the feature whatever the table says', async () => {
  await using queueing = await Stage.set({ noPathRetry: 'queue' });
  assert.match(queueing.device.table(), / 1 queue_if_no_path /);
  await using failing = await Stage.set(
    { noPathRetry: 'fail' },
    `0 2048 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 ${WORDS[0]}`,
  );
  assert.not.match(failing.device.table(), /queue_if_no_path/);
});

test('with a number I/O is held for so many checks without a path, then fails, and is held again when a path was back', async () => {
  await using stage = await Stage.set({ noPathRetry: 3, intervalMs: 1000 });
  stage.fail('one', 'two', 'three');
  const read = stage.device.read(0, 512);
  void rejection(read);
  await stage.pass(2999);
  assert.ok(await isPending(read));
  await stage.pass(200);
  assert.is((await rejection(read))['code'], 'EIO');
  assert.not.match(stage.device.table(), /queue_if_no_path/);
  stage.mend('three');
  await stage.pass(1000);
  assert.match(stage.device.table(), / queue_if_no_path /);
  await stage.read();
});

test('a path that comes back in time lets the held I/O go on', async () => {
  await using stage = await Stage.set({ noPathRetry: 5, intervalMs: 1000 });
  stage.fail('one', 'two', 'three');
  const read = stage.device.read(0, 512);
  await stage.pass(2000);
  stage.mend('one');
  await stage.pass(1200);
  assert.is((await read).length, 512);
  await stage.pass(60_000);
  assert.match(stage.device.table(), / queue_if_no_path /);
});

test('a flapping path is held back until it has proved itself, unless it is the last', async () => {
  const marginal = { doubleFailedMs: 60_000, sampleMs: 2000, recheckGapMs: 10_000, errorsPerThousand: 100 };
  await using stage = await Stage.set({ marginal });
  stage.device.message('explain on');
  for (let flap = 0; flap < 2; flap++) {
    stage.device.message('fail_path 240:1');
    await stage.pass(1000);
  }
  assert.is(stage.letters, 'FAA', 'it answers, and is held back');
  assert.is(stage.checker.paths[0]?.isMarginal, true);
  assert.match(stage.device.message('explain') as string, /now 240:1 failed \(marginal\)/);
  assert.match(topology(stage.device, { checked: stage.checker.paths }), /#1 +240:1 failed delayed running/);
  await stage.pass(1900);
  assert.is(stage.letters, 'FAA');
  await stage.pass(200);
  assert.is(stage.letters, 'AAA');
  assert.is(stage.checker.paths[0]?.isMarginal, false);
  assert.match(stage.logs.join('\n'), /is marginal.*\n.*has proved itself/);

  for (let flap = 0; flap < 2; flap++) {
    stage.device.message('fail_path 240:1');
    await stage.pass(1000);
  }
  stage.device.message('fail_path 240:2');
  stage.device.message('fail_path 240:3');
  stage.fail('two', 'three');
  await stage.pass(1000);
  assert.is(stage.letters, 'AFF', 'needed all the same');
});

test('a path that fails while it is sampled rests before it is sampled again', async () => {
  const marginal = { doubleFailedMs: 60_000, sampleMs: 2000, recheckGapMs: 10_000, errorsPerThousand: 100 };
  await using stage = await Stage.set({ marginal });
  for (let flap = 0; flap < 2; flap++) {
    stage.device.message('fail_path 240:1');
    await stage.pass(1000);
  }
  stage.fail('one');
  await stage.pass(1000);
  stage.mend('one');
  await stage.pass(9000);
  assert.is(stage.letters, 'FAA');
  await stage.pass(15_000);
  assert.is(stage.letters, 'AAA');
});

test('a suspended device is told when it is resumed', async () => {
  await using stage = await Stage.set();
  const suspend = stage.device.suspend();
  await stage.pass(1);
  await suspend;
  stage.fail('one');
  await stage.pass(10_000);
  assert.is(stage.letters, 'AAA');
  const resume = stage.device.resume();
  await stage.pass(1);
  await resume;
  await stage.pass(5000);
  assert.is(stage.letters, 'FAA');
});

test('paths that another table brings are checked, those that it leaves out no longer', async () => {
  await using stage = await Stage.set();
  const reload = stage.device.reload(`0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${A}&switch=four#4`);
  await stage.pass(1);
  await reload;
  stage.fail('four');
  await stage.pass(10_000);
  assert.match(stage.device.status(), / F 1 $/);
  assert.equal(
    stage.checker.paths.map(({ word }) => word),
    [`${A}&switch=four#4`],
  );
});

test('when multipath makes way for another target the checker ends', async () => {
  await using stage = await Stage.set();
  const reload = stage.device.reload('0 2048 error');
  await stage.pass(1);
  await reload;
  await stage.pass(20_000);
  assert.match(stage.logs.join(), /is no multipath device: its target is "error"/);
  assert.is(stage.time.pending, 0);
});

test('a multipath device as a path is read through its own face', async () => {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  await mapper.createDevice({ name: 'low', table: `0 2048 multipath 0 0 1 1 round-robin 0 1 0 ${WORDS[0]}` });
  const top = await mapper.createDevice({ name: 'top', table: '0 2048 multipath 0 0 1 1 round-robin 0 1 0 low' });
  const checker = new PathChecker(mapper, top);
  let isChecked = false;
  time.at(time.now() + 6e9, () => {
    isChecked = true;
  });
  await time.until(() => isChecked);
  assert.equal([checker.paths[0]?.isUp, top.eventNumber], [true, 0]);
  mapper.faultSwitches.get('one').fail();
  await time.until(() => top.eventNumber === 1);
  assert.match(top.status(), / F 1 $/);
  await checker.close();
  let isClosed = false;
  const closing = mapper.close().then(() => {
    isClosed = true;
  });
  await time.until(() => isClosed);
  await closing;
});

test('sizes are told as multipath does, with a figure behind the point only below ten', async () => {
  await using stage = await Stage.set();
  for (const [sectors, text] of [
    [1, '0.5K'],
    [20_480, '10M'],
    [19_456, '9.5M'],
    [3 * 2 ** 21, '3.0G'],
  ] as const) {
    const name = `size${sectors}`;
    const device = await stage.mapper.createDevice({ name, table: `0 ${sectors} multipath 0 0 1 1 round-robin 0 1 0 null:4G` });
    assert.match(topology(device), new RegExp(`^${name} dm-\\d+ rqdm,multipath\nsize=${text} features='0'`));
  }
});

test('options and devices that make no sense are refused', async () => {
  await using stage = await Stage.set();
  for (const options of [
    { intervalMs: 0 },
    { timeoutMs: Number.NaN },
    { failback: -1 },
    { failback: 'now' as 'manual' },
    { noPathRetry: 'x' as 'queue' },
  ]) {
    assert.is(thrown(() => new PathChecker(stage.mapper, stage.device, options))['code'], 'ERR_RQDM_ARGUMENT');
  }
  const flat = await stage.mapper.createDevice({ name: 'flat', table: `0 8 linear ${A} 0` });
  assert.match(
    thrown(() => new PathChecker(stage.mapper, flat)).message,
    /flat is no multipath device: its target is "linear"/,
  );
});

test('the topology is printed as multipath -ll does', async () => {
  await using stage = await Stage.set();
  stage.device.message('queue_if_no_path');
  stage.fail('two');
  await stage.pass(5000);
  await stage.read();
  const [one, two, three] = WORDS as [string, string, string];
  const width = Math.max(one.length, two.length, three.length);
  assert.is(
    topology(stage.device, { checked: stage.checker.paths, priority: ({ word }) => (word.endsWith('#3') ? 10 : 50) }),
    [
      'd dm-0 rqdm,multipath',
      "size=1.0M features='1 queue_if_no_path' hwhandler='0' wp=rw",
      "|-+- policy='service-time 0' prio=50 status=active",
      `| |- #:#:#:# ${one.padEnd(width)} 240:1 active ready running`,
      `| \`- #:#:#:# ${two.padEnd(width)} 240:2 failed faulty running`,
      "`-+- policy='round-robin 0' prio=10 status=enabled",
      `  \`- #:#:#:# ${three.padEnd(width)} 240:3 active ready running`,
      '',
    ].join('\n'),
  );
  assert.match(topology(stage.device), /active undef running/);
});

test.run();
