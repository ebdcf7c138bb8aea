// A soak: random I/O of every kind over two paths to one real file, while paths fail and come back, tables are swapped,
// the device is suspended and its settings are turned. Every byte that is read is compared with a model.
//
//   RQDM_SOAK_SECONDS   how long (10)
//   RQDM_SEED           what to begin with; printed, so that a run can be repeated

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { type PoolFigures, poolFigures } from '../support/mapper-parts.ts';
import { turns } from '../support/promise-state.ts';
import { Random } from '../support/random.ts';
import { SoakLoad } from '../support/soak-load.ts';
import { Trouble } from '../support/soak-trouble.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

export const timeoutMs = 1_200_000;

const test = suite('device: soak');

const SECONDS = Number(process.env['RQDM_SOAK_SECONDS'] ?? 10);
const SEED = Number(process.env['RQDM_SEED'] ?? Date.now() % 2 ** 31);

for (const [type, elevator] of [
  ['request', 'mq-deadline'],
  ['bio', 'mq-deadline'],
  ['request', 'none'],
  ['request', 'scan'],
  ['request', 'kyber'],
] as const) {
  test(`under load, failing paths and changing tables every byte is right, nothing is lost or left (${type}, ${elevator})`, async () => {
    process.stdout.write(`\nRQDM_SEED=${SEED} ${type} ${elevator}\n`);
    const random = new Random(SEED);
    const load = new SoakLoad({
      random,
      lanes: 12,
      runs: 16,
      who: `RQDM_SEED=${SEED}`,
      canDiscard: true,
      canWriteZeroes: true,
    });
    const size = load.sizeBytes;
    using folder = new TemporaryFolder();
    const file = folder.file('disk', size);
    await using mapper = new DeviceMapper({
      limits: { devices: 16, bios: 512, requests: 256, arenaBytes: 1024 * 1024, submits: 64 },
    });
    const before = poolFigures(mapper);
    const mode = `3 queue_if_no_path queue_mode ${type === 'bio' ? 'bio' : 'rq'}`;
    const paths = ['worker', 'inline', 'auto'];
    const tables = ['round-robin', 'queue-length', 'service-time'].map((selector, index) => {
      const words = [
        `${file}?mode=${paths[index]}&discard=zeros&switch=one#1`,
        `${file}?mode=${paths[(index + 1) % 3]}&discard=zeros&switch=two#2`,
      ];
      return `0 ${size / 512} multipath ${mode} 0 1 1 ${selector} 0 2 0 ${words.join(' ')}`;
    });
    const device = await mapper.createDevice({ name: 'soak', table: tables[0] as string, elevator });
    const trouble = new Trouble({
      mapper,
      random,
      load,
      maps: [{ device, tables, switches: ['one', 'two'] }],
      pause: () => turns(1 + random.below(5)),
    });
    const end = setTimeout(
      () => {
        load.isOver = true;
      },
      (SECONDS * 1000) / 5,
    );
    try {
      await Promise.all([load.run(device), trouble.run()]);
    } finally {
      clearTimeout(end);
      load.isOver = true;
    }
    load.model.verify(await device.read(0, size), 0, `RQDM_SEED=${SEED}, at the end`);
    await device.flush();
    load.checkUntouched();
    const stats = device.stats();
    assert.is(Buffer.compare(folder.read('disk'), load.model.bytes), 0);
    assert.is(stats.bioErrors, 0);
    assert.is(stats.inFlight + stats.queued + stats.waiting, 0);
    assert.ok(stats.paths.every(({ inFlight }) => inFlight === 0));
    await device.close();
    const after: PoolFigures = poolFigures(mapper);
    assert.equal(after, before, 'all records and all of the arena are free again');
    process.stdout.write(
      `${load.ios} I/Os, ${load.aborted} aborted, ${load.model.verified} bytes verified, ${stats.requeues} requeues, ` +
        `${device.eventNumber} events\n`,
    );
  });
}

test.run();
