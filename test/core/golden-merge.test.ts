// What a Linux 6.1 kernel did, recorded event by event, and what the core does in its place: plugs and merges.
//
// Q bio arrives, G request made, P plug begun, U n plug emptied, M F back and front merge, m two requests become one,
// I inserted, D issued, C completed, A remapped, X split. Events are compared for each device: the kernel does not
// promise more. An I/O of a device that completes inline is a path of depth one that answers at once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ELEVATOR_MQ_DEADLINE, ELEVATOR_NONE, OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { type BackingOptions, CoreDriver } from '../support/core-driver.ts';

const KIB_127 = 254;

/** `r:0:8 w:8:8` as the kernel's test program reads it. */
function iogen(device: number, text: string): { device: number; operation: number; sector: number; sectors: number }[] {
  return text.split(' ').map((word) => {
    const [kind, sector, sectors] = word.split(':');
    const operation = kind === 'w' ? OPERATION_WRITE : OPERATION_READ;
    return { device, operation, sector: Number(sector), sectors: Number(sectors) };
  });
}

function traced(): CoreDriver {
  const driver = new CoreDriver({ traceRecords: 4096 });
  driver.core.setTracing(true);
  return driver;
}

const NULLB: BackingOptions = {
  sizeSectors: 131072,
  elevator: ELEVATOR_NONE,
  maxSectors: KIB_127,
  depth: 1,
  isInstant: 1,
  isKernelPlugOrder: 1,
};

const test = suite('core/golden: merges');

function plugCase(name: string, text: string, expected: string): void {
  test(`trace-merge-plug: ${name}`, () => {
    const driver = traced();
    const nullb0 = driver.backing(NULLB);
    driver.submit(iogen(nullb0, text));
    assert.equal(driver.trace(nullb0), expected.split(', '));
    driver.assertIdle();
  });
}

plugCase(
  'a plug of neighbours upwards is one request',
  'r:0:8 r:8:8 r:16:8 r:24:8',
  'Q R 0+8, G R 0+8, P, Q R 8+8, M R 8+8, Q R 16+8, M R 16+8, Q R 24+8, M R 24+8, D R 0+32, C R 0+32',
);
plugCase(
  'a plug of neighbours downwards is one request',
  'r:24:8 r:16:8 r:8:8 r:0:8',
  'Q R 24+8, G R 24+8, P, Q R 16+8, F R 16+8, Q R 8+8, F R 8+8, Q R 0+8, F R 0+8, D R 0+32, C R 0+32',
);
plugCase(
  'only the newest request of the plug takes a bio in, and the plug is issued newest first',
  'r:0:8 r:16:8 r:8:8 r:24:8',
  'Q R 0+8, G R 0+8, P, Q R 16+8, G R 16+8, Q R 8+8, F R 8+8, Q R 24+8, M R 24+8, D R 8+24, C R 8+24, D R 0+8, C R 0+8',
);
plugCase(
  'reads and writes do not mix',
  'r:0:8 w:8:8 r:16:8 w:24:8',
  'Q R 0+8, G R 0+8, P, Q W 8+8, G W 8+8, Q R 16+8, G R 16+8, Q W 24+8, G W 24+8, D W 24+8, C W 24+8, D R 16+8, C R 16+8, D W 8+8, C W 8+8, D R 0+8, C R 0+8',
);
plugCase(
  'two streams in turn do not merge in the plug',
  'r:0:8 r:32:8 r:8:8 r:40:8',
  'Q R 0+8, G R 0+8, P, Q R 32+8, G R 32+8, Q R 8+8, G R 8+8, Q R 40+8, G R 40+8, D R 40+8, C R 40+8, D R 8+8, C R 8+8, D R 32+8, C R 32+8, D R 0+8, C R 0+8',
);
plugCase(
  'overlapping bios are no neighbours',
  'r:0:8 r:4:8 r:12:8',
  'Q R 0+8, G R 0+8, P, Q R 4+8, G R 4+8, Q R 12+8, M R 12+8, D R 4+16, C R 4+16, D R 0+8, C R 0+8',
);
plugCase(
  'writes merge as reads do',
  'w:0:8 w:8:8 w:16:8',
  'Q W 0+8, G W 0+8, P, Q W 8+8, M W 8+8, Q W 16+8, M W 16+8, D W 0+24, C W 0+24',
);

