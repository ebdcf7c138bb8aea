// What dmsetup 1.02.185 says to a command line that it cannot obey, and to what; its texts were taken down from it.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom, type Ran } from '../support/control-room.ts';

const CANNOT = "Couldn't process command line.\n";
const FAILED = 'Command failed.\n';

async function inRoom(work: (room: ControlRoom) => Promise<void>): Promise<void> {
  await using room = await ControlRoom.open();
  room.attach('/dev/sda', '8:0', 1, 'bio');
  room.attach('/dev/sdb', '8:16', 1, 'request');
  await work(room);
}

const failed = (...lines: string[]): Ran => ({ status: 1, output: '', errors: lines.map((line) => `${line}\n`).join('') });

test('switches are refused as getopt_long refuses them', async () => {
  await inRoom(async (room) => {
    const cases: [string, string][] = [
      ['--bogus ls', "dmsetup: unrecognized option '--bogus'"],
      ['--ver', "dmsetup: option '--ver' is ambiguous; possibilities: '--verbose' '--verifyudev' '--version'"],
      [
        '--no',
        "dmsetup: option '--no' is ambiguous; possibilities: '--nogroup' '--noflush' '--noheadings' '--nolockfs' '--noopencount' '--nosuffix' '--notable' '--notimesuffix' '--nomonitor' '--noudevrules' '--noudevsync'",
      ],
      ['ls --target', "dmsetup: option '--target' requires an argument"],
      ['-Z', "dmsetup: invalid option -- 'Z'"],
      ['create -u', "dmsetup: option requires an argument -- 'u'"],
      ['ls --force=1', "dmsetup: option '--force' doesn't allow an argument"],
      ['create -j 253 a', 'Please specify both major number and minor number.'],
      ['--manglename foo ls', 'Unknown name mangling mode.'],
      ['-M 9 ls', 'Invalid argument for --mode: 9. '],
      ['create a --table 0 --notable', '--table and --notable are incompatible.'],
      ['ls --tree -o compact,foo,bar', 'Tree options not recognised: foo,bar.'],
      ['deps -o devname,foo', 'Option not recognised: foo.'],
      ['ls -o foo', 'Option not recognised: foo.'],
    ];
    for (const [line, text] of cases) {
      assert.equal(await room.dmsetup(line), { status: 1, output: '', errors: `${text}\n${CANNOT}` }, line);
    }
  });
});

test('switches may stand anywhere, be shortened, and be given in one bunch', async () => {
  await inRoom(async (room) => {
    for (const words of [
      ['create', 'a', '--table', '0 8 linear /dev/sda 0'],
      ['--tab=0 8 linear /dev/sda 0', 'create', 'a'],
      ['-ryutest', 'create', '--table=0 8 linear /dev/sda 0', '--', 'a'],
    ]) {
      assert.equal(await room.run(words), { status: 0, output: '', errors: '' }, words.join(' '));
      assert.is((await room.dmsetup('table a')).output, '0 8 linear 8:0 0\n');
      await room.dmsetup('remove a');
    }
  });
});

test('unknown commands and wrong numbers of words bring up the usage', async () => {
  await inRoom(async (room) => {
    for (const [line, first] of [
      ['foo', 'Unknown command.'],
      ['create a b c', 'Incorrect number of arguments.'],
      ['rename', 'Incorrect number of arguments.'],
      ['message a', 'Incorrect number of arguments.'],
      ['ls foo', 'Incorrect number of arguments.'],
      ['target-version', 'Incorrect number of arguments.'],
      ['help foo', 'Incorrect number of arguments.'],
    ] as [string, string][]) {
      const { status, output, errors } = await room.dmsetup(line);
      assert.equal([status, output], [1, ''], line);
      assert.ok(errors.startsWith(`${first}\nUsage:\n\ndmsetup\n        [--version] [-h|--help`), line);
    }
    const stats = await room.dmsetup('stats');
    assert.ok(stats.errors.startsWith('Incorrect number of arguments.\nUsage:\n\ndmsetup stats\n'));
    for (const words of [[], ['-v']]) {
      const nothing = await room.run(words);
      assert.is(nothing.status, 1);
      assert.ok(nothing.errors.startsWith('Usage:\n'));
    }
  });
});

test('help is told on standard error and is no failure', async () => {
  await inRoom(async (room) => {
    for (const line of ['help', '-h', '--help ls', 'foo --help']) {
      const { status, output, errors } = await room.dmsetup(line);
      assert.equal([status, output], [0, ''], line);
      assert.match(errors, /^Usage:\n\ndmsetup\n[\s\S]*\n\tcreate <dev_name>\n/);
    }
    const { errors } = await room.dmsetup('help -c');
    assert.match(errors, /Mapped Device Information Fields\n-+\n {2}info_all +- /);
  });
});

