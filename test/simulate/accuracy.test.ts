// The disk model against a measured disk: the distance of the distributions of its service times (demerit), as DiskSim has
// published it for its own model. The trace does not ship.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPERATION_READ, OPERATION_WRITE } from '../../assembly/abi.ts';
import { STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import { createStorage } from '../../bindings/path/model/registry.ts';
import { demerit, meanOf } from '../../src/simulate/demerit.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';

const test = suite('simulate: accuracy');

interface Measured {
  readonly isRead: boolean;
  readonly sector: number;
  readonly sectors: number;
  readonly serviceNs: number;
  readonly gapNs: number;
}

/** DiskSim's validation format: each request was issued so long after the one before had ended. */
function readMeasured(file: string): Measured[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [operation, , sector, sectors, service, gap] = line.trim().split(/\s+/);
      return {
        isRead: operation === 'R',
        sector: Number(sector),
        sectors: Number(sectors),
        serviceNs: Number(service) * 1e3,
        gapNs: Number(gap) * 1e3,
      };
    });
}

for (const [name, { description, accuracy }] of STORAGE_PROFILES) {
  if (accuracy === 'uncalibrated') continue;
  test(`${name} is as accurate as its profile says`, () => {
    const shared = sharedFolder();
    const file = shared === undefined ? '' : join(shared, 'traces', 'hdd', accuracy.trace);
    if (!existsSync(file)) {
      skipAloud(`${name}: needs the measured trace ${accuracy.trace} in ../shared/traces/hdd`);
      return;
    }
    const model = createStorage(description);
    const measured = readMeasured(file);
    assert.ok(measured.length >= 9000, `${measured.length} requests`);
    let nowNs = 1e9;
    const simulated = measured.map(({ isRead, sector, sectors, gapNs }) => {
      const end = model.book(nowNs, isRead ? OPERATION_READ : OPERATION_WRITE, sectors * 512, sector * 512);
      const tookNs = end - nowNs;
      nowNs = end + gapNs;
      return tookNs;
    });
    const judge = (what: string, wanted: (one: Measured) => boolean, atMost: number): void => {
      const indexes = measured.map((_, index) => index).filter((index) => wanted(measured[index] as Measured));
      const truth = Float64Array.from(indexes, (index) => (measured[index] as Measured).serviceNs / 1e6);
      const ours = Float64Array.from(indexes, (index) => (simulated[index] as number) / 1e6);
      const mean = meanOf(truth);
      const distance = demerit(truth, ours);
      process.stdout.write(
        `\n${name} ${what}: demerit ${distance.toFixed(3)} ms, ${((100 * distance) / mean).toFixed(1)} % of the mean ` +
          `${mean.toFixed(3)} ms; simulated mean ${meanOf(ours).toFixed(3)} ms`,
      );
      assert.ok(distance / mean <= atMost, `${what}: ${distance} ms of ${mean} ms`);
    };
    judge('reads', ({ isRead }) => isRead, accuracy.reads);
    judge('all', () => true, accuracy.all);
  });
}

test('the demerit of a list with itself is 0, and of one that is later by a constant it is that', () => {
  const list = (): Float64Array => Float64Array.from({ length: 100 }, (_, i) => (i * 37) % 101);
  assert.is(demerit(list(), list()), 0);
  assert.is(
    demerit(
      list(),
      list().map((value) => value + 3),
    ),
    3,
  );
});

test.run();
