// Models of storage and links against what can be worked out on paper.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { DeviceMapper, RqdmError } from '../../bindings/index.ts';
import { SeededRandom } from '../../bindings/path/fault/random.ts';
import { ControllerArray } from '../../bindings/path/model/array.ts';
import { type DiskDescription, DiskModel } from '../../bindings/path/model/disk.ts';
import { FixedModel } from '../../bindings/path/model/fixed.ts';
import { Link } from '../../bindings/path/model/link.ts';
import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import { ATLAS_10K, NEARLINE_7200 } from '../../bindings/path/model/profiles-disk.ts';
import { NVME_970_PRO, NVME_TLC } from '../../bindings/path/model/profiles-solid.ts';
import { createStorage } from '../../bindings/path/model/registry.ts';
import { seekCurve } from '../../bindings/path/model/seek-curve.ts';
import { SsdModel } from '../../bindings/path/model/ssd.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';

const test = suite('path: models');
const KIB = 1024;
const MIB = 1024 * KIB;

/** `actual` lies within a share of what is expected. */
function near(actual: number, expected: number, share: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual}, expected ${expected} ± ${100 * share} %`);
}

test('a 4 KiB read of an idle 970 Pro is firmware, sensing, channel and link, one after the other', () => {
  const ssd = new SsdModel(NVME_970_PRO);
  const expected = 21.5 + 36 + 4096 / 800 + 4096 / 3360;
  near((ssd.book(1e9, OPERATION_READ, 4 * KIB, 0) - 1e9) / 1e3, expected, 1e-6, 'microseconds');
});

test('large reads of an SSD come at the rate of its link', () => {
  const ssd = new SsdModel(NVME_970_PRO);
  let end = 0;
  for (let i = 0; i < 1000; i++) end = Math.max(end, ssd.book(0, OPERATION_READ, MIB, i * MIB));
  near((1000 * MIB) / 1e6 / (end / 1e9), 3360, 0.01, 'MB/s');
});

test('writes are acknowledged from the buffer, and in the long run as fast as the dies are programmed', () => {
  const ssd = new SsdModel(NVME_TLC);
  const first = ssd.book(0, OPERATION_WRITE, 4 * KIB, 0);
  near(first / 1e3, 4096 / 3050 + 5.6 + 0.6, 1e-6, 'microseconds');
  let now = first;
  for (let i = 0; i < 20_000; i++) now = ssd.book(now, OPERATION_WRITE, 128 * KIB, i * 128 * KIB);
  const dies = NVME_TLC.channels * NVME_TLC.diesPerChannel;
  // a page is carried to the die while the one before is programmed
  const expected = (dies * NVME_TLC.pageBytes) / NVME_TLC.programUs;
  near((20_000 * 128 * KIB) / (now / 1e3), expected, 0.03, 'MB/s');
});

test('a flush waits for what the buffer holds; of an idle SSD it waits for nothing', () => {
  const ssd = new SsdModel(NVME_TLC);
  assert.is(ssd.book(0, OPERATION_FLUSH, 0, 0), NVME_TLC.bufferUs * 1e3);
  ssd.book(0, OPERATION_WRITE, 4 * KIB, 0);
  assert.ok(ssd.book(10e3, OPERATION_FLUSH, 0, 0) > NVME_TLC.programUs * 1e3);
});

test('a read that needs a channel early is not kept by a transfer that is booked for later', () => {
  // eight dies of one channel sense at once: one sensing, then eight transfers, not eight times both
  const ssd = new SsdModel({ ...NVME_970_PRO, channels: 1, diesPerChannel: 8 });
  let end = 0;
  for (let page = 0; page < 8; page++) end = Math.max(end, ssd.book(0, OPERATION_READ, 32 * KIB, page * 32 * KIB));
  const carryUs = (32 * KIB) / 800;
  near(end / 1e3, 21.5 + 36 + 8 * carryUs + (32 * KIB) / 3360, 1e-6, 'microseconds');
});

test('collection makes sustained writes slower by what is moved', () => {
  const rate = (pagesMovedPerWrite: number): number => {
    const ssd = new SsdModel({ ...NVME_TLC, collection: { pagesMovedPerWrite, pagesPerBlock: 1e9 } });
    let now = 0;
    for (let i = 0; i < 10_000; i++) now = ssd.book(now, OPERATION_WRITE, 128 * KIB, 0);
    return 10_000 / now;
  };
  const { programUs, readUs } = NVME_TLC;
  near(rate(0) / rate(1), (2 * programUs + readUs) / programUs, 0.05, 'ratio');
});

test('random reads of a disk take overhead, the mean seek, half a turn and the transfer', () => {
  const disk = new DiskModel({ ...ATLAS_10K, readBuffer: { segments: 0, segmentSectors: 0 } });
  const random = new SeededRandom(3);
  const curve = seekCurve(ATLAS_10K.seek, 10_042);
  let meanSeekMs = 0;
  // two random cylinders are d apart with probability 2 (n - d) / n²
  for (let d = 1; d < 10_042; d++) meanSeekMs += (curve[d] as number) * ((2 * (10_042 - d)) / 10_042 ** 2);
  let now = 0;
  const reads = 5000;
  for (let i = 0; i < reads; i++) {
    now = disk.book(now, OPERATION_READ, 4 * KIB, Math.floor(random.unit() * (disk.sizeSectors - 8)) * 512);
  }
  const turnMs = 60_000 / ATLAS_10K.rpm;
  near(now / 1e6 / reads, 0.6 + meanSeekMs + turnMs / 2 + (8 / 300) * turnMs, 0.02, 'milliseconds');
});

test('random calls, one by one, take what they took when the accuracy of the profiles was measured, to the last bit', () => {
  const known = [
    ['atlas-10k', 48_619_514_493.54476],
    ['hp-c2247a', 128_730_643_518.73279],
    ['cheetah-9lp', 47_740_730_913.36428],
    ['nearline-7200', 64_046_660_943.87421],
  ] as const;
  for (const [name, expectedNs] of known) {
    const disk = new DiskModel(STORAGE_PROFILES.get(name)?.description as DiskDescription);
    const random = new SeededRandom(7);
    let now = 1e9;
    for (let i = 0; i < 5000; i++) {
      const operation = random.unit() < 0.4 ? OPERATION_WRITE : OPERATION_READ;
      const bytes = (1 + Math.floor(random.unit() * 64)) * 512;
      now = disk.book(now, operation, bytes, Math.floor(random.unit() * (disk.sizeSectors - 64)) * 512);
    }
    assert.is(now, expectedNs, name);
  }
});

test('a disk reads on from track to track at the rate of its outermost zone', () => {
  const disk = new DiskModel(ATLAS_10K);
  const bytes = 64 * MIB;
  const ns = disk.book(0, OPERATION_READ, bytes, 0);
  const turnNs = (60_000 / ATLAS_10K.rpm) * 1e6;
  const cylinderNs = 6 * turnNs + 5 * 0.176e6 + 1.245e6;
  near((6 * 334 * 512) / (cylinderNs + 6 * (2 / 334) * turnNs), bytes / ns, 0.02, 'bytes a nanosecond');
});

test('what read-ahead has brought is a hit; what a write has changed is none', () => {
  const disk = new DiskModel(ATLAS_10K);
  const first = disk.book(0, OPERATION_READ, 4 * KIB, 0);
  const later = first + 50e6;
  const hit = disk.book(later, OPERATION_READ, 4 * KIB, 4 * KIB) - later;
  near(hit / 1e6, 0.55 + 4096 / 80e3, 1e-3, 'milliseconds');
  let again = 0;
  for (let at = later + 50e6; at < later + 1050e6; at += 100e6) {
    disk.book(at, OPERATION_WRITE, 4 * KIB, 8 * KIB);
    again += disk.book(at + 49.3e6, OPERATION_READ, 4 * KIB, 8 * KIB) - (at + 49.3e6);
  }
  assert.ok(again / 10 > 2e6, `${again / 10}`);
});

test('a read of what another is still reading has it when the platter has brought it', () => {
  const disk = new DiskModel(NEARLINE_7200);
  const first = disk.book(0, OPERATION_READ, 512 * KIB, 0);
  const [all, half] = [disk.book(1000, OPERATION_READ, 512 * KIB, 0), disk.book(1000, OPERATION_READ, 256 * KIB, 0)];
  assert.ok(all >= first);
  near(half, first - (256 * KIB) / 0.1749, 0.05, 'nanoseconds');
});

for (const [depth, pauseNs] of [
  [1, 0],
  [32, 0],
  [1, 100e6],
] as const) {
  test(`read-ahead is no faster than the platter: depth ${depth}, a pause of ${pauseNs / 1e6} ms each 64 reads`, () => {
    const disk = new DiskModel(NEARLINE_7200);
    const ends: number[] = Array.from({ length: depth }, () => 1e6);
    const bytes = 256 * KIB;
    let busyNs = 0;
    let lastNs = 1e6;
    for (let i = 0; i < 1024; i++) {
      const pausedNs = i % 64 === 0 ? pauseNs : 0;
      const end = disk.book((ends[i % depth] as number) + pausedNs, OPERATION_READ, bytes, i * bytes);
      busyNs += end - lastNs - pausedNs;
      lastNs = end;
      ends[i % depth] = end;
    }
    const zone = NEARLINE_7200.zones[0] as { sectorsPerTrack: number };
    const platter = (zone.sectorsPerTrack * 512 * NEARLINE_7200.rpm) / 60;
    // what was read into the buffer in a pause is there at once
    const aheadNs = pauseNs === 0 ? 0 : 16 * ((NEARLINE_7200.readBuffer.segmentSectors * 512) / platter) * 1e9;
    const rate = (1024 * bytes) / ((busyNs + aheadNs) / 1e9);
    assert.ok(rate <= 1.01 * platter && rate > 0.85 * platter, `${rate / 1e6} MB/s of ${platter / 1e6}`);
  });
}

test('a disk acknowledges writes from its buffer until that is full, and a flush waits for the arm', () => {
  const disk = new DiskModel(ATLAS_10K);
  const random = new SeededRandom(5);
  const write = (): number => disk.book(0, OPERATION_WRITE, 64 * KIB, Math.floor(random.unit() * 17e6) * 512);
  const times = Array.from({ length: 24 }, write);
  assert.ok(times.slice(0, 16).every((ns) => ns < 2e6));
  assert.ok(times.slice(17).every((ns) => ns > 4e6));
  assert.ok(disk.book(30e6, OPERATION_FLUSH, 0, 0) > 60e6);
});

test('a flush waits for the write that the arm is putting down, though the buffer holds it no more', () => {
  const disk = new DiskModel(ATLAS_10K);
  const acknowledged = disk.book(0, OPERATION_WRITE, 4 * KIB, 9e9 - (9e9 % 512));
  // the arm begins then, and seeks over the whole disk
  assert.ok(disk.book(acknowledged + 1, OPERATION_FLUSH, 0, 0) > acknowledged + 5e6);
  // and after a while there is nothing left to wait for
  near(disk.book(1e9, OPERATION_FLUSH, 0, 0) - 1e9, 0.55e6, 1e-6, 'nanoseconds');
  const again = disk.book(2e9, OPERATION_WRITE, 4 * KIB, 0);
  near(disk.book(again + 1e9, OPERATION_FLUSH, 0, 0) - again - 1e9, 0.55e6, 1e-6, 'nanoseconds');
});

test('a link takes its latency twice, and carries reads back and writes out at its rate', () => {
  const link = new Link({ latencyUs: 10, MBps: 1000, jitter: 0, queueDepth: 64, busyUs: 0 }, new SeededRandom(1));
  const arrived = link.out(0, OPERATION_READ, 100_000);
  assert.is(arrived, 10e3);
  assert.is(link.back(0, arrived, OPERATION_READ, 100_000), 10e3 + 100e3 + 10e3);
  assert.is(link.out(0, OPERATION_WRITE, 100_000), 100e3 + 10e3);
  assert.is(link.out(0, OPERATION_WRITE, 100_000), 200e3 + 10e3);
});

test('a port that is full says "busy", and the call goes when one has ended, after a pause', () => {
  const link = new Link({ latencyUs: 0, MBps: 0, jitter: 0, queueDepth: 2, busyUs: 500 }, new SeededRandom(1));
  for (const endNs of [100e3, 200e3]) {
    link.out(0, OPERATION_READ, 0);
    link.back(0, endNs, OPERATION_READ, 0);
  }
  assert.is(link.busy, 0);
  assert.is(link.out(50e3, OPERATION_READ, 0), 100e3 + 500e3);
  assert.is(link.busy, 1);
});

test('jitter keeps the mean and has the spread that was asked for, and the same seed repeats it', () => {
  const ways = (seed: number): number[] => {
    const link = new Link({ latencyUs: 100, MBps: 0, jitter: 0.3, queueDepth: 1024, busyUs: 0 }, new SeededRandom(seed));
    return Array.from({ length: 20_000 }, () => link.out(0, OPERATION_READ, 0));
  };
  const first = ways(7);
  const mean = first.reduce((sum, ns) => sum + ns, 0) / first.length;
  near(mean, 100e3, 0.01, 'mean');
  near(Math.sqrt(first.reduce((sum, ns) => sum + (ns - mean) ** 2, 0) / first.length) / mean, 0.3, 0.05, 'spread');
  assert.equal(ways(7), first);
  assert.not.equal(ways(8), first);
});

test('a call through a controller that does not own the volume hops, and works both', () => {
  const store = new FixedModel({ kind: 'fixed', latencyUs: 50, MBps: 0, servers: 8 });
  const array = new ControllerArray({ controllers: 2, cpuUs: 5, hopUs: 100, hopMBps: 2000 }, store);
  assert.is(array.book(0, OPERATION_READ, 20_000, 0, 0), 5e3 + 50e3);
  assert.is(array.book(1e6, OPERATION_READ, 20_000, 0, 1) - 1e6, 5e3 + 10e3 + 100e3 + 5e3 + 50e3);
  assert.is(array.hops, 1);
});

test('a fixed model is as many servers as it says', () => {
  const store = new FixedModel({ kind: 'fixed', latencyUs: 10, MBps: 1000, servers: 2 });
  assert.equal(
    [0, 0, 0].map((now) => store.book(now, OPERATION_READ, 1000, 0)),
    [11e3, 11e3, 22e3],
  );
});

test('every profile answers every operation, later than it was asked, and says how accurate it is', () => {
  for (const [name, { description, accuracy }] of STORAGE_PROFILES) {
    const model = createStorage(description);
    for (const operation of [OPERATION_READ, OPERATION_WRITE, OPERATION_FLUSH, 3, 9]) {
      const end = model.book(1e9, operation, operation < 2 ? 4096 : 0, 8192);
      assert.ok(end >= 1e9 && Number.isFinite(end), `${name} ${operation}: ${end}`);
    }
    assert.ok(accuracy === 'uncalibrated' || (accuracy.reads <= 0.12 && accuracy.all <= 0.2), name);
  }
  assert.ok(LINK_PROFILES.size > 0);
});

// ---- words ----------------------------------------------------------------------------------------------------------

async function withMapper(body: (mapper: DeviceMapper, time: VirtualTime) => Promise<void>): Promise<void> {
  const time = new VirtualTime();
  const mapper = new DeviceMapper({ time });
  try {
    await body(mapper, time);
  } finally {
    await mapper.close();
  }
}

test('a word opens a model; paths of one name share the storage, and each has its link', () =>
  withMapper(async (mapper, time) => {
    const words = ['a', 'b'].map((label) => `sim:disk?size=1G&model=instant&link=fc-16g&seed=1#${label}`);
    const device = await mapper.openDevice(words, { selector: 'round-robin' });
    const [a, b] = words.map((word) => mapper.models.device(word));
    assert.ok(a !== undefined && b !== undefined && a.shared === b.shared && a.link !== b.link);
    let bytes = 0;
    void device.read(0, 4096).then((data) => (bytes = data.length));
    await time.until(() => bytes > 0);
    assert.ok(time.now() > 30e3 && time.now() < 60e3, String(time.now()));
  }));