test('trace-merge-plug: two bios that are submitted without a plug go one by one', () => {
  const driver = traced();
  const nullb0 = driver.backing(NULLB);
  for (const bio of iogen(nullb0, 'r:0:8 r:8:8')) driver.submit([bio], false);
  const one = (range: string): string[] => [`Q R ${range}`, `G R ${range}`, `D R ${range}`, `C R ${range}`];
  assert.equal(driver.trace(nullb0), [...one('0+8'), ...one('8+8')]);
});

for (const hasFrontMerges of [1, 0]) {
  // In the recording without front merges the kernel had taken request 0 out of the scheduler although the device was
  // busy; in the other one it had not.
  const QUEUED = ['Q R 5000+8', 'G R 5000+8', 'I R 5000+8', 'D R 5000+8', 'Q R 0+8', 'G R 0+8', 'I R 0+8'];
  const WITH = [
    ...['Q R 16+8', 'G R 16+8', 'I R 16+8', 'Q R 8+8', 'M R 8+8', 'm R 16+8', 'Q R 100+8', 'G R 100+8', 'I R 100+8'],
    ...['Q R 92+8', 'F R 92+8', 'Q R 108+8', 'M R 108+8', 'Q W 200+8', 'G W 200+8', 'I W 200+8'],
    ...['Q R 208+8', 'G R 208+8', 'I R 208+8', 'D R 0+24', 'D R 92+24', 'D R 208+8', 'D W 200+8'],
  ];
  const WITHOUT = [
    ...['Q R 16+8', 'G R 16+8', 'I R 16+8', 'Q R 8+8', 'F R 8+8', 'Q R 100+8', 'G R 100+8', 'I R 100+8'],
    ...['Q R 92+8', 'G R 92+8', 'I R 92+8', 'Q R 108+8', 'M R 108+8', 'Q W 200+8', 'G W 200+8', 'I W 200+8'],
    ...['Q R 208+8', 'G R 208+8', 'I R 208+8'],
    ...['D R 0+8', 'D R 8+16', 'D R 92+8', 'D R 100+16', 'D R 208+8', 'D W 200+8'],
  ];
  test(`trace-merge-deadline: requests that wait take bios and each other in, front_merges=${hasFrontMerges}`, () => {
    const driver = traced();
    const nullb0 = driver.backing({
      sizeSectors: 131072,
      elevator: ELEVATOR_MQ_DEADLINE,
      maxSectors: KIB_127,
      depth: 1,
      hasFrontMerges,
      isPullingEarly: 1 - hasFrontMerges,
      serviceNs: () => 300_000_000,
    });
    const text = 'r:5000:8 r:0:8 r:16:8 r:8:8 r:100:8 r:92:8 r:108:8 w:200:8 r:208:8';
    for (const bio of iogen(nullb0, text)) driver.submit([bio], false);
    driver.assertIdle();
    assert.equal(driver.trace(nullb0, 'QGIMFmD'), [...QUEUED, ...(hasFrontMerges ? WITH : WITHOUT)]);
  });
}

test('trace-merge-linear: bios of a bio-based device meet in the queue below', () => {
  const driver = traced();
  const nullb0 = driver.backing(NULLB);
  const l = driver.bio({ extents: [{ device: nullb0, length: 4096, offset: 100 }] });
  driver.submit(iogen(l, 'r:0:8 r:8:8 r:16:8'));
  assert.equal(driver.trace(l), ['Q R 0+8', 'Q R 8+8', 'Q R 16+8', 'C R 0+8', 'C R 8+8', 'C R 16+8']);
  const below = ['A R 100+8', 'Q R 100+8', 'P', 'A R 108+8', 'Q R 108+8', 'M R 108+8', 'A R 116+8', 'Q R 116+8', 'M R 116+8'];
  assert.equal(driver.trace(nullb0, 'APQMFDm'), [...below, 'D R 100+24']);
});

