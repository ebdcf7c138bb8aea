// Reports: columns, sorting, selection, and the forms that scripts read.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';

async function reported(
  work: (run: (...words: string[]) => Promise<string>, room: ControlRoom) => Promise<void>,
): Promise<void> {
  await using room = await ControlRoom.open();
  room.attach('/dev/sda', '8:0', 1, 'bio');
  room.attach('/dev/sdb', '8:16', 1, 'bio');
  await room.run(['create', 'beta', '-u', 'U-b', '-r'], '0 8 linear /dev/sda 0\n8 8 linear /dev/sdb 0\n');
  await room.run(['create', 'alpha', '-u', 'U-a'], '0 8 linear /dev/mapper/beta 0\n');
  await room.run(['create', 'vg-lv', '--notable']);
  await room.dmsetup('suspend alpha');
  await work(async (...words) => (await room.run(words)).output, room);
}

test('columns are as wide as their widest value, the last one too; numbers stand on the right', async () => {
  await reported(async (run) => {
    assert.is(
      await run('info', '-c'),
      [
        'Name             Maj Min Stat Open Targ Event  UUID                            ',
        'alpha            253   1 L-sw    0    1      0 U-a                             ',
        'beta             253   0 L--r    1    2      0 U-b                             ',
        'vg-lv            253   2 ---w    0    0      0                                 ',
        '',
      ].join('\n'),
    );
    assert.is(await run('info', '-c', '-o', 'vg_name,suspended', 'alpha'), 'VG    Suspended\nalpha Suspended\n');
  });
});

test('fields are chosen, added, and found whatever their case and underscores', async () => {
  await reported(async (run) => {
    assert.is(await run('info', '-c', '--noheadings', '-o', 'NAME,devno,blkdevname', 'beta'), 'beta:253:0:dm-0\n');
    assert.is(await run('info', '-c', '--noheadings', '-o', '+vgname,lv_name', 'vg-lv'), 'vg-lv:253:2:---w:0:0:0::vg:lv\n');
    assert.is(await run('info', '-c', '--noheadings', '-o', 'splitname_all', 'vg-lv'), 'LVM:vg:lv:\n');
    assert.is(await run('info', '-c', '-o', 'all', 'alpha'), '', 'fields of statistics leave out a device without them');
  });
});

test('what a device uses and what uses it', async () => {
  await reported(async (run) => {
    const fields = 'name,device_count,devs_used,devnos_used,blkdevs_used,device_ref_count,names_using_dev,devnos_using_dev';
    assert.is(
      await run('info', '-c', '--noheadings', '--separator', '|', '-o', fields),
      ['alpha|1|beta|253:0|dm-0|0||', 'beta|2||8:16,8:0|sdb,sda|1|alpha|253:1', 'vg-lv|0||||0||', ''].join('\n'),
    );
  });
});

test('rows are sorted by keys, up or down, numbers by value', async () => {
  await reported(async (run) => {
    const names = async (...words: string[]): Promise<string> =>
      (await run('info', '-c', '--noheadings', '-o', 'name', ...words)).trim().replaceAll('\n', ' ');
    assert.is(await names('-O', 'minor'), 'beta alpha vg-lv');
    assert.is(await names('-O', '-segments,name'), 'beta alpha vg-lv');
    assert.is(await names('--sort', '-name'), 'vg-lv beta alpha');
  });
});

test('prefixes, rows and separators as scripts ask for them', async () => {
  await reported(async (run) => {
    const fields = ['-o', 'name,minor', 'beta'];
    assert.is(await run('info', '-c', '--nameprefixes', '--noheadings', ...fields), "DM_NAME='beta':DM_MINOR='0'\n");
    assert.is(await run('info', '-c', '--nameprefixes', '--unquoted', ...fields), 'Name Min\nDM_NAME=beta DM_MINOR=0\n');
    assert.is(await run('info', '-c', '--rows', ...fields), 'Name beta\nMin 0\n');
    assert.is(await run('info', '-c', '--separator', ',', ...fields), 'Name,Min\nbeta,0\n');
  });
});

