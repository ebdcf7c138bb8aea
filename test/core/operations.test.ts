import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { BELOW_NONE, RawCore, type RawIo } from '../support/raw-core.ts';

const ELEVATED = [abi.SETTING_ELEVATOR, abi.ELEVATOR_MQ_DEADLINE] as const;
const DISCARDS = [
  [abi.SETTING_MAX_DISCARD_SECTORS, 64],
  [abi.SETTING_MAX_WRITE_ZEROES_SECTORS, 32],
] as const;
const { OPERATION_DISCARD: DISCARD, OPERATION_READ: READ, OPERATION_WRITE: WRITE, OPERATION_WRITE_ZEROES: ZEROES } = abi;

const places = (ios: readonly RawIo[]): string[] => ios.map(({ sector, sectors }) => `${sector}+${sectors}`);
const named = (ios: readonly RawIo[]): string[] => ios.map(({ device, sector, sectors }) => `${device}: ${sector}+${sectors}`);

const ranges: Test = suite('core/operations: ranges without memory');

ranges('discards and zeroes of a device that takes none end with NOTSUPP, and so does what nobody knows', () => {
  const core = new RawCore();
  const path = core.backing();
  core.submit({ device: path, operation: DISCARD, sectors: 8 }, { device: path, operation: ZEROES, sectors: 8 });
  core.submit({ device: path, operation: 7, sectors: 8 });
  assert.equal([...core.ended.values()], [abi.STATUS_NOTSUPP, abi.STATUS_NOTSUPP, abi.STATUS_NOTSUPP]);
  core.assertIdle();
});

ranges('discards that touch merge, to the front and to the back, up to their own limit and not to max_sectors', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED, ...DISCARDS, [abi.SETTING_MAX_SECTORS, 8], [abi.SETTING_MAX_SEGMENTS, 1]]);
  const bio = { device: path, operation: DISCARD, sectors: 16 };
  core.submit({ ...bio, sector: 116 }, { ...bio, sector: 132 }, { ...bio, sector: 100 }, { ...bio, sector: 148 });
  assert.equal(places(core.drain()), ['100+64']);
  core.assertIdle();
});

ranges('a discard is cut so that the parts begin on the granularity, shifted by the alignment', () => {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_MAX_DISCARD_SECTORS, 70],
    [abi.SETTING_DISCARD_GRANULARITY, 16],
    [abi.SETTING_DISCARD_ALIGNMENT, 4],
  ]);
  core.submit({ device: path, operation: DISCARD, sector: 10, sectors: 200 });
  assert.equal(places(core.drain()), ['10+58', '68+64', '132+64', '196+14']);
  core.assertIdle();
});

ranges('a queue that takes several ranges merges discards wherever they lie, as many as it takes', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED, ...DISCARDS, [abi.SETTING_MAX_DISCARD_SEGMENTS, 3]]);
  const bio = { device: path, operation: DISCARD, sectors: 8 };
  core.submit(...[500, 100, 300, 700].map((sector) => ({ ...bio, sector })));
  const issued = core.drain();
  assert.equal(
    issued.map(({ ranges }) => ranges),
    [
      [
        [500, 8],
        [100, 8],
        [300, 8],
      ],
      [],
    ],
  );
  assert.equal(
    issued.map(({ sectors }) => sectors),
    [24, 8],
  );
  core.assertIdle();
});

ranges('ranges of a discard keep their distances through a map', () => {
  const core = new RawCore();
  const path = core.backing([...DISCARDS, [abi.SETTING_MAX_DISCARD_SEGMENTS, 4]]);
  const device = core.device(abi.DEVICE_REQUEST, [ELEVATED, ...DISCARDS, [abi.SETTING_MAX_DISCARD_SEGMENTS, 4]]);
  core.map(device, abi.EXTENT_DEVICE, path, { offset: 1000 });
  core.submit({ device, operation: DISCARD, sector: 500, sectors: 8 }, { device, operation: DISCARD, sector: 20, sectors: 4 });
  assert.equal(core.drain()[0]?.ranges, [
    [1500, 8],
    [1020, 4],
  ]);
  core.assertIdle();
});