test('trace-merge-linear: the halves of a bio that spans two extents meet again in one request', () => {
  const driver = traced();
  const nullb0 = driver.backing(NULLB);
  const l2 = driver.bio({
    extents: [
      { device: nullb0, length: 32, offset: 1000 },
      { device: nullb0, length: 32, offset: 1032 },
    ],
  });
  driver.submit(iogen(l2, 'r:24:16 r:40:8 r:48:8'));
  // the kernel maps each bio as it comes, the core all of a batch: their splits are the same
  // the end of a bio that was split tells of its last part, as in the kernel
  const ends = ['C R 32+8', 'C R 40+8', 'C R 48+8'];
  assert.equal(driver.trace(l2), ['Q R 24+16', 'Q R 40+8', 'Q R 48+8', 'X R 24+8', ...ends]);
  assert.equal(driver.trace(nullb0, 'APQMFDm'), [
    ...['A R 1024+8', 'Q R 1024+8', 'P', 'A R 1032+8', 'Q R 1032+8', 'M R 1032+8'],
    ...['A R 1040+8', 'Q R 1040+8', 'M R 1040+8', 'A R 1048+8', 'Q R 1048+8', 'M R 1048+8', 'D R 1024+32'],
  ]);
});

/** How often each letter comes in a row. */
function runsOf(letters: readonly string[]): string[] {
  const runs: [string, number][] = [];
  for (const letter of letters) {
    const last = runs.at(-1);
    if (last?.[0] === letter) last[1]++;
    else runs.push([letter, 1]);
  }
  return runs.map(([letter, count]) => `${count} ${letter}`);
}

function plugged(sectors: number, total: number, stride: number): string[] {
  const driver = traced();
  const nullb0 = driver.backing({ ...NULLB, depth: 256 });
  const bios = Array.from({ length: total }, (_, i) => ({ device: nullb0, sector: i * stride, sectors }));
  driver.submit(bios);
  driver.assertIdle();
  return driver.trace(nullb0, 'GPD').map((event) => event[0]);
}

test('trace-plug-flush: a plug holds 32 requests', () => {
  // The kernel issues each full plug before it goes on; the core issues when it is run. Plugs and requests are the same.
  const letters = plugged(8, 70, 64);
  assert.equal(runsOf(letters.filter((letter) => letter !== 'D')), ['1 G', '1 P', '32 G', '1 P', '32 G', '1 P', '5 G']);
  assert.is(letters.filter((letter) => letter === 'D').length, 70);
});

test('trace-plug-flush: requests of 64 KiB do not empty the plug', () => {
  assert.equal(runsOf(plugged(128, 8, 1024)), ['1 G', '1 P', '7 G', '8 D']);
});

test('trace-plug-flush: bios of 128 KiB are split at the 127 KiB of the device, so that no request empties the plug', () => {
  assert.equal(runsOf(plugged(256, 8, 1024)), ['1 G', '1 P', '15 G', '16 D']);
});

test('a plug of several queues holds 64 requests', () => {
  const driver = traced();
  const devices = [driver.backing({ ...NULLB, depth: 256 }), driver.backing({ ...NULLB, depth: 256 })];
  driver.submit(Array.from({ length: 70 }, (_, i) => ({ device: devices[i % 2], sector: i * 64, sectors: 8 })));
  driver.assertIdle();
  assert.equal(driver.trace(devices[0], 'PU'), ['P', 'U 32', 'P', 'U 3']);
  assert.equal(driver.trace(devices[1], 'PU'), ['U 32', 'U 3']);
});

test('a request of 128 KiB, where the device takes it, empties the plug before the next one', () => {
  const driver = traced();
  const device = driver.backing({ ...NULLB, maxSectors: 2560 });
  driver.submit(Array.from({ length: 3 }, (_, i) => ({ device, sector: i * 1024, sectors: 256 })));
  assert.equal(
    driver.trace(device, 'GP').map((event) => event[0]),
    ['G', 'P', 'G', 'P', 'G', 'P'],
  );
});

test.run();