test('a path that is down hangs, gives up after a time, and goes on when it is up again', () =>
  withMapper(async (mapper, time) => {
    const word = 'sim:disk?size=1G&model=instant';
    const device = await mapper.openDevice(word);
    const path = mapper.models.device(word);
    assert.ok(path);
    const read = async (): Promise<string> => {
      let outcome = '';
      device.read(0, 512).then(
        () => (outcome = `ok@${time.now()}`),
        (error: Error & { code?: string }) => (outcome = `${error.code}@${time.now()}`),
      );
      await time.until(() => outcome !== '');
      return outcome;
    };
    path.down(5);
    assert.match(await read(), /^(?!ok).*@5000001$/);
    assert.match(await read(), /^(?!ok).*@5010001$/);
    path.up();
    assert.match(await read(), /^ok@/);
    path.down(1000);
    const upAt = time.now() + 2e6;
    time.at(upAt, () => path.up());
    assert.is(await read(), `ok@${upAt}`);
    path.fail(7, 1);
    assert.match(await read(), /^(?!ok)/);
    path.fail(7, 0);
    assert.match(await read(), /^ok@/);
  }));

test('mistakes in words of models are told', () =>
  withMapper(async (mapper) => {
    const cases: [string, RegExp][] = [
      ['sim:x?size=1G&model=warp', /model=warp': expected one of atlas-10k/],
      ['sim:x?size=1G&model=instant&link=string', /link=string': expected one of direct/],
      ['sim:x?size=1G&link=direct', /'model' is missing/],
      ['sim:x?model=instant', /'size' is missing/],
      ['sim:x?size=1G&model=instant&service=1ms', /expected one of them/],
      ['sim:x?size=1G&model=instant&controller=1', /expected 0 to below 1/],
      ['mem:x?size=1M&model=instant', /is for sim:/],
    ];
    for (const [word, expected] of cases) {
      try {
        await mapper.openPlain(word);
        assert.unreachable(word);
      } catch (error) {
        assert.instance(error, RqdmError);
        assert.match((error as Error).message, expected);
      }
    }
  }));

test.run();
