// `ls --tree`.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';

async function tree(words: readonly string[], env?: NodeJS.ProcessEnv): Promise<string[]> {
  await using room = await ControlRoom.open();
  for (const [index, node] of ['/dev/sda', '/dev/sdb'].entries()) room.attach(node, `8:${index * 16}`, 1, 'bio');
  await room.run(['create', 'low', '-u', 'U'], '0 8 linear /dev/sda 0\n8 8 linear /dev/sdb 0\n');
  await room.run(['create', 'mid'], '0 8 linear /dev/mapper/low 0\n');
  await room.run(['create', 'top'], '0 8 linear /dev/mapper/low 0\n8 8 linear /dev/mapper/mid 0\n');
  return (await room.run(['ls', '--tree', ...words], '', env)).output.trimEnd().split('\n');
}

test('what two devices use stands under both', async () => {
  assert.equal(await tree([]), [
    'top (253:2)',
    ' |-mid (253:1)',
    ' |  `-low (253:0)',
    ' |     |- (8:16)',
    ' |     `- (8:0)',
    ' `-low (253:0)',
    '    |- (8:16)',
    '    `- (8:0)',
  ]);
});

test('a UTF-8 locale draws lines, and options choose otherwise', async () => {
  assert.is((await tree([], { LANG: 'en_US.UTF-8' }))[1], ' ├─mid (253:1)');
  assert.is((await tree([], { LC_ALL: 'C', LANG: 'en_US.UTF-8' }))[1], ' |-mid (253:1)');
  assert.is((await tree(['-o', 'ascii'], { LANG: 'en_US.UTF-8' }))[1], ' |-mid (253:1)');
  assert.is((await tree(['-o', 'vt100']))[1], ' \x1b(0tq\x1b(Bmid (253:1)');
});

test('inverted, from what uses nothing to what nothing uses', async () => {
  assert.equal((await tree(['-o', 'inverted'])).slice(0, 5), [
    ' (8:16)',
    ' `-low (253:0)',
    '    |-mid (253:1)',
    '    |  `-top (253:2)',
    '    `-top (253:2)',
  ]);
});

test('without device numbers what has no name is left out', async () => {
  assert.equal(await tree(['-o', 'nodevice']), ['top', ' |-mid', ' |  `-low', ' `-low']);
  assert.is((await tree(['-o', 'nodevice,blkdevname'])).at(-1), '    `- <sda>');
});

test('attributes stand behind a mapped device, and compact form makes way for them', async () => {
  const lines = await tree(['-o', 'uuid,active,open,rw,compact']);
  assert.equal([lines[0], lines[2]], ['top (253:2) [ACTIVE, RW, 0, ]', ' |  `-low (253:0) [ACTIVE, RW, 2, U]']);
});

test('in compact form a first child stands on the line of its parent', async () => {
  assert.equal(await tree(['-o', 'compact,nodevice']), ['top-+-mid---low', '    `-low']);
});

test('below a node on the line of its parent branches are indented as the original indents them', async () => {
  assert.equal(await tree(['-o', 'compact']), [
    'top (253:2)-+-mid (253:1)---low (253:0)-+- (8:16)',
    '            |                                 `- (8:0)',
    '            `-low (253:0)-+- (8:16)',
    '                          `- (8:0)',
  ]);
});

test('lines that are too long are cut, unless they may not be', async () => {
  await using room = await ControlRoom.open();
  room.attach('/dev/sda', '8:0', 1, 'bio');
  await room.run(['create', 'n'.repeat(100), '--table', '0 8 linear /dev/sda 0']);
  const line = async (...words: string[]): Promise<string> =>
    (await room.run(['ls', '--tree', ...words])).output.split('\n')[0] ?? '';
  assert.is(await line(), `${'n'.repeat(80)}...`);
  assert.is(await line('-o', 'notrunc'), `${'n'.repeat(100)} (253:0)`);
});

test.run();
