import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { RawCore, type RawIo } from '../support/raw-core.ts';

const { FLAG_FUA: FUA, FLAG_PREFLUSH: PREFLUSH, OPERATION_FLUSH: FLUSH, OPERATION_WRITE: WRITE } = abi;
const CACHE = [abi.SETTING_HAS_CACHE, 1] as const;
const NATIVE = [abi.SETTING_HAS_FUA, 1] as const;
const LETTERS: Readonly<Record<number, string>> = { [abi.OPERATION_READ]: 'R', [WRITE]: 'W', [FLUSH]: 'F' };

const said = (ios: readonly RawIo[]): string =>
  ios
    .map(({ operation, flags }) => `${LETTERS[operation]}${flags & FUA ? 'fua' : ''}${flags & PREFLUSH ? 'pre' : ''}`)
    .join(' ');

/** All that goes down for one write with these flags. */
function steps(flags: number, settings: readonly (readonly [number, number])[]): string {
  const core = new RawCore();
  const path = core.backing(settings);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags });
  const all: RawIo[] = [];
  while (core.issued.length > 0) {
    assert.is(core.issued.length, 1, 'one step at a time');
    assert.is(core.ended.size, 0, 'nobody is told before the last step');
    all.push(...core.answer());
  }
  assert.is(core.ended.get(0), abi.STATUS_OK);
  core.assertIdle();
  return said(all);
}

test('the steps of a write follow from its flags and from what the device can', () => {
  assert.is(steps(0, [CACHE]), 'W');
  assert.is(steps(PREFLUSH, [CACHE]), 'F W');
  assert.is(steps(FUA, [CACHE]), 'W F');
  assert.is(steps(PREFLUSH | FUA, [CACHE]), 'F W F');
  assert.is(steps(FUA, [CACHE, NATIVE]), 'Wfua');
  assert.is(steps(PREFLUSH | FUA, [CACHE, NATIVE]), 'F Wfua');
  assert.is(steps(PREFLUSH | FUA, []), 'W');
  assert.is(steps(PREFLUSH | FUA, [NATIVE]), 'W');
});

test('a write of nothing that flushes first is a flush', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  core.submit({ device: path, operation: WRITE, sectors: 0, flags: PREFLUSH });
  assert.is(said(core.drain()), 'F');
  core.assertIdle();
});

test('flushes that come while one is under way gather into the next one', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  const flush = { device: path, operation: FLUSH };
  core.submit(flush);
  core.submit(flush, flush);
  core.submit(flush);
  assert.is(core.issued.length, 1);
  core.answer();
  assert.equal([...core.ended.keys()], [0], 'those that came later are not covered by it');
  assert.is(core.issued.length, 1);
  core.answer();
  assert.is(core.ended.size, 4);
  core.assertIdle();
});

test('a flush waits for data steps under way, but not for longer than five seconds', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags: FUA });
  core.submit({ device: path, operation: FLUSH });
  assert.is(said(core.issued), 'W');
  const [write] = core.issued.splice(0, 1);
  core.advance(4999);
  assert.is(core.issued.length, 0);
  assert.is(core.core.exports.nextTimer(), core.nowNs + 1e6);
  core.advance(1);
  assert.is(said(core.issued), 'F');
  core.answer();
  assert.equal([...core.ended.keys()], [1]);
  core.issued.push(write as RawIo);
  assert.is(said(core.drain()), 'W F');
  core.assertIdle();
});

test('a flush sent when the data has ended serves both', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags: FUA }, { device: path, operation: FLUSH });
  assert.is(said(core.answer()), 'W');
  assert.is(core.core.exports.nextTimer(), 0, 'nothing waits for the five seconds any more');
  assert.is(said(core.answer()), 'F');
  assert.is(core.ended.size, 2);
  core.assertIdle();
});

test('an error ends the request at that step, and a flush that fails ends all that waited for it', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags: PREFLUSH | FUA }, { device: path, operation: FLUSH });
  core.answer(1, abi.STATUS_MEDIUM);
  assert.equal([...core.ended.values()], [abi.STATUS_MEDIUM, abi.STATUS_MEDIUM]);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags: FUA });
  core.answer(1, abi.STATUS_NOSPC);
  assert.is(core.ended.get(2), abi.STATUS_NOSPC);
  assert.is(core.issued.length, 0, 'no flush for what was not written');
  core.assertIdle();
});

