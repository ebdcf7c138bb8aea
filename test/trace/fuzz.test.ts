// Damaged, cut off, mixed and foreign traces: a clear error, or records left out with a reason. Never a hang, never another error,
// never fewer records without a word.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TraceError } from '../../src/trace/errors.ts';
import { findFormat } from '../../src/trace/format/registry.ts';
import type { Trace } from '../../src/trace/records.ts';
import { findTarget } from '../../src/trace/writer/registry.ts';
import { CheckedWriter } from '../../src/trace/writer/writer.ts';
import { readAll } from '../support/read-trace.ts';
import { TRACE_SAMPLES } from '../support/trace-samples.ts';

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 150);

interface Outcome {
  readonly error: string | undefined;
  readonly records: number;
  readonly trace: Trace | undefined;
}

/** Reads whatever it is. Fails for any error that is not a TraceError with words in it. */
async function survive(bytes: Uint8Array, format: string | undefined): Promise<Outcome> {
  try {
    const { trace, all } = await readAll(bytes, { ...(format === undefined ? {} : { format }), skippedShareMax: 1 });
    for (let row = 0; row < all.count; row++) {
      assert.ok(Number.isFinite(all.timeNs[row] as number), 'a time is a number');
      assert.ok(
        Number.isSafeInteger(all.sector[row] as number) && (all.sector[row] as number) >= 0,
        `sector ${all.sector[row]}`,
      );
      assert.ok((all.device[row] as number) < trace.devices.length, 'a device has a name');
    }
    return { error: undefined, records: all.count, trace };
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    assert.ok(error.message.length > 20, error.message);
    return { error: error.message, records: 0, trace: undefined };
  }
}

const ownSample = (async () => {
  const { all, trace } = await readAll((TRACE_SAMPLES[0] as { bytes: Buffer }).bytes);
  const writer = new CheckedWriter(findTarget('rqdm'), { isTimed: true, beganSeconds: 5 }, 'a sample', false);
  return Buffer.concat([writer.begin(), ...writer.write(all, trace.devices), ...writer.end(0)]);
})();

const samples = [...TRACE_SAMPLES.map(({ format, bytes }) => ({ format, bytes })), { format: 'rqdm', bytes: await ownSample }];

for (const [index, { format, bytes }] of samples.entries()) {
  test(`${format} survives bytes that changed (${index})`, async () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), fc.boolean(), async (changes, isNamed) => {
        const changed = Buffer.from(bytes);
        for (const { at, byte } of changes) changed[at] = byte;
        await survive(changed, isNamed ? format : undefined);
      }),
      { numRuns: RUNS },
    );
  });

  test(`${format} that is cut off ends early aloud (${index})`, async () => {
    const whole = (await survive(bytes, format)).records;
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        const { error, records, trace } = await survive(bytes.subarray(0, length), format);
        assert.ok(records <= whole);
        // binary records tell where they end, so a cut inside one is seen
        const isTold = error !== undefined || (trace as Trace).skips.count > 0 || (trace as Trace).notes.length > 0;
        if (format === 'rqdm') assert.ok(isTold, `cut at ${length} of ${bytes.length}`);
        if (format === 'blktrace' || format === 'btrecord')
          assert.ok(isTold || records > 0 || length === 0, `cut at ${length}`);
      }),
      { numRuns: RUNS },
    );
  });

  test(`${format} with something foreign in it goes on behind it, or says why not (${index})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.uint8Array({ minLength: 1, maxLength: 300 }), async (at, foreign) => {
        await survive(Buffer.concat([bytes.subarray(0, at), foreign, bytes.subarray(at)]), format);
      }),
      { numRuns: RUNS },
    );
  });
}

test('a line of a text format that is damaged is never missed in silence', async () => {
  const lines: Readonly<Record<string, string>> = {
    msr: '128166372000000000,usr,1,Write,512000,4096,300',
    spc: '0,1000,4096,w,0.000000',
    alibaba: '3,W,512000,4096,1577808000000000',
    disksim: '13.000000 30 1000 8 0',
    mqsim: '938513000 4 1000 8 0',
    tencent: '1538323200,1000,8,1,1283',
    nexus5: '1000 8 4096 5 1.74 1.75 1.76 1.77',
    pixel: 'kworker-5,8388608,R,7,1,653.002000',
    blkparse: '  8,16   0        1     0.000000000  4020  Q   W 1000 + 8 [a b]',
  };
  for (const [format, line] of Object.entries(lines)) {
    await fc.assert(
      fc.asyncProperty(fc.nat(line.length - 1), fc.constantFrom('x', '-', '!', '\t', '"', '\u00ff'), async (at, letter) => {
        const damaged = `${line.slice(0, at)}${letter}${line.slice(at + 1)}`;
        const text = `${`${line}\n`.repeat(5)}${damaged}\n`;
        const { trace, all } = await readAll(Buffer.from(text, 'latin1'), { format, skippedShareMax: 1 });
        const others = [...trace.events.entries()].filter(([name]) => name !== 'Q').reduce((sum, [, count]) => sum + count, 0);
        assert.is(all.count + trace.skips.count + others, 6, `${format}: ${JSON.stringify(damaged)}`);
      }),
      { numRuns: RUNS },
    );
  }
});

test('any bytes at all are refused or read, in every format that they are called', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(undefined, ...samples.map(({ format }) => format)),
      async (bytes, format) => {
        if (format !== undefined) findFormat(format);
        await survive(bytes, format);
      },
    ),
    { numRuns: RUNS * 5 },
  );
});

test('a trace behind another of a different format is told of', async () => {
  for (const one of samples) {
    for (const other of samples) {
      if (one.format === other.format || one.bytes.length === 0) continue;
      const { error, trace } = await survive(Buffer.concat([one.bytes, other.bytes]), one.format);
      const told = error !== undefined || (trace as Trace).skips.count + (trace as Trace).notes.length > 0;
      const counted = trace !== undefined && [...trace.events.keys()].some((event) => /prose|header|preamble/.test(event));
      // columns of one format may be lines of the other, and 24 bytes of anything an object of a cache
      const isLike = /^(ucare|disksim|mqsim|oracle-general)/.test(one.format) && /^(ucare|disksim|mqsim)/.test(other.format);
      assert.ok(told || counted || isLike, `${other.format} behind ${one.format}`);
    }
  }
});

test.run();
