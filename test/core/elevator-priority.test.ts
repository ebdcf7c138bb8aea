// The priority classes of mq-deadline, against the rules of the specification written down plainly: arrays that are sorted.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { flagsOf } from '../contract/elevator.ts';
import { CoreDriver, type Settings } from '../support/core-driver.ts';

const test = suite('core/elevator: priority classes');

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 300);
const MS = 1_000_000;
const { OPERATION_READ: READ, OPERATION_WRITE: WRITE } = abi;
const { PRIORITY_NONE: NONE, PRIORITY_REALTIME: REALTIME, PRIORITY_BEST_EFFORT: BEST, PRIORITY_IDLE: IDLE } = abi;

type Direction = 0 | 1;

interface Waiting {
  readonly sector: number;
  readonly direction: Direction;
  readonly level: number;
  readonly atMs: number;
}

interface Tunables {
  readonly fifoBatch: number;
  readonly writesStarved: number;
  readonly readExpireMs: number;
  readonly writeExpireMs: number;
  readonly priorityAgingMs: number;
}

/** One class: what waits in order of age, what it goes on with, how many it holds, those under way included. */
class PlainClass {
  readonly fifos: readonly [Waiting[], Waiting[]] = [[], []];
  readonly next: [Waiting | undefined, Waiting | undefined] = [undefined, undefined];
  held = 0;

  /** The one behind it by sector; of equal ones the later. */
  successor(one: Waiting): Waiting | undefined {
    const sorted = [...this.fifos[one.direction]].sort((a, b) => a.sector - b.sector);
    return sorted[sorted.indexOf(one) + 1];
  }
}

/** spec-core 5.5 with 5.4a; a look for aged requests that finds none changes nothing. */
class PlainDeadline {
  private readonly tunables: Tunables;
  private readonly classes = [new PlainClass(), new PlainClass(), new PlainClass()] as const;
  private lastDirection: Direction = 1;
  private batching = 0;
  private starved = 0;

  constructor(tunables: Tunables) {
    this.tunables = tunables;
  }

  insert(one: Waiting): void {
    this.classes[one.level].held++;
    this.classes[one.level].fifos[one.direction].push(one);
  }

  ended(one: Waiting): void {
    this.classes[one.level].held--;
  }

  pull(nowMs: number): Waiting | undefined {
    if (this.classes.filter(({ held }) => held > 0).length >= 2) {
      const latestMs = nowMs - this.tunables.priorityAgingMs;
      for (const level of [1, 2]) {
        const aged = this.pick(this.classes[level], nowMs, latestMs);
        if (aged) return aged;
      }
    }
    const first = this.classes.find(({ held }) => held > 0);
    return first && this.pick(first, nowMs, nowMs);
  }

  private pick(from: PlainClass, nowMs: number, latestMs: number): Waiting | undefined {
    const { fifoBatch, writesStarved, readExpireMs, writeExpireMs } = this.tunables;
    let one = from.next[this.lastDirection];
    const goesOn = one !== undefined && this.batching < fifoBatch;
    let starved = this.starved;
    if (!one || !goesOn) {
      const [reads, writes] = from.fifos;
      if (reads.length + writes.length === 0) return undefined;
      const isWrite = reads.length === 0 || (writes.length > 0 && starved++ >= writesStarved);
      if (isWrite) starved = 0;
      const direction: Direction = isWrite ? 1 : 0;
      const [oldest] = from.fifos[direction];
      const isExpired = nowMs >= oldest.atMs + (isWrite ? writeExpireMs : readExpireMs);
      one = isExpired ? oldest : (from.next[direction] ?? oldest);
    }
    if (one.atMs > latestMs) return undefined;
    this.batching = goesOn ? this.batching + 1 : 1;
    this.lastDirection = one.direction;
    this.starved = starved;
    from.next[one.direction] = from.successor(one);
    from.fifos[one.direction].splice(from.fifos[one.direction].indexOf(one), 1);
    return one;
  }
}

const LEVELS = [1, 0, 1, 2] as const; // by PRIORITY_

interface Arrival {
  readonly place: number;
  readonly direction: Direction;
  readonly priority: number;
}

const arrivals: fc.Arbitrary<Arrival[]> = fc.array(
  fc.record({ place: fc.nat(200), direction: fc.constantFrom(0 as const, 1 as const), priority: fc.nat(3) }),
  { minLength: 1, maxLength: 12 },
);
const tunables: fc.Arbitrary<Tunables> = fc.record({
  fifoBatch: fc.constantFrom(16, 2, 1, 0),
  writesStarved: fc.nat(3),
  readExpireMs: fc.constantFrom(500, 5, 0),
  writeExpireMs: fc.constantFrom(5000, 9),
  priorityAgingMs: fc.constantFrom(10_000, 12, 0),
});