ranges('a discard of several ranges is tried again as a whole, and a target sees where it began', () => {
  const core = new RawCore();
  const path = core.backing([...DISCARDS, [abi.SETTING_MAX_DISCARD_SEGMENTS, 4]]);
  const device = core.device(abi.DEVICE_REQUEST, [ELEVATED, ...DISCARDS, [abi.SETTING_MAX_DISCARD_SEGMENTS, 4]]);
  core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_PREP_MAP | abi.HOOK_END_IO });
  const asked: number[] = [];
  core.choose = ({ sector }) => {
    asked.push(sector);
    return { verdict: abi.MAP_REMAPPED, device: path };
  };
  core.endings.push(abi.END_REQUEUE);
  core.submit({ device, operation: DISCARD, sector: 500, sectors: 8 }, { device, operation: DISCARD, sector: 20, sectors: 4 });
  core.answer(1, abi.STATUS_TRANSPORT, 8);
  assert.is(core.ended.size, 0);
  assert.equal(core.drain()[0]?.ranges, [
    [500, 8],
    [20, 4],
  ]);
  assert.equal(asked, [500, 500]);
  core.assertIdle();
});

ranges('zeroes never merge and are cut to their own limit', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED, ...DISCARDS]);
  const bio = { device: path, operation: ZEROES };
  core.submit({ ...bio, sector: 0, sectors: 40 }, { ...bio, sector: 40, sectors: 8 }, { ...bio, sector: 48, sectors: 8 });
  assert.equal(places(core.drain()), ['0+32', '32+8', '40+8', '48+8']);
  core.assertIdle();
});

ranges('zeroes are not what the next bio is tried with first: that stays free for what can merge', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED, ...DISCARDS, [abi.SETTING_NOMERGES, 1], [abi.SETTING_DEPTH, 1]]);
  const reads = [{ sector: 16 }, { sector: 24 }];
  for (const bio of [{ operation: ZEROES }, { operation: ZEROES, sector: 8 }, ...reads]) {
    core.submit({ device: path, sectors: 8, ...bio });
  }
  assert.equal(places(core.drain()).toSorted(), ['0+8', '16+16', '8+8']);
  core.assertIdle();
});

ranges('a clone over the limit of the device below is refused, with NOTSUPP where that takes none', () => {
  for (const [limit, status] of [
    [0, abi.STATUS_NOTSUPP],
    [4, abi.STATUS_IOERR],
  ] as const) {
    const core = new RawCore();
    const path = core.backing([[abi.SETTING_MAX_DISCARD_SECTORS, limit]]);
    const device = core.device(abi.DEVICE_REQUEST, DISCARDS);
    core.map(device, abi.EXTENT_DEVICE, path);
    core.submit({ device, operation: DISCARD, sectors: 8 });
    assert.is(core.ended.get(0), status);
    core.assertIdle();
  }
});

ranges('a stretch that takes discards or zeroes and not the other turns that one away', () => {
  for (const [abilities, statuses] of [
    [0, [abi.STATUS_NOTSUPP, abi.STATUS_NOTSUPP]],
    [abi.ABILITY_DISCARD, [abi.STATUS_OK, abi.STATUS_NOTSUPP]],
    [abi.ABILITY_WRITE_ZEROES, [abi.STATUS_NOTSUPP, abi.STATUS_OK]],
  ] as const) {
    const core = new RawCore();
    const path = core.backing(DISCARDS);
    const device = core.device(abi.DEVICE_BIO, DISCARDS);
    core.map(device, abi.EXTENT_DEVICE, path, { abilities });
    core.submit({ device, operation: DISCARD, sectors: 8 }, { device, operation: ZEROES, sectors: 8 });
    core.drain();
    assert.equal([core.ended.get(0), core.ended.get(1)], statuses);
    core.assertIdle();
  }
});

ranges('a discard that a target ends with TARGET before it has chosen a device turns nothing off', () => {
  const core = new RawCore();
  core.backing(); // device 0 takes no discards
  const path = core.backing([[abi.SETTING_MAX_DISCARD_SECTORS, 64]]);
  const mapped = core.device(abi.DEVICE_BIO, [[abi.SETTING_MAX_DISCARD_SECTORS, 64]]);
  core.map(mapped, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_PREP_MAP });
  const kept: number[] = [];
  core.choose = ({ id }) => {
    kept.push(id);
    return { verdict: abi.MAP_SUBMITTED };
  };
  const tag = core.submit({ device: mapped, operation: abi.OPERATION_DISCARD, sector: 0, sectors: 8 });
  assert.ok(core.core.exports.finish(core.nowNs, kept[0]!, abi.STATUS_TARGET));
  core.run();
  assert.is(core.ended.get(tag), abi.STATUS_TARGET);
  assert.is(core.core.figures(mapped)[abi.FIGURE_MAX_DISCARD_SECTORS], 64);
  core.assertIdle();
});

