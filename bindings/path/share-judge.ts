// Whether a batch of quick calls is shared with a worker: decided by what has been measured, never by what should be.
//
// A second processor may halve a batch, or do nothing for it: no processor is free, to wake it takes as long as the batch,
// or both wait for one lock (writers of one file do). So both ways are timed, whole batches from end to end:
//   1. Batches that are small or soon over are not looked at: they are performed here.
//   2. Only when quick calls have kept this thread busy for a while is a helper wanted at all. A short-lived program
//      never starts a thread for this.
//   3. After some batches alone comes a trial, some shared in a row. It was worth it: go on sharing. If not, the next
//      trial comes after twice as many.
//   4. While sharing, a few batches now and then are performed alone, lest the comparison grows stale. Sharing ends when it
//      has become slower.
//
// Paths to the same storage have one judge: they gain and lose together, and a helper that one of them keeps awake is
// awake for the other.

/** Fewer are not shared. */
const SHARED_ENTRIES_MIN = 16;
/** What takes less in sum is not shared. */
const SHARED_MICROS_MIN = 60;

/** Work of a row of batches after which a helper is wanted; less if one has been worth it before. */
const WORTH_A_HELPER_MICROS = 20_000;
const WORTH_IT_AGAIN_MICROS = 2_000;
/** Batches further apart make no row. */
const PAUSE_MS = 100;

/** Batches of a trial. The first only warm up; it ends early when the next ones take so many times as long as alone. */
const TRIAL = 20;
const WARM_UP = 4;
const HOPELESS_AFTER = 4;
const HOPELESS = 1.3;
/** Batches alone between trials: at first, and after failures at most. */
const ALONE_MIN = 64;
const ALONE_MAX = 2048;
/** Sharing for so long has proved itself: the next trial after it comes soon. */
const PROVEN = 128;
/** Among so many shared batches the last ones are performed alone. */
const PERIOD = 128;
const CHECKS = 3;
/** Sharing must take less than this part of the time alone to be begun. */
const GAIN = 0.9;
/** The helper must have done at least this part in a trial. */
const HELP_MIN = 1 / 8;
const NEWEST = 1 / 16;
/** A batch may be slow because a thread lost its processor: it counts as at most so many times the average. */
const OUTLIER = 2;

export class ShareJudge {
  /** Microseconds for a unit of work, on average; 0: not known. */
  #aloneMicros = 0;
  #sharedMicros = 0;
  #isSharing = false;
  /** Batches to perform alone before the next trial. */
  #alone = ALONE_MIN;
  #aloneNext = ALONE_MIN;
  /** Batches measured in the running trial, from -WARM_UP on, and their sums. */
  #trial = -WARM_UP;
  #trialMicros = 0;
  #helped = 0;
  /** Batches shared since the trial. */
  #shared = 0;
  #inPeriod = 0;
  #rowMicros = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  get isSharing(): boolean {
    return this.#isSharing;
  }

  /** A measure of work: a call, and each page that it copies. */
  static unitsOf(entries: number, bytes: number): number {
    return entries + bytes / 4096;
  }

  /** Whether this batch is worth a look at the clock. */
  isLarge(entries: number, bytes: number): boolean {
    if (entries < SHARED_ENTRIES_MIN) return false;
    return this.#aloneMicros === 0 || this.#aloneMicros * ShareJudge.unitsOf(entries, bytes) >= SHARED_MICROS_MIN;
  }

  /** Whether to share this large batch, if a helper is there. */
  wantsToShare(nowMs: number): boolean {
    if (nowMs - this.#lastMs > PAUSE_MS) this.#rowMicros = 0;
    if (this.#rowMicros < (this.#isSharing ? WORTH_IT_AGAIN_MICROS : WORTH_A_HELPER_MICROS)) return false;
    if (!this.#isSharing) return this.#alone === 0;
    this.#inPeriod = (this.#inPeriod + 1) % PERIOD;
    return this.#inPeriod < PERIOD - CHECKS;
  }

  /** A large batch was performed alone, from `fromMs` to `toMs`. */
  noteAlone(units: number, fromMs: number, toMs: number): void {
    this.#note(fromMs, toMs);
    this.#aloneMicros = averaged(this.#aloneMicros, ((toMs - fromMs) * 1000) / units);
    if (this.#alone > 0) this.#alone--;
  }

  /** A large batch was shared. The helper has done `helped` of it, and its last call was over in the end or not. */
  noteShared(units: number, fromMs: number, toMs: number, helped: number, isDone: boolean): void {
    this.#note(fromMs, toMs);
    const micros = isDone ? ((toMs - fromMs) * 1000) / units : this.#aloneMicros * OUTLIER;
    if (!this.#isSharing) {
      this.#try(Math.min(micros, this.#aloneMicros * OUTLIER), helped);
      return;
    }
    this.#shared++;
    this.#sharedMicros = averaged(this.#sharedMicros, micros);
    if (this.#sharedMicros > this.#aloneMicros) this.#backOff();
  }

  #try(micros: number, helped: number): void {
    if (this.#trial++ < 0) return;
    this.#trialMicros += micros;
    this.#helped += helped;
    const mean = this.#trialMicros / this.#trial;
    if (this.#trial === HOPELESS_AFTER && mean > this.#aloneMicros * HOPELESS) this.#backOff();
    if (this.#trial < TRIAL - WARM_UP) return;
    if (mean > this.#aloneMicros * GAIN || this.#helped / this.#trial < HELP_MIN) {
      this.#backOff();
      return;
    }
    this.#isSharing = true;
    this.#sharedMicros = mean;
    this.#shared = 0;
    this.#inPeriod = 0;
  }

  #backOff(): void {
    if (this.#isSharing && this.#shared >= PROVEN) this.#aloneNext = ALONE_MIN;
    this.#isSharing = false;
    this.#alone = this.#aloneNext;
    this.#aloneNext = Math.min(ALONE_MAX, this.#aloneNext * 2);
    this.#trial = -WARM_UP;
    this.#trialMicros = 0;
    this.#helped = 0;
  }

  #note(fromMs: number, toMs: number): void {
    this.#rowMicros += (toMs - fromMs) * 1000;
    this.#lastMs = toMs;
  }
}

function averaged(average: number, micros: number): number {
  return average === 0 ? micros : average + (Math.min(micros, average * OUTLIER) - average) * NEWEST;
}

/** Reads may gain what writes of one file do not: they are judged apart. A batch that has both counts as writes. */
export interface Judges {
  readonly reads: Judge;
  readonly writes: Judge;
}

export type Judge = Pick<ShareJudge, 'isLarge' | 'wantsToShare' | 'noteAlone' | 'noteShared'>;

/** The judges of all storage that the paths of one pool lead to, for as long as one of them is open. */
export class ShareJudges {
  readonly #byKey = new Map<string, { readonly judges: Judges; holders: number }>();
  readonly #create: () => Judge;

  constructor(create: () => Judge = () => new ShareJudge()) {
    this.#create = create;
  }

  hold(cacheKey: string): Judges {
    let known = this.#byKey.get(cacheKey);
    if (known === undefined) {
      known = { judges: { reads: this.#create(), writes: this.#create() }, holders: 0 };
      this.#byKey.set(cacheKey, known);
    }
    known.holders++;
    return known.judges;
  }

  letGo(cacheKey: string): void {
    const known = this.#byKey.get(cacheKey);
    if (known !== undefined && --known.holders === 0) this.#byKey.delete(cacheKey);
  }
}
