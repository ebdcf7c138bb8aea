import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IoWordError, parseSteps } from '../../src/io/language.ts';
import { fillWithNumbers, summaryOf } from '../../src/io/summary.ts';

test('every word of the language is read', () => {
  assert.equal(
    parseSteps(['r:0:8', 'w:1:2', 'w:1:2:0xff', 'w:1:2:7', 'p:0x10:1', 's', '1', 'b', 'f', 'd:3:2', 'z:4:8', 'm:50']),
    [
      { kind: 'read', sector: 0, sectors: 8 },
      { kind: 'write', sector: 1, sectors: 2, byte: 0x5a },
      { kind: 'write', sector: 1, sectors: 2, byte: 0xff },
      { kind: 'write', sector: 1, sectors: 2, byte: 7 },
      { kind: 'write', sector: 16, sectors: 1, byte: undefined },
      { kind: 'submit', isTogether: true, isWaitedFor: false },
      { kind: 'submit', isTogether: false, isWaitedFor: false },
      { kind: 'submit', isTogether: true, isWaitedFor: true },
      { kind: 'flush' },
      { kind: 'discard', sector: 3, sectors: 2 },
      { kind: 'zeroes', sector: 4, sectors: 8 },
      { kind: 'sleep', milliseconds: 50 },
    ],
  );
});

for (const [word, expected] of [
  ['', 'r, w, p, s, 1, b, f, d, z or m'],
  ['x:1:2', 'r, w, p, s, 1, b, f, d, z or m'],
  ['r', 'r:SECTOR:COUNT'],
  ['r:1', 'r:SECTOR:COUNT'],
  ['r:1:2:3', 'r:SECTOR:COUNT'],
  ['r:-1:2', 'r:SECTOR:COUNT'],
  ['r:1:0', 'a count from 1 to'],
  ['r:0:99999999', 'a count from 1 to'],
  ['r:99999999999999999999:1', 'r:SECTOR:COUNT'],
  ['w:1:2:256', 'a byte from 0 to 0xff'],
  ['w:1:2:z', 'a byte from 0 to 0xff'],
  ['w:1:2:3:4', 'w:SECTOR:COUNT[:BYTE]'],
  ['b:1', 'b alone'],
  ['m:', 'm:MILLISECONDS'],
  ['m:9999999', 'm:MILLISECONDS'],
] as const) {
  test(`"${word}" is refused with its place and what was expected`, () => {
    assert.throws(
      () => parseSteps(['b', word]),
      (error: Error) =>
        error instanceof IoWordError && error.message.startsWith(`word 2, "${word}"`) && error.message.includes(expected),
    );
  });
}

/** The same by BigInt. */
function plainHash(data: Uint8Array): string {
  let hash = 1469598103934665603n;
  for (const byte of data) hash = ((hash ^ BigInt(byte)) * 1099511628211n) % 2n ** 64n;
  return ((hash >> 32n) ^ (hash % 2n ** 32n)).toString(16).padStart(8, '0');
}

test('the summary has the numbers of the first and the last sector, and the hash that kernels were recorded with', () => {
  const data = Buffer.alloc(8 * 512);
  fillWithNumbers(data, 8);
  assert.is(summaryOf(data), 'first=8 last=15 fnv=b5f20fc1');
  for (const sector of [0, 1, 500, 2 ** 32 - 1]) {
    fillWithNumbers(data, sector);
    assert.is(summaryOf(data), `first=${sector} last=${(sector + 7) % 2 ** 32} fnv=${plainHash(data)}`);
  }
  assert.is(summaryOf(Buffer.alloc(512, 0x5a)), 'all=5a');
  assert.is(summaryOf(Buffer.alloc(512)), 'all=00');
});

test.run();
