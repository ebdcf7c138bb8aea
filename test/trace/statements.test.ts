// What is known of each format, statement by statement: letters, flags, units, lengths of nothing, byte orders, headers and ends of lines.

import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  type RecordBatch,
} from '../../src/trace/records.ts';
import { plain, readAll } from '../support/read-trace.ts';
import { TRACE_SAMPLES } from '../support/trace-samples.ts';

const ALL = { skippedShareMax: 1 };

const text = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`, 'latin1');

/** One row for each record: operation, flags, sector, sectors. */
function rows(all: RecordBatch): number[][] {
  return Array.from({ length: all.count }, (_, i) => [
    all.operation[i] as number,
    all.flags[i] as number,
    all.sector[i] as number,
    all.sectors[i] as number,
  ]);
}

const [R, W, D, F] = [OPERATION_READ, OPERATION_WRITE, OPERATION_DISCARD, OPERATION_FLUSH];

for (const [index, { format, bytes }] of TRACE_SAMPLES.entries()) {
  if (bytes.includes(0)) continue;
  test(`${format} reads the same with CRLF, a byte-order mark, blank lines and packed in several parts (${index})`, async () => {
    const { all } = await readAll(bytes, { format });
    const same = async (changed: Buffer, what: string): Promise<void> => {
      const again = await readAll(changed, { format });
      assert.is(again.trace.skips.count, 0, `${what}: ${again.trace.skips.first}`);
      assert.equal(plain(again.all), plain(all), what);
      assert.is((await readAll(changed)).trace.format, format, what);
    };
    const whole = bytes.toString('latin1');
    await same(Buffer.from(whole.replaceAll('\n', '\r\n'), 'latin1'), 'CRLF');
    await same(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]), 'mark');
    await same(Buffer.from(`\n \t\r\n${whole.replaceAll('\n', '\n\n  \n')}\n\n`, 'latin1'), 'blank lines');
    const middle = bytes.length >> 1;
    await same(Buffer.concat([gzipSync(bytes.subarray(0, middle)), gzipSync(bytes.subarray(middle))]), 'two parts');
  });
}

test('letters of the kernel: a first F is a flush in front, a later one FUA; E erases; U and N say nothing more', async () => {
  const letters = ['R', 'WS', 'FWFSM', 'WFSU', 'RA', 'D', 'DS', 'DE', 'FN', 'FF'];
  const lines = letters.map((word, i) => `8,0 1 ${i + 1} 0.00000000${i} 9 Q ${word} ${i < 8 ? `${i * 8} + 8 ` : ''}[a]`);
  const { trace, all } = await readAll(text(...lines));
  assert.is(trace.skips.count, 0, trace.skips.first.join('; '));
  assert.equal(
    rows(all).map(([operation, flags]) => [operation, flags]),
    [
      [R, 0],
      [W, FLAG_SYNC],
      [W, FLAG_PREFLUSH | FLAG_FUA | FLAG_SYNC | FLAG_META],
      [W, FLAG_FUA | FLAG_SYNC],
      [R, FLAG_AHEAD],
      [D, 0],
      [D, FLAG_SYNC],
      [D, 0],
      [F, 0],
      [F, 0],
    ],
  );
});

test('blkparse: with -t the elapsed time stands in parentheses; a command in them is passthrough', async () => {
  const { trace, all } = await readAll(
    text(
      '  8,16   0        1     0.000000000  4020  D   R 1000 + 8 (     123) [a]',
      '  8,16   0        2     0.000100000     0  C   R 1000 + 8 (     100) [0]',
      '  8,16   0        3     0.000200000  4020  D   R 36 (12 00 00 00 24 00 ..) [b]',
      '  8,16   0        4     0.000300000     0  C   R (12 00 00 00 24 00 ..) [0]',
      '  8,16   0        5     0.000400000  4020  D  FN [c]',
      '  8,16   0        6     0.000500000     0  C  FN 18446744073709551615 (     100) [0]',
      '  8,16   0        7     0.000600000  4020  X   R 16 / 24 [a]',
      '  8,16   0        8     0.000700000  4020  A   R 16 + 8 <- (8,17) 8',
      '  8,16   0        9     0.000800000     0  m   N cfq4020 slice',
      '  8,16   0       10     0.000900000     0 UT   N [a] 1',
    ),
  );
  assert.is(trace.skips.count, 0, trace.skips.first.join('; '));
  assert.equal(rows(all), [
    [R, 0, 1000, 8],
    [F, 0, 0, 0],
  ]);
  assert.equal([...all.responseNs], [100_000, 100_000]);
  const { events } = trace;
  assert.equal(
    ['D', 'C', 'X', 'A', 'UT', 'message', 'passthrough'].map((event) => events.get(event)),
    [3, 3, 1, 1, 1, 1, 2],
  );
});

test('flushes end in the order in which they were issued, each device for itself', async () => {
  const { all } = await readAll(
    text(
      'a-1 [000] .... 1.000000: block_rq_issue: 8,0 FF 0 () 18446744073709551615 + 0 [a]',
      'a-1 [000] .... 1.000001: block_rq_issue: 8,16 FF 0 () 0 + 0 [a]',
      'a-1 [000] .... 1.000002: block_rq_issue: 8,0 FF 0 () 0 + 0 [a]',
      'a-1 [000] .... 1.000010: block_rq_complete: 8,0 FF () 18446744073709551615 + 0 [0]',
      'a-1 [000] .... 1.000021: block_rq_complete: 8,16 FF () 18446744073709551615 + 0 [0]',
      'a-1 [000] .... 1.000032: block_rq_complete: 8,0 FF () 18446744073709551615 + 0 [0]',
      'a-1 [000] .... 1.000040: block_rq_complete: 8,0 FF () 18446744073709551615 + 0 [0]',
    ),
  );
  assert.equal([...all.operation], [F, F, F]);
  assert.equal([...all.responseNs], [10_000, 20_000, 30_000]);
});

test('ftrace: events of requests and bios, with and without bytes, command, priority and flags', async () => {
  const { trace, all } = await readAll(
    text(
      '# tracer: nop',
      ' kworker/u8:2-99    [001] 10.000000: block_rq_issue: 8,0 R 1000 + 8 [kworker]',
      ' a [b] c-d-7     (-------) [001] d..1. 10.000001: block_rq_issue: 8,0 WFS 4096 () 2000 + 8 be,0,4 [a]',
      '        app-7    [001] .... 10.000002: block_rq_issue: 8,0 N 36 (12 00 00 00 24 00) 0 + 0 [app]',
      '        app-7    [001] .... 10.000003: block_rq_issue: 8,0 FN 0 () 0 + 0 [app]',
      '        app-7    [001] .... 10.000004: block_rq_insert: 8,0 R 4096 () 3000 + 8 [app]',
      '        app-7    [001] .... 10.000005: block_bio_remap: 8,0 R 3000 + 8 <- (8,1) 952',
      '        app-7    [001] .... 10.000006: block_split: 8,0 R 3000 / 3004 [app]',
      '        app-7    [001] .... 10.000007: block_plug: [app]',
      '     <idle>-0    [001] .... 10.000100: block_rq_complete: 8,0 R () 1000 + 8 none,0,0 [-5]',
    ),
  );
  assert.is(trace.skips.count, 0, trace.skips.first.join('; '));
  assert.equal(rows(all), [
    [R, 0, 1000, 8],
    [W, FLAG_FUA | FLAG_SYNC, 2000, 8],
    [F, 0, 0, 0],
  ]);
  assert.equal([...all.stream], [99, 7, 7]);
  assert.is(all.responseNs[0], 100_000);
  assert.is(trace.events.get('passthrough'), 1);
});

test('btrecord is in the byte order of the machine that recorded', async () => {
  const { bytes } = TRACE_SAMPLES.find(({ format }) => format === 'btrecord') as { bytes: Buffer };
  const turned = Buffer.from(bytes);
  // all fields are of eight bytes but the direction and what pads it
  turned.swap64();
  let at = 32;
  for (const packets of [1, 1, 2]) {
    at += 16;
    for (let packet = 0; packet < packets; packet++, at += 24) {
      turned.subarray(at + 16, at + 24).swap64();
      turned.subarray(at + 16, at + 24).swap32();
    }
  }
  const { trace, all } = await readAll(bytes);
  const again = await readAll(turned);
  assert.is(again.trace.format, 'btrecord');
  assert.equal(plain(again.all), plain(all));
  assert.equal(again.trace.notes, trace.notes);
});

test('where a line has the time of completion, times count from the first arrival', async () => {
  for (const format of ['biosnoop', 'iosnoop']) {
    const sample = (TRACE_SAMPLES.find((one) => one.format === format) as { bytes: Buffer }).bytes.toString();
    const { all } = await readAll(Buffer.from(sample.replace('STARTs         ', '').replaceAll(/^100\.00\d000 +/gm, '')));
    assert.equal([...all.timeNs.subarray(0, 2)], [0, 1e6], format);
  }
});

test('MSR: the type is one of two words, in full', async () => {
  const line = (type: string): string => `128166372000000000,usr,1,${type},512000,4096,300`;
  const { trace, all } = await readAll(text(line('Read'), line('write'), line('Rxyz'), line('Wrote'), line('R')), {
    ...ALL,
    format: 'msr',
  });
  assert.equal([all.count, trace.skips.count], [2, 3]);
});

test('numbers above 2^53, below zero, and lines beyond all bounds are left out with their place', async () => {
  const { trace, all } = await readAll(
    text(
      '1000 0 8 8 1',
      '2000 0 9007199254740992 8 1',
      '3000 0 8 4294967296 1',
      '-5 0 8 8 1',
      '4000 0 -8 8 1',
      `5000 0 ${'0'.repeat(200_000)}8 8 1`,
      '6000 0 8 0 1',
      '500 0 16 8 1',
    ),
    { ...ALL, format: 'mqsim' },
  );
  assert.equal([...all.timeNs], [0, -500]);
  assert.equal(trace.skips.count, 6);
  assert.equal(
    trace.skips.first.map((skip) => /^line \d+/.exec(skip)?.[0]),
    ['line 2', 'line 3', 'line 4', 'line 5', 'line 6', 'line 7'],
  );
});

test.run();
