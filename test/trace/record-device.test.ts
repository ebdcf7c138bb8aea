import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_WRITE as DEVICE_WRITE, DeviceMapper } from '../../bindings/index.ts';
import {
  convertTrace,
  FLAG_FUA,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  openTrace,
  recordTrace,
  summarizeTrace,
} from '../../src/trace/index.ts';
import { rejection } from '../support/promise-state.ts';
import { readAll } from '../support/read-trace.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

test("a live device's load is recorded and read again with its response times", async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(['mem:a?size=1M'], { selector: 'round-robin' });
  const other = await mapper.openDevice('mem:b?size=1M');
  const file = join(folder.path, 'load.trace');
  const recording = await recordTrace(device, file);
  await device.write(Buffer.alloc(4096), 8192, { fua: true });
  await Promise.all([device.read(512, 4096), device.read(4608, 512), other.read(0, 512)]);
  await device.discard(0, 65536);
  await device.writeZeroes(4096, 4096);
  await device.flush();
  assert.equal([recording.records, recording.lost, recording.file], [6, 0, file]);
  assert.equal(await recording.stop(), { records: 6, lost: 0 });
  assert.equal(await recording.stop(), { records: 6, lost: 0 }, 'a second call is told the same');
  await device.read(512, 4096);
  const { trace, all } = await readAll(file);
  assert.is(trace.format, 'rqdm');
  assert.is(trace.skips.count, 0);
  assert.ok(Math.abs((trace.beganSeconds as number) - Date.now() / 1000) < 3600);
  assert.equal(trace.devices, [device.number.replace(':', ',')]);
  const { operation, sector, sectors, timeNs, responseNs, flags } = all;
  assert.equal(
    [...operation],
    [OPERATION_WRITE, OPERATION_READ, OPERATION_READ, OPERATION_DISCARD, OPERATION_WRITE_ZEROES, OPERATION_FLUSH],
  );
  assert.equal([...sector], [16, 1, 9, 0, 8, 0]);
  assert.equal([...sectors], [8, 8, 1, 128, 8, 0]);
  assert.is((flags[0] as number) & FLAG_FUA, FLAG_FUA);
  assert.is(timeNs[0], 0);
  assert.is(timeNs[1], timeNs[2], 'what one turn submits has one stamp');
  assert.ok((timeNs[3] as number) > (timeNs[2] as number));
  for (let row = 0; row < 5; row++) assert.ok((responseNs[row] as number) >= 0, 'completions tell how long it took');
  assert.is(statSync(file).mode & 0o777, 0o600);
});

test('what it recorded is summed up and converted, and what another format cannot carry is told', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openPlain('mem:a?size=1M');
  const file = join(folder.path, 'load.trace');
  {
    await using recording = await recordTrace(device, file);
    await device.read(0, 512);
    await device.writeZeroes(0, 4096);
    assert.is(recording.records, 2);
  }
  const { format, reads, writeZeroes, records, bytes } = await summarizeTrace(await openTrace(file));
  assert.equal([format, reads, writeZeroes, records, bytes], ['rqdm', 1, 1, 2, 512]);
  const text = join(folder.path, 'load.iolog');
  const written = await convertTrace(await openTrace(file), text, { to: 'fio-v3' });
  assert.is(written.records, 1);
  assert.match(written.losses.join('\n'), /1 records are left out: fio-v3 has no way to say write zeroes/);
  assert.match(readFileSync(text, 'utf8'), /read 0 512/);
  assert.match((await rejection(convertTrace(await openTrace(file), text, { to: 'excel' }))).message, /cannot write "excel"/);
  await device.close();
});

test('more I/O in flight than the recorder holds back has its response times all the same', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline', limits: { bios: 32768, submits: 4096, traceRecords: 65536 } });
  const device = await mapper.openDevice('null:64M');
  const count = 20_000;
  const lease = mapper.lease(512);
  const file = join(folder.path, 'load.trace');
  const recording = await recordTrace(device, file);
  const failed = await device.batch({
    count,
    operations: new Uint8Array(count).fill(DEVICE_WRITE),
    positions: Float64Array.from({ length: count }, (_, i) => ((i * 7919) % 100_000) * 512),
    lengths: new Uint32Array(count).fill(512),
    addresses: new Uint32Array(count).fill(lease?.address as number),
    statuses: new Uint8Array(count),
  });
  assert.is(failed, 0);
  assert.equal(await recording.stop(), { records: count, lost: 0 });
  const { withResponse, writes } = await summarizeTrace(await openTrace(file));
  assert.equal([writes, withResponse], [count, count]);
});

test('a file that cannot be made is an error at once, and so is a mapper without a ring', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice('mem:a?size=1M');
  const wrong = await rejection(recordTrace(device, 'no/such/folder/load.trace'));
  assert.is(wrong['code'], 'ERR_RQDM_TRACE');
  assert.match(wrong.message, /no\/such\/folder\/load\.trace: ENOENT/);
  await using deaf = new DeviceMapper({ mode: 'inline', limits: { traceRecords: 0 } });
  const silent = await deaf.openDevice('mem:a?size=1M');
  assert.is((await rejection(recordTrace(silent, join(folder.path, 'x'))))['code'], 'ERR_RQDM_LIMIT');
});

test('a disk that is full fails the recording, not the load', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice('mem:a?size=1M');
  const recording = await recordTrace(device, '/dev/full');
  for (let i = 0; i < 10; i++) await device.read(0, 512);
  const error = await rejection(recording.stop());
  assert.is(error['code'], 'ERR_RQDM_TRACE');
  assert.match(error.message, /\/dev\/full: the recording is not complete: ENOSPC/);
  await device.read(0, 512);
});

test('a device that is closed meanwhile ends its recording well', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice('mem:a?size=1M');
  const recording = await recordTrace(device, join(folder.path, 'load.trace'));
  await device.read(0, 512);
  await device.close();
  assert.equal(await recording.stop(), { records: 1, lost: 0 });
});

test.run();
