import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorTarget } from '../../bindings/target/error.ts';
import { linearTarget } from '../../bindings/target/linear.ts';
import { FakeContext, FakeLine, fakeDevice, tableError } from '../support/target-context.ts';

const test = suite('target/linear, error');

const ram = fakeDevice('1:0', { word: '/dev/ram0' });

function linearLine(words: string): FakeLine {
  return new FakeLine(linearTarget, `0 8 linear ${words}`, new FakeContext([ram]));
}

function refusal(words: string): [string, string] {
  const error = tableError(() => linearLine(words));
  return [error.kernelText, error.errno];
}

test('linear takes a device and a sector, no more and no less', () => {
  for (const words of ['', '/dev/ram0', '/dev/ram0 0 1']) assert.equal(refusal(words), ['Invalid argument count', 'EINVAL']);
});

test('the sector of linear is decimal digits only', () => {
  for (const word of ['x', '-1', '1.5', '0x10', '+5'])
    assert.equal(refusal(`/dev/ram0 ${word}`), ['Invalid device sector', 'EINVAL']);
});

test('a bad sector is told before a missing device', () => {
  assert.equal(refusal('/dev/nosuch x'), ['Invalid device sector', 'EINVAL']);
  assert.equal(refusal('/dev/nosuch 0'), ['Device lookup failed', 'ENODEV']);
});

test('linear prints what it was given, as the kernel reads it', () => {
  assert.is(linearLine('/dev/ram0 010').table, '0 8 linear 1:0 10');
  assert.is(linearLine('/dev/ram0 18446744073709551616').table, '0 8 linear 1:0 0');
  assert.is(linearLine('/dev/ram0 5').status, '0 8 linear ');
});

test('linear is mapped by one extent', () => {
  const { target } = linearLine('/dev/ram0 16');
  assert.equal(target.extents, [{ start: 0, length: 8, kind: 'device', device: ram, offset: 16 }]);
  assert.is(target.prepMap, undefined);
});

test('linear visits its stretch of its device', () => {
  const seen: unknown[] = [];
  linearLine('/dev/ram0 16').target.iterateDevices?.((device, start, length) => seen.push([device.number, start, length]));
  assert.equal(seen, [['1:0', 16, 8]]);
});

test('error takes any words and prints none of them', () => {
  const line = new FakeLine(errorTarget, '0 8 error 1 2 3', new FakeContext());
  assert.is(line.table, '0 8 error ');
  assert.is(line.status, '0 8 error ');
});

test('error fails all I/O in the core and gets no flushes', () => {
  const { target } = new FakeLine(errorTarget, '0 8 error', new FakeContext());
  assert.equal(target.extents, [{ start: 0, length: 8, kind: 'error' }]);
  assert.is(target.flushes, 0);
});

test.run();
