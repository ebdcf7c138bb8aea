// Stage 1 and 2: checks, splits to the limits, and what may merge with what.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUNTER_SPLITS,
  ELEVATOR_MQ_DEADLINE,
  FLAG_NOMERGE,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_INVAL,
  STATUS_IOERR,
  STATUS_OK,
  STATUS_READ_ONLY,
} from '../../assembly/abi.ts';
import { CoreDriver, type Settings } from '../support/core-driver.ts';

const test = suite('core/submit');

/** What becomes of bios `[sector, sectors]` of one plug. */
function issued(settings: Settings, bios: readonly (readonly [number, number])[], isAdjacent: boolean = false): string[] {
  const driver = new CoreDriver();
  const device = driver.backing(settings);
  driver.submit(bios.map(([sector, sectors]) => ({ device, sector, sectors, isAdjacent })));
  driver.assertIdle();
  return driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);
}

test('what lies beyond the end, wholly or in part, is refused', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ sizeSectors: 100 });
  const devices = [
    path,
    driver.request({ extents: [{ device: path, length: 100 }] }),
    driver.bio({ extents: [{ device: path, length: 100 }] }),
  ];
  for (const device of devices) {
    const bios = driver.submit([
      { device, sector: 93, sectors: 8 },
      { device, sector: 100, sectors: 1 },
      { device, sector: 2 ** 40, sectors: 8 },
      { device, sector: 92, sectors: 8 },
      { device, sector: 100, sectors: 0 },
      { device, sector: 101, sectors: 0 },
    ]);
    driver.drain();
    const beyond = STATUS_BEYOND_END;
    assert.equal(
      bios.map(({ status }) => status),
      [beyond, beyond, beyond, STATUS_OK, STATUS_OK, beyond],
    );
  }
  driver.assertIdle();
});

test('a read-only device is read', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ isReadOnly: 1 });
  const bios = driver.submit([OPERATION_READ, OPERATION_WRITE].map((operation) => ({ device, operation })));
  driver.assertIdle();
  assert.equal(
    bios.map(({ status }) => status),
    [STATUS_OK, STATUS_READ_ONLY],
  );
});

test('what is no multiple of the logical block is refused', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ logicalBlockSectors: 8 });
  const bios = driver.submit(
    [
      [0, 8],
      [4, 8],
      [8, 12],
    ].map(([sector, sectors]) => ({ device, sector, sectors })),
  );
  driver.assertIdle();
  assert.equal(
    bios.map(({ status }) => status),
    [STATUS_OK, STATUS_INVAL, STATUS_INVAL],
  );
});

test('no sectors are done at once', () => {
  const driver = new CoreDriver();
  const device = driver.backing();
  assert.is(driver.submit([{ device, sectors: 0 }])[0].status, STATUS_OK);
  driver.assertIdle();
});

test('a bio is split to the most sectors, at multiples of the logical block', () => {
  assert.equal(issued({ maxSectors: 24 }, [[8, 64]]), ['8+24', '32+24', '56+16']);
  assert.equal(issued({ maxSectors: 30, logicalBlockSectors: 8 }, [[8, 64]]), ['8+24', '32+24', '56+16']);
});

test('a bio is split at the boundaries of chunks', () => {
  assert.equal(issued({ chunkSectors: 64 }, [[40, 200]]), ['40+24', '64+64', '128+64', '192+48']);
  assert.equal(issued({ chunkSectors: 100, maxSectors: 60 }, [[40, 200]]), ['40+60', '100+60', '160+40', '200+40']);
});

test('a front that was split off never merges, the rest does', () => {
  for (const elevator of [0, ELEVATOR_MQ_DEADLINE]) {
    const driver = new CoreDriver();
    const device = driver.backing({ maxSectors: 24, elevator });
    driver.submit([
      { device, sector: 100, sectors: 40 },
      { device, sector: 140, sectors: 8 },
      { device, sector: 92, sectors: 8 },
    ]);
    driver.assertIdle();
    assert.equal(driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`).sort(), ['100+24', '124+24', '92+8']);
    assert.is(driver.counter(device, COUNTER_SPLITS), 1);
  }
});

test('the halves of a bio that is split at an extent meet again below', () => {
  const driver = new CoreDriver();
  const path = driver.backing();
  const device = driver.bio({ extents: [0, 100].map((offset) => ({ device: path, length: 100, offset })) });
  driver.submit([{ device, sector: 60, sectors: 80 }]);
  driver.assertIdle();
  assert.equal(
    driver.issued.map(({ sector, sectors }) => [sector, sectors]),
    [[60, 80]],
  );
});

test('a bio-based target gets no longer I/Os than it wants, counted from its own begin', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ nomerges: 2 });
  const device = driver.bio({
    extents: [
      { device: path, length: 10 },
      { device: path, length: 200, offset: 1000, ioSectorsMax: 48 },
    ],
  });
  driver.submit([{ device, sector: 4, sectors: 110 }]);
  driver.assertIdle();
  assert.equal(
    driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`),
    ['4+6', '1000+48', '1048+48', '1096+8'],
  );
});

