// Hardware handlers and parameters end to end, on virtual time: what waits for a group, and for how long.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { ArrayModel } from '../../bindings/target/multipath/hardware-handler/array-model.ts';
import { HardwareHandlerRegistry } from '../../bindings/target/multipath/hardware-handler/registry.ts';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { MultipathParameters } from '../../bindings/target/multipath/parameters.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { rejection } from '../support/promise-state.ts';

const test = suite('device: multipath handlers');

const A = 'mem:a?size=1M';
const WORDS = ['one', 'two', 'three'].map((name, index) => `${A}&switch=${name}#${index + 1}`);
const GROUPS = `2 1 service-time 0 2 0 ${WORDS[0]} ${WORDS[1]} service-time 0 1 0 ${WORDS[2]}`;

class Stage implements AsyncDisposable {
  readonly time: VirtualTime = new VirtualTime();
  readonly mapper: DeviceMapper = new DeviceMapper({ time: this.time });
  readonly parameters: MultipathParameters = new MultipathParameters();
  readonly array: ArrayModel = new ArrayModel({
    groups: [
      { id: 1, state: 'active/optimized', ports: WORDS.slice(0, 2) },
      { id: 2, state: 'standby', ports: WORDS.slice(2) },
    ],
    transitionMs: 250,
    demotedState: 'standby',
  });

  constructor() {
    const handlers = new HardwareHandlerRegistry();
    handlers.addArray(this.array);
    // beside the built-in one, which takes its handlers from elsewhere
    this.mapper.registerTarget({ ...multipathTarget(new SelectorRegistry(), handlers, this.parameters), name: 'mp' });
  }

  create(words: string): Promise<MappedDevice> {
    return this.mapper.createDevice({ name: 'd', table: `0 2048 mp ${words}` });
  }

  /** Waits on the virtual clock; returns how many milliseconds that took. */
  async over<T>(promise: Promise<T>): Promise<number> {
    const startNs = this.time.now();
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    promise.then(done, done);
    await this.time.until(() => isDone);
    return (this.time.now() - startNs) / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.over(this.mapper.close());
  }
}

test('I/O waits for the group and goes on as soon as it is ready, not at the next turn of a delay', async () => {
  await using stage = new Stage();
  const device = await stage.create(`0 1 alua ${GROUPS}`);
  const reads = Promise.all([device.read(0, 4096), device.read(65536, 4096), device.flush()]);
  assert.ok((await stage.over(reads)) < 20);
  assert.match(device.status(), /^0 2048 mp 2 0 1 0 2 1 A /);
  assert.ok((await stage.over(device.read(0, 512))) < 1, 'the group is ready now');
});

test('a failover waits for the array to change over, and everything that was asked meanwhile goes there', async () => {
  await using stage = new Stage();
  const device = await stage.create(`0 1 alua ${GROUPS}`);
  await stage.over(device.read(0, 512));
  for (const name of ['one', 'two']) stage.mapper.faultSwitches.get(name).fail();
  const reads = Promise.all(Array.from({ length: 8 }, (_, index) => device.read(index * 65536, 512)));
  const ms = await stage.over(reads);
  assert.ok(ms >= 250 && ms < 280, `${ms} ms`);
  assert.is(stage.array.stateOf(WORDS[2] as string), 'active/optimized');
  assert.match(device.status(), / F 1 .* F 1 .* A 0 1 2 /);
  assert.is(device.stats().bioErrors, 0);
});

test('a flush suspend during an initialisation ends, and I/O goes on after the resume', async () => {
  await using stage = new Stage();
  const device = await stage.create(`0 1 alua ${GROUPS}`);
  await stage.over(device.read(0, 512));
  device.message('switch_group 2');
  const read = device.read(0, 512);
  stage.time.advanceTo(stage.time.now() + 50e6);
  await stage.over(device.suspend({ noflush: true }));
  await stage.over(device.resume());
  await stage.over(read);
  assert.is(stage.array.stateOf(WORDS[2] as string), 'active/optimized');
});

test('a new table in the middle of an initialisation keeps the handlers and waits for the array anew', async () => {
  await using stage = new Stage();
  const device = await stage.create(`0 1 alua ${GROUPS}`);
  await stage.over(device.read(0, 512));
  device.message('switch_group 2');
  const read = device.read(0, 512);
  stage.time.advanceTo(stage.time.now() + 50e6);
  await stage.over(
    device.reload(`0 2048 mp 1 retain_attached_hw_handler 0 1 1 service-time 0 1 0 ${WORDS[2]}`, { noflush: true }),
  );
  assert.match(device.table(), /1 retain_attached_hw_handler 1 alua 1 1 /);
  const ms = await stage.over(read);
  assert.ok(ms <= 380, `${ms} ms: at most 100 until it is asked again, and a change of the array`);
});

test('held I/O fails when the time without a path is over', async () => {
  await using stage = new Stage();
  stage.parameters.queueIfNoPathTimeoutSecsOf.set('d', 5);
  const device = await stage.create(`1 queue_if_no_path 0 1 1 service-time 0 1 0 ${WORDS[0]}`);
  stage.mapper.faultSwitches.get('one').fail();
  const failing = rejection(device.read(0, 512));
  const ms = await stage.over(failing);
  assert.ok(ms >= 5000 && ms < 5200, `${ms} ms`);
  assert.is((await failing)['code'], 'EIO');
  assert.not.match(device.table(), /queue_if_no_path/);
});

test('what a decision was made from is explained at the device', async () => {
  await using stage = new Stage();
  const device = await stage.create(`0 0 ${GROUPS}`);
  device.message('explain on');
  await stage.over(Promise.all([device.read(0, 512), device.read(65536, 512)]));
  assert.match(device.message('explain') as string, /read 0\+1: sent 240:1 in group 1; 240:1 chosen inFlightBytes=0/);
  const explained = device.liveTable?.lines[0]?.target.explain?.();
  assert.is(explained?.decisions.length, 2);
});

test.run();
