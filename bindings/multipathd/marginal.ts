// A path that fails, comes back, and fails again does more harm than one that is away: each time it costs I/O a retry. Such
// a *marginal* path is held back until it has proved itself:
//
//   well ──two failures within doubleFailedMs──▶ suspected ──it answers again──▶ sampled for sampleMs
//     ▲                                             ▲                               │
//     └── at most errorsPerThousand of the samples ─┼───────────────────────────────┤
//                                                   └── after recheckGapMs ── more ─┘
//
// multipathd knows these times as marginal_path_double_failed_time, _err_sample_time, _err_rate_threshold and
// _err_recheck_gap_time.

export interface MarginalOptions {
  /** Two failures closer than this make a path suspect. */
  readonly doubleFailedMs: number;
  /** How long it is sampled, and how often. Defaults 10 000 and 100. */
  readonly sampleMs?: number;
  readonly sampleIntervalMs?: number;
  /** More failed samples of a thousand than this, and it stays away. Default 10. */
  readonly errorsPerThousand?: number;
  /** Then it is sampled again after this time. Default 30 000. */
  readonly recheckGapMs?: number;
}

const SAMPLE_MS = 10_000;
const SAMPLE_INTERVAL_MS = 100;
const ERRORS_PER_THOUSAND = 10;
const RECHECK_GAP_MS = 30_000;

/** The record of one path. Times are milliseconds on any clock that only goes on. */
export class MarginalPath {
  readonly sampleIntervalMs: number;
  private readonly options: Required<MarginalOptions>;
  private isSuspect = false;
  private lastFailureMs: number | undefined;
  private sampledFromMs: number | undefined;
  private restsUntilMs = 0;
  private samples = 0;
  private errors = 0;

  constructor(options: MarginalOptions) {
    this.options = {
      doubleFailedMs: options.doubleFailedMs,
      sampleMs: options.sampleMs ?? SAMPLE_MS,
      sampleIntervalMs: options.sampleIntervalMs ?? SAMPLE_INTERVAL_MS,
      errorsPerThousand: options.errorsPerThousand ?? ERRORS_PER_THOUSAND,
      recheckGapMs: options.recheckGapMs ?? RECHECK_GAP_MS,
    };
    this.sampleIntervalMs = this.options.sampleIntervalMs;
  }

  /** It is held back, whatever its checks say. */
  get isMarginal(): boolean {
    return this.isSuspect;
  }

  get isSampling(): boolean {
    return this.sampledFromMs !== undefined;
  }

  /** It has failed under I/O or at a check. */
  failed(nowMs: number): void {
    if (this.lastFailureMs !== undefined && nowMs - this.lastFailureMs < this.options.doubleFailedMs) this.isSuspect = true;
    this.lastFailureMs = nowMs;
  }

  /** A check has found it well, or not. Returns whether it may be used. */
  checked(isUp: boolean, nowMs: number): boolean {
    if (!this.isSuspect) return isUp;
    if (this.sampledFromMs === undefined) {
      if (!isUp || nowMs < this.restsUntilMs) return false;
      this.sampledFromMs = nowMs;
      this.samples = 0;
      this.errors = 0;
    }
    this.samples += 1;
    if (!isUp) this.errors += 1;
    if (nowMs - this.sampledFromMs < this.options.sampleMs) return false;
    this.sampledFromMs = undefined;
    if (this.errors * 1000 > this.options.errorsPerThousand * this.samples) {
      this.restsUntilMs = nowMs + this.options.recheckGapMs;
      return false;
    }
    this.clear();
    return isUp;
  }

  /** It is needed all the same. */
  clear(): void {
    this.isSuspect = false;
    this.sampledFromMs = undefined;
    this.lastFailureMs = undefined;
  }
}