ranges('a write with FUA that comes back takes no neighbour in', () => {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_HAS_CACHE, 1],
    [abi.SETTING_HAS_FUA, 1],
    [abi.SETTING_DEPTH, 1],
  ]);
  const device = core.device(abi.DEVICE_REQUEST, [
    [abi.SETTING_ELEVATOR, abi.ELEVATOR_MQ_DEADLINE],
    [abi.SETTING_HAS_CACHE, 1],
    [abi.SETTING_HAS_FUA, 1],
  ]);
  core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_END_IO });
  core.endings.push(abi.END_REQUEUE);
  core.submit({ device, operation: WRITE, flags: abi.FLAG_FUA, sector: 48, sectors: 8 });
  // takes the only credit when the write has failed
  core.submit({ device, operation: READ, sector: 500, sectors: 8 });
  core.answer(1, abi.STATUS_TRANSPORT);
  core.submit({ device, operation: WRITE, sector: 56, sectors: 8 }, { device, operation: WRITE, sector: 40, sectors: 8 });
  assert.equal(
    core
      .drain()
      .map(({ operation, sector, sectors }) => [operation, sector, sectors])
      .sort(),
    [
      [READ, 500, 8],
      [WRITE, 40, 8],
      [WRITE, 48, 8],
      [WRITE, 56, 8],
    ],
  );
  core.assertIdle();
});

ranges('a path that says TARGET and takes no discards any more turns them off above', () => {
  const core = new RawCore();
  const path = core.backing(DISCARDS);
  const device = core.device(abi.DEVICE_REQUEST, DISCARDS);
  core.map(device, abi.EXTENT_DEVICE, path);
  core.submit({ device, operation: DISCARD, sectors: 8 });
  core.configure(path, abi.SETTING_MAX_DISCARD_SECTORS, 0);
  core.answer(1, abi.STATUS_TARGET);
  core.submit({ device, operation: DISCARD, sectors: 8 });
  assert.equal([...core.ended.values()], [abi.STATUS_TARGET, abi.STATUS_NOTSUPP]);
  assert.is(core.core.figures(device)[abi.FIGURE_MAX_DISCARD_SECTORS], 0);
  core.assertIdle();
});

ranges.run();

const waiting: Test = suite('core/operations: who would rather not wait');

waiting('NOWAIT ends with AGAIN where it must be split, and where no request is free', () => {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_MAX_SECTORS, 8],
    [abi.SETTING_REQUESTS, 1],
    [abi.SETTING_NOMERGES, 2],
  ]);
  const flags = abi.FLAG_NOWAIT;
  core.submit({ device: path, sectors: 16, flags });
  core.submit({ device: path, sectors: 8, flags }, { device: path, sector: 8, sectors: 8, flags });
  core.drain();
  assert.equal(
    [0, 1, 2].map((tag) => core.ended.get(tag)),
    [abi.STATUS_AGAIN, abi.STATUS_OK, abi.STATUS_AGAIN],
  );
  core.assertIdle();
});

waiting('a suspended bio-based device turns NOWAIT and read-ahead away and keeps the others', () => {
  const core = new RawCore();
  const path = core.backing();
  const device = core.device(abi.DEVICE_BIO);
  core.map(device, abi.EXTENT_DEVICE, path);
  core.core.exports.setState(core.nowNs, device, abi.DEVICE_SUSPENDED, 0);
  core.submit(
    { device, sectors: 8, flags: abi.FLAG_NOWAIT },
    { device, sectors: 8, flags: abi.FLAG_RAHEAD },
    { device, sectors: 8 },
  );
  assert.equal(
    [...core.ended],
    [
      [0, abi.STATUS_AGAIN],
      [1, abi.STATUS_IOERR],
    ],
  );
  core.core.exports.setState(core.nowNs, device, abi.DEVICE_RUNNING, 0);
  core.run();
  core.drain();
  core.assertIdle();
});

waiting('reads that differ in priority do not merge, those of one priority do', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED]);
  const idle = abi.PRIORITY_IDLE << abi.FLAG_PRIORITY_SHIFT;
  core.submit({ device: path, sectors: 8 }, { device: path, sector: 8, sectors: 8, flags: idle });
  core.submit({ device: path, sector: 16, sectors: 8, flags: idle });
  assert.equal(places(core.drain()), ['0+8', '8+16']);
  core.assertIdle();
});

waiting.run();

const mapped: Test = suite('core/operations: stripes, kept I/O, figures');

