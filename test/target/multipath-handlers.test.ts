import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { statusOfSense } from '../../bindings/sense.ts';
import { aluaHandler } from '../../bindings/target/multipath/hardware-handler/alua.ts';
import {
  type AccessState,
  ArrayModel,
  type ArrayOptions,
} from '../../bindings/target/multipath/hardware-handler/array-model.ts';
import {
  ACTIVATION_FAILED,
  ACTIVATION_OK,
  ACTIVATION_RETRY,
  type HardwareHandler,
} from '../../bindings/target/multipath/hardware-handler/handler.ts';
import { HardwareHandlerRegistry } from '../../bindings/target/multipath/hardware-handler/registry.ts';
import { emcHandler, hpSwHandler, rdacHandler } from '../../bindings/target/multipath/hardware-handler/vendor.ts';
import { handlerContract } from '../contract/hardware-handler.ts';
import { fakeDevice } from '../support/target-context.ts';
import { TimedContext } from '../support/timed-context.ts';

const test = suite('target/multipath/hardware-handler');

const disk = (): ReturnType<typeof fakeDevice> => fakeDevice('8:0', { word: '/dev/sda' });

function array(options: Partial<ArrayOptions> = {}): ArrayModel {
  return new ArrayModel({
    groups: [
      { id: 1, state: 'active/optimized', ports: ['/dev/sda', '/dev/sdb'] },
      { id: 2, state: 'active/non-optimized', ports: ['/dev/sdc'] },
    ],
    transitionMs: 100,
    ...options,
  });
}

handlerContract(test, {
  type: aluaHandler,
  device: disk,
  array,
  refused: { device: disk, errno: 'ENODEV' },
  goodParameters: [['0'], ['1']],
  badParameters: [['2'], ['x'], ['1', '1'], []],
});

handlerContract(test, { type: hpSwHandler, device: disk });

for (const [type, errno] of [
  [emcHandler, 'ENODEV'],
  [rdacHandler, 'EINVAL'],
] as const) {
  test(`${type.name}: no disk is one of its arrays`, () => {
    assert.throws(
      () => type.attach(disk(), { array: array(), log: () => {} }),
      (error: unknown) => (error as { errno: string }).errno === errno,
    );
  });
}

// ---- alua ---------------------------------------------------------------------------------------------------------

function alua(model: ArrayModel, port: string, ...words: string[]): HardwareHandler {
  const handler = aluaHandler.attach(fakeDevice('8:9', { word: port }), { array: model, log: () => {} });
  if (words.length > 0) handler.setParameters?.(words);
  return handler;
}

function resultAfter(handler: HardwareHandler, ms: number): number | undefined {
  const context = new TimedContext();
  let result: number | undefined;
  handler.activate(context, (value) => {
    result = value;
  });
  context.pass(ms);
  return result;
}

test('activating a group that is not optimized asks the array for it, and ends when the array has changed', () => {
  const model = array();
  const handler = alua(model, '/dev/sdc');
  assert.is(resultAfter(handler, 100), undefined, '1 ms to look and 100 to change');
  assert.is(model.stateOf('/dev/sdc'), 'transitioning');
  const other = array();
  assert.is(resultAfter(alua(other, '/dev/sdc'), 101), ACTIVATION_OK);
  assert.is(other.stateOf('/dev/sdc'), 'active/optimized');
  assert.is(other.stateOf('/dev/sda'), 'active/non-optimized', 'one group at a time');
});

test('two ports of a group that are activated together ask once', () => {
  const model = array();
  model.setState(1, 'standby');
  const context = new TimedContext();
  const results: number[] = [];
  for (const port of ['/dev/sda', '/dev/sdb']) alua(model, port).activate(context, (result) => results.push(result));
  context.pass(1000);
  assert.equal(results, [ACTIVATION_OK, ACTIVATION_OK], 'the second joins the change that the first has asked for');
  assert.is(model.requests, 1);
});

test('a change whose first asker is gone ends for the next one that joins', () => {
  const model = array();
  model.setState(1, 'standby');
  const gone = new TimedContext();
  alua(model, '/dev/sda').activate(gone, () => {});
  gone.pass(50);
  assert.is(model.stateOf('/dev/sda'), 'transitioning');
  assert.is(resultAfter(alua(model, '/dev/sdb'), 101), ACTIVATION_OK);
});

