// Counters and latencies of a device, as plain objects.
import * as abi from '../../assembly/abi.ts';
import { bucketBounds, type Core } from '../core/core.ts';

/** Latencies in nanoseconds; each is the upper bound of a bucket that is at most 25 % wide. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
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
  readonly queueToDispatch: Latency;
  readonly queueToComplete: Latency;
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
    queueToComplete: latency(core, queueIds, abi.HISTOGRAM_QUEUE_TO_COMPLETE),
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
  };
}

function latency(core: Core, devices: readonly number[], histogram: number): Latency {
  const buckets = new Float64Array(abi.HISTOGRAM_BUCKETS);
  for (const device of devices) {
    const own = core.histogram(device, histogram);
    for (let i = 0; i < buckets.length; i++) buckets[i] = (buckets[i] as number) + (own[i] as number);
  }
  const count = buckets.reduce((total, value) => total + value, 0);
  const at = (share: number): number => percentile(buckets, count, share);
  return { count, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

function percentile(buckets: Float64Array, count: number, share: number): number {
  if (count === 0) return 0;
  const wanted = Math.ceil(count * share);
  let seen = 0;
  for (let i = 0; i < buckets.length; i++) {
    seen += buckets[i] as number;
    if (seen >= wanted) return bucketBounds(i)[1];
  }
  return bucketBounds(buckets.length - 1)[1];
}
