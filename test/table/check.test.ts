import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CheckedLine, ConstructedLine, DeviceType } from '../../bindings/table/check.ts';
import {
  checkAlignment,
  checkDeviceArea,
  checkLine,
  checkReplacement,
  checkTypeChange,
  decideType,
  TABLE_SECTORS_MAX,
} from '../../bindings/table/check.ts';
import { kernelLogLines } from '../../bindings/table/kernel-log.ts';
import { parseTable } from '../../bindings/table/parse.ts';
import { errorTarget } from '../../bindings/target/error.ts';
import { linearTarget } from '../../bindings/target/linear.ts';
import { passthroughTarget } from '../../bindings/target/passthrough/passthrough.ts';
import type { DeviceReference, Target, TargetType } from '../../bindings/target/target.ts';
import { FAKE_LIMITS, fakeDevice, tableError } from '../support/target-context.ts';

const test = suite('table/check');

function fakeType(name: string, rest: Partial<TargetType> = {}): TargetType {
  return { name, version: [1, 0, 0], mapping: 'bio', construct: () => ({ status: () => '' }), ...rest };
}

const multipath = fakeType('multipath', { mapping: 'hybrid', isSingleton: true, isImmutable: true });
const immutable = fakeType('immutable', { isImmutable: true });
const requestOnly = fakeType('request-only', { mapping: 'request', isImmutable: true });
const zero = fakeType('zero');
const types = new Map(
  [multipath, immutable, requestOnly, zero, linearTarget, errorTarget, passthroughTarget].map((type) => [type.name, type]),
);

/** Checks a whole table and returns its lines. */
function check(text: string, isReadOnly = false): CheckedLine[] {
  const checked: CheckedLine[] = [];
  for (const line of parseTable(text))
    checked.push({ line, type: checkLine(checked, line, types.get(line.target), isReadOnly) });
  return checked;
}

function refusal(text: string, isReadOnly = false): string {
  return tableError(() => check(text, isReadOnly)).kernelText;
}

function constructed(text: string, target: Partial<Target> = {}, devices: readonly DeviceReference[] = []): ConstructedLine[] {
  return check(text).map((entry) => ({
    ...entry,
    target: {
      status: () => '',
      iterateDevices: (visit) => {
        for (const device of devices) visit(device, 0, 8);
      },
      ...target,
    },
  }));
}

test('lines that follow each other from 0 are a table', () => {
  assert.is(check('0 8 zero\n8 8 error\n16 8 linear /dev/ram0 0').length, 3);
});

test('a start other than the end before it is a gap, also when it overlaps', () => {
  assert.is(refusal('8 8 linear /dev/ram0 0'), 'Gap in table');
  assert.is(refusal('0 8 zero\n16 8 zero'), 'Gap in table');
  assert.is(refusal('0 8 zero\n4 8 zero'), 'Gap in table');
});

test('a gap names the line and the sector that was expected', () => {
  const error = tableError(() => check('0 8 zero\n\n16 8 zero'));
  assert.equal(error.place, { line: 3, word: 0 });
  assert.match(error.message, /starts at sector 8, got 16/);
});

test('a line without length is refused', () => {
  assert.is(refusal('0 0 linear /dev/ram0 0'), 'zero-length target');
  assert.is(refusal('0 8 zero\n8 0 zero'), 'zero-length target');
});

test('a line that ends beyond the longest device is refused', () => {
  assert.is(refusal('0 18446744073709551615 zero'), 'too large device');
  assert.is(refusal('0 36028797018963967 zero'), 'too large device');
  assert.is(refusal(`0 ${TABLE_SECTORS_MAX + 1n} zero`), 'too large device');
  assert.is(check(`0 ${TABLE_SECTORS_MAX} zero`).length, 1);
});

test('an unknown target is named', () => {
  assert.is(refusal('0 8 nosuch'), 'nosuch: unknown target type');
});

