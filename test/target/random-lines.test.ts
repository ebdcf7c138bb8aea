// Lines and messages by chance: what a builder makes is taken, printed and taken again to the same print; words of any
// kind are refused with an RqdmError or obeyed, and never anything else.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RqdmError, RqdmTableError } from '../../bindings/errors.ts';
import * as builders from '../../bindings/table/builders.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import { builtInTargets } from '../../bindings/target/registry.ts';
import type { TargetType } from '../../bindings/target/target.ts';
import { FakeContext, FakeLine, loopDevices } from '../support/target-context.ts';

const test = suite('target/random lines');

const TYPES = new Map(builtInTargets(new SelectorRegistry()).map((type) => [type.name, type]));
const NAMES = ['delay', 'flakey', 'dust', 'unstriped', 'switch', 'linear', 'error', 'passthrough'];

const device = fc.constantFrom('/dev/loop0', '/dev/loop1', '7:2');
const offset = fc.nat(4096);
const length = fc.integer({ min: 1, max: 512 });
const start = fc.nat(1000);
const place = fc.record({ device, offset, delayMs: fc.nat() });

function line(type: string, text: string): FakeLine {
  return new FakeLine(TYPES.get(type) as TargetType, text, new FakeContext(loopDevices(4)));
}

const corrupt = fc
  .tuple(fc.integer({ min: 1, max: 4096 }), fc.constantFrom('r', 'w'), fc.nat(255), fc.nat(2047))
  .map((words) => ['corrupt_bio_byte', ...words]);
const probability = fc.nat(1e9);
const features = fc
  .tuple(
    fc.constantFrom([], ['drop_writes'], ['error_writes'], ['error_reads'], ['error_reads', 'error_writes']),
    fc.oneof(fc.constant([]), corrupt),
    fc.oneof(
      fc.constant([]),
      probability.map((parts) => ['random_read_corrupt', parts]),
    ),
    fc.oneof(
      fc.constant([]),
      probability.map((parts) => ['random_write_corrupt', parts]),
    ),
  )
  .map((groups) => groups.flat() as (string | number)[]);

const lines: fc.Arbitrary<[string, string]> = fc.oneof(
  fc
    .record({ start, length, read: place, write: fc.option(place), flush: fc.option(place) })
    .map(({ write, flush, ...rest }): [string, string] => [
      'delay',
      builders.delay({ ...rest, ...(write ? { write } : {}), ...(flush ? { flush } : {}) }),
    ]),
  fc
    .record({ start, length, device, offset, upSeconds: fc.nat(1e6), downSeconds: fc.integer({ min: 1, max: 1e6 }), features })
    .map((options): [string, string] => ['flakey', builders.flakey(options)]),
  fc
    .record({ start, length, device, offset, power: fc.nat(9) })
    .map(({ power, ...rest }): [string, string] => [
      'dust',
      builders.dust({ ...rest, blockBytes: 512 << Math.min(power, Math.floor(Math.log2(rest.length))) }),
    ]),
  fc
    .record({ start, chunks: fc.integer({ min: 1, max: 9 }), chunkSectors: fc.integer({ min: 1, max: 64 }), device, offset })
    .chain(({ chunks, ...rest }) =>
      fc.integer({ min: 1, max: 9 }).chain((stripes) =>
        fc.nat(stripes - 1).map((stripe): [string, string] => {
          const options = { ...rest, stripes, stripe, length: chunks * rest.chunkSectors };
          return ['unstriped', builders.unstriped(options)];
        }),
      ),
    ),
  fc
    .record({
      start,
      length,
      regionSectors: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      paths: fc.array(fc.oneof(device, fc.record({ device, offset })), { minLength: 1, maxLength: 5 }),
    })
    .map((options): [string, string] => ['switch', builders.switchRegions(options)]),
);

