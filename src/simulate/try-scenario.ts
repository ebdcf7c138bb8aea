// What only the library knows of a scenario (tables, settings of queues, options of words), found out by building its devices
// once, without a load. The main thread does that before any run, so that all mistakes are told at once and with their places.

import { FieldError } from './field-error.ts';
import { JobFeeder } from './load/job-feeder.ts';
import { type NamedScenario, ScenarioError } from './read-scenario.ts';
import { isTraceLoad } from './scenario.ts';
import { BEGIN_NS, World } from './world.ts';

/** Rejects with ScenarioError, which has a line for each scenario that cannot be built. */
export async function tryScenarios(scenarios: readonly NamedScenario[], signal?: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for (const named of scenarios) {
    signal?.throwIfAborted();
    try {
      await tryOne(named);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      lines.push(`${named.placeOf(error.field)}${error.message.replaceAll(/\s*\n\s*/g, ' ')}`);
    }
  }
  if (lines.length > 0) throw new ScenarioError([...new Set(lines)]);
}

async function tryOne({ scenario }: NamedScenario): Promise<void> {
  const world = await World.build(scenario, 1);
  try {
    for (const [index, load] of scenario.load.entries()) {
      if (isTraceLoad(load)) continue;
      const { size, blockBytes } = world.device(load.device);
      const field = ['load', index];
      if (load.bs % blockBytes !== 0) {
        throw new FieldError([...field, 'bs'], `expected a multiple of the device's blocks, ${blockBytes} bytes`);
      }
      try {
        new JobFeeder({ name: 'region', job: load, deviceBytes: size - (size % blockBytes), seed: 1, beginNs: BEGIN_NS });
      } catch (error) {
        throw new FieldError([...field, load.size === undefined ? 'bs' : 'size'], (error as Error).message, { cause: error });
      }
    }
  } finally {
    await world.close();
  }
}