test('a selection takes the rows for which it is true', async () => {
  await reported(async (run) => {
    const selected = async (selection: string): Promise<string> =>
      (await run('info', '-c', '--noheadings', '-o', 'name', '-S', selection)).trim().replaceAll('\n', ' ');
    assert.is(await selected('name=beta'), 'beta');
    assert.is(await selected('name!=beta'), 'alpha vg-lv');
    assert.is(await selected('name=~^[ab] && open>0'), 'beta');
    assert.is(await selected('segments>=1,suspended=Suspended'), 'alpha');
    assert.is(await selected('name=alpha || minor=2'), 'alpha vg-lv');
    assert.is(await selected('name=alpha#minor=2 && open<1'), 'alpha vg-lv');
    assert.is(await selected('!(name=alpha) && (minor=0 || minor=1)'), 'beta');
    assert.is(await selected("uuid='U-a'"), 'alpha');
    assert.is(await selected('uuid!~U'), 'vg-lv');
    assert.is(await selected('devs_used=beta'), 'alpha');
    assert.is(await selected('all'), 'alpha beta vg-lv');
    assert.is(await run('info', '-c', '-S', 'name=nobody'), '');
    assert.is(
      await run('info', '-c', '-o', 'selected,name', '-S', 'minor=0'),
      'Selected Name            \n       0 alpha           \n       1 beta            \n       0 vg-lv           \n',
    );
  });
});

test('commands that run once a device take a selection in place of names', async () => {
  await reported(async (run) => {
    assert.is(await run('table', '-S', 'name=beta'), 'beta: 0 8 linear 8:0 0\nbeta: 8 8 linear 8:16 0\n');
    await run('resume', '-S', 'suspended=Suspended');
    assert.is(await run('info', '-c', '--noheadings', '-o', 'suspended', 'alpha'), 'Active\n');
    await run('remove', '-S', 'segments<2');
    assert.is(await run('ls'), 'beta\t(253:0)\n');
  });
});

test('mistakes in a selection are told with their place', async () => {
  await reported(async (_run, room) => {
    const HINT = "Use 'help' for selection to get more help.";
    const cases: [string, string[]][] = [
      ['name=a minor=1', ['Expecting logical operator', "Selection syntax error at 'minor=1'.", HINT]],
      ['=a', ['Expecting field name', "Selection syntax error at '=a'.", HINT]],
      ['(name=a', ["Syntax error: right parenthesis expected at ''"]],
      ['!name=a', ["Syntax error: left parenthesis expected at 'name=a'"]],
      ['name=~[', ['Failed to parse regex value for selection field name.', "Selection syntax error at 'name=~['.", HINT]],
      ['minor=x', ['Failed to parse numeric value for selection field minor.', "Selection syntax error at 'minor=x'.", HINT]],
      ['minor=~1', ['dm_report: incompatible comparison type for selection field minor']],
    ];
    for (const [selection, lines] of cases) {
      const { status, output, errors } = await room.run(['info', '-c', '-S', selection]);
      assert.equal([status, output, errors], [1, '', `${lines.join('\n')}\n`], selection);
    }
    for (const [selection, last] of [
      ['bogus=1', 'Unrecognised selection field: bogus'],
      ['name>3', 'Operator can be used only with number, size, time or percent fields: name>3'],
      ['name', 'Unrecognised comparison operator: '],
    ] as [string, string][]) {
      const { errors } = await room.run(['info', '-c', '-S', selection]);
      assert.is(errors.trimEnd().split('\n').at(-3), last);
      assert.ok(errors.split('\n').length > 8, 'what could be asked is shown before it');
    }
  });
});

test('fields that do not exist bring up those that do', async () => {
  await reported(async (_run, room) => {
    for (const [words, last] of [
      [['-o', 'name,bogus'], 'Unrecognised field: bogus'],
      [['-O', 'bogus'], 'dm_report: Unrecognised field: bogus'],
    ] as [string[], string][]) {
      const { status, output, errors } = await room.run(['info', '-c', ...words]);
      assert.equal([status, output], [1, '']);
      assert.match(errors, /^Mapped Device Name Fields\n-{25}\n {2}name_all +- /);
      assert.is(errors.trimEnd().split('\n').at(-1), last);
    }
  });
});

test('splitname takes a name of LVM apart', async () => {
  await using room = await ControlRoom.open();
  const parts = async (name: string): Promise<string> => (await room.run(['splitname', '--noheadings', name])).output.trim();
  assert.is(await parts('vg-lv'), 'vg:lv:');
  assert.is(await parts('vg--a-lv--b-real'), 'vg-a:lv-b:real');
  assert.is(await parts('a--b-c-d-e'), 'a-b:c:d');
  assert.is(await parts('a-'), 'a-::');
  assert.is((await room.run(['splitname', 'vg-lv', 'LVM'])).output, 'VG   LV   LVLayer\nvg   lv          \n');
  assert.is((await room.run(['splitname', 'vg-lv', 'other'])).output, 'VG   LV   LVLayer\n                 \n');
  assert.is(
    (await room.run(['splitname', '-o', 'name', 'vg-lv'])).errors,
    '_do_report_object: no data assigned to field name\nCommand failed.\n',
  );
});

test.run();
