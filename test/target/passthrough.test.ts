import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, STATUS_IOERR } from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { passthroughTarget } from '../../bindings/target/passthrough/passthrough.ts';
import { END_DONE, MAP_REMAPPED } from '../../bindings/target/target.ts';
import { FakeContext, FakeIo, FakeLine, fakeDevice, tableError } from '../support/target-context.ts';

const test = suite('target/passthrough');

const disk = fakeDevice('7:0', { word: '/dev/loop0' });

function line(text = '64 32 passthrough /dev/loop0 16'): FakeLine {
  return new FakeLine(passthroughTarget, text, new FakeContext([disk]));
}

test('an I/O goes to the device, at the place translated', () => {
  const { target } = line();
  const io = new FakeIo({ sector: 70 });
  assert.is(target.prepMap?.(io), MAP_REMAPPED);
  assert.is(io.device, disk.id);
  assert.is(target.map?.(io), MAP_REMAPPED);
  assert.is(io.sector, 22);
});

test('a flush keeps its sector', () => {
  const io = new FakeIo({ operation: OPERATION_FLUSH, sectors: 0, sector: 0 });
  line().target.map?.(io);
  assert.is(io.sector, 0);
});

test('what prepMap counts is taken back by endIo or by release', () => {
  const passthrough = line();
  const { target } = passthrough;
  const io = new FakeIo();
  target.prepMap?.(io);
  target.prepMap?.(io);
  assert.is(passthrough.status, '64 32 passthrough 2 0');
  target.release?.(io);
  assert.is(target.endIo?.(io), END_DONE);
  assert.is(passthrough.status, '64 32 passthrough 0 0');
});

test('an error keeps its status and is counted until it is reset', () => {
  const passthrough = line();
  assert.is(passthrough.target.endIoFirst?.(new FakeIo({ status: STATUS_IOERR })), STATUS_IOERR);
  assert.is(passthrough.status, '64 32 passthrough 0 1');
  passthrough.target.message?.(['reset_errors']);
  assert.is(passthrough.status, '64 32 passthrough 0 0');
});

test('an unknown message is refused', () => {
  assert.throws(
    () => line().target.message?.(['nonsense']),
    (error: unknown) => error instanceof RqdmError && error.code === 'ERR_RQDM_MESSAGE',
  );
});

test('its line loads again to the same line', () => {
  assert.is(line().table, '64 32 passthrough 7:0 16');
  assert.is(line(line().table).table, line().table);
});

test('its mistakes are those of linear', () => {
  assert.is(tableError(() => line('0 8 passthrough /dev/loop0')).kernelText, 'Invalid argument count');
  assert.is(tableError(() => line('0 8 passthrough /dev/loop0 x')).kernelText, 'Invalid device sector');
});

test('its device is published for pulling', () => {
  assert.equal(line().context.usable, ['7:0']);
});

test.run();
