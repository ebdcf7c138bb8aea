import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FORMATS } from '../../src/trace/format/registry.ts';
import { openTrace } from '../../src/trace/open.ts';
import { OPERATION_READ, OPERATION_WRITE, RECORD_BYTES } from '../../src/trace/records.ts';
import { findTarget } from '../../src/trace/writer/registry.ts';
import { CheckedWriter } from '../../src/trace/writer/writer.ts';
import { countOf, plain, readAll, streamOf } from '../support/read-trace.ts';
import { blktraceSample, TRACE_SAMPLES } from '../support/trace-samples.ts';

test('there is a sample of every format that can be read, but of the own one, which is written', () => {
  const sampled = new Set(TRACE_SAMPLES.map(({ format }) => format));
  assert.equal(
    FORMATS.map(({ name }) => name).filter((name) => !sampled.has(name)),
    ['rqdm'],
  );
});

for (const [index, sample] of TRACE_SAMPLES.entries()) {
  test(`${sample.format} is found by its content and says what its sample holds (${index})`, async () => {
    const { trace, all } = await readAll(sample.bytes);
    assert.is(trace.format, sample.format);
    assert.is(trace.skips.count, 0, trace.skips.first.join('; '));
    assert.is(countOf(all, OPERATION_READ), sample.reads);
    assert.is(countOf(all, OPERATION_WRITE), sample.writes);
    assert.is(all.count, sample.reads + sample.writes + (sample.others ?? 0));
    assert.equal([all.sector[0], all.sectors[0]], [1000, 8]);
    assert.equal([all.sector[1], all.sectors[1]], [2048, 16]);
    const gapNs = (all.timeNs[1] as number) - (all.timeNs[0] as number);
    assert.is(gapNs, sample.hasTimes === false ? 0 : 1e6);
    if (sample.others !== 4) assert.equal([all.operation[0], all.operation[1]], [OPERATION_WRITE, OPERATION_READ]);
  });

  test(`${sample.format} reads the same packed, byte by byte and without the end of its last line (${index})`, async () => {
    const { all } = await readAll(sample.bytes);
    const packed = await readAll(gzipSync(sample.bytes));
    assert.equal(plain(packed.all), plain(all));
    const trace = await openTrace(streamOf(sample.bytes, 1));
    let count = 0;
    for await (const batch of trace) count += batch.count;
    assert.is(count, all.count);
    const last = sample.bytes.length - 1;
    if (sample.bytes[last] === 10) assert.equal(plain((await readAll(sample.bytes.subarray(0, last))).all), plain(all));
  });
}

test('a record takes no more than 64 bytes', () => {
  assert.ok(RECORD_BYTES <= 64);
});

test('events are chosen by hand, and completions tell how long the queued ones took', async () => {
  const queued = await readAll(blktraceSample(7));
  assert.is(queued.trace.from, 'Q');
  assert.is(queued.all.responseNs[0], 1_500_000);
  const completed = await readAll(blktraceSample(7), { from: 'C' });
  assert.is(completed.all.count, 1);
  assert.is(completed.trace.events.get('M'), 1);
});

test('a line that cannot be used is counted with its place and its reason, and ends a strict reading', async () => {
  const lines = Buffer.from(`${'5.0 0 1000 8 1\n'.repeat(20)}6.0 0 x 8 1\n`);
  const { trace, all } = await readAll(lines);
  assert.is(all.count, 20);
  assert.equal(trace.skips.first, ['line 21, column 7: address: expected a whole number, found "x 8 1"']);
  await rejects(readAll(lines, { strict: true }), /line 21, column 7/);
});

test('a trace of which too much cannot be used is none', async () => {
  const lines = Buffer.from(`${'5.0 0 1000 8 1\n'.repeat(8)}${'oh no\n'.repeat(2)}`);
  await rejects(readAll(lines), /2 of 10 records of disksim cannot be used/);
  assert.is((await readAll(lines, { skippedShareMax: 0.2 })).all.count, 8);
});

test('what is no trace is refused by what it begins with', async () => {
  await rejects(readAll(Buffer.from('hello\nworld\n')), /no known trace format: it begins with "hello"/);
  await rejects(readAll(Buffer.alloc(0)), /the file is empty/);
  await rejects(readAll(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])), /packed with zstd/);
  await rejects(readAll('there/is/no/such.file'), /there is no such file/);
  await rejects(readAll(gzipSync(Buffer.from('5.0 0 1000 8 1\n'.repeat(9999))).subarray(0, 100)), /the gzip file is cut off/);
});

test('fio waits are milliseconds since the start, or microseconds after the last on request', async () => {
  const log = Buffer.from('fio version 2 iolog\nf add\nf wait 4000 0\nf read 0 512\nf wait 6000 0\nf read 512 512\n');
  assert.equal([...(await readAll(log)).all.timeNs], [4e9, 6e9]);
  assert.equal([...(await readAll(log, { wait: 'us-relative' })).all.timeNs], [4e6, 10e6]);
});

test('stamps of whole seconds are spread on request', async () => {
  const log = Buffer.from('1538323200,1000,8,1,1\n1538323200,2048,16,0,1\n1538323201,7,1,0,1\n');
  assert.equal([...(await readAll(log, { spread: true })).all.timeNs], [0, 5e8, 1e9]);
});

test('every target is read again as what was written, and says what it cannot carry', async () => {
  const { trace, all } = await readAll(blktraceSample(7));
  for (const name of ['rqdm', 'blktrace', 'blkparse', 'fio-v2', 'fio-v3', 'msr', 'spc', 'disksim', 'mqsim', 'blkreplay']) {
    const target = findTarget(name);
    const writer = new CheckedWriter(target, { isTimed: true, beganSeconds: undefined }, 'a sample', false);
    const bytes = Buffer.concat([writer.begin(), ...writer.write(all, trace.devices), ...writer.end(0)]);
    const again = await readAll(bytes);
    assert.is(again.trace.format, name);
    const kept = all.operation.filter(
      (operation) => operation <= OPERATION_WRITE || target.operations.includes(operation),
    ).length;
    assert.is(again.all.count, kept, name);
    assert.equal([...again.all.sector.subarray(0, 3)], [...all.sector.subarray(0, 3)], name);
    assert.equal([...again.all.sectors.subarray(0, 3)], [...all.sectors.subarray(0, 3)], name);
    assert.equal([...again.all.timeNs.subarray(0, 3)], [...all.timeNs.subarray(0, 3)], name);
    assert.is(
      writer.losses.some((loss) => loss.includes('left out')),
      kept < all.count,
      name,
    );
    if (name === 'rqdm') assert.equal([plain(again.all), again.trace.devices, writer.losses], [plain(all), trace.devices, []]);
    else assert.ok(writer.losses.some((loss) => loss.includes('response')) !== target.carries.includes('response'), name);
  }
});

test('a record without a direction is written only where that can be said', async () => {
  const bytes = (TRACE_SAMPLES.find(({ format }) => format === 'oracle-general') as { bytes: Buffer }).bytes;
  const { all, trace } = await readAll(bytes);
  const writer = new CheckedWriter(findTarget('msr'), { isTimed: true, beganSeconds: undefined }, 'a sample', false);
  assert.throws(() => writer.write(all, trace.devices), /has no direction.*--op/);
  assert.is(countOf((await readAll(bytes, { operation: 'write' })).all, OPERATION_WRITE), 4);
});

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.match((error as Error).message, message);
    assert.is((error as { code?: string }).code, 'ERR_RQDM_TRACE');
    return;
  }
  assert.unreachable(`expected an error of ${message}`);
}

test.run();