test('a change that was asked for is called off when the array takes another state meanwhile', () => {
  const model = array();
  model.setState(1, 'standby');
  const context = new TimedContext();
  const results: number[] = [];
  alua(model, '/dev/sda').activate(context, (result) => results.push(result));
  context.pass(50);
  model.setState(1, 'unavailable');
  assert.equal(results, [ACTIVATION_RETRY]);
  context.pass(1000);
  assert.is(model.stateOf('/dev/sda'), 'unavailable');
});

test('a change that the array makes by itself is waited for, a minute at most', () => {
  const model = array();
  model.setState(1, 'transitioning');
  const context = new TimedContext();
  const results: number[] = [];
  alua(model, '/dev/sda').activate(context, (result) => results.push(result));
  context.pass(30_000);
  assert.equal(results, []);
  model.setState(1, 'active/non-optimized');
  assert.equal(results, [ACTIVATION_OK]);
  model.setState(1, 'transitioning');
  assert.is(resultAfter(alua(model, '/dev/sda'), 60_001), ACTIVATION_RETRY);
  assert.is(model.requests, 0);
});

test('with the word 1 a group that is not optimized will do, unless the array prefers it', () => {
  const model = array();
  assert.is(resultAfter(alua(model, '/dev/sdc', '1'), 10), ACTIVATION_OK);
  assert.is(model.requests, 0);
  const preferred = array({ groups: [{ id: 2, state: 'active/non-optimized', ports: ['/dev/sdc'], isPreferred: true }] });
  assert.is(resultAfter(alua(preferred, '/dev/sdc', '1'), 1000), ACTIVATION_OK);
  assert.is(preferred.requests, 1);
  const asked = array({ isImplicit: false });
  assert.is(resultAfter(alua(asked, '/dev/sdc', '1'), 1000), ACTIVATION_OK);
  assert.is(asked.requests, 1, 'an array that never decides alone must be asked');
});

const STATES: readonly (readonly [AccessState, explicit: number, implicit: number])[] = [
  ['active/optimized', ACTIVATION_OK, ACTIVATION_OK],
  ['active/non-optimized', ACTIVATION_OK, ACTIVATION_OK],
  ['lba-dependent', ACTIVATION_OK, ACTIVATION_OK],
  ['standby', ACTIVATION_OK, ACTIVATION_RETRY],
  ['unavailable', ACTIVATION_OK, ACTIVATION_RETRY],
  ['transitioning', ACTIVATION_RETRY, ACTIVATION_RETRY],
  ['offline', ACTIVATION_FAILED, ACTIVATION_FAILED],
];
for (const [state, explicit, implicit] of STATES) {
  test(`alua: activation of a port that is ${state}`, () => {
    for (const [isExplicit, expected] of [
      [true, explicit],
      [false, implicit],
    ] as const) {
      const model = array({ isExplicit });
      model.setState(1, state);
      assert.is(resultAfter(alua(model, '/dev/sda'), 61_000), expected, isExplicit ? 'explicit' : 'implicit');
    }
  });
}

test('alua: what a sense tells of the state holds for the next I/O', () => {
  const model = array();
  const handler = alua(model, '/dev/sda');
  const tell = (ascq: number): number | undefined => {
    handler.checkSense?.({ key: 2, asc: 4, ascq });
    return handler.prepare?.(0);
  };
  assert.is(tell(0x0b), abi.STATUS_IOERR);
  assert.is(tell(0x0c), abi.STATUS_IOERR);
  model.setState(1, 'transitioning');
  assert.is(tell(0x0a), abi.STATUS_AGAIN);
  model.setState(1, 'active/optimized');
  assert.is(handler.prepare?.(0), abi.STATUS_OK, 'it looks again by itself');
});

test('an array answers I/O by its state, through the one table of senses', () => {
  const model = array();
  assert.is(model.statusOf('/dev/sda'), abi.STATUS_OK);
  for (const [state, status] of [
    ['standby', abi.STATUS_OFFLINE],
    ['unavailable', abi.STATUS_OFFLINE],
    ['offline', abi.STATUS_OFFLINE],
    ['transitioning', abi.STATUS_AGAIN],
    ['active/non-optimized', abi.STATUS_OK],
  ] as const) {
    model.setState(1, state);
    assert.is(model.statusOf('/dev/sda'), status, state);
  }
});