test('a line that a builder makes is taken, printed, and taken again to the same print', () => {
  let taken = 0;
  fc.assert(
    fc.property(lines, ([type, text]) => {
      let made: FakeLine;
      try {
        made = line(type, text);
      } catch (error) {
        // what contradicts itself is refused by that word and no other
        assert.ok(error instanceof RqdmTableError);
        assert.match(error.kernelText, /is incompatible with/);
        return;
      }
      taken += 1;
      const printed = made.table;
      assert.is(line(type, printed.trimEnd()).table, printed);
      const words = (named: string): string[] => named.replaceAll('/dev/loop', '7:').trimEnd().split(' ');
      const given = words(text);
      // without features flakey prints their number all the same
      if (type === 'flakey' && given.length === 7) given.push('0');
      assert.equal(words(printed), given);
    }),
    { numRuns: 500 },
  );
  assert.ok(taken > 300, `only ${taken} were taken`);
});

const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/dev/loop0', '7:1', '0', '1', '2', '8', '512', '4096', '4294967295') },
  { weight: 2, arbitrary: fc.constantFrom('drop_writes', 'error_writes', 'corrupt_bio_byte', 'r', 'w', 'random_read_corrupt') },
  { weight: 1, arbitrary: fc.string({ minLength: 1 }) },
  { weight: 1, arbitrary: fc.bigInt().map(String) },
);

test('any words make a target or an RqdmTableError with its place', () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), fc.array(word, { maxLength: 12 }), length, (name, words, lengthSectors) => {
      const context = new FakeContext(loopDevices(4));
      context.lengthSectors = lengthSectors;
      try {
        (TYPES.get(name) as TargetType).construct(words, context).status('table', ({ number }) => number);
        taken += 1;
      } catch (error) {
        assert.ok(error instanceof RqdmTableError, String(error));
        const at = error.place?.word ?? -1;
        assert.ok(at >= 1 && at <= words.length + 3, `place ${at} of ${words.length} words`);
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(taken > 100, `only ${taken} were taken`);
});

const blockMessage = fc
  .tuple(fc.constantFrom('addbadblock', 'removebadblock', 'queryblock'), fc.nat(20))
  .map(([name, block]) => [name, String(block)]);
const mappings = fc
  .array(
    fc.oneof(
      fc.tuple(fc.nat(9), fc.nat(2)).map(([region, path]) => `${region}:${path}`),
      fc.constantFrom(':1', 'R2,2'),
    ),
  )
  .map((words) => ['set_region_mappings', ...words]);
const messageWord = fc.oneof(
  fc.constantFrom('addbadblock', 'removebadblock', 'queryblock', 'countbadblocks', 'clearbadblocks', 'listbadblocks'),
  fc.constantFrom('enable', 'disable', 'quiet', 'set_region_mappings', 'reset_errors'),
  fc.constantFrom('0', '1', '255', '256', '2048', '2049', '-1', '0:1', ':0', 'R1,2', '7:3', 'r2,1', '0:9', 'Rffffffff,1'),
  fc.string(),
);

test('any message is obeyed, answered with a text, or an RqdmError; and the target still prints its line', () => {
  const targets = [
    line('dust', '0 64 dust /dev/loop0 0 4096'),
    line('switch', '0 64 switch 2 8 0 /dev/loop0 0 /dev/loop1 0'),
    line('passthrough', '0 64 passthrough /dev/loop0 0'),
  ];
  let obeyed = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...targets),
      fc.oneof(blockMessage, mappings, fc.array(messageWord, { maxLength: 4 })),
      (made, words) => {
        const { table } = made;
        try {
          const answer: unknown = made.target.message?.(words);
          assert.ok(answer === undefined || typeof answer === 'string');
          obeyed += 1;
        } catch (error) {
          assert.ok(error instanceof RqdmError, String(error));
          assert.is(error.code, 'ERR_RQDM_MESSAGE');
        }
        assert.is(made.table, table);
        assert.ok(made.status.length > 0);
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(obeyed > 100, `only ${obeyed} were obeyed`);
});

test.run();
