// What a server tells of multipath devices, and how it looks after their paths, on virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { explanationText } from '../../src/command/explain.ts';
import { parseChecker } from '../../src/control/checker-options.ts';
import { Checkers } from '../../src/control/checkers.ts';
import { parseConfig } from '../../src/control/config.ts';
import { Fields } from '../../src/control/fields.ts';
import { KernelLog } from '../../src/control/kernel-log.ts';
import { multipathOperations } from '../../src/control/multipath-operations.ts';
import { deviceOperations } from '../../src/control/operations.ts';
import { ControlError, type ExplainReply, type TopologyReply } from '../../src/control/protocol.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

const test = suite('control: multipath devices');

const SIM = 'size=1M&service=100us';
const GROUPS = `0 2048 multipath 0 0 2 1 service-time 0 1 1 sim:a?${SIM}&switch=a 1 service-time 0 1 1 sim:b?${SIM} 1`;

class Room extends VirtualMapper {
  readonly checkers: Checkers;
  readonly #operations;

  constructor(words?: readonly string[]) {
    super();
    this.checkers = new Checkers(this.mapper, words && parseChecker(words));
    const all = [
      ...this.checkers.follow(deviceOperations(this.mapper, new KernelLog())),
      ...multipathOperations(this.mapper, this.checkers),
    ];
    this.#operations = new Map(all);
  }

  ask<T>(op: string, fields: object): Promise<T> {
    const operation = this.#operations.get(op);
    const work = async (): Promise<T> => operation?.(new Fields(fields as never), new AbortController().signal) as T;
    return this.run(work());
  }

  async make(name: string, table: string): Promise<void> {
    await this.ask('create', { name });
    await this.ask('load', { device: { name }, table });
    await this.ask('resume', { device: { name } });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.run(this.checkers.close());
    await super[Symbol.asyncDispose]();
  }
}

test('explain tells the last decisions with the figures of the selector, and why each path is not used', async () => {
  await using room = new Room();
  await room.make('m', GROUPS);
  const device = room.mapper.getDevice('m');
  assert.ok(device);
  // the first I/O chooses the group
  await room.run(device.read(0, 512));
  const off = await room.ask<ExplainReply>('explain', { name: 'm' });
  assert.is(off.isOn, false);
  assert.match(
    explanationText(off),
    /--keep N keeps them\nnow sim:a.* group 1 usable .*\nnow sim:b.* group 2 group not current/,
  );
  await room.ask('explain', { name: 'm', keep: 8 });
  for (const sector of [0, 64, 128]) await room.run(device.read(sector * 512, 512));
  const on = await room.ask<ExplainReply>('explain', { name: 'm', last: 2 });
  assert.equal(
    on.decisions.map(({ sector, outcome, group }) => [sector, outcome, group]),
    [
      [64, 'sent', 1],
      [128, 'sent', 1],
    ],
  );
  assert.match(explanationText(on), /read 64\+1: sent sim:a.* in group 1\n {4}sim:a.* group 1 chosen inFlightBytes=0/);
  await room.ask('message', { device: { name: 'm' }, message: `fail_path sim:a?${SIM}&switch=a` });
  const failed = await room.ask<ExplainReply>('explain', { name: 'm', keep: 0 });
  assert.is(failed.paths[0]?.why, 'failed');
  assert.is(failed.decisions.length, 0);
});

test('explain and topology refuse what is no multipath device, and what is not there', async () => {
  await using room = new Room();
  await room.make('l', `0 2048 linear sim:a?${SIM} 0`);
  for (const op of ['explain', 'topology']) {
    const errors: unknown[] = [];
    for (const name of ['l', 'nobody']) await room.ask(op, { name }).catch((error: unknown) => errors.push(error));
    assert.is(errors.length, 2);
    assert.is((errors[1] as ControlError).errno, 'ENXIO');
  }
  assert.equal(await room.ask('topology', {}), { devices: [] });
});

test('topology shows the map and, where a checker looks, what it has seen', async () => {
  await using room = new Room(['interval=1', 'failback=immediate']);
  await room.make('m', GROUPS);
  await room.run(room.mapper.getDevice('m')?.read(0, 512) as Promise<Buffer>);
  const before = await room.ask<{ devices: TopologyReply[] }>('topology', {});
  assert.match(
    before.devices[0]?.text ?? '',
    /^m dm-0 rqdm,multipath\nsize=1\.0M .*\n.*status=active\n.* active undef running\n/,
  );
  room.mapper.faultSwitches.get('a').fail();
  await room.advance(3000);
  const down = await room.ask<{ devices: TopologyReply[] }>('topology', { name: 'm' });
  assert.match(down.devices[0]?.text ?? '', /sim:a.* failed faulty running\n/);
  assert.match(down.devices[0]?.text ?? '', /sim:b.* active ready running\n/);
  room.mapper.faultSwitches.get('a').mend();
  await room.advance(10_000);
  const up = await room.ask<{ devices: TopologyReply[] }>('topology', { name: 'm' });
  assert.match(up.devices[0]?.text ?? '', /status=active\n.*sim:a.* active ready running\n/);
});

test('a device gets its checker with its table and loses it with it; without words nobody checks', async () => {
  await using room = new Room([]);
  await room.make('m', `0 2048 linear sim:a?${SIM} 0`);
  const device = room.mapper.getDevice('m');
  assert.ok(device);
  assert.is(room.checkers.of(device), undefined);
  await room.make('n', GROUPS);
  const multipath = room.mapper.getDevice('n');
  assert.ok(multipath && room.checkers.of(multipath));
  await room.ask('remove', { device: { name: 'n' } });
  assert.is(room.checkers.of(multipath), undefined);
  await using silent = new Room();
  await silent.make('m', GROUPS);
  assert.is((await silent.ask<{ devices: TopologyReply[] }>('topology', {})).devices[0]?.checked, null);
});

test('the words of a checker are read in seconds, and a wrong one is named', () => {
  assert.equal(parseChecker(['read', 'interval=2.5', 'failback=30', 'no_path_retry=queue', 'marginal=60']), {
    checker: 'read',
    intervalMs: 2500,
    failback: 30,
    noPathRetry: 'queue',
    marginal: { doubleFailedMs: 60_000 },
  });
  for (const word of ['interval=0', 'interval=x', 'failback=later', 'no_path_retry=-1', 'tur', 'timeout=']) {
    assert.throws(
      () => parseChecker([word]),
      (error: unknown) => error instanceof ControlError && error.message.includes(word),
    );
  }
  const text = 'checker interval=1 failback=manual\ndevice m\n  0 8 zero\n';
  assert.equal(parseConfig(text, 'file').checker, ['interval=1', 'failback=manual']);
});

test.run();
