// What every elevator must keep. A new elevator is tested by calling this with its number:
//
//   const test = suite('elevator/mine');
//   elevatorContract(test, { name: 'mine', elevator: ELEVATOR_MINE, others: [ELEVATOR_NONE] });
//   test.run();
//
// Data, limits and that each bio ends once are held by the driver itself.

import fc from 'fast-check';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { END_REQUEUE } from '../../bindings/target/target.ts';
import { Chooser } from '../support/core-chooser.ts';
import { type BioOptions, CoreDriver, type DrivenBio, type PathIo, type Settings } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

export interface ElevatorFacts {
  readonly name: string;
  readonly elevator: number;
  /** Those it is switched to and from. */
  readonly others: readonly number[];
}

export const ELEVATORS: readonly (readonly [name: string, elevator: number])[] = [
  ['none', abi.ELEVATOR_NONE],
  ['mq-deadline', abi.ELEVATOR_MQ_DEADLINE],
  ['scan', abi.ELEVATOR_SCAN],
  ['kyber', abi.ELEVATOR_KYBER],
];

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 120);
const SIZE = 2048;
const { OPERATION_READ: READ, OPERATION_WRITE: WRITE } = abi;

/** Priority class, level and how it fails, as a bio's flags have them. */
export const flagsOf = (priority: number, level = 0, isFast = false): number =>
  ((priority | (level << 2)) << abi.FLAG_PRIORITY_SHIFT) | (isFast ? abi.FLAG_FAILFAST : 0);

// ---- random lives ------------------------------------------------------------------------------------------------

type Happening =
  | { readonly bios: readonly Omit<BioOptions, 'device'>[]; readonly isPlugged: boolean }
  | { readonly answers: number; readonly isGood: boolean; readonly afterMs: number }
  | { readonly settings: Settings };

const bio = fc
  .record({
    operation: fc.constantFrom(READ, READ, WRITE),
    place: fc.nat(60),
    eighths: fc.constantFrom(1, 1, 1, 2, 5),
    priority: fc.constantFrom(0, 0, 0, 1, 2, 3),
    isFast: fc.boolean(),
    isAdjacent: fc.boolean(),
  })
  .map(({ operation, place, eighths, priority, isFast, isAdjacent }) => ({
    operation,
    sector: place * 8,
    sectors: eighths * 8,
    isAdjacent,
    flags: flagsOf(priority, 0, isFast),
  }));

const settings = (elevators: readonly number[]): fc.Arbitrary<Settings> =>
  fc.oneof(
    fc.record({ elevator: fc.constantFrom(...elevators) }),
    fc.constantFrom<Settings>(
      { fifoBatch: 1 },
      { fifoBatch: 0 },
      { writesStarved: 0 },
      { writesStarved: -1 >>> 0 },
      { hasFrontMerges: 0 },
      { requests: 1 },
      { requests: 5 },
      { requests: 256 },
      { nomerges: 0 },
      { nomerges: 1 },
      { nomerges: 2 },
      { asyncDepth: 1 },
      { asyncDepth: 0 },
      { priorityAgingMs: 0 },
      { readExpireMs: 0, writeExpireMs: 0 },
      { kyberReadLatencyUs: 1 },
      { maxSectors: 16 },
      { maxSectors: 2560 },
      { depth: 1 },
      { depth: 4 },
    ),
  );

const lives = (elevators: readonly number[]): fc.Arbitrary<Happening[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ bios: fc.array(bio, { minLength: 1, maxLength: 12 }), isPlugged: fc.boolean() }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          answers: fc.integer({ min: 1, max: 6 }),
          isGood: fc.constantFrom(true, true, false),
          afterMs: fc.constantFrom(0, 1, 60, 11_000),
        }),
      },
      { weight: 2, arbitrary: fc.record({ settings: settings(elevators) }) },
    ),
    { minLength: 1, maxLength: 24 },
  );

/** A device with the elevator over a path that the test answers: on the path's own queue, or above it with retries. */
class Life {
  readonly driver: CoreDriver = new CoreDriver({}, 1 << 15);
  readonly device: number;
  private readonly chooser: Chooser | undefined;
  private answered = 0;

  constructor(elevator: number, isMapped: boolean) {
    const own = { elevator, depth: 2 };
    const backing = this.driver.backing({
      ...(isMapped ? { depth: 2 } : own),
      sizeSectors: SIZE,
      script: () => ({ isHeld: true }),
    });
    if (isMapped) this.chooser = new Chooser([backing], { attemptsMax: 3 });
    this.device = this.chooser
      ? this.driver.request({ elevator, extents: [{ hooks: this.chooser, length: SIZE }], paths: [backing] })
      : backing;
  }

