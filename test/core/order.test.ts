// The sorted order of mq-deadline, which is a red-black tree, against a sorted array: through a device, with requests
// that come and go in any order.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ELEVATOR_MQ_DEADLINE } from '../../assembly/abi.ts';
import { CoreDriver } from '../support/core-driver.ts';

const test = suite('core/order');

const FOREVER_MS = 2 ** 31;

/** One batch that never ends: upwards from the request dispatched last, then from the oldest. */
class SortedArray {
  private readonly sorted: { sector: number; age: number }[] = [];
  private next: { sector: number; age: number } | undefined;
  private ages = 0;

  insert(sector: number): void {
    const one = { sector, age: this.ages++ };
    const behind = this.sorted.findIndex((other) => other.sector > sector);
    this.sorted.splice(behind < 0 ? this.sorted.length : behind, 0, one);
  }

  pull(): number | undefined {
    if (this.sorted.length === 0) return undefined;
    const one = this.next ?? this.sorted.reduce((oldest, other) => (other.age < oldest.age ? other : oldest));
    const at = this.sorted.indexOf(one);
    this.next = this.sorted[at + 1];
    this.sorted.splice(at, 1);
    return one.sector;
  }
}

test('requests leave in the order of a sorted array, equal sectors in the order of arrival', () => {
  const places = fc.array(fc.nat(250), { minLength: 1, maxLength: 60 });
  const steps = fc.array(fc.oneof(places, fc.integer({ min: 1, max: 50 })), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(steps, (history) => {
      const driver = new CoreDriver({ bios: 4096, requests: 4096 });
      const device = driver.backing({
        elevator: ELEVATOR_MQ_DEADLINE,
        depth: 1,
        nomerges: 2,
        requests: 2048,
        fifoBatch: FOREVER_MS,
        readExpireMs: FOREVER_MS,
        script: () => ({ isHeld: true }),
      });
      const array = new SortedArray();
      const expected: number[] = [];
      let isAway = false;
      const pull = (): void => {
        const sector = array.pull();
        isAway = sector !== undefined;
        if (sector !== undefined) expected.push(sector);
      };
      const answer = (): void => {
        driver.answer(driver.issued[driver.issued.length - 1]);
        pull();
        driver.settle();
      };
      for (const step of history) {
        if (typeof step === 'number') {
          for (let i = 0; i < step && isAway; i++) answer();
        } else {
          for (const place of step) array.insert(place * 16);
          if (!isAway) pull();
          driver.submit(step.map((place) => ({ device, sector: place * 16 })));
        }
      }
      while (isAway) answer();
      assert.equal(
        driver.issued.map(({ sector }) => sector),
        expected,
      );
      driver.assertIdle();
    }),
    { numRuns: 150 },
  );
});

/** Sectors in the order of issue, on a path that takes one request at a time; each list is submitted when one has ended. */
function issuedInTurn(...lists: readonly (readonly number[])[]): string[] {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator: ELEVATOR_MQ_DEADLINE, depth: 1 });
  for (const [i, sectors] of lists.entries()) {
    if (i > 0) driver.step();
    for (const sector of sectors) {
      driver.nowNs += 1000;
      driver.submit([{ device, sector }], false);
    }
  }
  driver.assertIdle();
  return driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);
}

test('a request that takes in an older one takes its place in the line as well', () => {
  // 92 joins 84 and 100; 100 came before 500, 84 after it
  assert.equal(issuedInTurn([1000, 100, 500, 84, 92]), ['1000+8', '84+24', '500+8']);
});

test('a batch goes on with the request it was to go on with, though that begins earlier now', () => {
  assert.equal(issuedInTurn([0, 1000, 3000, 2000], [1992]), ['0+8', '1000+8', '1992+16', '3000+8']);
});

test('a read that has waited for its time is the next batch, whatever its sector', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator: ELEVATOR_MQ_DEADLINE, depth: 1, fifoBatch: 2, readExpireMs: 10, nomerges: 2 });
  const at = (sector: number) => ({ device, sector });
  driver.submit([at(1000)]);
  driver.submit([at(2000), at(100)]);
  driver.nowNs += 20_000_000;
  driver.submit([at(2010), at(2020), at(2030)]);
  driver.assertIdle();
  assert.equal(
    driver.issued.map(({ sector }) => sector),
    [1000, 2000, 2010, 100, 2020, 2030],
  );
});

test.run();
