// Random histories of writes, flushes and failing paths against a plain model: a flush that ends well has every write
// that was acknowledged before it began behind a flush of its cache, unless the loss of that cache was told already.

import fc from 'fast-check';
import { suite } from 'uvu';
import { OPERATION_FLUSH, OPERATION_WRITE, STATUS_OK, STATUS_TRANSPORT } from '../../assembly/abi.ts';
import type { DrivenIo } from '../support/multipath-map.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { fakeDevice } from '../support/target-context.ts';

const test = suite('target/multipath: flush, against a model');

/** Caches behind the four paths. */
const CACHES = [1, 1, 2, 3];

interface Write {
  readonly cache: number;
  readonly acknowledgedAt: number;
  isDurable: boolean;
  isTold: boolean;
}

interface Flush {
  readonly driven: DrivenIo;
  readonly beganAt: number;
  /** What the turn under way will make durable. */
  covers: readonly Write[];
}

type Step = readonly [kind: 'write' | 'flush' | 'answer' | 'fail' | 'reinstate' | 'release', number: number, isGood: boolean];

class Model {
  private readonly map: MultipathMap;
  private readonly isActive: boolean[] = CACHES.map(() => true);
  private readonly writes: Write[] = [];
  private readonly flushes: Flush[] = [];
  private now = 0;

  constructor() {
    const devices = CACHES.map((cacheDomain, path) => fakeDevice(`7:${path}`, { cacheDomain }));
    this.map = new MultipathMap(
      `0 64 multipath 0 0 2 1 round-robin 0 3 0 ${devices
        .slice(0, 3)
        .map(({ word }) => word)
        .join(' ')} service-time 0 1 0 ${devices[3].word}`,
      devices,
    );
  }

  run([kind, number, isGood]: Step): void {
    this.now += 1;
    const path = number % CACHES.length;
    if (kind === 'write') this.write(isGood);
    else if (kind === 'flush') this.begin();
    else if (kind === 'fail' || kind === 'reinstate') this.setPath(path, kind === 'reinstate');
    else if (this.flushes.length > 0) this.turn(this.flushes[number % this.flushes.length], kind, isGood);
  }

  /** Every flush ends when paths answer. */
  drain(): void {
    for (let turns = 0; this.flushes.length > 0; turns++) {
      if (turns > 100) throw new Error('a flush does not end');
      this.turn(this.flushes[0], 'answer', true);
    }
  }

  private write(isGood: boolean): void {
    const driven = this.map.issue({ operation: OPERATION_WRITE });
    if (driven.progress !== 'issued') return;
    if (!isGood) this.failed(driven.path.at(-1) as string, () => driven.answer(STATUS_TRANSPORT));
    if (driven.progress !== 'issued') return;
    this.writes.push({ cache: this.cacheOf(driven), acknowledgedAt: this.now, isDurable: false, isTold: false });
    driven.answer();
  }

  private begin(): void {
    const driven = this.map.issue({ operation: OPERATION_FLUSH, sectors: 0 });
    this.settle({ driven, beganAt: this.now, covers: [] }, true);
  }

  private turn(flush: Flush, kind: 'answer' | 'release', isGood: boolean): void {
    const { driven } = flush;
    if (kind === 'release') {
      driven.release();
      driven.prepare();
    } else if (isGood) {
      for (const write of flush.covers) write.isDurable = true;
      driven.answer();
    } else {
      this.failed(driven.path.at(-1) as string, () => driven.answer(STATUS_TRANSPORT));
    }
    this.settle(flush, false);
  }

  /** What the flush covers now, or what it must have covered. */
  private settle(flush: Flush, isNew: boolean): void {
    const { driven } = flush;
    if (driven.progress === 'issued') {
      const cache = this.cacheOf(driven);
      flush.covers = this.writes.filter((write) => write.cache === cache);
      if (isNew) this.flushes.push(flush);
      return;
    }
    if (!isNew) this.flushes.splice(this.flushes.indexOf(flush), 1);
    const mine = this.writes.filter((write) => write.acknowledgedAt < flush.beganAt && !write.isDurable);
    if (driven.status === STATUS_OK) {
      const lie = mine.find((write) => !write.isTold);
      if (lie !== undefined) throw new Error(`a flush ended well over an unflushed write to cache ${lie.cache}`);
    }
    for (const write of mine) if (driven.status !== STATUS_OK && !this.hasPath(write.cache)) write.isTold = true;
  }

  private setPath(path: number, isActive: boolean): void {
    this.isActive[path] = isActive;
    this.map.message(`${isActive ? 'reinstate_path' : 'fail_path'} 7:${path}`);
  }

  private failed(number: string, run: () => void): void {
    this.isActive[Number(number.at(-1))] = false;
    run();
  }

  private hasPath(cache: number): boolean {
    return CACHES.some((other, path) => other === cache && this.isActive[path]);
  }

  private cacheOf(driven: DrivenIo): number {
    return CACHES[Number(driven.path.at(-1)?.at(-1))];
  }
}

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(
    'write',
    'write',
    'write',
    'flush',
    'flush',
    'answer',
    'answer',
    'answer',
    'fail',
    'reinstate',
    'reinstate',
    'release',
  ),
  fc.nat(11),
  fc.boolean(),
) as fc.Arbitrary<Step>;

test('no flush ends well over a write that is not flushed, and every flush ends', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const one of steps) model.run(one);
      model.drain();
    }),
    { numRuns: 1000 },
  );
});

test.run();
