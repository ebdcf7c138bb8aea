// Counters and latencies of a device, as plain objects.
import * as abi from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import { type DiskStats, readDiskStats } from './disk-stats.ts';
import { Histogram } from './histogram.ts';

/** Latencies in nanoseconds; each is the upper bound of a bucket that is at most 25 % wide. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
  /** All of it: adds up with others, and goes through JSON. */
  readonly histogram: Histogram;
}

export interface PathStats {
  readonly number: string;
  readonly word: string;
  /** I/Os given to it, answered by it, and ended with an error; of all devices that use it. */
  readonly issued: number;
  readonly issuedBytes: number;
  readonly answered: number;
  readonly errors: number;
  readonly inFlight: number;
  readonly dispatchToComplete: Latency;
  readonly disk: DiskStats;
}

export interface DeviceStats {
  readonly bios: number;
  readonly biosEnded: number;
  readonly bioErrors: number;
  /** Requests dispatched, and their mean size. On a bio-based device: those of the queues below. */
  readonly requests: number;
  readonly meanRequestBytes: number;
  readonly merges: { readonly back: number; readonly front: number; readonly request: number };
  readonly splits: number;
  readonly requeues: number;
  readonly delayedRequeues: number;
  readonly refusals: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly flushes: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly waiting: number;
  /** Merging and scheduling (Q2D), the paths (D2C), and both (Q2C). */
  readonly queueToDispatch: Latency;
  readonly dispatchToComplete: Latency;
  readonly queueToComplete: Latency;
  readonly disk: DiskStats;
  readonly paths: readonly PathStats[];
}

interface Counted {
  readonly id: number;
  readonly number: string;
  readonly word?: string;
  readonly type?: 'request' | 'bio';
}

export function readStats(core: Core, device: Counted, paths: readonly (Counted & { readonly word: string })[]): DeviceStats {
  const own = core.counters(device.id);
  const figures = core.figures(device.id);
  // a bio-based device has no requests: they are made below it
  const queues = device.type === 'bio' ? paths.map((path) => core.counters(path.id)) : [own];
  const queueIds = device.type === 'bio' ? paths.map((path) => path.id) : [device.id];
  const pathIds = paths.map((path) => path.id);
  const sum = (counter: number): number => queues.reduce((total, counters) => total + (counters[counter] as number), 0);
  const requests = sum(abi.COUNTER_DISPATCHED);
  return {
    bios: own[abi.COUNTER_BIOS] as number,
    biosEnded: own[abi.COUNTER_BIOS_ENDED] as number,
    bioErrors: own[abi.COUNTER_BIO_ERRORS] as number,
    requests,
    meanRequestBytes: requests === 0 ? 0 : (sum(abi.COUNTER_REQUEST_SECTORS) * 512) / requests,
    merges: {
      back: sum(abi.COUNTER_BACK_MERGES),
      front: sum(abi.COUNTER_FRONT_MERGES),
      request: sum(abi.COUNTER_REQUEST_MERGES),
    },
    splits: own[abi.COUNTER_SPLITS] as number,
    requeues: own[abi.COUNTER_REQUEUES] as number,
    delayedRequeues: own[abi.COUNTER_DELAYED_REQUEUES] as number,
    refusals: own[abi.COUNTER_REFUSALS] as number,
    readBytes: sum(abi.COUNTER_READ_SECTORS) * 512,
    writeBytes: sum(abi.COUNTER_WRITE_SECTORS) * 512,
    flushes: sum(abi.COUNTER_FLUSHES),
    inFlight: figures[abi.FIGURE_IN_FLIGHT] as number,
    queued: figures[abi.FIGURE_QUEUED] as number,
    waiting: (figures[abi.FIGURE_WAITING] as number) + (figures[abi.FIGURE_DELAYED] as number),
    queueToDispatch: latency(core, queueIds, abi.HISTOGRAM_QUEUE_TO_DISPATCH),
    dispatchToComplete: latency(core, pathIds, abi.HISTOGRAM_DISPATCH_TO_COMPLETE),
    queueToComplete: latency(core, queueIds, abi.HISTOGRAM_QUEUE_TO_COMPLETE),
    disk: readDiskStats(core, device.id),
    paths: paths.map((path) => pathStats(core, path)),
  };
}

function pathStats(core: Core, path: Counted & { readonly word: string }): PathStats {
  const counters = core.counters(path.id);
  return {
    number: path.number,
    word: path.word,
    issued: counters[abi.COUNTER_ISSUED] as number,
    issuedBytes: (counters[abi.COUNTER_ISSUED_SECTORS] as number) * 512,
    answered: counters[abi.COUNTER_ANSWERED] as number,
    errors: counters[abi.COUNTER_PATH_ERRORS] as number,
    inFlight: core.figures(path.id)[abi.FIGURE_PATH_IN_FLIGHT] as number,
    dispatchToComplete: latency(core, [path.id], abi.HISTOGRAM_DISPATCH_TO_COMPLETE),
    disk: readDiskStats(core, path.id),
  };
}

function latency(core: Core, devices: readonly number[], which: number): Latency {
  const histogram = new Histogram();
  for (const device of devices) histogram.merge(Histogram.of(core.histogram(device, which)));
  const at = (percent: number): number => histogram.percentile(percent);
  const { count, mean, max } = histogram;
  return {
    count,
    mean,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max,
    histogram,
  };
}
