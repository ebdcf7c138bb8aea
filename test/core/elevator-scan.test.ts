// The one-way sweep, against an array that is searched.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ELEVATOR_KYBER, ELEVATOR_SCAN, OPERATION_READ, OPERATION_WRITE, STATUS_TRANSPORT } from '../../assembly/abi.ts';
import { END_REQUEUE } from '../../bindings/target/target.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

const test = suite('core/elevator: the order of scan');

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 200);
const CELL_SECTORS = 8;
const places = (driver: CoreDriver): string[] => driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);

interface Run {
  readonly operation: number;
  sector: number;
  sectors: number;
}

/** Runs of sectors that wait, and where the sweep stands. */
class Sweep {
  private runs: Run[] = [];
  private place = 0;

  /** Neighbours of one direction become one. No two of them overlap. */
  add(operation: number, sector: number): void {
    const run: Run = { operation, sector, sectors: CELL_SECTORS };
    const joined = this.runs.filter(
      (other) =>
        other.operation === operation && (other.sector + other.sectors === sector || sector + CELL_SECTORS === other.sector),
    );
    run.sector = Math.min(sector, ...joined.map((other) => other.sector));
    run.sectors += joined.reduce((sum, other) => sum + other.sectors, 0);
    this.runs = this.runs.filter((other) => !joined.includes(other));
    this.runs.push(run);
    this.runs.sort((a, b) => a.sector - b.sector);
  }

  pull(): string | undefined {
    const run = this.runs.find(({ sector }) => sector >= this.place) ?? this.runs[0];
    if (run === undefined) return undefined;
    this.place = run.sector;
    this.runs.splice(this.runs.indexOf(run), 1);
    return `${run.sector}+${run.sectors}`;
  }

  startAgain(): void {
    this.place = 0;
  }
}

type Step = { readonly cell: number; readonly operation: number } | 'answer' | 'switch';

test('requests leave in the order of the model, whatever merges and whichever elevator has them in between', () => {
  const arrival = fc.record({ cell: fc.nat(70), operation: fc.constantFrom(OPERATION_READ, OPERATION_WRITE) });
  const steps = fc.array<Step>(
    fc.oneof(
      { weight: 6, arbitrary: arrival },
      { weight: 4, arbitrary: fc.constant('answer' as const) },
      { weight: 1, arbitrary: fc.constant('switch' as const) },
    ),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(steps, (history) => {
      const driver = new CoreDriver();
      const device = driver.backing({ elevator: ELEVATOR_SCAN, depth: 1, script: () => ({ isHeld: true }) });
      const sweep = new Sweep();
      const expected: string[] = [];
      const used = new Set<number>();
      let isAway = false;
      const pull = (): void => {
        const place = sweep.pull();
        isAway = place !== undefined;
        if (place !== undefined) expected.push(place);
      };
      const answer = (): void => {
        driver.answer(driver.issued[driver.issued.length - 1]);
        pull();
        driver.settle();
      };
      for (const step of history) {
        if (step === 'answer') {
          if (isAway) answer();
        } else if (step === 'switch') {
          driver.configure(device, { elevator: ELEVATOR_KYBER });
          driver.configure(device, { elevator: ELEVATOR_SCAN });
          sweep.startAgain();
        } else if (!used.has(step.cell)) {
          used.add(step.cell);
          const sector = step.cell * CELL_SECTORS;
          sweep.add(step.operation, sector);
          if (!isAway) pull();
          driver.submit([{ device, operation: step.operation, sector }], false);
        }
      }
      while (isAway) answer();
      assert.equal(places(driver), expected);
      driver.assertIdle();
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test('the sweep goes up, reads and writes alike, and begins again at the lowest', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator: ELEVATOR_SCAN, depth: 1 });
  driver.submit([{ device, sector: 1000 }]);
  const operation = OPERATION_WRITE;
  driver.submit([100, 3000, 1000, 2000, 500].map((sector, i) => (i % 2 ? { device, sector, operation } : { device, sector })));
  driver.assertIdle();
  // the second 1000 begins where the sweep stands: it is not passed
  assert.equal(places(driver), ['1000+8', '1000+8', '2000+8', '3000+8', '100+8', '500+8']);
});

test('whoever keeps ahead of the sweep goes before all that wait behind it', () => {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator: ELEVATOR_SCAN, depth: 1, readExpireMs: 1 });
  driver.submit([{ device, sector: 500 }]);
  driver.submit([{ device, sector: 0 }]);
  for (let i = 1; i <= 20; i++) {
    driver.submit([{ device, sector: 500 + 16 * i }]);
    driver.step();
  }
  driver.assertIdle();
  assert.is(driver.issued[driver.issued.length - 1]?.sector, 0);
});

test('what comes back goes first and does not move the sweep', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 1, script: () => ({ isHeld: true }) });
  const target = new Script(path, { endIo: [END_REQUEUE] });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.request({ elevator: ELEVATOR_SCAN, extents: [{ hooks, length: 4096 }], paths: [path] });
  driver.submit([{ device, sector: 100 }]);
  driver.submit([900, 500, 200].map((sector) => ({ device, sector })));
  for (let i = 0; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i], i === 0 ? STATUS_TRANSPORT : 0);
    driver.settle();
  }
  driver.assertIdle();
  assert.equal(places(driver), ['100+8', '200+8', '100+8', '500+8', '900+8']);
});

test.run();