const striped = (core: RawCore, settings: readonly (readonly [number, number])[] = []): { device: number; paths: number[] } => {
  const cache = [abi.SETTING_HAS_CACHE, 1] as const;
  const paths = [0, 1, 2].map(() => core.backing([...DISCARDS, cache, ...settings]));
  const device = core.device(abi.DEVICE_BIO, [[abi.SETTING_MAX_DISCARD_SECTORS, 1 << 20], cache]);
  const offset = core.stripes([paths[0], 0], [paths[1], 1000], [paths[2], 2000]);
  core.map(device, abi.EXTENT_STRIPED, BELOW_NONE, { chunk: 8, offset });
  return { device, paths };
};

mapped('a striped read is cut at the chunks; those of one stripe meet again in its queue', () => {
  const core = new RawCore();
  const { device } = striped(core);
  core.submit({ device, sector: 6, sectors: 28 });
  assert.equal(named(core.drain()).sort(), ['0: 6+10', '1: 1000+10', '2: 2000+8']);
  core.assertIdle();
});

mapped('a striped discard goes to each stripe in one piece', () => {
  const core = new RawCore();
  const { device } = striped(core);
  core.submit({ device, operation: DISCARD, sector: 6, sectors: 46 });
  // chunks 0 to 6: the first has its last 2 sectors, the last its first 4
  assert.equal(named(core.drain()).sort(), ['0: 6+14', '1: 1000+16', '2: 2000+16'].sort());
  core.assertIdle();
});

mapped('a flush of a striped device goes once to each stripe', () => {
  const core = new RawCore();
  const { device } = striped(core);
  core.submit({ device, operation: abi.OPERATION_FLUSH });
  assert.equal(
    core.drain().map((io) => io.device),
    [0, 1, 2],
  );
  core.assertIdle();
});

mapped('striped discards go on with every pool at its minimum', () => {
  const core = new RawCore({ devices: 4, bios: 16, requests: 16 });
  const { device } = striped(core);
  core.submit(...[0, 600].map((sector) => ({ device, operation: DISCARD, sector, sectors: 600 })));
  let sectors = 0;
  while (core.issued.length > 0) for (const io of core.answer(core.issued.length)) sectors += io.sectors;
  assert.is(sectors, 1200);
  core.assertIdle();
});

mapped('what a hook keeps goes to the device and the place that it names later', () => {
  for (const kind of [abi.DEVICE_REQUEST, abi.DEVICE_BIO]) {
    const core = new RawCore();
    const path = core.backing();
    const other = core.backing();
    const device = core.device(kind);
    core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_PREP_MAP | abi.HOOK_END_IO });
    const kept: number[] = [];
    core.choose = ({ id }) => {
      kept.push(id);
      return { verdict: abi.MAP_SUBMITTED };
    };
    core.submit({ device, sector: 100, sectors: 8 });
    assert.is(core.core.figures(device)[abi.FIGURE_IN_FLIGHT], 1);
    assert.ok(core.core.exports.remap(core.nowNs, kept[0], other, 700));
    core.run();
    assert.not(core.core.exports.remap(core.nowNs, kept[0], other, 700), 'it is not kept any more');
    // end_io keeps it once more, and gives it to the first path
    core.endings.push(abi.END_INCOMPLETE);
    assert.equal(named(core.answer(1)), ['1: 700+8']);
    assert.ok(core.core.exports.remap(core.nowNs, kept[0], path, 900));
    core.run();
    assert.equal(named(core.drain()), ['0: 900+8']);
    assert.is(core.ended.get(0), abi.STATUS_OK);
    core.assertIdle();
  }
});

mapped('kept I/O whose front has been told goes on behind it at the new place', () => {
  const core = new RawCore();
  const path = core.backing();
  const device = core.device(abi.DEVICE_REQUEST);
  core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_PREP_MAP | abi.HOOK_END_IO });
  let kept = 0;
  core.choose = ({ id }) => {
    kept = id;
    return { verdict: abi.MAP_REMAPPED, device: path };
  };
  core.endings.push(abi.END_INCOMPLETE, abi.END_INCOMPLETE);
  core.submit({ device, sector: 100, sectors: 8 }, { device, sector: 108, sectors: 8 });
  assert.equal(places(core.answer(1, abi.STATUS_TRANSPORT, 8)), ['100+16']);
  assert.equal([...core.ended.keys()], [0]);
  assert.ok(core.core.exports.remap(core.nowNs, kept, path, 700));
  core.run();
  // all of it is done now, though with an error: what is given to a place then has nothing to do there
  assert.equal(places(core.answer(1, abi.STATUS_TRANSPORT, 8)), ['708+8']);
  assert.ok(core.core.exports.remap(core.nowNs, kept, path, 900));
  core.run();
  assert.is(core.issued.length, 0);
  assert.is(core.ended.get(1), abi.STATUS_OK);
  core.assertIdle();
});

