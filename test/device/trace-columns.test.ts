// Events of one device as columns.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_TRACE_ACTIONS } from '../../assembly/abi.ts';
import { DeviceMapper, type EventColumns, OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../bindings/index.ts';
import { coreOf } from '../support/mapper-parts.ts';
import { thrown } from '../support/promise-state.ts';

const PATHS = ['mem:columns?size=1M#a', 'mem:columns?size=1M#b'];

interface Row {
  readonly action: string;
  readonly operation: number;
  readonly sector: number;
  readonly sectors: number;
}

function rowsOf(events: EventColumns): Row[] {
  return Array.from({ length: events.count }, (_, row) => ({
    action: String.fromCharCode(events.action[row] as number),
    operation: events.operation[row] as number,
    sector: events.sector[row] as number,
    sectors: events.sectors[row] as number,
  }));
}

test("a device's own events come as columns, those that were asked for, until they are not wanted any more", async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  const other = await mapper.openDevice('mem:other?size=1M');
  const rows: Row[] = [];
  const stop = device.traceColumns('QC', (events) => rows.push(...rowsOf(events)));
  await Promise.all([device.read(0, 4096), device.read(4096, 4096), other.read(0, 4096)]);
  await device.write(Buffer.alloc(512), 8192);
  await device.flush();
  assert.equal(rows, [
    { action: 'Q', operation: OPERATION_READ, sector: 0, sectors: 8 },
    { action: 'Q', operation: OPERATION_READ, sector: 8, sectors: 8 },
    { action: 'C', operation: OPERATION_READ, sector: 0, sectors: 16 },
    { action: 'Q', operation: OPERATION_WRITE, sector: 16, sectors: 1 },
    { action: 'C', operation: OPERATION_WRITE, sector: 16, sectors: 1 },
    ...rows.filter(({ operation }) => operation === OPERATION_FLUSH),
  ]);
  stop();
  const count = rows.length;
  await device.read(0, 512);
  assert.is(rows.length, count);
});

test('the ring records only what somebody wants, and everything while somebody wants everything', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  const { header } = coreOf(mapper);
  const bit = (letter: string): number => 1 << (letter.charCodeAt(0) & 31);
  const stopD = device.traceColumns('D', () => {});
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], bit('D'));
  const stopQ = device.traceColumns('Q', () => {});
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], bit('D') | bit('Q'));
  const letters = new Set<string>();
  const stopAll = mapper.traceEvents(({ events }) => {
    for (const { action } of events) letters.add(action);
  });
  await device.read(0, 512);
  assert.ok(
    ['Q', 'G', 'D', 'A', 'C'].every((letter) => letters.has(letter)),
    [...letters].join(),
  );
  stopAll();
  stopD();
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], bit('Q'));
  stopQ();
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], 0);
});

test('a listener may do I/O: it is told of that afterwards, and of everything once', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  const sectors: number[] = [];
  const more: Promise<unknown>[] = [];
  let depth = 0;
  device.traceColumns('Q', (events) => {
    assert.is(depth++, 0);
    const mine = rowsOf(events);
    for (const { sector } of mine) {
      sectors.push(sector);
      if (sector < 3) more.push(mapper.plug(() => device.read((sector + 1) * 512, 512)));
    }
    assert.equal(rowsOf(events), mine, 'the columns stay as they are until the listener returns');
    depth--;
  });
  await device.read(0, 512);
  while (more.length > 0) await more.shift();
  assert.equal(sectors, [0, 1, 2, 3]);
});

test('letters that differ in their case alone are told apart', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  const told: Record<string, string> = { M: '', m: '' };
  for (const letter of ['M', 'm']) {
    device.traceColumns(letter, (events) => {
      told[letter] += rowsOf(events)
        .map(({ action }) => action)
        .join('');
    });
  }
  // the third closes the gap between the first two, which become one; the last goes to the back of the one before
  await Promise.all([0, 16, 8, 64, 72].map((sector) => device.read(sector * 512, 4096)));
  assert.equal(told, { M: 'M', m: 'm' });
});

test('many events in one turn come in full, however few the columns had room for', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  let queued = 0;
  let lost = 0;
  device.traceColumns('Q', (events) => {
    queued += events.count;
    lost += events.lost;
  });
  await Promise.all(Array.from({ length: 5000 }, (_, i) => device.read((i % 2000) * 512, 512)));
  assert.equal([queued, lost], [5000, 0]);
});

test('what a small ring had no room for is counted', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline', limits: { traceRecords: 16 } });
  const device = await mapper.openDevice(PATHS);
  let queued = 0;
  let lost = 0;
  device.traceColumns('Q', (events) => {
    queued += events.count;
    lost += events.lost;
  });
  await Promise.all(Array.from({ length: 100 }, (_, i) => device.read(i * 1024, 512)));
  assert.is(queued + lost, 100);
  assert.ok(lost > 0);
});

test("a device that is gone is not listened to any more: its number may be another's", async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const first = await mapper.createDevice({ name: 'first', table: '0 8 zero' });
  let events = 0;
  const stop = first.traceColumns('Q', ({ count }) => {
    events += count;
  });
  await first.read(0, 512);
  await first.close();
  const second = await mapper.createDevice({ name: 'second', table: '0 8 zero' });
  assert.is(second.id, first.id);
  await second.read(0, 512);
  assert.is(events, 1);
  stop();
});

test('letters that no event has, and a mapper without a ring, are refused', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(PATHS);
  const throws = (run: () => unknown, code: string, words: RegExp): void => {
    const error = thrown(run);
    assert.is(error['code'], code);
    assert.match(error.message, words);
  };
  throws(() => device.traceColumns('QZ', () => {}), 'ERR_RQDM_ARGUMENT', /"Z": expected letters of QXGPUMFmIDARC/);
  throws(() => device.traceColumns('', () => {}), 'ERR_RQDM_ARGUMENT', /no event: expected letters/);
  await using small = new DeviceMapper({ mode: 'inline', limits: { traceRecords: 0 } });
  const plain = await small.openPlain('mem:plain?size=1M');
  throws(() => plain.traceColumns('Q', () => {}), 'ERR_RQDM_LIMIT', /limits\.traceRecords above 0/);
  await plain.close();
  throws(() => plain.traceColumns('Q', () => {}), 'ERR_RQDM_CLOSED', /closed/);
});

test.run();