test('an array with a port in two groups, or a port that it has not, is refused', () => {
  const twice = { id: 2, state: 'standby', ports: ['a'] } as const;
  for (const run of [
    () => new ArrayModel({ groups: [{ ...twice, id: 1 }, twice] }),
    () => new ArrayModel({ groups: [twice, { ...twice, ports: ['b'] }] }),
    () => array().stateOf('nosuch'),
    () => array().setState(9, 'standby'),
  ]) {
    assert.throws(run, (error: unknown) => error instanceof RqdmError && error.code === 'ERR_RQDM_ARGUMENT');
  }
});

// ---- sense ----------------------------------------------------------------------------------------------------------

for (const [key, asc, ascq, status] of [
  [0, 0, 0, abi.STATUS_OK],
  [1, 0x17, 1, abi.STATUS_OK],
  [2, 4, 0x0a, abi.STATUS_AGAIN],
  [2, 4, 0x0b, abi.STATUS_OFFLINE],
  [2, 0x3a, 0, abi.STATUS_IOERR],
  [3, 0x11, 0, abi.STATUS_MEDIUM],
  [4, 0x44, 0, abi.STATUS_TARGET],
  [5, 0x20, 0, abi.STATUS_TARGET],
  [5, 0x10, 1, abi.STATUS_PROTECTION],
  [6, 0x29, 0, abi.STATUS_AGAIN],
  [7, 0x27, 7, abi.STATUS_NOSPC],
  [7, 0x27, 0, abi.STATUS_READ_ONLY],
  [7, 0x20, 0, abi.STATUS_TARGET],
  [8, 0, 0, abi.STATUS_TARGET],
  [9, 0, 0, abi.STATUS_IOERR],
  [0xb, 0x10, 3, abi.STATUS_PROTECTION],
  [0xb, 0x47, 0, abi.STATUS_TRANSPORT],
  [0xe, 0x1d, 0, abi.STATUS_TARGET],
] as const) {
  test(`sense ${key.toString(16)}/${asc.toString(16)}/${ascq.toString(16)} is status ${status}`, () => {
    assert.is(statusOfSense({ key, asc, ascq }), status);
  });
}

// ---- the registry -----------------------------------------------------------------------------------------------------

test('the built-in handlers are known by name, and a name is given once', () => {
  const registry = new HardwareHandlerRegistry();
  for (const name of ['alua', 'emc', 'hp_sw', 'rdac']) assert.is(registry.get(name)?.name, name);
  assert.throws(
    () => registry.registerHandler(aluaHandler),
    (error: unknown) => (error as RqdmError).code === 'ERR_RQDM_HANDLER_EXISTS',
  );
  assert.throws(
    () => registry.registerHandler({ ...aluaHandler, name: 'a b' }),
    (error: unknown) => (error as RqdmError).code === 'ERR_RQDM_HANDLER_NAME',
  );
});

test('sense is judged by the handler of the device first, then by the table', () => {
  const registry = new HardwareHandlerRegistry([]);
  const checkSense = ({ key }: { key: number }): number | undefined => (key === 9 ? abi.STATUS_TRANSPORT : undefined);
  registry.registerHandler({ name: 'own', attach: () => ({ activate: (): void => {}, checkSense }) });
  const [own, bare] = [disk(), disk()];
  registry.attach('own', own, () => {});
  const vendor = { key: 9, asc: 0x80, ascq: 1 };
  assert.is(registry.statusOf(own, vendor), abi.STATUS_TRANSPORT);
  assert.is(registry.statusOf(bare, vendor), abi.STATUS_IOERR);
  assert.is(registry.statusOf(own, { key: 3, asc: 0x11, ascq: 0 }), abi.STATUS_MEDIUM);
});

test('a device keeps its handler until it is detached', () => {
  const registry = new HardwareHandlerRegistry([]);
  let detached = 0;
  const own = { activate: (): void => {}, detach: (): void => void detached++ };
  registry.registerHandler({ name: 'own', attach: () => own });
  registry.registerHandler({ name: 'other', attach: () => own });
  const device = disk();
  assert.is(
    registry.attach('own', device, () => {}),
    own,
  );
  assert.is(registry.attachedTo(device)?.name, 'own');
  assert.throws(
    () => registry.attach('other', device, () => {}),
    (error: unknown) => (error as { errno: string }).errno === 'EBUSY',
  );
  registry.detach(device);
  assert.is(detached, 1);
  assert.is(registry.attachedTo(device), undefined);
});

test.run();
