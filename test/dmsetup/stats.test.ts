// `dmsetup stats` against a server of this process.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlRoom } from '../support/control-room.ts';

const test = suite('dmsetup: stats');

test('regions are made, listed, printed, cleared and deleted', async () => {
  await using room = await ControlRoom.open();
  const device = await room.mapper.createDevice({ name: 'vol', table: '0 2048 linear mem:a?size=1M 0' });
  const created = await room.dmsetup('stats create vol --areas 2 --precise --bounds 1000,2000');
  assert.equal(created, { status: 0, output: 'vol: Created new region with 2 area(s) as region ID 0\n', errors: '' });
  assert.match(
    (await room.dmsetup('stats list')).output,
    /^Name +GrpID RgID ObjType RgStart RgSize +#Areas ArSize +ProgID\s*\nvol +- +0 region +0 +1\.00m +2 +512\.00k +dmstats\s*\n$/,
  );
  await device.write(Buffer.alloc(4096), 0);
  await device.read(1024 * 512, 512);
  const lines = (await room.dmsetup('stats print vol --regionid 0')).output.split('\n').map((line) => line.split(' '));
  assert.equal([lines[0]?.[0], ...(lines[0]?.slice(5, 8) ?? [])], ['0+1024', '1', '0', '8']);
  assert.equal([lines[1]?.[0], ...(lines[1]?.slice(1, 4) ?? [])], ['1024+1024', '1', '0', '1']);
  assert.is(lines[0]?.length, 15);
  const report = await room.dmsetup('stats report vol --raw --noheadings -o obj_type,area_id,read_count,write_sector_count');
  const areas = report.output.split('\n').filter((line) => line.startsWith('area'));
  assert.equal(areas, ['area:0:0:8', 'area:1:1:0']);
  assert.is((await room.dmsetup('stats clear vol --allregions')).status, 0);
  assert.match((await room.dmsetup('stats print vol --allregions')).output, /^0\+1024 0 0 0 0 0 0 0 0 0 0 0 0 0 0:0:0\n/);
  assert.is((await room.dmsetup('stats delete vol --regionid 0')).status, 0);
  assert.is((await room.dmsetup('message vol 0 @stats_list')).output, '');
});

test('a region that is refused is told with the device; one that is not there fails', async () => {
  await using room = await ControlRoom.open({ limits: { regionBytes: 0 } });
  await room.mapper.createDevice({ name: 'vol', table: '0 2048 linear mem:a?size=1M 0' });
  const refused = await room.dmsetup('stats create vol');
  assert.is(refused.status, 1);
  assert.match(refused.errors, /Cannot allocate memory/);
  assert.match(refused.errors, /vol: Could not create statistics region\./);
  assert.is((await room.dmsetup('stats delete vol --regionid 3')).status, 1);
});

test.run();