test('a singleton stands alone, whichever comes first', () => {
  assert.is(refusal('0 100 multipath\n100 100 multipath'), 'target type multipath must appear alone in table');
  assert.is(refusal('0 100 linear\n100 100 multipath'), 'singleton target type must appear alone in table');
});

test('a second line after a singleton is refused before its own mistakes', () => {
  assert.is(refusal('0 100 multipath\n100 0 nosuch'), 'target type multipath must appear alone in table');
});

test('length is checked before the name, the name before the place', () => {
  assert.is(refusal('5 0 nosuch'), 'zero-length target');
  assert.is(refusal('5 8 nosuch'), 'nosuch: unknown target type');
});

test('a target that must write may not stand in a read-only table', () => {
  types.set('writer', fakeType('writer', { isAlwaysWritable: true }));
  assert.is(refusal('0 8 writer', true), 'target type may not be included in a read-only table');
  assert.is(check('0 8 writer').length, 1);
});

test('immutable targets do not mix with others', () => {
  assert.is(refusal('0 8 zero\n8 8 immutable'), 'immutable target type cannot be mixed with other target types');
  assert.is(refusal('0 8 immutable\n8 8 zero'), 'immutable target type cannot be mixed with other target types');
  assert.is(check('0 8 immutable\n8 8 immutable').length, 2);
});

test('a stretch must lie on its device', () => {
  const device = fakeDevice('1:0', { sizeSectors: 16384 });
  assert.is(
    tableError(() => checkDeviceArea(device, 'ram0', 36028797018963968, 8)).kernelText,
    'ram0 too small for target: start=36028797018963968, len=8, dev_size=16384',
  );
  assert.is(
    tableError(() => checkDeviceArea(device, 'ram1', 16380, 48)).kernelText,
    'ram1 too small for target: start=16380, len=48, dev_size=16384',
  );
  checkDeviceArea(device, 'ram0', 16376, 8);
});

test('a stretch begins and ends on blocks of its device', () => {
  const device = fakeDevice('1:0', { limits: { ...FAKE_LIMITS, logicalBlockSectors: 8 } });
  assert.is(
    tableError(() => checkDeviceArea(device, 'ram0', 4, 8)).kernelText,
    'start=4 not aligned to h/w logical block size 4096 of ram0',
  );
  assert.is(
    tableError(() => checkDeviceArea(device, 'ram0', 8, 4)).kernelText,
    'len=4 not aligned to h/w logical block size 4096 of ram0',
  );
});

test('a border inside a large block is fine only for smaller blocks that fit', () => {
  const [first, second] = parseTable('0 4 zero\n4 12 zero');
  checkAlignment([
    { line: first, blockSectors: 1 },
    { line: second, blockSectors: 4 },
  ]);
  const error = tableError(() =>
    checkAlignment([
      { line: first, blockSectors: 1 },
      { line: second, blockSectors: 8 },
    ]),
  );
  assert.is(error.kernelText, 'table line 1 (start sect 4 len 12) not aligned to h/w logical block size 4096');
});

test('a target that says its type decides', () => {
  assert.is(decideType(constructed('0 8 multipath', { type: 'request' }, [fakeDevice('7:0')])), 'request');
  assert.is(
    decideType(constructed('0 8 multipath', { type: 'bio' }, [fakeDevice('7:0', { isRequestStackable: false })])),
    'bio',
  );
});

test('bio targets make a bio-based table, with hybrids among them too', () => {
  assert.is(decideType(constructed('0 8 linear\n8 8 error')), 'bio');
});

test('bio-only and request-only targets do not mix', () => {
  const lines = [...constructed('0 8 zero'), ...constructed('0 8 request-only')];
  assert.is(tableError(() => decideType(lines)).kernelText, "Inconsistent table: different target types can't be mixed up");
});

test('hybrids alone follow the live table, then the wish, then are bio-based', () => {
  const lines = constructed('0 8 error');
  assert.is(decideType(lines), 'bio');
  assert.is(decideType(lines, { liveType: 'request' }), 'request');
  const passthrough = constructed('0 8 passthrough', {}, [fakeDevice('7:0')]);
  assert.is(decideType(passthrough, { requestedType: 'request' }), 'request');
});