test('what a command lacks is told before anything is asked', async () => {
  await inRoom(async (room) => {
    const cases: [string, string][] = [
      ['create', 'Please provide a name for the new device.'],
      ['create a /tmp/no/such', "Couldn't open '/tmp/no/such' for reading."],
      ['load', 'Please specify device.'],
      ['wait', 'No device specified.'],
      ['remove', 'No device specified.'],
      ['suspend', 'No device specified.'],
      ['message a x b', 'Invalid sector.'],
      ['create a/b --notable', 'Name "a/b" invalid. It contains "/".'],
      ['info /dev/null', 'Device null not found'],
      ['info ./no/such', 'Device ./no/such not found'],
      ['table /dev/mapper/nosuch', 'Device /dev/mapper/nosuch not found'],
      ['rename a', 'No device specified.'],
      ['rename a b/c', 'Name "b/c" invalid. It contains "/".'],
      ['create --concise a b', 'dmsetup create --concise takes at most one argument'],
      ['create --concise -u x a,,,,0', '--concise is incompatible with --[no]table, --minor, --uuid and --inactive.'],
      ['stats group', 'Group requires --regions.'],
      ['stats create', 'Please specify device(s) or use --alldevices.'],
      ['stats print', 'Please specify a --regionid or use --allregions.'],
      ['stats delete', 'Please specify a --regionid or --groupid, or use --allregions.'],
      ['stats ungroup', 'Please specify group id.'],
      ['status --sort name', '--sort is not yet supported with status and table.'],
      ['udevreleasecookie', 'No udev transaction cookie given.'],
    ];
    for (const [line, text] of cases) {
      assert.equal(await room.dmsetup(line), { status: 1, output: '', errors: `${text}\n${FAILED}` }, line);
    }
  });
});

test('devices are found by name, uuid, number and node', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'a', '-u', 'U-1', '--table', '0 8 linear /dev/sda 0']);
    const expected = { status: 0, output: '0 8 linear 8:0 0\n', errors: '' };
    for (const line of ['table a', 'table -u U-1', 'table -j 253 -m 0', 'table /dev/mapper/a', 'table /dev/dm-0']) {
      assert.equal(await room.dmsetup(line), expected, line);
    }
    const missing: [string, string][] = [
      ['table b', 'b  '],
      ['table -u U-2', ' U-2 '],
      ['table -j 253 -m 7', ' (253:7) '],
      ['table U-1', 'U-1  '],
    ];
    for (const [line, subject] of missing) {
      const text = `device-mapper: table ioctl on ${subject}failed: No such device or address`;
      assert.equal(await room.dmsetup(line), failed(text, 'Command failed.'), line);
    }
  });
});

test('a device whose name looks like the number or uuid of another is not taken for it', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'a', '-u', '253:1', '--table', '0 8 linear /dev/sda 0']);
    await room.run(['create', '253:0', '-u', 'a', '--table', '0 16 linear /dev/sda 0']);
    const short = '0 8 linear 8:0 0\n';
    for (const line of ['table a', 'table -u 253:1', 'table -j 253 -m 0'])
      assert.is((await room.dmsetup(line)).output, short, line);
    const long = '0 16 linear 8:0 0\n';
    for (const line of ['table 253:0', 'table -u a', 'table -j 253 -m 1'])
      assert.is((await room.dmsetup(line)).output, long, line);
    assert.is((await room.run(['info', '-u', ''])).status, 1);
  });
});

test('a command for several devices stops at the first that fails', async () => {
  await inRoom(async (room) => {
    for (const name of ['a', 'b']) await room.run(['create', name, '--table', '0 8 linear /dev/sda 0']);
    const { status, errors } = await room.dmsetup('suspend a nosuch b');
    assert.equal([status, errors], [1, `device-mapper: suspend ioctl on nosuch  failed: No such device or address\n${FAILED}`]);
    assert.is((await room.dmsetup('info -c --noheadings -o name,suspended')).output, 'a:Suspended\nb:Active\n');
  });
});

test('a step that fails takes a new device away, and its number is free again', async () => {
  await inRoom(async (room) => {
    for (const [table, reason] of [
      ['0 8 nosuch', 'Invalid argument'],
      ['0 8 linear /dev/nosuch 0', 'No such device'],
    ] as [string, string][]) {
      const text = `device-mapper: reload ioctl on a (253:0) failed: ${reason}`;
      assert.equal(await room.run(['create', 'a', '--table', table]), failed(text, 'Command failed.'));
    }
    assert.is((await room.dmsetup('ls')).output, 'No devices found\n');
  });
});

