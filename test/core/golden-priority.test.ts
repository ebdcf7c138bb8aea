// What a Linux 6.1 kernel did, recorded, and what the core does in its place: the priority classes of mq-deadline, on a
// path that takes one request at a time and answers after 300 ms. Each program starts 300 ms after the one before.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { CoreDriver } from '../support/core-driver.ts';

const test = suite('core/golden: priorities');

const MS = 1_000_000;
/** Until a program has started and submits. */
const START_MS = 10;

test('trace-deadline-prio: real time goes first, idle last, and a batch goes on where it was interrupted', () => {
  const driver = new CoreDriver();
  const nullb0 = driver.backing({
    sizeSectors: 131072,
    elevator: abi.ELEVATOR_MQ_DEADLINE,
    depth: 1,
    requests: 256,
    asyncDepth: 256,
    isPullingEarly: 1,
    serviceNs: () => 300 * MS,
  });
  const submit = (priority: number, level: number, sectors: readonly number[]): void => {
    const flags = (priority | (level << 2)) << abi.FLAG_PRIORITY_SHIFT;
    // each read by a call of its own
    for (const sector of sectors) driver.submit([{ device: nullb0, sector, flags }], false);
  };
  const program = (atMs: number, priority: number, level: number, first: number): void => {
    driver.after((atMs + START_MS) * MS, () => submit(priority, level, [first, first + 10, first + 20]));
  };
  program(300, abi.PRIORITY_IDLE, 0, 100);
  program(600, abi.PRIORITY_BEST_EFFORT, 4, 200);
  program(900, abi.PRIORITY_REALTIME, 4, 300);
  submit(
    abi.PRIORITY_NONE,
    0,
    Array.from({ length: 10 }, (_, i) => 5000 + 100 * i),
  );
  driver.assertIdle();
  const expected = 'R5000 R5100 R5200 R5300 R5400 R300 R310 R320 R5500 R5600 R5700 R5800 R5900 R200 R210 R220 R100 R110 R120';
  assert.is(driver.issued.map(({ sector }) => `R${sector}`).join(' '), expected);
});

test.run();
