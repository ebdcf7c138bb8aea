// What a scenario says, checked and with all defaults in it. Times are nanoseconds, sizes bytes. How it is written, with
// texts for both, says scenario-schema.ts.

export type Setting = string | number | boolean;
export type Settings = Readonly<Record<string, Setting>>;

export interface TraceLoad {
  readonly trace: string;
  /** Which of a recording's events. */
  readonly from?: 'Q' | 'D' | 'C' | undefined;
  readonly format?: string | undefined;
  /** For formats that do not say which. */
  readonly operation?: 'read' | 'write' | undefined;
  /** Stamps of whole seconds: spread what came in one evenly over it. */
  readonly spread?: boolean | undefined;
  /** Open: at the trace's times. Closed: `depth` in flight. */
  readonly loop: 'open' | 'closed';
  /** So many times as fast; open loop. */
  readonly scale: number;
  readonly depth: number;
  /** So many are submitted at once, when there is room for so many; closed loop. */
  readonly batch: number;
  readonly repeat: number;
  readonly limit?: number | undefined;
  /** I/Os of one task that follow each other within `window` are one plug, submitted with the last of them. */
  readonly plug: { readonly window: number; readonly ios: number };
  /** Name of the device; default: the last one. */
  readonly device?: string | undefined;
}

/** The keys of a fio job. */
export interface JobLoad {
  readonly rw: 'read' | 'write' | 'randread' | 'randwrite' | 'rw' | 'readwrite' | 'randrw' | 'trim' | 'randtrim';
  readonly bs: number;
  readonly iodepth: number;
  readonly rwmixread: number;
  readonly size?: number | undefined;
  readonly offset: number;
  readonly runtime?: number | undefined;
  readonly number_ios?: number | undefined;
  readonly rate_iops?: number | undefined;
  readonly rate_process: 'linear' | 'poisson';
  readonly random_distribution: string;
  readonly numjobs: number;
  readonly fsync: number;
  readonly iodepth_batch?: number | undefined;
  readonly iodepth_batch_complete_min: number;
  readonly device?: string | undefined;
}

export type Load = TraceLoad | JobLoad;

export interface LinkSettings {
  readonly like?: string | undefined;
  readonly latency_us?: number | undefined;
  readonly MBps?: number | undefined;
  readonly jitter?: number | undefined;
  readonly queue_depth?: number | undefined;
  readonly busy_us?: number | undefined;
}

export interface ArraySettings {
  readonly controllers: number;
  readonly cpu_us: number;
  readonly hop_us: number;
  readonly hop_MBps: number;
  /** Paths to controllers that do not own the volume are not optimised, and the handler `alua` moves it. */
  readonly alua: boolean;
  readonly transition: number;
}

export interface StorageSettings {
  readonly model: string;
  readonly size: number;
  /** Figures in place of the profile's. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly array?: ArraySettings | undefined;
}

export interface PathSettings {
  readonly to: string;
  readonly link: string | LinkSettings;
  readonly controller: number;
  readonly depth: number;
  readonly queue: Settings;
  readonly options: Settings;
}

export interface DeviceSettings {
  readonly name: string;
  readonly table: string | readonly string[];
  readonly type?: 'request' | 'bio' | undefined;
  readonly elevator?: string | undefined;
  readonly queue: Settings;
}

/** A multipath table over the paths. */
export interface MapSettings {
  readonly selector: string;
  readonly mapping: 'request' | 'bio';
  readonly groups: 'multibus' | 'failover' | readonly (readonly string[])[];
  readonly path_args: readonly number[];
  readonly queue_if_no_path: boolean;
  readonly handler?: string | undefined;
}

export interface CheckerSettings {
  readonly polling_interval: number;
  readonly max_polling_interval?: number | undefined;
  readonly failback: 'manual' | 'immediate' | number;
  readonly no_path_retry?: 'fail' | 'queue' | number | undefined;
}

export type StepAction = 'down' | 'up' | 'slow' | 'errors' | 'queue_depth' | 'flap' | 'reboot';

export interface ScriptStep {
  readonly at?: number | undefined;
  readonly when?:
    | {
        readonly ios?: number | undefined;
        readonly failed?: string | undefined;
        readonly reinstated?: string | undefined;
        readonly after: number;
      }
    | undefined;
  readonly path?: string | readonly string[] | undefined;
  readonly storage?: string | undefined;
  readonly controller?: number | undefined;
  readonly do: StepAction;
  readonly value?: number | string | undefined;
  /** Default: `medium`. */
  readonly status?: string | undefined;
  readonly rate?: number | undefined;
  readonly for?: number | undefined;
}

export interface Scenario {
  readonly schema: 1;
  readonly name: string;
  readonly about?: string | undefined;
  readonly load: readonly Load[];
  readonly storage: Readonly<Record<string, StorageSettings>>;
  readonly links: Readonly<Record<string, LinkSettings>>;
  readonly paths: Readonly<Record<string, PathSettings>>;
  readonly map?: MapSettings | undefined;
  readonly table?: string | readonly string[] | undefined;
  readonly devices?: readonly DeviceSettings[] | undefined;
  readonly type?: 'request' | 'bio' | undefined;
  /** Of the queue in which requests are made: the mapped device's, or, bio-based, those of the paths. */
  readonly elevator: string;
  readonly queue: Settings;
  readonly checker?: CheckerSettings | undefined;
  readonly fast_io_fail_tmo: number;
  readonly script: readonly ScriptStep[];
  readonly end?: number | undefined;
  readonly bin: number;
  readonly rows: boolean;
}

export function isTraceLoad(load: Load): load is TraceLoad {
  return 'trace' in load;
}