test('load, clear, wipe_table and the slots', async () => {
  await inRoom(async (room) => {
    await room.dmsetup('create a --notable');
    assert.is((await room.dmsetup('status')).output, 'a: \n');
    await room.run(['load', 'a', '--table', '0 8 linear /dev/sda 0']);
    assert.is((await room.dmsetup('info a -c --noheadings -o attr,tables_loaded')).output, '-I-w:Inactive\n');
    assert.is((await room.dmsetup('table --inactive a')).output, '0 8 linear 8:0 0\n');
    await room.dmsetup('clear a');
    assert.is((await room.dmsetup('table --inactive a')).output, '\n');
    await room.dmsetup('reload a', '0 16 linear /dev/sda 0 # all of it\n');
    const { output } = await room.dmsetup('resume -v a');
    assert.match(output, /^Name: {14}a\nState: {13}ACTIVE\n[\s\S]*Number of targets: 1\n\n$/);
    await room.dmsetup('wipe_table a');
    assert.is((await room.dmsetup('table a')).output, '0 16 error \n');
  });
});

test('remove --deferred, --retry and --force', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'low', '--table', '0 8 linear /dev/sda 0']);
    await room.run(['create', 'top', '--table', '0 8 linear /dev/mapper/low 0']);
    const busy = 'device-mapper: remove ioctl on low  failed: Device or resource busy';
    assert.equal(await room.dmsetup('remove low'), failed(busy, 'Command failed.'));
    assert.equal(await room.dmsetup('remove --force low'), failed(busy, 'Command failed.'));
    assert.is((await room.dmsetup('table low')).output, '0 8 error \n');
    assert.is((await room.dmsetup('remove --deferred low')).status, 0);
    assert.match((await room.dmsetup('info low')).output, /State: {13}ACTIVE \(DEFERRED REMOVE\)/);
    await room.dmsetup('remove top');
    assert.is((await room.dmsetup('ls')).output, 'No devices found\n');
  });
});

test('what goes wrong with a wipe before a removal is told too', async () => {
  await inRoom(async (room) => {
    const missing = (op: string): string => `device-mapper: ${op} ioctl on nosuch  failed: No such device or address`;
    assert.equal(
      await room.dmsetup('remove -f nosuch'),
      failed(missing('table'), missing('reload'), missing('remove'), 'Command failed.'),
    );
    assert.equal(await room.dmsetup('wipe_table nosuch'), failed(missing('table'), missing('reload'), 'Command failed.'));
    assert.equal(await room.run(['rename', 'a', '']), failed('Non empty new name is required.', 'Command failed.'));
  });
});

test('remove_all says how many it could not remove, and does not fail', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'a', '--table', '0 8 linear /dev/sda 0']);
    const handle = room.mapper.getDevice('a')?.open();
    assert.equal(await room.dmsetup('remove_all -f'), { status: 0, output: '', errors: 'Unable to remove 1 device(s).\n' });
    handle?.close();
    assert.equal(await room.dmsetup('remove_all'), { status: 0, output: '', errors: '' });
    assert.is((await room.dmsetup('ls')).output, 'No devices found\n');
  });
});

test('a list of columns ends where a device does not exist', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'a', '--table', '0 8 linear /dev/sda 0']);
    const { status, output, errors } = await room.dmsetup('info -c --noheadings -o name a nosuch a');
    assert.equal([status, output, errors], [1, 'a\n', 'Device does not exist.\nCommand failed.\n']);
  });
});

test('names that udev would not take are stored otherwise and shown as they were given', async () => {
  await inRoom(async (room) => {
    await room.run(['create', 'a b', '--notable']);
    assert.equal(
      room.mapper.devices.map(({ name }) => name),
      ['a\\x20b'],
    );
    assert.is((await room.run(['info', '-c', '--noheadings', '-o', 'name,mangled_name', 'a b'])).output, 'a b:a\\x20b\n');
    assert.is((await room.run(['remove', 'a\\x20b'])).status, 0);
    const mixed = await room.run(['create', 'a\\x20 b', '--notable']);
    assert.match(mixed.errors, /^The name "a\\x20 b" contains mixed mangled and unmangled characters/);
    await room.run(['--manglename', 'none', 'create', 'x y', '--notable']);
    const text = 'The name "x y" should be mangled but it contains blacklisted characters.';
    assert.equal(await room.dmsetup('ls'), failed(text, 'Command failed.'));
    assert.is((await room.dmsetup('--manglename none mangle')).output, 'x y: renaming to x\\x20y\n');
    assert.is((await room.dmsetup('ls')).output, 'x y\t(253:0)\n');
  });
});

test('all that needs no server works without one', async () => {
  await inRoom(async (room) => {
    await room.server.close();
    for (const line of ['splitname vg-lv', 'udevcookies', 'help', 'udevflags 5', 'create --concise']) {
      assert.is((await room.dmsetup(line)).status, 0, line);
    }
    const { status, output, errors } = await room.dmsetup('version');
    assert.is(output, 'Library version:   1.02.185 (2022-05-18)\n');
    assert.is(status, 1);
    assert.match(errors, /Command failed\.\n$/);
    assert.is((await room.dmsetup('--version')).status, 0);
  });
});

test.run();
