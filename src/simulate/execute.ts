// A scenario, a variant of it and a seed in; a result out. Everything that may differ between two runs is in these.

import type { Feeder } from './load/feeder.ts';
import { JobFeeder } from './load/job-feeder.ts';
import { type BatchSource, TraceFeeder } from './load/trace-feeder.ts';
import { seedOf } from './random.ts';
import type { RowSink } from './recorder.ts';
import { type RunResult, resultOf, type TraceFacts } from './result.ts';
import { Run, type RunProgress } from './run.ts';
import { isTraceLoad, type Load, type Scenario, type TraceLoad } from './scenario.ts';
import { BEGIN_NS, PAYLOAD_BYTES_MAX, World } from './world.ts';

/** Opens traces, and knows of each what belongs into a result once it has been read. */
export interface TraceShelf {
  source(load: TraceLoad): BatchSource;
  facts(load: TraceLoad): TraceFacts;
}

export interface ExecuteOptions {
  readonly rqdm: string;
  readonly scenario: Scenario;
  readonly variant: string;
  readonly seed: number;
  readonly traces: TraceShelf;
  readonly signal?: AbortSignal | undefined;
  readonly rows?: RowSink | undefined;
  progress?(now: RunProgress): void;
  /** Looks at the run before its devices are closed: for series. */
  finished?(run: Run): void;
}

/** Rejects with what is wrong with the scenario's tables, traces or figures, or with the signal's reason. */
export async function execute(options: ExecuteOptions): Promise<RunResult> {
  const { scenario, seed, variant, rqdm, traces, rows } = options;
  const world = await World.build(scenario, seed);
  const feeders: (readonly [Feeder, ReturnType<World['device']>])[] = [];
  try {
    for (const [index, load] of scenario.load.entries()) {
      const device = world.device(load.device);
      for (const feeder of feedersOf(load, index, seed, device, traces)) feeders.push([feeder, device]);
    }
    const run = new Run(world, scenario, feeders, rows);
    await run.run({ signal: options.signal, ...(options.progress === undefined ? {} : { progress: options.progress }) });
    options.finished?.(run);
    const facts = scenario.load.filter(isTraceLoad).map((load) => traces.facts(load));
    return resultOf(run, { rqdm, scenario, variant, seed }, facts);
  } finally {
    for (const [feeder] of feeders) await feeder.close();
    await world.close();
  }
}

function feedersOf(
  load: Load,
  index: number,
  seed: number,
  device: { readonly size: number; readonly blockBytes: number },
  traces: TraceShelf,
): Feeder[] {
  const deviceBytes = device.size - (device.size % device.blockBytes);
  if (isTraceLoad(load)) {
    return [
      new TraceFeeder({
        name: load.trace,
        source: traces.source(load),
        loop: load.loop,
        scale: load.scale,
        depth: load.depth,
        batch: Math.min(load.batch, load.depth),
        repeat: load.repeat,
        limit: load.limit ?? Number.POSITIVE_INFINITY,
        plugWindowNs: load.plug.window,
        plugIos: load.plug.ios,
        deviceBytes,
        blockBytes: device.blockBytes,
        payloadBytesMax: PAYLOAD_BYTES_MAX,
        beginNs: BEGIN_NS,
      }),
    ];
  }
  return Array.from({ length: load.numjobs }, (_, job) => {
    const name = `load ${index + 1}, job ${job + 1}`;
    return new JobFeeder({ name, job: load, deviceBytes, seed: seedOf(seed, name), beginNs: BEGIN_NS });
  });
}
