// A synthetic load as a job of fio describes it: `rw bs iodepth rwmixread size offset runtime rate_iops …`.
//
// Closed loop: so many in flight, and the next when one has ended; with a rate, not before its time either. What is due at
// the same moment is one plug, of at most `iodepth_batch`.

import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../../bindings/index.ts';
import { logarithm } from '../../../bindings/path/model/same-math.ts';
import { SeededRandom } from '../random.ts';
import type { JobLoad } from '../scenario.ts';
import { type Distribution, distributionOf } from './distribution.ts';
import type { Feeder, Intake } from './feeder.ts';
import { Resting } from './resting.ts';

export interface JobFeederOptions {
  readonly name: string;
  readonly job: JobLoad;
  readonly deviceBytes: number;
  readonly seed: number;
  readonly beginNs: number;
}

export class JobFeeder implements Feeder {
  readonly name: string;
  atNs: number;
  isOver = false;
  readonly isEmpty = false;
  readonly wrapped = 0;
  readonly #job: JobLoad;
  readonly #random: SeededRandom;
  readonly #isRandom: boolean;
  readonly #distribution: Distribution;
  readonly #blocks: number;
  readonly #endNs: number;
  readonly #gapNs: number;
  /** It submits again when so few are in flight. */
  readonly #refillAt: number;
  /** When the next one may go, by its rate. */
  #nextNs: number;
  #block = 0;
  #issued = 0;
  /** With those whose callers rest. */
  #inFlight = 0;
  #sinceSync = 0;
  readonly #resting: Resting = new Resting();

  /** Throws a text if the region holds no block. */
  constructor(options: JobFeederOptions) {
    const { job, deviceBytes } = options;
    this.name = options.name;
    this.#job = job;
    this.#random = new SeededRandom(options.seed);
    this.#isRandom = job.rw.startsWith('rand');
    const region = Math.min(job.size ?? deviceBytes, deviceBytes - job.offset);
    this.#blocks = Math.floor(region / job.bs);
    if (this.#blocks < 1) {
      throw new Error(
        `${options.name}: a region of ${Math.max(0, region)} bytes holds no block of ${job.bs}: expected a larger one`,
      );
    }
    this.#distribution = distributionOf(job.random_distribution, this.#blocks);
    this.#endNs = job.runtime === undefined ? Number.POSITIVE_INFINITY : options.beginNs + job.runtime;
    this.#gapNs = job.rate_iops === undefined ? 0 : 1e9 / job.rate_iops;
    this.#refillAt = job.iodepth - Math.min(job.iodepth, job.iodepth_batch_complete_min);
    this.#nextNs = options.beginNs;
    this.atNs = options.beginNs;
    // without an end of its own it goes once through its region, as fio does
    this.#iosMax = job.number_ios ?? (job.runtime === undefined ? this.#blocks : Number.POSITIVE_INFINITY);
  }

  readonly #iosMax: number;

  async refill(): Promise<void> {}

  feed(nowNs: number, intake: Intake): void {
    const { iodepth, bs, fsync, iodepth_batch: batch = iodepth } = this.#job;
    this.#inFlight -= this.#resting.release(nowNs);
    const count = this.#inFlight > this.#refillAt ? 0 : Math.min(iodepth - this.#inFlight, batch, intake.room);
    for (let i = 0; i < count && this.#nextNs <= nowNs && this.#mayGoOn(nowNs); i++) {
      const operation = this.#operation();
      this.#issued++;
      this.#inFlight++;
      // with a rate its callers wait from the time on at which it was due
      const arrivedNs = this.#gapNs === 0 ? nowNs : Math.max(Math.round(this.#nextNs), 1);
      if (this.#gapNs > 0) this.#nextNs += this.#gap();
      if (fsync > 0 && operation === OPERATION_WRITE && ++this.#sinceSync > fsync) {
        this.#sinceSync = 0;
        intake.take(OPERATION_FLUSH, 0, 0, arrivedNs);
        continue;
      }
      intake.take(operation, this.#job.offset + this.#nextBlock() * bs, bs, arrivedNs);
    }
    this.#look(nowNs);
  }

  #mayGoOn(nowNs: number): boolean {
    return this.#issued < this.#iosMax && nowNs < this.#endNs;
  }

  #look(nowNs: number): void {
    const restedNs = this.#inFlight > this.#refillAt ? this.#resting.nextNs : nowNs;
    if (!this.#mayGoOn(nowNs) || this.#nextNs >= this.#endNs) {
      this.isOver = true;
      this.atNs = Number.POSITIVE_INFINITY;
    } else this.atNs = Math.max(restedNs, Math.ceil(this.#nextNs));
  }

  #operation(): number {
    switch (this.#job.rw) {
      case 'read':
      case 'randread':
        return OPERATION_READ;
      case 'write':
      case 'randwrite':
        return OPERATION_WRITE;
      case 'trim':
      case 'randtrim':
        return OPERATION_DISCARD;
      default:
        return this.#random.unit() * 100 < this.#job.rwmixread ? OPERATION_READ : OPERATION_WRITE;
    }
  }

  #nextBlock(): number {
    if (this.#isRandom) return this.#distribution(this.#random);
    const block = this.#block;
    this.#block = block + 1 === this.#blocks ? 0 : block + 1;
    return block;
  }

  #gap(): number {
    return this.#job.rate_process === 'poisson' ? -logarithm(1 - this.#random.unit()) * this.#gapNs : this.#gapNs;
  }

  ended(nowNs: number, pauseNs: number): void {
    // a rate is pause enough
    if (pauseNs > 0 && this.#gapNs === 0) this.#resting.add(nowNs, pauseNs);
    else this.#inFlight--;
    if (!this.isOver) this.#look(nowNs);
  }

  async close(): Promise<void> {}
}
