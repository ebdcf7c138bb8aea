// Regions of statistics on devices whose time is virtual: every figure is known to the nanosecond.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MappedDevice, type MapperOptions, RqdmError } from '../../bindings/index.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

const test = suite('device: regions of statistics');

const SECTORS = 2048;
const SIM = 'size=1M&service=100us+3us/KiB&servers=2';
const TABLES = {
  bio: `0 ${SECTORS} linear sim:a?${SIM} 0`,
  request: `0 ${SECTORS} multipath 0 0 1 1 round-robin 0 1 0 sim:a?${SIM}`,
} as const;

/** One I/O as a caller saw it. Nanoseconds, sectors. */
interface Seen {
  readonly isRead: boolean;
  readonly sector: number;
  readonly sectors: number;
  readonly beganAt: number;
  endedAt: number;
}

class Stage extends VirtualMapper {
  readonly seen: Seen[] = [];

  async create(type: 'bio' | 'request', queue: Record<string, string | number> = {}): Promise<MappedDevice> {
    return this.run(this.mapper.createDevice({ name: 'd', table: TABLES[type], queue }));
  }

  /** An I/O from now on, noted. */
  io(device: MappedDevice, isRead: boolean, sector: number, sectors: number): Promise<void> {
    const seen: Seen = { isRead, sector, sectors, beganAt: this.time.now(), endedAt: Infinity };
    this.seen.push(seen);
    const bytes = sectors * 512;
    const done = isRead ? device.read(sector * 512, bytes) : device.write(Buffer.alloc(bytes), sector * 512);
    return done.then(() => {
      seen.endedAt = this.time.now();
    });
  }
}

interface PlainRegion {
  readonly start: number;
  readonly length: number;
  readonly step: number;
  readonly bounds: readonly number[];
  /** Times count from here on; I/O that has ended before is not known. */
  readonly since: number;
}

