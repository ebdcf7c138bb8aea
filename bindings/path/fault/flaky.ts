// `…?flaky=SEED:RATE[:STATUS[,STATUS…]]`: a path on which calls fail at random, the same ones each time.
//
//   SEED   = 0 … 4294967295
//   RATE   = 1% | 0.1% | 5‰                    of calls; above 0, at most 100%
//   STATUS = as in error rules                 default transport,timeout,offline,io: those that another path is tried for
//
//   disk.img?flaky=7:1%                every hundredth call or so, of any kind, finds the way broken
//   disk.img?flaky=7:0.5%:transport    only lost connections: what a loose cable does
//
// A call that fails is not performed at all: what half happened is the business of `tear`. Whether the n-th call fails
// depends on the seed and n alone, so the same calls in the same order have the same history; two paths with the same
// seed fail alike, so give them different ones.

import type { PathSink } from '../path.ts';
import { type OpenInner, WrapperPath } from '../wrapper-path.ts';
import type { FlakyRule } from './flaky-rule.ts';
import { SeededRandom } from './random.ts';

export class FlakyPath extends WrapperPath {
  readonly #rule: FlakyRule;
  readonly #random: SeededRandom;

  constructor(openInner: OpenInner, sink: PathSink, rule: FlakyRule) {
    super(openInner, sink);
    this.#rule = rule;
    this.#random = new SeededRandom(rule.seed);
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    const { rate, statuses } = this.#rule;
    // Both are drawn for every call: its number alone says where in the sequence it stands.
    const isFailing = this.#random.unit() < rate;
    const chosen = this.#random.below(statuses.length);
    if (isFailing) this.sink.answer(id, statuses[chosen], 0);
    else this.inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
  }
}