test('a request-based table has one target', () => {
  const lines = constructed('0 8 request-only\n8 8 request-only', {}, [fakeDevice('7:0')]);
  assert.is(tableError(() => decideType(lines)).kernelText, "request-based DM doesn't support multiple targets");
});

test('a request-based table over a device that takes no requests is refused', () => {
  const lines = constructed('0 8 multipath', { type: 'request' }, [
    fakeDevice('7:0'),
    fakeDevice('1:0', { isRequestStackable: false }),
  ]);
  const error = tableError(() => decideType(lines));
  assert.is(error.kernelText, 'table load rejected: including non-request-stackable devices');
  assert.match(error.message, /1:0/);
});

test('a request-based target that splits is refused', () => {
  const lines = constructed('0 8 request-only', { ioSectorsMax: 8 }, [fakeDevice('7:0')]);
  assert.is(
    tableError(() => decideType(lines)).kernelText,
    'table load rejected: immutable target that splits IO is not supported',
  );
});

test('a wish that contradicts the table is an error', () => {
  const error = tableError(() => decideType(constructed('0 8 linear'), { requestedType: 'request' }));
  assert.is(error.kernelText, "can't change device type (old=2 vs new=1) after initial table load.");
});

test('a table without lines is refused', () => {
  assert.is(tableError(() => decideType([])).kernelText, 'populate_table: no targets specified');
});

test('an immutable target makes way for itself and for error only', () => {
  checkReplacement([multipath], [multipath]);
  checkReplacement([multipath], [errorTarget]);
  checkReplacement([linearTarget], [multipath]);
  assert.is(
    tableError(() => checkReplacement([multipath], [linearTarget])).kernelText,
    "can't replace immutable target type multipath",
  );
});

test('the first table fixes the type of a device', () => {
  const before: DeviceType | undefined = undefined;
  checkTypeChange(before, 'bio');
  checkTypeChange('request', 'request');
  assert.is(
    tableError(() => checkTypeChange('request', 'bio')).kernelText,
    "can't change device type (old=2 vs new=1) after initial table load.",
  );
});

test('the log lines are those of the kernel', () => {
  const log = (run: () => unknown, target = 'linear'): string[] => kernelLogLines(tableError(run), '253:0', target);
  assert.equal(
    log(() => check('8 8 linear /dev/ram0 0')),
    ['table: 253:0: linear: Gap in table (-EINVAL)', 'ioctl: error adding target to table'],
  );
  assert.equal(
    log(() => check('0 0 linear')),
    ['table: 253:0: zero-length target', 'ioctl: error adding target to table'],
  );
  assert.equal(
    log(() => parseTable('0 1.5 zero')),
    ['table: 253:0: .5: unknown target type', 'ioctl: error adding target to table'],
  );
  assert.equal(
    log(() => check('0 8 multipath\n8 8 multipath'), 'multipath'),
    ['table: 253:0: target type multipath must appear alone in table', 'ioctl: error adding target to table'],
  );
  assert.equal(
    log(() => check('0 8 linear\n8 8 multipath'), 'multipath'),
    [
      'table: 253:0: multipath: singleton target type must appear alone in table (-EINVAL)',
      'ioctl: error adding target to table',
    ],
  );
  assert.equal(
    log(() => checkDeviceArea(fakeDevice('1:0'), 'ram1', 16380, 48)),
    [
      'table: 253:0: ram1 too small for target: start=16380, len=48, dev_size=16384',
      'core: Cannot calculate initial queue limits',
      'ioctl: unable to set up device queue for new table.',
    ],
  );
  assert.equal(
    log(() =>
      decideType(constructed('0 8 multipath', { type: 'request' }, [fakeDevice('1:0', { isRequestStackable: false })])),
    ),
    ['table: table load rejected: including non-request-stackable devices', 'table: unable to determine table type'],
  );
});

test.run();