mapped('kept I/O that is sent to a device which does not stand below ends with an error', () => {
  for (const kind of [abi.DEVICE_REQUEST, abi.DEVICE_BIO]) {
    const core = new RawCore();
    const path = core.backing();
    const device = core.device(kind);
    core.map(device, abi.EXTENT_DEVICE, path, { hooks: abi.HOOK_PREP_MAP });
    let kept = 0;
    core.choose = ({ id }) => {
      kept = id;
      return { verdict: abi.MAP_SUBMITTED };
    };
    core.submit({ device, sectors: 8 });
    assert.ok(core.core.exports.remap(core.nowNs, kept, BELOW_NONE, 0));
    core.run();
    assert.is(core.ended.get(0), abi.STATUS_IOERR);
    core.assertIdle();
  }
});

mapped('an alarm goes off once, at its time, and the next timer is told', () => {
  const core = new RawCore();
  const device = core.backing();
  core.core.exports.setAlarm(device, core.nowNs + 5e6);
  assert.is(core.core.exports.nextTimer(), core.nowNs + 5e6);
  core.advance(4);
  assert.not(core.wants & abi.WANT_ALARM);
  core.advance(1);
  assert.ok(core.wants & abi.WANT_ALARM);
  assert.is(core.core.figures(device)[abi.FIGURE_ALARM], 1);
  assert.is(core.core.exports.nextTimer(), 0);
  core.wants = 0;
  core.run();
  assert.not(core.wants & abi.WANT_ALARM);
});

mapped('requests over a limit that was lowered are split again, not sent and not lost', () => {
  for (const elevator of [abi.ELEVATOR_NONE, abi.ELEVATOR_MQ_DEADLINE]) {
    const core = new RawCore();
    const path = core.backing([
      [abi.SETTING_ELEVATOR, elevator],
      [abi.SETTING_DEPTH, 1],
    ]);
    core.submit({ device: path, sector: 5000, sectors: 8 });
    core.submit(...[0, 1, 2, 3].map((i) => ({ device: path, sector: 8 * i, sectors: 8 })), {
      device: path,
      sector: 100,
      sectors: 32,
    });
    core.configure(path, abi.SETTING_MAX_SECTORS, 12);
    const rest = core.drain().slice(1);
    assert.ok(
      rest.every(({ sectors }) => sectors <= 12),
      places(rest).join(' '),
    );
    assert.is(
      rest.reduce((total, { sectors }) => total + sectors, 0),
      64,
    );
    core.assertIdle();
  }
});

mapped('disk statistics count I/Os, merges, sectors and times by operation, and the time with any in flight', () => {
  const core = new RawCore();
  const path = core.backing([ELEVATED, ...DISCARDS]);
  core.submit(
    { device: path, sectors: 8 },
    { device: path, sector: 8, sectors: 8 },
    { device: path, operation: WRITE, sector: 90, sectors: 4 },
  );
  core.nowNs += 3e6;
  core.answer(2);
  core.nowNs += 10e6;
  core.submit({ device: path, operation: DISCARD, sectors: 16 });
  core.nowNs += 1e6;
  core.drain();
  const counters = core.core.counters(path);
  const disk = (group: number): number[] => [...counters.subarray(group, group + 4)];
  assert.equal(disk(abi.COUNTER_DISK_READ), [1, 1, 16, 3e6]);
  assert.equal(disk(abi.COUNTER_DISK_WRITE), [1, 0, 4, 3e6]);
  assert.equal(disk(abi.COUNTER_DISK_DISCARD), [1, 0, 16, 1e6]);
  assert.is(counters[abi.COUNTER_DISK_BUSY_NS], 4e6);
  core.assertIdle();
});

mapped('a discard over several stripes counts once in the disk statistics, with its own sectors', () => {
  const core = new RawCore();
  const { device } = striped(core);
  core.submit({ device, operation: DISCARD, sectors: 48 });
  core.drain();
  const counters = core.core.counters(device);
  assert.is(counters[abi.COUNTER_DISK_DISCARD + abi.DISK_IOS], 1);
  assert.is(counters[abi.COUNTER_DISK_DISCARD + abi.DISK_SECTORS], 48);
  core.assertIdle();
});

mapped.run();