test('requests leave in the order of the specification, whatever waits and is under way', () => {
  const step = fc.oneof(arrivals, fc.record({ answers: fc.integer({ min: 1, max: 6 }), afterMs: fc.constantFrom(0, 1, 7) }));
  const histories = fc.array(step, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(tunables, fc.integer({ min: 1, max: 3 }), histories, (tuned, depth, history) => {
      const driver = new CoreDriver();
      const settings: Settings = { ...tuned, depth, nomerges: 2, requests: 1000, asyncDepth: 1000 };
      const elevator = abi.ELEVATOR_MQ_DEADLINE;
      const device = driver.backing({ ...settings, elevator, script: () => ({ isHeld: true }) });
      const plain = new PlainDeadline(tuned);
      const away: Waiting[] = [];
      let answered = 0;
      const expected: string[] = [];
      const pull = (): void => {
        while (away.length < depth) {
          const one = plain.pull(driver.nowNs / MS);
          if (!one) return;
          away.push(one);
          expected.push(`${one.direction} ${one.sector}`);
        }
      };
      const answer = (): void => {
        driver.answer(driver.issued[answered++]);
        driver.settle();
        plain.ended(away.shift() as Waiting);
        pull();
      };
      for (const one of history) {
        if ('answers' in one) {
          driver.nowNs += one.afterMs * MS;
          for (let left = one.answers; left > 0 && away.length > 0; left--) answer();
          continue;
        }
        for (const { place, direction, priority } of one) {
          plain.insert({ sector: place * 16, direction, level: LEVELS[priority] as number, atMs: driver.nowNs / MS });
        }
        driver.submit(
          one.map(({ place, direction, priority }) => ({
            device,
            sector: place * 16,
            operation: direction ? WRITE : READ,
            flags: flagsOf(priority),
          })),
        );
        pull();
      }
      while (away.length > 0) answer();
      assert.equal(
        driver.issued.map(({ operation, sector }) => `${operation === WRITE ? 1 : 0} ${sector}`),
        expected,
      );
      driver.assertIdle();
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

/** A device on a path that the test answers; `at` submits one read of a priority. */
function held(settings: Settings): { driver: CoreDriver; at: (sector: number, priority: number, level?: number) => void } {
  const driver = new CoreDriver();
  const script = (): { isHeld: true } => ({ isHeld: true });
  const device = driver.backing({ elevator: abi.ELEVATOR_MQ_DEADLINE, ...settings, script });
  const at = (sector: number, priority: number, level = 0): void => {
    driver.submit([{ device, sector, flags: flagsOf(priority, level) }]);
  };
  return { driver, at };
}

const sectors = (driver: CoreDriver): number[] => driver.issued.map(({ sector }) => sector);

function answerAll(driver: CoreDriver, first = 0): void {
  for (let i = first; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i]);
    driver.settle();
  }
  driver.assertIdle();
}

test('a class waits until those above it are not only started but done', () => {
  const { driver, at } = held({ depth: 8 });
  at(0, REALTIME);
  at(100, BEST);
  at(200, IDLE);
  assert.equal(sectors(driver), [0]);
  at(300, REALTIME);
  assert.equal(sectors(driver), [0, 300]);
  driver.answer(driver.issued[0]);
  driver.settle();
  assert.is(driver.issued.length, 2);
  driver.answer(driver.issued[1]);
  driver.settle();
  assert.equal(sectors(driver), [0, 300, 100]);
  answerAll(driver, 2);
  assert.equal(sectors(driver), [0, 300, 100, 200]);
});

test('no priority is best effort, whose levels are one class and yet do not merge', () => {
  const { driver, at } = held({ depth: 1 });
  at(1000, NONE);
  at(500, IDLE);
  at(0, NONE);
  at(8, BEST, 1);
  at(16, BEST, 2);
  at(24, BEST, 2);
  answerAll(driver);
  assert.equal(
    driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`),
    ['1000+8', '0+8', '8+8', '16+16', '500+8'],
  );
});

test('what has waited for prio_aging_expire goes before real time, best effort before idle', () => {
  const { driver, at } = held({ depth: 1, priorityAgingMs: 50 });
  at(0, REALTIME);
  at(100, IDLE);
  at(200, BEST);
  at(300, REALTIME);
  driver.nowNs += 49 * MS;
  driver.answer(driver.issued[0]);
  driver.settle();
  assert.is(driver.issued[1]?.sector, 300);
  at(400, REALTIME);
  driver.nowNs += MS;
  answerAll(driver, 1);
  assert.equal(sectors(driver), [0, 300, 200, 100, 400]);
});

test.run();
