// The simulator and a live device make the same choices: the same I/Os on instant paths, on virtual time and on the machine's
// clock, are merged alike and go the same ways.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type IoBatch, type Lease, type MappedDevice } from '../../bindings/index.ts';
import { tableOf } from '../../src/simulate/world.ts';
import { Random } from '../support/random.ts';
import { batchOf, runScenario, scenarioOf, type TestRecord } from '../support/simulated-runs.ts';

const test = suite('simulate: same choices');
const PLUGS = 200;
const PLUG_IOS = 24;
const SIZE_SECTORS = 2 ** 21;
const PATHS = ['a', 'b', 'c'];

/** Runs of neighbours among random places, reads and writes, as plugs. */
function plugsOf(seed: number): TestRecord[][] {
  const random = new Random(seed);
  let sector = 0;
  return Array.from({ length: PLUGS }, (_, plug) =>
    Array.from({ length: PLUG_IOS }, (): TestRecord => {
      const sectors = 8 * (1 + random.below(4));
      if (random.below(3) === 0 || sector + sectors > SIZE_SECTORS) sector = random.below(SIZE_SECTORS / 8 - 4) * 8;
      const record: TestRecord = [1e9 * plug, random.below(4) === 0 ? 1 : 0, sector, sectors];
      sector += sectors;
      return record;
    }),
  );
}

interface Choices {
  readonly ways: Readonly<Record<string, readonly string[]>>;
  readonly merges: unknown;
  readonly requests: number;
}

interface Case {
  readonly selector: string;
  readonly mapping: 'request' | 'bio';
  readonly elevator: string;
}

async function simulated({ selector, mapping, elevator }: Case, plugs: readonly TestRecord[][]): Promise<Choices> {
  const rows: string[][] = [];
  const scenario = scenarioOf({
    load: { trace: 'plugs', plug: { window: '0s', ios: PLUG_IOS } },
    storage: { array: { model: 'instant', size: '1G' } },
    paths: Object.fromEntries(PATHS.map((name) => [name, { to: 'array', depth: 128 }])),
    map: { selector, mapping },
    elevator,
    queue: mapping === 'request' ? { nr_requests: 128 } : {},
  });
  const result = await runScenario(scenario, {
    traces: { plugs: () => [batchOf(plugs.flat())] },
    rows: (line) => rows.push(line.split(',')),
  });
  const ways = Object.fromEntries(PATHS.map((name) => [name, [] as string[]]));
  for (const [, , path, operation, position, bytes] of rows) {
    ways[path as string]?.push(`${operation} ${Number(position) / 512}+${Number(bytes) / 512}`);
  }
  const device = result.devices[0] as (typeof result.devices)[0];
  return { ways, merges: device.merges, requests: device.requests };
}

async function live({ selector, mapping, elevator }: Case, plugs: readonly TestRecord[][]): Promise<Choices> {
  const mapper = new DeviceMapper({ limits: { traceRecords: 2 ** 16 } });
  try {
    for (const name of PATHS) mapper.attach(`/dev/${name}`, `null:1G?depth=128#${name}`);
    const groups = { groups: 'multibus', path_args: [], queue_if_no_path: false } as const;
    const device = await mapper.createDevice({ name: 'mp', table: tableOf({ selector, mapping, ...groups }, PATHS) });
    if (mapping === 'request') {
      device.queue.set('scheduler', elevator);
      device.queue.set('nr_requests', 128);
    } else {
      for (const name of PATHS) mapper.backing(`/dev/${name}`)?.queue.set('scheduler', elevator);
    }
    mapper.setTracing(true);
    await submit(mapper, device, plugs);
    const { events, lost } = mapper.readTrace();
    assert.is(lost, 0);
    const numbers = new Map(PATHS.map((name) => [mapper.backing(`/dev/${name}`)?.number, name]));
    const ways = Object.fromEntries(PATHS.map((name) => [name, [] as string[]]));
    for (const { action, device: number, operation, sector, sectors } of events) {
      const name = numbers.get(number);
      if (action === 'D' && name !== undefined) ways[name]?.push(`${operation} ${sector}+${sectors}`);
    }
    const { merges, requests } = device.stats();
    return { ways, merges, requests };
  } finally {
    await mapper.close();
  }
}

async function submit(mapper: DeviceMapper, device: MappedDevice, plugs: readonly TestRecord[][]): Promise<void> {
  const lease = mapper.lease(64 * 1024) as Lease;
  for (const plug of plugs) {
    const batch: IoBatch = {
      count: plug.length,
      operations: Uint8Array.from(plug, ([, operation]) => operation),
      positions: Float64Array.from(plug, ([, , sector]) => sector * 512),
      lengths: Uint32Array.from(plug, ([, , , sectors]) => sectors * 512),
      // a simulated I/O has no memory of its own: all lie at one place
      addresses: new Uint32Array(plug.length).fill(lease.address),
      statuses: new Uint8Array(plug.length),
    };
    assert.is(await device.batch(batch), 0);
  }
  lease.release();
}

const CASES: Case[] = ['service-time', 'queue-length', 'round-robin'].flatMap((selector) =>
  (['request', 'bio'] as const).flatMap((mapping) =>
    ['mq-deadline', 'none'].map((elevator): Case => ({ selector, mapping, elevator })),
  ),
);

for (const one of CASES) {
  test(`${one.selector}, ${one.mapping}-based, ${one.elevator}: merges and ways are the same`, async () => {
    const plugs = plugsOf(2006);
    const [ours, theirs] = [await simulated(one, plugs), await live(one, plugs)];
    assert.is(ours.requests, theirs.requests);
    assert.equal(ours.merges, theirs.merges);
    for (const name of PATHS) assert.equal(ours.ways[name], theirs.ways[name], name);
    const used = PATHS.filter((name) => (ours.ways[name]?.length ?? 0) > 0);
    // spread before they merge, neighbours may never meet again
    const mayMerge = one.mapping === 'request';
    assert.ok(used.length > 1 && (!mayMerge || ours.requests < PLUGS * PLUG_IOS), `${used} ${ours.requests}`);
  });
}

test.run();
