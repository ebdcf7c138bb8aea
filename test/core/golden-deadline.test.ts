// What a Linux 6.1 kernel did, recorded, and what the core does in its place: the order of mq-deadline, on a path that
// takes one request at a time. The first read goes at once; the others arrive in one plug while it is under way.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ELEVATOR_MQ_DEADLINE, OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { type BioOptions, CoreDriver, type Settings } from '../support/core-driver.ts';

const test = suite('core/golden: mq-deadline');

/** Operation and sector of each issue, as the recordings print them. */
function order(settings: Settings, bios: readonly Omit<BioOptions, 'device'>[]): string {
  const driver = new CoreDriver();
  const nullb0 = driver.backing({
    sizeSectors: 131072,
    elevator: ELEVATOR_MQ_DEADLINE,
    depth: 1,
    requests: 256,
    readExpireMs: 60_000,
    writeExpireMs: 60_000,
    serviceNs: () => 50_000_000,
    ...settings,
  });
  driver.submit([{ device: nullb0, sector: 5000 }], false);
  driver.nowNs += 10_000_000;
  driver.submit(bios.map((bio) => ({ device: nullb0, ...bio })));
  driver.assertIdle();
  return driver.issued.map(({ operation, sector }) => `${operation === OPERATION_READ ? 'R' : 'WS'}${sector}`).join(' ');
}

const reads = (...sectors: number[]): { sector: number }[] => sectors.map((sector) => ({ sector }));

test('trace-deadline-order: a batch goes upwards from the oldest read', () => {
  const expected = 'R5000 R9000 R1000 R3000 R6000 R7000 R100';
  assert.is(order({}, reads(9000, 1000, 7000, 3000, 6000, 100)), expected);
});

const SHUFFLED = [13, 4, 22, 9, 1, 17, 6, 20, 2, 11, 24, 8, 15, 3, 19, 10, 5, 23, 7, 14, 21, 12, 18, 16];

for (const fifoBatch of [16, 1, 4]) {
  test(`trace-deadline-order: reads alone go upwards whatever the batch, fifo_batch=${fifoBatch}`, () => {
    const expected =
      'R5000 R5200 R5600 R6000 R6400 R6800 R7200 R7600 R8000 R8400 R8800 R9200 R9600 ' +
      'R1600 R2000 R2400 R2800 R3200 R3600 R4000 R4400 R4800 R400 R800 R1200';
    assert.is(order({ fifoBatch }, reads(...SHUFFLED.map((i) => i * 400))), expected);
  });
}

const MIXED = [3, 7, 1, 9, 5, 11, 2, 8, 4, 10, 6, 12].flatMap((i) => [
  { operation: OPERATION_READ, sector: i * 100 },
  { operation: OPERATION_WRITE, sector: i * 100 + 2000 },
]);

/** [fifo_batch, writes_starved, order]: reads 300 … 1200 100 200 as R3 … R12 R1 R2, writes 2300 … as W3 … */
const STARVED: readonly (readonly [number, number, string])[] = [
  [1, 1, 'R3 W3 R4 W4 R5 W5 R6 W6 R7 W7 R8 W8 R9 W9 R10 W10 R11 W11 R12 W12 R1 W1 R2 W2'],
  [1, 2, 'R3 R4 W3 R5 R6 W4 R7 R8 W5 R9 R10 W6 R11 R12 W7 R1 R2 W8 W9 W10 W11 W12 W1 W2'],
  [1, 3, 'R3 R4 R5 W3 R6 R7 R8 W4 R9 R10 R11 W5 R12 R1 R2 W6 W7 W8 W9 W10 W11 W12 W1 W2'],
  [2, 1, 'R3 R4 W3 W4 R5 R6 W5 W6 R7 R8 W7 W8 R9 R10 W9 W10 R11 R12 W11 W12 R1 R2 W1 W2'],
  [2, 2, 'R3 R4 R5 R6 W3 W4 R7 R8 R9 R10 W5 W6 R11 R12 R1 R2 W7 W8 W9 W10 W11 W12 W1 W2'],
  [2, 3, 'R3 R4 R5 R6 R7 R8 W3 W4 R9 R10 R11 R12 R1 R2 W5 W6 W7 W8 W9 W10 W11 W12 W1 W2'],
  [4, 1, 'R3 R4 R5 R6 W3 W4 W5 W6 R7 R8 R9 R10 W7 W8 W9 W10 R11 R12 W11 W12 R1 R2 W1 W2'],
  [4, 2, 'R3 R4 R5 R6 R7 R8 R9 R10 W3 W4 W5 W6 R11 R12 R1 R2 W7 W8 W9 W10 W11 W12 W1 W2'],
  [4, 3, 'R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 W3 W4 W5 W6 R1 R2 W7 W8 W9 W10 W11 W12 W1 W2'],
  [16, 1, 'R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 W3 W4 W5 W6 W7 W8 W9 W10 W11 W12 R1 R2 W1 W2'],
  [16, 2, 'R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R1 R2 W3 W4 W5 W6 W7 W8 W9 W10 W11 W12 W1 W2'],
  [16, 3, 'R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R1 R2 W3 W4 W5 W6 W7 W8 W9 W10 W11 W12 W1 W2'],
];

for (const [fifoBatch, writesStarved, expected] of STARVED) {
  test(`trace-deadline-writes-starved: fifo_batch=${fifoBatch} writes_starved=${writesStarved}`, () => {
    const short = order({ fifoBatch, writesStarved }, MIXED)
      .replace(/R(\d+)00\b/g, 'R$1')
      .replace(/WS(\d+)00\b/g, (_, hundreds: string) => `W${Number(hundreds) - 20}`);
    assert.is(short, `R50 ${expected}`);
  });
}

test.run();
