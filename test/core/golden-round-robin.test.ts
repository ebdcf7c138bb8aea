// What a Linux 6.1 kernel did, recorded, and what the core does in its place: multipath with round-robin. The target is
// the real one; only its context is a fake.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ELEVATOR_MQ_DEADLINE, ELEVATOR_NONE } from '../../assembly/abi.ts';
import { CoreDriver, type Hooks } from '../support/core-driver.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { fakeDevice } from '../support/target-context.ts';

const SIZE = 1024;

class Multipath {
  readonly driver = new CoreDriver({ traceRecords: 4096 });
  readonly paths: readonly number[];
  readonly m: number;
  private readonly map: MultipathMap;

  constructor(kind: 'request' | 'bio', paths: number, repeatCount: number) {
    const nullb = {
      sizeSectors: 16384,
      elevator: ELEVATOR_NONE,
      depth: 1,
      isInstant: 1,
      isKernelPlugOrder: 1,
      maxSectors: 254,
    };
    this.paths = Array.from({ length: paths }, () => this.driver.backing(nullb));
    const devices = this.paths.map((id) => fakeDevice(`252:${id}`, { id, word: `/dev/nullb${id}` }));
    const words = devices.map(({ word }) => `${word} ${repeatCount}`).join(' ');
    this.map = new MultipathMap(`0 ${SIZE} multipath 0 0 1 1 round-robin 0 ${paths} 1 ${words}`, devices);
    const { prepMap, endIo, release } = this.map.hooks;
    const hooks: Hooks = { prepMap, endIo, release };
    const options = { extents: [{ hooks, length: SIZE }], paths: this.paths };
    this.m = kind === 'bio' ? this.driver.bio(options) : this.driver.request({ ...options, elevator: ELEVATOR_MQ_DEADLINE });
    this.driver.core.setTracing(true);
  }

  message(text: string): void {
    this.map.message(text);
    const ids = this.map.context.published.at(-1)?.map(({ id }) => id) ?? [];
    this.driver.setPaths(this.m, ids);
    this.driver.kick(this.m);
  }

  /** One read after the other; the paths they took. */
  sequence(): string {
    const first = this.driver.issued.length;
    for (let i = 0; i < 7; i++) {
      this.driver.submit([{ device: this.m, sector: i * 8 }], false);
      this.driver.drain();
    }
    assert.is(this.driver.issued.length, first, 'these paths answer inside the core');
    return this.paths
      .flatMap((path) => this.driver.traceEvents(path, 'A').map(({ sector }) => ({ path, sector })))
      .sort((a, b) => a.sector - b.sector)
      .map(({ path }) => path)
      .join(' ');
  }
}

const test = suite('core/golden: round-robin');

for (const repeatCount of [1, 4]) {
  test(`trace-rr-sequence: reads take turns, and a path that comes back goes first, repeat count ${repeatCount}`, () => {
    const multipath = new Multipath('request', 3, repeatCount);
    assert.is(multipath.sequence(), '0 1 2 0 1 2 0');
    assert.is(multipath.sequence(), '1 2 0 1 2 0 1');
    multipath.message('fail_path 252:1');
    assert.is(multipath.sequence(), '2 0 2 0 2 0 2');
    multipath.message('reinstate_path 252:1');
    assert.is(multipath.sequence(), '1 0 2 1 0 2 1');
    multipath.message('fail_path 252:0');
    multipath.message('reinstate_path 252:0');
    assert.is(multipath.sequence(), '0 2 1 0 2 1 0');
    multipath.driver.assertIdle();
  });
}

const SEQUENTIAL = [0, 8, 16, 24];
const STRIDED = [0, 16, 32, 48];

function submit({ driver, m }: Multipath, sectors: readonly number[]): void {
  driver.submit(sectors.map((sector) => ({ device: m, sector })));
}

test('trace-rr-batch-merge: request-based, a sequential batch is one request on one path', () => {
  const multipath = new Multipath('request', 2, 1);
  submit(multipath, SEQUENTIAL);
  const merged = ['Q R 8+8', 'M R 8+8', 'Q R 16+8', 'M R 16+8', 'Q R 24+8', 'M R 24+8', 'U 1'];
  const own = ['Q R 0+8', 'G R 0+8', 'P', ...merged, 'I R 0+32', 'D R 0+32', 'C R 0+32'];
  assert.equal(multipath.driver.trace(multipath.m), own);
  assert.equal(multipath.driver.trace(0), ['A R 0+32', 'D R 0+32', 'C R 0+32']);
  assert.equal(multipath.driver.trace(1), []);
});

test('trace-rr-batch-merge: request-based, a strided batch goes to the paths in turn', () => {
  const multipath = new Multipath('request', 2, 1);
  submit(multipath, SEQUENTIAL);
  for (const device of [multipath.m, 0, 1]) multipath.driver.trace(device);
  submit(multipath, STRIDED);
  const queued = STRIDED.flatMap((sector) => [`Q R ${sector}+8`, `G R ${sector}+8`]);
  queued.splice(2, 0, 'P');
  const inserted = STRIDED.map((sector) => `I R ${sector}+8`);
  const events = multipath.driver.trace(multipath.m);
  assert.equal(events.slice(0, 14), [...queued, 'U 4', ...inserted]);
  // The kernel completes each before it dispatches the next; the core has one on each path at a time.
  const of = (letter: string): string[] => events.filter((event) => event.startsWith(letter));
  for (const letter of ['D', 'C'])
    assert.equal(
      of(letter),
      STRIDED.map((sector) => `${letter} R ${sector}+8`),
    );
  const one = (sector: number): string[] => ['A', 'D', 'C'].map((letter) => `${letter} R ${sector}+8`);
  assert.equal(multipath.driver.trace(1), [...one(0), ...one(32)]);
  assert.equal(multipath.driver.trace(0), [...one(16), ...one(48)]);
});

for (const [name, sectors] of [
  ['sequential', SEQUENTIAL],
  ['strided', STRIDED],
] as const) {
  test(`trace-rr-batch-merge: bio-based, a ${name} batch is spread over the paths bio by bio`, () => {
    const multipath = new Multipath('bio', 2, 1);
    submit(multipath, sectors);
    const all = (letter: string): string[] => sectors.map((sector) => `${letter} R ${sector}+8`);
    assert.equal(multipath.driver.trace(multipath.m), [...all('Q'), ...all('C')]);
    for (const path of [0, 1]) {
      const own = sectors.filter((_, i) => i % 2 === path);
      const came = own.flatMap((sector) => [`A R ${sector}+8`, `Q R ${sector}+8`, `G R ${sector}+8`]);
      const went = own.flatMap((sector) => [`D R ${sector}+8`, `C R ${sector}+8`]);
      if (path === 0) came.splice(3, 0, 'P');
      assert.equal(multipath.driver.trace(path), [...came, 'U 2', ...went]);
    }
  });
}

test.run();
