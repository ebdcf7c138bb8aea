// Many devices in one text.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConcise, printConcise } from '../../src/dmsetup/concise.ts';
import { ControlRoom } from '../support/control-room.ts';

test('what is printed is read back the same, whatever names and arguments hold', () => {
  const text = fc.string({ minLength: 1 }).map((value) => value.replace(/[\n\r]/g, '').trim());
  const name = text.filter((value) => value !== '' && !/^\s/.test(value));
  const line = fc.record({ start: fc.constant('0'), length: fc.nat().map(String), type: fc.constant('linear'), text });
  const device = fc.record({
    name,
    uuid: text,
    minor: fc.nat(1000),
    isReadOnly: fc.boolean(),
    lines: fc.array(line, { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(device, { minLength: 1, maxLength: 4 }), (devices) => {
      const expected = devices.map(({ lines, ...rest }) => ({
        ...rest,
        table: lines.map((one) => `${one.start} ${one.length} ${one.type} ${one.text}`).join('\n'),
      }));
      assert.equal([...parseConcise(printConcise(devices))], expected);
    }),
  );
});

test('blanks after the commas of the fields and after semicolons are nothing', () => {
  assert.equal(
    [...parseConcise(' a, U, 7, ro, 0 8 error ;\n b,,,,0 8 zero;\n')],
    [
      { name: 'a', uuid: 'U', minor: 7, isReadOnly: true, table: '0 8 error ' },
      { name: 'b', uuid: '', minor: undefined, isReadOnly: false, table: '0 8 zero' },
    ],
  );
});

test('entries before a mistake are made, the mistake is told, what follows is not looked at', async () => {
  await using room = await ControlRoom.open();
  const ran = await room.run(['create', '--concise', 'a,,,,0 8 error;b,,,xx,0 8 error;c,,,,0 8 error']);
  assert.is(ran.errors, "Invalid flags parameter 'xx' must be 'ro' or 'rw' or empty.\nCommand failed.\n");
  assert.is(ran.status, 1);
  assert.is((await room.dmsetup('ls')).output, 'a\t(253:0)\n');
});

test('entries with too few fields', async () => {
  await using room = await ControlRoom.open();
  const { errors } = await room.run(['create', '--concise', 'a,b']);
  assert.is(
    errors,
    'Five comma-separated fields are required for each device\nParsed 2 fields: name: a uuid: b minor: (null) flags: (null) table: (null)\nCommand failed.\n',
  );
  assert.is((await room.run(['create', '--concise', 'a\\'])).errors.split('\n')[0], BACKSLASH);
});

const BACKSLASH = 'Backslash must be followed by another character at end of string.';

test('what table --concise prints makes the same devices, read-only ones too', async () => {
  await using room = await ControlRoom.open();
  room.attach('/dev/sda', '8:0', 1, 'bio');
  await room.run(['create', 'a b', '-u', 'U,1;2', '-r', '--table', '0 8 linear /dev/sda 0']);
  await room.run(['create', 'c', '-j', '253', '-m', '9'], '0 8 error\n8 8 linear /dev/sda 8\n');
  const { output } = await room.dmsetup('table --concise');
  assert.is(output, 'a b,U\\,1\\;2,0,ro,0 8 linear 8:0 0;c,,9,rw,0 8 error ,8 8 linear 8:0 8\n');
  await room.dmsetup('remove_all');
  assert.is((await room.dmsetup('create --concise', output)).status, 0);
  assert.is((await room.dmsetup('table --concise')).output, output);
});

test.run();