/** What the region should print at `now`, from what callers saw. No merges, no cuts. */
function plainLines(region: PlainRegion, seen: readonly Seen[], now: number): string {
  let text = '';
  for (let start = region.start; start < region.start + region.length; start += region.step) {
    const end = Math.min(start + region.step, region.start + region.length);
    const touching = seen.filter(
      ({ sector, sectors, endedAt }) => sector < end && sector + sectors > start && endedAt >= region.since,
    );
    const spans = (isRead?: boolean): [number, number][] =>
      touching
        .filter((one) => isRead === undefined || one.isRead === isRead)
        .map(({ beganAt, endedAt }) => [Math.max(beganAt, region.since), Math.min(endedAt, now)]);
    const group = (isRead: boolean): number[] => {
      const ended = touching.filter((one) => one.isRead === isRead && one.endedAt <= now);
      const sectors = ended.map((one) => Math.min(end, one.sector + one.sectors) - Math.max(start, one.sector));
      return [ended.length, 0, sum(sectors), sum(ended.map(({ beganAt, endedAt }) => endedAt - beganAt))];
    };
    const inFlight = touching.filter(({ endedAt }) => endedAt > now).length;
    const weighted = sum(spans().map(([from, to]) => to - from));
    const counters = [
      ...group(true),
      ...group(false),
      inFlight,
      union(spans()),
      weighted,
      union(spans(true)),
      union(spans(false)),
    ];
    const bins = new Array<number>(region.bounds.length + 1).fill(0);
    for (const { beganAt, endedAt } of touching) {
      const bin = region.bounds.filter((bound) => bound <= endedAt - beganAt).length;
      if (endedAt <= now) bins[bin] = (bins[bin] as number) + 1;
    }
    text += `${start}+${end - start} ${counters.join(' ')}${region.bounds.length === 0 ? '' : ` ${bins.join(':')}`}\n`;
  }
  return text;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Length of what the spans cover. */
function union(spans: [number, number][]): number {
  let total = 0;
  let reached = -Infinity;
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total;
}

const ios = fc.array(
  fc.record({
    atUs: fc.integer({ min: 0, max: 900 }),
    isRead: fc.boolean(),
    sector: fc.integer({ min: 0, max: SECTORS - 64 }),
    sectors: fc.integer({ min: 1, max: 64 }),
  }),
  { minLength: 1, maxLength: 20 },
);
const regions = fc.record({
  start: fc.integer({ min: 0, max: SECTORS - 1 }),
  length: fc.integer({ min: 1, max: 3000 }),
  step: fc.integer({ min: 7, max: 700 }),
  bounds: fc.uniqueArray(fc.integer({ min: 1, max: 700_000 }), { maxLength: 4 }).map((list) => list.sort((a, b) => a - b)),
  atUs: fc.integer({ min: 0, max: 600 }),
});

for (const type of ['bio', 'request'] as const) {
  test(`a region counts to the nanosecond what callers see, also of what was in flight before it (${type})`, async () => {
    const property = fc.asyncProperty(ios, regions, fc.integer({ min: 0, max: 1500 }), async (given, wanted, lookUs) => {
      await using stage = new Stage();
      const device = await stage.create(type, type === 'request' ? { nomerges: 2 } : {});
      const base = stage.time.now();
      const all: Promise<void>[] = [];
      let region: PlainRegion | undefined;
      const histogram = wanted.bounds.length === 0 ? '' : ` histogram:${wanted.bounds.join(',')}`;
      const options = `${histogram === '' ? 1 : 2} precise_timestamps${histogram}`;
      // half a microsecond later than whatever else happens: callers have seen it by then
      stage.time.at(base + wanted.atUs * 1000 + 500, () => {
        const { start, length, step, bounds } = wanted;
        region = { start, length, step, bounds, since: stage.time.now() };
        assert.is(device.message(`@stats_create ${start}+${length} ${step} ${options}`), '0');
      });
      for (const { atUs, isRead, sector, sectors } of given) {
        stage.time.at(base + atUs * 1000, () => void all.push(stage.io(device, isRead, sector, sectors)));
      }
      const look = (): void => {
        if (region === undefined) return;
        const now = stage.time.now();
        // what has begun at this very moment is not in the core yet
        const seen = stage.seen.filter(({ beganAt }) => beganAt < now);
        assert.is(device.message('@stats_print 0'), plainLines(region, seen, now));
      };
      const looked = new Promise<void>((resolve, reject) => {
        stage.time.at(base + lookUs * 1000 + 700, () => {
          try {
            look();
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      });
      await stage.run(looked);
      await stage.advance(50);
      await Promise.all(all);
      assert.is(all.length, given.length);
      look();
    });
    await fc.assert(property, { numRuns: 60 });
  });
}

test('without precise_timestamps the same times are told in whole milliseconds', async () => {
  await using stage = new Stage();
  const device = await stage.create('bio');
  assert.is(device.message('@stats_create - /2 1 histogram:1,5'), '0');
  assert.is(device.message('@stats_create - /2 2 precise_timestamps histogram:1000000,5000000'), '1');
  await stage.run(Promise.all(Array.from({ length: 30 }, (_, index) => stage.io(device, true, index * 33, 8))));
  const [coarse, precise] = ['0', '1'].map((id) => (device.message(`@stats_print ${id}`) as string).split('\n')[0]?.split(' '));
  for (const index of [4, 10, 11, 12]) {
    assert.is(Number(coarse?.[index]), Math.floor(Number(precise?.[index]) / 1e6));
  }
  assert.is(coarse?.at(-1), precise?.at(-1));
  assert.is.not(coarse?.[4], '0');
});

test('a request counts once, with its merges where the merged bios lie, however its areas are cut', async () => {
  await using stage = new Stage();
  const device = await stage.create('request');
  device.message('@stats_create - 8 1 precise_timestamps');
  await stage.run(Promise.all([0, 4, 8, 12].map((sector) => device.read(sector * 512, 2048))));
  const lines = (device.message('@stats_print 0 0 3') as string).split('\n').map((line) => line.split(' '));
  assert.equal(lines[0]?.slice(0, 4), ['0+8', '1', '1', '8']);
  assert.equal(lines[1]?.slice(0, 4), ['8+8', '1', '2', '8']);
  assert.equal(lines[2]?.slice(0, 4), ['16+8', '0', '0', '0']);
  assert.is(lines[0]?.[4], lines[1]?.[4]);
});

test('a bio that spans targets counts as its pieces', async () => {
  await using stage = new Stage();
  const table = `0 1024 linear sim:a?${SIM} 0\n1024 1024 linear sim:b?${SIM} 0`;
  const device = await stage.run(stage.mapper.createDevice({ name: 'd', table }));
  device.message('@stats_create - /1 1 precise_timestamps');
  await stage.run(device.write(Buffer.alloc(16 * 512), 1016 * 512));
  const line = (device.message('@stats_print 0') as string).split(' ');
  assert.equal(line.slice(5, 8), ['2', '0', '16']);
  assert.is(line[9], '0');
});

test('what fails, what is retried on another path and a discard on stripes leave nothing in flight', async () => {
  await using stage = new Stage();
  const paths = `sim:a?${SIM}&switch=a 1 sim:b?${SIM} 1`;
  const device = await stage.run(
    stage.mapper.createDevice({ name: 'm', table: `0 ${SECTORS} multipath 0 0 1 1 service-time 0 2 1 ${paths}` }),
  );
  const stripes = `0 ${SECTORS} striped 2 16 sim:c?${SIM}&discard=zeros 0 sim:d?${SIM}&discard=zeros 0`;
  const striped = await stage.run(stage.mapper.createDevice({ name: 's', table: stripes }));
  for (const one of [device, striped]) one.message('@stats_create - /4');
  stage.mapper.faultSwitches.get('a').fail();
  await stage.run(Promise.all([device.read(0, 65536), device.read(4096, 4096)]));
  await stage.run(Promise.allSettled([striped.discard(0, 512 * 1024), striped.read(4096, 65536)]));
  for (const one of [device, striped]) {
    const inFlight = (one.message('@stats_print 0') as string)
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[9]);
    assert.equal(inFlight, ['0', '0', '0', '0']);
  }
});

test('regions outlast a new table, and an empty device may have them before its first', async () => {
  await using stage = new Stage();
  const device = await stage.run(stage.mapper.createDevice({ name: 'd' }));
  assert.throws(() => device.message('@stats_create - /1'), /range that is not empty/);
  assert.is(device.message('@stats_create 0+64 64'), '0');
  device.load(TABLES.request);
  await stage.run(device.resume());
  await stage.run(device.read(0, 4096));
  await stage.run(device.reload(`0 ${SECTORS} multipath 0 0 1 1 round-robin 0 1 0 sim:z?${SIM}`));
  await stage.run(device.read(0, 4096));
  assert.match(device.message('@stats_print 0') as string, /^0\+64 2 0 16 /);
});

test('messages list, clear, name and delete regions; the smallest free id is given', async () => {
  await using stage = new Stage();
  const device = await stage.create('bio');
  assert.is(device.message('@stats_list'), '');
  assert.is(device.message('@stats_create - /3 dmstats with\\ blank'), '0');
  assert.is(device.message('@STATS_CREATE 8+16 5 2 precise_timestamps histogram:10,20 other'), '1');
  assert.is(device.message('@stats_create - 100'), '2');
  assert.is(
    device.message('@stats_list'),
    '0: 0+2048 683 dmstats with blank\n1: 8+16 5 other - precise_timestamps histogram:10,20\n2: 0+2048 100 - -\n',
  );
  device.message('@stats_set_aux 1 data');
  assert.is(device.message('@stats_list other'), '1: 8+16 5 other data precise_timestamps histogram:10,20\n');
  await stage.run(device.read(0, 8192));
  assert.match(device.message('@stats_print 0 0 1') as string, /^0\+683 1 0 16 /);
  assert.match(device.message('@stats_print_clear 1') as string, /^8\+5 1 0 5 .*\n13\+5 1 0 3 .*\n18\+5 0 .*\n23\+1 0 .*\n$/);
  assert.match(device.message('@stats_print 1') as string, /^8\+5 0 0 0 0 0 0 0 0 0 0 0 0 0 0:0:0\n/);
  device.message('@stats_clear 0');
  assert.is(device.message('@stats_print 0 0 1'), '0+683 0 0 0 0 0 0 0 0 0 0 0 0 0\n');
  device.message('@stats_delete 1');
  assert.is(device.message('@stats_create - /1'), '1');
  assert.is(device.message('@stats_print 1 7 3'), '');
});

test('mistakes are refused with their errno, and change nothing', async () => {
  await using stage = new Stage();
  const device = await stage.create('bio');
  const refused = (message: string, errno: string): void => {
    assert.throws(
      () => device.message(message),
      (error: unknown) => error instanceof RqdmError && error.errno === errno,
      message,
    );
  };
  for (const words of [
    '',
    '-',
    '- 0',
    '- /0',
    '- x',
    '0+0 1',
    '5 1',
    '- /1 2 precise_timestamps',
    '- /1 1 fast',
    '- /1 a b c',
  ]) {
    refused(`@stats_create ${words}`, 'EINVAL');
  }
  for (const bounds of ['', '0', '2,1', '1,1', '1,x']) refused(`@stats_create - /1 1 histogram:${bounds}`, 'EINVAL');
  refused(
    '@stats_create - 1 1 histogram:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50',
    'ENOMEM',
  );
  refused('@stats_create 0+9007199254740991 1', 'ENOMEM');
  for (const verb of ['delete', 'clear', 'print', 'print_clear']) {
    refused(`@stats_${verb} 0`, 'ENOENT');
    refused(`@stats_${verb}`, 'EINVAL');
  }
  refused('@stats_set_aux 0', 'EINVAL');
  refused('@stats_print x', 'EINVAL');
  refused('@stats_unknown', 'EINVAL');
  assert.is(device.message('@stats_list'), '');
});

test('memory of regions is limited, and comes back with the region or its device', async () => {
  const options: MapperOptions = { limits: { regionBytes: 4096 } };
  await using stage = new VirtualMapper(options);
  const device = await stage.run(stage.mapper.createDevice({ name: 'd', table: TABLES.bio }));
  for (let round = 0; round < 3; round++) {
    assert.is(device.message('@stats_create - /30'), '0');
    assert.throws(() => device.message('@stats_create - /30'), /limits\.regionBytes/);
    device.message('@stats_delete 0');
  }
  device.message('@stats_create - /30');
  await stage.run(device.close());
  const next = await stage.run(stage.mapper.createDevice({ name: 'd', table: TABLES.bio }));
  assert.is(next.message('@stats_create - /30'), '0');
  assert.match(next.message('@stats_print 0 0 1') as string, /^0\+69 0 0 0 /);
});

test.run();