  happen(what: Happening): void {
    if ('bios' in what) {
      this.driver.submit(
        what.bios.map((one) => ({ device: this.device, ...one })),
        what.isPlugged,
      );
    } else if ('settings' in what) {
      this.configure(what.settings);
    } else {
      this.driver.nowNs += what.afterMs * 1_000_000;
      for (let left = what.answers; left > 0 && this.answered < this.driver.issued.length; left--) this.answer(what.isGood);
      this.driver.settle();
    }
  }

  private configure(settings: Settings): void {
    // a path's depth, or limit, that the test lowers below what is under way is the driver's to complain about
    const isPath = settings.depth !== undefined || settings.maxSectors !== undefined;
    if (isPath && this.chooser === undefined && this.answered < this.driver.issued.length) return;
    this.driver.configure(this.device, settings);
    this.driver.settle();
  }

  private answer(isGood: boolean): void {
    const io = this.driver.issued[this.answered++];
    this.driver.answer(io, isGood ? abi.STATUS_OK : abi.STATUS_TRANSPORT, isGood ? io.sectors : 8);
  }

  /** All ends, and the counts say that each request that was made came out once or became part of another. */
  end(): void {
    const { driver, device } = this;
    for (let rounds = 0; this.answered < driver.issued.length; rounds++) {
      assert.ok(rounds < 2000, 'this goes on for ever');
      this.happen({ answers: 4, isGood: true, afterMs: 1 });
    }
    driver.assertIdle();
    this.chooser?.assertBalanced();
    const [requests, merged, back, front, bios, splits, dispatched, requeues, refusals] = [
      abi.COUNTER_REQUESTS,
      abi.COUNTER_REQUEST_MERGES,
      abi.COUNTER_BACK_MERGES,
      abi.COUNTER_FRONT_MERGES,
      abi.COUNTER_BIOS,
      abi.COUNTER_SPLITS,
      abi.COUNTER_DISPATCHED,
      abi.COUNTER_REQUEUES,
      abi.COUNTER_REFUSALS,
    ].map((counter) => driver.counter(device, counter));
    assert.is(refusals, 0);
    // what was split again under a lowered limit has become other requests
    const isSplitAgain = bios + splits !== requests + back + front;
    if (!isSplitAgain) assert.is(dispatched, requests - merged + requeues);
  }
}

/** A device with this elevator over a path of depth one, which the test answers. */
function held(elevator: number, own: Settings = {}): { driver: CoreDriver; device: number; next: () => PathIo | undefined } {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator, depth: 1, sizeSectors: SIZE, ...own, script: () => ({ isHeld: true }) });
  let answered = 0;
  const next = (): PathIo | undefined => {
    if (answered === driver.issued.length) return undefined;
    driver.answer(driver.issued[answered++]);
    driver.settle();
    return driver.issued[answered];
  };
  return { driver, device, next };
}

const reads = (device: number, ...sectors: number[]): BioOptions[] => sectors.map((sector) => ({ device, sector }));
const places = (ios: readonly PathIo[]): string[] => ios.map(({ sector, sectors }) => `${sector}+${sectors}`);