test('a bio with a part in an error extent fails, after its other parts are done', () => {
  const driver = new CoreDriver();
  const path = driver.backing();
  const device = driver.bio({
    extents: [
      { device: path, length: 8 },
      { kind: 'error', length: 8 },
      { device: path, length: 8, offset: 16 },
    ],
  });
  const [bio] = driver.submit([{ device, sectors: 24, operation: OPERATION_WRITE }]);
  assert.is(bio.status, undefined);
  driver.assertIdle();
  assert.is(bio.status, STATUS_IOERR);
  assert.is(driver.issued.length, 2);
});

test('merges stop at the most sectors, at chunks and at the most segments', () => {
  const neighbours = [0, 8, 16, 24, 32].map((sector): [number, number] => [sector, 8]);
  assert.equal(issued({ maxSectors: 24 }, neighbours), ['0+24', '24+16']);
  assert.equal(issued({ chunkSectors: 16 }, neighbours), ['0+16', '16+16', '32+8']);
  assert.equal(issued({ maxSegments: 2 }, neighbours), ['0+16', '16+16', '32+8']);
  assert.equal(issued({ maxSegments: 2 }, neighbours, true), ['0+40'], 'neighbours in memory are one segment');
});

test('a front merge is limited at the place of the bio', () => {
  assert.equal(
    issued({ chunkSectors: 16 }, [
      [24, 8],
      [16, 8],
      [8, 8],
    ]),
    ['16+16', '8+8'],
  );
});

test('a request that a limit has refused once takes in nothing more', () => {
  assert.equal(
    issued({ maxSectors: 24 }, [
      [0, 8],
      [8, 24],
      [8, 8],
    ]),
    ['0+8', '8+24', '8+8'],
  );
});

test('NOMERGE is kept', () => {
  const driver = new CoreDriver();
  const device = driver.backing();
  driver.submit([0, 8, 16].map((sector) => ({ device, sector, flags: sector === 8 ? FLAG_NOMERGE : 0 })));
  driver.assertIdle();
  assert.is(driver.issued.length, 3);
});

/** Bios that come one by one to a queue whose path is taken. */
function queued(settings: Settings, sectors: readonly number[]): string[] {
  const driver = new CoreDriver();
  const device = driver.backing({ depth: 1, elevator: ELEVATOR_MQ_DEADLINE, ...settings });
  driver.submit([{ device, sector: 4000 }], false);
  for (const sector of sectors) driver.submit([{ device, sector }], false);
  driver.assertIdle();
  return driver.issued.slice(1).map((io) => `${io.sector}+${io.sectors}`);
}

test('nomerges 0 looks everywhere, 1 at the last merge only, 2 nowhere', () => {
  const sectors = [0, 100, 8, 108, 200, 208];
  assert.equal(queued({ nomerges: 0 }, sectors), ['0+16', '100+16', '200+16']);
  // the first request is remembered until another one merges: only its neighbours are found
  assert.equal(queued({ nomerges: 1 }, sectors), ['0+16', '100+8', '108+8', '200+8', '208+8']);
  assert.equal(queued({ nomerges: 2 }, sectors), ['0+8', '8+8', '100+8', '108+8', '200+8', '208+8']);
});

test('nomerges 2 merges nothing in the plug either', () => {
  assert.equal(
    issued({ nomerges: 2 }, [
      [0, 8],
      [8, 8],
    ]),
    ['0+8', '8+8'],
  );
});

test('a bio that closes a gap joins three requests', () => {
  assert.equal(queued({}, [0, 16, 8]), ['0+24']);
  assert.equal(queued({}, [16, 0, 8]), ['0+24']);
});

test('without an elevator a bio merges with one of the eight newest requests', () => {
  const far = (total: number): number[] => Array.from({ length: total }, (_, i) => 100 + i * 16);
  assert.is(queued({ elevator: 0 }, [0, ...far(7), 8])[0], '0+16');
  assert.is(queued({ elevator: 0 }, [0, ...far(8), 8])[0], '0+8');
});

test.run();