test('a FUA write that was done, and yet failed, is not told well: no flush follows it', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  core.submit({ device: path, operation: WRITE, sectors: 8, flags: FUA });
  core.answer(1, abi.STATUS_TRANSPORT, 8);
  assert.is(core.ended.get(0), abi.STATUS_TRANSPORT);
  core.assertIdle();
});

test('writes that flush do not merge, whatever stands beside them', () => {
  const core = new RawCore();
  const path = core.backing([CACHE, NATIVE, [abi.SETTING_ELEVATOR, abi.ELEVATOR_MQ_DEADLINE]]);
  const write = { device: path, operation: WRITE, sectors: 8 };
  core.submit(write, { ...write, sector: 8, flags: FUA }, { ...write, sector: 16, flags: FUA }, { ...write, sector: 24 });
  assert.is(core.drain().length, 4);
  core.assertIdle();
});

test('a FUA write that is tried again is told once, after its flush', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  const device = core.device(abi.DEVICE_REQUEST, [CACHE]);
  core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_END_IO });
  core.endings.push(abi.END_REQUEUE);
  core.submit({ device, operation: WRITE, sectors: 8, flags: FUA });
  // the path says that all of it was done, and yet an error: nobody is told, it goes again
  core.answer(1, abi.STATUS_TRANSPORT, 8);
  assert.is(core.ended.size, 0);
  assert.is(said(core.drain()), 'W F');
  assert.is(core.ended.get(0), abi.STATUS_OK);
  core.assertIdle();
});

test('on a bio-based device the flush goes before the write to every device, and the write keeps FUA', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  const device = core.device(abi.DEVICE_BIO, [CACHE]);
  core.map(device, abi.EXTENT_DEVICE, path);
  core.submit({ device, operation: WRITE, sectors: 8, flags: PREFLUSH | FUA });
  assert.is(said(core.drain()), 'F W F');
  core.submit({ device, operation: WRITE, sectors: 8, flags: PREFLUSH });
  core.answer(1, abi.STATUS_IOERR);
  assert.is(core.ended.get(1), abi.STATUS_IOERR);
  assert.is(core.issued.length, 0);
  core.assertIdle();
});

test('suspended in the middle, the machine goes on where it was', () => {
  const core = new RawCore();
  const path = core.backing([CACHE]);
  const device = core.device(abi.DEVICE_REQUEST, [CACHE]);
  core.map(device, abi.EXTENT_DEVICE, path);
  const { exports } = core.core;
  core.submit({ device, operation: WRITE, sectors: 8, flags: PREFLUSH | FUA });
  exports.setState(core.nowNs, device, abi.DEVICE_SUSPENDING, 0);
  core.answer();
  exports.setState(core.nowNs, device, abi.DEVICE_SUSPENDED, 0);
  core.run();
  assert.is(core.issued.length, 0);
  exports.setState(core.nowNs, device, abi.DEVICE_RUNNING, 0);
  core.run();
  assert.is(said(core.drain()), 'W F');
  core.assertIdle();
});

test('data of the machine that a lowered limit makes too long begins anew, each part with its own flushes', () => {
  const core = new RawCore();
  const path = core.backing([CACHE, [abi.SETTING_DEPTH, 1]]);
  core.submit({ device: path, sectors: 8 });
  core.submit({ device: path, operation: WRITE, sector: 8, sectors: 24, flags: FUA });
  core.configure(path, abi.SETTING_MAX_SECTORS, 16);
  const all = core.drain();
  assert.is(said(all), 'R W W F');
  assert.equal(
    all.map(({ sectors }) => sectors),
    [8, 16, 8, 0],
  );
  core.submit({ device: path, operation: FLUSH });
  assert.is(said(core.drain()), 'F', 'no data is under way any more');
  core.assertIdle();
});

test('with every pool at its minimum flushes and writes that flush all end', () => {
  const core = new RawCore({ devices: 2, bios: 8, requests: 8 });
  const path = core.backing([CACHE]);
  const device = core.device(abi.DEVICE_BIO, [CACHE]);
  core.map(device, abi.EXTENT_DEVICE, path);
  core.submit(...[0, 8].map((sector) => ({ device, operation: WRITE, sectors: 8, sector, flags: PREFLUSH | FUA })));
  core.drain();
  core.assertIdle();
});

test.run();