export function elevatorContract(test: Test, { name, elevator, others }: ElevatorFacts): void {
  for (const isMapped of [false, true]) {
    const where = isMapped ? 'above a path that fails' : "on a path's own queue";
    test(`${name}: every request comes out once, whatever is merged, switched and set meanwhile, ${where}`, () => {
      fc.assert(
        fc.property(lives([elevator, ...others]), (happenings) => {
          const life = new Life(elevator, isMapped);
          for (const one of happenings) life.happen(one);
          life.end();
        }),
        { numRuns: RUNS, includeErrorInReport: true },
      );
    });
  }

  test(`${name}: bios that touch come out as one request, with the bytes of each in place`, () => {
    const { driver, device, next } = held(elevator);
    driver.submit(reads(device, 1000));
    driver.submit([8, 0, 16].map((sector) => ({ device, sector, operation: WRITE })));
    while (next());
    assert.equal(places(driver.issued), ['1000+8', '0+24']);
    assert.equal(driver.issued[1]?.tags, [2, 1, 3]);
    assert.is(driver.counter(device, abi.COUNTER_REQUESTS), 2);
    assert.is(driver.counter(device, abi.COUNTER_BACK_MERGES) + driver.counter(device, abi.COUNTER_FRONT_MERGES), 2);
    driver.submit(reads(device, 0, 8, 16));
    while (next());
    driver.assertIdle();
  });

  test(`${name}: reads, writes and other priorities stay apart`, () => {
    const { driver, device, next } = held(elevator);
    driver.submit(reads(device, 1000));
    const bios = [
      { sector: 0 },
      { sector: 8, operation: WRITE },
      { sector: 16, flags: flagsOf(abi.PRIORITY_BEST_EFFORT, 1) },
      { sector: 24, flags: flagsOf(abi.PRIORITY_BEST_EFFORT, 2) },
    ];
    for (const one of bios) driver.submit([{ device, ...one }]);
    while (next());
    assert.equal(places(driver.issued).sort(), ['0+8', '1000+8', '16+8', '24+8', '8+8']);
    driver.assertIdle();
  });

  test(`${name}: what comes back goes before what waits, in the order in which it came back`, () => {
    const { driver, device, path } = mapped(elevator, [END_REQUEUE, END_REQUEUE]);
    driver.submit(reads(device, 500, 300, 1000, 0, 700));
    driver.configure(path, { depth: 1 });
    const first = driver.issued.slice();
    for (const io of first) driver.answer(io, abi.STATUS_TRANSPORT);
    driver.settle();
    // a credit went to another one while end_io decided
    const rest = answerAll(driver, first.length);
    const back = rest.filter(({ sector }) => first.some((io) => io.sector === sector));
    assert.equal(places(back), places(first));
    assert.ok(rest.indexOf(back[1] as PathIo) <= 2, places(rest).join(' '));
    driver.assertIdle();
  });

  test(`${name}: settings that change under it lose nothing: fewer requests than it holds, no merges, no depth for writes`, () => {
    const { driver, device, next } = held(elevator);
    const mixed = Array.from({ length: 40 }, (_, i) => ({ device, sector: 16 * i, operation: i % 3 ? READ : WRITE }));
    driver.submit(mixed);
    driver.configure(device, { requests: 2, nomerges: 2, asyncDepth: 1, fifoBatch: 1, writesStarved: 0 });
    driver.submit(mixed.map((one) => ({ ...one, sector: one.sector + 8 })));
    while (next());
    assert.is(driver.issued.length, 80);
    driver.assertIdle();
  });

  for (const other of others) {
    test(`${name}: what is queued when elevator ${other} takes over comes out once, and bios still find it`, () => {
      const { driver, device, next } = held(elevator);
      driver.submit(reads(device, 1000));
      driver.submit(reads(device, 300, 100, 500));
      driver.configure(device, { elevator: other });
      driver.submit(reads(device, 508, 92));
      driver.configure(device, { elevator });
      driver.submit(reads(device, 308));
      while (next());
      const merged = places(driver.issued).sort();
      assert.equal(merged, ['1000+8', '300+16', '500+16', '92+16']);
      driver.assertIdle();
    });

    test(`${name}: elevator ${other} takes over on a suspended device: what had come back still goes first`, () => {
      const { driver, device, path } = mapped(elevator, [END_REQUEUE, END_REQUEUE]);
      driver.submit(reads(device, 500, 300));
      const first = driver.issued.slice();
      driver.setState(device, abi.DEVICE_SUSPENDING);
      for (const io of first) driver.answer(io, abi.STATUS_TRANSPORT);
      driver.settle();
      driver.setState(device, abi.DEVICE_SUSPENDED);
      driver.submit(reads(device, 900, 100));
      driver.configure(device, { elevator: other });
      driver.configure(path, { depth: 1 });
      driver.setState(device, abi.DEVICE_RUNNING);
      const rest = answerAll(driver, 2);
      assert.equal(places(rest.slice(0, 2)), places(first));
      assert.equal(places(rest.slice(2)).sort(), ['100+8', '900+8']);
      driver.assertIdle();
    });
  }

  test(`${name}: an error ends the bios that fail alike; the others have their turn`, () => {
    const driver = new CoreDriver();
    let left = 2;
    const path = driver.backing({ script: () => (left-- > 0 ? { status: abi.STATUS_MEDIUM } : undefined) });
    const device = driver.request({ elevator, extents: [{ device: path, length: SIZE }], paths: [path] });
    const kinds = [true, true, false, false, true];
    const bios = driver.submit(
      kinds.map((isFast, i) => ({ device, sector: 8 * i, operation: WRITE, flags: flagsOf(0, 0, isFast) })),
    );
    driver.assertIdle();
    assert.equal(places(driver.issued), ['0+40', '16+24', '32+8']);
    assert.equal(statuses(bios), [7, 7, 7, 7, 0]);
    assert.equal(driver.ended, [0, 1, 2, 3, 4]);
  });
}

const statuses = (bios: readonly DrivenBio[]): (number | undefined)[] => bios.map(({ status }) => status);

/** A request-based device with the elevator, over a path of depth two that the test answers. */
function mapped(elevator: number, endIo: readonly number[]): { driver: CoreDriver; device: number; path: number } {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 2, script: () => ({ isHeld: true }) });
  const target = new Script(path, { endIo });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: SIZE }], paths: [path], elevator });
  return { driver, device, path };
}

/** Answers, one by one, what was issued from number `first` on; returns it. */
function answerAll(driver: CoreDriver, first: number): PathIo[] {
  for (let i = first; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i]);
    driver.settle();
  }
  return driver.issued.slice(first);
}
